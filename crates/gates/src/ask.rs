//! Asks other machines short questions over HTTP, over the connections and with the trust that the proxy has.

use crate::proxy::{Asker, Body, Upstream, full};
use crate::settings::ProxySettings;
use crate::{GateError, Trouble};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Uri, request};
use http_body_util::{BodyExt, Limited};
use std::time::Duration;

/// Bytes of an answer; a longer one is refused.
const MOST: usize = 1 << 20;
/// How long a question may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The address, or a field, is none.
    #[error("the URL is not one that can be requested")]
    Address,
    /// Nothing answered.
    #[error(transparent)]
    Unanswered(#[from] Trouble),
    /// The answer did not come whole.
    #[error("the response is longer than 1 MiB or ended early: {0}")]
    Body(String),
    /// It took too long.
    #[error("no response in time")]
    Late,
}

/// Status and body.
pub type Answered = (u16, Vec<u8>);

/// Asks. Redirections are not followed.
pub struct Client(Upstream);

impl Client {
    /// One with the proxy's settings.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &ProxySettings) -> Result<Self, GateError> {
        Upstream::new(settings).map(Self)
    }

    /// What is at an address.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, address: &str) -> Result<Answered, AskError> {
        let request = asked(Request::get(uri(address)?));
        self.answer(request.body(full(Vec::new())).map_err(|_| AskError::Address)?).await
    }

    /// The answer to a form, with a value of `Authorization` where there is one.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post_form(
        &self,
        address: &str,
        authorization: Option<&str>,
        form: String,
    ) -> Result<Answered, AskError> {
        let mut request = asked(Request::post(uri(address)?)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value).map_err(|_| AskError::Address)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        self.answer(request.body(full(form.into_bytes())).map_err(|_| AskError::Address)?).await
    }

    async fn answer(&self, request: Request<Body>) -> Result<Answered, AskError> {
        tokio::time::timeout(PATIENCE, self.whole(request)).await.unwrap_or(Err(AskError::Late))
    }

    async fn whole(&self, request: Request<Body>) -> Result<Answered, AskError> {
        let answer = self.0.send(request, Asker::Here, false).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        let body = body.map_err(|error| AskError::Body(error.to_string()))?;
        Ok((status, body.to_bytes().to_vec()))
    }
}

fn uri(address: &str) -> Result<Uri, AskError> {
    address.parse().map_err(|_| AskError::Address)
}

fn asked(request: request::Builder) -> request::Builder {
    request.header(USER_AGENT, concat!("lazaret/", env!("CARGO_PKG_VERSION"))).header(ACCEPT, "application/json")
}
