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
            None => self.client == event.client,
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
        let visitor = Visitor::from_request_parts(parts, console).await.ok();
        let signed_in = visitor.and_then(|Visitor(who)| who).map(|who| who.user.name);
        Ok(Self {
            client: client.map(|client| client.to_string()).unwrap_or_default(),
            person: introduced.and_then(|introduced| introduced.person),
            signed_in,
        })
    }
}
