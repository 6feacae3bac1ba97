//! The console: what was stopped, who asked for it, and who may have it. Server-rendered, without scripts.

mod accept;
mod account;
mod api;
mod asker;
mod attack;
mod audit;
mod certificate;
mod contained;
mod coverage;
mod dossier;
mod events;
mod extract;
mod head;
mod host;
mod incidents;
mod known;
mod live;
mod login;
mod network;
mod parts;
mod people;
mod policies;
mod provider;
mod qr;
mod quarantine;
mod ready;
mod refusals;
mod requests;
mod response;
mod rooms;
mod routes;
mod rows;
mod sample;
mod session;
mod settings;
mod sites;
mod table;
mod taxii;
mod unlock;

pub use attack::LibraryPages;
pub use coverage::{Coverage, NamedBy, SaidBy, Week};
pub use dossier::{Dossier, DossierError, Samples};
pub use routes::{FormRoute, PageRoute, form_routes, page_routes};
pub use rows::Sender;

use crate::{Control, House};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::serve::ListenerExt;
use lazaret_engine::{Engine, Turns};
use lazaret_frame::Rooms;
use lazaret_identity::{Identity, IdentityError};
use lazaret_model::IncidentError;
use lazaret_store::{Blobs, Ledger, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Bytes of a form.
const MOST_FORM: usize = 64 << 10;
/// Bytes of a form with policies.
const MOST_POLICIES: usize = 1 << 20;
/// How long one answer may take, re-inspections included.
const ANSWER_TIME: Duration = Duration::from_secs(180);

/// What pages may load: a style and pictures of our own, and no script.
const NO_SCRIPTS: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

lazaret_model::settings! {
    /// The console of `lazaret serve`: events, release requests and administration.
    pub struct ConsoleSettings {
        /// Address and port to listen on. Empty: no console, and no release requests.
        pub listen: String = "127.0.0.1:8080".to_owned();
        /// URL under which people reach the console, for links on block pages. Empty: "http://" and the address it
        /// listens on.
        pub public_url: String = String::new();
        /// `organisation` is shown at the top of the console and of block pages; `contact` (an email or web address,
        /// a phone number or a sentence) is shown on block pages. Empty: none.
        pub organisation: String = String::new();
        pub contact: String = String::new();
        /// Contact for security incidents, around the clock; "Active security incident?" on every page leads to it.
        /// Empty: `contact`.
        pub incident_contact: String = String::new();
        /// Logo file: PNG, or SVG without scripts, of at most 64 KiB. Empty: none.
        pub logo: std::path::PathBuf = std::path::PathBuf::new();
        /// Hours for which an approved file can be downloaded.
        pub release_hours: u32 = 72;
        /// Hours after signing in to use the web (`proxy.sign_in_page`) for which requests from that machine count as that person's.
        pub network_hours: u32 = 12, in 1..=8_760;
        /// Maximum number of requests per hour from one machine.
        pub requests_an_hour: u32 = 10;
        /// Whether the ATT&CK library can be used without signing in, including its API and TAXII.
        pub public_library: bool = true;
    }
}

impl ConsoleSettings {
    /// What cookies end with.
    fn secure(&self) -> &'static str {
        if self.public_url.starts_with("https:") { "; Secure" } else { "" }
    }

    /// What a cookie is called. Over TLS it is one that no other host of the domain, and nobody without TLS, can have set (RFC 6265bis,
    /// 4.1.3.2): nobody is signed in under another's name by a cookie that was put there.
    fn cookie_name(&self, name: &str) -> String {
        if self.secure().is_empty() { name.to_owned() } else { format!("__Host-{name}") }
    }

    /// A cookie that no script reads. `more` is to which sites it is sent, and for how long.
    fn cookie(&self, name: &str, value: &str, more: &str) -> String {
        format!("{}={value}; Path=/; HttpOnly; {more}{}", self.cookie_name(name), self.secure())
    }
}

/// The path to which a sign-in provider sends people back.
pub const PROVIDER_CALLBACK: &str = provider::CALLBACK;

/// Everything the console's pages need; each of them gets its part of it.
pub struct Console {
    ledger: Ledger,
    blobs: Arc<dyn Blobs>,
    engine: parts::EngineInForce,
    control: Arc<dyn Control>,
    settings: Arc<ConsoleSettings>,
    /// Whose console it is.
    house: Arc<House>,
    /// The ATT&CK library; none where there is no such thing.
    library: Option<Arc<LibraryPages>>,
    /// What the proxy shows when it says for whom it asks; empty for no proxy.
    proxy_secret: String,
    /// Whether people sign in here to use the web (`proxy.sign_in_page`).
    web_sign_in: bool,
    /// The rooms that run.
    rooms: Arc<Rooms>,
    /// What the gates and rooms did, counted.
    metrics: parts::Counted,
    /// Whether the process should be given work, as somebody looked last.
    looked: Arc<parts::Looked>,
    /// Who people are.
    identity: Arc<Identity>,
    /// Turns at the inspection.
    turns: Arc<Turns>,
    kept: parts::Kept,
    tries: parts::Tries,
    /// Whether the console is closing, so that streams end.
    closing: watch::Sender<bool>,
}

