//! The process that signs with keys in tokens (PKCS #11 2.40): it loads the token's module, which is C code from elsewhere, logs
//! in, and answers one question after the other. Nothing else runs in it, so that what the module does, crashes or waits for
//! stays out of the process that speaks to everybody.

use super::der;
use super::kind::KeyKind;
use super::name::KeyName;
use crate::proxy::helper;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

/// The first argument that makes the executable a signer.
pub const SIGNER_ARGUMENT: &str = "token-signer";

/// `ecParams` of the curves (RFC 5480, 2.1.1.1): secp256r1 and secp384r1.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
/// Bits of an RSA key that is made, which NIST SP 800-57 holds to be good beyond 2030.
const RSA_BITS: u64 = 3_072;
/// The exponent of one: 65537 (FIPS 186-5, A.1.1).
const RSA_EXPONENT: &[u8] = &[1, 0, 1];

/// A question, one JSON object a line.
#[derive(Serialize, Deserialize)]
pub(super) enum Question {
    /// The first one: the module, and the PIN of whatever token is used.
    Start { module: PathBuf, pin: Option<String> },
    /// Of which kind a key is, and its public part.
    Describe { key: KeyName },
    /// A signature: over a digest with an elliptic curve, over the message with RSA.
    Sign { key: KeyName, bytes: Vec<u8> },
    /// A new key, which never leaves the token.
    Generate { key: KeyName, kind: KeyKind },
}

/// An answer, likewise.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Done,
    /// `public` is what stands in a certificate as `subjectPublicKey` (RFC 5280, 4.1), where the token has it.
    Described {
        kind: KeyKind,
        public: Option<Vec<u8>>,
    },
    /// As the token gives it: of elliptic curves `r` and `s`, one behind the other (PKCS #11, 2.3.1).
    Signed {
        signature: Vec<u8>,
    },
    Failed(Trouble),
}

/// Why there is no other answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) why: String,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fault {
    /// The key that is named: nothing changes until somebody changes it.
    Key,
    /// A wrong PIN: each try is counted by the token, so that there must be no further one with the same.
    Pin,
    /// The token or its module: it may be well again with the next try.
    Token,
}

impl Trouble {
    pub(super) fn new(fault: Fault, why: impl Into<String>) -> Self {
        Self { fault, why: why.into() }
    }

    /// What a call of the module came to.
    fn of(error: &Error) -> Self {
        let why = match error {
            Error::Pkcs11(RvError::DeviceRemoved | RvError::TokenNotPresent | RvError::TokenNotRecognized, _) => {
                "the token is no longer present".to_owned()
            }
            Error::Pkcs11(
                RvError::KeyFunctionNotPermitted | RvError::KeyTypeInconsistent | RvError::MechanismInvalid,
                function,
            ) => format!("the token does not allow this key to sign this way (`C_{function:?}`)"),
            // PKCS #11 calls them `CKR_`, in capitals; cryptoki has no such names.
            Error::Pkcs11(code, function) => format!("the module returned the error {code:?} for `C_{function:?}`"),
            other => format!("its module: {other}"),
        };
        Self::new(Fault::Token, why)
    }
}

/// The process: call this first thing in `main` when the first argument is [`SIGNER_ARGUMENT`].
pub fn signer_main() -> ExitCode {
    let mut signer = None;
    helper::serve(|question| answer(&mut signer, question).unwrap_or_else(Answer::Failed))
}

fn answer(signer: &mut Option<Signer>, question: Question) -> Result<Answer, Trouble> {
    if let Question::Start { module, pin } = question {
        *signer = Some(Signer::start(&module, pin)?);
        return Ok(Answer::Done);
    }
    let signer = signer.as_mut().ok_or_else(|| Trouble::new(Fault::Token, "no module is loaded"))?;
    match question {
        Question::Start { .. } => Ok(Answer::Done),
        Question::Describe { key } => signer.describe(&key),
        Question::Sign { key, bytes } => signer.sign(&key, &bytes),
        Question::Generate { key, kind } => signer.generate(&key, kind),
    }
}

