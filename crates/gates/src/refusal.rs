//! What a gate says instead of handing something over. The words come from whoever starts the gates.

use crate::{Contained, Exchange, Wants};
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use lazaret_model::{Decision, ScanReport};

/// Why something is not handed over.
#[derive(Debug, Clone)]
pub enum Reason {
    /// Policy said so.
    Policy(Box<ScanReport>),
    /// It could not be inspected; the sentence is for the log.
    Failed(String),
    /// It is larger than what may pass.
    TooLarge(u64),
    /// Too much is under way to look at it now; the sentence is for the log.
    Busy(String),
    /// An act of an incident keeps it back, whatever policy says.
    Contained(Box<Contained>),
}

/// After how many seconds whoever is told that too much is under way may ask again.
pub(crate) const RETRY_SECONDS: u32 = 10;

/// One download that was not handed over.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What people quote when they ask about it.
    pub reference: String,
    /// Held (it may be asked for) or blocked.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// The address, without its query: that may hold secrets.
    pub address: String,
    /// The name it would have been saved under.
    pub name: String,
    /// Where its bytes are, when they were kept.
    pub kept: Option<Kept>,
}

/// Refused bytes that were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The SHA-256 by which they are found.
    pub content_blob: String,
    /// How they are packed, as in `Content-Encoding`.
    pub codings: String,
}

/// What keeps a request from being answered at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The request makes no sense to a proxy.
    #[error("the request is invalid: {0}")]
    Request(&'static str),
    /// The request inside a tunnel is for another host than the tunnel.
    #[error("the request is for a different host than its connection")]
    Misdirected,
    /// The site's name is not known.
    #[error("the name cannot be resolved: {0}")]
    Name(String),
    /// The site cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The site's certificate does not prove that it is that site.
    #[error("its certificate is not accepted: {0}")]
    Certificate(String),
    /// The site did not answer in time.
    #[error("no response in time")]
    Silent,
    /// The site's answer breaks the protocol.
    #[error("its response violates the protocol: {0}")]
    Protocol(String),
    /// An address of this machine, asked for by another.
    #[error("it is this machine, or in a network that must not be reached")]
    Private,
    /// The request has been here before.
    #[error("the request has already passed through here")]
    Loop,
    /// WebSocket connections are not allowed.
    #[error("WebSocket connections are not allowed")]
    WebSocket,
    /// Who asks must say who they are.
    #[error("authentication is required")]
    Credentials,
    /// Who asks must sign in, on this page.
    #[error("who asks must sign in at {0}")]
    SignIn(String),
}

impl Trouble {
    /// The status code of the answer (RFC 9110, 15; RFC 6585, 6).
    pub fn status(&self) -> u16 {
        match self {
            Self::Request(_) => 400,
            Self::Misdirected => 421,
            Self::Private | Self::WebSocket => 403,
            Self::Silent => 504,
            Self::Loop => 508,
            Self::Credentials => 407,
            Self::SignIn(_) => 511,
            Self::Name(_) | Self::Unreachable(_) | Self::Certificate(_) | Self::Protocol(_) => 502,
        }
    }
}

/// An answer ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Media type with its charset.
    pub content_type: &'static str,
    /// `Content-Language`, where there are words.
    pub language: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

impl Page {
    /// The header fields that go with it: never kept, never framed, nothing fetched from anywhere.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        );
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if let Some(language) = self.language {
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language));
        }
        headers
    }
}

/// Renders what people read. Only the renderer knows HTML.
pub trait Pages: Send + Sync {
    /// Why a download was not handed over, in the form that the client can make sense of.
    fn refusal(&self, refusal: &Refusal, exchange: &Exchange) -> Page;

    /// A page for a browser that waits: how much of a download is there, in bytes, of how much. It asks again by itself.
    fn progress(&self, name: &str, address: &str, taken: u64, whole: Option<u64>, languages: &str) -> Page;

    /// Why a request was not answered by the site. `address` has no query.
    fn trouble(&self, trouble: &Trouble, address: &str, wants: Wants, languages: &str) -> Page;
}

/// An address without what may be secret: no credentials, no query.
pub fn public_address(uri: &http::Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    format!("{scheme}://{}{}", authority.unwrap_or_default(), uri.path())
}
