//! Events: what happened, as every room tells it. An envelope says when, where, to whom and what was decided; a typed body says
//! the rest. `schemas/lazaret.event-1.json` describes the JSON.

use crate::{Decision, RoomEvent, RoomName, TechniqueId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The form of an event's JSON.
pub const EVENT_SCHEMA: &str = "lazaret.event/1";

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always [`EVENT_SCHEMA`].
    pub schema: Cow<'static, str>,
    /// The number that people quote.
    pub reference: String,
    /// When, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// The room that tells it.
    pub room: RoomName,
    /// The person who did it or for whom it was done; empty for nobody known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// Groups of that person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Address of the machine it was done from; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// What policy said, where policy was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Techniques of ATT&CK that it is about, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<TechniqueId>,
    /// What there is to say about its kind.
    #[serde(flatten)]
    pub body: Body,
}

/// What there is to say about an event, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "kebab-case")]
pub enum Body {
    /// A body that went through a gate, or was refused there.
    Transfer(Box<Transfer>),
    /// A connection that nobody looks into, or was refused.
    Connection(Box<Transfer>),
    /// Something that somebody did with the product itself.
    Administration(Administration),
    /// Something that another room tells.
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

/// A body that went through a gate. Empty texts stand for what is not known.
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
    /// Address, without its query.
    pub address: String,
    /// File name.
    pub name: String,
    /// SHA-256 of the sample; empty where only its beginning was seen.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    /// Kind id.
    pub file_kind: String,
    /// Class name.
    pub class: String,
    /// Verdict name.
    pub verdict: String,
    /// The policy that decided.
    pub policy: String,
    /// Why it was refused without a policy.
    pub reason: String,
    /// Whether its bytes are in quarantine.
    pub quarantined: bool,
    /// What it was judged by: its origin, and what policies were told about its parts.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub judged: Value,
}

/// Something that somebody did with the product itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administration {
    /// What they did, an [`AuditAct`] by its name; those of older versions may have others.
    pub act: String,
    /// To what, and how.
    pub detail: String,
}

macro_rules! acts {
    ($($(#[doc = $doc:literal])+ $act:ident $name:literal,)+) => {
        /// What people and the product itself do that is written down.
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
    /// The first administrator was made.
    SetUp "set-up",
    /// Somebody signed in.
    SignedIn "signed in",
    /// Somebody could not sign in.
    SignInFailed "sign-in failed",
    /// Somebody signed out.
    SignedOut "signed out",
    /// A recovery code stood for a one-time password.
    RecoveryCodeUsed "recovery code used",
    /// Too many one-time passwords were wrong.
    FactorLocked "one-time passwords locked",
    /// Somebody has one-time passwords from now on.
    FactorOn "one-time passwords on",
    /// Somebody has no one-time passwords any more.
    FactorOff "one-time passwords off",
    /// An administrator switched them off for somebody.
    FactorReset "one-time passwords reset",
    /// Somebody changed their password.
    PasswordChanged "password changed",
    /// A person was added.
    UserAdded "user added",
    /// A person's role, password or state was changed.
    UserChanged "user changed",
    /// A token of the API was made.
    TokenMade "token made",
    /// A token was used, for the first time on a day.
    TokenUsed "token used",
    /// A token was withdrawn.
    TokenRevoked "token revoked",
    /// Policies were saved.
    PoliciesChanged "policies changed",
    /// A host is passed uninspected from now on.
    BypassAdded "bypass added",
    /// A host is inspected again.
    BypassRemoved "bypass removed",
    /// A request for a stopped file was decided.
    RequestDecided "request decided",
    /// A stopped file was handed over.
    Released "released",
    /// An approved file was not handed over after all.
    ReleaseRefused "release refused",
    /// Bytes were removed from the quarantine.
    QuarantineDeleted "deleted from the quarantine",
    /// Somebody looked at a sample's bytes.
    SampleViewed "sample looked into",
    /// Somebody downloaded a sample.
    SampleExported "sample taken away",
    /// Somebody downloaded events as a table.
    EventsExported "events exported",
    /// A certificate authority was made.
    AuthorityMade "authority made",
    /// An authority was put in use.
    AuthorityPutInUse "authority put in use",
    /// This process uses another authority from now on.
    AuthorityInUse "authority in use",
    /// An authority and its key were removed.
    AuthorityRemoved "authority removed",
    /// An incident was opened.
    IncidentOpened "incident opened",
    /// What an incident is about was extended.
    IncidentScope "incident scope",
    /// Something was written down about an incident.
    IncidentNoted "incident noted",
    /// Something was done about an incident.
    IncidentActed "incident act",
    /// It was undone.
    IncidentUndone "incident act undone",
    /// An incident was closed.
    IncidentClosed "incident closed",
    /// An incident was exported.
    IncidentExported "incident exported",
    /// Somebody reported what they saw.
    IncidentReported "incident reported",
    /// A report was taken up or dismissed.
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
    /// The act of a name.
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
