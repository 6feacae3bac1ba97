//! Sends messages to other machines over HTTP.

use crate::GateError;
use crate::proxy::{Asker, Upstream, full};
use crate::settings::ProxySettings;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, Uri};

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

    /// Sends JSON; any answer of success will do.
    ///
    /// # Errors
    /// A sentence when it was not taken.
    pub async fn json(&self, address: &str, body: Vec<u8>) -> Result<(), String> {
        let uri: Uri = address.parse().map_err(|_| format!("`{address}` is no address"))?;
        let request = Request::post(uri)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("lazaret/", env!("CARGO_PKG_VERSION")))
            .body(full(body))
            .map_err(|error| error.to_string())?;
        let answer = self.0.send(request, Asker::Here, false).await.map_err(|trouble| format!("{trouble:?}"))?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }
}
