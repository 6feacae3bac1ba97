//! What a shortcut runs and where it leads: interpreters, hidden arguments, other machines.

mod runners;
mod scenes;

use crate::text::{cut, decode, normalise, patterns};
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Child, Class, Family, Finding, Part, Role, Severity, on_this_machine};

const ID: &str = "shortcuts";
/// Characters that the properties dialog of Windows shows of a target.
const SHOWN: usize = 260;
/// Characters from which a command is longer than honest shortcuts need.
const LONG: usize = 1024;
/// Blanks in a row from which what follows was meant to stay out of sight.
const BLANKS: usize = 32;
/// Blanks in a row that fill the whole of the dialog.
const BLANK_DIALOG: usize = 200;
/// Bytes after a shortcut's end that are more than left-over padding.
const REST: u64 = 512;
/// Kinds of lists that a player goes through by itself.
const PLAYLISTS: &[&str] = &["m3u", "pls", "asx", "wpl", "xspf"];
/// Maps, of which whoever shows them takes pictures, symbols and further maps by itself.
const MAPS: &[&str] = &["kml"];
/// How such lists are called.
const PLAYED: &[&str] = &["m3u", "m3u8", "pls", "asx", "wax", "wvx", "wmx", "wpl", "xspf"];
/// Kinds that name a folder to search or to show, as XML.
const FOLDERS: &[&str] = &["library-ms", "search-ms", "searchconnector-ms"];

patterns! {
    SELF = r#"(?:\bfindstr|\bfind|\bmore|\btype|\bget-content|\bgc|\bcat|\bcopy|\bselect-string|\bsls|readall\w*|openread|filestream|\bgci|\bget-childitem|\bdir)\b[^\r\n]{0,300}\.lnk\b"#;
    REMOTE_ARGUMENT = r#"(?:^|[\s"'=,(;])(?P<place>\\\\[a-z0-9][a-z0-9.-]*(?:@[a-z0-9]+)*\\[^\s"']+)"#;
    WEB_SHARE = r"^(?:\\\\|file:/{2,5})[^\\/]+(?:@(?:ssl|[0-9]+))|davwwwroot";
    // A drive or a place of the file system on this machine.
    LOCAL_FILE = r"^file:(?:/{0,3})(?:[a-z][:|]|localhost/|%|[a-z0-9_.~-]+/?$)|^file:///[^/]";
    PROGRAM_FILE = r"\.(?:exe|scr|pif|com|cpl|dll|msi|bat|cmd|vbs|vbe|jse?|wsf|hta|ps1|lnk|url|jar|application|appinstaller|msix|iso|img|vhdx?)(?:[?#].*)?$";
    PICTURE_FILE = r"\.(?:ico|png|svg|jpe?g|gif|icns|webp|dll|exe)(?:[?#,].*)?$|/favicon|/[^./]*$";
    DDE = r#"^\W{0,3}(?:cmd|msexcel|mshta|powershell|rundll32|regsvr32|wscript|msiexec|excel|dde)[\w.]{0,8}\|"#;
    FORMULA = r"\b(?:exec|call|register|run)\s*\(";
    WEB_FOLDER = r#"<(?:\w+:)?(?:url|simplelocation|path|locationprovider)\b[^<>]{0,200}>?\s*(?:<[^<>]{0,80}>\s*)?(?P<place>https?://[^\s<>"]{1,200})"#;
    // A share on a machine that has the name of a site, as those of a house seldom have.
    SHARED = r#"(?:^|[\s"'=>(])(?P<place>(?:file:/{2}|file:/{4,5}|file:/{0,3}\\{2}|\\{2}|smb:/{2})[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+(?:@[a-z0-9]+)*[\\/][^\s"'<>]*)"#;
    FOLDER_LOOK = r#"(?m)(?:^|\r)\s*(?:iconresource|iconfile|localizedresourcename|infotip|logo|iconarea_image|folder_?type|url|clsid\w*)\s*=\s*(?:@)?(?P<place>(?:\\{2}|file:/{2,5})[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+[@\\/][^\r\n]*)"#;
    DRIVES = r"(?m)^\s*drivestoredirect:s:\s*\S";
    SIGNED = r"(?m)^\s*signature:s:\s*\S";
    ADDRESS = r"(?m)^\s*full address:s:\s*(?P<place>\S[^\r\n]*)";

    UNIX_WRAPPER = r#"^\s*(?:(?:\S*/)?(?:env|sudo|pkexec|nohup|setsid|nice|gksu|xterm|x-terminal-emulator|gnome-terminal|konsole)\s+(?:-{1,2}[\w-]+\s+)*(?:\w+=\S*\s+)*)+"#;
    UNIX_SHELL = r#"^\s*["']?(?:\S*/)?(?P<name>sh|bash|dash|zsh|ksh|fish|python[0-9.]*|perl|ruby|node|php|osascript|curl|wget)["']?(?P<rest>\s.*)?$"#;
    UNIX_INLINE = r#"(?:^|\s)-\w*[ce]\w*(?:\s|["'])"#;
    UNIX_FETCH = r"\bcurl\s|\bwget\s|base64\s+(?:-d|--decode)|/dev/tcp/|\bnc\s+-";
    UNIX_ODD = r"/tmp/|/dev/shm/|\bxxd\s+-r|\beval\b|\bchmod\s+\+?[0-7x]";
}

