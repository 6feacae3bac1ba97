//! What runs without being started, because something was installed, opened or loaded: hooks.

mod imports;
mod models;
mod r_objects;

use crate::text::{cut, decode, patterns};
use crate::{DetectError, Detector, Findings, Reads};
use lazaret_model::{Class, Family, Finding, Part, Role, Severity};
use regex::bytes::Regex;
use std::sync::LazyLock;

const ID: &str = "hooks";
/// Bytes of what is no text up to which it may be a path file of Python.
const LARGEST_OTHER: u64 = 1 << 20;

patterns! {
    // Python's `site`: a line of a path file that begins with `import` is executed at every start.
    IMPORTS = r"(?m)^import[ \t][^\r\n]{0,160}";
}

/// Commands of npm packages, path files and pickles of Python, code in models.
pub(crate) struct Hooks;

impl Detector for Hooks {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "commands that run when a package is installed, path files and pickles of Python, code in models and data of R"
    }

    // Pickles hold whole models; what they call stands in a few bytes of them.
    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        let model = models::of(part).is_some() || models::described(part);
        let loaded = pickle(part) || part.is("pickle-imports") || model || r_objects::are_in(part);
        at_installation(part) || path_file(part) || loaded
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        if pickle(part) {
            unpickled(bytes, findings);
            return Ok(());
        }
        if r_objects::are_in(part) {
            r_objects::judge(bytes, ID, findings);
        }
        if models::described(part) {
            models::objects(bytes, findings);
        }
        if let Some(model) = models::of(part) {
            models::judge(model, bytes, findings);
            return Ok(());
        }
        if !at_installation(part) && !path_file(part) && !part.is("pickle-imports") {
            return Ok(());
        }
        let text = decode(bytes);
        if part.is("pickle-imports") {
            imports::judge(&text, findings);
            return Ok(());
        }
        if at_installation(part) {
            let message = format!("the package runs a command by itself when it is installed ({})", part.name);
            let found = Finding::new("hooks.installation", ID, Severity::Medium, Family::Behaviour, message);
            findings.add(found.with("value", cut(&text)).technique("T1195.002").technique("T1059"));
        } else if let Some(found) = IMPORTS.find(&text) {
            let message = "the path file runs code at every start of Python";
            let finding = Finding::new("hooks.python-start", ID, Severity::Medium, Family::Behaviour, message);
            findings.add(finding.with("value", cut(found.as_str())).technique("T1546.018"));
        }
        Ok(())
    }
}

/// Whether an opener of packages says that this runs at installation.
fn at_installation(part: &Part) -> bool {
    part.role == Role::Command && part.within.iter().any(|kind| kind == "json")
}

/// Python's pickles (PEP 3154); the oldest form is text, known by its name.
fn pickle(part: &Part) -> bool {
    let extension = part.extension();
    part.is("pickle") || part.is("text") && part.named && matches!(&*extension, "pkl" | "pickle" | "joblib")
}

/// Functions that a pickle has called when it is loaded, and that run commands or code.
fn unpickled(bytes: &[u8], findings: &mut Findings) {
    let called = MODULE.find_iter(bytes).find_map(|module| {
        let (before, after) = (bytes.get(..module.start())?, bytes.get(module.end()..)?);
        let function = if before.ends_with(b"c") {
            // The opcode `c`: module and name, a line each.
            after.strip_prefix(b"\n")?.split(|byte| *byte == b'\n').next()?
        } else if is_string(before, module.len()) {
            // Two strings, remembered or not, of which the opcode `\x93` makes a function.
            let (name, rest) = string(remembered(after))?;
            remembered(rest).starts_with(b"\x93").then_some(name)?
        } else {
            return None;
        };
        let function = std::str::from_utf8(function).ok().filter(|name| FUNCTIONS.contains(name))?;
        Some(format!("{}.{function}", String::from_utf8_lossy(module.as_bytes())))
    });
    if let Some(called) = called {
        let message = format!("the pickle calls `{called}` when it is loaded");
        let finding = Finding::new("hooks.pickle", ID, Severity::High, Family::Behaviour, message);
        findings.add(finding.with("value", called).technique("T1204.002").technique("T1059.006"));
    }
}

