//! The token that holds the authority's key, as the rest of the proxy sees it: questions to the process that has its module
//! (`signer.rs`), which is started when it is needed, and again when it or its session with the token is gone.

use super::kind::KeyKind;
use super::name::{Address, KeyName};
use super::signer::{Answer, Fault, Question, SIGNER_ARGUMENT, Trouble};
use crate::GateError;
use crate::proxy::helper::{Helper, took_too_long};
use crate::settings::ProxySettings;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The setting.
const SETTING: &str = "proxy.authority_key";
/// How long a token may take for an answer: those on the network are looked up, connected to and logged in to meanwhile.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long it may take to make a key: smart cards look for primes for minutes.
const MAKING: Duration = Duration::from_secs(300);
/// How long a token that failed is left alone, so that a process is not started for every connection meanwhile.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a PIN (PKCS #11 leaves it to the token; 255 are the most that are known).
const MOST_PIN: usize = 255;

/// The token; clones share the process.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Inner>);

struct Inner {
    /// What the setting names: the key of the authority that is made next, and how its token and those before are reached.
    wanted: Option<Wanted>,
    state: Mutex<State>,
}

struct Wanted {
    key: KeyName,
    module: PathBuf,
    pin: Option<PathBuf>,
}

#[derive(Default)]
struct State {
    signer: Option<Signer>,
    /// When it failed last, and why; nothing once it has answered again.
    failed: Option<(Instant, Trouble)>,
    /// A PIN that was wrong. It is not tried again, since tokens lock themselves after some.
    wrong: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokens").field(&self.wanted()).finish()
    }
}

impl Tokens {
    /// As the settings say.
    ///
    /// # Errors
    /// When what they say is no name of a key with a module.
    pub(super) fn of(settings: &ProxySettings) -> Result<Self, GateError> {
        let wrong = |why| GateError::Setting { key: SETTING, why };
        let wanted = match settings.authority_key.as_str() {
            "" => None,
            text => {
                let Address { key, module, pin } = Address::parse(text).map_err(wrong)?;
                let module = module.ok_or_else(|| {
                    wrong("`?module-path=` is missing; it names the token's PKCS #11 module (a `.so` file)".to_owned())
                })?;
                Some(Wanted { key, module, pin })
            }
        };
        Ok(Self(Arc::new(Inner { wanted, state: Mutex::default() })))
    }

    /// The key that the setting names.
    pub(super) fn wanted(&self) -> Option<&KeyName> {
        self.0.wanted.as_ref().map(|wanted| &wanted.key)
    }

    /// Whether the files that the setting names can be used. Asks no token.
    pub(super) fn check(&self) -> Result<(), GateError> {
        let Some(wanted) = &self.0.wanted else { return Ok(()) };
        let wrong = |why| GateError::Setting { key: SETTING, why };
        if let Err(error) = fs::File::open(&wanted.module) {
            return Err(wrong(format!("the module `{}` cannot be read: {error}", wanted.module.display())));
        }
        wanted.pin.as_deref().map_or(Ok(()), |path| pin(path).map(drop).map_err(wrong))
    }

    /// What kind a key is, and its public part where the token has it. Blocks, as do all that ask.
    pub(super) fn describe(&self, key: &KeyName) -> Result<(KeyKind, Option<Vec<u8>>), GateError> {
        match self.ask(key, &Question::Describe { key: key.clone() }, PATIENCE)? {
            Answer::Described { kind, public } => Ok((kind, public)),
            _ => Err(odd(key)),
        }
    }

    /// A signature as the token gives it.
    pub(super) fn sign(&self, key: &KeyName, bytes: Vec<u8>) -> Result<Vec<u8>, GateError> {
        match self.ask(key, &Question::Sign { key: key.clone(), bytes }, PATIENCE)? {
            Answer::Signed { signature } => Ok(signature),
            _ => Err(odd(key)),
        }
    }

    /// Makes the key that the setting names.
    pub(super) fn generate(&self, kind: KeyKind) -> Result<KeyName, GateError> {
        let key = self.wanted().ok_or_else(|| GateError::Setting {
            key: SETTING,
            why: "it does not name a key in a token, such as \
                  \"pkcs11:token=lazaret;object=ca?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/lazaret/pin\""
                .to_owned(),
        })?;
        match self.ask(key, &Question::Generate { key: key.clone(), kind }, MAKING)? {
            Answer::Done => Ok(key.clone()),
            _ => Err(odd(key)),
        }
    }

    fn ask(&self, key: &KeyName, question: &Question, patience: Duration) -> Result<Answer, GateError> {
        let failed = |trouble: &Trouble| GateError::Token { key: key.to_string(), why: trouble.why.clone() };
        let Some(wanted) = &self.0.wanted else {
            let why = format!("`{SETTING}` does not say how its token is reached");
            return Err(GateError::Token { key: key.to_string(), why });
        };
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, trouble)) =
            state.failed.as_ref().filter(|(at, trouble)| trouble.fault != Fault::Key && at.elapsed() < PAUSE)
        {
            return Err(failed(trouble));
        }
        let was_there = state.signer.is_some();
        let mut answer = state.ask_once(wanted, question, patience);
        // The session is over, or the process: the token itself may be there all the same, or again.
        if was_there && answer.as_ref().is_err_and(|trouble| trouble.fault == Fault::Token) {
            answer = state.ask_once(wanted, question, patience);
        }
        match answer {
            Ok(answer) => {
                if state.failed.take().is_some() {
                    tracing::info!(%key, "the authority's key in a token can be used again");
                }
                Ok(answer)
            }
            Err(trouble) => {
                if state.failed.as_ref().is_none_or(|(_, before)| *before != trouble) {
                    tracing::error!(%key, why = %trouble.why, "the authority's key in a token cannot be used");
                }
                let error = failed(&trouble);
                state.failed = Some((Instant::now(), trouble));
                Err(error)
            }
        }
    }
}

