//! What a PDF document would do when it is opened: launch a program, run a script, hand over a program it carries.
//!
//! The opener hands over scripts, addresses and commands under names that say what sets them off
//! (`formats::containers::pdf::actions`); the raw bytes say nothing.

mod forms;

use crate::detectors::documents::carried_program;
use crate::text::{cut, decode, excerpt, normalise, patterns};
use crate::{DetectError, Detector, Findings, Reads};
use lazaret_model::{Child, Family, Finding, Part, Role, Severity, on_this_machine};

const ID: &str = "pdfs";

patterns! {
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
        let by_itself = part.name.starts_with("opening-");
        if part.is("pdf") {
            // What it would do is told of the parts in it, and what it carries in `conclude`.
        } else if part.role == Role::Command {
            launches(&decode(bytes), findings);
        } else if part.role == Role::Link {
            let place = decode(bytes);
            // Names of files may be written with slashes; the openers tell them from addresses.
            let file = (part.name == "file").then(|| place.replace('/', "\\"));
            leads_to_share(file.as_deref().unwrap_or(&place), findings);
            if by_itself {
                let message = "the PDF document opens an address by itself when it is opened";
                let found = Finding::new("pdf.opens-address", ID, Severity::Medium, Family::Behaviour, message);
                findings.add(found.with("value", cut(&place)).technique("T1204.001"));
            }
        } else {
            let script = decode(bytes);
            let calm = by_itself || part.name == "field-script";
            if calm && !forms::only_fills_in(&script, by_itself) {
                let message = "the PDF document runs a script by itself when it is opened or filled in";
                let found = Finding::new("pdf.runs-by-itself", ID, Severity::Low, Family::Behaviour, message);
                findings.add(found.with("value", cut(&script)).technique("T1059.007"));
            }
            let plain = normalise(&script);
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
    part.within.iter().any(|kind| kind == "pdf" || kind == "xdp")
}

/// A file share that the document has opened sends the password's hash there.
fn leads_to_share(place: &str, findings: &mut Findings) {
    let lower = place.trim().to_ascii_lowercase();
    if (lower.starts_with("\\\\") || lower.starts_with("file:")) && !on_this_machine(&lower) {
        let message = "the PDF document opens a file on another machine";
        let found = Finding::new("pdf.remote-share", ID, Severity::High, Family::Behaviour, message);
        findings.add(found.with("value", cut(place)).technique("T1187"));
    }
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
    fn raw_words_of_a_document_say_nothing() {
        for text in [
            "<</Title (How to /S /Launch) /OpenAction [3 0 R /Fit]>>",
            "<</OpenAction [3 0 R /Fit] /URI (https://host.invalid/JavaScript)>>",
        ] {
            check(&Pdfs, "pdf", text, &[]);
        }
    }

    #[test]
    fn scripts_addresses_and_commands_of_documents_are_judged_by_what_sets_them_off() {
        for (name, kind, role, text, expected) in [
            ("script", "js-embedded", Role::Script, "this.exportDataObject({cName: 'a'})", "pdf.javascript medium"),
            ("script", "js-embedded", Role::Script, "app.alert(1)", "pdf.javascript low"),
            (
                "opening-script",
                "js-embedded",
                Role::Script,
                "app.alert(1)",
                "pdf.runs-by-itself low,pdf.javascript low",
            ),
            ("opening-script", "js-embedded", Role::Script, "AFNumber_Format(2, 0)", "pdf.javascript low"),
            ("field-script", "js-embedded", Role::Script, "AFNumber_Format(2, 0)", "pdf.javascript low"),
            ("field-script", "js-embedded", Role::Script, "app.alert('no date')", "pdf.javascript low"),
            (
                "field-script",
                "js-embedded",
                Role::Script,
                "this.submitForm('http://host.invalid')",
                "pdf.runs-by-itself low,pdf.javascript medium",
            ),
            ("link", "url-target", Role::Link, "\\\\host.invalid\\share\\a.pdf", "pdf.remote-share high"),
            ("file", "url-target", Role::Link, "//host.invalid/share/a.pdf", "pdf.remote-share high"),
            ("link", "url-target", Role::Link, "//host.invalid/a", ""),
            ("link", "url-target", Role::Link, "https://host.invalid/a", ""),
            ("opening-link", "url-target", Role::Link, "https://host.invalid/a", "pdf.opens-address medium"),
            ("link", "url-target", Role::Link, "file:///C:/a.pdf", ""),
            ("link", "url-target", Role::Link, "file://///host.invalid/a.pdf", "pdf.remote-share high"),
            ("launch", "command-line", Role::Command, "cmd /c echo", "pdf.launch high"),
        ] {
            for within in ["pdf", "html"] {
                let mut part = part(kind);
                (part.name, part.role, part.within) = (name.into(), role, vec![within.into()]);
                let mut findings = Findings::default();
                if Pdfs.wants(&part) {
                    Pdfs.inspect(&part, text.as_bytes(), 0, &mut findings).unwrap();
                }
                let found: Vec<_> = findings.list().iter().map(|f| format!("{} {}", f.id, f.severity)).collect();
                assert_eq!(found.join(","), if within == "pdf" { expected } else { "" }, "{name} in {within}: {text}");
            }
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
