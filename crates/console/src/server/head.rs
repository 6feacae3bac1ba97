//! The head of every page: whose console it is, and the ways from page to page with a mark at the one that is shown.

use super::session::Shown;
use super::{Answer, Console, Refused, parts, rooms};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lazaret_attack::section_at;
use std::sync::Arc;

/// Addresses of the pages that the head leads to, what they are called there, and the action that somebody needs for each;
/// none for whoever is signed in.
const LINKS: [(&str, &str, &str); 13] = [
    ("/", "Overview", "view"),
    ("/live", "Live", "view"),
    ("/events", "Events", "view"),
    ("/quarantine", "Quarantine", "view"),
    ("/requests", "Requests", "view"),
    ("/incidents", "Incidents", "view"),
    ("/sites", "Sites", "view"),
    ("/policies", "Policies", "read-policies"),
    ("/users", "Users", "manage-users"),
    ("/audit", "Audit", "read-audit"),
    ("/settings", "Settings", "read-settings"),
    ("/attack", "ATT&CK", ""),
    ("/certificate", "Certificate", ""),
];

/// Where incidents are taken up, by anybody.
const INCIDENT: &str = "/incident";
/// What pages are asked for, and what that is called where an incident is taken up.
const ASKED_AS: [(&str, &str); 5] =
    [("domain", "site"), ("site", "site"), ("person", "person"), ("client", "client"), ("sha256", "hash")];
/// Characters of one thing that somebody looks at.
const MOST_ABOUT: usize = 600;

tokio::task_local! {
    /// The head of the page that is being made. Every page has one, whichever handler makes it.
    static HEAD: Head;
}

/// What the head says beside who is signed in.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// Name of the organisation; empty for none.
    pub(super) organisation: String,
    /// Whether it has a logo.
    pub(super) logo: bool,
    /// Where an incident about what is shown is taken up.
    pub(super) incident: String,
    /// The pages of rooms: their addresses, what they are called, and the action that somebody needs for each.
    rooms: Vec<(String, &'static str, &'static str)>,
    /// The path that was asked for.
    path: String,
}

/// A way to another page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) path: String,
    pub(super) name: String,
    /// The value of `aria-current` (WAI-ARIA 1.2, 6.6): this page, or one below it; empty for another.
    pub(super) current: &'static str,
}

impl Head {
    /// The ways that somebody has; nobody in particular may read the library and sign in.
    pub(super) fn links(&self, user: Option<&Shown>) -> Vec<Link> {
        let link =
            |path: &str, name: &str| Link { path: path.to_owned(), name: name.to_owned(), current: self.current(path) };
        let Some(user) = user else { return vec![link("/attack", "ATT&CK"), link("/login", "Sign in")] };
        let open = LINKS.iter().filter(|(_, _, needed)| needed.is_empty() || user.may(needed));
        let mut links: Vec<_> = open.map(|(path, name, _)| link(path, name)).collect();
        let rooms = self.rooms.iter().filter(|(_, _, needed)| user.may(needed));
        links.extend(rooms.map(|(path, name, _)| link(path, name)));
        links.push(link("/account", &user.name));
        links
    }

    fn current(&self, path: &str) -> &'static str {
        if self.path == path {
            return "page";
        }
        let mut pieces = self.path.split('/').skip(1);
        let first = pieces.next().unwrap_or_default();
        // Entries of the library have the addresses of the official site.
        let first = if section_at(first).is_some() { "attack" } else { first };
        if path.strip_prefix('/').is_some_and(|own| !own.is_empty() && own == first) { "true" } else { "" }
    }
}

/// The head of the page that is being made.
pub(super) fn of_page() -> Head {
    HEAD.try_with(Clone::clone).unwrap_or_default()
}

/// The address under which an incident about a page is taken up: what one is looking at goes with it.
fn incident_about(uri: &Uri) -> String {
    let pieces: Vec<&str> = uri.path().split('/').skip(1).collect();
    let mut about: Vec<(&str, String)> = Vec::new();
    match pieces.as_slice() {
        ["events" | "ask" | "unlock", reference, ..] => about.push(("reference", (*reference).to_owned())),
        ["techniques", technique] => about.push(("technique", (*technique).to_owned())),
        ["techniques", technique, sub] => about.push(("technique", format!("{technique}.{sub}"))),
        ["events" | "sites"] => {
            let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
            for (name, value) in pairs {
                let known = ASKED_AS.iter().find(|(asked, _)| *asked == name);
                // Each once: an address with two of one name is understood by nobody.
                let known = known.filter(|(_, own)| about.iter().all(|(name, _)| name != own));
                about.extend(known.map(|(_, own)| (*own, value.to_owned())));
            }
        }
        _ => {}
    }
    // As they stand in an address: what was coded there stays so.
    let coded = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%+".contains(&byte));
    about.retain(|(_, value)| !value.is_empty() && value.len() <= MOST_ABOUT && coded(value));
    let pairs: Vec<_> = about.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { INCIDENT.to_owned() } else { format!("{INCIDENT}?{}", pairs.join("&")) }
}

