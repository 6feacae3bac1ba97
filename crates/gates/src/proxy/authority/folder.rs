//! The folder of the authority: who vouches for sites, who will, and who did, each a certificate with its key.
//!
//! A change is made in steps of which each leaves something that can be used, under a lock that the command and the process share.
//! A next authority vouches for nobody: clients can be told of it, and come to trust it, while the present one still does.

use super::certificate::{AuthorityCertificate, described, is_right, public_key};
use super::key::{Key, TokenKey};
use super::kind::{AuthorityRole, KeyKind};
use super::name::{self, Address, KeyName};
use super::tokens::Tokens;
use crate::GateError;
use crate::settings::ProxySettings;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, PublicKeyData,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Days that the authority's certificate is good for.
const DAYS: i64 = 3_650;
/// The file that is locked; its name begins with a dot, so that no backup has it.
const LOCK: &str = ".lock";

/// A certificate with its key.
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: Key,
}

/// A key in a token that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProbe {
    /// Its PKCS #11 URI.
    pub key: String,
    /// What kind it is.
    pub kind: KeyKind,
    /// How long it took to find it and to have it sign.
    pub took: Duration,
}

/// The folder. A key's file holds the key, or says which one in a token it is.
#[derive(Debug, Clone)]
pub struct AuthorityFolder {
    path: PathBuf,
    /// The names for which an authority may vouch that is made.
    constraints: Vec<String>,
    tokens: Tokens,
}

