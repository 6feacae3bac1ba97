//! The console, with the ATT&CK library.

use crate::commands::library;
use crate::rooms::{CONSOLE, Shared};
use crate::{display, folder};
use lazaret_attack::{Catalog, Search, TakeError};
use lazaret_console::{Console, ConsoleSettings, LibraryPages};
use lazaret_frame::{Frame, Health, Pending, Room, RoomError, Running, Tasks};
use lazaret_model::SettingsTable;
use lazaret_store::{Ledger, Library};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often it is looked whether somebody imported something.
const INTERVAL: Duration = Duration::from_secs(3);

pub(super) struct ConsoleRoom;

impl Room for ConsoleRoom {
    fn name(&self) -> &'static str {
        CONSOLE
    }

    fn title(&self) -> &'static str {
        "Console"
    }

    fn settings(&self) -> Option<SettingsTable> {
        Some(SettingsTable::of::<ConsoleSettings>("console"))
    }

    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
        Box::pin(async move {
            let shared = frame.offered::<Shared>()?;
            let listener = shared.console.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (Some(listener), Some(url)) = (listener, shared.public_url.clone()) else { return Ok(None) };
            let engine = {
                let desk = Arc::clone(&shared.desk);
                move || desk.engine()
            };
            let (process, settings) = (Arc::clone(&shared.process), shared.config.console.clone());
            let (ledger, blobs) = (frame.ledger().clone(), shared.blobs.clone());
            let identity = Arc::clone(&shared.identity);
            let console = Console::new(ledger, blobs, Box::new(engine), process, identity, settings);
            let console = console.with_turns(shared.desk.turns());
            let library = Library::open(&library::address(&shared.config, frame.data())).await?;
            let search = Search::new(Some(frame.data().join(folder::INDEX)));
            let library = Arc::new(LibraryPages::new(Catalog::new(library), search));
            tokio::spawn(follow(Arc::clone(&library), frame.ledger().clone()));
            let (desk, rooms) = (Arc::clone(&shared.desk), frame.rooms());
            let metrics = move || desk.metrics().text() + &rooms.metrics();
            let console = console.with_metrics(metrics).with_library(library).with_proxy(shared.secret.clone());
            let console = console.with_web_sign_in(shared.config.proxy.sign_in_page);
            let console = console.with_house(Arc::clone(&shared.house)).with_rooms(frame.rooms());
            match console.setup_link().await.map_err(RoomError::failed)? {
                Some(link) => display::remark(&format!("create the first administrator of the console at {url}{link}")),
                None => display::remark(&format!("the console is at {url}/")),
            }
            let mut closing = frame.closing();
            let closed = async move {
                let _ = closing.wait_for(|closing| *closing).await;
            };
            let serve = Arc::new(console).serve(listener, closed);
            let tasks = Tasks::default();
            let served = async move {
                if let Err(error) = serve.await {
                    tracing::error!(%error, "the console ended");
                }
            };
            tasks.spawn(served).await;
            Ok(Some(Arc::new(RunningConsole { line: format!("is at {url}/"), tasks }) as Arc<dyn Running>))
        })
    }
}

/// Reads the newest release of the library into memory and makes the index of its search; then writes events of takes that what
/// is imported makes stale, for as long as the process runs.
async fn follow(library: Arc<LibraryPages>, ledger: Ledger) {
    if let Err(error) = library.prepare().await {
        tracing::error!(error = %crate::failure::told(&error), "the ATT&CK library is not ready");
    }
    let mut look = tokio::time::interval(INTERVAL);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut seen, mut trouble) = (None, String::new());
    loop {
        look.tick().await;
        match tell_stale(&library, &ledger, seen).await {
            Ok(generation) => {
                seen = Some(generation);
                trouble.clear();
            }
            Err(error) => {
                let why = crate::failure::told(&error);
                if why != trouble {
                    tracing::error!(%why, "whether takes are stale is not known");
                }
                trouble = why;
            }
        }
    }
}

/// Writes events of stale takes where the library is another one than the one that was seen; which one it is.
async fn tell_stale(library: &LibraryPages, ledger: &Ledger, seen: Option<i64>) -> Result<i64, TakeError> {
    let generation = library.generation().await?;
    if seen != Some(generation) {
        let told = library.tell_stale(ledger).await?;
        if told > 0 {
            tracing::warn!(takes = told, "published takes do not hold any more: a release says something else");
        }
    }
    Ok(generation)
}

struct RunningConsole {
    line: String,
    tasks: Tasks,
}

impl Running for RunningConsole {
    fn health(&self) -> Health {
        Health::Well(self.line.clone())
    }

    fn ended(&self) -> Pending<'_, ()> {
        Box::pin(self.tasks.ended())
    }
}
