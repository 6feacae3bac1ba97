//! What a room is.

use crate::metrics::Family;
use crate::view::View;
use crate::{Frame, RoomError};
use lazaret_model::{ActOffer, EventKind, Measure, SettingsTable};
use serde_json::Value;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// An answer that takes time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A part of the product that can be left out. What it says of itself is the same whether it runs or not.
pub trait Room: Send + Sync {
    /// Its name, of lower-case letters, digits and dashes: that of its table of settings, and in events, measures and addresses.
    fn name(&self) -> &'static str;

    /// What people call it.
    fn title(&self) -> &'static str;

    /// A name that it shares with others, by which they are named together; empty for none.
    fn group(&self) -> &'static str {
        ""
    }

    /// Its table of settings; `None` where it has none of its own.
    fn settings(&self) -> Option<SettingsTable> {
        None
    }

    /// Looks at settings beyond what their types and ranges say, without opening anything.
    ///
    /// # Errors
    /// When it could not start with them.
    fn check(&self, _settings: &Value) -> Result<(), RoomError> {
        Ok(())
    }

    /// What it tells that is nobody else's kind of event.
    fn events(&self) -> Vec<EventKind> {
        Vec::new()
    }

    /// What it offers about an incident.
    fn acts(&self) -> Vec<ActOffer> {
        Vec::new()
    }

    /// Its page in the console; `None` for none.
    fn page(&self) -> Option<Page> {
        None
    }

    /// Starts it; `None` where its settings switch it off.
    ///
    /// # Errors
    /// When it cannot start.
    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>>;
}

/// A room that runs.
pub trait Running: Send + Sync {
    /// How it is.
    fn health(&self) -> Health {
        Health::Well(String::new())
    }

    /// What it measured, for `/metrics`. The names begin with `lazaret_` and the room's own name; others are left out.
    fn metrics(&self) -> Vec<Family> {
        Vec::new()
    }

    /// What its page shows.
    ///
    /// # Errors
    /// When that cannot be told.
    fn show(&self) -> Pending<'_, Result<View, RoomError>> {
        Box::pin(async { Ok(View::default()) })
    }

    /// The files that it reads beside the configuration; when one of them changes, it is told to [`reload`](Running::reload).
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Takes up what may change while it runs, and says in the log what came of it.
    fn reload(&self, _because: &str) {}

    /// Puts in force what was done about incidents with its acts, and nothing else: what is not among them any more was undone. It
    /// is told at its start and at every change, in every process that uses the ledger; the same twice changes nothing. It is told again
    /// after a restart: what must happen once is the room's to remember. It returns at once: until it does, it is told nothing else.
    fn contain(&self, _in_force: &[Measure]) {}

    /// Done when nothing of it runs any more. The frame's `closing` was sent before.
    fn ended(&self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does its work; with a line about it, or none.
    Well(String),
    /// It does its work in part, or late; with why.
    Impaired(String),
    /// The process should be given no work; with why, which anybody may read.
    Unready(String),
}

impl Health {
    /// What is said about it.
    pub fn line(&self) -> &str {
        match self {
            Self::Well(line) | Self::Impaired(line) | Self::Unready(line) => line,
        }
    }

    /// The name used on pages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Well(_) => "well",
            Self::Impaired(_) => "impaired",
            Self::Unready(_) => "unready",
        }
    }
}

/// A page of a room in the console, below `/rooms/` under the room's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// What the way to it is called.
    pub name: &'static str,
    /// What somebody needs who looks at it: an action of `policies/console.cedarschema`. What is none, nobody may.
    pub needs: &'static str,
}
