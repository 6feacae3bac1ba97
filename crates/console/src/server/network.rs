//! Signing in to use the web: the proxy leads people here who are not known yet, and from then on takes requests from their machine as
//! theirs. A session alone does not do that: they say so, with a form of their session, on the machine that it is about.

use super::attack::encoded;
use super::extract::Query;
use super::known::Here;
use super::provider::ArrivedPage;
use super::session::{Nothing, Shown, Signed, SignedIn, Visitor};
use super::{Answer, Refused, page, parts, shown_time};
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect};
use lazaret_identity::Place;
use serde::Deserialize;
use std::net::IpAddr;

/// The page that asks, which the first one leads to.
const CONFIRM: &str = "/network/confirm";
/// Bytes of a path that survives a sign-in; where the address is longer, people come to the site's first page.
const MOST_PATH: usize = 480;

#[derive(Template)]
#[template(path = "console/network.html")]
struct Network {
    user: Option<Shown>,
    name: String,
    machine: String,
    /// The machine as the proxy sees it, where that is another one.
    other: Option<IpAddr>,
    /// The address they wanted to open; empty where there is none.
    to: String,
    /// The host in it.
    host: String,
    /// Who uses the web from there, and until when.
    present: Option<(String, String)>,
    hours: u32,
}

impl Network {
    /// Whether requests from the machine are theirs already.
    fn is_theirs(&self) -> bool {
        self.present.as_ref().is_some_and(|(person, _)| *person == self.name)
    }

    /// Whether they can say that it is theirs. Another machine than the one that they use is never taken for it: it may be one that stands
    /// before this page and answers for many.
    fn is_asked(&self) -> bool {
        self.other.is_none() && !self.is_theirs()
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    to: String,
    /// The machine, as the proxy sees it. Only for a sentence: whoever is led here may have been led by anybody.
    #[serde(default)]
    at: String,
}

impl parts::Network {
    /// Nobody is to think that they are known where the proxy does not ask for it.
    fn signs_in(&self) -> Result<(), Refused> {
        const OFF: &str = "signing in to use the web is not enabled here (`proxy.sign_in_page`)";
        if self.web_sign_in { Ok(()) } else { Err(Refused::Because(StatusCode::NOT_FOUND, OFF)) }
    }
}

/// Leads to the page that asks. A redirection would not do: browsers count it to the site where it began, and send no cookie that is
/// `SameSite=Strict` along.
pub(super) async fn lead(State(console): State<parts::Network>, Query(wanted): Query<Wanted>) -> Answer {
    console.signs_in()?;
    page(&ArrivedPage { user: None, to: asking(&wanted) })
}

/// Asks whether requests from here are theirs from now on.
pub(super) async fn show(
    State(console): State<parts::Network>,
    Visitor(who): Visitor,
    here: Here,
    Query(wanted): Query<Wanted>,
) -> Answer {
    console.signs_in()?;
    let Some(who) = who else {
        let back = encoded(&asking(&wanted));
        return Ok(Redirect::to(&format!("/login?to={back}")).into_response());
    };
    let client =
        here.client().ok_or(Refused::Because(StatusCode::BAD_REQUEST, "it cannot be told which machine you use"))?;
    let present = console.identity.arrived(client).await?.map(|(person, until)| (person, shown_time(until)));
    let to = elsewhere(&wanted.to);
    page(&Network {
        user: who.shown(),
        name: who.user.name.clone(),
        machine: client.to_string(),
        other: wanted.at.parse().ok().filter(|at: &IpAddr| at.to_canonical() != client.to_canonical()),
        host: to.as_ref().and_then(Uri::host).unwrap_or_default().to_owned(),
        to: to.map(|to| to.to_string()).unwrap_or_default(),
        present,
        hours: console.settings.network_hours,
    })
}

/// Takes the machine as theirs, and leads to where they wanted to go.
pub(super) async fn arrive(
    State(console): State<parts::Network>,
    who: SignedIn,
    here: Here,
    Signed(wanted): Signed<Wanted>,
) -> Answer {
    console.signs_in()?;
    console.identity.arrive(&here, &who.user, console.settings.network_hours).await?;
    let to = elsewhere(&wanted.to).map_or_else(|| CONFIRM.to_owned(), |to| to.to_string());
    page(&ArrivedPage { user: who.shown(), to })
}

/// Ends that.
pub(super) async fn leave(
    State(console): State<parts::Network>,
    who: SignedIn,
    here: Here,
    _: Signed<Nothing>,
) -> Answer {
    console.identity.leave(&here, &who.user).await?;
    Ok(Redirect::to(CONFIRM).into_response())
}

/// The page that asks, for somebody who wanted to go somewhere.
fn asking(wanted: &Wanted) -> String {
    let at = wanted.at.parse::<IpAddr>().map(|at| format!("at={}&", encoded(&at.to_string()))).unwrap_or_default();
    let nowhere = || format!("{CONFIRM}?{at}").trim_end_matches(['?', '&']).to_owned();
    let Some(to) = elsewhere(&wanted.to) else { return nowhere() };
    let path = |to: &str| format!("{CONFIRM}?{at}to={}", encoded(to));
    let whole = path(&to.to_string());
    if whole.len() <= MOST_PATH {
        return whole;
    }
    let first =
        to.scheme_str().zip(to.authority()).map(|(scheme, authority)| path(&format!("{scheme}://{authority}/")));
    first.filter(|path| path.len() <= MOST_PATH).unwrap_or_else(nowhere)
}

/// An address of the web, without a name and password in it.
fn elsewhere(to: &str) -> Option<Uri> {
    let is_plain = to.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'));
    let uri: Uri = to.parse().ok().filter(|_| is_plain)?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_name = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    (is_web && !has_name && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_what_is_no_page_of_the_web() {
        for (to, kept) in [
            ("http://example.org/", true),
            ("https://example.org:8443/a?b=c&d=%20", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//example.org/", false),
            ("/users", false),
            ("https://user@example.org/", false),
            ("https:///path", false),
            ("http://example.org/\"><script>", false),
            ("", false),
        ] {
            assert_eq!(elsewhere(to).is_some(), kept, "{to}");
        }
    }

    #[test]
    fn what_is_too_long_to_survive_a_sign_in_becomes_the_first_page() {
        let asked = |at: &str, to: &str| asking(&Wanted { to: to.to_owned(), at: at.to_owned() });
        assert_eq!(asked("", "https://example.org/a"), "/network/confirm?to=https%3A%2F%2Fexample.org%2Fa");
        let long = format!("https://example.org/{}", "a".repeat(1_000));
        let kept = asked("2001:db8::1", &long);
        assert_eq!(kept, "/network/confirm?at=2001%3Adb8%3A%3A1&to=https%3A%2F%2Fexample.org%2F");
        assert_eq!(
            asked("192.0.2.7", &format!("https://{}.example/", "a".repeat(500))),
            "/network/confirm?at=192.0.2.7"
        );
        assert_eq!(asked("\"><script>", "javascript:alert(1)"), CONFIRM);
        // What survives is what the sign-in keeps.
        assert_eq!(lazaret_identity::own_path(&kept), kept);
    }
}
