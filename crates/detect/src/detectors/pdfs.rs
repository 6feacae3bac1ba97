//! What a PDF document would do when it is opened: launch a program, run a script, hand over a program it carries.

use crate::detectors::documents::carried_program;
use crate::text::{cut, decode, excerpt, normalise, patterns};
use crate::{DetectError, Detector, Findings, Reads};
use lazaret_model::{Child, Family, Finding, Part, Role, Severity};

const ID: &str = "pdfs";
/// Bytes of evidence after the place that was found.
const EVIDENCE: usize = 160;

patterns! {
    ESCAPED = r"#([0-9a-fA-F]{2})";
    LAUNCH = r"/S\s*/Launch\b";
    OPENS = r"/(?:OpenAction|AA)\b";
    SCRIPT = r"/(?:JavaScript|JS)\b";
    // An action that is taken when the document is opened, and what it is (ISO 32000-1, 12.6.2).
    AT_START = r"/OpenAction\s*(?:<<(?P<action>[^>]{0,300})|(?P<object>[0-9]{1,9})\s+(?P<generation>[0-9]{1,5})\s+R\b)";
    REACHES_OUT = r"/S\s*/(?P<kind>URI|SubmitForm|ImportData)\b";
    // Acrobat JavaScript: `nLaunch: 2` saves the attachment and opens it without asking where.
    OPENS_ATTACHMENT = r"exportdataobject\s*\([^)]{0,200}nlaunch\s*:\s*[12]";
    ABUSED = r"app\s*\.\s*launchurl|exportdataobject|util\s*\.\s*printf|\beval\s*\(|\bunescape\s*\(|collab\s*\.\s*(?:geticon|collectemailinfo)|media\s*\.\s*newplayer|submitform|geturl\s*\(|%u[0-9a-f]{4}%u[0-9a-f]{4}|spell\s*\.\s*customdictionaryopen";
}

/// PDF documents with the scripts and commands found in them.
pub(crate) struct Pdfs;

impl Detector for Pdfs {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "PDF documents that launch programs, run scripts or carry programs"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        part.is("pdf") || in_pdf(part) && (matches!(part.role, Role::Command | Role::Link) || part.is("js-embedded"))
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        if part.is("pdf") {
            document(bytes, findings);
        } else if part.role == Role::Command {
            launches(&decode(bytes), findings);
        } else if part.role == Role::Link {
            leads_to_share(&decode(bytes), findings);
        } else {
            let plain = normalise(&decode(bytes));
            if let Some(value) = excerpt(&OPENS_ATTACHMENT, &plain) {
                let message = "a script of the PDF document saves and opens a file that the document carries";
                let found = Finding::new("pdf.opens-attachment", ID, Severity::High, Family::Behaviour, message);
                findings.add(found.with("value", value).technique("T1204.002").technique("T1059.007"));
            }
            let abused = excerpt(&ABUSED, &plain);
            scripted(abused.is_some(), &abused.unwrap_or(plain), findings);
        }
        Ok(())
    }

    fn conclude(&self, part: &Part, children: &[Child], findings: &mut Findings) {
        if !part.is("pdf") {
            return;
        }
        for (child, severity) in children.iter().filter_map(|c| Some((c, carried_program(&c.kind)?))) {
            let message = format!("the PDF document carries a program of the kind {}", child.kind);
            let found = Finding::new("pdf.embedded-program", ID, severity, Family::Behaviour, message);
            findings.add(found.with("value", cut(&child.name)).technique("T1204.002"));
        }
    }
}

/// Whether the part was found directly in a PDF document.
fn in_pdf(part: &Part) -> bool {
    part.within.iter().any(|kind| kind == "pdf")
}

/// A file share that the document has opened sends the password's hash there.
fn leads_to_share(place: &str, findings: &mut Findings) {
    let lower = place.trim().to_ascii_lowercase();
    let host = lower.strip_prefix("\\\\").or_else(|| lower.strip_prefix("file://")).unwrap_or_default();
    if host.starts_with(|c: char| c.is_ascii_alphanumeric()) && !host.starts_with("localhost") {
        let message = "the PDF document opens a file on another machine";
        let found = Finding::new("pdf.remote-share", ID, Severity::High, Family::Behaviour, message);
        findings.add(found.with("value", cut(place)).technique("T1187"));
    }
}

fn document(bytes: &[u8], findings: &mut Findings) {
    let raw: String = bytes.iter().map(|b| char::from(*b)).collect();
    let text = ESCAPED.replace_all(&raw, |found: &regex::Captures<'_>| {
        let code = found.get(1).and_then(|m| u8::from_str_radix(m.as_str(), 16).ok());
        code.map(|c| char::from(c).to_string()).unwrap_or_default()
    });
    if let Some(found) = LAUNCH.find(&text) {
        let rest = text.get(found.start()..).unwrap_or_default();
        launches(&rest.chars().take(EVIDENCE).collect::<String>(), findings);
    }
    if let Some(kind) = AT_START.captures(&text).and_then(|start| reaches_out(&text, &start)) {
        let message = "the PDF document opens an address by itself when it is opened";
        let found = Finding::new("pdf.opens-address", ID, Severity::Medium, Family::Behaviour, message);
        findings.add(found.with("value", kind).technique("T1204.001"));
    }
    if let (true, Some(found)) = (OPENS.is_match(&text), SCRIPT.find(&text)) {
        let rest = text.get(found.start()..).unwrap_or_default();
        let value = rest.chars().take(EVIDENCE).collect::<String>();
        let message = "the PDF document runs a script by itself when it is opened or used";
        let found = Finding::new("pdf.runs-by-itself", ID, Severity::Low, Family::Behaviour, message);
        findings.add(found.with("value", cut(&value)).technique("T1059.007"));
        scripted(false, &value, findings);
    }
}

