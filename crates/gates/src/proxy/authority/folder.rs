//! The folder of the authority: who vouches for sites, who will, and who did, each a certificate with its key.
//!
//! A change is made in steps of which each leaves something that can be used, under a lock that the command and the process share.
//! A next authority vouches for nobody: clients can be told of it, and come to trust it, while the present one still does.

use super::certificate::{AuthorityCertificate, described, is_right};
use crate::GateError;
use crate::settings::ProxySettings;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Days that the authority's certificate is good for.
const DAYS: i64 = 3_650;
/// The file that is locked; its name begins with a dot, so that no backup has it.
const LOCK: &str = ".lock";

/// What an authority is at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityRole {
    /// Sites' certificates are signed by it.
    Present,
    /// It will sign them; clients are told of it until then.
    Next,
    /// It did; it is kept so that a change can be taken back.
    Previous,
}

impl AuthorityRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Present, Self::Next, Self::Previous];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Next => "next",
            Self::Previous => "previous",
        }
    }

    /// What its files are called.
    fn stem(self) -> &'static str {
        match self {
            Self::Present => "ca",
            Self::Next => "next",
            Self::Previous => "previous",
        }
    }
}

/// A certificate with its key.
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
}

/// The folder.
#[derive(Debug, Clone)]
pub struct AuthorityFolder(PathBuf);

