//! One request and its answer, as far as policy and people care: who asked, for what, from where, under which name.

mod names;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_RANGE, ORIGIN, REFERER,
    UPGRADE_INSECURE_REQUESTS, USER_AGENT,
};
use http::{HeaderMap, Method, Uri};
use lazaret_engine::Client;
use lazaret_model::{ContentCoding, Direction, Gate, Origin};
use names::declared;
pub(crate) use names::is_attachment;
use std::net::IpAddr;

/// What kind of answer the asking side can make sense of when it is refused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A page that a person reads.
    Page,
    /// A problem document (RFC 9457).
    Json,
    /// A few lines for a terminal.
    Text,
    /// Nothing anybody would see: a picture, a script, a font of a page.
    Nothing,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The gate it came through.
    pub gate: Gate,
    /// Address of the asking machine, where it is known.
    pub client: Option<IpAddr>,
    /// Which way the body that is judged goes.
    pub direction: Direction,
    /// The authenticated person, where there is one.
    pub person: Option<String>,
    /// The groups of that person.
    pub groups: Vec<String>,
    /// Address of the site's machine, where a gateway tells it.
    pub server: Option<IpAddr>,
    /// The method.
    pub method: Method,
    /// The absolute address.
    pub uri: Uri,
    /// A person navigated to it or a program downloads it, as opposed to a page fetching it for itself.
    pub navigation: bool,
    /// It ends as a page or as a file of a person, since a browser navigates to it; what is fetched otherwise goes to a program or a
    /// page's script.
    pub saves: bool,
    /// A link has the browser save it: it navigates, and to an empty destination.
    pub downloads: bool,
    /// The registered domain of the page that fetches it, or its host where that has none.
    pub page: Option<String>,
    /// What a refusal should look like.
    pub wants: Wants,
    /// `Accept-Language`, as sent.
    pub languages: String,
    /// Content codings the client undoes by itself.
    pub undoes: Vec<ContentCoding>,
}

impl Exchange {
    /// Reads what matters from a request. `uri` is absolute.
    pub fn of(gate: Gate, client: Option<IpAddr>, method: Method, uri: Uri, headers: &HeaderMap) -> Self {
        let destination = text(headers, "sec-fetch-dest");
        let accept = text(headers, ACCEPT.as_str());
        let navigation = navigates(headers, &destination, &accept);
        let wants = if accept.contains("text/html") && navigation {
            Wants::Page
        } else if accept.contains("json") && !accept.contains("text/html") {
            Wants::Json
        } else if destination.is_empty() && navigation {
            Wants::Text
        } else {
            Wants::Nothing
        };
        let undoes = text(headers, ACCEPT_ENCODING.as_str());
        let undoes = ContentCoding::ALL.into_iter().filter(|coding| accepts(&undoes, coding.token())).collect();
        Self {
            gate,
            client,
            direction: Direction::Download,
            person: None,
            groups: Vec::new(),
            server: None,
            method,
            uri,
            navigation,
            saves: wants == Wants::Page || text(headers, "sec-fetch-mode") == "navigate",
            downloads: destination == "empty" && text(headers, "sec-fetch-mode") == "navigate",
            page: page(headers, &destination, &accept),
            wants,
            languages: text(headers, ACCEPT_LANGUAGE.as_str()),
            undoes,
        }
    }

    /// The host asked, lower-case, without brackets and without a final dot.
    pub fn host(&self) -> String {
        normal_host(self.uri.host().unwrap_or_default())
    }

    /// The registered domain of that host, by the Public Suffix List.
    pub fn domain(&self) -> Option<String> {
        registered_domain(&self.host())
    }

    /// Who is told from others when much is asked for at once: a machine, or the person whom a gateway names instead of one.
    pub(crate) fn whose(&self) -> Client {
        match (self.client, &self.person) {
            (Some(address), _) => Client::Address(address.to_canonical()),
            (None, Some(person)) => Client::Person(person.clone()),
            (None, None) => Client::Unknown,
        }
    }

