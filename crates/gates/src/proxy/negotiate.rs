//! Sign-on without typing: clients that have a Kerberos ticket show it (RFC 4559, "Negotiate"). What they show is opened by a process
//! of its own (`acceptor.rs`), with the system's library (`gss.rs`).

mod acceptor;
mod gss;

pub use acceptor::{NEGOTIATE_ARGUMENT, negotiate_main};

use super::helper::{Helper, took_too_long};
use crate::GateError;
use crate::network::Networks;
use crate::settings::ProxySettings;
use acceptor::{Answer, Question};
use data_encoding::BASE64;
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The setting.
const SETTING: &str = "proxy.kerberos_keytab";
/// How long a token may take: the library asks nobody, so that it is the disk that takes the time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How a token of NTLM begins (MS-NLMP, 2.2.1), which clients without a ticket send in its place.
const NTLM: &[u8] = b"NTLMSSP\0";
/// Bytes of a name.
const MOST_NAME: usize = 255;

/// Whoever opens tokens.
pub(super) struct Negotiator {
    /// Machines that are asked for one; nothing: all.
    clients: Option<Networks>,
    /// People of this realm are known by their name without it.
    realm: String,
    /// The file with the keys.
    keytab: PathBuf,
    process: Arc<Mutex<Option<Helper>>>,
    /// Whoever has it may wait for the process: the others do not keep a thread each.
    turn: tokio::sync::Mutex<()>,
}

/// Why nobody is known by a token.
#[derive(Debug)]
pub(super) enum Unknown {
    /// The token is of no use.
    Refused(String),
    /// Nothing can be opened.
    Unable(String),
}

