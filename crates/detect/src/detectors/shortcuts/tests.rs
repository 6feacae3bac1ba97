//! What is reported about shortcuts, and what is not.

use super::Shortcuts;
use crate::detectors::test_part::{check_member, check_part, part};
use lazaret_model::{Class, Kind, Part, Role};

/// A part as the openers of shortcuts hand it over.
fn held(name: &str) -> Part {
    let (kind, role) =
        if matches!(name, "command" | "exec") { ("command-line", Role::Command) } else { ("url-target", Role::Link) };
    let mut part = part(kind);
    (part.role, part.named, part.name) = (role, false, name.to_owned());
    part
}

#[track_caller]
fn check(name: &str, text: &str, expected: &[&str]) {
    check_part(&Shortcuts, &held(name), text.as_bytes(), expected);
}

const LOW: &[&str] = &["shortcut.runs-interpreter low"];
const MEDIUM: &[&str] = &["shortcut.runs-interpreter medium"];
const HIGH: &[&str] = &["shortcut.runs-interpreter high"];

#[test]
fn interpreters_are_weighed_by_their_arguments() {
    for (command, expected) in [
        ("C:\\Windows\\System32\\cmd.exe /c echo LAZARET", MEDIUM),
        ("%comspec% /k \"C:\\Program Files\\Microsoft Visual Studio\\VsDevCmd.bat\"", LOW),
        ("..\\..\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -nop -c echo", MEDIUM),
        ("p^owershell -c echo", MEDIUM),
        ("mshta.exe a.hta", MEDIUM),
        ("mshta javascript:close()", HIGH),
        ("rundll32.exe a.dll,Start", MEDIUM),
        ("regsvr32 /s a.dll", MEDIUM),
        ("wscript.exe //e:jscript a.txt", MEDIUM),
        ("msiexec /i a.msi /qn", MEDIUM),
        ("certutil -decode a b", MEDIUM),
        ("forfiles /p c:\\windows /m notepad.exe /c \"cmd /c echo\"", HIGH),
        ("conhost.exe --headless powershell -c echo", HIGH),
        ("ssh.exe -o ProxyCommand=calc.exe host.invalid", HIGH),
        (
            "C:\\Windows\\explorer.exe \\\\host.invalid\\s",
            &["shortcut.remote-target medium", "shortcut.runs-interpreter medium"],
        ),
        ("hh.exe https://host.invalid/a.chm", MEDIUM),
        ("wmic process call create calc", MEDIUM),
        ("schtasks /create /tn a /tr calc", MEDIUM),
        ("msbuild a.xml", MEDIUM),
        ("installutil /u a.exe", MEDIUM),
        ("pythonw.exe \"C:\\Python\\idle.pyw\"", LOW),
        ("py -c \"print(1)\"", MEDIUM),
    ] {
        check("command", command, expected);
    }
}

#[test]
fn arguments_out_of_sight_are_found() {
    let padded = |blanks: usize| format!("cmd.exe /c {}calc", " ".repeat(blanks));
    let long = |length: usize| format!("cmd.exe /c {}", "a".repeat(length));
    for (command, found) in [
        (padded(30), None),
        (padded(31), Some("shortcut.padded-arguments medium")),
        (padded(300), Some("shortcut.padded-arguments high")),
        (padded(40).replace(' ', "\t"), Some("shortcut.padded-arguments medium")),
        (long(240), None),
        (long(300), Some("shortcut.long-command low")),
        (long(2000), Some("shortcut.long-command medium")),
    ] {
        let expected: Vec<_> = found.into_iter().chain(MEDIUM.iter().copied()).collect();
        check("command", &command, &expected);
    }
}

#[test]
fn shortcuts_that_read_themselves_are_found() {
    for command in [
        "cmd /c findstr \"x\" invoice.lnk > a.vbs",
        "powershell -c \"$a = Get-Content .\\invoice.pdf.lnk | select -last 1\"",
    ] {
        check("command", command, &["shortcut.reads-itself high", MEDIUM[0]]);
    }
}

