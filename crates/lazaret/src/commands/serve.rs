//! `lazaret serve`: the gates, and everything behind them.

use crate::accounts::Users;
use crate::cli::{Common, Serve};
use crate::commands::library;
use crate::config::Config;
use crate::control::{Process, Sources};
use crate::export::Exporter;
use crate::failure::Failure;
use crate::lock::Lock;
use crate::pages::Words;
use crate::record::{self, Recorder};
use crate::retention::Retention;
use crate::{display, folder, process, reload};
use lazaret_attack::{Catalog, Search};
use lazaret_console::{Attempts, Console, ConsoleSettings, House, LibraryPages, Logo};
use lazaret_gates::{Authority, Desk, Directory, Icap, Means, Own, Poster, Proxy, Sites};
use lazaret_store::{Blobs, Examined};
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

/// How long downloads under way may take to end after the word to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// How long refusals that the ledger could not take wait for it after that: for one try, which may take five seconds, and another.
const LAST_TRIES: Duration = Duration::from_secs(8);
/// How long the ledger is looked at before it is used.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) fn run(common: &Common, options: &Serve) -> Result<ExitCode, Failure> {
    log(options.verbose);
    let config = Config::load(common.config.as_deref())?;
    process::raise_descriptors();
    process::warn_of_root(&config);
    let data = folder::named(common);
    let spool = data.join("spool");
    folder::make(&data)?;
    // Before anything in it is touched.
    let lock = Lock::take(&data)?;
    for folder in [&data, &spool, &data.join("quarantine")] {
        folder::make(folder)?;
        // Better now than in the middle of the first download.
        tempfile::tempfile_in(folder).map(drop).map_err(|error| Failure::path(folder, error))?;
    }
    let common = Common { data: Some(data.clone()), config: common.config.clone() };
    let engine_sources = Sources { common, options: options.engine.clone() };
    let authority = Arc::new(Authority::open(&data.join("authority"), &config.proxy)?);
    let blobs = Blobs::open(&data.join("quarantine"))?;
    blobs.sweep()?;
    let sites = Arc::new(Sites::open(&config.sites, &config.proxy, &data.join("lists"))?);
    let directory = Directory::new(&config.people)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (close, closing) = watch::channel(false);
        let mut gates = tokio::task::JoinSet::new();
        if record::examine(&config, &data, Some(LOOK)).await? == Examined::Unfinished {
            let seconds = LOOK.as_secs();
            tracing::info!(seconds, "the ledger is large; nothing was wrong with what was looked at of it, `lazaret config check` looks at all");
        }
        let ledger = record::open_with_key(&config, &data).await?;
        let saved = ledger.newest_policies().await?;
        let started = tokio::task::block_in_place(|| engine_sources.build(&config, saved.as_ref()))?;
        for missing in started.engine.missing_protections() {
            tracing::warn!(%missing, "the workers lack a protection");
        }
        let (engine, troubles) = (Arc::new(started.engine), started.troubles);
        let console = match config.console.listen.as_str() {
            "" => None,
            listen => Some(bind("console.listen", listen).await?),
        };
        let public_url = match (&console, config.console.public_url.trim_end_matches('/')) {
            (None, _) => None,
            (Some(listener), "") => Some(format!("http://{}", listener.local_addr()?)),
            (_, url) => Some(url.to_owned()),
        };
        let exporter = Exporter::start(&config.export, || Ok(Poster::new(&config.proxy)?))?;
        let house = Arc::new(house(&config.console)?);
        let words = Arc::new(Words::new(Arc::clone(&engine), public_url.clone(), Arc::clone(&house)));
        let kept = Arc::new(Notify::new());
        let record = Arc::new(Recorder::new(ledger.clone(), blobs.clone(), exporter, Arc::clone(&kept)));
        tokio::spawn(Arc::clone(&record).catch_up());
        sites.prepare().await;
        tokio::spawn(Arc::clone(&sites).keep_fresh(closing.clone()));
        let pages = Arc::<Words>::clone(&words);
        let recorder = Arc::clone(&record);
        let means = Means { engine, pages, record, sites, directory };
        let desk = Arc::new(Desk::new(means, config.bodies.clone(), spool));
        let icap = match config.icap.listen.as_str() {
            "" => None,
            _ => Some(Arc::new(Icap::new(Arc::clone(&desk), config.icap.clone())?)),
        };
        let process = Process::new(
            engine_sources,
            config.clone(),
            troubles,
            saved.as_ref(),
            Arc::clone(&desk),
            words,
            ledger.clone(),
        )?;
        let process = Arc::new(process.with_authority(Arc::clone(&authority)));
        process.follow_bypasses().await?;
        tokio::spawn(crate::authority::watch(Arc::clone(&authority), ledger.clone()));
        tokio::spawn(reload::watch(Arc::clone(&process), icap.clone(), signal(SignalKind::hangup())?));
        let retention = Retention {
            ledger: ledger.clone(),
            blobs: blobs.clone(),
            quarantine: config.quarantine.clone(),
            event_days: config.ledger.days,
            kept,
            soon: crate::retention::SOON,
            doubt: data.join("clock"),
        };
        tokio::spawn(retention.run());
        // A new one at every start: whoever reads it from memory can read the rest.
        let secret = lazaret_store::secret()?;
        let own = public_url.as_deref().and_then(|url| url.parse().ok());
        let own = own.map(|address| Own { address, secret: secret.clone() });
        let attempts = Arc::new(Attempts::new());
        if let (Some(listener), Some(url)) = (console, public_url) {
            let engine = {
                let desk = Arc::clone(&desk);
                move || desk.engine()
            };
            let console = Console::new(ledger.clone(), blobs, Box::new(engine), process, config.console.clone());
            let desk = Arc::clone(&desk);
            let console = console.with_turns(desk.turns());
            let library = library::open(&config, &data).await?;
            let search = Search::new(Some(data.join(library::INDEX)));
            let library = Arc::new(LibraryPages::new(Catalog::new(library), search));
            tokio::spawn(prepare(Arc::clone(&library)));
            let console = console.with_metrics(move || desk.metrics().text()).with_library(library).with_proxy(secret);
            let console = console.with_attempts(Arc::clone(&attempts)).with_house(house);
            match console.setup_link().await? {
                Some(link) => display::remark(&format!("make the first administrator of the console: {url}{link}")),
                None => display::remark(&format!("the console is at {url}/")),
            }
            let mut closing = closing.clone();
            let closed = async move {
                let _ = closing.wait_for(|closing| *closing).await;
            };
            let serve = Arc::new(console).serve(listener, closed);
            gates.spawn(async move {
                if let Err(error) = serve.await {
                    tracing::error!(%error, "the console ended");
                }
            });
        }
        let off = config.proxy.listen.is_empty() && config.icap.listen.is_empty();
        let listen = config.proxy.listen.clone();
        if !listen.is_empty() {
            let accounts = Arc::new(Users::new(ledger, attempts)?);
            let transparent = config.proxy.transparent.clone();
            let proxy = Arc::new(Proxy::new(Arc::clone(&desk), authority, config.proxy, own, accounts)?);
            if !transparent.is_empty() {
                let listener = bind("proxy.transparent", &transparent).await?;
                let address = listener.local_addr()?;
                tracing::info!(%address, "the web proxy takes redirected connections");
                gates.spawn(Arc::clone(&proxy).serve_redirected(listener, closing.clone()));
            }
            let listener = bind("proxy.listen", &listen).await?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "the web proxy listens");
            display::remark(&format!(
                "point browsers at the proxy {address}; for https, have them trust `{}`",
                display::path(&data.join("authority/ca.pem"))
            ));
            gates.spawn(proxy.serve(listener, closing.clone()));
        }
        if let Some(icap) = icap {
            let scheme = if config.icap.certificate.is_empty() { "icap" } else { "icaps" };
            let listener = bind("icap.listen", &config.icap.listen).await?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "the ICAP server listens");
            display::remark(&format!(
                "point gateways at {scheme}://{address}/respmod (downloads) and {scheme}://{address}/reqmod (uploads)"
            ));
            gates.spawn(icap.serve(listener, closing.clone()));
        }
        if off {
            return Err(Failure::new("every gate is switched off: set `proxy.listen` or `icap.listen`"));
        }
        told_to_stop().await?;
        tracing::info!("closing: downloads under way are finished");
        let _ = close.send(true);
        let drained = async { while gates.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(seconds = DRAIN.as_secs(), "some downloads did not end and are cut off");
        }
        recorder.close(LAST_TRIES).await;
        Ok(())
    })?;
    // What still waits for a slow worker must not keep us.
    runtime.shutdown_background();
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

/// Reads the newest release of the library into memory and makes the index of its search.
async fn prepare(library: Arc<LibraryPages>) {
    if let Err(error) = library.prepare().await {
        tracing::error!(error = %crate::failure::told(&error), "the ATT&CK library is not ready");
    }
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

/// Whose pages they are that stop somebody.
fn house(settings: &ConsoleSettings) -> Result<House, Failure> {
    let path = &settings.logo;
    let logo = if path.as_os_str().is_empty() {
        None
    } else {
        let bytes = fs::read(path).map_err(|error| Failure::path(path, error))?;
        Some(Logo::of(bytes).map_err(|error| Failure::path(path, format!("`console.logo`: {error}")))?)
    };
    Ok(House { organisation: settings.organisation.clone(), contact: settings.contact.clone(), logo })
}

/// Says what happens on standard error, in fields.
fn log(verbose: u8) {
    let ours = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter =
        tracing_subscriber::EnvFilter::new(format!("warn,lazaret={ours},lazaret_gates={ours},lazaret_console={ours}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
