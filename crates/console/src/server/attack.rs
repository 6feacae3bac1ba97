//! The ATT&CK library's pages: an entry has the address that it has on the official site, everything else is below `/attack`.

mod changes;
mod explorer;
mod export;
mod facts;
mod graph;
mod here;
mod history;
mod home;
mod layer_form;
mod layers;
mod matrix;
mod object;
mod pages;
mod pin;
mod reader;
mod saved;
mod search;
mod stale;
mod take_cited;
mod take_form;
mod takes;

pub(super) use explorer::fits;
pub use pages::LibraryPages;
pub(super) use reader::Reader;
pub(super) use takes::needed;

use super::extract::{Path, Query};
use super::rows::{Form, Page, large_form, open_page, page as row, reader_form};
use super::{Answer, Refused, page, parts};
use crate::prose::Citations;
use askama::Template;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use lazaret_attack::{AttackError, Catalog, Choice, Number, SECTIONS, Search, official_path};
use lazaret_model::plain;
use lazaret_store::Release;
use pin::Pin;
use serde::Deserialize;

/// What the library's pages may load: a script of our own as well, which suggests entries while somebody types.
const OWN_SCRIPT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Bytes of a layer that is looked at.
const MOST_LAYER: usize = 16 << 20;
/// Bytes of a form with a take.
const MOST_TAKE: usize = 512 << 10;

impl parts::Library {
    pub(super) fn pages(&self) -> Result<&LibraryPages, Refused> {
        self.library
            .as_deref()
            .ok_or(Refused::Because(StatusCode::NOT_FOUND, "the ATT&CK library is not available here"))
    }

    pub(super) fn catalog(&self) -> Result<&Catalog, Refused> {
        Ok(&self.pages()?.catalog)
    }

    pub(super) fn finder(&self) -> Result<&Search, Refused> {
        Ok(&self.pages()?.search)
    }
}

impl From<AttackError> for Refused {
    fn from(error: AttackError) -> Self {
        match error {
            AttackError::Unknown(sentence) => Self::Said(StatusCode::NOT_FOUND, sentence),
            AttackError::Named(sentence) => Self::Said(StatusCode::BAD_REQUEST, sentence),
            error @ AttackError::Layer(_) => Self::Said(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            AttackError::Store(error) => error.into(),
            error => Self::Broken(error.to_string()),
        }
    }
}

/// Which release somebody asks about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Where {
    pub(super) feed: String,
    pub(super) domain: String,
    pub(super) release: String,
}

impl Where {
    pub(super) fn choice(&self) -> Result<Choice, AttackError> {
        fn given<T: std::str::FromStr<Err = AttackError>>(text: &str) -> Result<Option<T>, AttackError> {
            if text.trim().is_empty() { Ok(None) } else { text.trim().parse().map(Some) }
        }
        let domain = match self.domain.trim() {
            "" => None,
            name => Some(
                lazaret_attack::domain_named(name)
                    .ok_or_else(|| {
                        AttackError::Named("the domain must be one of enterprise, mobile, ics, pre".to_owned())
                    })?
                    .to_owned(),
            ),
        };
        Ok(Choice { feed: given(&self.feed)?, domain, release: given(&self.release)? })
    }
}

/// Why an address that only leads on is for anybody.
const LEADS_ON: &str = "it leads to the same address without its last slash";

/// What can be sent to the library's pages, as rows of the console's table.
pub(super) fn forms() -> Vec<Form> {
    vec![
        reader_form("/attack/layers", MOST_LAYER, layers::look),
        large_form("/attack/layers/saved", MOST_LAYER, saved::begin),
        large_form("/attack/layers/saved/{id}", MOST_LAYER, saved::act),
        large_form("/attack/takes/new", MOST_TAKE, takes::begin),
        large_form("/attack/takes/{id}", MOST_TAKE, takes::act),
    ]
}

