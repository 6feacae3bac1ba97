//! One call turns bytes into parts, findings, a verdict and a decision.

use crate::assembly::Analysis;
use crate::grounds::Grounds;
use crate::pool::{Arsenal, Lent, Pool};
use crate::remembered::Remembered;
use crate::sample::Prepared;
use crate::seats::Share;
use crate::together::{Signs, Together};
use crate::{Clamd, EngineError, Probe, SampleBytes, cache, system};
use data_encoding::HEXLOWER;
use lazaret_detect::{HashLists, RuleSource, rules_fingerprint};
use lazaret_model::{
    Basis, ContentCoding, Decision, Direction, Family, Finding, Gate, Kind, Limits, Origin, Part, PartId, PolicyMatch,
    Role, Ruling, SCAN_SCHEMA, ScanReport, Verdict, fold,
};
use lazaret_policy::{Change, Facts, KindMayChange, Outcome, Policies, explain};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The policy id of a block that no policy spoke for.
const DEFAULT_DENY: &str = "default-deny";
/// Parts that are explained one by one.
const MOST_RULINGS: usize = 200;

/// What an engine is made of.
pub struct Settings {
    /// The executable that becomes the worker: our own.
    pub executable: PathBuf,
    /// Rules, the built-in ones included.
    pub rules: Vec<RuleSource>,
    /// Where compiled rules are kept between starts.
    pub cache: Option<PathBuf>,
    /// Hash lists: name and text.
    pub hash_lists: Vec<(String, String)>,
    /// What one sample may cost.
    pub limits: Limits,
    /// Passwords to try on everything, the likeliest first.
    pub passwords: Vec<String>,
    /// A running `clamd`.
    pub clamd: Option<Clamd>,
    /// The policies that decide.
    pub policies: Policies,
    /// Where parts too large for memory are spooled; the system's temporary folder where none is given.
    pub spool: Option<PathBuf>,
    /// Which samples may share a process.
    pub isolation: Isolation,
}

/// Which samples may share a sandboxed process, one after the other and for a short while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// What pages load for themselves from one registered domain, and the files of one scan. Whatever a person opens, saves or
    /// sends has a process of its own.
    #[default]
    Site,
    /// None: each has a process of its own.
    Sample,
}

impl Isolation {
    /// What a sample may share a process with.
    fn share(self, origin: &Origin) -> Option<Share> {
        let piece = origin.direction == Direction::Download && !origin.navigation && !origin.saves;
        match (self, origin.gate) {
            (Self::Sample, _) => None,
            (Self::Site, Gate::Scan) => Some(Share::Caller),
            (Self::Site, Gate::Proxy | Gate::Icap) if piece && origin.page.is_some() => {
                origin.domain.clone().or_else(|| origin.host.clone()).map(Share::Site)
            }
            (Self::Site, _) => None,
        }
    }
}

/// Something to tell the administrator; the engine works all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(pub String);

/// One sample to judge.
pub struct Request<'a> {
    /// What it is called, for people and as a source of passwords.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: SampleBytes,
    /// Where it came from.
    pub origin: &'a Origin,
    /// Passwords for this sample, tried before the configured ones.
    pub passwords: &'a [String],
    /// How the bytes are packed, in the order in which that was done. The sample is what is under it.
    pub codings: &'a [ContentCoding],
    /// Tells how often a SHA-256 was seen here before, where somebody knows. It is asked only when a policy depends on it.
    pub prevalence: Option<&'a dyn Fn(&str) -> u64>,
}

/// What decided about a part, and what would change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What was decided then.
    pub ruling: Ruling,
    /// What the policies in force decide about the same facts, and under which changes they would decide otherwise; none where
    /// the facts were not kept.
    pub now: Option<(Decision, Vec<Change>)>,
}

/// The pipeline with its worker. Shared freely between threads.
pub struct Engine {
    pool: Pool,
    limits: Limits,
    passwords: Vec<String>,
    clamd: Option<Clamd>,
    policies: Policies,
    /// A policy depends on how often something was seen.
    counts: bool,
    remembered: Remembered,
    together: Together,
    fingerprint: String,
    isolation: Isolation,
}

