//! The proxy's own certificate authority: made at the first start, used to speak TLS in the name of sites.

mod certificate;
mod folder;

pub use certificate::AuthorityCertificate;
pub use folder::{AuthorityFolder, AuthorityRole};

use crate::GateError;
use crate::settings::ProxySettings;
use certificate::Bounds;
use folder::Pair;
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

/// Days that a site's certificate is good for. Browsers accept at most 398 (Baseline Requirements, 6.3.2).
const LEAF_DAYS: i64 = 30;
/// How long a site's certificate is used before another one is made, by the clock that browsers hold it against.
const LEAF_USE: Duration = Duration::from_secs(7 * 86_400);
/// Sites whose certificates are kept.
const MOST_LEAVES: usize = 10_000;

/// Makes certificates for sites.
pub struct Authority {
    folder: AuthorityFolder,
    /// The day from which the next one is used.
    next_from: Option<OffsetDateTime>,
    signing: RwLock<Arc<Signing>>,
    known: RwLock<Vec<AuthorityCertificate>>,
    /// One key for all sites: making one takes longer than signing with it.
    key: KeyPair,
}

/// Who vouches, with the certificates that were made so.
struct Signing {
    issuer: Issuer<'static, KeyPair>,
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
}

impl Authority {
    /// Opens the authority in a folder (`ca.pem`, `ca.key`), or makes one there.
    ///
    /// # Errors
    /// When a setting cannot be used, the files cannot be read or written, when others may read the key, or when the certificate
    /// has expired, is not one of an authority, or does not belong to the key.
    pub fn open(path: &Path, settings: &ProxySettings) -> Result<Self, GateError> {
        let (wanted, next_from) = (settings.constraints()?, settings.next_from()?);
        let folder = AuthorityFolder::at(path);
        folder.make_first(&wanted)?;
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
                "the authority was made with other constraints than `proxy.authority_constraints`; its own count until \
                 `lazaret authority rotate` makes another one and that is used"
            );
        }
        let key = KeyPair::generate().map_err(tls)?;
        let signing = RwLock::new(Arc::new(signing));
        Ok(Self { folder, next_from, signing, known: RwLock::new(known), key })
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
        let pair = self.folder.pair(AuthorityRole::Present)?;
        let list = self.folder.list()?;
        let is_other = self.signing().certificate != pair.certificate;
        if is_other {
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

    /// How to be this site: HTTP/2 and HTTP/1.1 offered.
    pub(crate) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, GateError> {
        let signing = self.signing();
        let leaves = || signing.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, config)) = leaves().get(host).filter(|(made, _)| is_fresh(*made, SystemTime::now())) {
            let _ = made;
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make_server(&signing, host)?);
        let mut leaves = leaves();
        if leaves.len() >= MOST_LEAVES {
            leaves.clear();
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
        let leaf = params.signed_by(&self.key, &signing.issuer).map_err(tls)?;
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