/// Command lines and places that shortcuts of any kind hold.
pub(crate) struct Shortcuts;

impl Detector for Shortcuts {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "shortcuts that run interpreters, hide their arguments, carry data or lead to other machines"
    }

    fn wants(&self, part: &Part) -> bool {
        held(part).is_some()
            || part.is("rdp")
            || FOLDERS.iter().any(|kind| part.is(kind))
            || played(part)
            || looks_of_a_folder(part)
            || scenes::taken(part)
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
        match held(part) {
            Some(Held::Command) => command(&text, findings),
            Some(Held::Exec) => exec(&text, findings),
            Some(Held::Target) => target(&text, findings),
            Some(Held::Icon) => icon(&text, findings),
            None if part.is("rdp") => remote_desktop(&text.to_lowercase(), findings),
            None if scenes::taken(part) => scenes::look(part, &text, findings),
            None if looks_of_a_folder(part) => {
                if let Some(place) = FOLDER_LOOK.captures(&text.to_lowercase()).and_then(|c| c.name("place")) {
                    let message =
                        "the look of the folder lies on another machine, which is told who opens it".to_owned();
                    let found = behaviour("shortcut.remote-icon", Severity::High, message, place.as_str());
                    findings.add(found.technique("T1187"));
                }
            }
            None if played(part) => {
                let lower = text.to_lowercase();
                let places = SHARED.captures_iter(&lower).filter_map(|c| c.name("place"));
                let message = if shown(part) {
                    "whoever shows it takes what belongs to it from another machine's files"
                } else {
                    "a player that opens the list goes to another machine's files"
                };
                for place in places.filter(|place| !on_this_machine(place.as_str())) {
                    share(place.as_str(), message, findings);
                }
            }
            None => folder(&text.to_lowercase(), findings),
        }
        Ok(())
    }

    fn conclude(&self, part: &Part, children: &[Child], findings: &mut Findings) {
        if part.is("lnk") {
            children.iter().filter(|child| child.name == "appended").for_each(|child| appended(child, findings));
        }
        if part.is("iqy") && children.iter().any(|child| child.name == "target") {
            let message = "opening the file makes Excel fetch cells, which may be formulas, from another machine";
            let found = Finding::new("shortcut.web-query", ID, Severity::Low, Family::Behaviour, message);
            findings.add(found.technique("T1204.002").with("kind", "iqy"));
        }
    }
}

/// What a part is to the shortcut that it comes from; the openers of shortcuts give these names.
enum Held {
    Command,
    Exec,
    Target,
    Icon,
}