impl Engine {
    /// Compiles or loads the rules, starts the worker and waits until its doors are closed.
    ///
    /// # Errors
    /// When the worker cannot be started or cannot be sandboxed. Broken rules and lists are notices; the rest is used.
    pub fn start(settings: Settings) -> Result<(Self, Vec<Notice>), EngineError> {
        let mut notices = Vec::new();
        let fingerprint = fingerprint(&settings);
        let rules = cache::rules(&settings.rules, settings.cache.as_deref())?;
        notices.extend(rules.errors.iter().map(|error| Notice(format!("a rule is left out: {error}"))));
        notices.extend(rules.trouble.map(Notice));
        let arsenal = Arsenal {
            rules: Some((OwnedFd::from(rules.file), rules.len)),
            hash_lists: hash_lists(settings.hash_lists, &mut notices)?,
        };
        let pool = Pool::start(&settings.executable, arsenal, settings.limits.clone(), settings.spool)?;
        let engine = Self {
            pool,
            limits: settings.limits,
            passwords: settings.passwords,
            clamd: settings.clamd,
            counts: settings.policies.text().contains("prevalence"),
            remembered: Remembered::default(),
            together: Together::default(),
            policies: settings.policies,
            fingerprint,
            isolation: settings.isolation,
        };
        Ok((engine, notices))
    }

    /// Judges one sample. Blocks until that is done: for half as long again as is configured, and at most ten seconds more.
    ///
    /// # Errors
    /// When the sample could not be read or handed over. A sample whose analysis fails is no error: its report says so.
    pub fn scan(&self, request: Request<'_>) -> Result<ScanReport, EngineError> {
        self.scan_under(request, &self.limits)
    }

