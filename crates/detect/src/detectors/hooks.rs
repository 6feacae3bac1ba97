//! What runs because software was installed, without being started: hooks of packages.

use crate::text::{cut, decode, patterns};
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Family, Finding, Part, Role, Severity};

const ID: &str = "hooks";

patterns! {
    // Python's `site`: a line of a path file that begins with `import` is executed at every start.
    IMPORTS = r"(?m)^import[ \t][^\r\n]{0,160}";
}

/// Commands of npm packages and path files of Python.
pub(crate) struct Hooks;

impl Detector for Hooks {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "commands that run when a package is installed, and path files that run at every start of Python"
    }

    fn wants(&self, part: &Part) -> bool {
        at_installation(part) || path_file(part)
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
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
    }
}
