//! The proxy's own certificate authority: made at the first start, used to speak TLS in the name of sites.

use crate::GateError;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// Days that the authority's certificate is good for.
const AUTHORITY_DAYS: i64 = 3_650;
/// Days that a site's certificate is good for. Browsers accept at most 398 (Baseline Requirements, 6.3.2).
const LEAF_DAYS: i64 = 30;
/// How long a site's certificate is used before another one is made, by the clock that browsers hold it against.
const LEAF_USE: Duration = Duration::from_secs(7 * 86_400);
/// Sites whose certificates are kept.
const MOST_LEAVES: usize = 10_000;

/// Makes certificates for sites.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// One key for all sites: making one takes longer than signing with it.
    key: KeyPair,
    leaves: Mutex<HashMap<String, (SystemTime, Arc<ServerConfig>)>>,
}

impl Authority {
    /// Opens the authority in a folder (`ca.pem`, `ca.key`), or makes one there.
    ///
    /// # Errors
    /// When the files cannot be read or written, when others may read the key, or when the certificate has expired, is
    /// not one of an authority, or does not belong to the key.
    pub fn open(folder: &Path) -> Result<Self, GateError> {
        let (certificate_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        let file = |path: &Path, step| {
            let path = path.to_owned();
            move |source| GateError::File { path, step, source }
        };
        if !certificate_path.exists() && !key_path.exists() {
            fs::create_dir_all(folder).map_err(file(folder, "made"))?;
            let (certificate, key) = make()?;
            // The key first: an authority without one is noticed at the next start.
            write(&key_path, &key, 0o600)?;
            write(&certificate_path, &certificate, 0o644)?;
        }
        let mode = fs::metadata(&key_path).map_err(file(&key_path, "read"))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(GateError::KeyMode { path: key_path, mode });
        }
        let key = fs::read_to_string(&key_path).map_err(file(&key_path, "read"))?;
        let certificate = fs::read(&certificate_path).map_err(file(&certificate_path, "read"))?;
        let wrong = |path: &PathBuf, why: String| GateError::Authority { path: path.clone(), why };
        let key = KeyPair::from_pem(&key).map_err(|error| wrong(&key_path, error.to_string()))?;
        let certificate = CertificateDer::from_pem_slice(&certificate)
            .map_err(|error| wrong(&certificate_path, error.to_string()))?
            .into_owned();
        check(&certificate, &key).map_err(|why| wrong(&certificate_path, why))?;
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).map_err(|error| wrong(&certificate_path, error.to_string()))?;
        let key = KeyPair::generate().map_err(tls)?;
        Ok(Self { issuer, certificate, key, leaves: Mutex::new(HashMap::new()) })
    }

    /// The certificate that browsers must trust (DER).
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// How to be this site: HTTP/2 and HTTP/1.1 offered.
    pub(crate) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, GateError> {
        let leaves = || self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, config)) = leaves().get(host).filter(|(made, _)| is_fresh(*made, SystemTime::now())) {
            let _ = made;
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make_server(host)?);
        let mut leaves = leaves();
        if leaves.len() >= MOST_LEAVES {
            leaves.clear();
        }
        leaves.insert(host.to_owned(), (SystemTime::now(), Arc::clone(&config)));
        Ok(config)
    }

    fn make_server(&self, host: &str) -> Result<ServerConfig, GateError> {
        let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(tls)?;
        params.distinguished_name = DistinguishedName::new();
        // RFC 5280, upper bound of a common name: 64 characters. Browsers read the alternative name.
        params.distinguished_name.push(DnType::CommonName, host.chars().take(64).collect::<String>());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, LEAF_DAYS);
        let leaf = params.signed_by(&self.key, &self.issuer).map_err(tls)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), self.certificate.clone()], key)
            .map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn make() -> Result<(String, String), GateError> {
    let key = KeyPair::generate().map_err(tls)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(tls)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Lazaret certificate authority");
    params.distinguished_name.push(DnType::OrganizationName, "Lazaret");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params, AUTHORITY_DAYS);
    let certificate = params.self_signed(&key).map_err(tls)?;
    Ok((certificate.pem(), key.serialize_pem()))
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

/// Whether the certificate is one of an authority, is good now, and belongs to the key.
fn check(certificate: &CertificateDer<'_>, key: &KeyPair) -> Result<(), String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    if !parsed.is_ca() {
        return Err("it is not the certificate of an authority".to_owned());
    }
    if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        return Err("it does not belong to the key beside it".to_owned());
    }
    let (validity, now) = (parsed.validity(), OffsetDateTime::now_utc());
    if now > validity.not_after.to_datetime() {
        return Err(format!("it expired on {}", validity.not_after));
    }
    if now < validity.not_before.to_datetime() {
        return Err(format!("it is not good before {}; is this machine's clock right?", validity.not_before));
    }
    Ok(())
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), GateError> {
    let new = path.with_extension("new");
    let written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)
        });
    written.map_err(|source| GateError::File { path: path.to_owned(), step: "written", source })
}

fn tls(error: impl std::fmt::Display) -> GateError {
    GateError::Tls(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(folder: &Path) -> String {
        Authority::open(folder).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_certificate_is_made_anew_when_the_clock_has_left_it_behind() {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (now, fresh) in [
            (made, true),
            (made + LEAF_USE / 2, true),
            (made + LEAF_USE, false),
            (made + LEAF_USE * 10, false),
            (made - Duration::from_secs(1), false),
        ] {
            assert_eq!(is_fresh(made, now), fresh);
        }
    }

    #[test]
    fn an_authority_stays_the_same_and_its_key_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open(folder.path()).unwrap();
        let second = Authority::open(folder.path()).unwrap();
        assert_eq!(first.certificate(), second.certificate());
        let mode = fs::metadata(folder.path().join("ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let once = first.server("a.example").unwrap();
        assert!(Arc::ptr_eq(&once, &first.server("a.example").unwrap()));
        first.server("192.0.2.1").unwrap();
    }

    #[test]
    fn an_authority_that_cannot_be_used_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        Authority::open(folder.path()).unwrap();
        let key = folder.path().join("ca.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            complaint(folder.path()).contains("ca.key` holds the authority's key and may be read by others (mode 644)")
        );
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(complaint(folder.path()).contains("does not belong to the key"), "{}", complaint(folder.path()));
        fs::write(&key, "nonsense").unwrap();
        assert!(complaint(folder.path()).contains("ca.key` cannot be used"));
        fs::remove_file(&key).unwrap();
        assert!(complaint(folder.path()).contains("ca.key` could not be read"));
    }

    #[test]
    fn an_expired_authority_is_refused_with_its_day() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = OffsetDateTime::now_utc() - time::Duration::days(3);
        params.not_after = OffsetDateTime::now_utc() - time::Duration::days(1);
        write(&folder.path().join("ca.pem"), &params.self_signed(&key).unwrap().pem(), 0o644).unwrap();
        write(&folder.path().join("ca.key"), &key.serialize_pem(), 0o600).unwrap();
        assert!(complaint(folder.path()).contains("it expired on"), "{}", complaint(folder.path()));
    }
}