    /// Where the body of an answer with these headers comes from.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Origin {
        let (host, domain) = (self.host(), self.domain());
        let declared = declared(headers);
        let attached = self.is_saved(headers);
        Origin {
            gate: self.gate,
            direction: self.direction,
            person: self.person.clone(),
            groups: self.groups.clone(),
            client: self.client,
            page: self.page.clone(),
            host: Some(host).filter(|host| !host.is_empty()),
            domain,
            lists: Vec::new(),
            suspicious: false,
            first_seen_days: None,
            declared_type: Some(declared).filter(|declared| !declared.is_empty()),
            navigation: self.navigation || is_attachment(headers),
            saves: self.saves || is_attachment(headers),
            attached,
        }
    }
}

/// Whether a person goes somewhere or a program downloads something, as opposed to a page that fetches what it is made of.
fn navigates(headers: &HeaderMap, destination: &str, accept: &str) -> bool {
    // Fetch Metadata, 2: a document or a frame. For a link that downloads, browsers navigate to an empty destination.
    let mode = text(headers, "sec-fetch-mode");
    if !destination.is_empty() || !mode.is_empty() {
        return mode == "navigate"
            || matches!(destination, "" | "document" | "iframe" | "frame" | "object" | "embed" | "report");
    }
    // Browsers send these fields to no site of plain http, and Safari sent none before 16.4. What they navigate to they ask for as
    // a page (Fetch, 4.1, step 12), and say so (Upgrade Insecure Requests, 3.2.1). Whatever other programs fetch may end as a file.
    let agent = text(headers, USER_AGENT.as_str());
    let browser = agent.starts_with("mozilla/5.0 (")
        && ["chrome/", "firefox/", "safari/"].iter().any(|name| agent.contains(name));
    let from_page = headers.contains_key(REFERER) || headers.contains_key(ORIGIN);
    let as_browsers =
        headers.contains_key(ACCEPT_LANGUAGE) && text(headers, ACCEPT_ENCODING.as_str()).contains("deflate");
    let piece = browser
        && (from_page || as_browsers)
        && !accept.is_empty()
        && !accept.contains("text/html")
        && !headers.contains_key(UPGRADE_INSECURE_REQUESTS);
    !piece
}

/// The site of the page for which something is fetched. What a person navigates to belongs to no page, wherever the link was.
fn page(headers: &HeaderMap, destination: &str, accept: &str) -> Option<String> {
    // Sites without TLS are not told what it is for (Fetch Metadata, 2).
    if destination == "document" || destination.is_empty() && accept.contains("text/html") {
        return None;
    }
    let field = |name| {
        let address: Uri = text(headers, name).parse().ok()?;
        // `null` stands for a site that is not told (RFC 6454, 7.3).
        address.scheme()?;
        let host = normal_host(address.host()?);
        Some(registered_domain(&host).unwrap_or(host)).filter(|site| !site.is_empty())
    };
    // RFC 9110, 10.1.3. A page may keep that to itself; for what a script fetches from another site there is still `Origin`.
    field("referer").or_else(|| field("origin"))
}

/// How the body of an answer or request with these headers is packed.
///
/// # Errors
/// The first coding that cannot be undone.
pub(crate) fn codings(headers: &HeaderMap) -> Result<Vec<ContentCoding>, String> {
    let fields = headers.get_all(CONTENT_ENCODING).iter();
    let fields: Vec<_> = fields.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    ContentCoding::parse_list(&fields.join(","))
}

/// Whether an answer that calls itself a piece (206) is all of it (RFC 9110, 14.4).
pub(crate) fn is_all(headers: &HeaderMap) -> bool {
    let field = text(headers, CONTENT_RANGE.as_str());
    let range = field.strip_prefix("bytes 0-").and_then(|range| range.split_once('/'));
    let Some((Ok(last), Ok(all))) = range.map(|(last, all)| (last.parse::<u64>(), all.parse::<u64>())) else {
        return false;
    };
    last.checked_add(1) == Some(all)
}

