//! One call turns bytes into parts, findings, a verdict and a decision.

use crate::assembly::Analysis;
use crate::grounds::Grounds;
use crate::judged::Judged;
use crate::lists::{self, CompiledList, HashListFile};
use crate::pool::{Arsenal, Lent, Pool};
use crate::remembered::Remembered;
use crate::ruled::{basis, milliseconds, spoken, whole};
use crate::sample::Prepared;
use crate::seats::Share;
use crate::together::{Signs, Together};
use crate::{Clamd, EngineError, Expected, Pace, Probe, Request, cache, unopened};
use data_encoding::HEXLOWER;
use lazaret_detect::{RuleError, RuleSource, rules_fingerprint};
use lazaret_model::{
    Decision, Direction, Family, Finding, Gate, Kind, Known, Limits, Origin, Ruling, SCAN_SCHEMA, ScanReport,
};
use lazaret_policy::{Change, Outcome, Policies};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Reasons for which rules are left out that are named one by one.
const MOST_REASONS: usize = 20;
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
    /// Hash lists.
    pub hash_lists: Vec<HashListFile>,
    /// What one sample may cost.
    pub limits: Limits,
    /// Passwords to try on everything, the likeliest first.
    pub passwords: Vec<String>,
    /// A running `clamd`.
    pub clamd: Option<Clamd>,
    /// Where parts too large for memory are spooled; the system's temporary folder where none is given.
    pub spool: Option<PathBuf>,
    /// Which samples may share a process.
    pub isolation: Isolation,
    /// How many samples are to come.
    pub expected: Expected,
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

/// What decided about a part, and what would change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What was decided then.
    pub ruling: Ruling,
    /// What the policies in force decide about the same facts, and under which changes they would decide otherwise; none where
    /// the facts were not kept.
    pub now: Option<(Decision, Vec<Change>)>,
    /// The facts that the policies which decided then ask for, as policies do, each with its value; none where they were not kept.
    pub rests_on: Vec<(String, String)>,
}

/// The pipeline with its worker. Shared freely between threads.
pub struct Engine {
    pool: Pool,
    limits: Limits,
    passwords: Vec<String>,
    clamd: Option<Clamd>,
    policies: Policies,
    remembered: Remembered,
    together: Together,
    fingerprint: String,
    isolation: Isolation,
}

impl Engine {
    /// Compiles or loads the rules, starts the worker and waits until its doors are closed. The policies that decide are read
    /// meanwhile.
    ///
    /// # Errors
    /// When the worker cannot be started or cannot be sandboxed, or the policies cannot be used. Broken rules and lists are notices;
    /// the rest is used.
    pub fn start<E>(
        settings: Settings,
        policies: impl FnOnce() -> Result<Policies, E>,
    ) -> Result<(Self, Vec<Notice>), E>
    where
        E: From<EngineError>,
    {
        let mut notices = Vec::new();
        let hash_lists = hash_lists(&settings, &mut notices);
        let mut fingerprint = fingerprint(&settings, &hash_lists);
        let rules = cache::rules(&settings.rules, settings.cache.as_deref())?;
        notices.extend(left_out(&rules.errors));
        notices.extend(rules.trouble.map(Notice));
        let arsenal =
            Arsenal { rules: Some((OwnedFd::from(rules.file), rules.len)), hash_lists, expected: settings.expected };
        let (limits, spool) = (settings.limits.clone(), settings.spool);
        let (pool, policies) = std::thread::scope(|scope| {
            let pool = scope.spawn(|| Pool::start(&settings.executable, arsenal, limits, spool));
            let policies = policies();
            let died = || Err(EngineError::Worker("the thread that starts it died".to_owned()));
            (pool.join().unwrap_or_else(|_| died()), policies)
        });
        let (pool, policies) = (pool?, policies?);
        add(&mut fingerprint, &policies.text());
        let engine = Self {
            pool,
            limits: settings.limits,
            passwords: settings.passwords,
            clamd: settings.clamd,
            remembered: Remembered::default(),
            together: Together::default(),
            policies,
            fingerprint: HEXLOWER.encode(&fingerprint.finalize()),
            isolation: settings.isolation,
        };
        Ok((engine, notices))
    }

    /// Judges one sample. Blocks until that is done: for half as long again as is configured, and at most ten seconds more.
    ///
    /// # Errors
    /// When the sample could not be read or handed over. A sample whose analysis fails is no error: its report says so.
    pub fn scan(&self, request: Request<'_>) -> Result<ScanReport, EngineError> {
        self.scan_under(request, &self.limits, Pace::First)
    }

