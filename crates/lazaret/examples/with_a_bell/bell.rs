//! A bell that is rung for people of an incident: a room with everything that one can have.

use lazaret_frame::{Family, Frame, Health, Journal, Measured, Page, Pending, Room, RoomError, Running, Section, View};
use lazaret_model::{ActKind, ActOffer, Activity, EventKind, Measure, RoomAct, SettingsTable, SubjectKind};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const NAME: &str = "bell";
const RUNG: EventKind = EventKind {
    name: "bell rung",
    about: "the bell was rung for a person",
    entity: "Bell",
    activity: Activity::Create,
};

lazaret_model::settings! {
    /// A bell that is rung for people.
    struct BellSettings {
        /// How often it is rung for each of them.
        rings: u32 = 2, in 1..=10;
        /// What it sounds like.
        sound: String = "ding".to_owned();
    }
}

/// The room.
pub(super) struct Bell;

impl Room for Bell {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "The bell"
    }

    fn settings(&self) -> Option<SettingsTable> {
        Some(SettingsTable::of::<BellSettings>(NAME))
    }

    fn events(&self) -> Vec<EventKind> {
        vec![RUNG]
    }

    fn acts(&self) -> Vec<ActOffer> {
        let kind = ActKind::Room(RoomAct::new("bell.ring"));
        vec![ActOffer { kind, title: "ring the bell for a person", subject: SubjectKind::Person }]
    }

    fn page(&self) -> Option<Page> {
        Some(Page { name: "Bell", needs: "view" })
    }

    fn start<'a>(&'a self, frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
        Box::pin(async move {
            let (settings, journal) = (frame.settings(NAME)?, frame.journal(NAME));
            let running = RunningBell { settings, journal, people: Mutex::default(), rung: AtomicU32::new(0) };
            Ok(Some(Arc::new(running) as Arc<dyn Running>))
        })
    }
}

/// What runs of it.
struct RunningBell {
    settings: BellSettings,
    journal: Journal,
    /// For whom it was rung.
    people: Mutex<Vec<String>>,
    rung: AtomicU32,
}

impl Running for RunningBell {
    fn health(&self) -> Health {
        Health::Well(format!("it sounds like {}", self.settings.sound))
    }

    fn metrics(&self) -> Vec<Family> {
        let rung = f64::from(self.rung.load(Ordering::Relaxed));
        vec![Family::one("lazaret_bell_rings_total", "How often the bell was rung.", Measured::Counter, rung)]
    }

    fn show(&self) -> Pending<'_, Result<View, RoomError>> {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rows = people.into_iter().map(|person| vec![person]).collect();
        let section = Section {
            heading: "For whom it rings".to_owned(),
            facts: vec![("Sound".to_owned(), self.settings.sound.clone())],
            head: vec!["Person".to_owned()],
            rows,
            ..Section::default()
        };
        Box::pin(async move { Ok(View { sections: vec![section] }) })
    }

    fn contain(&self, in_force: &[Measure]) {
        let now: Vec<String> = in_force.iter().map(|measure| measure.act.value.clone()).collect();
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        // After a restart it is rung again: a room that must not do so asks the ledger what it did.
        for person in now.iter().filter(|person| !people.contains(person)) {
            self.rung.fetch_add(self.settings.rings, Ordering::Relaxed);
            let (journal, person) = (self.journal.clone(), person.clone());
            let detail = format!("{} for {person}", self.settings.sound);
            let fields: Map<String, Value> = Map::from_iter([("rings".to_owned(), self.settings.rings.into())]);
            tokio::spawn(async move {
                if let Err(error) = journal.tell(&RUNG, (&person, ""), &detail, fields).await {
                    tracing::error!(%error, "a ring of the bell is not in the ledger");
                }
            });
        }
        *people = now;
    }
}
