//! What a server needs of the system's GSS-API (RFC 2744, with the layout of MIT Kerberos' `gssapi.h`). The library is loaded when it
//! is needed, so that nothing is linked, and only in the process that accepts tokens.
#![allow(unsafe_code, reason = "calls of a C library; each block says why it is sound")]

use libloading::Library;
use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};

/// The library of MIT Kerberos; distributions have it in `libgssapi-krb5-2` (Debian) or `krb5-libs` (Fedora).
const LIBRARY: &str = "libgssapi_krb5.so.2";
/// Kerberos 5: 1.2.840.113554.1.2.2 (RFC 4121, 4.1).
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// SPNEGO: 1.3.6.1.5.5.2 (RFC 4178, 3.1).
const SPNEGO: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
/// `GSS_C_ACCEPT`.
const ACCEPT: c_int = 2;
/// `GSS_C_INDEFINITE`.
const INDEFINITE: u32 = u32::MAX;
/// Calling errors and routine errors; the other bits tell about a success (RFC 2744, 3.9.1).
const ERRORS: u32 = 0xffff_0000;
/// `GSS_S_CONTINUE_NEEDED`.
const CONTINUE: u32 = 1;
/// `GSS_C_ANON_FLAG`: the client is nobody in particular.
const ANONYMOUS: u32 = 64;
/// `GSS_C_GSS_CODE` and `GSS_C_MECH_CODE`: whose status it is.
const OF_API: c_int = 1;
const OF_MECHANISM: c_int = 2;
/// Messages of one status.
const MOST_MESSAGES: usize = 8;

/// `gss_buffer_desc`.
#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

/// `gss_OID_desc`.
#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

/// `gss_OID_set_desc`.
#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

/// Names, credentials and contexts, whose insides are the library's.
type Opaque = *mut c_void;

type AcquireCred =
    unsafe extern "C" fn(*mut u32, Opaque, u32, *const OidSet, c_int, *mut Opaque, *mut *mut OidSet, *mut u32) -> u32;
type SetNegMechs = unsafe extern "C" fn(*mut u32, Opaque, *const OidSet) -> u32;
type AcceptSecContext = unsafe extern "C" fn(
    *mut u32,
    *mut Opaque,
    Opaque,
    *const Buffer,
    *const c_void,
    *mut Opaque,
    *mut *const Oid,
    *mut Buffer,
    *mut u32,
    *mut u32,
    *mut Opaque,
) -> u32;
type DisplayName = unsafe extern "C" fn(*mut u32, Opaque, *mut Buffer, *mut *const Oid) -> u32;
type DisplayStatus = unsafe extern "C" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> u32;
type ReleaseBuffer = unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32;
type ReleaseName = unsafe extern "C" fn(*mut u32, *mut Opaque) -> u32;
type DeleteSecContext = unsafe extern "C" fn(*mut u32, *mut Opaque, *mut Buffer) -> u32;

struct Calls {
    acquire_cred: AcquireCred,
    set_neg_mechs: SetNegMechs,
    accept_sec_context: AcceptSecContext,
    display_name: DisplayName,
    display_status: DisplayStatus,
    release_buffer: ReleaseBuffer,
    release_name: ReleaseName,
    delete_sec_context: DeleteSecContext,
    /// What all of them point into.
    _library: Library,
}

/// The keys of a service, with which tokens for it are opened.
pub(super) struct Acceptor {
    calls: Calls,
    credential: Opaque,
}

impl Acceptor {
    /// With the keys of the key table that the environment names (`KRB5_KTNAME`), for every service in it.
    ///
    /// # Errors
    /// When the library is not there, or has no such keys; in words for the administrator.
    pub(super) fn new() -> Result<Self, String> {
        let calls = Calls::load()?;
        let both = [oid(KERBEROS), oid(SPNEGO)];
        let (wanted, kerberos) = (set(&both), set(both.get(..1).unwrap_or_default()));
        let (mut minor, mut credential) = (0, null_mut());
        // SAFETY: the types are those of `gssapi.h`; every pointer is valid for the call, and null where RFC 2744, 5.2 lets it be.
        let major = unsafe {
            (calls.acquire_cred)(
                &raw mut minor,
                null_mut(),
                INDEFINITE,
                &raw const wanted,
                ACCEPT,
                &raw mut credential,
                null_mut(),
                null_mut(),
            )
        };
        if major & ERRORS != 0 {
            return Err(calls.words(major, minor));
        }
        // SAFETY: as above. Of what SPNEGO can negotiate only Kerberos is taken, whatever else is installed.
        let major = unsafe { (calls.set_neg_mechs)(&raw mut minor, credential, &raw const kerberos) };
        if major & ERRORS != 0 {
            return Err(calls.words(major, minor));
        }
        Ok(Self { calls, credential })
    }

