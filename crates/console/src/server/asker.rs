//! Who asks the console: a machine, perhaps through our own proxy, and who sits there where that is known.

use super::session::Somebody;
use super::{Console, ConsoleSettings, Refused};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
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
    signed_in: Option<String>,
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
            "this was stopped for somebody else; open the link on the computer and under the name that it was stopped for",
        ))
    }
}

impl FromRequestParts<Arc<Console>> for Asker {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Refused> {
        let told = parts.headers.get(Introduction::FIELD);
        let introduced = told.and_then(|told| Introduction::heard(told.as_bytes(), &console.proxy_secret));
        let direct = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|client| client.0.ip());
        let client = introduced.as_ref().map(|introduced| introduced.client).or(direct);
        let signed_in = Somebody::from_request_parts(parts, console).await.ok().map(|somebody| somebody.user.name);
        Ok(Self {
            client: client.map(|client| client.to_canonical().to_string()).unwrap_or_default(),
            person: introduced.and_then(|introduced| introduced.person),
            signed_in,
        })
    }
}

/// Answers only under names of its own, so that no other site's name can be made to lead here (DNS rebinding).
pub(super) async fn addressed(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let field = || request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let authority: Option<Authority> = request.uri().authority().cloned().or_else(field);
    match authority {
        Some(authority) if !is_named(&console.settings, authority.host()) => Refused::Because(
            StatusCode::MISDIRECTED_REQUEST,
            "the console does not answer under this name; `console.public_url` in the configuration says under which it does",
        )
        .into_response(),
        None if request.headers().contains_key(HOST) => {
            Refused::Because(StatusCode::BAD_REQUEST, "the Host field names no host").into_response()
        }
        _ => next.run(request).await,
    }
}

/// Whether the console answers under a name. A bare address leads nowhere else.
fn is_named(settings: &ConsoleSettings, host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let own = |address: &str| {
        let address = address.split_once("://").map_or(address, |(_, rest)| rest);
        let authority: Option<Authority> = address.split('/').next().and_then(|authority| authority.parse().ok());
        authority.is_some_and(|authority| authority.host().eq_ignore_ascii_case(host))
    };
    bare.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || own(&settings.public_url)
        || own(&settings.listen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_the_console_are_its_own() {
        let settings = ConsoleSettings {
            public_url: "https://Console.example:8443/".to_owned(),
            listen: "gate.internal:8080".to_owned(),
            ..ConsoleSettings::default()
        };
        for (host, own) in [
            ("console.example", true),
            ("gate.internal", true),
            ("localhost", true),
            ("192.0.2.1", true),
            ("[2001:db8::1]", true),
            ("other.example", false),
            ("example", false),
            ("console.example.other.example", false),
            ("", false),
        ] {
            assert_eq!(is_named(&settings, host), own, "{host}");
        }
        assert!(
            !is_named(&ConsoleSettings::default(), "console.example") && !is_named(&ConsoleSettings::default(), "")
        );
    }
}
