//! What is said in place of a download that was stopped, or of an answer that no site gave.

use crate::Language;
use crate::texts::{Texts, texts};
use askama::Template;
use lazaret_model::{Decision, Severity, plain};
use serde_json::json;

/// Findings that are told; the worst ones.
const MOST_FINDINGS: usize = 4;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A page.
    Page,
    /// A problem document (RFC 9457).
    Json,
    /// Lines for a terminal.
    Text,
    /// No words at all.
    Nothing,
}

impl Form {
    /// The media type of an answer in this form.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/problem+json",
            Self::Text | Self::Nothing => "text/plain; charset=utf-8",
        }
    }
}

/// What decided, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Why {
    /// The part that decided: its path within the download, and what it is.
    pub part: Option<(String, String)>,
    /// Sentences of the policies that decided: id and title.
    pub policies: Vec<(String, String)>,
    /// What was seen about the part.
    pub findings: Vec<(Severity, String)>,
    /// The lesson that the policies name.
    pub lesson: Option<String>,
    /// Not a decision but a failure: it could not be inspected.
    pub failed: bool,
    /// It has more bytes than this.
    pub too_large: Option<u64>,
}

/// A download that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Held or blocked.
    pub decision: Decision,
    /// The name it would have been saved under.
    pub name: String,
    /// Where it came from, without anything secret.
    pub address: String,
    /// What people quote.
    pub reference: String,
    /// Where it can be asked for, when its bytes were kept.
    pub ask: Option<String>,
    /// Where its password can be entered, when it is locked and was kept.
    pub unlock: Option<String>,
    /// What decided.
    pub why: Why,
}

#[derive(Template)]
#[template(path = "stopped.html")]
struct StoppedPage<'a> {
    language: Language,
    texts: &'a Texts,
    heading: &'a str,
    stopped: &'a Stopped,
    name: String,
    address: String,
    part: Option<(String, &'a str)>,
    reasons: Vec<&'a str>,
    seen: Vec<String>,
    advice: &'a [&'a str],
    lesson: Option<(&'a str, &'a str)>,
}

#[derive(Template)]
#[template(path = "unanswered.html")]
struct UnansweredPage<'a> {
    language: Language,
    texts: &'a Texts,
    sentence: &'a str,
    detail: &'a str,
    address: String,
}

/// A download that is still under way, for a browser that asks again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// The name it would be saved under.
    pub name: String,
    /// Where it comes from, without anything secret.
    pub address: String,
    /// Bytes that are there.
    pub taken: u64,
    /// Bytes in all, where the site said so.
    pub whole: Option<u64>,
}

#[derive(Template)]
#[template(path = "coming.html")]
struct ComingPage<'a> {
    language: Language,
    texts: &'a Texts,
    name: String,
    address: String,
    there: String,
    whole: Option<(u64, u64, String)>,
}

impl Coming {
    /// The page.
    pub fn render(&self, language: Language) -> Vec<u8> {
        let texts = texts(language);
        let megabytes = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
        let page = ComingPage {
            language,
            texts,
            name: plain(&self.name),
            address: plain(&self.address),
            there: megabytes(self.taken),
            whole: self.whole.map(|whole| (self.taken.min(whole), whole, megabytes(whole))),
        };
        page.render().unwrap_or_else(|_| texts.coming.to_owned()).into_bytes()
    }
}

impl Stopped {
    /// The answer's body.
    pub fn render(&self, form: Form, language: Language) -> Vec<u8> {
        let texts = texts(language);
        let heading = if self.decision == Decision::Hold { texts.held } else { texts.blocked };
        match form {
            Form::Nothing => Vec::new(),
            Form::Json => self.problem(heading),
            Form::Text => self.lines(texts, heading),
            Form::Page => {
                let page = StoppedPage {
                    language,
                    texts,
                    heading,
                    stopped: self,
                    name: plain(&self.name),
                    address: plain(&self.address),
                    part: self.why.part.as_ref().map(|(path, kind)| (plain(path), kind.as_str())),
                    reasons: self.reasons(texts),
                    seen: self.seen().into_iter().map(plain).collect(),
                    advice: if self.decision == Decision::Hold { texts.advice_held } else { texts.advice_blocked },
                    lesson: self.why.lesson.as_deref().and_then(|id| texts.lesson(id)),
                };
                page.render().unwrap_or_else(|_| heading.to_owned()).into_bytes()
            }
        }
    }

    fn reasons<'a>(&'a self, texts: &'a Texts) -> Vec<&'a str> {
        if self.why.too_large.is_some() {
            return vec![texts.too_large];
        }
        if self.why.failed {
            return vec![texts.failed];
        }
        self.why.policies.iter().map(|(_, title)| title.as_str()).collect()
    }

    fn seen(&self) -> Vec<&str> {
        let mut findings: Vec<_> =
            self.why.findings.iter().filter(|(severity, _)| *severity > Severity::Info).collect();
        findings.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        findings.into_iter().take(MOST_FINDINGS).map(|(_, sentence)| sentence.as_str()).collect()
    }

