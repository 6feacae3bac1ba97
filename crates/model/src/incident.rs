//! Incidents: what one is about, what is done about it at the gates, and what may be done in which state.

mod subject;

pub use subject::{Subject, SubjectKind};

use crate::{Decision, RoomAct};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The policy ID recorded when an incident's measure refuses something.
pub const INCIDENT_POLICY: &str = "incident";
/// What the reference of an incident begins with.
const PREFIX: &str = "INC-";

/// A new incident's reference, for people to quote.
pub fn incident_reference() -> String {
    format!("{PREFIX}{}", crate::reference())
}

/// The state of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentState {
    /// It is being worked on.
    Open,
    /// It is closed. Its measures stay in force until they are undone.
    Closed,
}

/// A change to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentChange {
    /// Its scope.
    Scope,
    /// Adding a note.
    Note,
    /// Taking an action.
    Act,
    /// Undoing an action.
    Undo,
    /// Closing it.
    Close,
}

impl IncidentState {
    /// The name used in the ledger, in JSON and on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// The state with a name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|state| state.name() == name)
    }

    /// Checks whether a change is allowed in this state: once closed, actions may only be undone.
    ///
    /// # Errors
    /// If it is not.
    pub fn permits(self, change: IncidentChange) -> Result<(), IncidentError> {
        match (self, change) {
            (Self::Open, _) | (Self::Closed, IncidentChange::Undo) => Ok(()),
            (Self::Closed, _) => Err(IncidentError::Closed),
        }
    }
}

/// An action that can be taken for an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActOffer {
    /// What.
    pub kind: ActKind,
    /// The label in the console: `ring the bell for a person`.
    pub title: &'static str,
    /// What kind of target it has.
    pub subject: SubjectKind,
}

/// The kinds of action for an incident.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ActKind {
    /// Files with this hash are blocked.
    BlockHash,
    /// All traffic from and to a site is blocked.
    BlockSite,
    /// All traffic of a user is held.
    HoldPerson,
    /// All traffic of a group's users is held.
    HoldGroup,
    /// All traffic of a client is held.
    HoldClient,
    /// No file with this hash is released, even if it was approved.
    RevokeHash,
    /// Files that a user requested, or that were stopped for them, are not released.
    RevokePerson,
    /// An action of another room, which describes it.
    Room(RoomAct),
}

impl ActKind {
    /// All kinds that the gates and the console implement.
    pub const OWN: [Self; 7] = [
        Self::BlockHash,
        Self::BlockSite,
        Self::HoldPerson,
        Self::HoldGroup,
        Self::HoldClient,
        Self::RevokeHash,
        Self::RevokePerson,
    ];

    /// The name used in the ledger, in JSON and in forms.
    pub fn name(&self) -> &str {
        match self {
            Self::BlockHash => "block-hash",
            Self::BlockSite => "block-site",
            Self::HoldPerson => "hold-person",
            Self::HoldGroup => "hold-group",
            Self::HoldClient => "hold-client",
            Self::RevokeHash => "revoke-hash",
            Self::RevokePerson => "revoke-person",
            Self::Room(act) => act.name(),
        }
    }

    /// What people read. Of an act of a room, which may be none of this process, it is the name.
    pub fn title(&self) -> Cow<'static, str> {
        match (self.offer(), self) {
            (Some(offer), _) => Cow::Borrowed(offer.title),
            (None, kind) => Cow::Owned(kind.name().replace('.', ": ").replace('-', " ")),
        }
    }

    /// The kind with a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::OWN.into_iter().find(|kind| kind.name() == name).or_else(|| RoomAct::parse(name).map(Self::Room))
    }

    /// What the gates and the console offer; nothing of a room, which offers its acts itself.
    pub fn offer(&self) -> Option<ActOffer> {
        let (title, subject) = match self {
            Self::BlockHash => ("block a file", SubjectKind::Hash),
            Self::BlockSite => ("block a site", SubjectKind::Site),
            Self::HoldPerson => ("hold everything for a person", SubjectKind::Person),
            Self::HoldGroup => ("hold everything for a group", SubjectKind::Group),
            Self::HoldClient => ("hold everything for a machine", SubjectKind::Client),
            Self::RevokeHash => ("revoke releases of a file", SubjectKind::Hash),
            Self::RevokePerson => ("revoke releases for a person", SubjectKind::Person),
            Self::Room(_) => return None,
        };
        Some(ActOffer { kind: self.clone(), title, subject })
    }

    /// What the gates do with what it concerns; nothing where it is about releases alone, or a room's.
    pub const fn decision(&self) -> Option<Decision> {
        match self {
            Self::BlockHash | Self::BlockSite => Some(Decision::Block),
            Self::HoldPerson | Self::HoldGroup | Self::HoldClient => Some(Decision::Hold),
            Self::RevokeHash | Self::RevokePerson | Self::Room(_) => None,
        }
    }
}

