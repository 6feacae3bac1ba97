//! Sends messages to other machines over HTTP.

use crate::proxy::{Asker, Upstream, full};
use crate::settings::ProxySettings;
use crate::{GateError, Trouble};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, Uri};

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The address is none.
    #[error("the URL is not one that can be requested")]
    Address,
    /// Nothing answered.
    #[error(transparent)]
    Unanswered(#[from] Trouble),
    /// The answer was no success.
    #[error("it responded with status {0}")]
    Refused(u16),
}

/// Sends messages, over the connections and with the trust that the proxy has.
pub struct Poster(Upstream);

impl Poster {
    /// A sender with the proxy's settings.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &ProxySettings) -> Result<Self, GateError> {
        Upstream::new(settings).map(Self)
    }

    /// Sends JSON with some fields more; any answer of success will do.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn json(&self, address: &str, fields: &[(&str, String)], body: Vec<u8>) -> Result<(), PostError> {
        let uri: Uri = address.parse().map_err(|_| PostError::Address)?;
        let mut request = Request::post(uri)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("lazaret/", env!("CARGO_PKG_VERSION")));
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        let request = request.body(full(body)).map_err(|_| PostError::Address)?;
        let answer = self.0.send(request, Asker::Here, false).await?;
        if answer.status().is_success() { Ok(()) } else { Err(PostError::Refused(answer.status().as_u16())) }
    }
}
