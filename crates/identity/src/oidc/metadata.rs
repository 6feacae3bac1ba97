//! What a provider says about itself (OpenID Connect Discovery 1.0) and its keys (RFC 7517): fetched when first needed, kept for an
//! hour; keys are fetched again when a token names one that is not known.

use super::settings::is_protected;
use super::{Fetch, OidcError};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use lazaret_store::now;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Milliseconds for which it is believed.
const KEPT: i64 = 3_600_000;
/// Milliseconds for which a provider that gave no usable answer is not asked again.
const AGAIN: i64 = 3_000;
/// Milliseconds after which keys that made no signature are fetched once more.
const KEYS_AGAIN: i64 = 10_000;
/// Keys that a provider may have; of one with more nothing is taken.
const MOST_KEYS: usize = 100;

/// The provider's metadata (OpenID Connect Discovery 1.0, 3), as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    /// RFC 9207, 3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl Document {
    /// Whether clients may prove themselves in this way. HTTP's Basic scheme is meant where nothing is said.
    pub(super) fn takes(&self, wanted: &str) -> bool {
        match &self.token_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|method| method == wanted),
            None => wanted == "client_secret_basic",
        }
    }
}

/// The metadata of one provider.
pub(super) struct Metadata {
    issuer: String,
    pub(super) fetch: Box<dyn Fetch>,
    kept: Mutex<Kept>,
}

/// What was fetched, each with when.
#[derive(Default)]
struct Kept {
    document: Option<(Arc<Document>, i64)>,
    keys: Option<(Vec<Jwk>, i64)>,
    failed: Option<(String, i64)>,
}

impl Metadata {
    pub(super) fn new(issuer: String, fetch: Box<dyn Fetch>) -> Self {
        Self { issuer, fetch, kept: Mutex::default() }
    }

    /// The provider's metadata.
    pub(super) async fn document(&self) -> Result<Arc<Document>, OidcError> {
        self.document_in(&mut *self.kept.lock().await).await
    }

    async fn document_in(&self, kept: &mut Kept) -> Result<Arc<Document>, OidcError> {
        if let Some((document, at)) = &kept.document
            && now().saturating_sub(*at) < KEPT
        {
            return Ok(Arc::clone(document));
        }
        if let Some((why, at)) = &kept.failed
            && now().saturating_sub(*at) < AGAIN
        {
            return Err(OidcError::Away(why.clone()));
        }
        match self.fetched_document().await {
            Ok(document) => {
                let document = Arc::new(document);
                kept.document = Some((Arc::clone(&document), now()));
                kept.failed = None;
                Ok(document)
            }
            Err(error) => {
                kept.failed = Some((error.to_string(), now()));
                Err(error)
            }
        }
    }

    async fn fetched_document(&self) -> Result<Document, OidcError> {
        // OpenID Connect Discovery 1.0, 4.
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document: Document = self.fetched(&address).await?;
        if document.issuer != self.issuer {
            // Entra ID's `common` and `organizations` are about every tenant.
            let what = if document.issuer.contains('{') { "name one tenant" } else { "be that" };
            let why = format!(
                "`{address}` describes `{}`; `identity.oidc.issuer` must {what}",
                super::short(&document.issuer)
            );
            return Err(OidcError::Metadata(why));
        }
        // A provider elsewhere has nothing to say about what is on this machine.
        let scheme = if self.issuer.starts_with("https:") { "https:" } else { "http" };
        for address in [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri] {
            if !is_protected(address) || !address.starts_with(scheme) {
                return Err(OidcError::Metadata(format!("`{}` is not an https URL", super::short(address))));
            }
        }
        let methods = document.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(OidcError::Metadata("it does not support S256 challenges (RFC 7636)".to_owned()));
        }
        Ok(document)
    }

    /// The keys that can have made a signature: those of this name, or all where a token names none.
    pub(super) async fn keys(&self, kid: Option<&str>) -> Result<Vec<Jwk>, OidcError> {
        let mut kept = self.kept.lock().await;
        let document = self.document_in(&mut kept).await?;
        let usable = match &kept.keys {
            Some((keys, at)) => now().saturating_sub(*at) < KEPT && keys.iter().any(|key| is_named(key, kid)),
            None => false,
        };
        if !usable {
            kept.keys = Some((self.fetched_keys(&document.jwks_uri).await?, now()));
        }
        let keys = kept.keys.iter().flat_map(|(keys, _)| keys);
        Ok(keys.filter(|key| is_named(key, kid)).cloned().collect())
    }

    /// Forgets the keys, which made none of the signatures that they should have; false when they are as new as can be.
    pub(super) async fn forget_keys(&self) -> bool {
        let mut kept = self.kept.lock().await;
        let is_old = kept.keys.as_ref().is_some_and(|(_, at)| now().saturating_sub(*at) >= KEYS_AGAIN);
        if is_old {
            kept.keys = None;
        }
        is_old
    }

    /// As if the keys had been fetched a while ago.
    #[cfg(test)]
    pub(super) async fn age_keys(&self) {
        if let Some((_, at)) = &mut self.kept.lock().await.keys {
            *at -= KEYS_AGAIN;
        }
    }

    async fn fetched_keys(&self, address: &str) -> Result<Vec<Jwk>, OidcError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = self.fetched(address).await?;
        if set.keys.len() > MOST_KEYS {
            return Err(OidcError::Metadata(format!("`{address}` has more than {MOST_KEYS} keys")));
        }
        // RFC 7517, 5: keys that are not understood are left out.
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(keys.filter(|key| key.common.public_key_use != Some(PublicKeyUse::Encryption)).collect())
    }

    async fn fetched<T: DeserializeOwned>(&self, address: &str) -> Result<T, OidcError> {
        let bytes = self.fetch.get(address).await.map_err(|error| OidcError::Away(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| OidcError::Metadata(format!("`{address}`: {error}")))
    }
}

fn is_named(key: &Jwk, kid: Option<&str>) -> bool {
    // A key without a name may be the one that a token names.
    let own = key.common.key_id.as_deref();
    kid.is_none_or(|kid| own.is_none_or(|own| own == kid))
}
