use super::Masquerade;
use crate::testing::{ids, part};
use lazaret_model::{Class, Role};

fn check(name: &str, kind: &'static str, class: Class, expected: &[&str]) {
    assert_eq!(ids(&Masquerade, &part(name, kind, class), b""), expected, "{name} as {kind}");
}

#[test]
fn names_that_hide_what_runs() {
    const DOUBLE: &str = "masquerade.double-extension";
    for (name, expected) in [
        ("invoice.pdf.scr", &[DOUBLE][..]),
        ("photo.JPG.exe", &[DOUBLE]),
        ("letter.docx.js", &[DOUBLE]),
        ("page.html.hta", &[DOUBLE]),
        ("a/b/film.mp4.lnk", &[DOUBLE]),
        ("invoice.pdf            .exe", &[DOUBLE, "masquerade.padding"]),
        ("invoice\u{202e}fdp.exe", &["masquerade.bidi"]),
        ("invoice.\u{202e}gpj.scr", &["masquerade.bidi"]),
        ("\u{2067}invoice.exe", &["masquerade.bidi"]),
        ("invoice.docx            .zip", &["masquerade.content", "masquerade.padding"]),
        ("invoice            .svg", &["masquerade.content", "masquerade.padding"]),
        ("invoice            .xyz", &["masquerade.padding"]),
        ("setup\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}.exe", &["masquerade.padding"]),
        ("setup.exe...", &["masquerade.trailing"]),
        ("setup.exe ", &["masquerade.trailing"]),
        ("setup.exe::$DATA", &["masquerade.trailing"]),
        ("setup.exe%00.pdf", &["masquerade.content", "masquerade.trailing"]),
        ("setup.exe\0.pdf", &["masquerade.content", "masquerade.trailing"]),
        ("setup\u{ff0e}exe", &["masquerade.trailing"]),
        ("report\u{2024}pdf.exe", &["masquerade.trailing"]),
        ("setup.ехе", &["masquerade.homoglyph"]),
        ("setup.eхe", &["masquerade.homoglyph"]),
        ("../../setup.exe", &["masquerade.path"]),
        ("a\\..\\..\\setup.exe", &["masquerade.path"]),
        ("notes.txt:..\\setup.exe", &["masquerade.path"]),
        ("/etc/setup.exe", &["masquerade.path"]),
        ("C:\\Windows\\setup.exe", &["masquerade.path"]),
        ("NUL.exe", &["masquerade.path"]),
        ("//host/setup.exe", &["masquerade.path"]),
        ("lpt1/setup.exe", &["masquerade.path"]),
    ] {
        check(name, "pe32", Class::Executable, expected);
    }
}

#[test]
fn names_that_only_look_so() {
    for (name, kind, class) in [
        ("setup.exe", "pe32", Class::Executable),
        ("setup-1.2.3.exe", "pe32", Class::Executable),
        ("build/pdf.js", "js", Class::Script),
        ("icons/logo.png.js", "js", Class::Script),
        ("jquery.min.js", "js", Class::Script),
        ("Ionic.Zip.dll", "pe32-dll", Class::Library),
        ("System.Text.dll", "pe32-dll", Class::Library),
        ("org.example.pdf.jar", "jar", Class::Executable),
        ("backup.tar.gz", "gzip", Class::Archive),
        ("book.xps", "zip", Class::Archive),
        ("\u{200f}מסמך.pdf", "pdf", Class::Document),
        ("WhatsApp \u{202a}+1 555\u{202c} photo.jpg", "jpeg", Class::Image),
        ("Notes by Smith et al.", "text", Class::Text),
        ("1．はじめに.pdf", "pdf", Class::Document),
        ("отчёт.док", "doc", Class::Document),
        ("Lieferschein 4711          Meyer.pdf", "pdf", Class::Document),
        ("a. b          c.pdf", "pdf", Class::Document),
        ("Lieferschein 4711          .pdf", "pdf", Class::Document),
        ("./usr/bin/env", "elf-executable", Class::Executable),
        ("a..b/c...d", "text", Class::Text),
        ("console.c", "c", Class::Text),
        ("com10.txt", "text", Class::Text),
        ("A::B.3pm", "troff", Class::Text),
    ] {
        check(name, kind, class, &[]);
    }
}

