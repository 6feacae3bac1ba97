//! The process that opens Kerberos tokens: it has the service's keys and the system's library, which is C code, and reads what any
//! client sends. It gets at nothing but the files that the library needs.

use super::gss;
use crate::proxy::helper;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The first argument that makes the executable accept tokens.
pub const NEGOTIATE_ARGUMENT: &str = "negotiate-acceptor";

/// Where the library finds itself, its plugins and its configuration.
const READ: [&str; 11] = [
    "/usr",
    "/lib",
    "/lib64",
    "/etc/krb5.conf",
    "/etc/krb5.conf.d",
    "/etc/gss",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/dev/null",
    "/dev/urandom",
];
/// Where it keeps which tokens it has seen, so that none counts twice.
const SEEN: &str = "/var/tmp";

/// A question.
#[derive(Serialize, Deserialize)]
pub(super) enum Question {
    /// The first one, with the file that has the keys.
    Start { keytab: PathBuf },
    /// Whom a token vouches for, which is in base64.
    Accept { token: String },
}

/// An answer.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Ready {
        /// What the kernel does not enforce.
        warning: Option<String>,
    },
    Person {
        /// With the realm.
        name: String,
    },
    /// The token vouches for nobody.
    Refused { why: String },
    /// Nothing can be accepted.
    Unable { why: String },
}

/// The process: call this first thing in `main` when the first argument is [`NEGOTIATE_ARGUMENT`], with the value of `KRB5_CONFIG`, which
/// names the library's configuration where that is elsewhere.
pub fn negotiate_main(configuration: &OsStr) -> ExitCode {
    let mut acceptor = None;
    helper::serve(|question| match question {
        Question::Start { keytab } => match start(keytab, configuration) {
            Ok((ready, warning)) => {
                acceptor = Some(ready);
                Answer::Ready { warning }
            }
            Err(why) => Answer::Unable { why },
        },
        Question::Accept { token } => match (&acceptor, BASE64.decode(token.as_bytes())) {
            (None, _) => Answer::Unable { why: "it was not started".to_owned() },
            (_, Err(_)) => Answer::Refused { why: "the token is not base64".to_owned() },
            (Some(acceptor), Ok(token)) => {
                acceptor.accept(&token).map_or_else(|why| Answer::Refused { why }, |name| Answer::Person { name })
            }
        },
    })
}

fn start(keytab: PathBuf, configuration: &OsStr) -> Result<(gss::Acceptor, Option<String>), String> {
    let mut read: Vec<PathBuf> = READ.iter().map(PathBuf::from).collect();
    read.extend(std::env::split_paths(configuration));
    read.push(keytab);
    // Before anything is loaded: what the library does when it starts is done within these bounds, too.
    let whole = lazaret_engine::confine(&read, &[Path::new(SEEN).to_path_buf()])?;
    let warning = (!whole).then(|| "this kernel cannot confine it to the files that it needs (Landlock)".to_owned());
    Ok((gss::Acceptor::new()?, warning))
}
