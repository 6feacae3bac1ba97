//! The proxy's own certificate authority: made at the first start, used to speak TLS in the name of sites.

mod certificate;
mod der;
mod folder;
mod key;
mod kind;
mod name;
mod signer;
mod tokens;

pub use certificate::AuthorityCertificate;
pub use folder::{AuthorityFolder, KeyProbe};
pub use kind::{AuthorityRole, KeyKind};
pub use signer::{SIGNER_ARGUMENT, signer_main};

use crate::GateError;
use crate::settings::ProxySettings;
use certificate::Bounds;
use folder::Pair;
use key::Key;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use tokens::Tokens;
use tokio::sync::Semaphore;

/// Days that a site's certificate is good for. Browsers accept at most 398 (Baseline Requirements, 6.3.2).
const LEAF_DAYS: i64 = 30;
/// How long a site's certificate is used before another one is made, by the clock that browsers hold it against.
const LEAF_USE: Duration = Duration::from_secs(7 * 86_400);
/// Sites whose certificates are kept; beyond them the oldest is made anew.
const MOST_LEAVES: usize = 10_000;

/// Certificates that are made at once: a token signs one after the other in any case, and threads that wait are missed elsewhere.
const AT_ONCE: usize = 4;

/// Whether the setting of the authority's key can be used. Asks no token.
pub(super) fn check(settings: &ProxySettings) -> Result<(), GateError> {
    Tokens::of(settings)?.check()
}

/// Makes certificates for sites.
pub struct Authority {
    folder: AuthorityFolder,
    /// The day from which the next one is used.
    next_from: Option<OffsetDateTime>,
    signing: RwLock<Arc<Signing>>,
    known: RwLock<Vec<AuthorityCertificate>>,
    /// One key for all sites: making one takes longer than signing with it.
    key: KeyPair,
    making: Arc<Semaphore>,
}

/// Who vouches, with the certificates that were made so.
struct Signing {
    issuer: Issuer<'static, Key>,
    certificate: CertificateDer<'static>,
    bounds: Bounds,
    leaves: Mutex<HashMap<String, (SystemTime, Arc<ServerConfig>)>>,
}

impl Signing {
    fn of(pair: Pair) -> Result<Self, GateError> {
        let Pair { certificate, key } = pair;
        let bounds = certificate::bounds(&certificate).map_err(tls)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(tls)?;
        Ok(Self { issuer, certificate, bounds, leaves: Mutex::new(HashMap::new()) })
    }

    /// What was made for a host and is still used.
    fn made(&self, host: &str) -> Option<Arc<ServerConfig>> {
        let leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, config) = leaves.get(host).filter(|(made, _)| is_fresh(*made, SystemTime::now()))?;
        Some(Arc::clone(config))
    }
}

