//! `lazaret serve`: what rooms share, and the rooms one after the other.

use crate::accounts::{self, Provided};
use crate::cli::{Common, Serve};
use crate::config::{Config, Export};
use crate::control::{Process, Sources};
use crate::export::Exporter;
use crate::failure::Failure;
use crate::lock::Lock;
use crate::pages::Words;
use crate::record::{self, Recorder};
use crate::reload::{self, RoomFiles};
use crate::rooms::{self, Shared};
use crate::{folder, process, provider};
use lazaret_console::{ConsoleSettings, House, Logo};
use lazaret_frame::{Frame, Room, Started};
use lazaret_gates::{Authority, Desk, Directory, Means, Sites};
use lazaret_identity::Identity;
use lazaret_store::{BlobFolder, Blobs, Examined, Journal, Queue};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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
    let rooms = rooms::selected(&options.only)?;
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
    let sources = Sources { common, options: options.engine.clone() };
    let ground = Ground::new(config, data, spool, sources)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (close, closing) = watch::channel(false);
        let (frame, recorder) = ground.build(&rooms, closing).await?;
        // From now on the signal ends nobody, and is seen to once everything has started.
        let hangup = signal(SignalKind::hangup())?;
        for room in &rooms {
            if let Some(running) = room.start(&frame).await? {
                frame.rooms().add(Started { room: Arc::clone(room), running });
            }
        }
        let process = Arc::clone(&frame.offered::<Shared>()?.process);
        let files = RoomFiles::of(&frame.rooms());
        tokio::spawn(reload::watch(process, frame.rooms(), files, hangup));
        let running = frame.rooms().all();
        let are_gates = |room: &Arc<dyn Room>| room.group() == rooms::GATES;
        if rooms.iter().any(are_gates) && !running.iter().any(|started| are_gates(&started.room)) {
            return Err(Failure::new("every gate is disabled: set `proxy.listen` or `icap.listen`"));
        }
        if running.is_empty() {
            return Err(Failure::new("nothing to run: the rooms named by `--only` are disabled by their settings"));
        }
        if !options.only.is_empty() {
            let names: Vec<_> = running.iter().map(|started| started.room.name()).collect();
            tracing::info!(rooms = %names.join(", "), "running only these rooms");
        }
        told_to_stop().await?;
        tracing::info!("shutting down: finishing downloads in progress");
        let _ = close.send(true);
        // They close at the same time; who was started last is waited for first.
        let ended = async {
            for Started { room, running } in running.into_iter().rev() {
                // One that fails at its end keeps nobody from theirs, nor refusals from the ledger.
                if let Err(error) = tokio::spawn(async move { running.ended().await }).await {
                    tracing::error!(room = room.name(), %error, "a room failed to stop");
                }
            }
        };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!(seconds = DRAIN.as_secs(), "some downloads did not finish and were cut off");
        }
        recorder.close(LAST_TRIES).await;
        Ok(())
    })?;
    // What still waits for a slow worker must not keep us.
    runtime.shutdown_background();
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

/// What rooms stand on, as far as it needs nobody to answer.
struct Ground {
    config: Config,
    data: PathBuf,
    spool: PathBuf,
    sources: Sources,
    authority: Arc<Authority>,
    blobs: Arc<dyn Blobs>,
    sites: Arc<Sites>,
    directory: Directory,
}

impl Ground {
    fn new(config: Config, data: PathBuf, spool: PathBuf, sources: Sources) -> Result<Self, Failure> {
        let authority = Arc::new(Authority::open(&data.join("authority"), &config.proxy)?);
        let folder = BlobFolder::open(&data.join("quarantine"))?;
        folder.sweep()?;
        let blobs = Arc::new(folder);
        let sites = Arc::new(Sites::open(&config.sites, &config.proxy, &data.join("lists"))?);
        let directory = Directory::new(&config.people)?;
        Ok(Self { config, data, spool, sources, authority, blobs, sites, directory })
    }