#[test]
fn places_on_other_machines_are_found() {
    const SHARE: &[&str] = &["shortcut.remote-target medium"];
    const WEB: &[&str] = &["shortcut.remote-target high"];
    for (name, place, expected) in [
        ("target", "file://host.invalid/share/x", SHARE),
        ("target", "\\\\host.invalid\\s\\a.exe", SHARE),
        ("target", "\\\\host.invalid@SSL\\DavWWWRoot\\a.exe", WEB),
        ("target", "file://host.invalid@80/a.exe", WEB),
        ("target", "smb://host.invalid/s", SHARE),
        ("command", "C:\\a.exe \\\\host.invalid@ssl\\s\\a", WEB),
        ("target", "search-ms:query=a&crumb=location:\\\\host.invalid", &["shortcut.odd-scheme medium"]),
        ("target", "ms-msdt:/id PCWDiagnostic", &["shortcut.odd-scheme high"]),
        ("target", "ms-officecmd:{}", &["shortcut.odd-scheme high"]),
        ("target", "javascript:alert(1)", &["shortcut.odd-scheme high"]),
        ("target", "mhtml:http://host.invalid/a!x-usc:http://host.invalid", &["shortcut.odd-scheme high"]),
        ("target", "file:///C:/Users/a/a.hta", &["shortcut.program-target low"]),
        ("target", "https://host.invalid/a.exe", &["shortcut.program-target low"]),
        ("icon", "\\\\host.invalid\\i.ico", &["shortcut.remote-icon high"]),
        ("icon", "https://host.invalid/a.hta", &["shortcut.remote-icon medium"]),
    ] {
        check(name, place, expected);
    }
}

#[test]
fn cells_that_run_programs_are_found() {
    check("command", "cmd|'/c calc'!A0", &["shortcut.formula high"]);
    check("command", "EXEC(\"calc\")", &["shortcut.formula medium"]);
    check("command", "SUM(R1C1:R2C2)", &[]);
}

#[test]
fn desktop_entries_are_judged_by_the_code_they_hold() {
    for (command, expected) in [
        ("sh -c \"echo LAZARET\"", LOW),
        ("env A=b /bin/bash -c 'curl https://host.invalid | tee a'", HIGH),
        ("bash -c 'cp a /tmp/b'", MEDIUM),
        ("python3 -c \"print(1)\"", LOW),
        ("wget https://host.invalid/a", MEDIUM),
        ("firefox %u", &[]),
        ("/bin/sh /usr/lib/app/start.sh", &[]),
        ("env BAMF_DESKTOP_FILE_HINT=/a.desktop /snap/bin/app %F", &[]),
        ("python3 /usr/bin/app.py", &[]),
    ] {
        check("exec", command, expected);
    }
}

#[test]
fn ordinary_shortcuts_are_left_alone() {
    for (name, text) in [
        ("command", "C:\\Program Files\\App\\app.exe"),
        ("command", "C:\\Program Files\\App\\app.exe --profile=cmd"),
        ("command", "\"C:\\Program Files\\App\\app.exe\" powershell -c"),
        ("command", "%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"),
        ("command", "C:\\Windows\\System32\\cmd.exe"),
        ("command", "rundll32.exe shell32.dll,Control_RunDLL desk.cpl"),
        ("command", "C:\\Windows\\System32\\msiexec.exe /x {01234567-89AB-CDEF-0123-456789ABCDEF}"),
        ("command", "C:\\Windows\\explorer.exe shell:::{20D04FE0-3AEA-1069-A2D8-08002B30309D}"),
        ("command", "ssh.exe user@host.invalid"),
        ("target", "https://host.invalid/"),
        ("target", "https://host.invalid/a.html"),
        ("target", "file:///C:/Users/a/readme.txt"),
        ("target", "steam://rungameid/1"),
        ("target", "C:\\Program Files\\App"),
        ("target", "\\\\?\\C:\\a"),
        ("icon", "https://host.invalid/favicon.ico"),
    ] {
        check(name, text, &[]);
    }
    // The same command line elsewhere is not a shortcut's.
    let mut other = held("command");
    other.name = "dde".into();
    check_part(&Shortcuts, &other, b"cmd /c echo", &[]);
}

#[test]
fn folders_and_desktops_of_other_machines_are_found() {
    for (kind, text, expected) in [
        (
            "library-ms",
            "<simpleLocation><url>https://host.invalid/s</url></simpleLocation>",
            &["shortcut.remote-target medium"][..],
        ),
        ("library-ms", "<simpleLocation><url>knownfolder:{FDD39AD0}</url></simpleLocation>", &[]),
        ("library-ms", "<libraryDescription xmlns=\"http://schemas.microsoft.com/windows/2009/library\">", &[]),
        ("rdp", "full address:s:host.invalid\r\ndrivestoredirect:s:*\r\n", &["shortcut.remote-desktop medium"]),
        ("rdp", "full address:s:host.invalid\r\ndrivestoredirect:s:\r\n", &["shortcut.remote-desktop low"]),
    ] {
        check_part(&Shortcuts, &part(kind), text.as_bytes(), expected);
    }
}

