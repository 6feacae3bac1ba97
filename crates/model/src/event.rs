//! Events: what happened, as every room tells it. An envelope says when, where, to whom and what was decided; a typed body says
//! the rest. `schemas/lazaret.event-1.json` describes the JSON.

use crate::{Decision, RoomEvent, RoomName, TechniqueId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The schema of an event's JSON.
pub const EVENT_SCHEMA: &str = "lazaret.event/1";

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always [`EVENT_SCHEMA`].
    pub schema: Cow<'static, str>,
    /// The reference that people quote.
    pub reference: String,
    /// When, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// The room that reported it.
    pub room: RoomName,
    /// The user who did it, or on whose behalf it was done; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// Groups of that user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// IP address of the client; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// The policy decision, if one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// IDs of related ATT&CK techniques.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<TechniqueId>,
    /// The body, which depends on the kind of event.
    #[serde(flatten)]
    pub body: Body,
}

/// The body of an event, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "kebab-case")]
pub enum Body {
    /// A body that passed through a gate, or was refused there.
    Transfer(Box<Transfer>),
    /// A connection that was uninspected or refused.
    Connection(Box<Transfer>),
    /// An administrative action.
    Administration(Administration),
    /// An event that is specific to another room.
    Room(RoomEvent),
}

impl Body {
    /// The name of its kind, used in JSON and in the ledger.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transfer(_) => "transfer",
            Self::Connection(_) => "connection",
            Self::Administration(_) => "administration",
            Self::Room(_) => "room",
        }
    }
}

/// A body that passed through a gate. Empty strings mean unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Transfer {
    /// The gate it came through.
    pub gate: String,
    /// `download` or `upload`.
    pub direction: String,
    /// Host name of the site.
    pub host: String,
    /// Registered domain of the site.
    pub domain: String,
    /// URL without the query string.
    pub address: String,
    /// File name.
    pub name: String,
    /// SHA-256 of the sample; empty if only its beginning was seen.
    pub sha256: String,
    /// Size in bytes.
    pub size: i64,
    /// File type ID.
    pub file_kind: String,
    /// Class name.
    pub class: String,
    /// Verdict name.
    pub verdict: String,
    /// The policy that decided.
    pub policy: String,
    /// Why it was refused, if not because of a policy.
    pub reason: String,
    /// Whether it was quarantined.
    pub quarantined: bool,
    /// What the decision was based on: its origin, and the facts about its parts.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub judged: Value,
}

/// An administrative action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administration {
    /// The name of an [`AuditAct`]; older versions may have used others.
    pub act: String,
    /// Details, as text.
    pub detail: String,
}

macro_rules! acts {
    ($($(#[doc = $doc:literal])+ $act:ident $name:literal,)+) => {
        /// Actions of users and of the product itself that are recorded in the audit log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditAct {
            $($(#[doc = $doc])+ $act,)+
        }

        impl AuditAct {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$act,)+];

            /// The name in the audit, in JSON and in the ledger.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$act => $name,)+
                }
            }
        }
    };
}

acts! {
    /// The first administrator was created.
    SetUp "set-up",
    /// A user signed in.
    SignedIn "signed in",
    /// A sign-in failed.
    SignInFailed "sign-in failed",
    /// A user signed out.
    SignedOut "signed out",
    /// A recovery code was used instead of a one-time password.
    RecoveryCodeUsed "recovery code used",
    /// Too many wrong one-time passwords were entered.
    FactorLocked "one-time passwords locked",
    /// A user enabled one-time passwords.
    FactorOn "one-time passwords on",
    /// A user disabled one-time passwords.
    FactorOff "one-time passwords off",
    /// An administrator disabled them for a user.
    FactorReset "one-time passwords reset",
    /// A user changed their password.
    PasswordChanged "password changed",
    /// A person was added.
    UserAdded "user added",
    /// A person's role, password or state was changed.
    UserChanged "user changed",
    /// An API token was created.
    TokenMade "token made",
    /// A token was used, for the first time on a day.
    TokenUsed "token used",
    /// A token was revoked.
    TokenRevoked "token revoked",
    /// Policies were saved.
    PoliciesChanged "policies changed",
    /// A host was exempted from inspection.
    BypassAdded "bypass added",
    /// A host is inspected again.
    BypassRemoved "bypass removed",
    /// A request for a stopped file was decided.
    RequestDecided "request decided",
    /// A stopped file was released.
    Released "released",
    /// An approved file could not be released.
    ReleaseRefused "release refused",
    /// A file was deleted from the quarantine.
    QuarantineDeleted "deleted from the quarantine",
    /// A user viewed a sample's bytes.
    SampleViewed "sample looked into",
    /// A user downloaded a sample.
    SampleExported "sample taken away",
    /// A user exported events.
    EventsExported "events exported",
    /// A certificate authority was created.
    AuthorityMade "authority made",
    /// An authority was put in use.
    AuthorityPutInUse "authority put in use",
    /// This process switched to another authority.
    AuthorityInUse "authority in use",
    /// An authority and its key were removed.
    AuthorityRemoved "authority removed",
    /// An incident was opened.
    IncidentOpened "incident opened",
    /// The scope of an incident was extended.
    IncidentScope "incident scope",
    /// A note was added to an incident.
    IncidentNoted "incident noted",
    /// An action was taken for an incident.
    IncidentActed "incident act",
    /// An action was undone.
    IncidentUndone "incident act undone",
    /// An incident was closed.
    IncidentClosed "incident closed",
    /// An incident was exported.
    IncidentExported "incident exported",
    /// Someone submitted a report.
    IncidentReported "incident reported",
    /// A report was accepted or dismissed.
    IncidentReportDecided "incident report decided",
    /// An analyst began a take.
    TakeBegun "take begun",
    /// A take was changed, checked, published or withdrawn.
    TakeChanged "take changed",
    /// A release made a published take stale.
    TakeStale "take stale",
    /// A Navigator layer was saved.
    LayerSaved "layer saved",
    /// A Navigator layer was removed.
    LayerRemoved "layer removed",
}

impl AuditAct {
    /// The action with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|act| act.name() == name)
    }
}

impl fmt::Display for AuditAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_act_has_a_name_of_its_own_by_which_it_is_found_again() {
        let names: HashSet<_> = AuditAct::ALL.iter().map(|act| act.name()).collect();
        assert_eq!(names.len(), AuditAct::ALL.len());
        for act in AuditAct::ALL {
            assert_eq!(AuditAct::named(act.name()), Some(*act));
        }
        assert_eq!(AuditAct::named("something else"), None);
    }

    #[test]
    fn an_event_is_read_back_as_it_was_written() {
        let event = Event {
            schema: EVENT_SCHEMA.into(),
            reference: "ABCD-2345".into(),
            at: 1_767_225_600_123,
            room: RoomName::CONSOLE,
            person: "anna".into(),
            groups: Vec::new(),
            client: String::new(),
            decision: None,
            techniques: Vec::new(),
            body: Body::Administration(Administration { act: AuditAct::SignedIn.name().into(), detail: String::new() }),
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"schema":"lazaret.event/1","reference":"ABCD-2345","at":1767225600123,"room":"console","person":"anna","kind":"administration","body":{"act":"signed in","detail":""}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
    #[test]
    fn what_a_room_tells_has_its_name_and_is_read_back_as_it_was_written() {
        let text = r#"{"schema":"lazaret.event/1","reference":"ABCD-2345","at":1,"room":"bell","kind":"room","body":{"act":"bell rung","detail":"for ada","fields":{"times":3}}}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!((event.room.name(), event.body.kind()), ("bell", "room"));
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }
}
