//! Programs of Windows that run whatever their arguments say, and which arguments are unusual in a shortcut.

use crate::Findings;
use crate::text::patterns;
use lazaret_model::Severity;
use regex::Regex;
use std::collections::HashSet;
use std::sync::LazyLock;

patterns! {
    // The file that a command line starts: quoted, or up to an extension that runs.
    PROGRAM = r#"^\s*@?(?:"(?P<quoted>[^"]*)"|(?P<path>[^"\r\n]*?\.(?:exe|com|bat|cmd|cpl|msc|scr|pif|lnk|vbs|js|hta|ps1))(?:[\s,"]|$))"#;
    // Another program of the table somewhere in the arguments.
    NESTED = r#"(?:^|[\s"'(&|\\/=,])(?P<name>powershell|pwsh|cmd|%comspec%|mshta|rundll32|regsvr32|wscript|cscript|msiexec|certutil|bitsadmin|forfiles|conhost|pcalua|curl|hh|wmic|schtasks|msbuild|installutil|regasm|regsvcs|odbcconf|cmstp|msdt|wsl|python|pythonw|node)(?:\.exe)?(?:["'\s,/]|$)"#;

    SWITCHED = r#"[\s"'][-/\u{2013}](?:c|co|com\w*|e|en|ec|enc\w*|f|fi\w*|w|wi\w*|nop\w*|noni\w*|sta|ep|ex\w*)[\s:"']|https?:|\biex\b|\biwr\b|\birm\b|[&|;$]"#;
    SLASH_C = r#"[\s"']/[cr]"#;
    INLINE = r#"\b(?:javascript|vbscript|about|data):"#;
    ORDINARY_RUNDLL = r#"^["\s]*(?:(?:%\w+%|c:\\windows)\\system32\\)?(?:(?:shell32(?:\.dll)?,\s*(?:control_rundll(?:\s+[\w.@, -]*)?$|options_rundll|shhelpshortcuts_rundll))|printui(?:\.dll)?,|user32(?:\.dll)?,|powrprof(?:\.dll)?,|keymgr(?:\.dll)?,|dfshim(?:\.dll)?,|netplwiz(?:\.dll)?,|sysdm\.cpl,)"#;
    INSTALLED = r#"^[\s"]*/[xif]\s*["]?\{[0-9a-f-]{36}\}[\s"]*(?:/\w+\s*)*$"#;
    REMOTE = r#"https?:|\\\\[a-z0-9]|\bmk:|ms-its:"#;
    FETCHES = r"[-/]urlcache|[-/]verifyctl|[-/]url\b";
    PROXY = r"proxycommand|localcommand|permitlocalcommand|knownhostscommand";
    SHARE = r#"\\\\[a-z0-9]|search(?:-ms)?:|https?:"#;
    CREATES = r"/create\b|/change\b";
    CALLS = r"\bprocess\b|\bcall\b|/format:";
    EVALUATES = r#"(?:^|\s)-{1,2}(?:c|e|eval|ec)(?:\s|$|["'])"#;
    CONTROL_FILE = r"\.(?:cpl|dll|ocx)\b";
    FTP_SCRIPT = r"(?:^|\s)-\w*s:";
    TROUBLE = r"\bit_\w+=|/af\b|\bpcwdiagnostic\b";
    ANYTHING = r"\S";
}

/// Bytes of arguments that are weighed again where a program is named again.
const NEAR: usize = 512;

/// One program and how its arguments are weighed, the first pattern that matches deciding.
pub(super) struct Runner {
    names: &'static [&'static str],
    /// The ATT&CK technique of running things through it.
    pub(super) technique: &'static str,
    rules: &'static [(&'static LazyLock<Regex>, Option<Severity>)],
}

const LOW: Option<Severity> = Some(Severity::Low);
const MEDIUM: Option<Severity> = Some(Severity::Medium);
const HIGH: Option<Severity> = Some(Severity::High);

macro_rules! runner {
    ($names:expr, $technique:literal, $($pattern:ident => $severity:expr),*) => {
        Runner { names: &$names, technique: $technique, rules: &[$((&$pattern, $severity)),*] }
    };
}