    /// Whom a token vouches for.
    ///
    /// # Errors
    /// When it vouches for nobody, and why.
    pub(super) fn accept(&self, token: &[u8]) -> Result<String, String> {
        let calls = &self.calls;
        let input = Buffer { length: token.len(), value: token.as_ptr().cast_mut().cast() };
        let (mut minor, mut flags) = (0, 0);
        let (mut context, mut name) = (null_mut(), null_mut());
        let mut output = EMPTY;
        // SAFETY: the library only reads the token, which lives longer than the call; the rest is valid for it, or null where RFC
        // 2744, 5.1 lets it be: no channel is bound, and nothing is delegated to us.
        let major = unsafe {
            (calls.accept_sec_context)(
                &raw mut minor,
                &raw mut context,
                self.credential,
                &raw const input,
                null(),
                &raw mut name,
                null_mut(),
                &raw mut output,
                &raw mut flags,
                null_mut(),
                null_mut(),
            )
        };
        let accepted = if major & ERRORS != 0 {
            Err(calls.words(major, minor))
        } else if major & CONTINUE != 0 {
            Err("the client wants to negotiate further; its first choice must be Kerberos".to_owned())
        } else if flags & ANONYMOUS != 0 {
            Err("the ticket is anonymous".to_owned())
        } else {
            calls.name(name)
        };
        // SAFETY: each is what the library gave or null, and is not used again.
        unsafe {
            (calls.release_buffer)(&raw mut minor, &raw mut output);
            (calls.release_name)(&raw mut minor, &raw mut name);
            (calls.delete_sec_context)(&raw mut minor, &raw mut context, null_mut());
        }
        accepted
    }
}

impl Calls {
    fn load() -> Result<Self, String> {
        let failed = |error: libloading::Error| {
            format!(
                "the Kerberos library cannot be loaded (package `libgssapi-krb5-2` or `krb5-libs`): {}",
                lazaret_model::plain(&error.to_string())
            )
        };
        // SAFETY: the library of the system, whose initialisation does nothing but set up its own state.
        let library = unsafe { Library::new(LIBRARY) }.map_err(failed)?;
        // SAFETY: each type is the function's in `gssapi.h`, and the library stays loaded as long as they are.
        unsafe {
            Ok(Self {
                acquire_cred: *library.get(b"gss_acquire_cred\0").map_err(failed)?,
                set_neg_mechs: *library.get(b"gss_set_neg_mechs\0").map_err(failed)?,
                accept_sec_context: *library.get(b"gss_accept_sec_context\0").map_err(failed)?,
                display_name: *library.get(b"gss_display_name\0").map_err(failed)?,
                display_status: *library.get(b"gss_display_status\0").map_err(failed)?,
                release_buffer: *library.get(b"gss_release_buffer\0").map_err(failed)?,
                release_name: *library.get(b"gss_release_name\0").map_err(failed)?,
                delete_sec_context: *library.get(b"gss_delete_sec_context\0").map_err(failed)?,
                _library: library,
            })
        }
    }

    fn name(&self, name: Opaque) -> Result<String, String> {
        let (mut minor, mut text) = (0, EMPTY);
        // SAFETY: the name is the library's; the buffer is empty and becomes the library's as well.
        let major = unsafe { (self.display_name)(&raw mut minor, name, &raw mut text, null_mut()) };
        if major & ERRORS != 0 {
            return Err(self.words(major, minor));
        }
        String::from_utf8(self.taken(text)).map_err(|_| "the name in the ticket is not UTF-8".to_owned())
    }

    /// What a status means, for the log.
    fn words(&self, major: u32, minor: u32) -> String {
        let mut words = self.messages(major, OF_API);
        if minor != 0 {
            words.extend(self.messages(minor, OF_MECHANISM));
        }
        words.dedup();
        lazaret_model::plain(&words.join(": "))
    }

    fn messages(&self, status: u32, whose: c_int) -> Vec<String> {
        let (mut minor, mut more, mut messages) = (0, 0, Vec::new());
        let kerberos = oid(KERBEROS);
        for _ in 0..MOST_MESSAGES {
            let mut text = EMPTY;
            // SAFETY: as above.
            let major = unsafe {
                (self.display_status)(&raw mut minor, status, whose, &raw const kerberos, &raw mut more, &raw mut text)
            };
            if major & ERRORS != 0 {
                break;
            }
            messages.push(String::from_utf8_lossy(&self.taken(text)).trim().to_owned());
            if more == 0 {
                break;
            }
        }
        messages
    }

    /// A copy of what the library gave, which is given back.
    fn taken(&self, mut given: Buffer) -> Vec<u8> {
        if given.value.is_null() {
            return Vec::new();
        }
        let mut minor = 0;
        // SAFETY: the library vouches for that many bytes there until the buffer is released, which is after they were copied.
        unsafe {
            let copy = std::slice::from_raw_parts(given.value.cast::<u8>(), given.length).to_vec();
            (self.release_buffer)(&raw mut minor, &raw mut given);
            copy
        }
    }
}

const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

fn oid(bytes: &'static [u8]) -> Oid {
    Oid { length: u32::try_from(bytes.len()).unwrap_or_default(), elements: bytes.as_ptr().cast() }
}

fn set(oids: &[Oid]) -> OidSet {
    OidSet { count: oids.len(), elements: oids.as_ptr() }
}