impl State {
    /// Asks the process, which is started where there is none, and ended where it does not answer as it should.
    fn ask_once(&mut self, wanted: &Wanted, question: &Question, patience: Duration) -> Result<Answer, Trouble> {
        let mut signer = match self.signer.take() {
            Some(signer) => signer,
            None => self.start(wanted)?,
        };
        match signer.process.ask(question, patience) {
            Ok(Answer::Failed(trouble)) => {
                match trouble.fault {
                    Fault::Key => self.signer = Some(signer),
                    Fault::Pin => self.wrong = signer.pin.take(),
                    Fault::Token => {}
                }
                Err(trouble)
            }
            Ok(answer) => {
                self.signer = Some(signer);
                Ok(answer)
            }
            Err(error) => Err(silent(&error, patience)),
        }
    }

    fn start(&self, wanted: &Wanted) -> Result<Signer, Trouble> {
        let pin = wanted.pin.as_deref().map(pin).transpose().map_err(|why| Trouble::new(Fault::Token, why))?;
        if let (Some(path), true) = (&wanted.pin, pin.is_some() && pin == self.wrong) {
            let why =
                format!("the PIN in `{}` is wrong; it is not tried again until the file is changed", path.display());
            return Err(Trouble::new(Fault::Pin, why));
        }
        let failed =
            |error: io::Error| Trouble::new(Fault::Token, format!("cannot start a process for its module: {error}"));
        let mut process = Helper::spawn(SIGNER_ARGUMENT, &[]).map_err(failed)?;
        let start = Question::Start { module: wanted.module.clone(), pin: pin.clone() };
        match process.ask(&start, PATIENCE) {
            Ok(Answer::Failed(trouble)) => Err(trouble),
            Ok(_) => Ok(Signer { process, pin }),
            Err(error) => Err(silent(&error, PATIENCE)),
        }
    }
}

/// The process that has the module.
struct Signer {
    process: Helper,
    pin: Option<String>,
}

/// What it means that a process gives no answer.
fn silent(error: &io::Error, patience: Duration) -> Trouble {
    let why = if took_too_long(error) {
        format!("its module did not respond within {} seconds", patience.as_secs())
    } else {
        format!("the process with its module ended ({error})")
    };
    Trouble::new(Fault::Token, why)
}

fn odd(key: &KeyName) -> GateError {
    GateError::Token { key: key.to_string(), why: "the process with its module gave an unexpected response".to_owned() }
}

/// The PIN in a file, without the end of its line. Everybody may not be able to read it; the service's group has to be.
fn pin(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let unread = |error: io::Error| format!("the PIN file `{shown}` cannot be read: {error}");
    let file = fs::File::open(path).map_err(unread)?;
    let mode = file.metadata().map_err(unread)?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(format!("the PIN file `{shown}` is accessible to everyone (mode {mode:o}); run `chmod o=` on it"));
    }
    let mut text = String::new();
    file.take(MOST_PIN as u64 + 3).read_to_string(&mut text).map_err(unread)?;
    let pin = text.strip_suffix('\n').unwrap_or(&text);
    let pin = pin.strip_suffix('\r').unwrap_or(pin);
    if pin.is_empty() || pin.len() > MOST_PIN || pin.contains('\n') {
        return Err(format!("the PIN file `{shown}` must have one line of at most {MOST_PIN} bytes with the PIN"));
    }
    Ok(pin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        let settings = ProxySettings { authority_key: text.to_owned(), ..ProxySettings::default() };
        Tokens::of(&settings).and_then(|tokens| tokens.check()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_with_the_setting_is_said_before_any_token_is_asked() {
        assert_eq!(complaint(""), "");
        assert!(complaint("/etc/ca.key").contains("`proxy.authority_key`: it does not begin with `pkcs11:`"));
        assert!(complaint("pkcs11:object=ca").contains("`?module-path=` is missing"));
        assert!(
            complaint("pkcs11:object=ca?module-path=/nowhere/x.so")
                .contains("the module `/nowhere/x.so` cannot be read")
        );
        assert_eq!(complaint("pkcs11:object=ca?module-path=/proc/self/exe"), "");
    }

    #[test]
    fn a_pin_is_taken_only_from_a_file_that_not_everybody_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        assert!(pin(&path).unwrap_err().contains("cannot be read"));
        let with = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            pin(&path)
        };
        for text in ["1234", "1234\n", "1234\r\n"] {
            assert_eq!(with(text, 0o640).unwrap(), "1234");
        }
        assert!(with("1234", 0o644).unwrap_err().contains("mode 644"));
        let long = "1".repeat(300);
        for text in ["", "\n", "1234\n5678\n", &long] {
            let said = with(text, 0o600).unwrap_err();
            assert!(said.contains("one line") && !said.contains("1234"), "{said}");
        }
        assert_eq!(with(&long[..255], 0o600).unwrap().len(), 255);
    }
}
