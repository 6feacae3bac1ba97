//! What rooms have words for: their names, what they tell that is nobody else's kind of event, and what they offer about an incident.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The name of the room that reported an event: letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoomName(Cow<'static, str>);

impl RoomName {
    /// The web proxy and the ICAP server.
    pub const GATES: Self = Self::new("gates");
    /// The console and the administrative commands.
    pub const CONSOLE: Self = Self::new("console");

    /// A room's name.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name used in JSON and in the ledger.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// An event that is specific to a room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomEvent {
    /// What happened, an [`EventKind`] of the room by its name; those of other versions may have others.
    pub act: String,
    /// Details, as text for people.
    #[serde(default)]
    pub detail: String,
    /// The same details, for programs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// A kind of event that a room tells, as other systems are told: in the Open Cybersecurity Schema Framework it is an activity of
/// the class Entity Management (3004).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind {
    /// Its name, which says what happened: `bell rung`.
    pub name: &'static str,
    /// Its meaning, for the documentation.
    pub about: &'static str,
    /// The entity it is about: `Bell`.
    pub entity: &'static str,
    /// What happens to that entity.
    pub activity: Activity,
}

/// What happens to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It is created.
    Create,
    /// It is read.
    Read,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
    /// It is activated.
    Activate,
    /// Anything else.
    Other,
}

impl Activity {
    /// Its number in the class Entity Management (`activity_id`, OCSF 1.8).
    pub const fn number(self) -> u32 {
        match self {
            Self::Create => 1,
            Self::Read => 2,
            Self::Update => 3,
            Self::Delete => 4,
            Self::Activate => 10,
            Self::Other => 99,
        }
    }
}

/// An act of a room about an incident, by its name: the room's, a dot, and its own, such as `bell.ring`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomAct(Cow<'static, str>);

impl RoomAct {
    /// The act of a name, which [`RoomAct::parse`] would take.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The act of a name that somebody wrote; `None` where it is no name of one.
    pub fn parse(name: &str) -> Option<Self> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.len() <= 40
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let (room, own) = name.split_once('.')?;
        (is_word(room) && is_word(own)).then(|| Self(Cow::Owned(name.to_owned())))
    }

    /// Its whole name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The room that does it.
    pub fn room(&self) -> &str {
        self.0.split_once('.').map_or("", |(room, _)| room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_of_a_room_has_the_rooms_name_before_its_own() {
        let act = RoomAct::parse("bell.ring-twice").unwrap();
        assert_eq!((act.name(), act.room()), ("bell.ring-twice", "bell"));
        assert_eq!(act, RoomAct::new("bell.ring-twice"));
        for name in ["", "bell", "bell.", ".ring", "bell.ring.twice", "Bell.ring", "bell.ring twice", "bell/ring"] {
            assert_eq!(RoomAct::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_of_a_room_is_a_text_in_json() {
        assert_eq!(serde_json::to_string(&RoomName::GATES).unwrap(), "\"gates\"");
        assert_eq!(serde_json::from_str::<RoomName>("\"console\"").unwrap(), RoomName::CONSOLE);
    }
}
