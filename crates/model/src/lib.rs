//! Lazaret's vocabulary, one word for one thing, with no input or output of its own.
//!
//! A sample is bytes and their [`Origin`]. It has a [`Kind`], consists of [`Part`]s, and has [`Finding`]s, from which
//! follows a [`Verdict`] (opinion) and then a [`Decision`] (policy); what happened is an [`Event`]. Every other crate uses
//! these types; this one depends on nothing but their serialisation.

mod bounded;
mod coding;
mod crowd;
mod decision;
mod event;
mod finding;
mod incident;
mod introduction;
mod kind;
mod limits;
mod origin;
mod pace;
mod part;
mod place;
mod plain;
mod reference;
mod report;
mod room;
mod settings;
mod units;
mod verdict;

pub use bounded::Bounded;
pub use coding::ContentCoding;
pub use crowd::{Crowd, Seat};
pub use decision::{Decision, PolicyMatch, Ruling};
pub use event::{Administration, AuditAct, Body, EVENT_SCHEMA, Event, Transfer};
pub use finding::{Evidence, Family, Finding, Severity, TechniqueId};
pub use incident::{
    Act, ActKind, ActOffer, Deed, INCIDENT_POLICY, Incident, IncidentChange, IncidentError, IncidentState, Measure,
    Note, ScopeEntry, Subject, SubjectKind, incident_reference,
};
pub use introduction::Introduction;
pub use kind::{Class, Kind};
pub use limits::{Limit, Limits};
pub use origin::{Basis, Direction, Gate, Known, Origin};
pub use pace::Pace;
pub use part::{Child, Part, PartId, Role, extension};
pub use place::on_this_machine;
pub use plain::plain;
pub use reference::reference;
pub use report::{SCAN_SCHEMA, ScanReport};
pub use room::{Activity, EventKind, RoomAct, RoomEvent, RoomName};
pub use settings::{Setting, SettingError, Settings, SettingsTable, is_secret, nearest, toml_of, values_of};
pub use units::DAY;
pub use verdict::{Verdict, fold};
