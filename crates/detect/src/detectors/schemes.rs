//! Links that start a program instead of leading to a page, by one table (`content/schemes.txt`).
//!
//! A link is a part wherever it was found: in a page, a PDF document, a shortcut, a calendar or a QR code.

use crate::text::{cut, decode, patterns};
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Family, Finding, Part, Role, Severity, on_this_machine};
use std::sync::LazyLock;

const ID: &str = "schemes";
const TABLE: &str = include_str!("../../content/schemes.txt");

/// The scheme of Apple's help viewer, and of the manuals of Linux desktops.
const MANUALS: &str = "help:";

/// Names of links that nobody has to click: the openers of pages and documents give them.
const BY_ITSELF: &[&str] = &["refresh", "frame", "opening-link"];

patterns! {
    // A share reached over the web: `\\host@SSL\DavWWWRoot\…` (MS-WDV).
    WEBDAV = r"(?:^|[^a-z0-9])(?:\\\\|//)[^\\/\s]+(?:@ssl)?(?:@[0-9]{1,5})?[\\/]davwwwroot[\\/]|(?:\\\\|//)[^\\/\s]+@(?:ssl|[0-9]{1,5})[\\/@]";
    // A program or a shortcut on a share, or an object in a file there, which Office asks for by `!`.
    SHARED_PROGRAM = r#"^(?:file:/*\\{2}|file:/{2}|file:/{4,5}|\\{2}|smb:/{2}|cifs:/{2}|davs?:/{2}|afp:/{2}|nfs:/{2})[a-z0-9\[][^\\/]*[\\/](?:.*\.(?:exe|scr|pif|cpl|dll|msi|msc|bat|cmd|vbs|vbe|jse?|wsf|wsh|hta|ps1|lnk|url|jar|application|appinstaller|appref-ms|msix|iso|img|vhdx?|library-ms|searchconnector-ms|search-ms|settingcontent-ms|scf|chm|command|terminal|app|dmg|pkg|workflow|desktop)|.*\.[a-z0-9]{1,5}![^\\/]*)(?:[?#].*)?$"#;
    // A script that goes there.
    GOES = r#"(?:location\s*(?:\.\s*href|\[\s*["'`]href["'`]\s*\])?\s*=|location\s*(?:\.\s*|\[\s*["'`])(?:replace|assign)(?:["'`]\s*\])?\s*\(|(?:window|self|top|parent|globalthis)\s*(?:\.\s*|\[\s*["'`])open(?:["'`]\s*\])?\s*\()\s*["'`]\s*(?P<place>[a-z][a-z0-9+.-]{1,40}:[^"'`\r\n]{0,200})"#;
}

/// Links, and the scripts of pages that follow some.
pub(crate) struct Schemes;

impl Detector for Schemes {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "links that start a program instead of leading to a page"
    }

    fn wants(&self, part: &Part) -> bool {
        part.role == Role::Link || part.is("js-embedded")
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
        if part.role == Role::Link {
            judge(&text, BY_ITSELF.contains(&&*part.name), findings);
            return Ok(());
        }
        // What goes somewhere says so with one of these, in pieces or not.
        let lower = text.to_ascii_lowercase();
        if !["locat", "cation", "open", "\\x", "\\u00"].iter().any(|word| lower.contains(word)) {
            return Ok(());
        }
        // The marks of template literals are no escape characters here.
        let plain = crate::text::normalise(&text.replace('`', "\""));
        for found in GOES.captures_iter(&plain) {
            judge(found.name("place").map_or("", |place| place.as_str()), part.name != "handlers", findings);
        }
        Ok(())
    }
}

/// Judges one place.
fn judge(place: &str, by_itself: bool, findings: &mut Findings) {
    // Browsers drop tabs and line ends wherever they stand (WHATWG URL, 4.4).
    let plain: String = place.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_lowercase();
    let unescaped = plain.replace("%7c", "|").replace("%3a", ":");
    let row = ROWS.iter().filter(|row| unescaped.starts_with(row.scheme)).max_by_key(|row| row.scheme.len());
    if let Some(row) = row {
        let own = if row.scheme == MANUALS && is_manual(&unescaped) { Severity::Low } else { row.severity };
        let severity = if by_itself { stronger(own) } else { own };
        let message =
            if by_itself { format!("without a click, {}", row.what) } else { format!("at a click, {}", row.what) };
        // Editors and the like have links of their own on many an honest page.
        let id = if severity > Severity::Low { "link.starts-program" } else { "link.opens-program" };
        let found = Finding::new(id, ID, severity, Family::Behaviour, message);
        findings.add(found.with("value", cut(place)).technique("T1204.001"));
    }
    // `%5c%5c` is how browsers write the beginning of a share.
    let path = plain.replace("%5c", "\\").replace("%2f", "/").replace("%2e", ".");
    if WEBDAV.is_match(&plain.replace("%5c", "\\")) {
        let message = "the link leads to a file share on the web, whose files open as if they were here";
        let found = Finding::new("link.web-share", ID, Severity::High, Family::Behaviour, message);
        findings.add(found.with("value", cut(place)).technique("T1204.001").technique("T1187"));
    } else if SHARED_PROGRAM.is_match(&path) && !on_this_machine(&path) {
        let message = "the link leads to a program or a shortcut on another machine's share";
        let found = Finding::new("link.share-program", ID, Severity::High, Family::Behaviour, message);
        findings.add(found.with("value", cut(place)).technique("T1204.002").technique("T1187"));
    }
}