/// The kind of the action at the start, written there or as an object of its own, where it leads out of the document.
fn reaches_out(text: &str, start: &regex::Captures<'_>) -> Option<String> {
    let action = match start.name("action") {
        Some(action) => action.as_str(),
        None => {
            let (object, generation) = (start.name("object")?.as_str(), start.name("generation")?.as_str());
            let header = format!("{object} {generation} obj");
            let at = text
                .match_indices(&header)
                .map(|(at, _)| at)
                .find(|&at| !text.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit())))?;
            let body = text.get(at..)?;
            body.get(..body.find("endobj").unwrap_or(body.len()).min(600)).unwrap_or(body)
        }
    };
    Some(REACHES_OUT.captures(action)?.name("kind")?.as_str().to_owned())
}

fn launches(value: &str, findings: &mut Findings) {
    let message = "the PDF document launches a program or file";
    let found = Finding::new("pdf.launch", ID, Severity::High, Family::Behaviour, message);
    findings.add(found.with("value", cut(value)).technique("T1204.002"));
}

fn scripted(abused: bool, value: &str, findings: &mut Findings) {
    let (severity, message) = if abused {
        (Severity::Medium, "a script of the PDF document uses functions known from attacks")
    } else {
        (Severity::Low, "the PDF document runs a script")
    };
    let found = Finding::new("pdf.javascript", ID, severity, Family::Behaviour, message);
    findings.add(found.with("value", cut(value)).technique("T1059.007"));
}

#[cfg(test)]
mod tests {
    use super::Pdfs;
    use crate::detectors::test_part::{check, check_member, part};
    use crate::{Detector, Findings};
    use lazaret_model::{Class, Kind, Role};

    #[test]
    fn documents_are_judged_by_their_actions() {
        for (text, expected) in [
            ("%PDF-1.7 1 0 obj <</OpenAction <</S /Launch /F (a.exe)>>>>", &["pdf.launch high"][..]),
            ("<</OpenAction <</S /L#61unch /Win <</F (cmd)>>>>>>", &["pdf.launch high"]),
            (
                "<</OpenAction <</S /JavaScript /JS (app.alert\\(1\\))>>>>",
                &["pdf.javascript low", "pdf.runs-by-itself low"],
            ),
            ("<</Title (How to /Launch) /OpenAction [3 0 R /Fit]>>", &[]),
            ("<</Names <</EmbeddedFiles 4 0 R>>>>", &[]),
        ] {
            check(&Pdfs, "pdf", text, expected);
        }
    }

    #[test]
    fn scripts_and_commands_of_documents_are_judged() {
        for (path, kind, role, text, expected) in [
            (
                "a.pdf//script",
                "js-embedded",
                Role::Script,
                "this.exportDataObject({cName: 'a'})",
                "pdf.javascript medium",
            ),
            ("a.PDF//script", "js-embedded", Role::Script, "app.alert(1)", "pdf.javascript low"),
            ("a.pdf//link", "url-target", Role::Link, "\\\\host.invalid\\share\\a.pdf", "pdf.remote-share high"),
            ("a.pdf//link", "url-target", Role::Link, "https://host.invalid/a", ""),
            ("a.pdf//link", "url-target", Role::Link, "file:///C:/a.pdf", ""),
            ("a.pdf//launch", "command-line", Role::Command, "cmd /c echo", "pdf.launch high"),
            ("a.html//script", "js-embedded", Role::Script, "eval(unescape(1))", ""),
            ("a.lnk//command", "command-line", Role::Command, "cmd /c echo", ""),
        ] {
            let mut part = part(kind);
            (part.path, part.role) = (path.into(), role);
            part.within = if path.to_lowercase().contains(".pdf//") { vec!["pdf".into()] } else { Vec::new() };
            let mut findings = Findings::default();
            if Pdfs.wants(&part) {
                Pdfs.inspect(&part, text.as_bytes(), 0, &mut findings).unwrap();
            }
            let found: Vec<_> = findings.list().iter().map(|f| format!("{} {}", f.id, f.severity)).collect();
            assert_eq!(found.join(","), expected, "{path}");
        }
    }

    #[test]
    fn programs_in_documents_are_found() {
        let program = Kind::new("pe32", Class::Executable, "application/x-pe");
        check_member(&Pdfs, "pdf", program, &["pdf.embedded-program high"]);
        check_member(&Pdfs, "pdf", Kind::new("js-embedded", Class::Script, "text/javascript"), &[]);
        check_member(&Pdfs, "pdf", Kind::new("xml", Class::Data, "text/xml"), &[]);
    }
}