fn held(part: &Part) -> Option<Held> {
    match (&*part.kind.id, part.role, part.named, &*part.name) {
        ("command-line", Role::Command, false, "command") => Some(Held::Command),
        ("command-line", Role::Command, false, "exec") => Some(Held::Exec),
        ("url-target", Role::Link, false, "target") => Some(Held::Target),
        ("url-target", Role::Link, false, "icon") => Some(Held::Icon),
        _ => None,
    }
}

/// Whether the part is a list that a player goes through, by its kind or name.
fn played(part: &Part) -> bool {
    // A remark in its first line may be the mark of something else.
    let may_be = !part.kind.class.runs() && !matches!(part.kind.class, Class::Archive | Class::DiskImage);
    shown(part) || PLAYLISTS.iter().any(|kind| part.is(kind)) || may_be && PLAYED.contains(&&*part.extension())
}

/// Whether the part is a map, or the markup of a page of an XPS document, whose fonts and pictures may lie elsewhere.
fn shown(part: &Part) -> bool {
    MAPS.iter().any(|kind| part.is(kind)) || part.is("xml") && part.within.iter().any(|kind| kind == "xps")
}

/// Whether the part says how Windows shows the folder that it is in.
fn looks_of_a_folder(part: &Part) -> bool {
    let name = part.name.rsplit(['/', '\\']).next().unwrap_or_default();
    part.named && name.eq_ignore_ascii_case("desktop.ini")
}

/// A command line of Windows, or a formula of a SYLK sheet.
fn command(text: &str, findings: &mut Findings) {
    let plain = normalise(text);
    let runs = runners::runs(&plain, findings);
    if let Some(severity) = runs.iter().map(|run| run.severity).max() {
        let names: Vec<_> = runs.iter().map(|run| &*run.name).collect();
        let message = format!("the shortcut runs `{}`, which does what its arguments say", names.join("`, `"));
        let mut found = behaviour("shortcut.runs-interpreter", severity, message, text).technique("T1204.002");
        let mut techniques: Vec<_> = runs.iter().map(|run| run.technique).collect();
        techniques.sort_unstable();
        techniques.dedup();
        for technique in techniques {
            found = found.technique(technique);
        }
        findings.add(found.with("programs", names.join(", ")));
    }
    out_of_sight(text, !runs.is_empty(), findings);
    if let Some(found) = SELF.find(&plain) {
        let message = "the command reads a shortcut as data, as those do that carry their next stage in themselves";
        let found = behaviour("shortcut.reads-itself", Severity::High, message.into(), found.as_str());
        findings.add(found.technique("T1027.009").technique("T1204.002"));
    }
    for place in REMOTE_ARGUMENT.captures_iter(&plain).filter_map(|c| c.name("place")) {
        share(place.as_str(), "the command takes a file from another machine", findings);
    }
    if DDE.is_match(&plain) {
        let message = "the cell asks another program to run a command (DDE)".to_owned();
        findings.add(behaviour("shortcut.formula", Severity::High, message, text).technique("T1559.002"));
    } else if FORMULA.is_match(&plain) && runs.is_empty() {
        let message = "the cell calls a function that runs programs".to_owned();
        findings.add(behaviour("shortcut.formula", Severity::Medium, message, text).technique("T1204.002"));
    }
}

/// Arguments that the properties dialog does not show.
fn out_of_sight(text: &str, interprets: bool, findings: &mut Findings) {
    let (mut run, mut longest) = (0_usize, 0);
    for c in text.trim().chars() {
        run = if c.is_whitespace() || c.is_control() { run.saturating_add(1) } else { 0 };
        longest = longest.max(run);
    }
    if longest >= BLANKS {
        let severity = if longest >= BLANK_DIALOG { Severity::High } else { Severity::Medium };
        let message = format!("{longest} blanks push a part of the command out of sight");
        let found = structure("shortcut.padded-arguments", severity, message).technique("T1027");
        findings.add(found.with("blanks", longest));
        return;
    }
    let length = text.chars().count();
    if length > SHOWN {
        let severity = if interprets && length > LONG { Severity::Medium } else { Severity::Low };
        let message = format!("the command has {length} characters, more than the {SHOWN} that Windows shows of it");
        findings.add(structure("shortcut.long-command", severity, message).technique("T1027").with("length", length));
    }
}