/// The registered domain of a host, by the Public Suffix List.
pub(crate) fn registered_domain(host: &str) -> Option<String> {
    // An address has none.
    match host.parse::<IpAddr>() {
        Ok(_) => None,
        Err(_) => psl::domain_str(host).map(str::to_owned),
    }
}

/// A host as lists and policies have it: names in lower case and without a final dot, addresses in the usual spelling, which
/// `2130706433` and `0x7f.1` are not.
pub(crate) fn normal_host(host: &str) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.to_string();
    }
    // WHATWG URL, 3.5, as browsers and most programs read it.
    match url::Host::parse(bare) {
        Ok(url::Host::Ipv4(address)) => address.to_string(),
        Ok(url::Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
        Ok(url::Host::Ipv6(_)) | Err(_) => bare.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// A field's text, lower-case; several fields of one name are joined (RFC 9110, 5.2).
pub(crate) fn text(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
    values.collect::<Vec<_>>().join(", ")
}

/// Whether an `Accept-Encoding` field accepts a coding (RFC 9110, 12.5.3).
fn accepts(field: &str, token: &str) -> bool {
    field.split(',').any(|entry| {
        let mut pieces = entry.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default();
        let refused = pieces.any(|piece| piece.replace(' ', "").trim_end_matches(['0', '.']) == "q=");
        (name == token || name == "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    pub(super) fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        fields.collect()
    }

    pub(super) fn exchange(uri: &str, fields: &[(&'static str, &str)]) -> Exchange {
        Exchange::of(Gate::Proxy, None, Method::GET, uri.parse().unwrap(), &headers(fields))
    }

    #[test]
    fn who_asks_is_told_from_what_they_accept() {
        let html = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (fields, wants, navigation) in [
            (vec![("accept", html), ("sec-fetch-dest", "document")], Wants::Page, true),
            (vec![("accept", html)], Wants::Page, true),
            (vec![("accept", "*/*")], Wants::Text, true),
            (vec![("accept", "application/problem+json")], Wants::Json, true),
            (vec![("accept", "application/json"), ("sec-fetch-dest", "empty")], Wants::Json, false),
            (vec![("accept", "image/avif,*/*"), ("sec-fetch-dest", "image")], Wants::Nothing, false),
            (vec![("accept", "*/*"), ("sec-fetch-dest", "script")], Wants::Nothing, false),
            // `<a download>`
            (vec![("accept", html), ("sec-fetch-dest", "empty"), ("sec-fetch-mode", "navigate")], Wants::Page, true),
            (vec![("accept", "*/*"), ("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors")], Wants::Nothing, false),
        ] {
            let exchange = exchange("http://a.example/x", &fields);
            assert_eq!((exchange.wants, exchange.navigation), (wants, navigation), "{fields:?}");
        }
    }

    #[test]
    fn a_page_of_plain_http_loads_its_scripts_and_programs_download() {
        let agent = (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
        );
        let shell = ("user-agent", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.1");
        let (any, html) = (("accept", "*/*"), ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"));
        let referer = ("referer", "http://a.example/");
        let (language, coding) = (("accept-language", "de"), ("accept-encoding", "gzip, deflate"));
        let upgrade = ("upgrade-insecure-requests", "1");
        for (fields, navigation) in [
            (vec![agent, any, referer], false),
            (vec![agent, any, language, coding], false),
            (vec![agent, ("accept", "image/avif,image/webp,*/*"), referer], false),
            (vec![agent, html, referer, upgrade], true),
            (vec![agent, html, referer], true),
            (vec![agent, any, referer, upgrade], true),
            (vec![agent, any], true),
            (vec![agent, referer], true),
            (vec![shell, any, referer, language, coding], true),
            (vec![("user-agent", "curl/8.5"), any, referer, language, coding], true),
            (vec![any, referer, language, coding], true),
        ] {
            assert_eq!(exchange("http://a.example/x", &fields).navigation, navigation, "{fields:?}");
        }
    }

    #[test]
    fn what_asks_to_be_saved_is_no_part_of_a_page() {
        let script = exchange("http://a.example/x", &[("sec-fetch-dest", "script"), ("sec-fetch-mode", "no-cors")]);
        for (disposition, saved) in [
            ("attachment; filename=a.js", true),
            ("ATTACHMENT", true),
            ("form-data; name=a", true),
            ("inline; filename=a.js", false),
            ("filename=a.js", false),
            ("", false),
        ] {
            let origin = script.origin(&headers(&[("content-disposition", disposition)]));
            assert_eq!((origin.navigation, origin.attached), (saved, saved), "{disposition}");
        }
        // A link that downloads says so of itself; a page that is shown does not.
        for (destination, attached) in [("empty", true), ("document", false), ("iframe", false)] {
            let page =
                exchange("http://a.example/x", &[("sec-fetch-dest", destination), ("sec-fetch-mode", "navigate")]);
            assert_eq!(page.origin(&headers(&[])).attached, attached, "{destination}");
        }
    }

    #[test]
    fn what_is_fetched_for_a_page_is_told_by_its_site() {
        let referer = ("referer", "https://www.Shop.example/a?b=c");
        for (fields, site) in [
            (vec![referer, ("sec-fetch-dest", "script")], Some("shop.example")),
            (vec![referer, ("sec-fetch-dest", "iframe")], Some("shop.example")),
            (vec![referer, ("accept", "*/*")], Some("shop.example")),
            (vec![("origin", "https://shop.example"), ("sec-fetch-dest", "empty")], Some("shop.example")),
            (vec![("referer", "http://192.0.2.1:8080/"), ("sec-fetch-dest", "script")], Some("192.0.2.1")),
            (vec![referer, ("sec-fetch-dest", "document")], None),
            (vec![referer, ("accept", "text/html,*/*")], None),
            (vec![("origin", "null"), ("sec-fetch-dest", "empty")], None),
            (vec![("sec-fetch-dest", "script")], None),
        ] {
            let exchange = exchange("http://cdn.example/x", &fields);
            assert_eq!(exchange.origin(&headers(&[])).page.as_deref(), site, "{fields:?}");
        }
    }

    #[test]
    fn clients_are_told_apart_by_address_or_else_by_name() {
        let mut exchange = exchange("http://a.example/", &[]);
        assert_eq!(exchange.whose(), Client::Unknown);
        exchange.person = Some("ada".to_owned());
        assert_eq!(exchange.whose(), Client::Person("ada".to_owned()));
        exchange.client = "::ffff:192.0.2.7".parse().ok();
        assert_eq!(exchange.whose(), Client::Address([192, 0, 2, 7].into()));
    }

    #[test]
    fn an_origin_has_the_registered_domain() {
        for (uri, host, domain) in [
            ("http://www.Shop.co.uk./a", "www.shop.co.uk", Some("shop.co.uk")),
            ("http://192.0.2.1:8080/a", "192.0.2.1", None),
            ("http://3221225985/a", "192.0.2.1", None),
            ("http://0xC0.0.0x201./a", "192.0.2.1", None),
            ("http://[2001:DB8:0:0::1]/a", "2001:db8::1", None),
            ("http://[2001:db8::1]/a", "2001:db8::1", None),
            ("http://someone.github.io/a", "someone.github.io", Some("someone.github.io")),
        ] {
            let origin = exchange(uri, &[]).origin(&headers(&[("content-type", "Text/Javascript; charset=utf-8")]));
            assert_eq!((origin.host.as_deref(), origin.domain.as_deref()), (Some(host), domain));
            assert_eq!(origin.declared_type.as_deref(), Some("text/javascript"));
        }
    }

    #[test]
    fn codings_that_a_client_refuses_are_not_among_those_it_undoes() {
        let undoes = |field| exchange("http://a.example/", &[("accept-encoding", field)]).undoes;
        assert_eq!(undoes("gzip, br;q=0, zstd;q=0.0, deflate;q=0.5"), [ContentCoding::Gzip, ContentCoding::Deflate]);
        assert_eq!(undoes("*"), ContentCoding::ALL);
        assert_eq!(undoes(""), []);
    }
}
