//! What handlers see of the console: of each subject, what its pages need and nothing else.

use super::attack::LibraryPages;
use super::{Console, ConsoleSettings, Refused};
use crate::control::Unready;
use crate::{Control, House};
use axum::extract::FromRef;
use lazaret_engine::{Engine, Turns};
use lazaret_frame::Rooms;
use lazaret_identity::Identity;
use lazaret_store::{Blobs, Ledger, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::watch;

/// Gives the engine in force.
pub(super) type EngineInForce = Arc<dyn Fn() -> Arc<Engine> + Send + Sync>;
/// Gives what the gates and rooms did, counted.
pub(super) type Counted = Arc<dyn Fn() -> String + Send + Sync>;
/// What the quarantine holds: looked up when, files, bytes.
pub(super) type Kept = Arc<Mutex<(i64, usize, u64)>>;
/// When passwords of locked files were tried, by machine.
pub(super) type Tries = Arc<Mutex<HashMap<String, Vec<i64>>>>;

/// Asks what keeps quarantined bytes, which blocks.
pub(super) async fn ask<T: Send + 'static>(
    blobs: &Arc<dyn Blobs>,
    ask: impl FnOnce(&dyn Blobs) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refused> {
    let blobs = Arc::clone(blobs);
    let answer = tokio::task::spawn_blocking(move || ask(&*blobs)).await;
    Ok(answer.map_err(|error| Refused::Broken(error.to_string()))??)
}

/// When somebody looked last whether the process is ready, and what was found.
pub(super) type Looked = tokio::sync::Mutex<Option<(Instant, Vec<Unready>)>>;

/// A part of the console, for the handlers of a subject.
pub(super) trait Part {}

macro_rules! parts {
    ($($(#[$about:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$about])*
        pub(super) struct $name {
            $(pub(super) $field: $type,)+
        }

        impl FromRef<Arc<Console>> for $name {
            fn from_ref(console: &Arc<Console>) -> Self {
                Self { $($field: console.$field.clone(),)+ }
            }
        }

        impl Part for $name {}
    )+};
}

parts! {
    /// Events and what people did, to read.
    Events { ledger: Ledger }

    /// An event and its sample.
    Samples { ledger: Ledger, blobs: Arc<dyn Blobs>, control: Arc<dyn Control>, engine: EngineInForce }

    /// Events as they happen.
    Live { ledger: Ledger, control: Arc<dyn Control>, identity: Arc<Identity>, closing: watch::Sender<bool> }

    /// The quarantine.
    Quarantine { ledger: Ledger, blobs: Arc<dyn Blobs>, control: Arc<dyn Control>, kept: Kept }

    /// What was stopped and is asked for: requests, and passwords of locked files.
    Releases {
        ledger: Ledger,
        blobs: Arc<dyn Blobs>,
        control: Arc<dyn Control>,
        engine: EngineInForce,
        turns: Arc<Turns>,
        settings: Arc<ConsoleSettings>,
        tries: Tries,
    }

    /// The policies of delivery.
    Policies { ledger: Ledger, control: Arc<dyn Control> }

    /// Who may sign in, and signing in.
    People { identity: Arc<Identity>, settings: Arc<ConsoleSettings> }

    /// Signing in to use the web.
    Network { identity: Arc<Identity>, settings: Arc<ConsoleSettings>, web_sign_in: bool }

    /// Incidents, and what strangers report.
    Incidents {
        ledger: Ledger,
        blobs: Arc<dyn Blobs>,
        control: Arc<dyn Control>,
        rooms: Arc<Rooms>,
        house: Arc<House>,
        settings: Arc<ConsoleSettings>,
    }

    /// Sites, and programs that do not take the certificates made for them.
    Sites { ledger: Ledger, control: Arc<dyn Control> }

    /// How the process is set up, and the rooms that run.
    Running { control: Arc<dyn Control>, rooms: Arc<Rooms> }

    /// The ATT&CK library.
    Library {
        library: Option<Arc<LibraryPages>>,
        ledger: Ledger,
        control: Arc<dyn Control>,
        settings: Arc<ConsoleSettings>,
    }

    /// Whether the process should be given work.
    Readiness { ledger: Ledger, control: Arc<dyn Control>, rooms: Arc<Rooms>, looked: Arc<Looked> }

    /// What was counted.
    Measures { metrics: Counted }

    /// Whose console it is.
    Owner { house: Arc<House> }
}
