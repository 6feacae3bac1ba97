//! Every address of the pages. What can be sent stands in one table with who may send it, which a test walks.

use super::{
    Console, MOST_FORM, MOST_POLICIES, account, attack, certificate, events, head, healthy, live, login, metrics,
    people, policies, quarantine, ready, refusals, requests, sample, settings, sites, style, table, unlock,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// Who may send a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Whoever knows what this says: there is no session yet, or there need not be one.
    Anybody(&'static str),
    /// Whoever may read the library: anybody, or where that is not open to all, whoever is signed in. Changes nothing.
    Reader,
    /// Whoever is signed in, about what is their own.
    SignedIn,
    /// Whoever has one of these permissions, actions of `policies/console.cedarschema`.
    May(&'static [&'static str]),
}

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

/// Path, sender, bytes, handler.
pub(super) type Form = (&'static str, Sender, usize, MethodRouter<Arc<Console>>);

/// Every address that a form can be sent to (POST).
fn forms() -> Vec<Form> {
    use Sender::{Anybody, May, SignedIn};
    let form = |path, sender, handler| (path, sender, MOST_FORM, handler);
    let mut forms = vec![
        form("/setup", Anybody("the secret of the set-up link"), post(people::setup)),
        form("/login", Anybody("a name and its password"), post(login::login)),
        form("/login/code", Anybody("a code, after the password"), post(login::code)),
        form("/logout", SignedIn, post(login::logout)),
        form("/ask/{reference}", Anybody("the reference of what was stopped for them"), post(requests::ask)),
        form("/unlock/{reference}", Anybody("the reference of what was stopped for them"), post(unlock::open)),
        form("/asked/{token}", Anybody("the secret of their request"), post(requests::fetch)),
        form("/account", SignedIn, post(account::password)),
        form("/account/totp", SignedIn, post(account::enrol)),
        form("/account/totp/confirm", SignedIn, post(account::confirm)),
        form("/account/totp/off", SignedIn, post(account::without)),
        form("/account/tokens", May(&["make-tokens"]), post(account::make_token)),
        form("/account/tokens/{id}", SignedIn, post(account::revoke_token)),
        form("/events/{reference}/sample.zip", May(&["inspect"]), post(sample::packed)),
        form("/quarantine/{blob}", May(&["forget"]), post(quarantine::forget)),
        form("/requests/{id}", May(&["decide"]), post(requests::decide)),
        ("/policies/edit", May(&["change-policies"]), MOST_POLICIES, post(policies::change)),
        form("/policies/history/{id}", May(&["change-policies"]), post(policies::roll_back)),
        form("/sites/refusals", May(&["change-policies"]), post(refusals::change)),
        form("/users", May(&["manage-users"]), post(people::add)),
        form("/users/{name}", May(&["manage-users"]), post(people::change)),
        form("/users/{name}/totp", May(&["manage-users"]), post(people::without_totp)),
    ];
    forms.extend(attack::forms());
    forms
}

/// Every address that a form can be sent to, and who may.
pub fn form_routes() -> Vec<FormRoute> {
    forms().into_iter().map(|(path, sender, most, _)| FormRoute { path, sender, most }).collect()
}

/// Pages, and forms.
pub(super) fn router() -> Router<Arc<Console>> {
    let pages = Router::new()
        .route("/", get(events::overview))
        .route("/events", get(events::list))
        .route("/events.csv", get(table::csv))
        .route("/events.jsonl", get(table::lines))
        .route("/events/{reference}", get(sample::one))
        .route("/events/{reference}/bytes", get(sample::bytes))
        .route("/quarantine", get(quarantine::list))
        .route("/requests", get(requests::list))
        .route("/ask/{reference}", get(requests::form))
        .route("/unlock/{reference}", get(unlock::form))
        .route("/asked/{token}", get(requests::asked))
        .route("/policies", get(policies::list))
        .route("/policies/edit", get(policies::form))
        .route("/policies/history", get(policies::history))
        .route("/policies/history/{id}", get(policies::version))
        .route("/users", get(people::users))
        .route("/account", get(account::show))
        .route("/live", get(live::show))
        .route("/live/events", get(live::stream))
        .route("/live.js", get(live::script))
        .route("/sites", get(sites::show))
        .route("/sites/refusals", get(refusals::show))
        .route("/settings", get(settings::show))
        .route("/audit", get(people::audit))
        .route("/setup", get(people::setup_form))
        .route("/login", get(login::form))
        .route("/certificate", get(certificate::show))
        .route("/certificate.pem", get(certificate::present))
        .route("/certificate-next.pem", get(certificate::next))
        .route("/style.css", get(style))
        .route("/logo", get(head::logo))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready::show))
        .route("/metrics", get(metrics))
        .merge(attack::router());
    forms()
        .into_iter()
        .fold(pages, |router, (path, _, most, handler)| router.route(path, handler.layer(DefaultBodyLimit::max(most))))
}

#[cfg(test)]
mod tests {
    /// What is sent elsewhere than to the table's addresses would not be tested for who may send it.
    #[test]
    fn forms_have_addresses_nowhere_else() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![folder.clone()];
        let mut seen = 0;
        while let Some(next) = folders.pop() {
            for path in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                let below = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                // The library's rows stand beside its pages; programs have a table of their own, which the description is
                // held against; TAXII answers what is sent by a refusal.
                } else if !(["server/routes.rs", "server/attack.rs", "server/taxii.rs"].contains(&&*below)
                    || below.starts_with("server/api"))
                {
                    let text = std::fs::read_to_string(&path).unwrap();
                    for word in ["post(", "put(", "delete(", "patch("] {
                        let routed = text.split(word).count() > 1 && text.contains("axum::routing") && {
                            // As a function or a method of axum's, not the end of another name.
                            text.match_indices(word).any(|(at, _)| {
                                !text[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_')
                            })
                        };
                        assert!(!routed, "`{below}` routes with `{word}`: that belongs into server/routes.rs");
                    }
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "only {seen} files were looked at");
    }
}