struct Signer {
    module: Pkcs11,
    pin: Option<String>,
    /// By slot. They are never opened again here: whoever asks starts another process.
    sessions: HashMap<u64, Session>,
    keys: HashMap<KeyName, Held>,
}

/// A key that was found.
#[derive(Clone)]
struct Held {
    slot: u64,
    handle: ObjectHandle,
    kind: KeyKind,
    public: Option<Vec<u8>>,
}

impl Signer {
    fn start(path: &Path, pin: Option<String>) -> Result<Self, Trouble> {
        let shown = path.display();
        let failed = |why| Trouble::new(Fault::Token, why);
        let module = Pkcs11::new(path)
            .map_err(|error| failed(format!("the module `{shown}` cannot be loaded: {}", loading(&error))))?;
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        module
            .initialize(arguments)
            .map_err(|error| failed(format!("the module `{shown}` does not start: {}", Trouble::of(&error).why)))?;
        Ok(Self { module, pin, sessions: HashMap::new(), keys: HashMap::new() })
    }

    /// The one token that a name means.
    fn token(&self, key: &KeyName) -> Result<(Slot, TokenInfo), Trouble> {
        let fits = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let (mut there, mut fitting) = (Vec::new(), Vec::new());
        for slot in self.module.get_slots_with_token().map_err(|error| Trouble::of(&error))? {
            // A reader may lose its token meanwhile.
            let Ok(info) = self.module.get_token_info(slot) else { continue };
            if !info.token_initialized() {
                continue;
            }
            there.push(format!("`{}`", lazaret_model::plain(info.label())));
            if fits(&key.token, info.label())
                && fits(&key.manufacturer, info.manufacturer_id())
                && fits(&key.model, info.model())
                && fits(&key.serial, info.serial_number())
                && key.slot.is_none_or(|id| id == slot.id())
            {
                fitting.push((slot, info));
            }
        }
        let several = fitting.len() > 1;
        match fitting.pop() {
            Some(_) if several => {
                let why = format!("several tokens match ({}): add `serial` to tell them apart", there.join(", "));
                Err(Trouble::new(Fault::Key, why))
            }
            Some(one) => Ok(one),
            None if there.is_empty() => Err(Trouble::new(Fault::Token, "the module has no token")),
            None => {
                let why = format!("no such token; the module has {}", there.join(", "));
                Err(Trouble::new(Fault::Token, why))
            }
        }
    }

