//! Shortcuts written as text: `.url`, `.website`, `.desktop`, `.webloc`, `.library-ms`, `.searchConnector-ms`,
//! `.settingcontent-ms`, `.scf`, `.rdp`, `.theme`, `.iqy`, `.slk`, `.jnlp`, ClickOnce and `.wsh`.

mod sylk;

use super::links::Links;
use super::ooxml;
use super::xml::{Token, tokens, unescape};
use crate::{Content, Format, Member, OpenError, Parts, encoding};
use lazaret_model::{Bounded, Role};
use std::collections::HashSet;

/// Bytes of a shortcut that are read.
const MOST: u64 = 4 << 20;
/// Commands handed over for one file, each as a part: a SYLK sheet may have one in every cell.
const MOST_COMMANDS: usize = 5000;
/// Bytes of sections that are never closed, and so begin in each other.
const MOST_OPEN: usize = if cfg!(test) { 4 << 20 } else { 64 << 20 };

/// Opens shortcuts.
pub(super) struct Shortcut;

impl Format for Shortcut {
    fn id(&self) -> &'static str {
        "shortcut"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            "url",
            "website",
            "desktop",
            "webloc",
            "library-ms",
            "search-ms",
            "searchconnector-ms",
            "settingcontent-ms",
            "scf",
            "rdp",
            "theme",
            "iqy",
            "slk",
            "jnlp",
            "appref-ms",
            "clickonce",
            "appinstaller",
            "wsh",
            "ica",
            "terminal-settings",
        ]
    }

    fn summary(&self) -> &'static str {
        "commands and places that a shortcut leads to"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        let (mut found, mut table) = (Found::default(), None);
        for kind in parts.part().kinds().map(|kind| kind.id.clone()).collect::<Vec<_>>() {
            match &*kind {
                "url" | "website" | "desktop" | "scf" | "theme" | "wsh" => settings(text, &mut found),
                "rdp" => remote_desktop(text, &mut found),
                "iqy" => text.lines().skip(2).take(1).for_each(|line| found.target(line)),
                "appref-ms" => text.split(',').take(1).for_each(|line| found.target(line)),
                "ica" => citrix(text, &mut found),
                "terminal-settings" => terminal(text, &mut found),
                "slk" => table = Some(found.table(text)),
                "webloc" if bytes.starts_with(b"bplist") => binary_list(&bytes, &mut found),
                _ => markup(text, &mut found),
            }
        }
        parts.budget().step(found.open as u64).map_err(OpenError::Limit)?;
        let (commands, overflow) = found.commands.into_parts();
        for reason in overflow.into_iter().chain(found.incomplete.map(str::to_owned)) {
            parts.incomplete(reason);
        }
        if let Some(mut table) = table {
            table.tell(parts);
            table.hand_over(parts)?;
        }
        for command in commands {
            // Command lines of Unix and of Windows are judged apart.
            let name = if parts.part().is("desktop") { "exec" } else { "command" };
            let member = Member::unnamed(Role::Command, name).of_kind("command-line");
            parts.add_content(member, Content::from(command.into_bytes()))?;
        }
        found.links.hand_over(parts)
    }
}

struct Found {
    commands: Bounded<String>,
    known: HashSet<String>,
    links: Links,
    /// Why not all of it was read, if it was not.
    incomplete: Option<&'static str>,
    /// Bytes of sections that were read so far.
    open: usize,
}

impl Default for Found {
    fn default() -> Self {
        let commands = Bounded::new("commands", MOST_COMMANDS);
        Self { commands, known: HashSet::new(), links: Links::default(), incomplete: None, open: 0 }
    }
}

impl Found {
    /// A place that opening the shortcut leads to.
    fn target(&mut self, place: &str) {
        self.links.add_as("target", place);
    }

    /// A place that showing the shortcut in a folder already reaches.
    fn icon(&mut self, place: &str) {
        self.links.add_as("icon", place);
    }

    /// What a table in SYLK leads to and runs, and what it has in common with workbooks.
    fn table(&mut self, text: &str) -> ooxml::Found {
        let table = sylk::read(text);
        table.commands.iter().for_each(|command| self.command(command));
        table.places.iter().for_each(|place| self.target(place));
        table.found
    }

    fn command(&mut self, command: &str) {
        let command = command.trim();
        if !command.is_empty() && !self.known.contains(command) && self.commands.push(command.to_owned()) {
            self.known.insert(command.to_owned());
        }
    }
}