impl From<ActKind> for String {
    fn from(kind: ActKind) -> Self {
        kind.name().to_owned()
    }
}

impl TryFrom<String> for ActKind {
    type Error = IncidentError;

    fn try_from(name: String) -> Result<Self, IncidentError> {
        Self::of(&name).ok_or(IncidentError::Unoffered)
    }
}

/// An action for an incident.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Act {
    /// What.
    pub kind: ActKind,
    /// Its target, normalised.
    pub value: String,
}

impl Act {
    /// An act of the gates or the console of which somebody says to what it is done.
    ///
    /// # Errors
    /// When that is nothing of the kind, or the act is a room's.
    pub fn parse(kind: ActKind, value: &str) -> Result<Self, IncidentError> {
        Self::offered(&kind.offer().ok_or(IncidentError::Unoffered)?, value)
    }

    /// An act that is offered of which somebody says to what it is done.
    ///
    /// # Errors
    /// If the target is not valid for this kind.
    pub fn offered(offer: &ActOffer, value: &str) -> Result<Self, IncidentError> {
        Ok(Self { kind: offer.kind.clone(), value: Subject::parse(offer.subject, value)?.value })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.value)
    }
}

/// An action in force, with its incident.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Measure {
    /// The incident's reference.
    pub incident: String,
    /// The act.
    #[serde(flatten)]
    pub act: Act,
}

impl Measure {
    /// Why something is kept back, for the record.
    pub fn told(&self) -> String {
        format!("incident {}: {}", self.incident, self.act)
    }
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its number.
    pub id: i64,
    /// Its reference.
    pub reference: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: IncidentState,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at: i64,
    /// By whom.
    pub opened_by: String,
    /// When it was closed; 0 for not yet.
    pub closed_at: i64,
    /// By whom.
    pub closed_by: String,
    /// Its conclusion.
    pub conclusion: String,
}

/// An entry of an incident's scope, with its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeEntry {
    /// What.
    #[serde(flatten)]
    pub subject: Subject,
    /// When it was added, in milliseconds since 1970.
    pub at: i64,
    /// Who added it.
    pub who: String,
}

/// An action that was taken for an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// Its number.
    pub id: i64,
    /// What.
    #[serde(flatten)]
    pub act: Act,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who did it.
    pub who: String,
    /// When it was undone; 0 for not yet.
    pub undone_at: i64,
    /// Who undid it.
    pub undone_by: String,
}

impl Deed {
    /// Whether it is in force.
    pub const fn is_in_force(&self) -> bool {
        self.undone_at == 0
    }
}

/// A note about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who wrote it.
    pub who: String,
    /// What they wrote.
    pub text: String,
}

/// Why a change to an incident is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentError {
    /// It is closed.
    Closed,
    /// The action was already undone, or there is none with that number.
    NotInForce(i64),
    /// A text is not a valid value of its kind.
    Subject {
        /// Of which kind.
        kind: SubjectKind,
        /// The text.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// No running room implements the action.
    Unoffered,
    /// The scope has reached its maximum size.
    Full(usize),
    /// A required text is empty.
    Empty(&'static str),
    /// A text is too long.
    TooLong {
        /// About what.
        what: &'static str,
        /// Characters that it may have.
        most: usize,
    },
}

impl fmt::Display for IncidentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the incident is closed; its response actions can only be undone"),
            Self::NotInForce(id) => write!(f, "the incident has no response action {id} in force"),
            Self::Subject { kind, value, expected } => {
                write!(f, "`{value}` is not a valid {}: expected {expected}", kind.title())
            }
            Self::Unoffered => f.write_str("no room here supports this response action"),
            Self::Full(most) => {
                write!(f, "an incident can have at most {most}; open another one for the rest")
            }
            Self::Empty(what) => write!(f, "the {what} is missing"),
            Self::TooLong { what, most } => write!(f, "the {what} may have at most {most} characters"),
        }
    }
}

impl std::error::Error for IncidentError {}

#[cfg(test)]
mod tests;
