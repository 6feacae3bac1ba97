//! What a room gets when it starts.

use crate::{RoomError, Rooms};
use lazaret_model::{EventKind, RoomEvent, RoomName, Settings};
use lazaret_store::{Ledger, RoomNews, StoreError};
use serde_json::{Map, Value};
use std::any::{Any, TypeId, type_name};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// What rooms share: the ledger, the data folder, their settings, and what whoever serves offers beside those.
pub struct Frame {
    ledger: Ledger,
    journal: Arc<dyn lazaret_store::Journal>,
    data: PathBuf,
    closing: watch::Receiver<bool>,
    rooms: Arc<Rooms>,
    settings: BTreeMap<String, Value>,
    offers: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Frame {
    /// A frame; `settings` are the tables of rooms by their names, and what is not among them is at its defaults.
    pub fn new(
        ledger: Ledger,
        data: PathBuf,
        closing: watch::Receiver<bool>,
        settings: BTreeMap<String, Value>,
    ) -> Self {
        let journal = Arc::new(ledger.clone());
        Self { ledger, journal, data, closing, rooms: Arc::default(), settings, offers: HashMap::new() }
    }

    /// The frame with something for rooms that ask for it by its type.
    #[must_use]
    pub fn offering<T: Any + Send + Sync>(mut self, what: Arc<T>) -> Self {
        self.offers.insert(TypeId::of::<T>(), what);
        self
    }

    /// What is offered of a type.
    ///
    /// # Errors
    /// When there is nothing of it.
    pub fn offered<T: Any + Send + Sync>(&self) -> Result<Arc<T>, RoomError> {
        let offer = self.offers.get(&TypeId::of::<T>()).cloned();
        offer.and_then(|offer| offer.downcast::<T>().ok()).ok_or(RoomError::NotOffered(type_name::<T>()))
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Turns true when the process closes.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }

    /// The rooms that run.
    pub fn rooms(&self) -> Arc<Rooms> {
        Arc::clone(&self.rooms)
    }

    /// The settings of the room with a name.
    ///
    /// # Errors
    /// With what cannot be used.
    pub fn settings<S: Settings>(&self, room: &str) -> Result<S, RoomError> {
        let nothing = Value::Object(Map::new());
        Ok(S::read(room, self.settings.get(room).unwrap_or(&nothing))?)
    }

    /// Where the room with a name writes down what happens.
    pub fn journal(&self, room: &'static str) -> Journal {
        Journal { written: Arc::clone(&self.journal), room: RoomName::new(room) }
    }
}

/// Where a room writes down what happens.
#[derive(Clone)]
pub struct Journal {
    written: Arc<dyn lazaret_store::Journal>,
    room: RoomName,
}

impl Journal {
    /// Writes down that something happened: for whom, from which machine (both may be empty), what there is to say about it to
    /// people, and the same to programs. Its reference; it is on the disk by then.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn tell(
        &self,
        kind: &EventKind,
        (person, client): (&str, &str),
        detail: &str,
        fields: Map<String, Value>,
    ) -> Result<String, StoreError> {
        let event = RoomEvent { act: kind.name.to_owned(), detail: detail.to_owned(), fields };
        let (person, client) = (person.to_owned(), client.to_owned());
        self.written.tell(RoomNews { room: self.room.clone(), person, client, event }).await
    }
}