#[test]
fn content_that_its_name_denies() {
    use Class::{Document, Executable, Library, Script, Shortcut, Web};
    for (name, kind, class) in [
        ("a.jpg", "pe32", Executable),
        ("a.pdf", "pe64-dll", Library),
        ("a.doc", "pe32", Executable),
        ("a.txt", "pe32", Executable),
        ("a.zip", "pe32", Executable),
        ("a.png", "js", Script),
        ("a.pdf", "hta", Script),
        ("a.docx", "lnk", Shortcut),
        ("a.pdf", "html", Web),
        ("a.ttf", "pe32", Executable),
    ] {
        check(name, kind, class, &["masquerade.content"]);
    }
    for (name, kind, class) in [
        ("a.txt", "js", Script),
        ("a.md", "py", Script),
        ("a.conf", "sh", Script),
        ("a.in", "sh", Script),
        ("configure", "sh", Script),
        ("a.dat", "pe32", Executable),
        ("a.bin", "elf-executable", Executable),
        ("a.zip", "jar", Executable),
        ("a.zip", "whl", Class::Installer),
        ("a.doc", "rtf", Document),
        ("a.doc", "docx", Document),
        ("a.xls", "html", Web),
        ("a.doc", "mht", Web),
        ("a.svg", "svg", Class::Image),
        ("a.csv", "slk", Shortcut),
        ("a.fon", "ne-exe", Executable),
    ] {
        check(name, kind, class, &[]);
    }
}

#[test]
fn a_page_at_an_address_that_ends_in_pdf_does_not_pretend() {
    for (role, kind, class, declared, expected) in [
        (Role::Sample, "html", Class::Web, "text/html; charset=utf-8", &[][..]),
        (Role::Sample, "js", Class::Script, "application/x-javascript", &[]),
        (Role::Sample, "html", Class::Web, "application/pdf", &["masquerade.content"]),
        (Role::Sample, "js", Class::Script, "text/html", &["masquerade.content"]),
        (Role::Sample, "pe32", Class::Executable, "application/x-msdownload", &["masquerade.content"]),
        (Role::Attachment, "html", Class::Web, "text/html", &["masquerade.content"]),
    ] {
        let mut part = part("form.pdf", kind, class);
        part.role = role;
        part.declared_type = Some(declared.to_owned());
        assert_eq!(ids(&Masquerade, &part, b""), expected, "{kind} declared as {declared}");
    }
}

#[test]
fn declared_types_count_where_names_say_nothing() {
    for (name, declared, expected) in [
        ("blob", "image/png", &["masquerade.content"][..]),
        ("blob.xyz", "application/pdf; name=x", &["masquerade.content"]),
        ("setup.exe", "text/plain", &[]),
        ("setup.exe", "application/octet-stream", &[]),
    ] {
        let mut part = part(name, "pe32", Class::Executable);
        part.declared_type = Some(declared.to_owned());
        part.role = Role::Attachment;
        assert_eq!(ids(&Masquerade, &part, b""), expected, "{name} as {declared}");
    }
}

#[test]
fn made_up_names_say_nothing() {
    let mut part = part("x.pdf.exe", "pe32", Class::Executable);
    part.named = false;
    assert!(ids(&Masquerade, &part, b"").is_empty());
}

