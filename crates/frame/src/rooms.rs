//! The rooms that run: what they measure, how they are, what they show and what they keep in force. One that panics takes nobody
//! else along.

use crate::metrics::{Family, Measured};
use crate::room::{Health, Page, Room, Running};
use lazaret_model::{ActKind, ActOffer, Measure};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};

/// What is said of a room that panics where it is asked how it is.
const FAILED: &str = "failed; see the log";
/// What is said of one that panicked where it was told what is in force.
const BEHIND: &str = "containment measures are not applied here; see the log";

/// A room with what runs of it.
#[derive(Clone)]
pub struct Started {
    /// The room.
    pub room: Arc<dyn Room>,
    /// What runs of it.
    pub running: Arc<dyn Running>,
}

impl Started {
    /// The files that it reads beside the configuration.
    pub fn files(&self) -> Vec<PathBuf> {
        unharmed(|| self.running.files()).unwrap_or_default()
    }

    /// Has it take up what may change while it runs.
    pub fn reload(&self, because: &str) {
        let _ = unharmed(|| self.running.reload(because));
    }
}

/// What a room answers; nothing where it panics, which is in the log by then.
fn unharmed<T>(ask: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(ask)).ok()
}

/// The rooms that run, in the order in which they were started.
#[derive(Default)]
pub struct Rooms {
    started: RwLock<Vec<Started>>,
    /// What is in force for incidents.
    in_force: Mutex<Vec<Measure>>,
    /// The rooms that were told of that and failed.
    behind: Mutex<BTreeSet<&'static str>>,
}

impl Rooms {
    /// Notes that a room runs, and tells it what is in force for incidents.
    pub fn add(&self, started: Started) {
        let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(&started, &of(started.room.name(), &in_force));
        self.started.write().unwrap_or_else(PoisonError::into_inner).push(started);
    }

