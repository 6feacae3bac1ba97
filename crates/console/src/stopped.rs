//! What is said in place of a download that was stopped, or of an answer that no site gave.

use crate::texts::{Incomplete, Texts, kind, sentence, texts, title};
use crate::words::size;
use crate::{House, Language};
use askama::Template;
use lazaret_model::{Class, Decision, Direction, Severity, plain};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeSet;

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

/// The part that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Its path within the sample.
    pub path: String,
    /// Its name, and the names of what holds it, up to the sample.
    pub names: Vec<String>,
    /// Kind id.
    pub kind: String,
    /// Its class.
    pub class: Class,
    /// What the kind is, in English.
    pub described: String,
    /// It is encrypted and was not opened.
    pub locked: bool,
    /// Why it was not inspected completely.
    pub incomplete: Vec<String>,
}

/// Something that was seen about a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How much it weighs.
    pub severity: Severity,
    /// Its id, such as `macros.auto-run`.
    pub id: String,
    /// The detector's own sentence, in English.
    pub message: String,
}

/// What decided, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Why {
    /// The part that decided.
    pub part: Option<Culprit>,
    /// Sentences of the policies that decided: id and title.
    pub policies: Vec<(String, String)>,
    /// What was seen about the part.
    pub findings: Vec<Seen>,
    /// The lesson that the policies name.
    pub lesson: Option<String>,
    /// Not a decision but a failure: it could not be inspected.
    pub failed: bool,
    /// It has more bytes than this.
    pub too_large: Option<u64>,
    /// An incident keeps it back, whose reference this is.
    pub incident: Option<String>,
}

/// A download or an upload that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Held or blocked.
    pub decision: Decision,
    /// Which way it went.
    pub direction: Direction,
    /// The host that it came from, or was to go to.
    pub site: String,
    /// The name it would have been saved under.
    pub name: String,
    /// Where it came from or was to go, without anything secret.
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
    house: &'a House,
    heading: &'a str,
    safe: String,
    stopped: &'a Stopped,
    name: String,
    /// Before the address: where it came from, or was to go.
    place: &'a str,
    address: String,
    part: Option<(String, String)>,
    reasons: Vec<Cow<'a, str>>,
    /// Each with its language where that is another one than the page's; else with nothing.
    seen: Vec<(&'static str, String)>,
    advice: &'a [&'a str],
    lesson: Option<(&'a str, &'a str)>,
}

#[derive(Template)]
#[template(path = "unanswered.html")]
struct UnansweredPage<'a> {
    language: Language,
    texts: &'a Texts,
    house: &'a House,
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
    house: &'a House,
    name: String,
    address: String,
    there: String,
    whole: Option<(u64, u64, String)>,
}

impl Coming {
    /// The page.
    pub fn render(&self, language: Language, house: &House) -> Vec<u8> {
        let texts = texts(language);
        let page = ComingPage {
            language,
            texts,
            house,
            name: plain(&self.name),
            address: plain(&self.address),
            there: size(language, self.taken),
            whole: self.whole.map(|whole| (self.taken.min(whole), whole, size(language, whole))),
        };
        page.render().unwrap_or_else(|_| texts.coming.to_owned()).into_bytes()
    }
}

impl Stopped {
    /// The answer's body.
    pub fn render(&self, form: Form, language: Language, house: &House) -> Vec<u8> {
        let texts = texts(language);
        let heading = self.heading(texts);
        match form {
            Form::Nothing => Vec::new(),
            Form::Json => self.problem(house),
            Form::Text => self.lines(language, house),
            Form::Page => {
                let page = StoppedPage {
                    language,
                    texts,
                    house,
                    heading,
                    safe: self.safe(texts),
                    stopped: self,
                    name: plain(&self.name),
                    place: self.place(texts),
                    address: plain(&self.address),
                    part: self.part(language),
                    reasons: self.reasons(language),
                    seen: self
                        .seen(language)
                        .into_iter()
                        .map(|(said, text)| (if said == language { "" } else { said.tag() }, plain(text)))
                        .collect(),
                    advice: match (self.direction, self.decision) {
                        (Direction::Upload, _) => texts.advice_upload,
                        (Direction::Download, Decision::Hold) => texts.advice_held,
                        (Direction::Download, _) => texts.advice_blocked,
                    },
                    lesson: self.why.lesson.as_deref().and_then(|id| texts.lesson(id)),
                };
                page.render().unwrap_or_else(|_| heading.to_owned()).into_bytes()
            }
        }
    }