    /// The same in less time than is configured.
    ///
    /// # Errors
    /// As [`Engine::scan`].
    pub fn scan_within(&self, request: Request<'_>, time: Duration) -> Result<ScanReport, EngineError> {
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, self.limits.time_ms.max(1));
        self.scan_under(request, &Limits { time_ms, ..self.limits.clone() })
    }

    fn scan_under(&self, request: Request<'_>, limits: &Limits) -> Result<ScanReport, EngineError> {
        let start = Instant::now();
        // Another scanner may have learnt something, and numbers of times only grow.
        let key = if self.clamd.is_none() && !self.counts { Remembered::key(&request) } else { None };
        if let Some(report) = key.as_ref().and_then(|key| self.remembered.recall(key)) {
            // It was remembered of somebody else, perhaps.
            let basis = Some(basis(request.origin, 0));
            let report = self.put_together(ScanReport { basis, ..report }, request.origin, None, start)?;
            return Ok(ScanReport { elapsed_ms: milliseconds(start), ..report });
        }
        let Request { name, bytes, origin, passwords, codings, prevalence } = request;
        let prepared = bytes.prepare(name)?;
        let share = self.isolation.share(origin);
        let passwords = passwords.iter().chain(&self.passwords).cloned().collect();
        let hand = |source| EngineError::Hand { name: name.to_owned(), step: "reading it", source };
        let (mut analysis, sha256) = std::thread::scope(|scope| {
            let hashed = prepared.is_lent().then(|| scope.spawn(|| prepared.sha256()));
            let clamd = self.clamd.as_ref().map(|clamd| (clamd, scope.spawn(|| ask(clamd, &prepared, limits))));
            let whole = whole(name, prepared.handed.size, origin);
            let lent = Lent { codings, passwords };
            let mut analysis = self.pool.analyse(name, &prepared.handed, limits, lent, whole, share.as_ref())?;
            // A thread that dies has no opinion, and says so.
            let failed = |clamd: &Clamd| clamd.failed(&std::io::Error::other("asking it failed"));
            let opinion = clamd.map(|(clamd, asked)| asked.join().unwrap_or_else(|_| Some(failed(clamd))));
            if let Some(mut finding) = opinion.flatten() {
                if let Some(sample) = analysis.parts.first_mut() {
                    finding.part.clone_from(&sample.path);
                    // Whoever asks for a second opinion does not want to go without it unnoticed.
                    if finding.family == Family::Analysis {
                        sample.complete = false;
                        sample.incomplete.push(finding.message.clone());
                    }
                }
                analysis.findings.push(finding);
            }
            let sha256 = match hashed {
                Some(thread) => thread.join().unwrap_or_else(|_| Err(std::io::Error::other("hashing it failed"))),
                None => prepared.sha256(),
            };
            Ok::<_, EngineError>((analysis, sha256.map_err(hand)?))
        })?;
        prepared.check_unchanged(name)?;
        // What is under a content coding only the worker has seen, if it could say.
        if let Some(sample) = analysis.parts.first_mut().filter(|part| codings.is_empty() || part.sha256.is_empty()) {
            sample.sha256 = sha256;
        }
        let held = analysis.held;
        let report = self.judge(name, analysis, origin, prevalence, start)?;
        if let Some(key) = key {
            self.remembered.keep(key, &report, held);
        }
        self.put_together(report, origin, prevalence, start)
    }

    /// The report, or another one where the sample does something together with what the same site sent the same client before.
    fn put_together(
        &self,
        report: ScanReport,
        origin: &Origin,
        prevalence: Option<&dyn Fn(&str) -> u64>,
        start: Instant,
    ) -> Result<ScanReport, EngineError> {
        let Some(signs) = Signs::of(&report.path, &report.parts, &report.findings, origin) else { return Ok(report) };
        let (waiting, found) = self.together.join(signs, Instant::now());
        let report = match found {
            Some(mut finding) => {
                finding.part = report.parts.first().map(|sample| sample.path.clone()).unwrap_or_default();
                let ScanReport { path, parts, mut findings, .. } = report;
                findings.push(finding);
                self.judge(&path, Analysis { parts, findings, held: 0 }, origin, prevalence, start)?
            }
            None => report,
        };
        self.together.settle(waiting, report.decision == Decision::Deliver);
        Ok(report)
    }

    /// What the first bytes of something look like. Nothing is allocated by what they say.
    pub fn kind_of(head: &[u8]) -> Kind {
        lazaret_formats::identify_head(head).kind
    }

    /// Whether policy forbids a sample whatever the rest of it holds, told by its name, its origin and its first bytes:
    /// then the rest need not be fetched. The report says that only the beginning was seen; its hash is empty.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn early(&self, name: &str, head: &[u8], origin: &Origin) -> Result<Option<ScanReport>, EngineError> {
        let identified = lazaret_formats::identify_head(head);
        let mut part = whole(name, head.len() as u64, origin);
        (part.kind, part.also) = (identified.kind, identified.also);
        lazaret_formats::settle(&mut part);
        // What is built on these shows further on.
        let open = part.kind.is_unknown() || matches!(&*part.kind.id, "zip" | "cfb" | "empty");
        let kind = if open { KindMayChange::Yes } else { KindMayChange::No };
        let judged = Judged::new(std::slice::from_ref(&part), &[]);
        let facts = judged.facts(&part, Verdict::Benign, origin);
        let outcome = self.policies.forbids_early(&part.path, &facts, kind);
        let outcome = outcome.map_err(|source| EngineError::Policy { name: part.path.clone(), source })?;
        let why = "policy forbids it whatever it holds: only its first bytes were fetched";
        Ok(outcome.map(|outcome| unopened(part, why, outcome, origin, Instant::now())))
    }

    /// What policy says of a connection that nobody looks into. `name` is what events call it.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn connection(&self, kind: Kind, name: &str, origin: &Origin) -> Result<ScanReport, EngineError> {
        let part = Part { kind, ..whole(name, 0, origin) };
        self.unopened(part, "nobody inspects what is said in it", origin)
    }

    /// What policy says of a part that nobody has opened, as if nothing bad were in it.
    fn unopened(&self, mut part: Part, why: &str, origin: &Origin) -> Result<ScanReport, EngineError> {
        let start = Instant::now();
        part.complete = true;
        let judged = Judged::new(std::slice::from_ref(&part), &[]);
        let outcome = self.policies.decide(&part.path, &judged.facts(&part, Verdict::Benign, origin));
        let outcome = outcome.map_err(|source| EngineError::Policy { name: part.path.clone(), source })?;
        Ok(unopened(part, why, outcome, origin, start))
    }

    /// What decided each part that is not simply delivered, and what would change it: the worst parts first. It is explained by
    /// the grounds of that decision; of a part that those do not speak of, nothing is said.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn explain(&self, report: &ScanReport, grounds: Option<&Grounds>) -> Result<Vec<Explained>, EngineError> {
        let mut explained = Vec::new();
        for ruling in &report.rulings {
            let facts = grounds.and_then(|grounds| grounds.facts(&ruling.part));
            let now = facts.map(|facts| explain(&self.policies, &ruling.part, facts)).transpose();
            let now = now.map_err(|source| EngineError::Policy { name: report.path.clone(), source })?;
            let now = now.map(|(outcome, changes)| (outcome.decision, changes));
            explained.push(Explained { ruling: ruling.clone(), now });
        }
        explained.sort_by_key(|explained| std::cmp::Reverse(explained.ruling.decision));
        Ok(explained)
    }

    /// The policies in force.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// A hash, in hexadecimal, of everything that a decision rests on beside the sample: this version, rules, hash lists,
    /// limits, passwords and policies. While it is the same, so are the answers.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Rules the worker loaded.
    pub fn rules(&self) -> usize {
        self.pool.rules()
    }

    /// Protections that this kernel did not grant the worker.
    pub fn missing_protections(&self) -> Vec<String> {
        self.pool.missing_protections()
    }

    /// Tries something forbidden inside a worker. `Ok` with how it was refused, `Err` when it succeeded.
    ///
    /// # Errors
    /// The outer error when the worker could not be asked at all.
    pub fn probe(&self, probe: Probe, limits: &Limits) -> Result<Result<String, String>, EngineError> {
        self.pool.probe(probe, limits)
    }

    fn judge(
        &self,
        name: &str,
        analysis: Analysis,
        origin: &Origin,
        prevalence: Option<&dyn Fn(&str) -> u64>,
        start: Instant,
    ) -> Result<ScanReport, EngineError> {
        let Analysis { parts, findings, .. } = analysis;
        let judged = Judged::new(&parts, &findings);
        let nothing = || EngineError::Worker("it reported nothing, not even the sample itself".to_owned());
        let (sample, verdict_on_sample) = judged.parts().next().ok_or_else(nothing)?;
        let prevalence = prevalence.filter(|_| self.counts).map_or(0, |seen| seen(&sample.sha256));
        let mut rulings = Vec::new();
        let mut strictest: Option<Outcome> = None;
        for (part, verdict) in judged.parts() {
            let mut facts = judged.facts(part, verdict, origin);
            facts.prevalence = prevalence;
            let decided = self.policies.decide(&part.path, &facts);
            let outcome = decided.map_err(|source| EngineError::Policy { name: name.to_owned(), source })?;
            if outcome.decision != Decision::Deliver && rulings.len() < MOST_RULINGS {
                let policies = spoken(&outcome);
                rulings.push(Ruling { part: part.path.clone(), decision: outcome.decision, policies });
            }
            match &mut strictest {
                Some(so_far) if outcome.decision < so_far.decision => {}
                Some(so_far) if outcome.decision == so_far.decision => {
                    let new = outcome.policies.into_iter().filter(|policy| !so_far.policies.contains(policy));
                    let new: Vec<_> = new.collect();
                    so_far.policies.extend(new);
                }
                _ => strictest = Some(outcome),
            }
        }
        let outcome = strictest.unwrap_or(Outcome { decision: Decision::Block, policies: Vec::new() });
        let mut policies: Vec<_> = spoken(&outcome).into_iter().map(|policy| policy.id).collect();
        policies.sort();
        Ok(ScanReport {
            schema: SCAN_SCHEMA.to_owned(),
            path: name.to_owned(),
            sha256: sample.sha256.clone(),
            size: sample.size,
            kind: sample.kind.clone(),
            verdict: verdict_on_sample,
            decision: outcome.decision,
            policies,
            complete: parts.iter().all(|part| part.complete && !part.locked),
            elapsed_ms: milliseconds(start),
            parts,
            findings,
            rulings,
            basis: Some(basis(origin, prevalence)),
        })
    }
}

