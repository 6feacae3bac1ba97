//! Who asks: by a Kerberos ticket or a name and password that come with the request, or by having signed in on the console's page
//! from the same machine.

use super::connector::port_of;
use super::negotiate::{self, Negotiator, Unknown};
use super::{Body, Place, Proxy, absolute, answer_with, same_origin, wanted};
use crate::Wants;
use crate::exchange::{normal_host, text};
use crate::refusal::{Trouble, public_address};
use crate::settings::names_host;
use data_encoding::BASE64;
use http::header::{CACHE_CONTROL, CONNECTION, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
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
        let kerberos = self.negotiator.as_ref().filter(|negotiator| negotiator.asks(client));
        let is_asked = self.settings.authentication || self.settings.sign_in_page || kerberos.is_some();
        if !is_asked || self.desk.directory().person_at(client).is_some() {
            return Ok(());
        }
        if place.tunnel.is_none() {
            if let Some((negotiator, token)) = kerberos.zip(negotiate::token(request.headers())) {
                return self.shown(negotiator, token, request, place).await;
            }
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
            // A client shows its ticket once: it vouches for the connection (RFC 4559, 6).
            if let Some(name) = place.shown.get().filter(|_| kerberos.is_some()) {
                (place.person, place.vouched) = (Some(name.clone()), true);
                return Ok(());
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
        if place.person.is_some() {
            return Ok(());
        }
        // Machines that can have a ticket are asked for it, also for a tunnel.
        let asks_for_ticket = kerberos.is_some() && place.tunnel.is_none();
        // Nothing that a browser would show can be answered to CONNECT: whoever opens a tunnel is asked inside.
        if request.method() == Method::CONNECT {
            let asks = asks_for_ticket && !self.is_free(request.uri());
            return if asks { Err(self.challenge(request, place)) } else { Ok(()) };
        }
        // What has no address is answered as what it is.
        let Ok(uri) = absolute(request, place) else { return Ok(()) };
        if self.is_free(&uri) {
            return Ok(());
        }
        if asks_for_ticket {
            return Err(self.challenge(request, place));
        }
        Err(self.led_to_sign_in(request, &uri, place))
    }

    /// Whether an address, or what a tunnel is asked for to, can be reached before anybody has signed in.
    fn is_free(&self, uri: &Uri) -> bool {
        let host = normal_host(uri.host().unwrap_or_default());
        let is_own = self.own.as_ref().is_some_and(|own| match uri.scheme() {
            Some(_) => same_origin(&own.address, uri),
            None => {
                normal_host(own.address.host().unwrap_or_default()) == host && port_of(&own.address) == port_of(uri)
            }
        });
        is_own || names_host(&self.settings.sign_in_except, &host)
    }

    /// Finds out for whom a Kerberos token vouches.
    async fn shown(
        &self,
        negotiator: &Negotiator,
        token: Vec<u8>,
        request: &Request<Incoming>,
        place: &mut Place,
    ) -> Result<(), Response<Body>> {
        match negotiator.person(token).await {
            Ok(name) => {
                // It would not be known any more for whom the next request on this connection is.
                let first = place.shown.get_or_init(|| name.clone());
                if *first != name {
                    tracing::warn!(client = %place.client, %first, %name, "two people on one connection, which is closed");
                    let mut answer = self.challenge(request, place);
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                    return Err(answer);
                }
                (place.person, place.vouched) = (Some(name), true);
                return Ok(());
            }
            Err(Unknown::Refused(why)) => {
                tracing::info!(client = %place.client, %why, "a Kerberos token was not accepted");
                tokio::time::sleep(WRONG_TIME).await;
            }
            Err(Unknown::Unable(why)) => tracing::error!(client = %place.client, %why, "cannot check Kerberos tokens"),
        }
        Err(self.challenge(request, place))
    }

    /// Asks for a ticket, or a name and password.
    fn challenge(&self, request: &Request<Incoming>, place: &Place) -> Response<Body> {
        let (wants, languages) = (wanted(request, place.client.ip()), text(request.headers(), "accept-language"));
        let kerberos = self.negotiator.as_ref().is_some_and(|negotiator| negotiator.asks(place.client.ip()));
        // Whoever has no ticket reads where else they can sign in.
        let page = self.page().filter(|_| self.settings.sign_in_page);
        let trouble = page.map_or(Trouble::Credentials, Trouble::SignIn);
        let page = self.desk.pages().trouble(&trouble, request.uri().path(), wants, &languages);
        let mut answer = answer_with(StatusCode::PROXY_AUTHENTICATION_REQUIRED, page);
        // RFC 4559, 4; RFC 7617, 2.1. Browsers take the first that they can (RFC 9110, 11.6.1, leaves it to them).
        if kerberos {
            answer.headers_mut().append(PROXY_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
        }
        if self.settings.authentication || !kerberos {
            let question = HeaderValue::from_static("Basic realm=\"Lazaret\", charset=\"UTF-8\"");
            answer.headers_mut().append(PROXY_AUTHENTICATE, question);
        }
        answer
    }

    /// Where people can sign in.
    fn page(&self) -> Option<String> {
        self.own.as_ref().map(|own| format!("{}{PAGE}", own.address.to_string().trim_end_matches('/')))
    }

    /// Leads whoever looks at a page to where they can sign in; everybody else is told where that is.
    fn led_to_sign_in(&self, request: &Request<Incoming>, uri: &Uri, place: &Place) -> Response<Body> {
        let (wants, languages) = (wanted(request, place.client.ip()), text(request.headers(), "accept-language"));
        let page = self.page().unwrap_or_default();
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