impl Authority {
    /// Opens the authority in a folder (`ca.pem`, `ca.key`), or makes one there.
    ///
    /// # Errors
    /// When a setting cannot be used, the files cannot be read or written, when others may read the key, or when the certificate
    /// has expired, is not one of an authority, or does not belong to the key.
    pub fn open(path: &Path, settings: &ProxySettings) -> Result<Self, GateError> {
        let (wanted, next_from) = (settings.constraints()?, settings.next_from()?);
        let folder = AuthorityFolder::at(path, settings)?;
        folder.make_first()?;
        folder.settle(next_from, OffsetDateTime::now_utc())?;
        let pair = folder.pair(AuthorityRole::Present)?;
        let wrong = |why| GateError::Authority { path: folder.certificate(AuthorityRole::Present), why };
        certificate::is_right(&pair.certificate).map_err(wrong)?;
        let signing = Signing::of(pair)?;
        let known = folder.list()?;
        let permitted = known.first().map(|present| present.permitted.clone()).unwrap_or_default();
        if !same(&permitted, &wanted) {
            tracing::warn!(
                permitted = %permitted.join(" "), configured = %wanted.join(" "),
                "the authority was created with constraints that differ from `proxy.authority_constraints`; its own \
                    apply until one created by `lazaret authority rotate` is in use"
            );
        }
        folder.warn_of_other_key()?;
        let key = KeyPair::generate().map_err(tls)?;
        let signing = RwLock::new(Arc::new(signing));
        let making = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { folder, next_from, signing, known: RwLock::new(known), key, making })
    }

    /// The certificate that browsers must trust (DER).
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.signing().certificate.clone()
    }

    /// Every authority that clients may be told of, the present one first.
    pub fn known(&self) -> Vec<AuthorityCertificate> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the folder again, and at the day: the authority that is used from now on, if it is another one. Blocks.
    ///
    /// # Errors
    /// When what is there cannot be used; then everything stays as it was.
    pub fn refresh(&self) -> Result<Option<AuthorityCertificate>, GateError> {
        self.folder.settle(self.next_from, OffsetDateTime::now_utc())?;
        let list = self.folder.list()?;
        let in_use = self.signing();
        let place = self.folder.key_name(AuthorityRole::Present)?;
        let certificate = self.folder.der(AuthorityRole::Present)?;
        let is_other = in_use.certificate != certificate;
        let has_moved = in_use.issuer.key().name() != place.as_ref();
        // Files are read again each time, which costs nothing; a token is asked only when something is new.
        let pair = match place {
            Some(_) if !is_other && !has_moved => None,
            _ => Some(self.folder.pair(AuthorityRole::Present)?),
        };
        if let Some(pair) = pair.filter(|_| is_other || has_moved) {
            let wrong = |why| GateError::Authority { path: self.folder.certificate(AuthorityRole::Present), why };
            certificate::is_right(&pair.certificate).map_err(wrong)?;
            // Certificates that the other one signed are not used any more; connections that have one go on.
            *self.signing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Signing::of(pair)?);
        }
        let present = list.first().filter(|first| is_other && first.role == AuthorityRole::Present).cloned();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = list;
        Ok(present)
    }

    /// Whether it may vouch for a host. Clients would refuse what it made for another one.
    pub(super) fn vouches(&self, host: &str) -> bool {
        self.signing().bounds.has(host)
    }

    fn signing(&self) -> Arc<Signing> {
        Arc::clone(&self.signing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How to be this site, for whoever may not block meanwhile: the authority's key may be in a token, which takes its time.
    pub(crate) async fn serve_as(self: &Arc<Self>, host: &str) -> Result<Arc<ServerConfig>, GateError> {
        if let Some(config) = self.signing().made(host) {
            return Ok(config);
        }
        let turn = Arc::clone(&self.making).acquire_owned().await.map_err(tls)?;
        let (authority, host) = (Arc::clone(self), host.to_owned());
        let made = tokio::task::spawn_blocking(move || {
            // Kept until it is done, whether or not somebody still waits for it.
            let _turn = turn;
            authority.server(&host)
        });
        made.await.map_err(tls)?
    }

    /// How to be this site: HTTP/2 and HTTP/1.1 offered. Blocks until it is signed, unless it was already.
    pub(crate) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, GateError> {
        let signing = self.signing();
        if let Some(config) = signing.made(host) {
            return Ok(config);
        }
        let config = Arc::new(self.make_server(&signing, host)?);
        let mut leaves = signing.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        // LIMIT: the site whose certificate is the oldest gets another one when it is asked again.
        if leaves.len() >= MOST_LEAVES
            && let Some(oldest) = leaves.iter().min_by_key(|(_, (made, _))| *made).map(|(host, _)| host.clone())
        {
            leaves.remove(&oldest);
        }
        leaves.insert(host.to_owned(), (SystemTime::now(), Arc::clone(&config)));
        Ok(config)
    }

    fn make_server(&self, signing: &Signing, host: &str) -> Result<ServerConfig, GateError> {
        let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(tls)?;
        params.distinguished_name = DistinguishedName::new();
        // RFC 5280, upper bound of a common name: 64 characters. Browsers read the alternative name.
        params.distinguished_name.push(DnType::CommonName, host.chars().take(64).collect::<String>());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, LEAF_DAYS);
        let leaf = params.signed_by(&self.key, &signing.issuer).map_err(|error| signing.issuer.key().failed(error))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), signing.certificate.clone()], key)
            .map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Whether two lists have the same names, in whatever order.
fn same(one: &[String], other: &[String]) -> bool {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    sorted(one) == sorted(other)
}

/// Whether a certificate made then is still used: a clock that was set forth or back may have left it behind.
fn is_fresh(made: SystemTime, now: SystemTime) -> bool {
    now.duration_since(made).is_ok_and(|age| age < LEAF_USE)
}

/// From a day ago, for clocks that are behind.
fn validity(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(days);
}

fn tls(error: impl std::fmt::Display) -> GateError {
    GateError::Tls(error.to_string())
}

#[cfg(test)]
mod tests;
