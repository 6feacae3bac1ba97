//! The list of rooms that `lazaret serve` walks. A room is added by its crate and one line here.

mod console;
mod export;
mod icap;
mod proxy;
mod retention;

use crate::config::{self, Config};
use crate::control::Process;
use crate::failure::Failure;
use lazaret_console::House;
use lazaret_frame::{Room, RoomError};
use lazaret_gates::{Authority, Desk};
use lazaret_identity::Identity;
use lazaret_model::{ActKind, ActOffer, EventKind, RoomAct, nearest};
use lazaret_policy::Permissions;
use lazaret_store::Blobs;
use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The rooms that look at downloads, named together.
pub(crate) const GATES: &str = "gates";
/// The role that may do everything that anybody may.
const GOVERNS: &str = "admin";
/// Names of rooms that whoever serves has to know.
pub(crate) const CONSOLE: &str = "console";
pub(crate) const EXPORT: &str = "export";

/// The rooms of Lazaret, in the order in which they start. They stop the other way round.
pub fn rooms() -> Vec<Arc<dyn Room>> {
    vec![
        Arc::new(export::ExportRoom),
        Arc::new(retention::RetentionRoom),
        Arc::new(console::ConsoleRoom),
        Arc::new(proxy::ProxyRoom),
        Arc::new(icap::IcapRoom),
    ]
}

/// The rooms of this executable, once they are known.
static ROOMS: OnceLock<Vec<Arc<dyn Room>>> = OnceLock::new();

/// The rooms of this executable, whether they run or not.
pub(crate) fn all() -> &'static [Arc<dyn Room>] {
    ROOMS.get_or_init(rooms)
}

/// Says which rooms this executable has.
///
/// # Errors
/// When two of them cannot be told apart, or one has what is not its own.
pub(crate) fn put_up(rooms: Vec<Arc<dyn Room>>) -> Result<(), Failure> {
    if let Some(why) = wrong(&rooms) {
        return Err(Failure::new(why));
    }
    // There is one call of this in a process.
    let _ = ROOMS.set(rooms);
    Ok(())
}

/// Everything that can be done about an incident, by the gates, the console and the rooms of this executable.
pub(crate) fn acts() -> Vec<ActOffer> {
    ActKind::OWN.iter().filter_map(ActKind::offer).chain(all().iter().flat_map(|room| room.acts())).collect()
}

/// What is wrong with a list of rooms.
fn wrong(rooms: &[Arc<dyn Room>]) -> Option<String> {
    let (mut names, mut tables): (Vec<&str>, Vec<&str>) = Default::default();
    for room in rooms {
        let name = room.name();
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !is_name(name) {
            return Some(format!("`{name}` is not a valid room name: use lower-case letters, digits and dashes"));
        }
        // The gates' and the console's events have these names.
        if names.contains(&name) || name == GATES || rooms.iter().any(|other| other.group() == name) {
            return Some(format!("two rooms are named `{name}`"));
        }
        names.push(name);
        let mut acts = Vec::new();
        for offer in room.acts() {
            // One that the ledger does not give back would never be in force, nor be undone.
            let is_own = |act: &RoomAct| act.room() == name && RoomAct::parse(act.name()).is_some();
            if !matches!(&offer.kind, ActKind::Room(act) if is_own(act)) {
                return Some(format!("`{}` is not a valid action name for the room `{name}`", offer.kind.name()));
            }
            if acts.contains(&offer.kind) {
                return Some(format!("the room `{name}` offers `{}` twice", offer.kind.name()));
            }
            acts.push(offer.kind);
        }
        if let Some(table) = room.settings() {
            let top = |name: &'static str| name.split('.').next();
            let is_shared = config::shared_tables().iter().any(|own| top(own.name) == top(table.name));
            if is_shared || tables.contains(&table.name) {
                return Some(format!("two settings tables are named `{}`", table.name));
            }
            tables.push(table.name);
        }
        if let Some(page) = room.page()
            && !Permissions::built_in().is_ok_and(|permissions| permissions.of(GOVERNS).contains(page.needs))
        {
            return Some(format!(
                "the page of the room `{name}` requires the permission `{}`, which no role \
                has",
                page.needs
            ));
        }
    }
    None
}