#[test]
fn declared_pictures_that_are_none_are_told_whatever_they_are_called() {
    const TOLD: &[&str] = &["masquerade.declared-type"];
    for (name, kind, class, declared, named, unnamed) in [
        ("a.zip", "zip", Class::Archive, "image/jpeg", TOLD, TOLD),
        ("a.js", "js", Class::Script, "video/mp4", &["masquerade.content"], TOLD),
        ("a.exe", "pe32", Class::Executable, "image/png; x=y", &["masquerade.content"], TOLD),
        ("a.ps1", "ps1", Class::Script, "text/css", TOLD, TOLD),
        ("a.css", "zip", Class::Archive, "text/css", TOLD, TOLD),
        ("a.html", "html", Class::Web, "image/gif", TOLD, TOLD),
        ("a.css", "js", Class::Script, "text/css", &[], &[]),
        ("a.gif", "uuencode", Class::Archive, "image/gif", &[], &[]),
        ("a.svgz", "gzip", Class::Archive, "image/svg+xml", &[], &[]),
        ("a.ts", "js", Class::Script, "video/mp2t", &[], &[]),
        ("a.png", "jpeg", Class::Image, "image/png", &[], &[]),
        ("a.zip", "zip", Class::Archive, "application/zip", &[], &[]),
    ] {
        let mut part = part(name, kind, class);
        part.declared_type = Some(declared.to_owned());
        part.role = Role::Attachment;
        assert_eq!(ids(&Masquerade, &part, b""), named, "{name} as {declared}");
        // A name that an opener made up says nothing, and hides nothing.
        part.named = false;
        assert_eq!(ids(&Masquerade, &part, b""), unnamed, "{kind} as {declared}");
    }
}

#[test]
fn paths_of_backups_are_odd_and_only_what_is_run_where_it_lands_pretends() {
    use lazaret_model::{Family, Severity};
    const PRETENDS: (&str, Severity, Family) = ("masquerade.path", Severity::Medium, Family::Masquerade);
    const ODD: (&str, Severity, Family) = ("masquerade.path", Severity::Low, Family::Structure);
    const CLIMBS: (&str, Severity, Family) = ("archive.path-escapes", Severity::Medium, Family::Structure);
    for (name, class, expected) in [
        ("/home/anna/notes.txt", Class::Text, ODD),
        ("D:\\Archive\\2019\\letter.txt", Class::Text, ODD),
        ("aux.txt", Class::Text, ODD),
        ("../quick/notes.txt", Class::Text, CLIMBS),
        ("/usr/bin/x", Class::Executable, PRETENDS),
        ("../x", Class::Script, PRETENDS),
        ("/etc/cron.d/x", Class::Text, PRETENDS),
        ("/home/anna/.bashrc", Class::Text, PRETENDS),
        ("/root/.ssh/authorized_keys", Class::Text, PRETENDS),
        ("..\\..\\AppData\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\x.txt", Class::Text, PRETENDS),
        ("a.txt:..\\..\\Startup\\x.txt", Class::Text, PRETENDS),
        ("..\\..\\AppData\\Roaming\\Microsoft\\Templates\\Normal.dotm", Class::Document, PRETENDS),
        ("..\\Documents\\PowerShell\\profile.ps1", Class::Text, PRETENDS),
        ("/usr/lib/python3/dist-packages/x.pth", Class::Text, PRETENDS),
        ("/etc/bash.bashrc", Class::Text, PRETENDS),
    ] {
        let mut findings = crate::Findings::default();
        let part = part(name, "text", class);
        crate::Detector::inspect(&Masquerade, &part, b"", 0, &mut findings).unwrap();
        let found: Vec<_> = findings.list().iter().map(|f| (&*f.id, f.severity, f.family)).collect();
        assert_eq!(found, [expected], "{name}");
    }
}

#[test]
fn pieces_of_pages_are_called_after_what_they_show() {
    for (role, name, expected) in [
        (Role::Sample, "README.html.js", &[][..]),
        (Role::Sample, "jquery.csv.js", &[]),
        (Role::Sample, "letter.pdf.js", &["masquerade.double-extension"]),
        (Role::Attachment, "chart.svg.js", &["masquerade.double-extension"]),
    ] {
        let mut part = part(name, "js", Class::Script);
        part.role = role;
        assert_eq!(ids(&Masquerade, &part, b""), expected, "{name} as {role:?}");
    }
}
