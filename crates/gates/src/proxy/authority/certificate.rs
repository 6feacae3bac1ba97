//! What is in an authority's certificate (RFC 5280): whose it is, how long it is good, and for whom it may vouch.

use super::kind::AuthorityRole;
use data_encoding::HEXUPPER;
use rcgen::PublicKeyData;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, GeneralSubtree};

/// An authority, as clients know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityCertificate {
    /// What it is at this time.
    pub role: AuthorityRole,
    /// Its file.
    pub path: PathBuf,
    /// Its subject.
    pub subject: String,
    /// Its serial number, in hexadecimal with colons.
    pub serial: String,
    /// The SHA-256 of the certificate, as browsers show it.
    pub sha256: String,
    /// From when it is good.
    pub not_before: OffsetDateTime,
    /// Until when it is good.
    pub not_after: OffsetDateTime,
    /// The names for which it may vouch, with everything below them; none for all.
    pub permitted: Vec<String>,
    /// The certificate, in PEM.
    pub pem: String,
}

impl AuthorityCertificate {
    /// Days for which it is still good, less than none when it has ended.
    pub fn days_left(&self, now: OffsetDateTime) -> i64 {
        (self.not_after - now).whole_days()
    }

    #[cfg(test)]
    pub(super) fn nobody(role: AuthorityRole) -> Self {
        Self {
            role,
            path: PathBuf::new(),
            subject: String::new(),
            serial: String::new(),
            sha256: String::new(),
            not_before: OffsetDateTime::UNIX_EPOCH,
            not_after: OffsetDateTime::UNIX_EPOCH,
            permitted: Vec::new(),
            pem: String::new(),
        }
    }
}

/// For whom an authority may vouch (RFC 5280, 4.2.1.10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    permitted: Vec<String>,
    excluded: Vec<String>,
    /// Something is said about addresses. Which ones it permits is not looked at: then it vouches for none.
    without_addresses: bool,
}

impl Bounds {
    fn of(certificate: &X509Certificate<'_>) -> Result<Self, String> {
        let found = certificate.name_constraints().map_err(|error| format!("its name constraints: {error}"))?;
        let Some(found) = found else { return Ok(Self::default()) };
        let names = |trees: &Option<Vec<GeneralSubtree<'_>>>| {
            let names = trees.iter().flatten().filter_map(|tree| match &tree.base {
                // A dot before a name is no part of this form, and is found all the same.
                GeneralName::DNSName(name) => Some(name.trim_start_matches('.').to_ascii_lowercase()),
                _ => None,
            });
            names.collect::<Vec<_>>()
        };
        let (permitted, excluded) = (&found.value.permitted_subtrees, &found.value.excluded_subtrees);
        let mut trees = permitted.iter().chain(excluded).flatten();
        let without_addresses = trees.any(|tree| matches!(tree.base, GeneralName::IPAddress(_)));
        Ok(Self { permitted: names(permitted), excluded: names(excluded), without_addresses })
    }

    /// Whether a host, as the proxy writes it, is within.
    pub(super) fn has(&self, host: &str) -> bool {
        if host.parse::<IpAddr>().is_ok() {
            return !self.without_addresses;
        }
        let within = |name: &String| {
            name.is_empty()
                || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        !self.excluded.iter().any(within) && (self.permitted.is_empty() || self.permitted.iter().any(within))
    }
}

/// What is in a file with a certificate.
pub(super) fn described(role: AuthorityRole, path: &Path, pem: String) -> Result<AuthorityCertificate, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|error| error.to_string())?;
    let bounds = Bounds::of(&parsed)?;
    let colons = |bytes: &[u8]| bytes.iter().map(|byte| HEXUPPER.encode(&[*byte])).collect::<Vec<_>>().join(":");
    Ok(AuthorityCertificate {
        role,
        path: path.to_owned(),
        subject: parsed.subject().to_string(),
        serial: colons(parsed.raw_serial()),
        sha256: colons(&Sha256::digest(&der)),
        not_before: parsed.validity().not_before.to_datetime(),
        not_after: parsed.validity().not_after.to_datetime(),
        permitted: bounds.permitted,
        pem,
    })
}

/// For whom a certificate may vouch.
pub(super) fn bounds(certificate: &CertificateDer<'_>) -> Result<Bounds, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    Bounds::of(&parsed)
}

/// Whether a certificate is one of an authority and belongs to a key.
pub(super) fn fits(certificate: &CertificateDer<'_>, key: &impl PublicKeyData) -> Result<(), String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    if !parsed.is_ca() {
        return Err("it is not the certificate of a certificate authority".to_owned());
    }
    if parsed.public_key().subject_public_key.data.as_ref() != key.der_bytes() {
        return Err("it does not match the key next to it".to_owned());
    }
    Ok(())
}

/// The public key of a certificate: its `subjectPublicKey` (RFC 5280, 4.1).
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    Ok(parsed.public_key().subject_public_key.data.to_vec())
}

/// Whether a certificate is good now.
pub(super) fn is_right(certificate: &CertificateDer<'_>) -> Result<(), String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    let (validity, now) = (parsed.validity(), OffsetDateTime::now_utc());
    if now > validity.not_after.to_datetime() {
        return Err(format!("it expired on {}", validity.not_after));
    }
    if now < validity.not_before.to_datetime() {
        return Err(format!("it is not valid before {}; is this machine's clock correct?", validity.not_before));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_and_what_is_below_it_and_addresses_are_nobodys() {
        let of = |permitted: &[&str], excluded: &[&str], without_addresses| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Bounds { permitted: owned(permitted), excluded: owned(excluded), without_addresses }
        };
        let bounds = of(&["example.com", "lab.example"], &["hr.example.com"], true);
        for (host, within) in [
            ("example.com", true),
            ("www.example.com", true),
            ("notexample.com", false),
            ("example.com.evil.test", false),
            ("lab.example", true),
            ("example", false),
            ("hr.example.com", false),
            ("pay.hr.example.com", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(bounds.has(host), within, "{host}");
        }
        for host in ["example.com", "192.0.2.1"] {
            assert!(Bounds::default().has(host), "without constraints it vouches for {host}");
        }
        assert!(of(&[""], &[], false).has("example.com"), "no name at all stands for all");
    }
}