/// Names as in the LOLBAS project's list and Windows' own tools; none without arguments is reported.
static RUNNERS: &[Runner] = &[
    runner!(["powershell", "pwsh", "powershell_ise"], "T1059.001", SWITCHED => MEDIUM, ANYTHING => LOW),
    runner!(["cmd", "%comspec%"], "T1059.003", SLASH_C => MEDIUM, ANYTHING => LOW),
    runner!(["mshta"], "T1218.005", INLINE => HIGH, ANYTHING => MEDIUM),
    runner!(["rundll32"], "T1218.011", INLINE => HIGH, ORDINARY_RUNDLL => None, ANYTHING => MEDIUM),
    runner!(["regsvr32"], "T1218.010", ANYTHING => MEDIUM),
    runner!(["wscript", "cscript"], "T1059.005", ANYTHING => MEDIUM),
    // Shortcuts that repair or remove an installed product name it by its code.
    runner!(["msiexec"], "T1218.007", INSTALLED => None, ANYTHING => MEDIUM),
    runner!(["certutil"], "T1105", FETCHES => MEDIUM),
    runner!(["certutil"], "T1140", ANYTHING => MEDIUM),
    runner!(["bitsadmin"], "T1197", ANYTHING => MEDIUM),
    runner!(["forfiles", "conhost", "pcalua", "scriptrunner"], "T1202", ANYTHING => HIGH),
    runner!(["ssh", "scp", "sftp"], "T1202", PROXY => HIGH),
    runner!(["ftp"], "T1202", FTP_SCRIPT => MEDIUM),
    runner!(["explorer"], "T1187", SHARE => MEDIUM),
    runner!(["curl", "wget", "desktopimgdownldr", "finger"], "T1105", ANYTHING => MEDIUM),
    runner!(["hh"], "T1218.001", REMOTE => MEDIUM, ANYTHING => LOW),
    runner!(["wmic"], "T1047", CALLS => MEDIUM, ANYTHING => LOW),
    runner!(["schtasks"], "T1053.005", CREATES => MEDIUM, ANYTHING => LOW),
    runner!(["msbuild"], "T1127.001", ANYTHING => MEDIUM),
    runner!(["installutil"], "T1218.004", ANYTHING => MEDIUM),
    runner!(["regasm", "regsvcs"], "T1218.009", ANYTHING => MEDIUM),
    runner!(["odbcconf"], "T1218.008", ANYTHING => MEDIUM),
    runner!(["cmstp"], "T1218.003", ANYTHING => MEDIUM),
    runner!(["mavinject"], "T1218.013", ANYTHING => MEDIUM),
    runner!(["syncappvpublishingserver"], "T1216.002", ANYTHING => MEDIUM),
    runner!(["msdt"], "T1218", TROUBLE => HIGH, ANYTHING => LOW),
    runner!(["control"], "T1218.002", CONTROL_FILE => LOW),
    runner!(["wsl", "bash"], "T1059.004", EVALUATES => MEDIUM),
    runner!(["python", "pythonw", "py", "python3"], "T1059.006", EVALUATES => MEDIUM, ANYTHING => LOW),
    runner!(["node", "deno", "bun"], "T1059.007", EVALUATES => MEDIUM, ANYTHING => LOW),
    runner!(["autoit3"], "T1059.010", ANYTHING => LOW),
];

/// A program of the table that a command line runs, and how unusual that is.
pub(super) struct Run {
    /// Its name.
    pub(super) name: String,
    /// How much it weighs.
    pub(super) severity: Severity,
    /// What it is a sign of.
    pub(super) technique: &'static str,
}

/// What a command line runs, the first program first; nothing where the first program is none of the table.
/// `plain` is normalised, in lower case.
pub(super) fn runs(plain: &str, findings: &mut Findings) -> Vec<Run> {
    let Some((name, arguments)) = first(plain) else { return Vec::new() };
    let mut runs: Vec<_> = weigh(&name, arguments).into_iter().collect();
    if !RUNNERS.iter().any(|runner| runner.names.contains(&&*name)) {
        return runs;
    }
    // Programs whose arguments up to the end were weighed: further on, only what stands right behind the name is new.
    let mut weighed = HashSet::new();
    for found in NESTED.captures_iter(arguments).filter_map(|c| c.name("name")) {
        let rest = arguments.get(found.end()..).unwrap_or_default();
        let rest = rest.strip_prefix(".exe").unwrap_or(rest);
        let new = weighed.insert(found.as_str());
        // LIMIT: what is further on was weighed where the program was named first.
        let rest = if new { rest } else { rest.get(..rest.floor_char_boundary(NEAR)).unwrap_or_default() };
        if !findings.step(rest.len() as u64) {
            break;
        }
        if runs.iter().all(|run| run.name != found.as_str()) {
            runs.extend(weigh(found.as_str(), rest.trim_start_matches(['"', '\''])));
        }
    }
    runs
}

/// The name of the program that a command line starts, without folder and extension, and what follows it.
fn first(plain: &str) -> Option<(String, &str)> {
    let base = |path: &str| {
        let base = path.rsplit(['/', '\\']).next().unwrap_or_default().trim();
        [".exe", ".com"].iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base).to_owned()
    };
    // A path may hold blanks without being quoted; a known name before the first blank is taken first.
    let word = plain.trim_start().split([' ', '\t', '"']).next().unwrap_or_default();
    let name = base(word);
    if RUNNERS.iter().any(|runner| runner.names.contains(&&*name)) {
        return Some((name, plain.trim_start().get(word.len()..).unwrap_or_default()));
    }
    let found = PROGRAM.captures(plain)?;
    let path = found.name("quoted").or_else(|| found.name("path"))?;
    let rest = plain.get(path.end()..).unwrap_or_default();
    Some((base(path.as_str()), rest.strip_prefix('"').unwrap_or(rest)))
}

fn weigh(name: &str, arguments: &str) -> Option<Run> {
    let mut runners = RUNNERS.iter().filter(|runner| runner.names.contains(&name));
    runners.find_map(|runner| {
        let (_, severity) = runner.rules.iter().find(|(pattern, _)| pattern.is_match(arguments))?;
        Some(Run { name: name.to_owned(), severity: (*severity)?, technique: runner.technique })
    })
}

#[cfg(test)]
mod tests {
    use super::runs;
    use crate::Findings;

    #[test]
    fn a_program_that_is_named_over_and_over_is_not_weighed_to_the_end_each_time() {
        let steps = |count: usize| {
            let mut findings = Findings::default();
            let found = runs(&format!("cmd /c {}", "hh ".repeat(count)), &mut findings);
            assert!(found.iter().any(|run| run.name == "cmd"));
            findings.steps()
        };
        let (before, after) = (steps(10_000), steps(20_000));
        assert!(before > 10_000 && after <= before / 10 * 26, "{before} steps, then {after}");
    }
}
