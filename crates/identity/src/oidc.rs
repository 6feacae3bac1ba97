//! Sign-in through a provider (OpenID Connect Core 1.0, authorization code flow) with PKCE (RFC 7636). Nothing is asked of the
//! provider before somebody wants to sign in there: it may be away without anybody else noticing. What a sign-in needs is with the
//! browser that began it (`journey.rs`), so that nobody can crowd others out, and any process at the ledger can finish it.

mod error;
mod journey;
mod metadata;
mod settings;
#[cfg(test)]
mod tests;
mod token;

pub use error::{OidcError, TokenFlaw};
pub use settings::{OidcSettings, SettingError};

use crate::Role;
use data_encoding::BASE64;
use journey::{Journey, Used};
use lazaret_store::{StoreError, now};
use metadata::{Document, Metadata};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

/// What is encoded in forms and in credentials: everything but letters, digits and what forms leave as it is (URL Standard,
/// "application/x-www-form-urlencoded percent-encode set"), since there are providers that decode no credentials.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// Groups that one person may be in; whoever is in more is refused.
const MOST_GROUPS: usize = 1_000;
/// Characters of a group's name, which may be the whole of its place in a directory; whoever is in one with a longer name is refused.
const MOST_GROUP: usize = 1_000;
/// Characters of what a provider says that are written into the log.
const MOST_TEXT: usize = 200;
/// What providers say where they do not know the client, or not by this (RFC 6749, 5.2).
const INVALID_CLIENT: &str = "`invalid_client`";
/// Milliseconds for which the page says that the provider did not answer.
const TROUBLED: i64 = 60_000;

/// What takes a while and may fail.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, FetchError>> + Send + 'a>>;

/// Why the provider did not respond.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Asks the provider, over whatever connections and with whatever trust whoever starts this has.
pub trait Fetch: Send + Sync {
    /// The response body of a GET request; any status but success is an error.
    fn get<'a>(&'a self, address: &'a str) -> Pending<'a, Vec<u8>>;

    /// Status and body of the response to a form, sent with an `Authorization` header if one is given.
    fn post<'a>(&'a self, address: &'a str, authorization: Option<String>, form: String)
    -> Pending<'a, (u16, Vec<u8>)>;
}

/// A provider.
pub struct Provider {
    settings: OidcSettings,
    /// What the provider knows the console by; none for a public client.
    secret: Option<String>,
    /// Where it sends people back to.
    redirect: String,
    metadata: Metadata,
    /// Sign-ins that came to their end.
    used: Used,
    /// When the provider gave no usable answer last.
    trouble: Mutex<i64>,
}

/// Where to redirect the user.
#[derive(Debug)]
pub struct Begun {
    /// The URL at the provider.
    pub address: String,
    /// What the same browser must bring back, so that nobody is signed in under another's name by a link.
    pub browser: String,
}

/// The parameters of the provider's redirect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Returned<'a> {
    /// `state`.
    pub state: &'a str,
    /// `code`.
    pub code: &'a str,
    /// `iss` (RFC 9207).
    pub iss: &'a str,
    /// `error`.
    pub error: &'a str,
    /// What the browser received.
    pub browser: &'a str,
}

/// Somebody for whom the provider vouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) name: String,
    /// Their groups, as policies know them.
    pub(crate) groups: Vec<String>,
    pub(crate) standing: Standing,
    /// Whether the provider says that it asked for a second factor.
    pub(crate) second_factor: bool,
    /// Whether they are added where they are new.
    pub(crate) may_be_made: bool,
    /// When the provider vouched, in milliseconds since 1970.
    pub(crate) at: i64,
    /// When the session ends at the latest.
    pub(crate) until: i64,
    pub(crate) to: String,
}

/// Which role somebody has by their groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// This one, at every sign-in.
    Always(Role),
    /// None: their groups have no role.
    Nowhere,
    /// Groups say nothing about roles: whoever is new gets this one, others keep theirs.
    AtFirst(Option<Role>),
}