    fn heading(&self, texts: &Texts) -> &'static str {
        match (self.direction, self.decision) {
            (Direction::Upload, Decision::Hold) => texts.upload_held,
            (Direction::Upload, _) => texts.upload_blocked,
            (Direction::Download, Decision::Hold) => texts.held,
            (Direction::Download, _) => texts.blocked,
        }
    }

    /// Where an incident about it is taken up.
    fn response(&self, house: &House) -> Option<String> {
        (!house.response.is_empty()).then(|| format!("{}?reference={}", house.response, self.reference))
    }

    /// What did not happen.
    fn safe(&self, texts: &Texts) -> String {
        match self.direction {
            Direction::Upload => texts.not_sent(&plain(&self.site)),
            Direction::Download => texts.safe.to_owned(),
        }
    }

    fn place(&self, texts: &Texts) -> &'static str {
        if self.direction == Direction::Upload { texts.to } else { texts.from }
    }

    /// The part that decided, in words, and what it is.
    fn part(&self, language: Language) -> Option<(String, String)> {
        let part = self.why.part.as_ref()?;
        let names: Vec<_> = part.names.iter().map(|name| plain(name)).collect();
        let kind = kind(language, &part.kind, part.class, &part.described);
        Some((texts(language).nested(&names), kind))
    }

    fn reasons(&self, language: Language) -> Vec<Cow<'_, str>> {
        let texts = texts(language);
        if let Some(incident) = &self.why.incident {
            return vec![texts.contained(incident).into()];
        }
        if self.why.too_large.is_some() {
            return vec![texts.too_large.into()];
        }
        if self.why.failed {
            return vec![texts.failed.into()];
        }
        let titles = self.why.policies.iter().map(|(id, own)| title(language, id, own));
        let why: BTreeSet<_> = self.why.part.iter().flat_map(incomplete).collect();
        titles.chain(why.into_iter().map(|why| texts.incomplete(why))).map(Cow::Borrowed).collect()
    }

    /// The worst of what was seen, each with the language that it is told in: the detector's own where there is no sentence in this
    /// one.
    fn seen(&self, language: Language) -> Vec<(Language, &str)> {
        let mut findings: Vec<_> = self.why.findings.iter().filter(|seen| seen.severity > Severity::Info).collect();
        findings.sort_by_key(|seen| std::cmp::Reverse(seen.severity));
        let mut told: Vec<(Language, &str)> = Vec::new();
        for seen in findings {
            let own = (Language::English, seen.message.as_str());
            let said = sentence(language, &seen.id).map_or(own, |sentence| (language, sentence));
            if told.len() < MOST_FINDINGS && !told.contains(&said) {
                told.push(said);
            }
        }
        told
    }

    fn problem(&self, house: &House) -> Vec<u8> {
        let mut problem = json!({
            "type": "about:blank",
            "title": self.heading(texts(Language::English)),
            "status": 403,
            "detail": self.reasons(Language::English).join(". "),
            "instance": format!("urn:lazaret:{}", self.reference),
            "decision": self.decision,
            "direction": self.direction,
            "reference": self.reference,
            "name": self.name,
            "policies": self.why.policies.iter().map(|(id, _)| id).collect::<Vec<_>>(),
            "findings": self.seen(Language::English).into_iter().map(|(_, said)| said).collect::<Vec<_>>(),
        });
        for (name, value) in [
            ("ask", self.ask.as_deref().unwrap_or_default()),
            ("unlock", self.unlock.as_deref().unwrap_or_default()),
            ("organisation", &house.organisation),
            ("contact", &house.contact),
            ("response", self.response(house).as_deref().unwrap_or_default()),
            ("incident", self.why.incident.as_deref().unwrap_or_default()),
        ] {
            if !value.is_empty() {
                problem[name] = value.into();
            }
        }
        if let Some(part) = &self.why.part {
            problem["part"] = json!({ "path": part.path, "kind": part.described });
        }
        problem.to_string().into_bytes()
    }

    fn lines(&self, language: Language, house: &House) -> Vec<u8> {
        let (texts, address) = (texts(language), plain(&self.address));
        let mut lines = vec![format!("{}: {}", self.heading(texts), plain(&self.name)), format!("  {address}")];
        if self.direction == Direction::Upload {
            lines.push(self.safe(texts));
        }
        if let Some((part, kind)) = self.part(language) {
            lines.push(format!("{}: {part} ({kind})", texts.what));
        }
        lines.push(format!("{}:", texts.why));
        let reasons = self.reasons(language);
        let seen = self.seen(language).into_iter().map(|(_, said)| Cow::Borrowed(said));
        lines.extend(reasons.into_iter().chain(seen).map(|reason| format!("  - {}", plain(&reason))));
        lines.push(format!("{}: {}", texts.reference, self.reference));
        lines.extend(self.unlock.iter().map(|unlock| format!("{}: {unlock}", texts.unlock)));
        lines.extend(self.ask.iter().map(|ask| format!("{}: {ask}", texts.ask)));
        lines.extend(contact_line(texts, house));
        if let Some(response) = self.response(house) {
            lines.push(format!("{} {response}", texts.response.line));
        }
        lines.push(String::new());
        lines.join("\n").into_bytes()
    }
}

/// What kept a part from being inspected.
fn incomplete(part: &Culprit) -> Vec<Incomplete> {
    let locked = part.locked.then_some(Incomplete::Locked);
    locked.into_iter().chain(part.incomplete.iter().map(|reason| Incomplete::of(reason))).collect()
}

/// Whom people may turn to, for a terminal.
fn contact_line(texts: &Texts, house: &House) -> Option<String> {
    let said = [house.organisation.as_str(), &house.contact].map(plain);
    let said: Vec<_> = said.into_iter().filter(|said| !said.is_empty()).collect();
    (!house.contact.is_empty()).then(|| format!("{}: {}", texts.contact, said.join(", ")))
}

/// What is said when a request got no answer from a site. `sentence` is a key of the texts, `detail` the machine's
/// own words.
pub fn unanswered(key: &str, detail: &str, address: &str, form: Form, language: Language, house: &House) -> Vec<u8> {
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
            let contact = contact_line(texts, house).map(|line| format!("{line}\n")).unwrap_or_default();
            let response = match house.response.as_str() {
                "" => String::new(),
                response => format!("{} {response}\n", texts.response.line),
            };
            format!("{sentence}: {}{detail}\n{contact}{response}", plain(address)).into_bytes()
        }
        Form::Page => {
            let page = UnansweredPage { language, texts, house, sentence, detail, address: plain(address) };
            page.render().unwrap_or_else(|_| sentence.to_owned()).into_bytes()
        }
    }
}

#[cfg(test)]
mod tests;
