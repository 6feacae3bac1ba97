//! `lazaret serve`: the gates, and everything behind them.

use crate::cli::{Common, Serve};
use crate::config::Config;
use crate::failure::Failure;
use crate::pages::Words;
use crate::{display, sources};
use lazaret_gates::{Authority, Desk, Icap, Proxy};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long downloads under way may take to end after the word to stop.
const DRAIN: Duration = Duration::from_secs(30);

pub(crate) fn run(common: &Common, options: &Serve) -> Result<ExitCode, Failure> {
    log(options.verbose);
    let config = Config::load(common.config.as_deref())?;
    let data = common.data.clone().unwrap_or_else(|| PathBuf::from(sources::DEFAULT_DATA));
    let spool = data.join("spool");
    for folder in [&data, &spool] {
        folder_for_us(folder)?;
    }
    let common = Common { data: Some(data.clone()), config: common.config.clone() };
    let started = sources::start_with(&common, &options.engine, config.clone())?;
    for missing in started.engine.missing_protections() {
        tracing::warn!(%missing, "the workers lack a protection");
    }
    let engine = Arc::new(started.engine);
    let authority = Arc::new(Authority::open(&data.join("authority"))?);
    let words = Arc::new(Words::new(Arc::clone(&engine)));
    let desk = Arc::new(Desk::new(engine, words, config.bodies.clone(), spool));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (close, closing) = watch::channel(false);
        let mut gates = tokio::task::JoinSet::new();
        let listen = config.proxy.listen.clone();
        if !listen.is_empty() {
            let proxy = Arc::new(Proxy::new(Arc::clone(&desk), authority, config.proxy)?);
            let listener = bind("proxy.listen", &listen).await?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "the web proxy listens");
            display::remark(&format!(
                "point browsers at the proxy {address}; for https, have them trust `{}`",
                display::path(&data.join("authority/ca.pem"))
            ));
            gates.spawn(proxy.serve(listener, closing.clone()));
        }
        let listen = config.icap.listen.clone();
        if !listen.is_empty() {
            let scheme = if config.icap.certificate.is_empty() { "icap" } else { "icaps" };
            let icap = Arc::new(Icap::new(Arc::clone(&desk), config.icap)?);
            let listener = bind("icap.listen", &listen).await?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "the ICAP server listens");
            display::remark(&format!(
                "point gateways at {scheme}://{address}/respmod (downloads) and {scheme}://{address}/reqmod (uploads)"
            ));
            gates.spawn(icap.serve(listener, closing.clone()));
        }
        if gates.is_empty() {
            return Err(Failure::new("every gate is switched off: set `proxy.listen` or `icap.listen`"));
        }
        told_to_stop().await?;
        tracing::info!("closing: downloads under way are finished");
        let _ = close.send(true);
        let drained = async { while gates.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(seconds = DRAIN.as_secs(), "some downloads did not end and are cut off");
        }
        Ok(())
    })?;
    // What still waits for a slow worker must not keep us.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn bind(key: &str, address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::new(format!(
            "`{address}` is in use by another program; stop that one, or set `{key}` to another port"
        )),
        std::io::ErrorKind::InvalidInput => Failure::new(format!("`{key}`: `{address}` is no address with a port")),
        _ => Failure::new(format!("`{key}`: `{address}`: {error}")),
    })
}

async fn told_to_stop() -> Result<(), Failure> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Makes a folder that only we may read, where there is none.
fn folder_for_us(folder: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Failure::path(folder, error))?;
    // Better now than in the middle of the first download.
    tempfile::tempfile_in(folder).map(drop).map_err(|error| Failure::path(folder, error))
}

/// Says what happens on standard error, in fields.
fn log(verbose: u8) {
    let ours = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::new(format!("warn,lazaret={ours},lazaret_gates={ours}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