fn milliseconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e4).round() / 10.0
}

/// The policies that decided, with a name for deciding by default.
pub(crate) fn spoken(outcome: &Outcome) -> Vec<PolicyMatch> {
    if !outcome.policies.is_empty() {
        return outcome.policies.clone();
    }
    vec![PolicyMatch { id: DEFAULT_DENY.to_owned(), title: "Nothing permits it".to_owned() }]
}

/// Parts with their verdicts and the findings about each.
pub(crate) struct Judged<'a> {
    parts: &'a [Part],
    verdicts: Vec<Verdict>,
    findings: HashMap<&'a str, Vec<&'a Finding>>,
    /// For each part that holds others, the ids of kinds from the sample down to it.
    inside: HashMap<PartId, Vec<&'a str>>,
}

impl<'a> Judged<'a> {
    pub(crate) fn new(parts: &'a [Part], all: &'a [Finding]) -> Self {
        let mut findings: HashMap<&str, Vec<&Finding>> = HashMap::new();
        for finding in all {
            findings.entry(&finding.part).or_default().push(finding);
        }
        Self { parts, verdicts: fold(parts, all), findings, inside: inside(parts) }
    }

    /// Every part with its verdict, the sample first.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'a Part, Verdict)> {
        self.parts.iter().zip(self.verdicts.iter().copied())
    }

    /// What policies are told about one of the parts.
    pub(crate) fn facts(&self, part: &Part, verdict: Verdict, origin: &Origin) -> Facts {
        let parents = part.parent.and_then(|id| self.inside.get(&id)).map_or(&[][..], Vec::as_slice);
        let findings = self.findings.get(part.path.as_str()).map_or(&[][..], Vec::as_slice);
        Facts::of(part, verdict, findings, parents, origin)
    }
}