/// Lets pages know what their head says.
pub(super) async fn headed(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let head = Head {
        organisation: console.house.organisation.clone(),
        logo: console.house.logo.is_some(),
        incident: incident_about(request.uri()),
        rooms: rooms::pages(&console.rooms),
        path: request.uri().path().to_owned(),
    };
    HEAD.scope(head, next.run(request)).await
}

/// The organisation's logo, a picture that runs and fetches nothing.
pub(super) async fn logo(State(console): State<parts::Owner>) -> Answer {
    let logo = console.house.logo.as_ref();
    let logo = logo.ok_or(Refused::Because(StatusCode::NOT_FOUND, "no logo is configured"))?;
    let (media_type, bytes) = logo.picture();
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "max-age=3600")], bytes.to_vec()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(path: &str) -> Vec<(&'static str, &'static str)> {
        let head = Head { path: path.to_owned(), ..Head::default() };
        LINKS.iter().map(|(link, ..)| (*link, head.current(link))).filter(|(_, current)| !current.is_empty()).collect()
    }

    #[test]
    fn one_way_at_the_most_is_marked_as_the_one_that_somebody_went() {
        for (path, marked) in [
            ("/", &[("/", "page")][..]),
            ("/events", &[("/events", "page")]),
            ("/events/ABCD-EFGH-JKLM", &[("/events", "true")]),
            ("/policies/history/3", &[("/policies", "true")]),
            ("/sites/refusals", &[("/sites", "true")]),
            ("/attack", &[("/attack", "page")]),
            ("/techniques/T1204/002", &[("/attack", "true")]),
            ("/eventsx", &[]),
            ("/login", &[]),
        ] {
            assert_eq!(current(path), marked, "{path}");
        }
    }

    #[test]
    fn what_one_is_looking_at_goes_with_the_way_to_immediate_response() {
        for (page, leads) in [
            ("/", "/incident"),
            ("/login", "/incident"),
            ("/events", "/incident"),
            (
                "/events?decision=hold&domain=evil.example&client=192.0.2.7",
                "/incident?site=evil.example&client=192.0.2.7",
            ),
            ("/events?domain=a.example&domain=b.example", "/incident?site=a.example"),
            ("/events?person=%22%3E%3Cscript%3E", "/incident?person=%22%3E%3Cscript%3E"),
            ("/events?domain=a\"b", "/incident"),
            ("/events/ABCD-2345/bytes?at=16", "/incident?reference=ABCD-2345"),
            ("/ask/ABCD-2345", "/incident?reference=ABCD-2345"),
            ("/sites?site=evil.example", "/incident?site=evil.example"),
            ("/techniques/T1204/002", "/incident?technique=T1204.002"),
            ("/techniques/T1204", "/incident?technique=T1204"),
            ("/mitigations/M1021", "/incident"),
        ] {
            // What is no address at all leads nowhere in particular.
            let found = page.parse::<Uri>().map_or_else(|_| INCIDENT.to_owned(), |uri| incident_about(&uri));
            assert_eq!(found, leads, "{page}");
        }
    }

    #[tokio::test]
    async fn a_page_knows_its_head_and_one_without_a_request_has_a_plain_one() {
        assert!(of_page().organisation.is_empty() && !of_page().logo);
        let head = Head {
            organisation: "Harbour <Office>".to_owned(),
            logo: true,
            path: "/sites".to_owned(),
            ..Head::default()
        };
        let page = HEAD.scope(head, async {
            let sentence = super::super::Sentence { status: 404, sentence: "no".to_owned(), user: None };
            askama::Template::render(&sentence).unwrap()
        });
        let page = page.await;
        assert!(page.contains("Harbour &#60;Office&#62;") && page.contains("src=\"/logo\""), "{page}");
    }
}
