//! Who asks: by a name and password that come with the request, or by having signed in on the console's page from the same machine.

use super::{Body, Place, Proxy, absolute, answer_with, same_origin, wanted};
use crate::Wants;
use crate::exchange::{normal_host, text};
use crate::refusal::{Trouble, public_address};
use crate::settings::names_host;
use data_encoding::BASE64;
use http::header::{CACHE_CONTROL, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// How long an answer to a wrong name or password is put off.
const WRONG_TIME: Duration = Duration::from_millis(500);
/// The console's page where people sign in to use the web.
const PAGE: &str = "/network";
/// Bytes of an address to which people are led back. The console keeps no longer ones, and takes no address that is much longer.
const MOST_BACK: usize = 2_000;

impl Proxy {
    /// Finds out who asks, where people are to be known; or the answer by which they can say so.
    pub(super) async fn known(&self, request: &Request<Incoming>, place: &mut Place) -> Result<(), Response<Body>> {
        let client = place.client.ip();
        let is_asked = self.settings.authentication || self.settings.sign_in_page;
        if !is_asked || self.desk.directory().person_at(client).is_some() {
            return Ok(());
        }
        if place.tunnel.is_none() {
            if let Some((name, password)) = credentials(request.headers()) {
                match self.accounts.knows(client, &name, &password).await {
                    Ok(true) => {
                        (place.person, place.vouched) = (Some(name), true);
                        return Ok(());
                    }
                    Ok(false) => {
                        tracing::info!(client = %place.client, %name, "wrong name or password");
                        tokio::time::sleep(WRONG_TIME).await;
                    }
                    Err(why) => tracing::error!(client = %place.client, %why, "cannot check credentials"),
                }
                return Err(self.challenge(request, place));
            }
            if !self.settings.sign_in_page {
                return Err(self.challenge(request, place));
            }
        }
        if place.vouched || !self.settings.sign_in_page {
            return Ok(());
        }
        // At each request, also in a tunnel that stays open: whoever signs out is out.
        place.person = self.accounts.at(client).await.unwrap_or_else(|why| {
            tracing::error!(client = %place.client, %why, "cannot look up who uses this machine");
            None
        });
        // Nothing that a browser would show can be answered to CONNECT: whoever opens a tunnel is asked inside.
        if place.person.is_some() || request.method() == Method::CONNECT {
            return Ok(());
        }
        // What has no address is answered as what it is.
        let Ok(uri) = absolute(request, place) else { return Ok(()) };
        let is_own = self.own.as_ref().is_some_and(|own| same_origin(&own.address, &uri));
        if is_own || names_host(&self.settings.sign_in_except, &normal_host(uri.host().unwrap_or_default())) {
            return Ok(());
        }
        Err(self.led_to_sign_in(request, &uri, place))
    }

    /// Asks for a name and password.
    fn challenge(&self, request: &Request<Incoming>, place: &Place) -> Response<Body> {
        let (wants, languages) = (wanted(request, place.client.ip()), text(request.headers(), "accept-language"));
        let page = self.desk.pages().trouble(&Trouble::Credentials, request.uri().path(), wants, &languages);
        let mut answer = answer_with(StatusCode::PROXY_AUTHENTICATION_REQUIRED, page);
        // RFC 7617, 2.1.
        let question = HeaderValue::from_static("Basic realm=\"Lazaret\", charset=\"UTF-8\"");
        answer.headers_mut().insert(PROXY_AUTHENTICATE, question);
        answer
    }

    /// Leads whoever looks at a page to where they can sign in; everybody else is told where that is.
    fn led_to_sign_in(&self, request: &Request<Incoming>, uri: &Uri, place: &Place) -> Response<Body> {
        let (wants, languages) = (wanted(request, place.client.ip()), text(request.headers(), "accept-language"));
        let page = self.own.as_ref().map(|own| format!("{}{PAGE}", own.address.to_string().trim_end_matches('/')));
        let page = page.unwrap_or_default();
        let is_asked_for = wants == Wants::Page && matches!(*request.method(), Method::GET | Method::HEAD);
        // Fetch Metadata, 2.1: no frame, which the console's pages may not be shown in, and nothing that is saved.
        let is_looked_at = is_asked_for && matches!(&*text(request.headers(), "sec-fetch-dest"), "" | "document");
        let to = utf8_percent_encode(&way_back(uri), NON_ALPHANUMERIC).to_string();
        let trouble = Trouble::SignIn(page.clone());
        let words = self.desk.pages().trouble(&trouble, &public_address(uri), wants, &languages);
        let mut answer = answer_with(StatusCode::NETWORK_AUTHENTICATION_REQUIRED, words);
        if let Some(there) = HeaderValue::from_str(&format!("{page}?at={}&to={to}", place.client.ip().to_canonical()))
            .ok()
            .filter(|_| is_looked_at)
        {
            *answer.status_mut() = StatusCode::FOUND;
            answer.headers_mut().insert(LOCATION, there);
        }
        // RFC 6585, 6: never kept as if the site had said it.
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

/// The address to which people are led back: what they asked for, or the first page of that site where it is too long.
fn way_back(uri: &Uri) -> String {
    let whole = uri.to_string();
    let first = uri.scheme_str().zip(uri.authority()).map(|(scheme, site)| format!("{scheme}://{site}/"));
    if whole.len() <= MOST_BACK { whole } else { first.unwrap_or_default() }
}

/// The name and password of a request (RFC 7617, 2).
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let field = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = field.split_once(' ')?;
    let decoded = BASE64.decode(encoded.trim().as_bytes()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_to_come_back_to_becomes_the_first_page_of_its_site() {
        let long = format!("https://site.example:8443/{}?a=b", "x".repeat(MOST_BACK));
        for (address, back) in
            [("http://site.example/a?b=c", "http://site.example/a?b=c"), (&long, "https://site.example:8443/")]
        {
            assert_eq!(way_back(&address.parse().unwrap()), back);
        }
    }
}
