//! What a site does in several answers that none of them does alone: one client is shown words that ask to paste something,
//! code that copies to the clipboard, and a command, each in a file of its own.
//!
//! What is remembered is bounded in number and time, and says nothing of whoever asked but that they met it.

use lazaret_model::{Direction, Family, Finding, Gate, Origin, Part, PartId, Role, Severity};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Pairs of a client and a site that are remembered; then the oldest is forgotten.
const MOST: usize = 10_000;
/// How long what one answer did is put together with others.
const LASTING: Duration = Duration::from_secs(5 * 60);
/// Characters of a name and of evidence that are kept.
const MOST_CHARACTERS: usize = 120;
/// Characters of the name of a site (RFC 1035, 2.3.4).
const MOST_HOST: usize = 255;

/// Ids of what detectors report for this.
const WORDS: &str = "page.lure-words";
const WRITES: &str = "page.writes-clipboard";
const COMMAND: &str = "page.command-text";

/// What one answer does of it, in the ways in which answers are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Words that ask to paste.
    Words,
    /// Code that copies.
    Writes,
    /// A command, in a script or in data. Pages that are visited one after the other show commands of which they do nothing.
    Command,
    /// A page with words and a command.
    WordsAndCommand,
    /// Code that copies, with a command beside it.
    WritesAndCommand,
}

impl Sign {
    const ALL: [Self; 5] = [Self::Words, Self::Writes, Self::Command, Self::WordsAndCommand, Self::WritesAndCommand];
}

/// What has to come together.
const COMBINATIONS: &[&[Sign]] = &[
    &[Sign::Words, Sign::Writes, Sign::Command],
    &[Sign::WordsAndCommand, Sign::Writes],
    &[Sign::Words, Sign::WritesAndCommand],
];

/// A client and a site.
type Key = (String, String);

/// What one answer does of it.
#[derive(Debug, Clone)]
pub(crate) struct Signs {
    keys: Vec<Key>,
    name: String,
    words: Option<String>,
    writes: Option<String>,
    command: Option<String>,
    /// Somebody went there: it is no piece of another page.
    visited: bool,
}

impl Signs {
    /// What the findings about an answer say; nothing where nobody in particular asked, or it does nothing of the kind.
    pub(crate) fn of(name: &str, parts: &[Part], findings: &[Finding], origin: &Origin) -> Option<Self> {
        if origin.direction != Direction::Download || !matches!(origin.gate, Gate::Proxy | Gate::Icap) {
            return None;
        }
        let client = origin.person.clone().or_else(|| origin.client.map(|client| client.to_string()))?;
        let own = origin.domain.as_ref().or(origin.host.as_ref());
        let mut keys: Vec<Key> = Vec::new();
        for site in own.into_iter().chain(&origin.page) {
            let key = (client.clone(), site.chars().take(MOST_HOST).collect());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let shown = shown(parts);
        let value = |id: &str| {
            let found = findings.iter().find(|finding| finding.id == id && shown.contains(finding.part.as_str()))?;
            Some(short(found.evidence.get("value").and_then(serde_json::Value::as_str).unwrap_or_default()))
        };
        let (words, writes, command) = (value(WORDS), value(WRITES), value(COMMAND));
        if keys.is_empty() || words.is_none() && writes.is_none() && command.is_none() {
            return None;
        }
        let page = |part: &Part| ["html", "svg", "mht", "xml"].iter().any(|kind| part.is(kind));
        let visited = origin.navigation && parts.first().is_some_and(page);
        Some(Self { keys, name: short(name), words, writes, command, visited })
    }

    /// What it does in one of the ways: the evidence.
    fn value(&self, sign: Sign) -> Option<&String> {
        match sign {
            Sign::Words => self.words.as_ref(),
            Sign::Writes => self.writes.as_ref(),
            Sign::Command => self.command.as_ref().filter(|_| !self.visited),
            Sign::WordsAndCommand => self.words.as_ref().and(self.command.as_ref()),
            Sign::WritesAndCommand => self.writes.as_ref().and(self.command.as_ref()),
        }
    }
}

/// Paths of the parts that a browser shows or runs; not what lies in archives and mails.
fn shown(parts: &[Part]) -> HashSet<&str> {
    let mut hidden: HashSet<PartId> = HashSet::new();
    let mut shown = HashSet::new();
    // Parents come before children.
    for part in parts {
        let kept = matches!(part.role, Role::Member | Role::Attachment | Role::Body);
        if kept || part.parent.is_some_and(|parent| hidden.contains(&parent)) {
            hidden.insert(part.id);
        } else {
            shown.insert(part.path.as_str());
        }
    }
    shown
}

/// One answer that did something.
#[derive(Debug, Clone)]
struct Sight {
    number: u64,
    at: Instant,
    name: String,
    value: String,
}

/// The newest answers that did one thing.
#[derive(Debug, Default)]
struct Seen {
    /// It was delivered.
    settled: Option<Sight>,
    /// It is still to be decided about.
    pending: Option<Sight>,
}

impl Seen {
    /// The newest that still counts, of another answer than `number`.
    fn other(&self, number: u64, now: Instant) -> Option<&Sight> {
        let lasts = |sight: &&Sight| sight.number != number && now.saturating_duration_since(sight.at) < LASTING;
        self.pending.as_ref().filter(lasts).or_else(|| self.settled.as_ref().filter(lasts))
    }
}

/// What one site did to one client.
type Sights = [Seen; Sign::ALL.len()];

#[derive(Default)]
struct Known {
    sights: HashMap<Key, Sights>,
    /// Every key once, the oldest first.
    order: VecDeque<Key>,
    number: u64,
}

/// An answer that waits for the decision about it.
#[derive(Debug)]
pub(crate) struct Waiting {
    signs: Signs,
    number: u64,
    at: Instant,
}

/// The memory.
#[derive(Default)]
pub(crate) struct Together(Mutex<Known>);

impl Together {
    /// Takes note of what an answer does, at once for others that are judged meanwhile, and says what comes of it together with
    /// those before. [`Together::settle`] is to be told what was decided.
    pub(crate) fn join(&self, signs: Signs, now: Instant) -> (Waiting, Option<Finding>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.number = known.number.wrapping_add(1);
        let number = known.number;
        known.forget(now);
        let mut found = None;
        for key in &signs.keys {
            let sights = known.of(key);
            found = found.or_else(|| combined(&signs, sights, number, now));
            for (sign, seen) in Sign::ALL.into_iter().zip(sights.iter_mut()) {
                if let Some(value) = signs.value(sign) {
                    seen.pending = Some(Sight { number, at: now, name: signs.name.clone(), value: value.clone() });
                }
            }
        }
        (Waiting { signs, number, at: now }, found)
    }