/// The library's pages.
pub(super) fn pages() -> Vec<Page> {
    let mut pages = vec![
        row("/attack", home::show),
        row("/attack/licence", home::licence),
        row("/attack/search", search::show),
        row("/attack/suggest", search::suggest),
        row("/attack/changes", changes::show),
        row("/attack/matrix", matrix::show),
        row("/attack/export", export::show),
        row("/attack/layers", layers::form),
        row("/attack/layers/saved", saved::list),
        row("/attack/layers/saved/{id}", saved::one),
        row("/attack/takes", takes::list),
        row("/attack/takes/new", takes::blank),
        row("/attack/takes/{id}", takes::show),
        row("/attack/{*rest}", elsewhere),
        open_page("/attack.js", "a page that anybody may read needs it", script),
    ];
    for section in &SECTIONS {
        let path = section.path;
        let list = move |state: State<parts::Library>, reader: Reader, query: Query<Where>, uri: Uri| {
            home::section(path, state, reader, query, uri)
        };
        let entry =
            move |state: State<parts::Library>, reader: Reader, rest: Path<String>, query: Query<Where>, uri: Uri| {
                object::show(path, rest.0, state, reader, query, uri)
            };
        pages.extend([
            row(format!("/{path}"), list),
            open_page(format!("/{path}/"), LEADS_ON, move |uri: Uri| async move { moved(&format!("/{path}"), &uri) }),
            row(format!("/{path}/{{*rest}}"), entry),
        ]);
    }
    // How the official site named things before.
    let old = [
        "/wiki",
        "/wiki/",
        "/wiki/{*rest}",
        "/mobile/index.php/{*rest}",
        "/pre-attack/index.php/{*rest}",
        "/attackics/index.php/{*rest}",
        "/Technique/{*rest}",
        "/Software/{*rest}",
        "/Group/{*rest}",
        "/Mitigation/{*rest}",
        "/data-sources/{*rest}",
        "/data-components/{*rest}",
        "/detection-strategies/{*rest}",
        "/versions/{*rest}",
        "/resources/{*rest}",
        "/attack/",
    ];
    pages.extend(old.map(|path| row(path, elsewhere)));
    pages
}