    fn tell(&self, started: &Started, in_force: &[Measure]) {
        let told = unharmed(|| started.running.contain(in_force)).is_some();
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if told {
            behind.remove(started.room.name());
        } else {
            behind.insert(started.room.name());
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Started> {
        self.started.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one with a name.
    pub fn named(&self, name: &str) -> Option<Started> {
        self.all().into_iter().find(|started| started.room.name() == name)
    }

    /// The names of those that run and have a page, with that.
    pub fn pages(&self) -> Vec<(&'static str, Page)> {
        self.all().iter().filter_map(|started| Some((started.room.name(), started.room.page()?))).collect()
    }

    /// What they offer about an incident.
    pub fn acts(&self) -> Vec<ActOffer> {
        self.all().iter().flat_map(|started| started.room.acts()).collect()
    }

    /// How one of them is.
    pub fn health(&self, started: &Started) -> Health {
        let health = unharmed(|| started.running.health()).unwrap_or_else(|| Health::Impaired(FAILED.to_owned()));
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        match health {
            Health::Well(_) if behind.contains(started.room.name()) => Health::Impaired(BEHIND.to_owned()),
            health => health,
        }
    }

    /// What they measured, and how they are, in the text format of Prometheus. Of several families of one name the first is told, and
    /// none whose name is not its room's: readers would take nothing of it all.
    pub fn metrics(&self) -> String {
        let (all, mut text) = (self.all(), String::new());
        let well = |started: &Started| match self.health(started) {
            Health::Well(_) => 1.0,
            Health::Impaired(_) | Health::Unready(_) => 0.0,
        };
        let samples = all.iter().map(|started| (vec![("room", started.room.name().to_owned())], well(started)));
        let family = Family {
            name: "lazaret_room_well",
            help: "Whether a running room is healthy.",
            measured: Measured::Gauge,
            samples: samples.collect(),
        };
        family.write(&mut text);
        let mut told = BTreeSet::new();
        for started in &all {
            let families = unharmed(|| started.running.metrics()).unwrap_or_default();
            for family in families.iter().filter(|family| family.is_of(started.room.name())) {
                if told.insert(family.name) {
                    family.write(&mut text);
                }
            }
        }
        text
    }

    /// Those that say that the process should be given no work, with why.
    pub fn unready(&self) -> Vec<(&'static str, String)> {
        let all = self.all();
        let unready = all.iter().filter_map(|started| match self.health(started) {
            Health::Unready(why) => Some((started.room.name(), why)),
            Health::Well(_) | Health::Impaired(_) => None,
        });
        unready.collect()
    }

    /// Has each put in force what was done about incidents with its acts, where that changed. While somebody else does so this does
    /// nothing: whoever asks again and again brings it about.
    pub fn contain(&self, measures: &[Measure]) {
        let mut in_force = match self.in_force.try_lock() {
            Ok(in_force) => in_force,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        for started in self.all() {
            let name = started.room.name();
            let (before, now) = (of(name, &in_force), of(name, measures));
            if before != now {
                self.tell(&started, &now);
            }
        }
        *in_force = measures.to_vec();
    }
}

/// Those of the measures that are a room's.
fn of(room: &str, measures: &[Measure]) -> Vec<Measure> {
    let own = |measure: &&Measure| matches!(&measure.act.kind, ActKind::Room(act) if act.room() == room);
    measures.iter().filter(own).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Pending, RoomError};
    use lazaret_model::{Act, RoomAct, SubjectKind};

    struct Bell(&'static str);

    impl Room for Bell {
        fn name(&self) -> &'static str {
            self.0
        }

        fn title(&self) -> &'static str {
            "Bell"
        }

        fn page(&self) -> Option<Page> {
            (self.0 == "bell").then_some(Page { name: "Bell", needs: "view" })
        }

        fn start<'a>(&'a self, _frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
            Box::pin(async { Ok(None) })
        }
    }

    /// How it is, and what it was told to keep in force.
    struct Rung(Health, Mutex<Vec<Vec<String>>>);

    impl Running for Rung {
        fn health(&self) -> Health {
            self.0.clone()
        }

        fn metrics(&self) -> Vec<Family> {
            vec![Family::one("lazaret_bell_rings_total", "Rings.", Measured::Counter, 2.0)]
        }

        fn contain(&self, in_force: &[Measure]) {
            self.1.lock().unwrap().push(in_force.iter().map(|measure| measure.act.value.clone()).collect());
        }
    }

    fn rung(health: Health) -> Arc<Rung> {
        Arc::new(Rung(health, Mutex::default()))
    }

    fn ring(room: &'static str, person: &str) -> Measure {
        let kind = ActKind::Room(RoomAct::new(room));
        let offer = ActOffer { kind, title: "ring", subject: SubjectKind::Person };
        Measure { incident: "INC-ABCD-2345".to_owned(), act: Act::offered(&offer, person).unwrap() }
    }

    #[test]
    fn a_room_is_told_what_is_in_force_of_its_own_acts_at_its_start_and_when_that_changes() {
        let (rooms, running) = (Rooms::default(), rung(Health::Well(String::new())));
        let other =
            Measure { incident: "INC-ABCD-2345".to_owned(), act: Act::parse(ActKind::HoldPerson, "ada").unwrap() };
        rooms.contain(&[ring("bell.ring", "ada"), ring("bells.ring", "bert"), other.clone()]);
        rooms.add(Started { room: Arc::new(Bell("bell")), running: running.clone() });
        // What is not its own changes nothing for it.
        rooms.contain(&[ring("bell.ring", "ada")]);
        rooms.contain(&[ring("bell.ring", "ada"), ring("bell.ring", "karl"), other]);
        rooms.contain(&[]);
        assert_eq!(*running.1.lock().unwrap(), [vec!["ada"], vec!["ada", "karl"], vec![]]);
    }

    /// One that panics whatever it is asked.
    struct Fails;

    impl Running for Fails {
        fn health(&self) -> Health {
            panic!("how it is")
        }

        fn metrics(&self) -> Vec<Family> {
            panic!("what it measured")
        }

        fn files(&self) -> Vec<PathBuf> {
            panic!("which files")
        }

        fn reload(&self, _because: &str) {
            panic!("what may change")
        }

        fn contain(&self, _in_force: &[Measure]) {
            panic!("what is in force")
        }
    }

    #[test]
    fn a_room_that_panics_is_impaired_and_keeps_no_other_from_what_is_in_force() {
        let (rooms, running) = (Rooms::default(), rung(Health::Well(String::new())));
        let fails = Started { room: Arc::new(Bell("fails")), running: Arc::new(Fails) };
        rooms.add(fails.clone());
        rooms.add(Started { room: Arc::new(Bell("bell")), running: running.clone() });
        rooms.contain(&[ring("fails.ring", "ada"), ring("bell.ring", "ada")]);
        assert_eq!(*running.1.lock().unwrap(), [vec![], vec!["ada"]]);
        fails.reload("SIGHUP");
        assert!(fails.files().is_empty() && rooms.unready().is_empty());
        let text = rooms.metrics();
        for line in ["lazaret_room_well{room=\"fails\"} 0", "lazaret_room_well{room=\"bell\"} 1"] {
            assert!(text.lines().any(|own| own == line), "{line} in {text}");
        }
    }

    /// One that panics once where it is told what is in force.
    struct Stumbles(Mutex<u32>);

    impl Running for Stumbles {
        fn contain(&self, _in_force: &[Measure]) {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *told += 1;
            assert_ne!(*told, 2, "it was told twice");
        }
    }

    #[test]
    fn a_room_that_did_not_put_in_force_what_it_was_told_is_impaired_until_it_does() {
        let rooms = Rooms::default();
        let started = Started { room: Arc::new(Bell("bell")), running: Arc::new(Stumbles(Mutex::default())) };
        rooms.add(started.clone());
        assert_eq!(rooms.health(&started), Health::Well(String::new()));
        rooms.contain(&[ring("bell.ring", "ada")]);
        assert_eq!(rooms.health(&started), Health::Impaired(BEHIND.to_owned()));
        rooms.contain(&[]);
        assert_eq!(rooms.health(&started), Health::Well(String::new()));
    }

    /// One that takes its time: it says that it was told, and waits until it may go on.
    struct Slow(Mutex<std::sync::mpsc::Sender<()>>, Mutex<std::sync::mpsc::Receiver<()>>);

    impl Running for Slow {
        fn contain(&self, in_force: &[Measure]) {
            if !in_force.is_empty() {
                self.0.lock().unwrap().send(()).unwrap();
                self.1.lock().unwrap().recv().unwrap();
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_room_that_takes_its_time_and_it_is_told_the_rest_later() {
        let ((told, was_told), (go, goes)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let (rooms, running) = (Rooms::default(), rung(Health::Well(String::new())));
        rooms
            .add(Started { room: Arc::new(Bell("slow")), running: Arc::new(Slow(Mutex::new(told), Mutex::new(goes))) });
        rooms.add(Started { room: Arc::new(Bell("bell")), running: running.clone() });
        let both = [ring("slow.ring", "ada"), ring("bell.ring", "ada")];
        std::thread::scope(|scope| {
            scope.spawn(|| rooms.contain(&both[..1]));
            was_told.recv().unwrap();
            rooms.contain(&both);
            let by_then = running.1.lock().unwrap().clone();
            go.send(()).unwrap();
            assert_eq!(by_then, [Vec::<String>::new()], "the other one was told by whoever does not wait");
        });
        rooms.contain(&both);
        assert_eq!(*running.1.lock().unwrap(), [vec![], vec!["ada"]]);
    }

    #[test]
    fn a_measure_that_readers_could_not_take_is_left_out_and_spoils_no_other() {
        struct Measures(Vec<&'static str>);
        impl Running for Measures {
            fn metrics(&self) -> Vec<Family> {
                self.0.iter().map(|name| Family::one(name, "Rings.", Measured::Counter, 2.0)).collect()
            }
        }
        let rooms = Rooms::default();
        for (name, measures) in [
            ("bell-tower", vec!["lazaret_bell_tower_rings", "lazaret_bell_tower_rings"]),
            (
                "bell",
                vec!["lazaret_bell_tower_rings", "lazaret_bell_a b", "lazaret_room_well", "rings", "lazaret_bell_x"],
            ),
        ] {
            rooms.add(Started { room: Arc::new(Bell(name)), running: Arc::new(Measures(measures)) });
        }
        let text = rooms.metrics();
        let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert_eq!(names, ["lazaret_room_well", "lazaret_bell_tower_rings", "lazaret_bell_x"]);
    }

    #[test]
    fn how_rooms_are_is_measured_and_one_that_is_not_ready_says_why() {
        let rooms = Rooms::default();
        for (name, health) in [
            ("bell", Health::Well("rings".into())),
            ("late", Health::Impaired("slow".into())),
            ("away", Health::Unready("nobody is there".into())),
        ] {
            rooms.add(Started { room: Arc::new(Bell(name)), running: rung(health) });
        }
        let text = rooms.metrics();
        for line in [
            "lazaret_room_well{room=\"bell\"} 1",
            "lazaret_room_well{room=\"late\"} 0",
            "lazaret_room_well{room=\"away\"} 0",
            "lazaret_bell_rings_total 2",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} in {text}");
        }
        assert_eq!(rooms.unready(), [("away", "nobody is there".to_owned())]);
        assert_eq!(rooms.pages(), [("bell", Page { name: "Bell", needs: "view" })]);
        assert!(rooms.named("late").is_some() && rooms.named("nobody").is_none());
    }
}
