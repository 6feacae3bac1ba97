//! Every address of the pages, in two tables that tests walk: what can be asked for, and what can be sent. Who may is what the handlers
//! say; see `rows.rs`.

use super::rows::{Form, Page, Sender, form, large_form, open_form, open_page, page};
use super::{
    Console, MOST_POLICIES, account, attack, audit, certificate, events, head, healthy, incidents, live, login,
    metrics, network, people, policies, provider, quarantine, ready, refusals, requests, response, rooms, sample,
    settings, sites, style, table, unlock,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use std::sync::Arc;

/// An address that takes what somebody sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormRoute {
    /// The path, with `{…}` for what differs.
    pub path: &'static str,
    /// Who may send it.
    pub sender: Sender,
    /// Bytes of what may be sent.
    pub most: usize,
}

/// An address that shows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRoute {
    /// The path, with `{…}` for what differs.
    pub path: String,
    /// Who may ask for it.
    pub sender: Sender,
}

/// What whoever was stopped has, and nobody guesses.
const REFERENCE: &str = "the reference of what was stopped for them";
const ASKED: &str = "the secret of their request";
/// Why anybody may ask for what the pages need, and for what machines look at.
const LOOKS: &str = "every page needs it";
const MACHINES: &str = "machines that look after this one have no session";
const CERTIFICATE: &str = "a certificate is public";
const SIGNS_IN: &str = "it leads to a session";

/// Every address that a form can be sent to (POST).
fn forms() -> Vec<Form> {
    let mut forms = vec![
        open_form("/setup", "the secret of the set-up link", people::setup),
        open_form("/login", "a name and its password", login::login),
        open_form("/login/code", "a code, after the password", login::code),
        form("/logout", login::logout),
        form("/network", network::arrive),
        form("/network/leave", network::leave),
        open_form("/ask/{reference}", REFERENCE, requests::ask),
        open_form("/unlock/{reference}", REFERENCE, unlock::open),
        open_form("/asked/{token}", ASKED, requests::fetch),
        form("/account", account::password),
        form("/account/totp", account::enrol),
        form("/account/totp/confirm", account::confirm),
        form("/account/totp/off", account::without),
        form("/account/tokens", account::make_token),
        form("/account/tokens/{id}", account::revoke_token),
        form("/events/{reference}/sample.zip", sample::packed),
        form("/quarantine/{blob}", quarantine::forget),
        form("/requests/{id}", requests::decide),
        open_form("/incident", "what they saw; how much and how often is bounded", response::report),
        form("/incident/reports/{id}", response::dismiss),
        form("/incidents", incidents::open),
        form("/incidents/{reference}/scope", incidents::widen),
        form("/incidents/{reference}/notes", incidents::note),
        form("/incidents/{reference}/acts", incidents::act),
        form("/incidents/{reference}/acts/{id}", incidents::undo),
        form("/incidents/{reference}/close", incidents::close),
        form("/incidents/{reference}/export", incidents::export),
        large_form("/policies/edit", MOST_POLICIES, policies::change),
        form("/policies/history/{id}", policies::roll_back),
        form("/sites/refusals", refusals::change),
        form("/users", people::add),
        form("/users/{name}", people::change),
        form("/users/{name}/totp", people::without_totp),
        form("/users/{name}/provider", people::without_password),
    ];
    forms.extend(attack::forms());
    forms
}