/// An address as the official site had it, or has it, leads to the entry.
async fn elsewhere(State(console): State<parts::Library>, reader: Reader, uri: Uri) -> Answer {
    let path = uri.path().trim_start_matches('/');
    let path = path.strip_prefix("attack/").unwrap_or(path);
    // `/versions/v17/techniques/T1204` is the release 17.1, or the last minor one that there is; what it leads to stays in that.
    if let Some(rest) = path.strip_prefix("versions/v") {
        let (release, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let number = version_named(&console, release).await?;
        let pin = Pin { release: number, ..Pin::default() };
        let target = match (rest.trim_matches('/'), list_of(rest), official_path(rest)) {
            ("" | "matrices", ..) => "/attack/matrix".to_owned(),
            (_, Some(list), _) => list,
            (_, None, Some((section, id))) => address(section.path, &id),
            (_, None, None) => return Err(nothing()),
        };
        return Ok(Redirect::temporary(&pin.link(&target)).into_response());
    }
    drop(reader);
    match path.trim_end_matches('/') {
        "" | "attack" => return Ok(Redirect::permanent("/attack").into_response()),
        "resources/updates" | "resources/versions" => return Ok(Redirect::permanent("/attack/changes").into_response()),
        path if path.starts_with("resources") => return Err(nothing()),
        _ => {}
    }
    if let Some(list) = list_of(path) {
        return Ok(Redirect::permanent(&list).into_response());
    }
    // Tactics had the addresses of their names.
    let by_id =
        official_path(path).filter(|(section, id)| section.path != "tactics" || lazaret_attack::looks_like_an_id(id));
    let target = match by_id {
        Some((section, id)) => address(section.path, &id),
        None => home::named_page(&console, path).await?.ok_or_else(nothing)?,
    };
    Ok(Redirect::permanent(&target).into_response())
}

/// The list that an address of the official site has: `/techniques/enterprise/` are those of a domain.
fn list_of(path: &str) -> Option<String> {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let section = lazaret_attack::section_at(words.first()?)?;
    match words.as_slice() {
        [_] => Some(format!("/{}", section.path)),
        [_, domain] if section.path != "matrices" => {
            Some(format!("/{}?domain={}", section.path, lazaret_attack::domain_named(domain)?))
        }
        _ => None,
    }
}

/// The newest release that a version of the official site means: `17` is 17.1, `17.0` itself.
async fn version_named(console: &parts::Library, text: &str) -> Result<String, Refused> {
    let (_, releases) = console.catalog()?.releases().await?;
    let wanted = text.parse::<Number>().map_err(|_| nothing())?;
    let is_major = !text.contains(['.', '-']);
    let fits = |release: &&Release| {
        release.place == wanted.place() || is_major && release.name.split('.').next() == Some(text)
    };
    let found = releases.iter().filter(fits).max_by_key(|release| release.place);
    found.map(|release| release.name.clone()).ok_or_else(nothing)
}

/// Leads on to the one address of an entry, with what was asked about it. What no header could hold is encoded.
fn moved(path: &str, uri: &Uri) -> Response {
    let mut target = path.to_owned();
    for (byte, place) in uri.query().unwrap_or_default().bytes().zip(0..) {
        target.push_str(if place == 0 { "?" } else { "" });
        match byte {
            b'!'..=b'~' => target.push(char::from(byte)),
            byte => target.push_str(&format!("%{byte:02X}")),
        }
    }
    Redirect::permanent(&target).into_response()
}

fn nothing() -> Refused {
    Refused::Because(StatusCode::NOT_FOUND, "page not found")
}

/// The address of an id in a section.
fn address(section: &str, id: &str) -> String {
    let id: String = id.chars().filter(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(*letter)).collect();
    match section {
        "techniques" => format!("/techniques/{}", id.replacen('.', "/", 1)),
        section => format!("/{section}/{id}"),
    }
}

async fn script() -> Response {
    let fields = [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
    (fields, include_str!("../../templates/attack/attack.js")).into_response()
}

/// A page with the script that suggests entries. What steers how text is shown is spelled out: names and texts are what somebody
/// published.
fn shelf(template: &impl Template) -> Answer {
    Ok(with_script(Html(steady(template.render()?)).into_response()))
}

/// The same with every character as it is: a form gives back what it was given.
fn shelf_exact(template: &impl Template) -> Answer {
    Ok(with_script(page(template)?))
}

/// A page whose links stay in the release that was chosen.
fn shelf_in(pin: Option<&Pin>, template: &impl Template) -> Answer {
    let Some(pin) = pin else { return shelf(template) };
    Ok(with_script(Html(pin.carried(&steady(template.render()?))).into_response()))
}

fn with_script(mut answer: Response) -> Response {
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(OWN_SCRIPT));
    answer
}

fn steady(text: String) -> String {
    if !text.contains(steers) {
        return text;
    }
    let spelled = |letter: char| if steers(letter) { plain(&letter.to_string()) } else { letter.to_string() };
    text.chars().map(spelled).collect()
}

/// Whether a character is a control character or changes the direction of others (Unicode, UAX #9). Those that only are not seen
/// stand in official texts, and stay.
fn steers(letter: char) -> bool {
    (letter.is_control() && !"\n\r\t".contains(letter))
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where an address of the official site leads in the library, whether the entry is there or not: its page says so.
fn inside(official: &str) -> Option<String> {
    lazaret_attack::official(official).map(|(section, id)| address(section.path, &id))
}

/// Bytes of one text that a page shows; the raw source has all of it.
const MOST_PROSE: usize = 400_000;

/// An official text as HTML, the beginning of one that no page could hold.
fn prose(text: &str, citations: &mut Citations) -> String {
    crate::prose::render(crate::prose::start_of(text, MOST_PROSE), citations, &inside)
}

/// A time stamp of STIX as pages show it: the day.
fn day(stamp: &str) -> String {
    stamp.get(..10).unwrap_or(stamp).to_owned()
}

/// A query with some of its parts replaced; parts without a value are left out.
fn with(uri: &Uri, changes: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !changes.iter().any(|(other, _)| *other == name) && !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    for (name, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
        pairs.push(((*name).to_owned(), encoded(value)));
    }
    let query: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if query.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), query.join("&")) }
}

/// A value in a query (RFC 3986, 2.1).
pub(super) fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_lists_are_lists_here() {
        assert_eq!(list_of("groups/").as_deref(), Some("/groups"));
        assert_eq!(list_of("techniques/enterprise/").as_deref(), Some("/techniques?domain=enterprise-attack"));
        for path in ["matrices/enterprise", "techniques/T1204", "nothing", ""] {
            assert_eq!(list_of(path), None, "{path}");
        }
    }

    #[test]
    fn nothing_on_a_page_steers_how_it_is_shown() {
        let text = "a\u{202e}b\u{7}c\u{85}\n\td\u{200b}e";
        assert_eq!(steady(text.to_owned()), "a\\u{202e}b\\u{7}c\\u{85}\n\td\u{200b}e");
    }
}
