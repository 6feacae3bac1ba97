//! A13, A16, C4, C19, C21, C28, C29: what scanners look at only so far, or only in one form: payloads behind many harmless things,
//! in records beside the members of an archive, in pieces, behind comments.

use crate::Standin;
use crate::build::archive::{cab, rar, seven_zip};
use crate::build::compound::{MACRO, compound, vba_streams};
use crate::build::ooxml::Package;
use crate::build::page::{html, pdf_of, pdf_stream};
use crate::build::program::exe;
use crate::build::{base64, eicar, image, mail, zip};

const NAME: &str = "a.com";
const LEAVES: &str = "<< /Type /Pages /Kids [] /Count 0 >>";

pub(super) fn all() -> Vec<Standin> {
    [beside_members(), padded(), in_mails(), behind_files(), assembled(), documents()].concat()
}

/// A service header of RAR 5 with its data (RAR 5.0 archive format, "Service header"); every number in it is below 128.
fn service(kind: &str, record: &[u8], data: &[u8]) -> Vec<u8> {
    // An extra area with one record of type 7, the service's own data: for a stream, its name.
    let extra = if record.is_empty() { Vec::new() } else { [&[record.len() as u8 + 1, 7][..], record].concat() };
    // Type 3; flags: data follows, and an extra area where there is one.
    let mut fields = if extra.is_empty() { vec![3, 2] } else { vec![3, 3, extra.len() as u8] };
    // Stored size, file flags, plain size, attributes, method, system, length of the name.
    fields.extend([data.len() as u8, 0, data.len() as u8, 0, 0, 0, kind.len() as u8]);
    let body = [&fields[..], kind.as_bytes(), &extra].concat();
    let sized = [&[body.len() as u8][..], &body].concat();
    [&zip::crc32(&sized).to_le_bytes()[..], &sized, data].concat()
}

#[rustfmt::skip]
fn beside_members() -> Vec<Standin> {
    let plain = rar(rars::ArchiveVersion::Rar50, &[("letter.txt", b"See you on Monday.\r\n")]).store(true).to_bytes().expect("memory");
    // The last eight bytes are the block that ends the archive.
    let (front, end) = plain.split_at(plain.len() - 8);
    let new = |what, services: &[u8]| Standin::new("C28", "formats/rar", "offer.rar", what, [front, services, end].concat()).kind("rar5");
    vec![
        new("a named stream with a payload", &service("STM", b":a.com", &eicar())).payload("letter.txt:a.com"),
        new("a named stream whose name climbs", &service("STM", b":..\\..\\Startup\\a.bat", b"@echo off\r\necho hello\r\n")).finds("masquerade.path").blocked(),
        new("a named stream that is called a mark of the web and is none", &service("STM", b":Zone.Identifier", &eicar())).payload("letter.txt:Zone.Identifier"),
        new("a service record of an unknown type", &service("XYZ", b"", b"hello")).incomplete("unknown type").held(),
        new("65 named streams of one file", &service("STM", b":a", b"hello").repeat(65)).incomplete("64 named streams").held(),
        Standin::new("H", "formats/rar", "letter.rar", "a RAR that keeps the mark of the web", [front, &service("STM", b":Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n"), end].concat()).delivered(),
    ]
}