/// Every address that shows something (GET).
fn pages() -> Vec<Page> {
    let mut pages = vec![
        page("/", events::overview),
        page("/events", events::list),
        page("/events.csv", table::csv),
        page("/events.jsonl", table::lines),
        page("/events/{reference}", sample::one),
        page("/events/{reference}/bytes", sample::bytes),
        page("/quarantine", quarantine::list),
        page("/requests", requests::list),
        open_page("/incident", "whoever is attacked may have no session", response::show),
        page("/incidents", incidents::list),
        page("/incidents/{reference}", incidents::one),
        open_page("/ask/{reference}", REFERENCE, requests::form),
        open_page("/unlock/{reference}", REFERENCE, unlock::form),
        open_page("/asked/{token}", ASKED, requests::asked),
        page("/policies", policies::list),
        page("/policies/edit", policies::form),
        page("/policies/history", policies::history),
        page("/policies/history/{id}", policies::version),
        page("/users", people::users),
        page("/account", account::show),
        page("/live", live::show),
        page("/live/events", live::stream),
        open_page("/live.js", "it is the same for everybody, and shows nothing", live::script),
        page("/sites", sites::show),
        page("/sites/refusals", refusals::show),
        page("/settings", settings::show),
        page("/rooms/{room}", rooms::show),
        page("/audit", audit::audit),
        open_page("/setup", "the secret of the set-up link", people::setup_form),
        open_page("/login", SIGNS_IN, login::form),
        open_page("/login/oidc", SIGNS_IN, provider::begin),
        open_page("/network", "it leads to the page that asks", network::lead),
        open_page("/network/confirm", SIGNS_IN, network::show),
        open_page(provider::CALLBACK, SIGNS_IN, provider::back),
        open_page("/certificate", CERTIFICATE, certificate::show),
        open_page("/certificate.pem", CERTIFICATE, certificate::present),
        open_page("/certificate-next.pem", CERTIFICATE, certificate::next),
        open_page("/style.css", LOOKS, style),
        open_page("/logo", LOOKS, head::logo),
        open_page("/healthz", MACHINES, healthy),
        open_page("/readyz", MACHINES, ready::show),
        open_page("/metrics", MACHINES, metrics),
    ];
    pages.extend(attack::pages());
    pages
}

/// Every address that a form can be sent to, and who may.
pub fn form_routes() -> Vec<FormRoute> {
    forms().into_iter().map(|(path, sender, most, _)| FormRoute { path, sender, most }).collect()
}

/// Every address that shows something, and to whom.
pub fn page_routes() -> Vec<PageRoute> {
    pages().into_iter().map(|(path, sender, _)| PageRoute { path: path.into_owned(), sender }).collect()
}

/// Pages, and forms.
pub(super) fn router() -> Router<Arc<Console>> {
    let shown = pages().into_iter().fold(Router::new(), |router, (path, _, handler)| router.route(&path, handler));
    forms()
        .into_iter()
        .fold(shown, |router, (path, _, most, handler)| router.route(path, handler.layer(DefaultBodyLimit::max(most))))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// The crate's files but some, each with its path below `src` and its text.
    fn files(but: &[&str]) -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders: Vec<PathBuf> = vec![folder.clone()];
        let mut found = Vec::new();
        while let Some(next) = folders.pop() {
            for path in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                let below = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if below.ends_with(".rs") && !but.contains(&below.as_str()) {
                    found.push((below, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        assert!(found.len() > 20, "only {} files were looked at", found.len());
        found
    }

    /// An address that is made elsewhere would be in no table, and nobody would ask who may come to it.
    #[test]
    fn addresses_are_made_of_handlers_that_say_who_may_come() {
        let makes = ["axum", "routing"].join("::");
        // A test of connections, and TAXII, which answers what is sent by a refusal; `api.rs` does so with what is nowhere.
        for (file, text) in files(&["server/rows.rs", "server/accept.rs", "server/taxii.rs", "server/api.rs"]) {
            assert!(!text.contains(&makes), "`{file}` makes addresses: that belongs into server/rows.rs");
        }
    }

    #[test]
    fn a_handler_sees_its_own_part_of_the_console_and_not_all_of_it() {
        let all = ["State<Arc", "Console>>"].join("<");
        // What stands around every handler.
        for (file, text) in files(&["server.rs", "server/head.rs", "server/host.rs"]) {
            assert!(!text.contains(&all), "`{file}` has a handler that sees the whole console; see server/parts.rs");
        }
    }
}