impl AuthorityFolder {
    /// The folder at a path, which need not be there.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn certificate(&self, role: AuthorityRole) -> PathBuf {
        self.0.join(role.stem()).with_extension("pem")
    }

    fn key(&self, role: AuthorityRole) -> PathBuf {
        self.0.join(role.stem()).with_extension("key")
    }

    fn has(&self, role: AuthorityRole) -> bool {
        self.certificate(role).exists() || self.key(role).exists()
    }

    /// The certificates that are there, the present one first.
    ///
    /// # Errors
    /// When the present or the next one cannot be read.
    pub fn list(&self) -> Result<Vec<AuthorityCertificate>, GateError> {
        let mut list = Vec::new();
        for role in AuthorityRole::ALL {
            let path = self.certificate(role);
            let found = match fs::read_to_string(&path) {
                Ok(pem) => described(role, &path, pem),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(GateError::File { path, step: "read", source }),
            };
            match found {
                Ok(found) => list.push(found),
                // Nothing depends on it any more.
                Err(why) if role == AuthorityRole::Previous => {
                    tracing::warn!(path = %path.display(), %why, "the previous authority cannot be read");
                }
                Err(why) => return Err(GateError::Authority { path, why }),
            }
        }
        Ok(list)
    }

    /// Makes the next authority, which may vouch for the hosts of `proxy.authority_constraints`.
    ///
    /// # Errors
    /// When there is a next one already or no present one, a setting cannot be used, or the files cannot be written.
    pub fn rotate(&self, settings: &ProxySettings) -> Result<AuthorityCertificate, GateError> {
        let constraints = settings.constraints()?;
        let path = self.certificate(AuthorityRole::Present);
        if !self.has(AuthorityRole::Present) {
            return Err(GateError::Rotation { path, why: "there is none yet; `lazaret serve` makes it" });
        }
        let lock = self.lock()?;
        self.finish()?;
        if self.has(AuthorityRole::Next) {
            let path = self.certificate(AuthorityRole::Next);
            let why = "it is there already: put it in use (`lazaret authority rotate --use`), or remove it (`lazaret authority forget next`)";
            return Err(GateError::Rotation { path, why });
        }
        self.make(AuthorityRole::Next, &constraints)?;
        drop(lock);
        self.described(AuthorityRole::Next)
    }

    /// Puts the next authority in the place of the present one, which becomes the previous one. Whoever does not trust it by now
    /// refuses every site from here on.
    ///
    /// # Errors
    /// When there is no next one, or it cannot be used.
    pub fn use_next(&self) -> Result<AuthorityCertificate, GateError> {
        use AuthorityRole::{Next, Present, Previous};
        let missing = || {
            let why = "there is no next authority; `lazaret authority rotate` makes one, and clients must trust it before it is used";
            GateError::Rotation { path: self.certificate(Next), why }
        };
        if !self.has(Next) {
            return Err(missing());
        }
        let lock = self.lock()?;
        self.finish()?;
        if !self.has(Next) {
            return Err(missing());
        }
        let next = self.pair(Next)?;
        is_right(&next.certificate).map_err(|why| GateError::Authority { path: self.certificate(Next), why })?;
        // A copy first: at every step there is a pair in use, or the next one's key says what is to be finished.
        for (from, to, mode) in [
            (self.key(Present), self.key(Previous), 0o600),
            (self.certificate(Present), self.certificate(Previous), 0o644),
            (self.key(Next), self.key(Present), 0o600),
        ] {
            match fs::read(&from) {
                Ok(bytes) => write(&to, &bytes, mode)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(GateError::File { path: from, step: "read", source }),
            }
        }
        self.finish()?;
        drop(lock);
        self.described(Present)
    }

    /// Removes the next or the previous authority with its key.
    ///
    /// # Errors
    /// When it is not there, is the present one, or cannot be removed.
    pub fn forget(&self, role: AuthorityRole) -> Result<(), GateError> {
        let path = self.certificate(role);
        if role == AuthorityRole::Present {
            return Err(GateError::Rotation { path, why: "the present authority is in use" });
        }
        if !self.has(role) {
            return Err(GateError::Rotation { path, why: "there is none" });
        }
        let _lock = self.lock()?;
        // Of a change that was cut short, what is called next is in use.
        self.finish()?;
        self.remove(role)
    }

    /// Puts the next authority in use where its time has come: the day that is configured, or the present one's end. Whether it did.
    pub(super) fn settle(&self, from: Option<OffsetDateTime>, now: OffsetDateTime) -> Result<bool, GateError> {
        if self.is_cut_short() {
            let _lock = self.lock()?;
            self.finish()?;
        }
        let list = self.list()?;
        let of = |role| list.iter().find(|certificate| certificate.role == role);
        let due = match (of(AuthorityRole::Present), of(AuthorityRole::Next)) {
            (Some(present), Some(next)) => is_due(present, next, from, now),
            _ => false,
        };
        if due {
            self.use_next()?;
        }
        Ok(due)
    }

    /// Makes the present authority where there is none.
    pub(super) fn make_first(&self, constraints: &[String]) -> Result<(), GateError> {
        if self.has(AuthorityRole::Present) {
            return Ok(());
        }
        let path = self.0.clone();
        fs::create_dir_all(&path).map_err(|source| GateError::File { path, step: "made", source })?;
        self.make(AuthorityRole::Present, constraints)
    }

    /// A certificate and its key, which others may not read.
    pub(super) fn pair(&self, role: AuthorityRole) -> Result<Pair, GateError> {
        let (certificate_path, key_path) = (self.certificate(role), self.key(role));
        let unread = |path: &Path| {
            let path = path.to_owned();
            move |source| GateError::File { path, step: "read", source }
        };
        let wrong = |path: &Path, why: String| GateError::Authority { path: path.to_owned(), why };
        let mode = fs::metadata(&key_path).map_err(unread(&key_path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(GateError::KeyMode { path: key_path, mode });
        }
        let key = fs::read_to_string(&key_path).map_err(unread(&key_path))?;
        let key = KeyPair::from_pem(&key).map_err(|error| wrong(&key_path, error.to_string()))?;
        let certificate = fs::read(&certificate_path).map_err(unread(&certificate_path))?;
        let certificate = CertificateDer::from_pem_slice(&certificate)
            .map_err(|error| wrong(&certificate_path, error.to_string()))?
            .into_owned();
        super::certificate::fits(&certificate, &key).map_err(|why| wrong(&certificate_path, why))?;
        Ok(Pair { certificate, key })
    }

    fn described(&self, role: AuthorityRole) -> Result<AuthorityCertificate, GateError> {
        let path = self.certificate(role);
        let pem = fs::read_to_string(&path);
        let pem = pem.map_err(|source| GateError::File { path: path.clone(), step: "read", source })?;
        described(role, &path, pem).map_err(|why| GateError::Authority { path, why })
    }

    fn make(&self, role: AuthorityRole, constraints: &[String]) -> Result<(), GateError> {
        let (certificate, key) = new(constraints)?;
        // The key first: an authority without one is noticed at the next start.
        write(&self.key(role), key.as_bytes(), 0o600)?;
        write(&self.certificate(role), certificate.as_bytes(), 0o644)
    }

    fn remove(&self, role: AuthorityRole) -> Result<(), GateError> {
        for path in [self.certificate(role), self.key(role)] {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(GateError::File { path, step: "removed", source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the key in use is the next one's: a change was begun and not finished.
    fn is_cut_short(&self) -> bool {
        let read = |role| fs::read(self.key(role)).ok();
        read(AuthorityRole::Next).is_some_and(|next| read(AuthorityRole::Present) == Some(next))
    }

    /// Finishes a change whose key is in place already.
    fn finish(&self) -> Result<(), GateError> {
        if !self.is_cut_short() {
            return Ok(());
        }
        if let Ok(certificate) = fs::read(self.certificate(AuthorityRole::Next)) {
            write(&self.certificate(AuthorityRole::Present), &certificate, 0o644)?;
        }
        self.remove(AuthorityRole::Next)
    }

    /// One change at a time, whichever process makes it; until what is returned is dropped.
    fn lock(&self) -> Result<File, GateError> {
        let path = self.0.join(LOCK);
        let open = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let locked = open.and_then(|file| {
            belong(&file, &path);
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|source| GateError::File { path, step: "locked", source })
    }
}

/// Whether the next authority's time has come. A day that was over before it was made is an earlier change's.
fn is_due(
    present: &AuthorityCertificate,
    next: &AuthorityCertificate,
    from: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> bool {
    let good = next.not_before <= now && now < next.not_after;
    good && (present.not_after <= now || from.is_some_and(|from| next.not_before < from && from <= now))
}

/// A new authority: its certificate and its key, in PEM.
fn new(constraints: &[String]) -> Result<(String, String), GateError> {
    let key = KeyPair::generate().map_err(super::tls)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(super::tls)?;
    params.distinguished_name = DistinguishedName::new();
    // Where two of them are trusted at a time, people can tell which is which.
    let name = format!("Lazaret certificate authority {}", OffsetDateTime::now_utc().date());
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Lazaret");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // RFC 5280, 4.2.1.10: a name stands for itself and everything below it. What is said about names says nothing about addresses,
    // so those are excluded.
    params.name_constraints = (!constraints.is_empty()).then(|| NameConstraints {
        permitted_subtrees: constraints.iter().cloned().map(GeneralSubtree::DnsName).collect(),
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    super::validity(&mut params, DAYS);
    let certificate = params.self_signed(&key).map_err(super::tls)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), GateError> {
    let new = path.with_extension("new");
    let written = File::options().write(true).create(true).truncate(true).mode(mode).open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        belong(&file, path);
        file.sync_all()?;
        fs::rename(&new, path)
    });
    written.map_err(|source| GateError::File { path: path.to_owned(), step: "written", source })
}

/// Has a file belong to whom its folder belongs: root may change what the service must read.
fn belong(file: &File, path: &Path) {
    let (Some(Ok(folder)), Ok(own)) = (path.parent().map(fs::metadata), file.metadata()) else { return };
    if folder.uid() != own.uid() || folder.gid() != own.gid() {
        // Nobody but root can, and for others there is nothing to do.
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate that is good from one day to another one.
    fn good(role: AuthorityRole, from: i64, to: i64) -> AuthorityCertificate {
        let day = |day: i64| OffsetDateTime::UNIX_EPOCH + time::Duration::days(day);
        AuthorityCertificate { not_before: day(from), not_after: day(to), ..AuthorityCertificate::nobody(role) }
    }

    #[test]
    fn the_next_authority_is_used_from_its_day_on_or_when_the_present_one_ends_and_never_by_an_old_day() {
        let day = |day: i64| OffsetDateTime::UNIX_EPOCH + time::Duration::days(day);
        let (present, next) = (good(AuthorityRole::Present, 0, 100), good(AuthorityRole::Next, 50, 200));
        for (from, now, due) in [
            (None, 99, false),
            (None, 100, true),
            (Some(70), 69, false),
            (Some(70), 70, true),
            // The day of the change before.
            (Some(40), 69, false),
            // Both are over.
            (Some(70), 200, false),
        ] {
            assert_eq!(is_due(&present, &next, from.map(day), day(now)), due, "from {from:?}, on {now}");
        }
    }

    #[test]
    fn a_change_that_was_cut_short_is_finished_wherever_that_was() {
        let folder = tempfile::tempdir().unwrap();
        let own = AuthorityFolder::at(folder.path());
        own.make_first(&[]).unwrap();
        let old = own.described(AuthorityRole::Present).unwrap();
        let next = own.rotate(&ProxySettings::default()).unwrap();
        // The key is in place, and nothing else.
        fs::copy(own.key(AuthorityRole::Next), own.key(AuthorityRole::Present)).unwrap();
        assert!(own.pair(AuthorityRole::Present).is_err());
        assert!(!own.settle(None, OffsetDateTime::now_utc()).unwrap());
        own.pair(AuthorityRole::Present).unwrap();
        assert_eq!(own.described(AuthorityRole::Present).unwrap().sha256, next.sha256);
        assert_ne!(old.sha256, next.sha256);
        assert!(!own.has(AuthorityRole::Next));
        // The next one's certificate was removed, and its key was not.
        fs::copy(own.key(AuthorityRole::Present), own.key(AuthorityRole::Next)).unwrap();
        fs::set_permissions(own.key(AuthorityRole::Next), fs::Permissions::from_mode(0o600)).unwrap();
        own.settle(None, OffsetDateTime::now_utc()).unwrap();
        own.pair(AuthorityRole::Present).unwrap();
        assert!(!own.has(AuthorityRole::Next));
    }

    #[test]
    fn each_step_of_a_rotation_leaves_what_the_one_before_left_for_clients_to_trust() {
        let folder = tempfile::tempdir().unwrap();
        let own = AuthorityFolder::at(folder.path());
        let roles = || own.list().unwrap().iter().map(|found| found.role.name()).collect::<Vec<_>>();
        assert!(own.rotate(&ProxySettings::default()).unwrap_err().to_string().contains("`lazaret serve` makes it"));
        own.make_first(&[]).unwrap();
        let first = own.described(AuthorityRole::Present).unwrap();
        assert!(own.use_next().unwrap_err().to_string().contains("`lazaret authority rotate` makes one"));
        let second = own.rotate(&ProxySettings::default()).unwrap();
        assert_eq!(roles(), ["present", "next"]);
        assert_eq!(own.described(AuthorityRole::Present).unwrap(), first, "the present one stays in use");
        assert!(own.rotate(&ProxySettings::default()).unwrap_err().to_string().contains("--use"));
        assert_eq!(own.use_next().unwrap().sha256, second.sha256);
        assert_eq!(roles(), ["present", "previous"]);
        assert_eq!(own.described(AuthorityRole::Previous).unwrap().sha256, first.sha256);
        for role in AuthorityRole::ALL.into_iter().filter(|role| own.has(*role)) {
            own.pair(role).unwrap();
        }
        assert!(own.forget(AuthorityRole::Present).is_err());
        own.forget(AuthorityRole::Previous).unwrap();
        assert_eq!(roles(), ["present"]);
    }
}