/// What a handler answers when it cannot do what was asked.
#[derive(Debug)]
enum Refused {
    /// Sign in first.
    SignIn,
    /// With this status and sentence.
    Because(StatusCode, &'static str),
    /// The same, with a sentence that names what was asked for.
    Said(StatusCode, String),
    /// Something is broken; the log has it.
    Broken(String),
}

type Answer = Result<Response, Refused>;

impl Console {
    /// A console. `engine` gives the engine in force, `control` the rest of the process, `identity` who people are.
    pub fn new(
        ledger: Ledger,
        blobs: Arc<dyn Blobs>,
        engine: Box<dyn Fn() -> Arc<Engine> + Send + Sync>,
        control: Arc<dyn Control>,
        identity: Arc<Identity>,
        settings: ConsoleSettings,
    ) -> Self {
        let (closing, _) = watch::channel(false);
        let (house, looked, kept, tries) = Default::default();
        let rooms = Arc::default();
        Self {
            ledger,
            blobs,
            engine: engine.into(),
            control,
            settings: Arc::new(settings),
            house,
            library: None,
            proxy_secret: String::new(),
            web_sign_in: false,
            rooms,
            metrics: Arc::new(String::new),
            looked,
            identity,
            // Where no gate shares its own.
            turns: Turns::new(4, 3, 100),
            kept,
            tries,
            closing,
        }
    }

    /// The console with the pages of the ATT&CK library.
    #[must_use]
    pub fn with_library(mut self, library: Arc<LibraryPages>) -> Self {
        self.library = Some(library);
        self
    }

    /// The console of an organisation, whose name and logo stand at the head of every page.
    #[must_use]
    pub fn with_house(mut self, house: Arc<House>) -> Self {
        self.house = house;
        self
    }

    /// The console where a proxy says for whom it asks, with this secret.
    #[must_use]
    pub fn with_proxy(mut self, secret: String) -> Self {
        self.proxy_secret = secret;
        self
    }

    /// The console on which people sign in to use the web, or not (`proxy.sign_in_page`).
    #[must_use]
    pub fn with_web_sign_in(mut self, web_sign_in: bool) -> Self {
        self.web_sign_in = web_sign_in;
        self
    }

    /// The console that shares turns at the inspection with others.
    #[must_use]
    pub fn with_turns(mut self, turns: Arc<Turns>) -> Self {
        self.turns = turns;
        self
    }

    /// The console of a process with rooms, whose pages and acts it has.
    #[must_use]
    pub fn with_rooms(mut self, rooms: Arc<Rooms>) -> Self {
        self.rooms = rooms;
        self
    }

    /// The console with something to answer `/metrics` with.
    #[must_use]
    pub fn with_metrics(mut self, metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Arc::new(metrics);
        self
    }

    /// The path and query of a link by which the first administrator is made, for a day; `None` when there is somebody already.
    /// Where several processes use one ledger, each has a link, and the first administrator ends all of them.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn setup_link(&self) -> Result<Option<String>, IdentityError> {
        let secret = self.identity.setup_secret().await?;
        Ok(secret.map(|secret| format!("/setup?token={secret}")))
    }

    /// Serves until `closing` is done.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self: Arc<Self>,
        listener: tokio::net::TcpListener,
        closing: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let console = Arc::clone(&self);
        let closing = async move {
            closing.await;
            console.closing.send_replace(true);
        };
        let service = self.router().into_make_service_with_connect_info::<std::net::SocketAddr>();
        // `tap_io` is what makes the client's address known to pages, of any listener.
        let listener = accept::Bounded::new(listener, accept::MOST, accept::SILENCE).tap_io(|_| {});
        axum::serve(listener, service).with_graceful_shutdown(closing).await
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router()
            .merge(taxii::router())
            .merge(api::router())
            .fallback(nothing)
            .layer(DefaultBodyLimit::max(MOST_FORM))
            .layer(from_fn_with_state(Arc::clone(&self), host::checked))
            .layer(from_fn(guarded))
            .layer(from_fn_with_state(Arc::clone(&self), bounded))
            .layer(from_fn_with_state(Arc::clone(&self), head::headed))
            .with_state(self)
    }
}