/// Whether it is a page of a manual of KDE or GNOME (`help:/kate/index.html`, `help:gnome-help/files`), which names a manual and a page.
/// What Apple's help viewer is told has an action, a value, a path from the root or something that is encoded.
fn is_manual(place: &str) -> bool {
    const ACTIONS: [&str; 6] = ["runscript", "openbook", "search", "anchor", "topic", "book"];
    let path = place.strip_prefix(MANUALS).unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '#');
    path.starts_with(|c: char| c.is_ascii_alphanumeric())
        && path.chars().all(plain)
        && !path.contains("..")
        && !path.contains("//")
        && !ACTIONS.iter().any(|action| path.starts_with(action))
}

fn stronger(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        _ => Severity::High,
    }
}

/// One row of the table.
struct Row {
    scheme: &'static str,
    severity: Severity,
    what: &'static str,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| table().filter_map(read).collect());

fn table() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn read(line: &'static str) -> Option<Row> {
    let mut cells = line.split(" | ").map(str::trim);
    let scheme = cells.next()?;
    let severity = match cells.next()? {
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        _ => return None,
    };
    Some(Row { scheme, severity, what: cells.next()? })
}

#[cfg(test)]
mod tests {
    use super::{ROWS, Schemes, table};
    use crate::{Detector, Findings};
    use lazaret_model::{Class, Role};

    #[track_caller]
    fn check(name: &str, role: Role, text: &str, expected: &str) {
        let kind = if role == Role::Link { "url-target" } else { "js-embedded" };
        let mut part = crate::testing::part(name, kind, Class::Shortcut);
        part.role = role;
        let mut findings = Findings::default();
        assert!(Schemes.wants(&part));
        Schemes.inspect(&part, text.as_bytes(), 0, &mut findings).unwrap();
        let found: Vec<_> = findings.list().iter().map(|f| format!("{} {}", f.id, f.severity)).collect();
        assert_eq!(found.join(", "), expected, "{name}: {text}");
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(ROWS.len(), table().count());
        assert!(ROWS.iter().all(|row| row.scheme == row.scheme.to_lowercase() && row.scheme.contains(':')));
    }

    #[test]
    fn links_that_start_programs_are_told() {
        for (name, text, expected) in [
            ("link", "ms-appinstaller:?source=https://host.invalid/a.msix", "link.starts-program high"),
            ("link", "MS-WORD:ofe%7Cu%7Chttps://host.invalid/a.docm", "link.starts-program medium"),
            ("refresh", "ms-word:ofe|u|https://host.invalid/a.docm", "link.starts-program high"),
            ("link", "java\nscript:x", ""),
            ("link", "app\tlescript://com.apple.scripteditor?action=new&script=echo", "link.starts-program high"),
            ("link", "vscode:mcp/install?%7B%7D", "link.starts-program medium"),
            ("link", "vscode:extension/x.y", "link.opens-program low"),
            ("link", "\\\\host.invalid@SSL\\DavWWWRoot\\a", "link.web-share high"),
            ("target", "file://host.invalid@8080/a/b.lnk", "link.web-share high"),
            ("link", "https://host.invalid/ms-word:ofe", ""),
            ("link", "mailto:a@host.invalid", ""),
            ("link", "zoommtg://host.invalid/join", ""),
            ("link", "//host.invalid/x@2x.png", ""),
            ("link", "\u{1}ms-officecmd:{}", "link.starts-program high"),
            ("link", "ms-word:https://host.invalid/a.docm", "link.starts-program medium"),
            ("link", "iterm2:/command?c=echo", "link.starts-program medium"),
            ("link", "\\\\host.invalid\\s\\invoice.pdf.lnk", "link.share-program high"),
            ("link", "file://host.invalid/s/a.url", "link.share-program high"),
            ("link", "file:///\\\\host.invalid\\s\\a.rtf!x", "link.share-program high"),
            ("link", "file:///%5C%5Chost.invalid%5Cs%5Ca.exe", "link.share-program high"),
            ("link", "smb://host.invalid/s/a.command", "link.share-program high"),
            // Pages of manuals, and what Apple's help viewer is told.
            ("link", "help:/kate/index.html", "link.opens-program low"),
            ("link", "help:gnome-help/files#open", "link.opens-program low"),
            ("refresh", "help:/kate/index.html", "link.starts-program medium"),
            ("link", "help:runscript=a.scpt string='x'", "link.starts-program high"),
            ("link", "help:openbook='x'", "link.starts-program high"),
            ("link", "help:///Applications/a.app/%25252f..%25252fb.html", "link.starts-program high"),
            ("link", "help:/..//a.html", "link.starts-program high"),
            ("link", "help:r%75nscript", "link.starts-program high"),
            // Files of the house that everybody links to, and files of this machine.
            ("link", "\\\\server\\team\\plan 2026.xlsx", ""),
            ("link", "file://server.corp.invalid/team/Notes!.docx", ""),
            ("link", "file:///C:/Program Files/x/setup.exe", ""),
            ("link", "file://localhost/usr/bin/a.desktop", ""),
            ("link", "smb://server/team/", ""),
        ] {
            check(name, Role::Link, text, expected);
        }
        check("script", Role::Script, "window.location.href = 'ms-officecmd:{}'", "link.starts-program high");
        check("script", Role::Script, "location.replace('vscode:extension/x')", "link.starts-program medium");
        check("handlers", Role::Script, "location='ms-quick-assist:'", "link.starts-program medium");
        for code in
            ["window[\"open\"](`ms-officecmd:{}`)", "location['href'] = 'ms-officecmd:{}'", "top.open('ms-officecmd:')"]
        {
            check("script", Role::Script, code, "link.starts-program high");
        }
        check("script", Role::Script, "db.open('search:x'); xhr.open('GET', 'ms-x:')", "");
        check("script", Role::Script, "var help = 'ms-officecmd:'; location = '/next'", "");
    }
}