/// For each part that holds others, the ids of kinds from the sample down to it, each once. Parents come before children, so
/// one pass does, whatever the parts say of each other.
fn inside(parts: &[Part]) -> HashMap<PartId, Vec<&str>> {
    let index: HashMap<PartId, &Part> = parts.iter().map(|part| (part.id, part)).collect();
    let mut inside: HashMap<PartId, Vec<&str>> = HashMap::new();
    for part in parts {
        let Some(parent) = part.parent.and_then(|id| index.get(&id)) else { continue };
        if inside.contains_key(&parent.id) {
            continue;
        }
        let mut kinds = parent.parent.and_then(|id| inside.get(&id)).cloned().unwrap_or_default();
        let kind = parent.kind.id.as_ref();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        inside.insert(parent.id, kinds);
    }
    inside
}

/// The report about a part that nobody has opened.
fn unopened(mut part: Part, why: &str, outcome: Outcome, origin: &Origin, start: Instant) -> ScanReport {
    part.complete = false;
    part.incomplete.push(why.to_owned());
    let name = part.path.clone();
    let mut policies: Vec<_> = outcome.policies.iter().map(|policy| policy.id.clone()).collect();
    policies.sort();
    ScanReport {
        schema: SCAN_SCHEMA.to_owned(),
        path: name.clone(),
        sha256: String::new(),
        size: part.size,
        kind: part.kind.clone(),
        verdict: Verdict::Unknown,
        decision: outcome.decision,
        policies,
        complete: false,
        elapsed_ms: milliseconds(start),
        rulings: vec![Ruling { part: name, decision: outcome.decision, policies: outcome.policies }],
        parts: vec![part],
        findings: Vec::new(),
        basis: Some(basis(origin, 0)),
    }
}

/// What a report's decision rests on.
fn basis(origin: &Origin, prevalence: u64) -> Box<Basis> {
    Box::new(Basis { origin: origin.clone(), prevalence })
}

/// The sample as a part, for when the worker could not say anything about it.
pub(crate) fn whole(name: &str, size: u64, origin: &Origin) -> Part {
    Part {
        id: PartId(0),
        parent: None,
        path: name.to_owned(),
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        named: true,
        role: Role::Sample,
        depth: 0,
        kind: Kind::UNKNOWN,
        also: Vec::new(),
        size,
        sha256: String::new(),
        sha1: None,
        md5: None,
        within: Vec::new(),
        declared_type: origin.declared_type.clone(),
        locked: false,
        complete: false,
        incomplete: Vec::new(),
        password: None,
        macros: false,
    }
}

fn ask(clamd: &Clamd, prepared: &Prepared, limits: &Limits) -> Option<Finding> {
    match prepared.reader() {
        Ok(mut reader) => clamd.ask(&mut reader, Duration::from_millis(limits.time_ms)),
        Err(error) => Some(clamd.failed(&error)),
    }
}

/// Reads every list once to report what cannot be used, and keeps the texts for the worker.
type HashListFiles = Option<(Vec<(String, u64)>, OwnedFd)>;

fn fingerprint(settings: &Settings) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(rules_fingerprint());
    settings.rules.iter().for_each(|rule| add(&rule.text));
    settings.hash_lists.iter().for_each(|(_, text)| add(text));
    settings.passwords.iter().for_each(|password| add(password));
    add(&format!("{:?} {:?}", settings.limits, settings.clamd));
    add(&settings.policies.text());
    HEXLOWER.encode(&hash.finalize())
}

fn hash_lists(lists: Vec<(String, String)>, notices: &mut Vec<Notice>) -> Result<HashListFiles, EngineError> {
    let mut checked = HashLists::default();
    let (mut index, mut bytes) = (Vec::new(), Vec::new());
    for (name, text) in lists {
        match checked.add(&name, &text) {
            Ok(_) => {
                index.push((name, text.len() as u64));
                bytes.extend_from_slice(text.as_bytes());
            }
            Err(error) => notices.push(Notice(format!("a hash list is left out: {error}"))),
        }
    }
    if index.is_empty() {
        return Ok(None);
    }
    let file = system::sealed(&bytes)
        .map_err(|source| EngineError::Start { step: "keeping the hash lists in memory", source })?;
    Ok(Some((index, file)))
}