/// Refuses what another site makes a browser send, and puts on every answer what keeps it from being misused.
async fn guarded(request: Request, next: Next) -> Response {
    let foreign = request.method() != Method::GET && request.method() != Method::HEAD && is_foreign(&request);
    let mut answer = if foreign {
        Refused::Because(StatusCode::FORBIDDEN, "this request was sent from another site").into_response()
    } else {
        next.run(request).await
    };
    let headers = answer.headers_mut();
    let fields: [(HeaderName, &'static str); 3] = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Of a page that says nothing at all, browsers say `Origin: null` with its own forms (Fetch, "append a request `Origin` header"),
        // and without TLS there is nothing else by which they could be told from another site's.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NO_SCRIPTS));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

async fn bounded(State(_): State<Arc<Console>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_TIME, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => Refused::Because(StatusCode::GATEWAY_TIMEOUT, "the request took too long").into_response(),
    }
}

/// Whether a form was sent from another site's page: Fetch metadata says so, or the `Origin` (RFC 6454) is another host.
fn is_foreign(request: &Request) -> bool {
    let field = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = field("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = field(ORIGIN.as_str()) else { return false };
    origin.split_once("://").map(|(_, host)| host) != field(HOST.as_str())
}

impl Refused {
    /// What is broken, with every cause.
    fn broken(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            text = format!("{text}: {source}");
            cause = source.source();
        }
        Self::Broken(text)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoIncident { .. } => return Self::Said(StatusCode::NOT_FOUND, error.to_string()),
            StoreError::Incident(error) => return error.into(),
            _ => {}
        }
        Self::broken(&error)
    }
}

impl From<IdentityError> for Refused {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(error) => error.into(),
            IdentityError::Refused(why) => Self::Said(StatusCode::FORBIDDEN, why.to_string()),
            IdentityError::Provider(why) => Self::Said(StatusCode::FORBIDDEN, why.sentence()),
            IdentityError::Hashing(_) => Self::Broken(error.to_string()),
        }
    }
}

impl From<IncidentError> for Refused {
    fn from(error: IncidentError) -> Self {
        let status = match error {
            IncidentError::Closed | IncidentError::NotInForce(_) => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::Said(status, error.to_string())
    }
}

impl From<askama::Error> for Refused {
    fn from(error: askama::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, sentence) = match self {
            Self::SignIn => return axum::response::Redirect::to("/login").into_response(),
            Self::Because(status, sentence) => (status, sentence.to_owned()),
            Self::Said(status, sentence) => (status, sentence),
            Self::Broken(why) => {
                tracing::error!(%why, "a page could not be answered");
                let sentence = "internal error; see the log";
                (StatusCode::INTERNAL_SERVER_ERROR, sentence.to_owned())
            }
        };
        // A sentence may name what somebody asked for.
        let page = Sentence { status: status.as_u16(), sentence: lazaret_model::plain(&sentence), user: None };
        (status, Html(askama::Template::render(&page).unwrap_or_default())).into_response()
    }
}

/// A page with one sentence.
#[derive(askama::Template)]
#[template(path = "console/sentence.html")]
struct Sentence {
    status: u16,
    sentence: String,
    user: Option<session::Shown>,
}

fn page(template: &impl askama::Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

async fn style() -> Response {
    let fields = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
    (fields, include_str!("../templates/console/style.css")).into_response()
}

async fn healthy() -> &'static str {
    "ok\n"
}

async fn metrics(State(console): State<parts::Measures>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (console.metrics)()).into_response()
}

async fn nothing() -> Answer {
    Err(Refused::Because(StatusCode::NOT_FOUND, "page not found"))
}

/// A time as pages show it.
fn shown_time(at: i64) -> String {
    let time =
        time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!("{date} {:02}:{:02}:{:02} UTC", clock.hour(), clock.minute(), clock.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_host_of_the_domain_can_put_a_session_or_a_sign_in_into_a_browser() {
        let at = |public_url: &str| ConsoleSettings { public_url: public_url.to_owned(), ..ConsoleSettings::default() };
        // RFC 6265bis, 4.1.3.2: such a name needs `Secure`, the path `/` and no domain.
        let cookie = at("https://console.example").cookie("lazaret", "x", "SameSite=Strict");
        assert_eq!(cookie, "__Host-lazaret=x; Path=/; HttpOnly; SameSite=Strict; Secure");
        let cookie = at("http://127.0.0.1:8080").cookie("lazaret-provider", "", "SameSite=Lax; Max-Age=0");
        assert_eq!(cookie, "lazaret-provider=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(at("").cookie_name("lazaret"), "lazaret");
    }

    #[test]
    fn a_form_of_the_console_is_told_from_another_sites_with_and_without_tls() {
        for (fields, foreign) in [
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://console.example")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("origin", "http://console.example")], false),
            (&[("origin", "http://other.example")], true),
            (&[("origin", "null")], true),
            (&[], false),
        ] {
            let mut request = axum::http::Request::post("/login").header(HOST, "console.example");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            assert_eq!(is_foreign(&request.body(axum::body::Body::empty()).unwrap()), foreign, "{fields:?}");
        }
    }
}
