//! What runs without being started, because something was installed, opened or loaded: hooks.

use crate::text::{cut, decode, patterns};
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Family, Finding, Part, Role, Severity};
use regex::bytes::Regex;
use std::sync::LazyLock;

const ID: &str = "hooks";

patterns! {
    // Python's `site`: a line of a path file that begins with `import` is executed at every start.
    FOLDER_OPEN = r#""runOn"\s*:\s*"folderOpen""#;
    IMPORTS = r"(?m)^import[ \t][^\r\n]{0,160}";
}

/// Commands of npm packages, tasks of projects, path files and pickles of Python.
pub(crate) struct Hooks;

impl Detector for Hooks {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "commands that run when a package is installed or a project opened, path files and pickles of Python"
    }

    fn wants(&self, part: &Part) -> bool {
        at_installation(part) || path_file(part) || tasks(part) || pickle(part)
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        if pickle(part) {
            unpickled(bytes, findings);
            return Ok(());
        }
        let text = decode(bytes);
        if tasks(part) {
            if let Some(found) = FOLDER_OPEN.find(&text) {
                let message = "the project runs a task by itself when its folder is opened";
                let finding = Finding::new("hooks.folder-open", ID, Severity::Medium, Family::Behaviour, message);
                findings.add(finding.with("value", cut(found.as_str())).technique("T1204.002").technique("T1059"));
            }
        } else if at_installation(part) {
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

/// Tasks of Visual Studio Code, which finds them by this name.
fn tasks(part: &Part) -> bool {
    let base = part.name.rsplit(['/', '\\']).next().unwrap_or_default();
    part.named && base.eq_ignore_ascii_case("tasks.json") && part.size < 1 << 20
}

/// Python's pickles (PEP 3154); the oldest form is text, known by its name.
fn pickle(part: &Part) -> bool {
    let extension = part.extension();
    part.is("pickle") || part.is("text") && part.named && matches!(&*extension, "pkl" | "pickle" | "joblib")
}

/// Functions that a pickle has called when it is loaded, and that run commands or code.
fn unpickled(bytes: &[u8], findings: &mut Findings) {
    let found = GLOBAL.captures(bytes).or_else(|| STACK_GLOBAL.captures(bytes));
    let group = |name| found.as_ref().and_then(|f| f.name(name)).map(|m| String::from_utf8_lossy(m.as_bytes()));
    if let (Some(module), Some(function)) = (group("module"), group("function")) {
        let message = format!("the pickle calls `{module}.{function}` when it is loaded");
        let finding = Finding::new("hooks.pickle", ID, Severity::High, Family::Behaviour, message);
        findings
            .add(finding.with("value", format!("{module}.{function}")).technique("T1204.002").technique("T1059.006"));
    }
}

/// The opcode `c`: module and name, a line each.
static GLOBAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(?-u)c(?P<module>{MODULES})\n(?P<function>{FUNCTIONS})\n")).expect("a constant pattern")
});
/// Two short strings, remembered or not, of which the opcode `\x93` makes a function.
static STACK_GLOBAL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"(?s-u)(?:\x8c.|X....)(?P<module>{MODULES})(?:\x94|q.|r....)?(?:\x8c.|X....)(?P<function>{FUNCTIONS})(?:\x94|q.|r....)?\x93"
    );
    Regex::new(&pattern).expect("a constant pattern")
});
const MODULES: &str =
    "os|posix|nt|subprocess|builtins|__builtin__|pty|runpy|commands|importlib|webbrowser|shutil|ctypes|socket|code";
const FUNCTIONS: &str = "system|popen[0-9]?|exec[a-z]{0,3}|spawn[a-z]{0,3}|startfile|Popen|call|check_call|check_output|run|\
    getoutput|eval|compile|__import__|import_module|open|getattr|run_path|run_module|_run_code|rmtree|CDLL|interact";

/// Python finds its path files by their name, so the name it is.
fn path_file(part: &Part) -> bool {
    let extension = part.name.rsplit_once('.').map_or("", |(_, extension)| extension);
    part.named && extension.eq_ignore_ascii_case("pth") && !part.kind.is_unknown() && part.size < 1 << 20
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
        let tasks = part("a/.vscode/tasks.json", "json", Class::Data);
        check(
            &tasks,
            r#"{"tasks": [{"command": "x", "runOptions": {"runOn": "folderOpen"}}]}"#,
            &["hooks.folder-open"],
        );
        check(&tasks, r#"{"tasks": [{"command": "x", "runOptions": {"runOn": "default"}}]}"#, &[]);
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