impl Provider {
    /// The provider of these settings. `secret` is what is in the file that they name, `redirect` the address to which people
    /// come back.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(
        settings: OidcSettings,
        secret: Option<String>,
        redirect: String,
        fetch: Box<dyn Fetch>,
    ) -> Result<Self, SettingError> {
        settings.check()?;
        let metadata = Metadata::new(settings.issuer.clone(), fetch);
        Ok(Self { settings, secret, redirect, metadata, used: Used::default(), trouble: Mutex::default() })
    }

    pub(crate) const fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Whether the provider's last response was unusable.
    pub(crate) fn is_away(&self) -> bool {
        now().saturating_sub(*self.trouble.lock().unwrap_or_else(PoisonError::into_inner)) < TROUBLED
    }

    /// Records whether the provider responded.
    fn noted<T>(&self, answer: Result<T, OidcError>) -> Result<T, OidcError> {
        let troubled = matches!(answer, Err(OidcError::Away(_) | OidcError::Metadata(_)));
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = if troubled { now() } else { 0 };
        answer
    }

    /// Begins a sign-in, after which somebody wants to go to a path.
    pub(crate) async fn begin(&self, to: &str) -> Result<Begun, OidcError> {
        let document = self.noted(self.metadata.document().await)?;
        let journey = Journey::begun(own_path(to))?;
        let (state, nonce) = (journey.state(), journey.nonce());
        let (scope, challenge) = (self.settings.scopes.join(" "), journey.challenge());
        let fields = [
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", self.redirect.as_str()),
            ("scope", scope.as_str()),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let endpoint = &document.authorization_endpoint;
        let sign = if endpoint.contains('?') { '&' } else { '?' };
        let address = format!("{endpoint}{sign}{}", form(&fields));
        Ok(Begun { address, browser: journey.browser })
    }

    /// Finds out for whom the provider vouches.
    pub(crate) async fn finish(&self, returned: &Returned<'_>) -> Result<Account, OidcError> {
        let journey = Journey::returned(returned.browser, returned.state).ok_or(OidcError::Unknown)?;
        // Whatever comes of it, nothing is taken twice.
        if !self.used.is_first(&journey) {
            return Err(OidcError::Unknown);
        }
        let document = self.noted(self.metadata.document().await)?;
        // RFC 9207, 2.4: an answer of another provider is told by its name.
        let is_missing = returned.iss.is_empty() && document.authorization_response_iss_parameter_supported;
        if is_missing || (!returned.iss.is_empty() && returned.iss != self.settings.issuer) {
            return Err(OidcError::Mixed);
        }
        if !returned.error.is_empty() || returned.code.is_empty() {
            return Err(OidcError::Denied(short(returned.error)));
        }
        let granted = self.noted(self.exchange(&document, returned.code, &journey.verifier()).await)?;
        let token = granted.get("id_token").and_then(Value::as_str).unwrap_or_default();
        let claims = self.verified(token, &journey.nonce()).await?;
        // Seconds until the provider's own session ends, where it says so (Keycloak does; 0 is for one that does not end).
        let session = granted.get("refresh_expires_in").and_then(seconds).unwrap_or_default();
        self.account(&claims, session, own_path(&journey.to).to_owned())
    }

    /// The claims of an ID token. Where no known key made its signature, the keys are fetched once more: providers give new ones old
    /// names, or none.
    async fn verified(&self, token: &str, nonce: &str) -> Result<Map<String, Value>, OidcError> {
        let kid = token::key_id(token)?;
        let expected = token::Expected {
            issuer: &self.settings.issuer,
            client: &self.settings.client_id,
            nonce,
            now: now().div_euclid(1_000),
        };
        let keys = self.noted(self.metadata.keys(kid.as_deref()).await)?;
        let verified = token::verified(token, &keys, &expected);
        if !matches!(verified, Err(TokenFlaw::Signature)) || !self.metadata.forget_keys().await {
            return Ok(verified?);
        }
        let keys = self.noted(self.metadata.keys(kid.as_deref()).await)?;
        Ok(token::verified(token, &keys, &expected)?)
    }

    /// Exchanges a code for an ID token (OpenID Connect Core 1.0, 3.1.3); what the provider answers (3.1.3.3).
    async fn exchange(&self, document: &Document, code: &str, verifier: &str) -> Result<Map<String, Value>, OidcError> {
        let fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", verifier),
        ];
        let (with_basic, with_post) = (document.takes("client_secret_basic"), document.takes("client_secret_post"));
        match &self.secret {
            Some(secret) if with_basic || !with_post => {
                // RFC 6749, 2.3.1: both are encoded as in forms first.
                let pair = format!("{}:{}", encoded(&self.settings.client_id), encoded(secret));
                let authorization = format!("Basic {}", BASE64.encode(pair.as_bytes()));
                let answer = self.granted(document, Some(authorization), &fields).await;
                match answer {
                    // What a client is known by is looked at before the code, which is still good. A provider that takes both may
                    // have been told that this client uses the other.
                    Err(OidcError::Code(why)) if with_post && why.contains(INVALID_CLIENT) => {
                        self.granted(document, None, &self.with_client(fields, Some(secret.as_str()))).await
                    }
                    answer => answer,
                }
            }
            secret => self.granted(document, None, &self.with_client(fields, secret.as_deref())).await,
        }
    }

    /// The fields with what the client is known by.
    fn with_client<'a>(
        &'a self,
        mut fields: Vec<(&'a str, &'a str)>,
        secret: Option<&'a str>,
    ) -> Vec<(&'a str, &'a str)> {
        fields.push(("client_id", self.settings.client_id.as_str()));
        fields.extend(secret.map(|secret| ("client_secret", secret)));
        fields
    }

    async fn granted(
        &self,
        document: &Document,
        authorization: Option<String>,
        fields: &[(&str, &str)],
    ) -> Result<Map<String, Value>, OidcError> {
        let asked = self.metadata.fetch.post(&document.token_endpoint, authorization, form(fields)).await;
        let (status, body) = asked.map_err(|error| OidcError::Away(error.to_string()))?;
        let granted: Map<String, Value> = serde_json::from_slice(&body)
            .map_err(|error| OidcError::Away(format!("status {status}, not JSON: {error}")))?;
        let error = granted.get("error").and_then(Value::as_str).unwrap_or_default();
        if status != 200 || !error.is_empty() {
            return Err(OidcError::Code(format!("status {status}, `{}`", short(error))));
        }
        Ok(granted)
    }

    /// Whom these claims are about.
    fn account(&self, claims: &Map<String, Value>, session: i64, to: String) -> Result<Account, OidcError> {
        let settings = &self.settings;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // An address that nobody confirmed is what somebody typed.
        if settings.name_claim == "email" && claims.get("email_verified").is_some_and(|sure| !is_true(sure)) {
            return Err(OidcError::Unconfirmed);
        }
        let name = claim(claims, &settings.name_claim).and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| OidcError::NoClaim(settings.name_claim.clone()))?.to_owned();
        let told = self.groups(claims)?;
        let standing = if settings.roles.is_empty() {
            Standing::AtFirst(Role::of(&settings.default_role))
        } else {
            let roles = told.iter().filter_map(|group| settings.roles.get(group).and_then(|role| Role::of(role)));
            roles.max().or(Role::of(&settings.default_role)).map_or(Standing::Nowhere, Standing::Always)
        };
        let groups = told.into_iter().map(|group| settings.groups.get(&group).cloned().unwrap_or(group)).collect();
        let mut methods = texts(claims.get("amr"));
        methods.extend(text("acr").map(str::to_owned));
        let minutes = i64::from(settings.session_minutes) * 60_000;
        let theirs = if session > 0 { session.saturating_mul(1_000) } else { i64::MAX };
        Ok(Account {
            issuer: settings.issuer.clone(),
            subject: text("sub").unwrap_or_default().to_owned(),
            name,
            groups,
            standing,
            second_factor: methods.iter().any(|method| settings.second_factor.contains(method)),
            may_be_made: settings.make_people,
            at: now(),
            until: now().saturating_add(minutes.min(theirs)),
            to,
        })
    }

    /// The groups of somebody, as the provider calls them. Who is in none may have no claim.
    fn groups(&self, claims: &Map<String, Value>) -> Result<Vec<String>, OidcError> {
        let name = &self.settings.groups_claim;
        if name.is_empty() {
            return Ok(Vec::new());
        }
        // OpenID Connect Core 1.0, 5.6.2: they are elsewhere, because they are many.
        let first = name.split('.').next().unwrap_or_default();
        let names = claims.get("_claim_names");
        let is_elsewhere = names.is_some_and(|names| names.get(name).is_some() || names.get(first).is_some());
        let mut groups = texts(claim(claims, name));
        if is_elsewhere || groups.len() > MOST_GROUPS || groups.iter().any(|group| group.chars().count() > MOST_GROUP) {
            return Err(OidcError::Groups(name.clone()));
        }
        groups.sort();
        groups.dedup();
        Ok(groups)
    }
}

/// A claim by its name, or by the names of what it is in with dots between them.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut names = name.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    })
}

/// One text, or a list of them.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Some providers write it as a text.
fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_str() == Some("true")
}

/// A number of seconds, which some providers write as a text.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64)).or_else(|| value.as_str()?.parse().ok())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}

/// Fields as a form is sent (URL Standard, 5.2).
fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// A path of our own; the first page for anything that could lead elsewhere.
pub fn own_path(path: &str) -> &str {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'));
    let own = path.starts_with('/') && !path.starts_with("//") && plain && path.len() <= 500;
    if own { path } else { "/" }
}

/// What a provider says, for the log.
fn short(text: &str) -> String {
    lazaret_model::plain(&text.chars().take(MOST_TEXT).collect::<String>())
}

impl From<StoreError> for OidcError {
    fn from(error: StoreError) -> Self {
        Self::Random(error.to_string())
    }
}