    /// What these rooms share: the ledger, the engine, what the gates know, and what follows all of that.
    async fn build(
        self,
        rooms: &[Arc<dyn Room>],
        closing: watch::Receiver<bool>,
    ) -> Result<(Frame, Arc<Recorder>), Failure> {
        let Self { config, data, spool, sources, authority, blobs, sites, directory } = self;
        let ledger = ledger(&config, &data).await?;
        let frame = Frame::new(ledger.clone(), data.clone(), closing.clone(), config.rooms.clone());
        let saved = ledger.newest_policies().await?;
        let started = tokio::task::block_in_place(|| sources.build(&config, saved.as_ref()))?;
        for missing in started.engine.missing_protections() {
            tracing::warn!(%missing, "the workers' sandbox lacks a protection");
        }
        let (engine, troubles) = (Arc::new(started.engine), started.troubles);
        let console = match config.console.listen.as_str() {
            "" => None,
            listen if rooms::has(rooms, rooms::CONSOLE) => Some(rooms::bind("console.listen", listen).await?),
            _ => None,
        };
        let public_url = match (&console, config.console.public_url.trim_end_matches('/')) {
            (None, _) => None,
            (Some(listener), "") => Some(format!("http://{}", listener.local_addr()?)),
            (_, url) => Some(url.to_owned()),
        };
        let identity = Identity::new(ledger.clone());
        let identity = match &public_url {
            Some(url) => identity.with_provider(provider::of(&config, url)?),
            None => identity,
        };
        let identity = Arc::new(identity);
        identity.read_groups().await?;
        let directory = directory.with_memberships(Arc::new(Provided(identity.groups())));
        tokio::spawn(accounts::follow_groups(Arc::clone(&identity)));
        let export = if rooms::has(rooms, rooms::EXPORT) { config.export.clone() } else { Export::default() };
        let journal: Arc<dyn Journal> = Arc::new(ledger.clone());
        let queue: Arc<dyn Queue> = Arc::new(ledger.clone());
        let exporter = Exporter::start(&export, &config.proxy, (Arc::clone(&journal), queue), &data)?;
        let house = Arc::new(house(&config.console, public_url.as_deref())?);
        let words = Arc::new(Words::new(Arc::clone(&engine), public_url.clone(), Arc::clone(&house)));
        let kept = Arc::new(Notify::new());
        let keeps = (journal, Arc::clone(&blobs));
        let record = Arc::new(Recorder::new(ledger.clone(), keeps, exporter, Arc::clone(&words), Arc::clone(&kept)));
        tokio::spawn(Arc::clone(&record).catch_up());
        sites.prepare().await;
        tokio::spawn(Arc::clone(&sites).keep_fresh(closing));
        let pages = Arc::<Words>::clone(&words);
        let recorder = Arc::clone(&record);
        let means = Means { engine, pages, record, sites, directory };
        let desk = Arc::new(Desk::new(means, config.bodies.clone(), spool));
        for room in rooms {
            room.check(&rooms::settings_of(&**room, &config))?;
        }
        let process =
            Process::new(sources, config.clone(), troubles, saved.as_ref(), Arc::clone(&desk), words, ledger.clone())?;
        let process = Arc::new(process.with_authority(Arc::clone(&authority)).with_rooms(frame.rooms()));
        process.follow_bypasses().await?;
        process.follow_measures().await?;
        tokio::spawn(crate::authority::watch(Arc::clone(&authority), ledger));
        tokio::spawn(reload::watch_measures(Arc::clone(&process)));
        let shared = Shared {
            config,
            desk,
            authority,
            process,
            blobs,
            kept,
            identity,
            house,
            public_url,
            // A new one at every start: whoever reads it from memory can read the rest.
            secret: lazaret_store::secret()?,
            console: Mutex::new(console),
        };
        Ok((frame.offering(Arc::new(shared)), recorder))
    }
}

/// The ledger, after a look at it.
async fn ledger(config: &Config, data: &Path) -> Result<lazaret_store::Ledger, Failure> {
    if record::examine(config, data, Some(LOOK)).await? == Examined::Unfinished {
        let seconds = LOOK.as_secs();
        tracing::info!(
            seconds,
            "the ledger is large and was checked only in part, without problems; `lazaret config check` checks all of \
                it"
        );
    }
    Ok(record::open_with_key(config, data).await?)
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
fn house(settings: &ConsoleSettings, url: Option<&str>) -> Result<House, Failure> {
    let path = &settings.logo;
    let logo = if path.as_os_str().is_empty() {
        None
    } else {
        let bytes = fs::read(path).map_err(|error| Failure::path(path, error))?;
        Some(Logo::of(bytes).map_err(|error| Failure::path(path, format!("`console.logo`: {error}")))?)
    };
    Ok(House {
        organisation: settings.organisation.clone(),
        contact: settings.contact.clone(),
        incident_contact: settings.incident_contact.clone(),
        response: url.map(|url| format!("{url}/incident")).unwrap_or_default(),
        logo,
    })
}

/// Says what happens on standard error, in fields.
fn log(verbose: u8) {
    let ours = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let parts = ["lazaret", "lazaret_gates", "lazaret_console", "lazaret_identity"];
    let parts: Vec<_> = parts.iter().map(|part| format!("{part}={ours}")).collect();
    let filter = tracing_subscriber::EnvFilter::new(format!("warn,{}", parts.join(",")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