/// Harmless things up to a limit that there was, and then what matters.
#[rustfmt::skip]
fn padded() -> Vec<Standin> {
    let new = |folder, name, what, bytes| Standin::new("C29", folder, name, what, bytes);
    let harmless: String = (0..205).map(|index| format!("var a{index}=atob(\"{}\");", base64(format!("harmless text {index}").as_bytes()))).collect();
    let calls = format!("{harmless}var z=atob(\"{}\");", base64(&eicar()));
    let targets: Vec<String> = (0..300).map(|index| format!("https://host.invalid/{index}.png")).collect();
    let mut relations: Vec<(&str, &str, bool)> = targets.iter().map(|target| ("image", target.as_str(), true)).collect();
    relations.push(("attachedTemplate", "https://host.invalid/t.dotm", true));
    let mut fields: String = (0..8).map(|index| format!("{{\\field{{\\*\\fldinst{{ INCLUDEPICTURE \"http://host.invalid/{index}\" }}}}}}")).collect();
    fields.push_str("{\\field{\\*\\fldinst{ INCLUDEPICTURE \"\\\\\\\\\\\\\\\\host.invalid\\\\\\\\a.png\" }}}");
    // The signature of a cabinet and nothing that fits it (MS-CAB 2.1).
    let false_head = [&b"MSCF\0\0\0\0"[..], &[0xff; 28]].concat();
    let cabinet = cab(&[&[("first.txt", b"first"), (NAME, &eicar())]]);
    vec![
        new("formats/html", "late.html", "a payload behind 205 decoded texts", html("", &format!("<script>{calls}</script>"))).payload(""),
        new("formats/ooxml", "late.docx", "a template behind 300 pictures from elsewhere", Package { relations, ..Package::default() }.build()).finds("ooxml.external-template").technique("T1221").held(),
        new("detect/documents", "late.rtf", "a remote template behind a harmless one", b"{\\rtf1{\\*\\template a.dotm}{\\*\\template https://host.invalid/a.dotm}Hello}".to_vec()).finds("document.remote-template").held(),
        new("detect/documents", "late.rtf", "a field that leads to a share behind eight that do not", format!("{{\\rtf1{fields}Hello}}").into()).finds("document.remote-field").suspicious().held(),
        new("detect/pages", "late.html", "a search of another machine behind a harmless one", html("", "<a href=\"search-ms:query=a&amp;crumb=kind:picture\">a</a><a href=\"search-ms:query=a&amp;crumb=location:\\\\host.invalid\\share\">b</a>")).finds("page.search-ms").suspicious().held(),
        new("formats/cab", "files.bin", "a cabinet behind 64 false signatures", [false_head.repeat(64), cabinet].concat()).payload(NAME),
    ]
}

#[rustfmt::skip]
fn in_mails() -> Vec<Standin> {
    let whole = String::from_utf8(mail::with_attachment("See below.", NAME, &eicar())).expect("mail is ASCII");
    let change = |row, what, from: &str, to: &str| {
        assert!(whole.contains(from), "`{from}` is in the mail");
        Standin::new(row, "formats/mail", "offer.eml", what, whole.replacen(from, to, 1).into_bytes()).kind("eml").malicious().blocked()
    };
    let odd: String = (0..200).map(|index| format!("Odd-{index}: x\r\n")).collect();
    let readers: Vec<String> = (0..2600).map(|index| format!("reader{index:04}@reader.invalid")).collect();
    vec![
        change("C29", "a mail with 200 unusual fields first", "From: ", &format!("{odd}From: ")),
        change("C29", "a mail to 2,600 people", "To: b@reader.invalid", &format!("To: {}", readers.join(",\r\n "))),
        change("C21", "an encoding behind a comment", "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: (x) base64"),
        change("C21", "a line among the fields that is none", "MIME-Version", "and a line that is no field\r\nMIME-Version"),
        change("C21", "a blank before a colon", "From:", "From :"),
    ]
}