/// Keys that run or fetch, in files of `[sections]` and `key=value`.
fn settings(text: &str, found: &mut Found) {
    let desktop = text.contains("[Desktop Entry]");
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let value = quoted.filter(|inner| !inner.contains('"')).unwrap_or(value);
        // Localised keys: `Exec[de]=`.
        let key = key.trim().split('[').next().unwrap_or_default().to_ascii_lowercase();
        match key.as_str() {
            "exec" | "tryexec" => found.command(value),
            "path" if !desktop => found.command(value),
            "url" | "baseurl" | "originalurl" => found.target(value),
            "iconfile" | "icon" | "iconresource" if value.starts_with("\\\\") || value.contains("://") => {
                found.icon(value)
            }
            "wallpaper" | "workingdirectory" | "path" | "scrnsave.exe" | "visualstyleversion" | "defaultvalue"
                if value.starts_with("\\\\") || value.contains("://") || key == "scrnsave.exe" =>
            {
                found.target(value);
            }
            _ if value.starts_with("\\\\") || value.contains("://") => found.target(value),
            _ => {}
        }
    }
}

/// Connections and what they start, in lines of `name:type:value`.
fn remote_desktop(text: &str, found: &mut Found) {
    for line in text.lines() {
        let mut fields = line.trim().splitn(3, ':');
        let (Some(name), Some(_), Some(value)) = (fields.next(), fields.next(), fields.next()) else { continue };
        match name.to_ascii_lowercase().as_str() {
            "full address" | "alternate full address" | "gatewayhostname" | "workspacefeedurl" => found.target(value),
            "alternate shell" | "remoteapplicationprogram" | "remoteapplicationcmdline" => found.command(value),
            _ => {}
        }
    }
}

/// A Citrix connection: the machine, and the program that is started on it.
fn citrix(text: &str, found: &mut Found) {
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match key.trim().to_ascii_lowercase().as_str() {
            "address" | "httpbrowseraddress" => found.target(value.trim()),
            "initialprogram" => found.command(value.trim()),
            _ => {}
        }
    }
}

/// The command that a window of macOS's Terminal begins with.
fn terminal(text: &str, found: &mut Found) {
    let mut keyed = false;
    for token in tokens(text) {
        match token {
            Token::Text(key) if key.trim() == "CommandString" => keyed = true,
            Token::Text(command) if keyed && !command.trim().is_empty() => {
                found.command(&unescape(command));
                keyed = false;
            }
            _ => {}
        }
    }
}

/// Elements and attributes that hold commands and places.
fn markup(text: &str, found: &mut Found) {
    let mut rest = text;
    // Whether there may be an end of a section further on.
    let mut ends = true;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, tail) = after.split_once('>').unwrap_or((after, ""));
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
        let inside = match tail.trim_start().strip_prefix("<![CDATA[").filter(|_| ends) {
            Some(data) => {
                let end = memchr::memmem::find(data.as_bytes(), b"]]>");
                // What has no end goes to that of the file: others would as well.
                ends = end.is_some();
                let inside = data.get(..end.unwrap_or(data.len())).unwrap_or_default();
                found.open += inside.len();
                if found.open > MOST_OPEN {
                    found.incomplete = Some("it has too many sections that lie within each other");
                    return;
                }
                inside.to_owned()
            }
            None => unescape(tail.split('<').next().unwrap_or_default().trim().trim_start_matches("![CDATA[")),
        };
        match local.as_str() {
            "deeplink" => found.command(&inside),
            "iconreference" if inside.contains(['/', '\\', ':']) => found.icon(&inside),
            "url" | "simplelocation" | "string" | "location" | "parsingname" if inside.contains(['/', '\\', ':']) => {
                found.target(&inside);
            }
            _ => {}
        }
        for quoted in tag.split(['"', '\'']).skip(1).step_by(2) {
            let value = unescape(quoted);
            let schema = ["w3.org/", "schemas.microsoft.com/", "apple.com/DTDs/"].iter().any(|s| value.contains(s));
            if (value.contains("://") || value.starts_with("\\\\")) && !schema {
                found.target(&value);
            }
        }
        rest = tail;
    }
}