    /// What was delivered counts for answers to come; what was not delivered has done nothing.
    pub(crate) fn settle(&self, waiting: Waiting, delivered: bool) {
        let Waiting { signs, number, at } = waiting;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &signs.keys {
            let sights = known.of(key);
            for (sign, seen) in Sign::ALL.into_iter().zip(sights.iter_mut()) {
                let Some(value) = signs.value(sign) else { continue };
                if seen.pending.as_ref().is_some_and(|sight| sight.number == number) {
                    seen.pending = None;
                }
                if delivered && seen.settled.as_ref().is_none_or(|sight| sight.at <= at) {
                    seen.settled = Some(Sight { number, at, name: signs.name.clone(), value: value.clone() });
                }
            }
        }
    }
}

impl Known {
    /// What is known of a client and a site; nothing yet, perhaps.
    fn of(&mut self, key: &Key) -> &mut Sights {
        if !self.sights.contains_key(key) {
            self.order.push_back(key.clone());
            while self.order.len() > MOST {
                if let Some(oldest) = self.order.pop_front() {
                    self.sights.remove(&oldest);
                }
            }
        }
        self.sights.entry(key.clone()).or_default()
    }

    /// Forgets, from the oldest on, what counts no more.
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let lasts = |seen: &Seen| seen.other(0, now).is_some();
            if self.sights.get(oldest).is_some_and(|sights| sights.iter().any(lasts)) {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.sights.remove(&oldest);
            }
        }
    }
}

/// What an answer does together with others before it.
fn combined(signs: &Signs, sights: &Sights, number: u64, now: Instant) -> Option<Finding> {
    let before = |sign: Sign| {
        let at = Sign::ALL.iter().position(|each| *each == sign)?;
        sights.get(at)?.other(number, now)
    };
    for combination in COMBINATIONS {
        let own = |sign: &Sign| signs.value(*sign).is_some();
        let all = combination.iter().all(|sign| own(sign) || before(*sign).is_some());
        // What it does alone was judged by detectors; what others did was judged with them.
        let shared = combination.iter().any(own) && combination.iter().any(|sign| !own(sign));
        if !all || !shared {
            continue;
        }
        let others: Vec<&Sight> =
            combination.iter().filter(|sign| !own(sign)).filter_map(|sign| before(*sign)).collect();
        let mut names: Vec<String> = others.iter().map(|sight| format!("`{}`", sight.name)).collect();
        names.dedup();
        let names = names.join(" and ");
        let message = format!(
            "together with {names}, loaded from the same site a few minutes before, it copies a command to the \
                clipboard and asks people to paste and run it"
        );
        let value = |sign: Sign| signs.value(sign).cloned().or_else(|| before(sign).map(|sight| sight.value.clone()));
        let command = [Sign::Command, Sign::WordsAndCommand, Sign::WritesAndCommand].into_iter().find_map(value);
        let found = Finding::new("page.click-fix", "engine", Severity::High, Family::Behaviour, message);
        let found = found.technique("T1204.004").with("together", names).with("value", command.unwrap_or_default());
        return Some(match value(Sign::Words) {
            Some(words) => found.with("words", words),
            None => found,
        });
    }
    None
}

/// As much of a text as is kept.
fn short(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests;
