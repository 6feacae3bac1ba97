//! Under which names the console answers: its own alone, so that no other site's name can be made to lead here (DNS rebinding).

use super::{Console, ConsoleSettings, Refused};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// Refuses what was asked under another name.
pub(super) async fn checked(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let field = || request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let authority: Option<Authority> = request.uri().authority().cloned().or_else(field);
    match authority {
        Some(authority) if !is_named(&console.settings, authority.host()) => Refused::Because(
            StatusCode::MISDIRECTED_REQUEST,
            "the console does not answer under this host name; `console.public_url` in the configuration sets the \
                right one",
        )
        .into_response(),
        None if request.headers().contains_key(HOST) => {
            Refused::Because(StatusCode::BAD_REQUEST, "the Host field does not name a host").into_response()
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