/// The rooms that somebody asked for, by their names or by what they are called together; all where nobody did.
pub(crate) fn selected(only: &[String]) -> Result<Vec<Arc<dyn Room>>, Failure> {
    chosen(all(), only)
}

fn chosen(rooms: &[Arc<dyn Room>], only: &[String]) -> Result<Vec<Arc<dyn Room>>, Failure> {
    for name in only {
        if !rooms.iter().any(|room| is_meant(&**room, name)) {
            let mut names: Vec<&str> = Vec::new();
            for known in rooms.iter().flat_map(|room| [room.group(), room.name()]) {
                if !known.is_empty() && !names.contains(&known) {
                    names.push(known);
                }
            }
            let meant = nearest(name, names.iter().copied()).map(|meant| format!("; did you mean `{meant}`?"));
            let names = names.join(", ");
            return Err(Failure::new(format!(
                "there is no room `{name}`{}\nrooms: {names}",
                meant.unwrap_or_default()
            )));
        }
    }
    let chosen = rooms.iter().filter(|room| only.is_empty() || only.iter().any(|name| is_meant(&***room, name)));
    Ok(chosen.cloned().collect())
}

fn is_meant(room: &dyn Room, name: &str) -> bool {
    room.name() == name || (!room.group().is_empty() && room.group() == name)
}

/// What a room looks at before it starts: its own table of settings, as far as it is set.
pub(crate) fn settings_of(room: &dyn Room, config: &Config) -> Value {
    config.table(room.settings().map_or(room.name(), |table| table.name))
}

/// Whether a room is among these.
pub(crate) fn has(rooms: &[Arc<dyn Room>], name: &str) -> bool {
    rooms.iter().any(|room| room.name() == name)
}

/// A kind of event that a room of this executable tells, by what it is called.
pub(crate) fn event_kind(room: &str, act: &str) -> Option<EventKind> {
    let room = all().iter().find(|own| own.name() == room)?;
    room.events().into_iter().find(|kind| kind.name == act)
}

/// What our own rooms share beside the frame.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) desk: Arc<Desk>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) process: Arc<Process>,
    pub(crate) blobs: Arc<dyn Blobs>,
    /// Rung when something new is kept.
    pub(crate) kept: Arc<Notify>,
    /// Who people are, for the console and for the proxy.
    pub(crate) identity: Arc<Identity>,
    /// Whose console it is, and pages that stop somebody.
    pub(crate) house: Arc<House>,
    /// Where people reach the console; `None` for no console.
    pub(crate) public_url: Option<String>,
    /// What the proxy shows the console when it says for whom it asks.
    pub(crate) secret: String,
    /// The console's listener, of whose address pages knew before it starts.
    pub(crate) console: Mutex<Option<TcpListener>>,
}

