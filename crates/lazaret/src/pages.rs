//! Puts the gates' refusals into the console's words.

use lazaret_console::{Coming, Culprit, Form, House, Language, Seen, Stopped, Why, unanswered};
use lazaret_engine::Engine;
use lazaret_formats::kind;
use lazaret_gates::{Exchange, Page, Pages, Reason, Refusal, Trouble, Wants};
use lazaret_model::{Decision, Direction, Part, ScanReport, TechniqueId};
use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

/// The renderer that gates are given.
pub(crate) struct Words {
    engine: RwLock<Arc<Engine>>,
    /// Address of the console, where files can be asked for.
    console: Option<String>,
    house: Arc<House>,
}

impl Words {
    pub(crate) fn new(engine: Arc<Engine>, console: Option<String>, house: Arc<House>) -> Self {
        Self { engine: RwLock::new(engine), console, house }
    }

    /// Speaks about the policies of another engine from now on.
    pub(crate) fn replace_engine(&self, engine: Arc<Engine>) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// The technique of ATT&CK that a policy names.
    pub(crate) fn technique(&self, policy: &str) -> Option<TechniqueId> {
        let engine = Arc::clone(&self.engine.read().unwrap_or_else(PoisonError::into_inner));
        let named = engine.policies().annotation(policy, "technique")?;
        Some(TechniqueId(Cow::Owned(named.to_owned()))).filter(TechniqueId::is_well_formed)
    }

    /// What decided: the part that met the strictest decision, with the policies and findings about it.
    fn why(&self, report: &ScanReport) -> Why {
        let ruling = report.cause();
        let path = ruling.map_or(report.path.as_str(), |ruling| ruling.part.as_str());
        let part = report.parts.iter().find(|part| part.path == path);
        let policies: Vec<_> = ruling
            .map(|ruling| ruling.policies.iter().map(|policy| (policy.id.clone(), policy.title.clone())).collect())
            .unwrap_or_default();
        let engine = Arc::clone(&self.engine.read().unwrap_or_else(PoisonError::into_inner));
        let lesson = policies.iter().find_map(|(id, _)| engine.policies().annotation(id, "lesson").map(str::to_owned));
        Why {
            part: part.map(|part| Culprit {
                path: part.path.clone(),
                names: report.names(path).into_iter().map(str::to_owned).collect(),
                kind: part.kind.id.to_string(),
                class: part.kind.class,
                described: described(part),
                locked: part.locked,
                incomplete: part.incomplete.clone(),
            }),
            findings: report
                .findings
                .iter()
                .filter(|finding| finding.part == path)
                .map(|finding| Seen {
                    severity: finding.severity,
                    id: finding.id.to_string(),
                    message: finding.message.clone(),
                })
                .collect(),
            lesson,
            policies,
            ..Why::default()
        }
    }
}

impl Pages for Words {
    fn refusal(&self, refusal: &Refusal, exchange: &Exchange) -> Page {
        let why = match &refusal.reason {
            // Nothing was decided about it.
            Reason::Busy(_) => {
                let address = &refusal.address;
                return page(exchange.wants, &exchange.languages, |form, language| {
                    unanswered("busy", &refusal.reference, address, form, language, &self.house)
                });
            }
            Reason::Policy(report) => self.why(report),
            Reason::Failed(_) => Why { failed: true, ..Why::default() },
            Reason::TooLarge(most) => Why { too_large: Some(*most), ..Why::default() },
            Reason::Contained(contained) => {
                Why { incident: Some(contained.measure.incident.clone()), ..Why::default() }
            }
        };
        let locked = matches!(
            &refusal.reason,
            Reason::Policy(report) if refusal.decision == Decision::Hold
                && exchange.direction == Direction::Download
                && report.parts.iter().any(|part| part.locked)
        );
        // Whoever sent something has it: there is nothing to ask for.
        // What an incident keeps back is nobody's to ask for until that is over.
        let asked = refusal.kept.is_some() && exchange.direction == Direction::Download && why.incident.is_none();
        let kept = self.console.as_ref().filter(|_| asked);
        let stopped = Stopped {
            unlock: kept.filter(|_| locked).map(|url| format!("{url}/unlock/{}", refusal.reference)),
            decision: refusal.decision,
            direction: exchange.direction,
            site: exchange.host(),
            name: refusal.name.clone(),
            address: refusal.address.clone(),
            reference: refusal.reference.clone(),
            ask: kept.map(|url| format!("{url}/ask/{}", refusal.reference)),
            why,
        };
        page(exchange.wants, &exchange.languages, |form, language| stopped.render(form, language, &self.house))
    }

    fn progress(&self, name: &str, address: &str, taken: u64, whole: Option<u64>, languages: &str) -> Page {
        let (name, address) = (name.to_owned(), address.to_owned());
        let coming = Coming { name, address, taken, whole };
        page(Wants::Page, languages, |_, language| coming.render(language, &self.house))
    }

    fn trouble(&self, trouble: &Trouble, address: &str, wants: Wants, languages: &str) -> Page {
        let (key, detail) = match trouble {
            Trouble::Request(detail) => ("request", (*detail).to_owned()),
            Trouble::Misdirected => ("misdirected", String::new()),
            Trouble::Name(detail) => ("name", detail.clone()),
            Trouble::Unreachable(detail) => ("unreachable", detail.clone()),
            Trouble::Certificate(detail) => ("certificate", detail.clone()),
            Trouble::Silent => ("silent", String::new()),
            Trouble::Protocol(detail) => ("protocol", detail.clone()),
            Trouble::Private => ("private", String::new()),
            Trouble::Loop => ("loop", String::new()),
            Trouble::WebSocket => ("websocket", String::new()),
            Trouble::Credentials => ("credentials", String::new()),
            Trouble::SignIn(page) => ("sign-in", page.clone()),
        };
        page(wants, languages, |form, language| unanswered(key, &detail, address, form, language, &self.house))
    }
}

fn page(wants: Wants, languages: &str, render: impl FnOnce(Form, Language) -> Vec<u8>) -> Page {
    let form = match wants {
        Wants::Page => Form::Page,
        Wants::Json => Form::Json,
        Wants::Text => Form::Text,
        Wants::Nothing => Form::Nothing,
    };
    let language = Language::accepted(languages);
    Page { content_type: form.media_type(), language: Some(language.tag()), body: render(form, language) }
}

fn described(part: &Part) -> String {
    kind(&part.kind.id).map_or(part.kind.id.as_ref(), |row| row.description).to_owned()
}