#[test]
fn web_queries_are_found() {
    use crate::detectors::test_part::check_container;
    let target = ("target", Kind::new("url-target", Class::Shortcut, "text/uri-list"), 9);
    check_container(&Shortcuts, &part("iqy"), std::slice::from_ref(&target), &["shortcut.web-query low"]);
    check_container(&Shortcuts, &part("url"), &[target], &[]);
}

#[test]
fn data_after_the_end_is_found() {
    use crate::detectors::test_part::check_container;
    let check = |size: u64, kind: Kind, expected: &[&str]| {
        check_container(&Shortcuts, &part("lnk"), &[("appended", kind, size)], expected);
    };
    let kind = |id, class| Kind::new(id, class, "application/octet-stream");
    check(100, kind("bat", Class::Script), &["shortcut.appended-data high"]);
    check(100, kind("zip", Class::Archive), &["shortcut.appended-data high"]);
    check(4096, kind("data", Class::Data), &["shortcut.appended-data medium"]);
    check(100, kind("data", Class::Data), &[]);
    check_member(&Shortcuts, "zip", kind("bat", Class::Script), &[]);
}

#[test]
fn lists_and_looks_of_folders_that_lead_to_a_share_are_found() {
    for (name, kind, text, expected) in [
        ("a.m3u", "m3u", "#EXTM3U\r\n\\\\host.invalid\\s\\a.mp3\r\n", &["shortcut.remote-target medium"][..]),
        ("a.m3u8", "text", "file://host.invalid/s/a.mp3\n", &["shortcut.remote-target medium"]),
        ("a.wpl", "wpl", "<media src=\"\\\\host.invalid\\s\\a.mp3\"/>", &["shortcut.remote-target medium"]),
        ("a.asx", "asx", "<ref href='file://host.invalid@80/s/a'/>", &["shortcut.remote-target high"]),
        (
            "docs/Desktop.ini",
            "ini",
            "[.ShellClassInfo]\r\nIconResource=\\\\host.invalid\\s\\a.ico,0\r\n",
            &["shortcut.remote-icon high"],
        ),
        (
            "desktop.ini",
            "ini",
            "[.ShellClassInfo]\rIconResource=\\\\host.invalid\\s\\a.ico,0\r",
            &["shortcut.remote-icon high"],
        ),
        ("a.m3u", "wrl", "#VRML V2.0 utf8\nfile://host.invalid/s/a.mp3\n", &["shortcut.remote-target medium"]),
        ("a.kml", "kml", "<Link><href>\\\\host.invalid\\s\\a.kml</href></Link>", &["shortcut.remote-target medium"]),
        ("a.kml", "kml", "<Icon><href>file://host.invalid/s/a.png</href></Icon>", &["shortcut.remote-target medium"]),
        ("a.kml", "kml", "<Icon><href>https://host.invalid/a.png</href><href>a.png</href></Icon>", &[]),
        // Music of the house, of this machine and of the web.
        ("a.m3u", "m3u", "#EXTM3U\n\\\\nas\\music\\a.mp3\nC:\\Music\\b.mp3\nhttps://host.invalid/c.mp3\n", &[]),
        ("a.pls", "pls", "[playlist]\nFile1=file:///home/a.b/c.mp3\n", &[]),
        (
            "docs/desktop.ini",
            "ini",
            "[.ShellClassInfo]\r\nIconResource=%SystemRoot%\\system32\\imageres.dll,3\r\n",
            &[],
        ),
        ("a.txt", "text", "see file://host.invalid/s/a.mp3\n", &[]),
    ] {
        let mut part = part(kind);
        part.name = name.to_owned();
        let class = if kind == "wrl" { Class::Document } else { Class::Text };
        part.kind = Kind::new(kind, class, "application/octet-stream");
        check_part(&Shortcuts, &part, text.as_bytes(), expected);
    }
}

#[test]
fn pages_of_a_document_that_take_fonts_from_a_share_are_found() {
    let page = |place: &str| format!("<FixedPage><Glyphs FontUri=\"{place}\"/></FixedPage>");
    for (within, place, expected) in [
        ("xps", r"\\host.invalid\s\a.odttf", &["shortcut.remote-target medium"][..]),
        ("xps", "/Resources/a.odttf", &[]),
        ("zip", r"\\host.invalid\s\a.odttf", &[]),
    ] {
        let mut part = part("xml");
        part.name = "a.fpage".to_owned();
        part.within = vec![within.into()];
        check_part(&Shortcuts, &part, page(place).as_bytes(), expected);
    }
}