/// Whether the bytes before a text say that it is a string of this length: `SHORT_BINUNICODE` or `BINUNICODE`.
fn is_string(before: &[u8], len: usize) -> bool {
    let short = u8::try_from(len).is_ok_and(|len| before.ends_with(&[0x8c, len]));
    let long = || u32::try_from(len).is_ok_and(|len| before.ends_with(&[&b"X"[..], &len.to_le_bytes()].concat()));
    short || long()
}

/// The string that the bytes begin with, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes {
        [0x8c, len, rest @ ..] => rest.split_at_checked(usize::from(*len)),
        [b'X', a, b, c, d, rest @ ..] => {
            rest.split_at_checked(usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?)
        }
        _ => None,
    }
}

/// What follows an opcode that keeps the last value: `MEMOIZE`, `BINPUT` or `LONG_BINPUT`.
fn remembered(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0x94, rest @ ..] | [b'q', _, rest @ ..] | [b'r', _, _, _, _, rest @ ..] => rest,
        _ => bytes,
    }
}

/// Modules whose functions reach the system.
#[expect(clippy::expect_used, reason = "a constant pattern, which the test of pickles compiles")]
static MODULE: LazyLock<Regex> = LazyLock::new(|| {
    let names =
        "posix|os|nt|subprocess|builtins|__builtin__|pty|runpy|commands|importlib|webbrowser|shutil|ctypes|socket|code";
    Regex::new(&format!("(?-u)(?:{names})")).expect("a constant pattern")
});
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "system", "popen", "popen2", "popen3", "popen4", "exec", "execl", "execle", "execlp", "execv", "execve", "execvp", "execfile",
    "spawn", "spawnl", "spawnv", "spawnvp", "startfile", "Popen", "call", "check_call", "check_output", "run", "getoutput",
    "getstatusoutput", "eval", "compile", "__import__", "import_module", "open", "getattr", "run_path", "run_module",
    "_run_code", "rmtree", "CDLL", "interact", "InteractiveInterpreter",
];

/// Python finds its path files by their name, so the name it is. Weights of models are called so as well, and are no text.
fn path_file(part: &Part) -> bool {
    let extension = part.name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let may_be = part.kind.class == Class::Text || !part.kind.is_unknown() && part.size < LARGEST_OTHER;
    part.named && extension.eq_ignore_ascii_case("pth") && may_be
}

#[cfg(test)]
mod tests {
    use super::Hooks;
    use crate::testing::{ids, part};
    use lazaret_model::{Class, Part, Role};

    #[track_caller]
    fn check(part: &Part, text: &str, expected: &[&str]) {
        assert_eq!(ids(&Hooks, part, text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn what_runs_by_itself_is_found() {
        let mut hook = part("postinstall", "command-line", Class::Script);
        (hook.role, hook.within) = (Role::Command, vec!["json".into()]);
        check(&hook, "node install.js", &["hooks.installation"]);
        hook.within = vec!["lnk".into()];
        check(&hook, "node install.js", &[]);
        let path = part("site-packages/a.pth", "text", Class::Text);
        check(&path, "import os; os.system('echo')\n", &["hooks.python-start"]);
        check(&path, "../src\n# import nothing\n", &[]);
        check(&part("a.txt", "text", Class::Text), "import os\n", &[]);
        let mut long = path.clone();
        long.size = 3 << 20;
        check(&long, "# a remark\nimport os\n", &["hooks.python-start"]);
        let mut model = part("a.pth", "zip", Class::Archive);
        model.size = 3 << 20;
        check(&model, "import os\n", &[]);
    }

    #[test]
    fn pickles_that_call_functions_are_found() {
        let pickle = part("model.pkl", "pickle", Class::Data);
        let check = |bytes: &[u8], expected: &[&str]| assert_eq!(ids(&Hooks, &pickle, bytes), expected, "{bytes:?}");
        check(b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04echo\x94\x85\x94R.", &["hooks.pickle"]);
        check(b"\x80\x02cos\nsystem\nq\x00X\x04\0\0\0echoq\x01\x85q\x02R.", &["hooks.pickle"]);
        check(b"\x80\x04X\x08\0\0\0builtinsX\x04\0\0\0eval\x93X\x01\0\0\x001\x85R.", &["hooks.pickle"]);
        check(b"\x80\x04\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R.", &[]);
        check(b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x86\x94.", &[]);
        let old = part("model.pkl", "text", Class::Text);
        assert_eq!(ids(&Hooks, &old, b"cos\nsystem\n(S'echo'\ntR."), ["hooks.pickle"]);
    }
}