impl AuthorityFolder {
    /// The folder at a path, which need not be there, with what the settings say about authorities that are made and about keys in
    /// tokens. No token is asked before it is needed.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn at(path: &Path, settings: &ProxySettings) -> Result<Self, GateError> {
        Ok(Self { path: path.to_owned(), constraints: settings.constraints()?, tokens: Tokens::of(settings)? })
    }

    /// Makes a key in the token for the next authority that is made, as `proxy.authority_key` names it; what it is called. Blocks.
    ///
    /// # Errors
    /// When the setting names none, it is there already, or the token does not make it.
    pub fn generate(&self, kind: KeyKind) -> Result<String, GateError> {
        self.tokens.generate(kind).map(|key| key.to_string())
    }

    /// Has the present authority's key sign something, where it is in a token; where there is no authority yet, the one of
    /// `proxy.authority_key`. Blocks.
    ///
    /// # Errors
    /// When it cannot be used, or does not belong to the certificate.
    pub fn probe(&self) -> Result<Option<KeyProbe>, GateError> {
        let start = Instant::now();
        let present = AuthorityRole::Present;
        let probe = |key: &TokenKey, name: &KeyName| {
            Some(KeyProbe { key: name.to_string(), kind: key.kind(), took: start.elapsed() })
        };
        if !self.has(present) {
            let Some(name) = self.tokens.wanted() else { return Ok(None) };
            return Ok(probe(&TokenKey::open(&self.tokens, name.clone(), None)?, name));
        }
        let Some(name) = self.key_name(present)? else { return Ok(None) };
        match self.pair(present)?.key {
            Key::Token(key) => Ok(probe(key.as_ref(), &name)),
            Key::File(_) => Ok(None),
        }
    }

    /// Where a key is: the name of its file, or of itself in a token.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn key_place(&self, role: AuthorityRole) -> Result<String, GateError> {
        Ok(self.key_name(role)?.map_or_else(|| self.key(role).display().to_string(), |name| name.to_string()))
    }

    /// Says so where the setting names a key in a token that no authority has.
    pub(super) fn warn_of_other_key(&self) -> Result<(), GateError> {
        let Some(wanted) = self.tokens.wanted() else { return Ok(()) };
        for role in [AuthorityRole::Present, AuthorityRole::Next] {
            if self.key(role).exists() && self.key_name(role)?.as_ref() == Some(wanted) {
                return Ok(());
            }
        }
        let in_use = self.key_place(AuthorityRole::Present)?;
        tracing::warn!(
            configured = %wanted, %in_use,
            "the authority was created with a key other than that of `proxy.authority_key`, and keeps it until one \
                created by `lazaret authority rotate` is in use"
        );
        Ok(())
    }

    pub(super) fn certificate(&self, role: AuthorityRole) -> PathBuf {
        self.path.join(role.stem()).with_extension("pem")
    }

    fn key(&self, role: AuthorityRole) -> PathBuf {
        self.path.join(role.stem()).with_extension("key")
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

    /// Makes the next authority, which may vouch for the hosts of `proxy.authority_constraints` and has the key of
    /// `proxy.authority_key`, or a new one in a file.
    ///
    /// # Errors
    /// When there is a next one already or no present one, the key cannot be used or is another authority's, or the files cannot be
    /// written.
    pub fn rotate(&self) -> Result<AuthorityCertificate, GateError> {
        let path = self.certificate(AuthorityRole::Present);
        if !self.has(AuthorityRole::Present) {
            return Err(GateError::Rotation { path, why: "it does not exist yet; `lazaret serve` creates it" });
        }
        let lock = self.lock()?;
        self.finish()?;
        if self.has(AuthorityRole::Next) {
            let path = self.certificate(AuthorityRole::Next);
            let why = "it already exists: start using it (`lazaret authority rotate --use`) or remove it (`lazaret \
                authority forget next`)";
            return Err(GateError::Rotation { path, why });
        }
        self.make(AuthorityRole::Next)?;
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
            let why = "there is no next authority; create one with `lazaret authority rotate`, and have clients trust \
                it before it is used";
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
            return Err(GateError::Rotation { path, why: "the current authority is in use" });
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
    pub(super) fn make_first(&self) -> Result<(), GateError> {
        if self.has(AuthorityRole::Present) {
            return Ok(());
        }
        let path = self.path.clone();
        fs::create_dir_all(&path).map_err(|source| GateError::File { path, step: "made", source })?;
        self.make(AuthorityRole::Present)
    }

    /// A certificate and its key: of a file, which others may not read, or in a token, which is asked to sign something.
    pub(super) fn pair(&self, role: AuthorityRole) -> Result<Pair, GateError> {
        let (certificate_path, key_path) = (self.certificate(role), self.key(role));
        let wrong = |path: &Path, why: String| GateError::Authority { path: path.to_owned(), why };
        let key = match self.key_name(role)? {
            Some(name) => {
                let certified = public_key(&self.der(role)?).map_err(|why| wrong(&certificate_path, why))?;
                Key::Token(Box::new(TokenKey::open(&self.tokens, name, Some(certified))?))
            }
            None => self.key_of_file(&key_path)?,
        };
        let certificate = self.der(role)?;
        super::certificate::fits(&certificate, &key).map_err(|why| {
            let which = key.name().map_or_else(String::new, |name| format!(" (`{name}`)"));
            wrong(&certificate_path, format!("{why}{which}"))
        })?;
        Ok(Pair { certificate, key })
    }

    /// A certificate as it is in its file.
    pub(super) fn der(&self, role: AuthorityRole) -> Result<CertificateDer<'static>, GateError> {
        let path = self.certificate(role);
        match fs::read(&path) {
            Ok(pem) => match CertificateDer::from_pem_slice(&pem) {
                Ok(certificate) => Ok(certificate.into_owned()),
                Err(error) => Err(GateError::Authority { path, why: error.to_string() }),
            },
            Err(source) => Err(GateError::File { path, step: "read", source }),
        }
    }

    /// The key in a token that a key's file names; nothing where it holds the key itself.
    pub(super) fn key_name(&self, role: AuthorityRole) -> Result<Option<KeyName>, GateError> {
        let path = self.key(role);
        match fs::read_to_string(&path) {
            Ok(text) if name::is_name(&text) => match Address::parse(text.trim_end()) {
                // How it is reached is for the configuration to say, which is not the service's own to change.
                Ok(address) => Ok(Some(address.key)),
                Err(why) => Err(GateError::Authority { path, why }),
            },
            Ok(_) => Ok(None),
            Err(source) => Err(GateError::File { path, step: "read", source }),
        }
    }

    fn key_of_file(&self, path: &Path) -> Result<Key, GateError> {
        let unread = |source| GateError::File { path: path.to_owned(), step: "read", source };
        let mode = fs::metadata(path).map_err(unread)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(GateError::KeyMode { path: path.to_owned(), mode });
        }
        let key = fs::read_to_string(path).map_err(unread)?;
        let key = KeyPair::from_pem(&key);
        let key = key.map_err(|error| GateError::Authority { path: path.to_owned(), why: error.to_string() })?;
        Ok(Key::File(Box::new(key)))
    }

    fn described(&self, role: AuthorityRole) -> Result<AuthorityCertificate, GateError> {
        let path = self.certificate(role);
        let pem = fs::read_to_string(&path);
        let pem = pem.map_err(|source| GateError::File { path: path.clone(), step: "read", source })?;
        described(role, &path, pem).map_err(|why| GateError::Authority { path, why })
    }

    fn make(&self, role: AuthorityRole) -> Result<(), GateError> {
        let (key, text) = match self.tokens.wanted() {
            None => {
                let key = KeyPair::generate().map_err(super::tls)?;
                let text = key.serialize_pem();
                (Key::File(Box::new(key)), text)
            }
            Some(name) => {
                let key = Key::Token(Box::new(TokenKey::open(&self.tokens, name.clone(), None)?));
                self.is_nobodys(&key)?;
                (key, format!("{name}\n"))
            }
        };
        let certificate = new(&self.constraints, &key)?;
        // The key first: an authority without one is noticed at the next start.
        write(&self.key(role), text.as_bytes(), 0o600)?;
        write(&self.certificate(role), certificate.as_bytes(), 0o644)
    }

    /// Refuses a key that an authority has already: a change to it would be none, and clients told of one would not know of it.
    fn is_nobodys(&self, key: &Key) -> Result<(), GateError> {
        for role in AuthorityRole::ALL {
            let path = self.certificate(role);
            // One that cannot be read is told elsewhere, and has no key that could be compared.
            let Some(taken) = self.der(role).ok().and_then(|certificate| public_key(&certificate).ok()) else {
                continue;
            };
            if taken == key.der_bytes() {
                let why = "the current authority already uses the key of `proxy.authority_key`: name another one \
                    there (another `object` or `id`), and create it with `lazaret authority generate`";
                return Err(GateError::Rotation { path, why });
            }
        }
        Ok(())
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
        let path = self.path.join(LOCK);
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

/// The certificate of a new authority, in PEM.
fn new(constraints: &[String], key: &Key) -> Result<String, GateError> {
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
    let certificate = params.self_signed(key).map_err(|error| key.failed(error))?;
    Ok(certificate.pem())
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
        let own = AuthorityFolder::at(folder.path(), &ProxySettings::default()).unwrap();
        own.make_first().unwrap();
        let old = own.described(AuthorityRole::Present).unwrap();
        let next = own.rotate().unwrap();
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
        let own = AuthorityFolder::at(folder.path(), &ProxySettings::default()).unwrap();
        let roles = || own.list().unwrap().iter().map(|found| found.role.name()).collect::<Vec<_>>();
        assert!(own.rotate().unwrap_err().to_string().contains("`lazaret serve` creates it"));
        own.make_first().unwrap();
        let first = own.described(AuthorityRole::Present).unwrap();
        assert!(own.use_next().unwrap_err().to_string().contains("create one with `lazaret authority rotate`"));
        let second = own.rotate().unwrap();
        assert_eq!(roles(), ["present", "next"]);
        assert_eq!(own.described(AuthorityRole::Present).unwrap(), first, "the present one stays in use");
        assert!(own.rotate().unwrap_err().to_string().contains("--use"));
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