/// The address in a binary property list: the printable text after its key.
fn binary_list(bytes: &[u8], found: &mut Found) {
    for scheme in [&b"http"[..], b"file:", b"smb:", b"ftp:"] {
        let mut rest = bytes;
        while let Some(at) = memchr::memmem::find(rest, scheme) {
            rest = rest.get(at..).unwrap_or_default();
            let (text, after) = rest.split_at(rest.iter().take_while(|b| (33..127).contains(*b)).count());
            found.target(&String::from_utf8_lossy(text));
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{walk, walk_with};
    use lazaret_model::Limits;

    #[track_caller]
    fn check(text: &str, commands: &[&str], links: &[&str]) {
        let found = walk(text.as_bytes(), "x");
        let of = |kind: &str| -> Vec<String> {
            let parts = found.parts.iter().filter(|p| p.kind.id == kind);
            parts.map(|p| String::from_utf8_lossy(&found.bytes[&p.id]).into_owned()).collect()
        };
        assert_eq!(
            (of("command-line"), of("url-target")),
            (commands.iter().map(ToString::to_string).collect(), links.iter().map(ToString::to_string).collect()),
            "{text}"
        );
        assert!(found.complete());
    }

    #[test]
    fn commands_and_places_are_parts() {
        check(
            "[InternetShortcut]\r\nURL=file://host.invalid/share/x\r\nIconFile=\\\\host.invalid\\i\r\n",
            &[],
            &["file://host.invalid/share/x", "\\\\host.invalid\\i"],
        );
        check("[Desktop Entry]\nType=Application\nExec=sh -c \"echo LAZARET\"\n", &["sh -c \"echo LAZARET\""], &[]);
        check("[Shell]\r\nCommand=2\r\nIconFile=\\\\host.invalid\\x.ico\r\n", &[], &["\\\\host.invalid\\x.ico"]);
        check(
            "screen mode id:i:2\r\nfull address:s:host.invalid\r\nalternate shell:s:calc.exe\r\n",
            &["calc.exe"],
            &["host.invalid"],
        );
        check("WEB\r\n1\r\nhttp://host.invalid/q\r\n", &[], &["http://host.invalid/q"]);
        check(
            "[WFClient]\r\nVersion=2\r\n[ApplicationServers]\r\na=\r\n[a]\r\nAddress=host.invalid\r\nInitialProgram=calc\r\n",
            &["calc"],
            &["host.invalid"],
        );
        check(
            "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>CommandString</key><string>echo &quot;LAZARET&quot;</string><key>type</key><string>Window Settings</string></dict></plist>",
            &["echo \"LAZARET\""],
            &[],
        );
        check("ID;PWXL\r\nC;X1;Y1;K0;ECALL(\"x\")\r\nE\r\n", &["CALL(\"x\")"], &[]);
        check(
            "<?xml version=\"1.0\"?><PCSettings><DeepLink>%windir%\\system32\\cmd.exe /c echo &quot;LAZARET&quot;</DeepLink></PCSettings>",
            &["%windir%\\system32\\cmd.exe /c echo \"LAZARET\""],
            &[],
        );
        check(
            "<?xml version=\"1.0\"?><libraryDescription xmlns=\"http://schemas.microsoft.com/windows/2009/library\"><simpleLocation><url>\\\\host.invalid\\s</url></simpleLocation></libraryDescription>",
            &[],
            &["\\\\host.invalid\\s"],
        );
        check(
            "<?xml version=\"1.0\"?><plist><dict><key>URL</key><string>file://host.invalid/x</string></dict></plist>",
            &[],
            &["file://host.invalid/x"],
        );
    }

    #[test]
    fn no_number_of_commands_or_places_hides_one() {
        let cells: String = (0..300).map(|at| format!("C;X1;Y{at};K0;ECALL({at})\r\n")).collect();
        let found = walk(format!("ID;PWXL\r\n{cells}C;X1;Y1;K0;EEXEC(\"LAZARET\")\r\nE\r\n").as_bytes(), "x");
        assert_eq!(found.bytes("//command#301"), b"EXEC(\"LAZARET\")");
        assert!(found.complete());
        let list = b"bplist00\x5fhttp://decoy.invalid/?u=http://x\0\x5fhttp://host.invalid/LAZARET\0";
        let found = walk_with(&list[..], "x", Some("webloc"), &[], Limits::default());
        assert_eq!(found.bytes("//target"), b"http://decoy.invalid/?u=http://x");
        assert_eq!(found.bytes("//target#2"), b"http://host.invalid/LAZARET");
        check(
            "<?xml version=\"1.0\"?><PCSettings><DeepLink>&#x63;md /c &amp;lt;LAZARET</DeepLink></PCSettings>",
            &["cmd /c &lt;LAZARET"],
            &[],
        );
    }

    #[test]
    fn what_is_not_listed_is_said() {
        let limits = Limits { parts: 20, ..Limits::default() };
        let cells: String = (0..5001).map(|at| format!("C;ECALL({at})\r\n")).collect();
        let open = "<url><![CDATA[a:".repeat(20_000);
        for (kind, text, reason) in [
            ("slk", format!("ID;PWXL\r\n{cells}E\r\n"), "it has more than 5000 commands"),
            ("library-ms", format!("<libraryDescription>{open}]]>"), "it has too many sections"),
        ] {
            let found = walk_with(text.as_bytes(), "x", Some(kind), &[], limits.clone());
            let incomplete = &found.parts[0].incomplete;
            assert!(incomplete.iter().any(|given| given.starts_with(reason)), "{incomplete:?}");
        }
    }
}
