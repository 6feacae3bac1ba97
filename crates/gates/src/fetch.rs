//! Fetches from addresses that an administrator named, over the connections and with the trust that the proxy has.

use crate::GateError;
use crate::proxy::{Asker, Upstream, full};
use crate::settings::ProxySettings;
use http::header::{ACCEPT, CONTENT_LENGTH, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode, Uri, request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::fs::File;
use std::io::Write;
use std::time::Duration;
use thiserror::Error;

/// Redirections that are followed.
const MOST_STEPS: usize = 5;
/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why something cannot be fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// What should be an address is none.
    #[error("`{0}` is not a valid URL")]
    NoAddress(String),
    /// Nothing can be asked of it.
    #[error("{0}")]
    Unasked(#[from] http::Error),
    /// It does not answer.
    #[error("`{address}`: {why}")]
    Unreached {
        /// The address.
        address: String,
        /// Why not.
        why: String,
    },
    /// It does not answer, or go on, in time.
    #[error("`{0}` did not respond in time")]
    Late(String),
    /// It leads to nothing that can be asked.
    #[error("`{0}` redirects without a target")]
    Astray(String),
    /// It leads on and on.
    #[error("`{0}` redirects too many times")]
    Endless(String),
    /// It has nothing for us.
    #[error("`{address}` responded with status {status}")]
    Answered {
        /// The address.
        address: String,
        /// With this.
        status: StatusCode,
    },
    /// The connection broke.
    #[error("`{address}` ended early: {why}")]
    Broken {
        /// The address.
        address: String,
        /// Why.
        why: String,
    },
    /// It ended before its length.
    #[error("`{address}` ended after {written} of {length} bytes")]
    Short {
        /// The address.
        address: String,
        /// Bytes that came.
        written: u64,
        /// Bytes that were announced.
        length: u64,
    },
    /// It has more bytes than are taken.
    #[error("`{address}` is larger than {most} bytes")]
    TooLarge {
        /// The address.
        address: String,
        /// Bytes that it may have.
        most: u64,
    },
    /// It could not be written down.
    #[error("{0}")]
    Unwritten(#[from] std::io::Error),
}

/// Fetches files.
pub struct Fetcher(Upstream);

impl Fetcher {
    /// One with the proxy's settings.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &ProxySettings) -> Result<Self, GateError> {
        Upstream::new(settings).map(Self)
    }

    /// Writes what is at an address into a file. `told` hears how many bytes there are, and how many there will be.
    ///
    /// # Errors
    /// When it cannot be had whole, or has more than `most` bytes.
    pub async fn save(
        &self,
        address: &str,
        file: &mut File,
        most: u64,
        mut told: impl FnMut(u64, Option<u64>),
    ) -> Result<u64, FetchError> {
        let late = || FetchError::Late(address.to_owned());
        let asked = follow(&self.0, Asker::Here, address, |request| request);
        let (uri, answer) = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| late())??;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Answered { address: uri.to_string(), status: answer.status() });
        }
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = answer.into_body();
        let mut written = 0;
        loop {
            let frame = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(|_| late())?;
            let Some(frame) = frame else { break };
            let frame =
                frame.map_err(|error| FetchError::Broken { address: uri.to_string(), why: error.to_string() })?;
            let Some(data) = frame.data_ref() else { continue };
            written += data.len() as u64;
            if written > most {
                return Err(FetchError::TooLarge { address: uri.to_string(), most });
            }
            file.write_all(data)?;
            told(written, length);
        }
        match length {
            Some(length) if length != written => Err(FetchError::Short { address: uri.to_string(), written, length }),
            _ => Ok(written),
        }
    }
}

/// Asks for an address and follows redirections. `prepare` adds fields to each request.
///
/// # Errors
/// When nothing answers.
pub(crate) async fn follow(
    upstream: &Upstream,
    asker: Asker,
    source: &str,
    prepare: impl Fn(request::Builder) -> request::Builder,
) -> Result<(Uri, Response<Incoming>), FetchError> {
    let mut uri: Uri = source.parse().map_err(|_| FetchError::NoAddress(source.to_owned()))?;
    for _ in 0..MOST_STEPS {
        let request = Request::get(uri.clone())
            .header(USER_AGENT, concat!("lazaret/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*");
        let request = prepare(request).body(full(Vec::new()))?;
        let answer = upstream.send(request, asker, false).await;
        let answer =
            answer.map_err(|trouble| FetchError::Unreached { address: uri.to_string(), why: trouble.to_string() })?;
        let is_elsewhere = answer.status().is_redirection() && answer.status() != StatusCode::NOT_MODIFIED;
        if !is_elsewhere {
            return Ok((uri, answer));
        }
        uri = target(&uri, answer.headers()).ok_or_else(|| FetchError::Astray(uri.to_string()))?;
    }
    Err(FetchError::Endless(source.to_owned()))
}

/// Where a redirection leads (RFC 9110, 10.2.2): an address, or a path on the same host. Never from TLS to none.
fn target(from: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let to: Uri = location.parse().ok()?;
    if to.scheme().is_some() {
        return Some(to).filter(|to| from.scheme_str() != Some("https") || to.scheme_str() == Some("https"));
    }
    let path = to.path_and_query()?.clone();
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}