/// A command line of a desktop entry.
fn exec(text: &str, findings: &mut Findings) {
    let plain = UNIX_WRAPPER.replace(text, "");
    let Some(found) = UNIX_SHELL.captures(&plain) else { return };
    let (name, rest) = (found.name("name").map_or("", |m| m.as_str()), found.name("rest").map_or("", |m| m.as_str()));
    let fetches = matches!(name, "curl" | "wget");
    if !fetches && !UNIX_INLINE.is_match(rest) {
        return;
    }
    let severity = match rest {
        _ if !fetches && UNIX_FETCH.is_match(rest) => Severity::High,
        _ if fetches || UNIX_ODD.is_match(rest) => Severity::Medium,
        _ => Severity::Low,
    };
    let message = format!("the desktop entry runs code of its own through `{name}`");
    let technique = match name {
        "curl" | "wget" => "T1105",
        "osascript" => "T1059.002",
        "node" => "T1059.007",
        _ if name.starts_with("python") => "T1059.006",
        "perl" | "ruby" | "php" => "T1059",
        _ => "T1059.004",
    };
    let found = behaviour("shortcut.runs-interpreter", severity, message, text);
    findings.add(found.technique("T1204.002").technique(technique).with("programs", name));
}

/// A place that opening the shortcut leads to.
fn target(text: &str, findings: &mut Findings) {
    let plain = text.trim().to_lowercase();
    let scheme = match plain.split_once(':') {
        Some((scheme, _)) if scheme.len() > 1 && !scheme.contains(['/', '\\', ' ', '.']) => scheme,
        _ => "",
    };
    let handler = |severity, technique, what: &str| {
        let message = format!("the shortcut leads to {what}");
        behaviour("shortcut.odd-scheme", severity, message, text).technique(technique).with("scheme", scheme)
    };
    match scheme {
        "ms-msdt" | "ms-officecmd" | "hcp" => {
            findings.add(handler(Severity::High, "T1218", "a Windows tool that runs what the address says"));
        }
        "javascript" | "vbscript" => findings.add(handler(Severity::High, "T1059", "code instead of a place")),
        "mhtml" | "x-usc" => {
            findings.add(handler(Severity::High, "T1218", "a page in the retired Internet Explorer"));
        }
        "mk" | "ms-its" | "its" => findings.add(handler(Severity::Medium, "T1218.001", "a page in a help file")),
        "search-ms" | "search" => {
            findings.add(handler(Severity::Medium, "T1187", "a search of a place of its choice"));
        }
        "data" | "ms-appinstaller" | "ms-cxh" | "ms-cxh-full" | "ms-word" | "ms-excel" | "ms-powerpoint" => {
            findings.add(handler(Severity::Low, "T1204.001", "a program that is not the browser"));
        }
        "smb" | "afp" | "nfs" | "dav" | "davs" | "cifs" | "ftp" => {
            share(&plain, "the shortcut leads to another machine's files", findings);
        }
        "file" if local_file(&plain) => local(&plain, findings),
        "file" => share(&plain, "the shortcut leads to another machine's files", findings),
        "" if plain.starts_with("\\\\") && !plain.starts_with("\\\\?\\") && !plain.starts_with("\\\\.\\") => {
            share(&plain, "the shortcut leads to another machine's files", findings);
        }
        "http" | "https" if PROGRAM_FILE.is_match(&plain) && plain.matches('/').count() > 2 => {
            let message = "the shortcut leads to a program on the web".to_owned();
            findings.add(behaviour("shortcut.program-target", Severity::Low, message, text).technique("T1204.001"));
        }
        _ => {}
    }
}