/// What begins honestly and goes on as something else, and a directory that says something else first.
#[rustfmt::skip]
fn behind_files() -> Vec<Standin> {
    let behind = |name, what, front: &[u8]| {
        Standin::new("C4", "detect/programs", name, what, [front, &exe()].concat()).part("", "pe64").blocked()
    };
    let seven = seven_zip(&[("letter.txt", b"See you on Monday.\r\n")], vec![sevenz_rust2::EncoderMethod::LZMA2.into()], false);
    // Eight samples of silence (RIFF; "fmt " says PCM, one channel, 8,000 a second, eight bits).
    let wave = [&b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x08\0\0\0"[..], &[0x80; 8]].concat();
    let calendar = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//host.invalid//EN\r\nEND:VCALENDAR\r\n";
    let catalogue = compound(&[("/Catalog", &[0; 64]), ("/a.com", &eicar())]);
    let document = {
        // The File Information Block begins with its mark and version (MS-DOC 2.5.2).
        let block = [&[0xec_u8, 0xa5, 0xc1, 0][..], &[0; 4092]].concat();
        let streams = vba_streams("/Macros/VBA", MACRO, &[0xee; 100]);
        let mut all: Vec<(&str, &[u8])> = vec![("/Catalog", &[0_u8; 64][..]), ("/WordDocument", &block[..])];
        all.extend(streams.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
        compound(&all)
    };
    vec![
        Standin::new("C4", "formats/sevenz", "invoice.7z", "a ZIP behind a 7z", [seven, zip::of(&[(NAME, &eicar())])].concat()).kind("7z").payload(NAME),
        behind("photo.gif", "a program behind a GIF", &image::gif()),
        behind("photo.gif", "a program behind a GIF and 400 KiB of zeros", &[image::gif(), vec![0; 400 << 10]].concat()),
        behind("sound.wav", "a program behind a sound", &wave),
        behind("meeting.ics", "a program behind a calendar", calendar),
        Standin::new("C19", "formats/cfb", "thumbs.db", "a payload beside a catalogue of thumbnails", catalogue).payload(NAME),
        Standin::new("C19", "formats/cfb", "letter.doc", "a document whose directory begins as that of thumbnails", document).kind("doc").finds("macros.auto-run").suspicious().held(),
    ]
}

/// Pages that put the text of a file together before they decode it.
#[rustfmt::skip]
fn assembled() -> Vec<Standin> {
    const SAVES: &str = "var l = document.createElement('a'); l.href = URL.createObjectURL(new Blob([d])); l.download = 'a.com'; l.click();";
    let page = |what, body: String| Standin::new("A16", "formats/html", "offer.html", what, html("", &body)).kind("html").payload("");
    let decodes = |what, text: String| page(what, format!("<script>var d = atob({text}); {SAVES}</script>"));
    let coded = base64(&eicar());
    let spaced: String = coded.chars().flat_map(|c| [c, '@']).collect();
    let turned: String = coded.chars().rev().collect();
    let pieces: Vec<&str> = coded.as_bytes().chunks(20).map(|piece| std::str::from_utf8(piece).expect("base64 is ASCII")).collect();
    let quoted: Vec<String> = pieces.iter().map(|piece| format!("\"{piece}\"")).collect();
    let spans: String = pieces.iter().map(|piece| format!("<span>{piece}</span>")).collect();
    let link = format!("<a href=\"data:application/octet-stream;base64,{coded}\" download=\"a.com\">a</a>");
    let escaped: String = link.bytes().map(|byte| format!("%{byte:02x}")).collect();
    vec![
        decodes("a page that replaces letters before it decodes", format!("\"{spaced}\".replace(/@/g, \"\")")),
        decodes("a page that splits and joins before it decodes", format!("\"{spaced}\".split(\"@\").join(\"\")")),
        decodes("a page that turns a text around before it decodes", format!("\"{turned}\".split(\"\").reverse().join(\"\")")),
        decodes("a page that joins a list before it decodes", format!("[{}].join(\"\")", quoted.join(", "))),
        page("a page that writes another one in percent codes", format!("<script>document.write(unescape(\"{escaped}\"))</script>")),
        page("a page that keeps a file in a comment", format!("<!--{coded}--><script>var d = atob(document.body.firstChild.data); {SAVES}</script>")),
        page("a page that keeps a file in an attribute", format!("<p data-a=\"{coded}\"></p><script>var d = atob(document.querySelector('p').dataset.a); {SAVES}</script>")),
        page("a page that keeps a file in the text of several elements", format!("<p>Please wait.</p>{spans}<script>var d = atob(document.body.innerText); {SAVES}</script>")),
    ]
}

#[rustfmt::skip]
fn documents() -> Vec<Standin> {
    let document = |what, bytes| Standin::new("A13", "formats/pdf", "scan.pdf", what, bytes).kind("pdf").finds("pdf.runs-by-itself").held();
    let (catalogue, action) = ("<< /Type /Catalog /Pages 2 0 R /OpenAction 5 0 R >>", "<< /S /JavaScript /JS (app.alert\\(1\\)) >>");
    // Numbers and places of the objects, then the objects (ISO 32000-1, 7.5.7).
    let places = format!("1 0 5 {} ", catalogue.len() + 1);
    let packed = pdf_stream(&format!("/Type /ObjStm /N 2 /First {}", places.len()), format!("{places}{catalogue} {action}").as_bytes());
    let in_stream = [
        format!("%PDF-1.7\n2 0 obj\n{LEAVES}\nendobj\n3 0 obj\n").as_bytes(),
        &packed,
        b"\nendobj\ntrailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n0\n%%EOF\n",
    ]
    .concat();
    let direct = format!("<< /Type /Catalog /Pages 2 0 R /OpenAction {action} >>");
    let whole = pdf_of(&[direct.into_bytes(), LEAVES.into()]);
    let commented = String::from_utf8_lossy(&whole).replace("1 0 obj", "1 0 % one\nobj").into_bytes();
    vec![
        document("a script in a stream of objects", in_stream),
        document("a comment between the number and the word of an object", commented),
    ]
}