/// Listens where a setting says.
pub(crate) async fn bind(key: &'static str, address: &str) -> Result<TcpListener, RoomError> {
    TcpListener::bind(address).await.map_err(|why| {
        let address = address.to_owned();
        match why.kind() {
            std::io::ErrorKind::AddrInUse => RoomError::InUse { key, address },
            std::io::ErrorKind::InvalidInput => RoomError::NoAddress { key, address },
            _ => RoomError::Listen { key, address, why },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_frame::{Frame, Page, Pending, Running};
    use lazaret_model::{ActOffer, SettingsTable, SubjectKind};

    struct Other {
        name: &'static str,
        act: &'static str,
        needs: &'static str,
        table: Option<&'static str>,
    }

    impl Room for Other {
        fn name(&self) -> &'static str {
            self.name
        }

        fn title(&self) -> &'static str {
            "Other"
        }

        fn settings(&self) -> Option<SettingsTable> {
            Some(SettingsTable::of::<config::Library>(self.table?))
        }

        fn acts(&self) -> Vec<ActOffer> {
            let kind = ActKind::Room(RoomAct::new(self.act));
            vec![ActOffer { kind, title: "ring", subject: SubjectKind::Person }]
        }

        fn page(&self) -> Option<Page> {
            Some(Page { name: "Other", needs: self.needs })
        }

        fn start<'a>(&'a self, _frame: &'a Frame) -> Pending<'a, Result<Option<Arc<dyn Running>>, RoomError>> {
            Box::pin(async { Ok(None) })
        }
    }

    fn with_page(name: &'static str, act: &'static str, needs: &'static str) -> Vec<Arc<dyn Room>> {
        let mut rooms = rooms();
        rooms.push(Arc::new(Other { name, act, needs, table: None }));
        rooms
    }

    fn with(name: &'static str, act: &'static str) -> Vec<Arc<dyn Room>> {
        with_page(name, act, "view")
    }

    #[test]
    fn a_room_has_a_name_and_acts_of_its_own_and_a_page_that_somebody_may_see() {
        assert_eq!(wrong(&rooms()), None);
        assert_eq!(wrong(&with("bell", "bell.ring")), None);
        let why = wrong(&with_page("bell", "bell.ring", "ring")).unwrap_or_default();
        assert!(why.contains("requires the permission `ring`"), "{why}");
        for (name, act) in [
            ("proxy", "proxy.ring"),
            ("gates", "gates.ring"),
            ("Bell", "bell.ring"),
            ("", ".ring"),
            ("bell", "chime.ring"),
            // The ledger would not give these back.
            ("bell", "bell.Ring"),
            ("bell", "bell.ring twice"),
            ("bell", "bell.ring.twice"),
            ("bell", "bell."),
            ("bell", "bell.rung-for-everybody-who-was-ever-seen-in-this-house"),
        ] {
            assert!(wrong(&with(name, act)).is_some(), "{name} {act}");
        }
    }

    #[test]
    fn no_two_tables_of_settings_have_one_name() {
        let with = |table| {
            let mut rooms = rooms();
            let other = Other { name: "bell", act: "bell.ring", needs: "view", table: Some(table) };
            rooms.push(Arc::new(other));
            rooms
        };
        for table in ["bell", "tower"] {
            assert_eq!(wrong(&with(table)), None, "{table}");
        }
        for table in ["limits", "detect", "identity", "identity.bell", "quarantine", "proxy"] {
            let why = wrong(&with(table)).unwrap_or_default();
            assert!(why.contains(&format!("two settings tables are named `{table}`")), "{table}: {why}");
        }
    }

    #[test]
    fn rooms_are_chosen_by_name_and_by_what_they_are_called_together() {
        let rooms = with("bell", "bell.ring");
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            chosen(&rooms, &only).map(|rooms| rooms.iter().map(|room| room.name()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["export", "retention", "console", "proxy", "icap", "bell"]);
        assert_eq!(names(&["gates", "console"]).unwrap(), ["console", "proxy", "icap"]);
        assert_eq!(names(&["bell", "icap", "icap"]).unwrap(), ["icap", "bell"]);
        let why = names(&["gates", "consoles"]).unwrap_err().to_string();
        assert!(
            why.contains("`consoles`") && why.contains("did you mean `console`?") && why.contains("gates, proxy"),
            "{why}"
        );
        assert!(names(&[""]).is_err());
    }

    #[test]
    fn a_place_where_nobody_can_listen_is_named_with_its_setting() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let taken = bind("proxy.listen", "127.0.0.1:0").await.unwrap().local_addr().unwrap();
            let holder = bind("proxy.listen", &taken.to_string()).await.unwrap();
            let used = bind("icap.listen", &taken.to_string()).await.unwrap_err().to_string();
            drop(holder);
            assert!(used.contains("is in use by another program") && used.contains("`icap.listen`"), "{used}");
            let nothing = bind("icap.listen", "nowhere").await.unwrap_err().to_string();
            assert_eq!(nothing, "`icap.listen`: `nowhere` is not an address with a port");
        });
    }
}