fn local(plain: &str, findings: &mut Findings) {
    if PROGRAM_FILE.is_match(plain) {
        let message = "the shortcut starts a file of this machine by its address".to_owned();
        findings.add(behaviour("shortcut.program-target", Severity::Low, message, plain).technique("T1204.002"));
    }
}

/// Whether an address of a file, in small letters, leads to this machine; a name alone counts, and slashes in disguise do not.
fn local_file(address: &str) -> bool {
    let disguised = ["%5c", "%2f", "\\\\"].iter().any(|slash| address.contains(slash));
    on_this_machine(address) || !disguised && LOCAL_FILE.is_match(address)
}

/// A place that showing the shortcut already reaches.
fn icon(text: &str, findings: &mut Findings) {
    let plain = text.trim().to_lowercase();
    let web = plain.starts_with("http:") || plain.starts_with("https:");
    if web && !PICTURE_FILE.is_match(&plain) {
        let message = "the icon is fetched from the web and is no picture by its name".to_owned();
        findings.add(behaviour("shortcut.remote-icon", Severity::Medium, message, text).technique("T1027.012"));
    }
    let remote_file = plain.starts_with("file:") && !local_file(&plain);
    if plain.starts_with("\\\\") && !plain.starts_with("\\\\?\\") || remote_file {
        let message = "the icon lies on another machine, which is told who looks at the folder".to_owned();
        findings.add(behaviour("shortcut.remote-icon", Severity::High, message, text).technique("T1187"));
    }
}

fn share(place: &str, message: &str, findings: &mut Findings) {
    // Shares over the web leave the network that the reader is in; those of an office do not.
    let severity = if WEB_SHARE.is_match(place) { Severity::High } else { Severity::Medium };
    let mut found = behaviour("shortcut.remote-target", severity, message.to_owned(), place).technique("T1187");
    if PROGRAM_FILE.is_match(place) {
        found = found.technique("T1204.002");
    }
    findings.add(found);
}

/// What follows the end of a shortcut.
fn appended(child: &Child, findings: &mut Findings) {
    let class = child.kind.class;
    let runs = matches!(class, Class::Executable | Class::Library | Class::Script | Class::Installer | Class::Shortcut);
    let holds = matches!(class, Class::Archive | Class::DiskImage | Class::Document);
    if !runs && !holds && child.size < REST {
        return;
    }
    let severity = if runs || holds { Severity::High } else { Severity::Medium };
    let message = format!("{} bytes of the kind {} follow the end of the shortcut", child.size, child.kind);
    let found = structure("shortcut.appended-data", severity, message).technique("T1027.009");
    findings.add(found.with("size", child.size).with("kind", child.kind.id.to_string()));
}

fn folder(plain: &str, findings: &mut Findings) {
    if let Some(place) = WEB_FOLDER.captures(plain).and_then(|c| c.name("place")) {
        let message = "opening the file shows a folder of another machine as if it were a local one".to_owned();
        let found = behaviour("shortcut.remote-target", Severity::Medium, message, place.as_str());
        findings.add(found.technique("T1187").technique("T1204.002"));
    }
}

fn remote_desktop(plain: &str, findings: &mut Findings) {
    let Some(place) = ADDRESS.captures(plain).and_then(|c| c.name("place")) else { return };
    let drives = DRIVES.is_match(plain);
    let severity = if drives && !SIGNED.is_match(plain) { Severity::Medium } else { Severity::Low };
    let message = match drives {
        true => "opening the file connects to another machine and hands the local drives to it",
        false => "opening the file connects to another machine",
    };
    let found = behaviour("shortcut.remote-desktop", severity, message.to_owned(), place.as_str());
    findings.add(found.technique("T1204.002"));
}

fn behaviour(id: &'static str, severity: Severity, message: String, value: &str) -> Finding {
    Finding::new(id, ID, severity, Family::Behaviour, message).with("value", cut(value))
}

fn structure(id: &'static str, severity: Severity, message: String) -> Finding {
    Finding::new(id, ID, severity, Family::Structure, message)
}

#[cfg(test)]
mod tests;