    fn log_in(&self, session: &Session, slot: Slot, info: &TokenInfo) -> Result<(), Trouble> {
        if !info.login_required() {
            return Ok(());
        }
        let Some(pin) = &self.pin else {
            let why = "its token needs a PIN: name a file that contains it with `pin-source` in `proxy.authority_key`";
            return Err(Trouble::new(Fault::Key, why));
        };
        if info.user_pin_locked() {
            return Err(Trouble::new(Fault::Token, "the PIN of its token is locked after too many wrong ones"));
        }
        // A service that is restarted would use up the last one.
        if info.user_pin_final_try() {
            let why =
                "one more wrong PIN would lock its token, so none is tried: log in once with the token's own tool";
            return Err(Trouble::new(Fault::Token, why));
        }
        match session.login(UserType::User, Some(&AuthPin::new(pin.clone().into_boxed_str()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                let left = match self.module.get_token_info(slot) {
                    Ok(info) if info.user_pin_locked() => "; the token is locked now",
                    Ok(info) if info.user_pin_final_try() => "; one more wrong one will lock the token",
                    _ => "",
                };
                Err(Trouble::new(Fault::Pin, format!("the PIN of its token is wrong{left}")))
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => {
                Err(Trouble::new(Fault::Token, "the PIN of its token is locked after too many wrong ones"))
            }
            Err(error) => Err(Trouble::of(&error)),
        }
    }

    /// The session with a token, which is logged in.
    fn session(&mut self, slot: Slot, info: &TokenInfo) -> Result<&Session, Trouble> {
        if !self.sessions.contains_key(&slot.id()) {
            let session = self.module.open_ro_session(slot).map_err(|error| Trouble::of(&error))?;
            self.log_in(&session, slot, info)?;
            self.sessions.insert(slot.id(), session);
        }
        self.sessions.get(&slot.id()).ok_or_else(|| Trouble::new(Fault::Token, "no session"))
    }

    fn find(&mut self, key: &KeyName) -> Result<Held, Trouble> {
        if let Some(held) = self.keys.get(key) {
            return Ok(held.clone());
        }
        let (slot, info) = self.token(key)?;
        let session = self.session(slot, &info)?;
        let handles = private_keys(session, key)?;
        let [handle] = handles.as_slice() else {
            let label = lazaret_model::plain(info.label());
            let why = match handles.len() {
                0 => {
                    format!("the token `{label}` has no such private key; create one with `lazaret authority generate`")
                }
                several => format!("{several} private keys of the token `{label}` match: add `id` to tell them apart"),
            };
            return Err(Trouble::new(Fault::Key, why));
        };
        let (kind, public) = looked_at(session, *handle)?;
        let held = Held { slot: slot.id(), handle: *handle, kind, public };
        self.keys.insert(key.clone(), held.clone());
        Ok(held)
    }

    fn describe(&mut self, key: &KeyName) -> Result<Answer, Trouble> {
        let Held { kind, public, .. } = self.find(key)?;
        Ok(Answer::Described { kind, public })
    }

    fn sign(&mut self, key: &KeyName, bytes: &[u8]) -> Result<Answer, Trouble> {
        let held = self.find(key)?;
        let session = self.sessions.get(&held.slot);
        let session = session.ok_or_else(|| Trouble::new(Fault::Token, "no session"))?;
        let mechanism = match held.kind {
            KeyKind::P256 | KeyKind::P384 => Mechanism::Ecdsa,
            KeyKind::Rsa => Mechanism::Sha256RsaPkcs,
        };
        let signature = session.sign(&mechanism, held.handle, bytes).map_err(|error| Trouble::of(&error))?;
        Ok(Answer::Signed { signature })
    }

    fn generate(&mut self, key: &KeyName, kind: KeyKind) -> Result<Answer, Trouble> {
        let (slot, info) = self.token(key)?;
        let session = self.session(slot, &info)?;
        if !private_keys(session, key)?.is_empty() {
            return Err(Trouble::new(Fault::Key, "the token already has such a key; it was not changed"));
        }
        // What is logged in is the process, so that this session is as well.
        let session = self.module.open_rw_session(slot).map_err(|error| Trouble::of(&error))?;
        let label = key.object.clone().unwrap_or_else(|| "Lazaret certificate authority".to_owned());
        let id = key.id.clone().unwrap_or_else(|| new_id(&label));
        let both = [Attribute::Token(true), Attribute::Label(label.into_bytes()), Attribute::Id(id)];
        let (mut public, mut private) = (both.to_vec(), both.to_vec());
        public.extend([Attribute::Private(false), Attribute::Verify(true)]);
        private.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ]);
        let mechanism = match kind {
            KeyKind::P256 | KeyKind::P384 => {
                public.push(Attribute::EcParams(if kind == KeyKind::P256 { P256 } else { P384 }.to_vec()));
                Mechanism::EccKeyPairGen
            }
            KeyKind::Rsa => {
                public.push(Attribute::ModulusBits(RSA_BITS.into()));
                public.push(Attribute::PublicExponent(RSA_EXPONENT.to_vec()));
                Mechanism::RsaPkcsKeyPairGen
            }
        };
        session.generate_key_pair(&mechanism, &public, &private).map_err(|error| Trouble::of(&error))?;
        Ok(Answer::Done)
    }
}

/// Why a module cannot be loaded, in its loader's words.
fn loading(error: &Error) -> String {
    match error {
        Error::LibraryLoading(error) => error.to_string(),
        Error::MissingSymbol(name) => format!("it has no `{name}`, so it is not a PKCS #11 module"),
        other => other.to_string(),
    }
}

