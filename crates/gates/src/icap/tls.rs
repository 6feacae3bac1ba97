//! ICAP over TLS: the certificate that gateways see, and the authorities that vouch for theirs.

use crate::GateError;
use crate::settings::IcapSettings;
use crate::tls::provider;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

const CERTIFICATE: &str = "icap.certificate";
const KEY: &str = "icap.key";
const AUTHORITIES: &str = "icap.client_authorities";

/// TLS, as its files say now.
pub(super) struct Tls {
    files: Files,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// TLS as it is set, or none.
    ///
    /// # Errors
    /// When a file is missing or cannot be used.
    pub(super) fn of(settings: &IcapSettings) -> Result<Option<Self>, GateError> {
        let Some(files) = Files::of(settings)? else { return Ok(None) };
        let config = RwLock::new(Arc::new(files.read()?));
        Ok(Some(Self { files, config }))
    }

    /// What agrees on TLS with whoever connects now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// When one cannot be used; then those that were read before count.
    pub(super) fn renew(&self) -> Result<(), GateError> {
        let config = Arc::new(self.files.read()?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// The files that are read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let pair = [&self.files.certificate, &self.files.key];
        pair.into_iter().chain(&self.files.authorities).cloned().collect()
    }
}

/// The files that are set.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// Whose certificates clients must show; empty where they need none.
    authorities: Vec<PathBuf>,
}

impl Files {
    fn of(settings: &IcapSettings) -> Result<Option<Self>, GateError> {
        let missing = |key, why: &str| Err(GateError::Setting { key, why: why.to_owned() });
        match (settings.certificate.is_empty(), settings.key.is_empty()) {
            (true, true) if settings.client_authorities.is_empty() => Ok(None),
            (true, true) => {
                missing(AUTHORITIES, "client certificates require TLS; set `icap.certificate` and `icap.key` as well")
            }
            (true, false) => missing(CERTIFICATE, "it must be set if `icap.key` is set"),
            (false, true) => missing(KEY, "it must be set if `icap.certificate` is set"),
            (false, false) => Ok(Some(Self {
                certificate: (&settings.certificate).into(),
                key: (&settings.key).into(),
                authorities: settings.client_authorities.clone(),
            })),
        }
    }

    fn read(&self) -> Result<ServerConfig, GateError> {
        let chain = certificates(CERTIFICATE, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong(KEY, &self.key, &error))?;
        let provider = provider();
        let verifier = self.verifier(&provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| GateError::Tls(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| wrong(CERTIFICATE, &self.certificate, &error))?;
        if !self.authorities.is_empty() {
            // Whoever resumes a session shows no certificate: one that expired in between would still be good.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// What clients have to show.
    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, GateError> {
        if self.authorities.is_empty() {
            return Ok(WebPkiClientVerifier::no_client_auth());
        }
        let mut roots = RootCertStore::empty();
        for path in &self.authorities {
            for certificate in certificates(AUTHORITIES, path)? {
                roots.add(certificate).map_err(|error| wrong(AUTHORITIES, path, &error))?;
            }
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| GateError::Setting { key: AUTHORITIES, why: error.to_string() })
    }
}

/// The certificates in a file, one at the least.
fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, GateError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| wrong(key, path, &error))?;
    if found.is_empty() {
        return Err(wrong(key, path, &"it contains no certificate (PEM)"));
    }
    Ok(found)
}

fn wrong(key: &'static str, path: &Path, why: &dyn std::fmt::Display) -> GateError {
    GateError::Setting { key, why: format!("`{}`: {why}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with `one.pem`, its key `one.key`, another pair, and a file without a certificate.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "other"] {
            let made = rcgen::generate_simple_self_signed(vec![format!("{name}.example")]).unwrap();
            std::fs::write(folder.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
            std::fs::write(folder.path().join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
        }
        std::fs::write(folder.path().join("empty.pem"), "nothing\n").unwrap();
        folder
    }

    fn settings(folder: &Path, certificate: &str, key: &str, authorities: &[&str]) -> IcapSettings {
        let named = |name: &str| if name.is_empty() { String::new() } else { folder.join(name).display().to_string() };
        IcapSettings {
            certificate: named(certificate),
            key: named(key),
            client_authorities: authorities.iter().map(|name| folder.join(name)).collect(),
            ..IcapSettings::default()
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_key_and_the_file() {
        let folder = folder();
        for (certificate, key, authorities, says) in [
            ("", "", &["one.pem"][..], &["`icap.client_authorities`", "require TLS"][..]),
            ("one.pem", "", &[], &["`icap.key`", "if `icap.certificate` is set"]),
            ("", "one.key", &[], &["`icap.certificate`", "if `icap.key` is set"]),
            ("one.pem", "other.key", &[], &["`icap.certificate`", "one.pem"]),
            ("none.pem", "one.key", &[], &["`icap.certificate`", "none.pem"]),
            ("one.pem", "empty.pem", &[], &["`icap.key`", "empty.pem"]),
            ("one.pem", "one.key", &["one.pem", "empty.pem"], &["`icap.client_authorities`", "empty.pem"]),
        ] {
            let error = Tls::of(&settings(folder.path(), certificate, key, authorities)).err().unwrap().to_string();
            assert!(says.iter().all(|word| error.contains(word)), "{certificate} {key} {authorities:?}: {error}");
        }
        assert!(Tls::of(&IcapSettings::default()).unwrap().is_none());
        let one = Tls::of(&settings(folder.path(), "one.pem", "one.key", &["other.pem"])).unwrap().unwrap();
        assert_eq!(one.files().len(), 3);
    }

    #[test]
    fn what_cannot_be_read_again_leaves_what_was() {
        let folder = folder();
        let tls = Tls::of(&settings(folder.path(), "one.pem", "one.key", &[])).unwrap().unwrap();
        let now = || Arc::as_ptr(&tls.config.read().unwrap());
        let first = now();
        // The certificate is there already, its key is not yet.
        std::fs::copy(folder.path().join("other.pem"), folder.path().join("one.pem")).unwrap();
        assert!(tls.renew().is_err());
        assert_eq!(now(), first);
        std::fs::copy(folder.path().join("other.key"), folder.path().join("one.key")).unwrap();
        tls.renew().unwrap();
        assert_ne!(now(), first);
    }
}