impl Negotiator {
    /// As the settings say; nothing where they name no keys.
    ///
    /// # Errors
    /// When the keys or networks cannot be used.
    pub(super) fn of(settings: &ProxySettings) -> Result<Option<Self>, GateError> {
        let clients = Networks::parse("proxy.kerberos_clients", &settings.kerberos_clients)?;
        let clients = Some(clients).filter(|_| !settings.kerberos_clients.is_empty());
        if settings.kerberos_keytab.is_empty() {
            return Ok(None);
        }
        let path = Path::new(&settings.kerberos_keytab);
        readable(path).map_err(|why| GateError::Setting { key: SETTING, why })?;
        let realm = settings.kerberos_realm.clone();
        if realm.contains('@') {
            let why = format!("`{realm}` is not a realm such as `EXAMPLE.ORG`");
            return Err(GateError::Setting { key: "proxy.kerberos_realm", why });
        }
        let keytab = path.to_path_buf();
        Ok(Some(Self { clients, realm, keytab, process: Arc::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// Starts the process that opens tokens. Blocks.
    ///
    /// # Errors
    /// When it cannot be started, or can use neither library nor keys.
    pub(super) fn start(&self) -> Result<(), GateError> {
        let started = started(&self.keytab).map_err(|why| GateError::Setting { key: SETTING, why })?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        Ok(())
    }

    /// Whether a machine is asked for a ticket.
    pub(super) fn asks(&self, client: IpAddr) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.has(client))
    }

    /// Whom a token vouches for.
    pub(super) async fn person(&self, token: Vec<u8>) -> Result<String, Unknown> {
        if token.starts_with(NTLM) {
            return Err(Unknown::Refused("the client has no Kerberos ticket and sent NTLM instead".to_owned()));
        }
        let _turn = self.turn.lock().await;
        let (process, keytab) = (Arc::clone(&self.process), self.keytab.clone());
        // It goes on when the client goes away meanwhile: what comes back belongs to this question and to no later one.
        let opened = tokio::task::spawn_blocking(move || {
            let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
            opened(&mut process, &keytab, &token)
        });
        let name = opened.await.map_err(|error| Unknown::Unable(error.to_string()))??;
        named(&name, &self.realm).map_err(Unknown::Refused)
    }
}

/// The token that a request brings.
pub(super) fn token(headers: &HeaderMap) -> Option<Vec<u8>> {
    let field = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = field.split_once(' ')?;
    // What is no base64 is no token either: the empty one vouches for nobody.
    scheme.eq_ignore_ascii_case("negotiate").then(|| BASE64.decode(encoded.trim().as_bytes()).unwrap_or_default())
}

/// Asks the process, which is started where there is none, and once more where it has ended meanwhile.
fn opened(process: &mut Option<Helper>, keytab: &Path, token: &[u8]) -> Result<String, Unknown> {
    let question = Question::Accept { token: BASE64.encode(token) };
    let was_there = process.is_some();
    let mut answer = ask(process, keytab, &question);
    if was_there && answer.is_err() && process.is_none() {
        answer = ask(process, keytab, &question);
    }
    match answer.map_err(Unknown::Unable)? {
        Answer::Person { name } => Ok(name),
        Answer::Refused { why } => Err(Unknown::Refused(why)),
        Answer::Unable { why } => {
            *process = None;
            Err(Unknown::Unable(why))
        }
        Answer::Ready { .. } => {
            *process = None;
            Err(Unknown::Unable("an unexpected response".to_owned()))
        }
    }
}

fn ask(process: &mut Option<Helper>, keytab: &Path, question: &Question) -> Result<Answer, String> {
    let mut helper = match process.take() {
        Some(helper) => helper,
        None => started(keytab)?,
    };
    let answer = helper.ask(question, PATIENCE).map_err(|error| ended(&error))?;
    *process = Some(helper);
    Ok(answer)
}

fn started(keytab: &Path) -> Result<Helper, String> {
    // The library's own name for it (`krb5.conf(5)`).
    let keys = format!("FILE:{}", keytab.display());
    let mut helper = Helper::spawn(NEGOTIATE_ARGUMENT, &[("KRB5_KTNAME", &keys)])
        .map_err(|error| format!("cannot start a process for it: {error}"))?;
    match helper.ask(&Question::Start { keytab: keytab.to_path_buf() }, PATIENCE).map_err(|error| ended(&error))? {
        Answer::Ready { warning } => {
            if let Some(warning) = warning {
                tracing::warn!(%warning, "the process for Kerberos is less confined than it should be");
            }
            Ok(helper)
        }
        Answer::Unable { why } | Answer::Refused { why } => Err(why),
        Answer::Person { .. } => Err("an unexpected response".to_owned()),
    }
}

fn ended(error: &io::Error) -> String {
    if took_too_long(error) {
        format!("the process for Kerberos did not respond within {} seconds", PATIENCE.as_secs())
    } else {
        format!("the process for Kerberos ended ({error})")
    }
}

/// A key table that only some may read: whoever has it can vouch for everybody.
fn readable(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let unread = |error: io::Error| format!("the key table `{shown}` cannot be read: {error}");
    let file = fs::File::open(path).map_err(unread)?;
    let mode = file.metadata().map_err(unread)?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(format!("the key table `{shown}` is accessible to everyone (mode {mode:o}); run `chmod o=` on it"));
    }
    Ok(())
}

/// What a person is called here: without the realm, where it is ours.
fn named(principal: &str, realm: &str) -> Result<String, String> {
    // RFC 1964, 2.1.1: what stands behind a backslash is a sign that would mean something else. No account has such a name, and
    // nobody is to be taken for somebody whose name only looks so.
    if principal.contains('\\') || principal.chars().any(char::is_control) || principal.len() > MOST_NAME {
        return Err(format!("`{}` is no name of a person", lazaret_model::plain(principal)));
    }
    let (name, of) = principal.rsplit_once('@').ok_or_else(|| format!("`{principal}` has no realm"))?;
    if name.is_empty() || name.contains('@') {
        return Err(format!("`{principal}` is no name of a person"));
    }
    Ok(if !realm.is_empty() && of == realm { name.to_owned() } else { principal.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_of_the_own_realm_are_known_without_it() {
        for (principal, realm, name) in [
            ("ada@EXAMPLE.ORG", "EXAMPLE.ORG", Some("ada")),
            ("ada@EXAMPLE.ORG", "", Some("ada@EXAMPLE.ORG")),
            ("ada@OTHER.EXAMPLE", "EXAMPLE.ORG", Some("ada@OTHER.EXAMPLE")),
            // Realms are case-sensitive (RFC 4120, 6.1).
            ("ada@example.org", "EXAMPLE.ORG", Some("ada@example.org")),
            ("host/pc.example.org@EXAMPLE.ORG", "EXAMPLE.ORG", Some("host/pc.example.org")),
            // Whoever rules another realm could call a person so.
            ("ada\\@EXAMPLE.ORG@OTHER.EXAMPLE", "EXAMPLE.ORG", None),
            ("ada@OTHER\\@EXAMPLE.ORG", "EXAMPLE.ORG", None),
            ("ada@OTHER@EXAMPLE.ORG", "EXAMPLE.ORG", None),
            ("@EXAMPLE.ORG", "EXAMPLE.ORG", None),
            ("ada", "EXAMPLE.ORG", None),
            ("a\nda@EXAMPLE.ORG", "EXAMPLE.ORG", None),
        ] {
            assert_eq!(named(principal, realm).ok().as_deref(), name, "{principal}");
        }
    }

    #[test]
    fn a_token_is_what_negotiate_brings() {
        for (field, found) in [
            ("Negotiate YWJj", Some(&b"abc"[..])),
            ("negotiate  YWJj ", Some(b"abc")),
            ("Negotiate no base64", Some(b"")),
            ("Basic YWJj", None),
            ("Negotiate", None),
        ] {
            let headers = [(PROXY_AUTHORIZATION, field.parse().unwrap())].into_iter().collect();
            assert_eq!(token(&headers).as_deref(), found, "{field}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_said_before_anybody_shows_a_ticket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.keytab");
        let with = |path: &Path, realm: &str, client: &str| {
            let settings = ProxySettings {
                kerberos_keytab: path.display().to_string(),
                kerberos_realm: realm.to_owned(),
                kerberos_clients: vec![client.to_owned()],
                ..ProxySettings::default()
            };
            Negotiator::of(&settings).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(with(&path, "", "10.0.0.0/8").contains("`proxy.kerberos_keytab`: the key table"));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(with(&path, "", "10.0.0.0/8").contains("accessible to everyone (mode 644)"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(with(&path, "ada@EXAMPLE.ORG", "10.0.0.0/8").contains("is not a realm"));
        assert!(with(&path, "EXAMPLE.ORG", "10.0.0.0/80").contains("`proxy.kerberos_clients`"));
        assert_eq!(with(&path, "EXAMPLE.ORG", "10.0.0.0/8"), "");
        assert!(Negotiator::of(&ProxySettings::default()).unwrap().is_none());
    }
}