    fn problem(&self, heading: &str) -> Vec<u8> {
        let texts = texts(Language::English);
        let mut problem = json!({
            "type": "about:blank",
            "title": heading,
            "status": 403,
            "detail": self.reasons(texts).join(". "),
            "instance": format!("urn:lazaret:{}", self.reference),
            "decision": self.decision,
            "reference": self.reference,
            "name": self.name,
            "policies": self.why.policies.iter().map(|(id, _)| id).collect::<Vec<_>>(),
            "findings": self.seen(),
        });
        if let Some(ask) = &self.ask {
            problem["ask"] = ask.as_str().into();
        }
        if let Some(unlock) = &self.unlock {
            problem["unlock"] = unlock.as_str().into();
        }
        if let Some((part, kind)) = &self.why.part {
            problem["part"] = json!({ "path": part, "kind": kind });
        }
        problem.to_string().into_bytes()
    }

    fn lines(&self, texts: &Texts, heading: &str) -> Vec<u8> {
        let mut lines = vec![format!("{heading}: {}", plain(&self.name)), format!("  {}", plain(&self.address))];
        if let Some((part, kind)) = &self.why.part {
            lines.push(format!("{}: {} ({kind})", texts.what, plain(part)));
        }
        lines.push(format!("{}:", texts.why));
        lines.extend(self.reasons(texts).iter().chain(&self.seen()).map(|reason| format!("  - {}", plain(reason))));
        lines.push(format!("{}: {}", texts.reference, self.reference));
        lines.extend(self.unlock.iter().map(|unlock| format!("{}: {unlock}", texts.unlock)));
        lines.extend(self.ask.iter().map(|ask| format!("{}: {ask}", texts.ask)));
        lines.push(String::new());
        lines.join("\n").into_bytes()
    }
}

/// What is said when a request got no answer from a site. `sentence` is a key of the texts, `detail` the machine's
/// own words.
pub fn unanswered(key: &str, detail: &str, address: &str, form: Form, language: Language) -> Vec<u8> {
    let texts = texts(language);
    let sentence = texts.trouble(key);
    match form {
        Form::Nothing => Vec::new(),
        Form::Json => {
            let problem = json!({ "type": "about:blank", "title": sentence, "detail": detail });
            problem.to_string().into_bytes()
        }
        Form::Text => {
            let detail = if detail.is_empty() { String::new() } else { format!(" ({})", plain(detail)) };
            format!("{sentence}: {}{detail}\n", plain(address)).into_bytes()
        }
        Form::Page => {
            let page = UnansweredPage { language, texts, sentence, detail, address: plain(address) };
            page.render().unwrap_or_else(|_| sentence.to_owned()).into_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Stopped {
        Stopped {
            decision: Decision::Block,
            name: "invoice.<b>pdf</b>.vbs".to_owned(),
            address: "http://files.example/invoice.zip".to_owned(),
            reference: "ABCD-2345".to_owned(),
            ask: Some("http://127.0.0.1:8080/ask/ABCD-2345".to_owned()),
            unlock: None,
            why: Why {
                part: Some(("invoice.zip//invoice.pdf.vbs".to_owned(), "VBScript".to_owned())),
                policies: vec![("masquerade".to_owned(), "A file that pretends is blocked".to_owned())],
                findings: vec![
                    (Severity::Info, "nothing to worry".to_owned()),
                    (Severity::High, "the name ends in .pdf.vbs".to_owned()),
                ],
                lesson: Some("masquerade".to_owned()),
                ..Why::default()
            },
        }
    }

    #[test]
    fn a_page_says_what_why_and_what_to_do_in_every_language() {
        for language in Language::ALL {
            let page = String::from_utf8(sample().render(Form::Page, language)).unwrap();
            assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())));
            for text in [
                "href=\"http://127.0.0.1:8080/ask/ABCD-2345\"",
                "ABCD-2345",
                "A file that pretends is blocked",
                "the name ends in .pdf.vbs",
                "invoice.pdf.vbs",
            ] {
                assert!(page.contains(text), "{language:?}: {text}");
            }
            assert!(page.contains("&#60;b&#62;pdf") && !page.contains("<b>pdf"), "names are not markup");
            assert!(!page.contains("<script") && !page.contains("nothing to worry"));
            let (title, _) = texts(language).lesson("masquerade").unwrap();
            assert!(page.contains(title));
        }
    }

    #[test]
    fn a_program_gets_a_problem_document() {
        let problem: serde_json::Value =
            serde_json::from_slice(&sample().render(Form::Json, Language::German)).unwrap();
        assert_eq!((&problem["status"], &problem["decision"]), (&403.into(), &"block".into()));
        assert_eq!(problem["policies"], json!(["masquerade"]));
        assert_eq!(problem["part"]["path"], "invoice.zip//invoice.pdf.vbs");
    }

    #[test]
    fn a_terminal_gets_lines_that_cannot_steer_it() {
        let stopped = Stopped { name: "a\x1b[2Jb".to_owned(), ..sample() };
        let lines = String::from_utf8(stopped.render(Form::Text, Language::English)).unwrap();
        assert!(!lines.contains('\x1b') && lines.contains("ABCD-2345"), "{lines}");
    }

    #[test]
    fn what_failed_or_is_too_large_says_so() {
        for (why, text) in [
            (Why { failed: true, ..Why::default() }, texts(Language::English).failed),
            (Why { too_large: Some(1), ..Why::default() }, texts(Language::English).too_large),
        ] {
            let page = String::from_utf8(Stopped { why, ..sample() }.render(Form::Page, Language::English)).unwrap();
            assert!(page.contains(text));
        }
    }
}
