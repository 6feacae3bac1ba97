//! Who asks the console: a machine, perhaps through our own proxy, and who sits there where that is known.

use super::session::Visitor;
use super::{Console, Refused};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use lazaret_model::Introduction;
use lazaret_store::Event;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Who asks.
pub(super) struct Asker {
    /// Their machine, also where they come through the proxy.
    pub(super) client: String,
    /// The name by which the proxy knows them.
    pub(super) person: Option<String>,
    /// Who signed in to use the web from that machine, where no proxy says for whom it asks.
    pub(super) present: Option<String>,
    /// The name under which they signed in.
    pub(super) signed_in: Option<String>,
}

impl Asker {
    /// Refuses whoever is somebody else than the person whom the proxy stopped something for.
    pub(super) fn concerns(&self, event: &Event) -> Result<(), Refused> {
        // Behind other gateways nobody can be told apart here.
        if event.person.is_empty() || event.gate != lazaret_model::Gate::Proxy.to_string() {
            return Ok(());
        }
        let theirs = match &self.person {
            Some(person) => *person == event.person,
            // Whoever sits at a machine now is not who sat there then.
            None => self.client == event.client && self.present.as_ref().is_none_or(|name| *name == event.person),
        };
        if theirs || self.signed_in.as_ref() == Some(&event.person) {
            return Ok(());
        }
        Err(Refused::Because(
            StatusCode::FORBIDDEN,
            "this was stopped for someone else; open the link on the same computer and under the same name",
        ))
    }
}

fn introduced(parts: &Parts, console: &Console) -> Option<Introduction> {
    let told = parts.headers.get(Introduction::FIELD)?;
    Introduction::heard(told.as_bytes(), &console.proxy_secret)
}

/// The address of the machine that asks, also where it comes through the proxy.
pub(super) fn client_of(parts: &Parts, console: &Console) -> Option<IpAddr> {
    let direct = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|client| client.0.ip());
    introduced(parts, console).map(|introduced| introduced.client).or_else(direct).map(|client| client.to_canonical())
}

impl FromRequestParts<Arc<Console>> for Asker {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        let (client, introduced) = (client_of(parts, console), introduced(parts, console));
        let present = match (client, &introduced) {
            (Some(client), None) => console.identity.arrived(client).await.ok().flatten().map(|(person, _)| person),
            _ => None,
        };
        let visitor = Visitor::from_request_parts(parts, console).await.ok();
        let signed_in = visitor.and_then(|Visitor(who)| who).map(|who| who.user.name);
        Ok(Self {
            client: client.map(|client| client.to_string()).unwrap_or_default(),
            person: introduced.and_then(|introduced| introduced.person),
            present,
            signed_in,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stopped_for_somebody_is_theirs_and_not_of_whoever_sits_at_the_machine_next() {
        let event = Event {
            gate: lazaret_model::Gate::Proxy.to_string(),
            person: "ada".to_owned(),
            client: "192.0.2.7".to_owned(),
            ..Event::default()
        };
        for (client, person, present, signed_in, theirs) in [
            ("192.0.2.7", Some("ada"), None, None, true),
            ("192.0.2.7", Some("bob"), None, None, false),
            ("192.0.2.7", Some("bob"), None, Some("ada"), true),
            ("192.0.2.7", None, None, None, true),
            ("192.0.2.7", None, Some("ada"), None, true),
            ("192.0.2.7", None, Some("bob"), None, false),
            ("192.0.2.7", None, Some("bob"), Some("ada"), true),
            ("192.0.2.8", None, None, None, false),
            // It says who may not, and never who may: what stands before this page answers for many.
            ("192.0.2.8", None, Some("ada"), None, false),
        ] {
            let named = |name: Option<&str>| name.map(str::to_owned);
            let asker = Asker {
                client: client.to_owned(),
                person: named(person),
                present: named(present),
                signed_in: named(signed_in),
            };
            let found = asker.concerns(&event).is_ok();
            assert_eq!(found, theirs, "{client}, {person:?}, {present:?}, {signed_in:?}");
        }
    }
}