/// The private keys that a name means.
fn private_keys(session: &Session, key: &KeyName) -> Result<Vec<ObjectHandle>, Trouble> {
    let mut wanted = vec![Attribute::Token(true), Attribute::Class(ObjectClass::PRIVATE_KEY)];
    wanted.extend(key.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    wanted.extend(key.id.clone().map(Attribute::Id));
    session.find_objects(&wanted).map_err(|error| Trouble::of(&error))
}

/// What a private key is, and the public one that belongs to it; refused where it cannot sign.
fn looked_at(session: &Session, handle: ObjectHandle) -> Result<(KeyKind, Option<Vec<u8>>), Trouble> {
    let failed = |error: Error| Trouble::of(&error);
    let cannot = |why: &str| Err(Trouble::new(Fault::Key, why));
    let asked = [
        AttributeType::KeyType,
        AttributeType::Sign,
        AttributeType::AlwaysAuthenticate,
        AttributeType::Id,
        AttributeType::Label,
    ];
    let (mut kind, mut id, mut label) = (None, Vec::new(), Vec::new());
    for attribute in session.get_attributes(handle, &asked).map_err(failed)? {
        match attribute {
            Attribute::KeyType(found) => kind = Some(found),
            Attribute::Sign(false) => return cannot("this key may not sign (`CKA_SIGN` is false)"),
            Attribute::AlwaysAuthenticate(true) => {
                return cannot(
                    "this key needs the PIN for each signature (`CKA_ALWAYS_AUTHENTICATE`), which is not supported",
                );
            }
            Attribute::Id(found) => id = found,
            Attribute::Label(found) => label = found,
            _ => {}
        }
    }
    // The public key beside it has the same identifier (PKCS #11, 4.9), or at least the same label.
    let same = if id.is_empty() { Attribute::Label(label) } else { Attribute::Id(id) };
    let beside = session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY), same]).map_err(failed)?;
    let handles = || std::iter::once(handle).chain(beside.iter().copied());
    if kind == Some(KeyType::RSA) {
        let public = handles().find_map(|handle| rsa_key(session, handle));
        return Ok((KeyKind::Rsa, public));
    }
    if kind != Some(KeyType::EC) {
        return cannot("this key is neither RSA nor EC");
    }
    let parameters = handles().find_map(|handle| {
        let found = session.get_attributes(handle, &[AttributeType::EcParams]).ok()?;
        found.into_iter().find_map(|found| if let Attribute::EcParams(bytes) = found { Some(bytes) } else { None })
    });
    let kind = match parameters.as_deref() {
        Some(P256) => KeyKind::P256,
        Some(P384) => KeyKind::P384,
        _ => return cannot("the curve of this key is neither P-256 nor P-384"),
    };
    let public = handles().find_map(|handle| {
        let found = session.get_attributes(handle, &[AttributeType::EcPoint]).ok()?;
        let point =
            found.into_iter().find_map(|found| if let Attribute::EcPoint(bytes) = found { Some(bytes) } else { None });
        der::point(&point?, kind)
    });
    Ok((kind, public))
}

/// The public part of an RSA key, as certificates have it (RFC 8017, A.1.1).
fn rsa_key(session: &Session, handle: ObjectHandle) -> Option<Vec<u8>> {
    let (mut modulus, mut exponent) = (None, None);
    for attribute in session.get_attributes(handle, &[AttributeType::Modulus, AttributeType::PublicExponent]).ok()? {
        match attribute {
            Attribute::Modulus(bytes) => modulus = Some(bytes),
            Attribute::PublicExponent(bytes) => exponent = Some(bytes),
            _ => {}
        }
    }
    Some(der::integers(&modulus.filter(|bytes| !bytes.is_empty())?, &exponent.filter(|bytes| !bytes.is_empty())?))
}

/// An identifier that no other key has.
fn new_id(label: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let digest = Sha256::digest(format!("{label} {now} {}", std::process::id()));
    digest.iter().copied().take(8).collect()
}