    /// The same in less time than is configured, at a pace beside others.
    ///
    /// # Errors
    /// As [`Engine::scan`].
    pub fn scan_within(&self, request: Request<'_>, time: Duration, pace: Pace) -> Result<ScanReport, EngineError> {
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, self.limits.time_ms.max(1));
        self.scan_under(request, &Limits { time_ms, ..self.limits.clone() }, pace)
    }

    fn scan_under(&self, request: Request<'_>, limits: &Limits, pace: Pace) -> Result<ScanReport, EngineError> {
        let start = Instant::now();
        // Another scanner may have learnt something, and numbers of times only grow.
        let key = if self.clamd.is_none() && !self.policies.ask_ledger() { Remembered::key(&request) } else { None };
        if let Some(report) = key.as_ref().and_then(|key| self.remembered.recall(key)) {
            // It was remembered of somebody else, perhaps.
            let basis = Some(basis(request.origin, 0, Known::Inspection));
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
            let lent = Lent { codings, passwords, pace };
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

    /// Whether policy forbids whatever is asked for there, before anything of it is fetched. `name` is what events call it. The report
    /// says that nothing was seen of it; its hash is empty.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn before(&self, name: &str, origin: &Origin) -> Result<Option<ScanReport>, EngineError> {
        unopened::before(&self.policies, name, origin)
    }

    /// Whether policy forbids a sample whatever the rest of it holds, told by its name, its origin and its first bytes:
    /// then the rest need not be fetched. The report says that only the beginning was seen; its hash is empty.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn early(&self, name: &str, head: &[u8], origin: &Origin) -> Result<Option<ScanReport>, EngineError> {
        unopened::early(&self.policies, name, head, origin)
    }

    /// What policy says of a connection that nobody looks into, as if nothing bad were in it. `name` is what events call it.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn connection(&self, kind: Kind, name: &str, origin: &Origin) -> Result<ScanReport, EngineError> {
        unopened::connection(&self.policies, kind, name, origin)
    }

    /// What decided each part that is not simply delivered, and what would change it: the worst parts first. It is explained by
    /// the grounds of that decision; of a part that those do not speak of, nothing is said.
    ///
    /// # Errors
    /// When a policy fails on these facts.
    pub fn explain(&self, report: &ScanReport, grounds: Option<&Grounds>) -> Result<Vec<Explained>, EngineError> {
        let mut explained = Vec::new();
        // Which facts a policy asks for takes long to find out, and few policies decide about many parts.
        let mut asked_for = HashMap::new();
        for ruling in &report.rulings {
            let now = match grounds {
                Some(grounds) => grounds.explain(&self.policies, &report.path, &ruling.part)?,
                None => None,
            };
            let mut rests_on = Vec::new();
            if let Some(facts) = grounds.and_then(|grounds| grounds.facts(&ruling.part)) {
                for policy in &ruling.policies {
                    let asked = asked_for.entry(&policy.id).or_insert_with(|| self.policies.asked_for(&policy.id));
                    rests_on.extend(asked.iter().map(|fact| (fact.path(), facts.value(fact))));
                }
            }
            rests_on.sort();
            rests_on.dedup();
            explained.push(Explained { ruling: ruling.clone(), now, rests_on });
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
        let nothing = || EngineError::Worker("it reported nothing".to_owned());
        let (sample, verdict_on_sample) = judged.parts().next().ok_or_else(nothing)?;
        let counts = self.policies.ask_ledger();
        let prevalence = prevalence.filter(|_| counts).map_or(0, |seen| seen(&sample.sha256));
        // Where no policy here asks how often it was seen, others are not to be told a number that nobody knows.
        let known = if counts { Known::Ledger } else { Known::Inspection };
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
            basis: Some(basis(origin, prevalence, known)),
        })
    }
}

fn ask(clamd: &Clamd, prepared: &Prepared, limits: &Limits) -> Option<Finding> {
    match prepared.reader() {
        Ok(mut reader) => clamd.ask(&mut reader, Duration::from_millis(limits.time_ms)),
        Err(error) => Some(clamd.failed(&error)),
    }
}

fn fingerprint(settings: &Settings, hash_lists: &[CompiledList]) -> Sha256 {
    let mut hash = Sha256::new();
    add(&mut hash, rules_fingerprint());
    add(&mut hash, &cache::key(&settings.rules));
    hash_lists.iter().for_each(|list| add(&mut hash, &list.sha256));
    settings.passwords.iter().for_each(|password| add(&mut hash, password));
    add(&mut hash, &format!("{:?} {:?}", settings.limits, settings.clamd));
    hash
}

/// Adds a text in such a way that what comes after it begins where it ends.
fn add(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

/// What is to be said of rules that cannot be used, each reason once: a set that expects something else has hundreds of them.
fn left_out(errors: &[RuleError]) -> Vec<Notice> {
    let mut reasons: BTreeMap<&str, Vec<&RuleError>> = BTreeMap::new();
    for error in errors {
        reasons.entry(&error.message).or_default().push(error);
    }
    let said = |errors: &Vec<&RuleError>| match errors.as_slice() {
        [] => None,
        [error] => Some(Notice(format!("a rule was skipped: {error}"))),
        [first, ..] => Some(Notice(format!(
            "{} rules were skipped for the same reason, the first: \
            {first}",
            errors.len()
        ))),
    };
    let mut notices: Vec<_> = reasons.values().filter_map(said).collect();
    let more = notices.len().saturating_sub(MOST_REASONS);
    if more > 0 {
        notices.truncate(MOST_REASONS);
        notices.push(Notice(format!("rules were skipped for {more} more reasons")));
    }
    notices
}

/// The lists that can be used.
fn hash_lists(settings: &Settings, notices: &mut Vec<Notice>) -> Vec<CompiledList> {
    let mut all = Vec::new();
    for list in &settings.hash_lists {
        match lists::compiled(list, settings.cache.as_deref()) {
            Ok(mut list) => {
                notices.extend(list.trouble.take().map(Notice));
                all.push(list);
            }
            Err(error) => notices.push(Notice(format!("a hash list was skipped: {error}"))),
        }
    }
    all
}
