//! B7, C21: mail that readers understand differently.

use crate::Standin;
use crate::build::mail::{attached, message, uuencode, with_attachment, yenc};
use crate::build::message as sealed;
use crate::build::program::exe;
use crate::build::{base64, base64_lines, eicar};

const MAIL: &str = "formats/mail";
const BASE64: &str = "Content-Transfer-Encoding: base64";

pub(super) fn all() -> Vec<Standin> {
    let program = base64_lines(&exe());
    let named = |what, disposition: &str| {
        let head = format!("Content-Type: application/octet-stream\r\n{BASE64}\r\nContent-Disposition: {disposition}");
        Standin::new("B7", "detect/masquerade", "offer.eml", what, message("See below.", &[(&head, &program)]))
            .blocked()
    };
    let coded = base64_lines(&eicar());
    let attachment = |what, head: &str, body: &str| {
        Standin::new("C21", MAIL, "offer.eml", what, message("See below.", &[(head, body)]))
    };
    let typed = "Content-Type: application/octet-stream; name=\"a.com\"";
    let junk: String = base64(&eicar()).chars().flat_map(|c| [c, '!']).collect();
    let soft: String = eicar()
        .iter()
        .enumerate()
        .map(|(at, byte)| format!("={byte:02x}{}", if at % 8 == 7 { "=\r\n" } else { "" }))
        .collect();
    let whole = String::from_utf8(with_attachment("See below.", "a.com", &eicar())).expect("mail is ASCII");
    let change = |what, from: &str, to: &str| {
        assert!(whole.contains(from), "`{from}` is in the mail");
        Standin::new("C21", MAIL, "offer.eml", what, whole.replace(from, to).into_bytes())
    };
    let deep = (0..8).fold(format!("{}\r\n\r\n{coded}", attached("a.com")), |inner, level| {
        format!("Content-Type: multipart/mixed; boundary=\"n{level}\"\r\n\r\n--n{level}\r\n{inner}\r\n--n{level}--")
    });
    let nested = format!(
        "From: a@sender.invalid\r\nTo: b@reader.invalid\r\nSubject: x\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n{deep}\r\n"
    );
    let uu = format!(
        "From: a@sender.invalid\r\nTo: b@reader.invalid\r\nSubject: x\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n\r\nSee below.\r\n\r\n{}\r\n",
        uuencode("a.com", &eicar())
    );
    let ye = [b"From: a@sender.invalid\r\nTo: b@reader.invalid\r\nSubject: x\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n\r\nSee below.\r\n\r\n".to_vec(), yenc("a.com", &eicar())].concat();
    let event = |line: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//host.invalid//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260105T100000Z\r\nSUMMARY:Offer\r\n{line}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    let invitation =
        |what, line: &str| Standin::new("C21", "formats/calendar", "offer.ics", what, event(line).into_bytes());
    let carried =
        format!("ATTACH;FMTTYPE=application/pdf;ENCODING=BASE64;VALUE=BINARY;FILENAME=\"a.com\":{}", base64(&eicar()));
    let form = |name: &str, content: &[u8]| {
        let head = format!(
            "--border\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nSee the file.\r\n--border\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        [head.as_bytes(), content, b"\r\n--border--\r\n"].concat()
    };
    let letter: &[u8] = b"Dear customer,\r\nsee you on Monday.\r\n";
    vec![
        Standin::new("C21", "formats/cms", "offer.com.p7m", "a signed message with a payload", sealed::signed(&eicar())).kind("pkcs7").payload("offer.com"),
        Standin::new("C21", "formats/cms", "smime.p7m", "an enveloped message", sealed::enveloped()).kind("pkcs7").locked().held(),
        Standin::new("H", "formats/cms", "letter.txt.p7m", "a signed letter", sealed::signed(letter)).kind("pkcs7").delivered(),
        Standin::new("C21", "formats/openpgp", "offer.gpg", "a packed message with a payload", sealed::literal("offer.com", &eicar())).kind("pgp-binary").payload("offer.com"),
        Standin::new("C21", "formats/openpgp", "secret.gpg", "a message with a password", sealed::encrypted()).kind("pgp-binary").locked().held(),
        Standin::new("H", "formats/openpgp", "letter.gpg", "a letter in a message", sealed::literal("letter.txt", letter)).kind("pgp-binary").delivered(),
        Standin::new("C22", "formats/form", "form", "a form with a file", form("a.com", &eicar())).kind("form-data").payload("a.com"),
        Standin::new("H", "formats/form", "form", "a form with a text", form("letter.txt", b"Dear customer,\r\nsee you on Monday.\r\n")).kind("form-data").delivered(),
        invitation("an invitation that carries a file", &carried).payload("a.com"),
        invitation("an invitation whose alarm runs a program", "BEGIN:VALARM\r\nTRIGGER:-PT1M\r\nACTION:PROCEDURE\r\nATTACH:powershell -w hidden -c calc.exe\r\nEND:VALARM").finds("shortcut.runs-interpreter"),
        invitation("an invitation whose alarm plays a sound from another machine", "BEGIN:VALARM\r\nTRIGGER:-PT1M\r\nACTION:AUDIO\r\nATTACH:\\\\host.invalid\\share\\a.wav\r\nEND:VALARM").technique("T1187"),
        named("two file names that differ", "attachment; filename=\"offer.pdf\"; filename*=UTF-8''offer.exe").finds("mail.conflicting-headers"),
        named("a file name twice", "attachment; filename=\"offer.pdf\"; filename=\"offer.exe\"").finds("mail.conflicting-headers"),
        named("a file name with a path", "attachment; filename=\"..\\..\\offer.pdf.exe\"").finds("masquerade.double-extension"),
        named("a file name in encoded words", "attachment; filename=\"=?utf-8?B?b2ZmZXIucGRmLmV4ZQ==?=\"").finds("masquerade.double-extension"),
        named("a file name in pieces", "attachment; filename*0=\"offer.pdf\"; filename*1=\".exe\"").finds("masquerade.double-extension"),
        named("a file name with quotes in it", "attachment; filename=\"offer.pdf\\\".exe\"").finds("masquerade.double-extension"),
        attachment("quoted-printable with soft breaks", &format!("{typed}\r\nContent-Transfer-Encoding: quoted-printable"), &soft).payload(""),
        attachment("base64 with junk in it", &format!("{typed}\r\n{BASE64}"), &junk).payload(""),
        attachment("the encoding twice", &format!("{typed}\r\nContent-Transfer-Encoding: 7bit\r\n{BASE64}"), &coded).payload(""),
        attachment("the encoding twice the other way round", &format!("{typed}\r\n{BASE64}\r\nContent-Transfer-Encoding: 7bit"), &coded).payload(""),
        attachment("the type twice", &format!("Content-Type: text/plain\r\n{typed}\r\n{BASE64}"), &coded).payload(""),
        attachment("an encoding in odd letters", &format!("{typed}\r\ncontent-TRANSFER-encoding :  \"BASE64\" (comment)"), &coded).payload(""),
        attachment("an attachment called text", &format!("Content-Type: text/plain; charset=utf-7\r\n{BASE64}\r\nContent-Disposition: attachment; filename*0*=UTF-8''a%2e; filename*1*=com"), &coded).payload(""),
        change("a border that nobody closes", "\r\n--border--\r\n", "\r\n").payload(""),
        change("a border with spaces behind it", "\r\n--border\r\nContent-Type: application", "\r\n--border   \r\nContent-Type: application").payload("a.com"),
        change("two borders", "boundary=\"border\"", "boundary=\"other\"; boundary=\"border\"").malicious().blocked(),
        change("bare line feeds", "\r\n", "\n").payload("a.com"),
        Standin::new("C21", MAIL, "nested.eml", "nested eight deep", nested.into()).payload("a.com"),
        Standin::new("C21", MAIL, "uu.eml", "uuencode in the text", uu.into()).payload("a.com"),
        Standin::new("C21", MAIL, "yenc.eml", "yEnc in the text", ye).payload("a.com"),
        Standin::new("C21", MAIL, "box.mbox", "a mailbox of two messages", [b"From a@sender.invalid Mon Jan  5 10:00:00 2026\r\nSubject: first\r\n\r\nhello\r\n\r\nFrom a@sender.invalid Mon Jan  5 10:00:00 2026\r\n".to_vec(), whole.clone().into_bytes()].concat()).payload("a.com"),
    ]
}
