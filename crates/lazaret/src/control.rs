//! The process as the console and signals steer it: other policies, other rules, another engine, without a restart.

use crate::bypass::{self, BypassSet};
use crate::cli::{Common, EngineOptions};
use crate::config::{Config, REREAD};
use crate::failure::Failure;
use crate::packing::SpoolPacker;
use crate::pages::Words;
use crate::{replay, settings, sources};
use lazaret_console::{
    AuthoritySummary, CertificateRefusal, Control, ListSummary, NoHost, Packer, PassedHosts, Pending, PoliciesInForce,
    ShownTable, Simulation, SiteStanding, Unready, Unsaved,
};
use lazaret_engine::{Engine, Expected, Pace, Request, SampleBytes};
use lazaret_frame::Rooms;
use lazaret_gates::{Authority, Desk, Standing, names_host};
use lazaret_model::Origin;
use lazaret_policy::{
    Permissions, Policies, PolicyDescription, PolicyError, PolicyFile, PolicyProblem, built_in_policies,
};
use lazaret_store::{Ledger, LoggedEvent, NewPolicies, PolicyVersion, StoreError};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// What policies written in the console are called in errors.
const SAVED: &str = "policies";
/// How long the inspection of a small text may take in a process that should be given work.
const READY_TIME: Duration = Duration::from_secs(5);
/// How long rooms are waited for that put in force what was done about incidents.
const ROOMS_TAKE: Duration = Duration::from_secs(1);

/// What an engine is built from, beside the configuration.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) common: Common,
    pub(crate) options: EngineOptions,
}

impl Sources {
    /// The files and folders of policies that were named; then those in the ledger do not count.
    fn policy_paths<'a>(&'a self, config: &'a Config) -> &'a [PathBuf] {
        if self.options.policies.is_empty() { &config.policy.policies } else { &self.options.policies }
    }

    /// Builds an engine with the policies of the named files, else those saved, else the built-in ones. Blocks.
    pub(crate) fn build(&self, config: &Config, saved: Option<&PolicyVersion>) -> Result<sources::Started, Failure> {
        let text = saved.map(|version| version.text.as_str()).filter(|text| !text.is_empty());
        let files = match text {
            Some(text) if self.policy_paths(config).is_empty() => Some(vec![saved_file(text)]),
            _ => None,
        };
        sources::start_as(&self.common, &self.options, config.clone(), files.as_deref(), Expected::Many).map_err(
            |failure| {
                if files.is_none() {
                    return failure;
                }
                Failure::new(format!(
                    "{failure}\nif the problem is in the policies saved in the console: set `[policy] policies` in \
                    lazaret.toml to start without them"
                ))
            },
        )
    }

    /// Everything that rules, hash lists and policies are read from, with how it looks on the disk.
    fn stamp(&self, config: &Config) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
        let lists = [&config.detect.rules, &config.detect.hash_lists, &self.options.rules, &self.options.hashes];
        let paths = lists.into_iter().flatten().chain(self.policy_paths(config));
        let mut stamp = Vec::new();
        for path in paths {
            for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().flatten() {
                let meta = entry.metadata().ok();
                let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
                stamp.push((entry.into_path(), modified, meta.map_or(0, |meta| meta.len())));
            }
        }
        stamp
    }
}

/// Those in force for a configuration and what is saved in the ledger, without what an engine needs beside them.
pub(crate) fn policies_in_force(
    config: &Config,
    saved: Option<&PolicyVersion>,
) -> Result<Vec<PolicyDescription>, Failure> {
    Ok(deciding(config, saved)?.describe_all())
}

/// The same as they decide.
pub(crate) fn deciding(config: &Config, saved: Option<&PolicyVersion>) -> Result<Policies, Failure> {
    let text = saved.map(|version| version.text.as_str()).filter(|text| !text.is_empty());
    match text {
        Some(text) if config.policy.policies.is_empty() => Ok(Policies::parse(&[saved_file(text)])?),
        _ => sources::policies(&config.policy.policies),
    }
}

fn saved_file(text: &str) -> PolicyFile {
    PolicyFile { name: SAVED.to_owned(), text: text.to_owned() }
}

/// What is in force.
struct Running {
    config: Config,
    /// Rules and lists that were left out because something is wrong with them.
    troubles: usize,
    policies: PoliciesInForce,
}

/// The running process.
pub(crate) struct Process {
    sources: Sources,
    desk: Arc<Desk>,
    words: Arc<Words>,
    ledger: Ledger,
    permissions: Permissions,
    /// The sets of hosts that the configuration passes uninspected.
    bypass_sets: Vec<BypassSet>,
    running: RwLock<Running>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
    /// One look at the hosts that are passed at a time, so that the latest counts; and at what is in force for incidents.
    following: tokio::sync::Mutex<()>,
    containing: tokio::sync::Mutex<()>,
    /// Other policies were saved at the ledger, and could not be taken up.
    is_behind: AtomicBool,
    /// The proxy's certificate authority, where there is one.
    authority: Option<Arc<Authority>>,
    /// The rooms that run.
    rooms: Arc<Rooms>,
    /// Locks samples up.
    packer: Arc<SpoolPacker>,
}

impl Process {
    /// The process around an engine that was built from `config` and `saved`, without what was wrong with some sources.
    pub(crate) fn new(
        sources: Sources,
        config: Config,
        troubles: usize,
        saved: Option<&PolicyVersion>,
        desk: Arc<Desk>,
        words: Arc<Words>,
        ledger: Ledger,
    ) -> Result<Self, Failure> {
        let policies = in_force(&sources, &config, saved, &desk.engine())?;
        let permissions = Permissions::built_in()?;
        let bypass_sets = bypass::sets(&config.proxy.bypass_sets)?;
        let packer = Arc::new(SpoolPacker::new(sources.common.data.as_deref()));
        let running = RwLock::new(Running { config, troubles, policies });
        let (changing, following, containing, is_behind, authority, rooms) = Default::default();
        Ok(Self {
            sources,
            desk,
            words,
            ledger,
            permissions,
            bypass_sets,
            running,
            changing,
            following,
            containing,
            is_behind,
            authority,
            rooms,
            packer,
        })
    }

    /// The process with the proxy's certificate authority, of which the console tells people.
    pub(crate) fn with_authority(mut self, authority: Arc<Authority>) -> Self {
        self.authority = Some(authority);
        self
    }

    /// The process with rooms, which are told of incidents.
    pub(crate) fn with_rooms(mut self, rooms: Arc<Rooms>) -> Self {
        self.rooms = rooms;
        self
    }

    /// Has the gates pass what the configuration's sets and the ledger name; whoever changed the ledger, here or elsewhere.
    pub(crate) async fn follow_bypasses(&self) -> Result<(), StoreError> {
        let _one = self.following.lock().await;
        let named = self.ledger.bypasses().await?.into_iter().map(|bypass| bypass.host);
        self.desk.replace_bypassed(bypass::hosts(&self.bypass_sets).chain(named).collect());
        Ok(())
    }

    /// Has the gates keep back, and rooms do, what the ledger says is in force for incidents; whoever changed that, here or elsewhere.
    pub(crate) async fn follow_measures(&self) -> Result<(), StoreError> {
        let _one = self.containing.lock().await;
        let measures = self.ledger.measures().await?;
        let number = measures.len();
        // The gates first: no room keeps anybody from being protected there.
        if self.desk.replace_measures(measures.clone()) {
            tracing::info!(number, "containment measures changed");
        }
        // One that takes longer is told the rest later.
        let rooms = Arc::clone(&self.rooms);
        let told = tokio::task::spawn_blocking(move || rooms.contain(&measures));
        let _ = tokio::time::timeout(ROOMS_TAKE, told).await;
        Ok(())
    }

    /// Notes that policies which were saved elsewhere could not be taken up; whatever is taken up later ends that.
    pub(crate) fn note_behind(&self) {
        self.is_behind.store(true, Ordering::Relaxed);
    }

    fn config(&self) -> Config {
        self.running.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    fn version(&self) -> i64 {
        self.running.read().unwrap_or_else(PoisonError::into_inner).policies.version
    }

    /// How what rules, hash lists and policies are read from looks now.
    pub(crate) fn stamp(&self) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
        self.sources.stamp(&self.config())
    }

    /// The version of policies that somebody saved, when it is not the one in force: another process at the same ledger did.
    pub(crate) async fn saved_elsewhere(&self) -> Option<i64> {
        let newest = self.ledger.newest_policies().await.ok()?.map_or(0, |version| version.id);
        (newest != self.version()).then_some(newest)
    }

    /// Reads rules, hash lists and policies again, and the configuration where `reread` says so. Whatever is wrong leaves
    /// everything as it was.
    pub(crate) async fn reload(self: &Arc<Self>, reread: Reread) -> Result<(), Failure> {
        let _one = self.changing.lock().await;
        let old = self.config();
        let config = match reread {
            Reread::Everything => {
                let new = Config::load(self.sources.common.config.as_deref())?;
                for table in settings::changed(&old, &new) {
                    if !REREAD.contains(&table.as_str()) {
                        tracing::warn!(%table, "changes to this table of the configuration need a restart");
                    }
                }
                Config { detect: new.detect, open: new.open, policy: new.policy, limits: new.limits, ..old }
            }
            Reread::Files => old,
        };
        let saved = self.ledger.newest_policies().await?;
        self.put_in_force(config, saved).await
    }

    async fn put_in_force(self: &Arc<Self>, config: Config, saved: Option<PolicyVersion>) -> Result<(), Failure> {
        let process = Arc::clone(self);
        let built = tokio::task::spawn_blocking(move || {
            let started = process.sources.build(&config, saved.as_ref())?;
            if started.troubles > 0 {
                return Err(Failure::new("see the problems above"));
            }
            Ok((started, config, saved))
        });
        let (started, config, saved) = built.await??;
        self.replace(started, config, saved.as_ref())
    }

    fn replace(&self, started: sources::Started, config: Config, saved: Option<&PolicyVersion>) -> Result<(), Failure> {
        let (engine, troubles) = (Arc::new(started.engine), started.troubles);
        let policies = in_force(&self.sources, &config, saved, &engine)?;
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = Running { config, troubles, policies };
        self.words.replace_engine(Arc::clone(&engine));
        self.desk.replace_engine(engine);
        self.is_behind.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Validates, builds, saves and puts in force, in this order: what cannot be built is never saved, what cannot be saved
    /// is never in force.
    async fn change(&self, new: NewPolicies) -> Result<i64, Unsaved> {
        let failed = |failure: Failure| Unsaved::Failed(failure.to_string());
        let _one = self.changing.lock().await;
        let config = self.config();
        if !self.sources.policy_paths(&config).is_empty() {
            return Err(Unsaved::ReadOnly);
        }
        if new.base != self.version() {
            return Err(Unsaved::Outdated);
        }
        if !new.text.is_empty() {
            parsed(&new.text).map_err(Unsaved::Troubles)?;
        }
        let mut version = PolicyVersion {
            id: 0,
            base: new.base,
            at: lazaret_store::now(),
            who: new.who.clone(),
            note: new.note.clone(),
            text: new.text.clone(),
        };
        let (sources, building, saved) = (self.sources.clone(), config.clone(), version.clone());
        let built = tokio::task::spawn_blocking(move || sources.build(&building, Some(&saved)));
        let started = built.await.map_err(|error| failed(error.into()))?.map_err(failed)?;
        // A rule that broke on the disk since then must not be lost on the way.
        if started.troubles > self.running.read().unwrap_or_else(PoisonError::into_inner).troubles {
            return Err(failed(Failure::new("rules or hash lists can no longer be read; see the messages above")));
        }
        let id = self.ledger.save_policies(&new).await.map_err(|error| failed(error.into()))?;
        version.id = id.ok_or(Unsaved::Outdated)?;
        self.replace(started, config, Some(&version)).map_err(failed)?;
        tracing::info!(version = version.id, who = %version.who, "new policies are in force");
        Ok(version.id)
    }
}

/// How much is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reread {
    /// Rules, hash lists and policies.
    Files,
    /// The configuration as well.
    Everything,
}

fn in_force(
    sources: &Sources,
    config: &Config,
    saved: Option<&PolicyVersion>,
    engine: &Engine,
) -> Result<PoliciesInForce, Failure> {
    let paths = sources.policy_paths(config);
    let saved_text = saved.map(|version| version.text.as_str()).filter(|text| !text.is_empty());
    let files = if paths.is_empty() { Vec::new() } else { sources::policy_files(paths)? };
    let text = match saved_text {
        _ if !files.is_empty() => {
            files.iter().map(|file| format!("// {}\n{}", file.name, file.text)).collect::<Vec<_>>().join("\n")
        }
        Some(text) => text.to_owned(),
        None => built_in_policies().text,
    };
    Ok(PoliciesInForce {
        text,
        list: engine.policies().describe_all(),
        version: saved.map_or(0, |version| version.id),
        built_in: files.is_empty() && saved_text.is_none(),
        files: files.into_iter().map(|file| file.name).collect(),
    })
}

fn parsed(text: &str) -> Result<Policies, Vec<PolicyProblem>> {
    Policies::parse(&[saved_file(text)]).map_err(|error| match error {
        PolicyError::Refused(problems) => problems,
        other => vec![problem(other.to_string())],
    })
}

/// What is wrong with a text of policies as a whole.
fn problem(message: String) -> PolicyProblem {
    PolicyProblem { file: SAVED.to_owned(), line: 1, column: 1, message }
}

impl Control for Process {
    fn permissions(&self, role: &str) -> BTreeSet<String> {
        self.permissions.of(role)
    }

    fn policies(&self) -> PoliciesInForce {
        self.running.read().unwrap_or_else(PoisonError::into_inner).policies.clone()
    }

    fn built_in(&self) -> String {
        built_in_policies().text
    }

    fn check(&self, text: &str) -> Result<Vec<PolicyDescription>, Vec<PolicyProblem>> {
        if text.trim().is_empty() {
            return Err(vec![problem("there are no policies: everything would be blocked".to_owned())]);
        }
        parsed(text).map(|policies| policies.describe_all())
    }

    fn simulate(&self, text: &str, events: &[LoggedEvent]) -> Result<Simulation, Vec<PolicyProblem>> {
        let changed = parsed(text)?;
        Ok(replay::compare(self.desk.engine().policies(), &changed, events))
    }

    fn replace_policies(&self, new: NewPolicies) -> Pending<'_, Result<i64, Unsaved>> {
        Box::pin(self.change(new))
    }

    fn settings(&self) -> Vec<ShownTable> {
        settings::shown(&self.config())
    }

    fn lists(&self) -> Vec<ListSummary> {
        let states = self.desk.sites().states().into_iter();
        states
            .map(|(list, state)| ListSummary {
                name: list.name,
                source: settings::without_credentials(&list.source),
                suspicious: list.suspicious,
                entries: state.entries,
                left_out: state.left_out,
                left_out_first: state.left_out_first.unwrap_or_default(),
                checked: state.checked.and_then(milliseconds),
                problem: state.problem.unwrap_or_default(),
            })
            .collect()
    }

    fn standing(&self, text: &str) -> Result<SiteStanding, NoHost> {
        let found = self.desk.sites().look_up(text).map_err(|error| NoHost(error.to_string()))?;
        let Standing { host, domain, lists, suspicious } = found;
        Ok(SiteStanding { host, domain, lists, suspicious })
    }

    fn authorities(&self) -> Vec<AuthoritySummary> {
        let known = self.authority.as_ref().map(|authority| authority.known()).unwrap_or_default();
        known.iter().map(crate::authority::summary).collect()
    }

    fn refusals(&self) -> Vec<CertificateRefusal> {
        let bypass = self.config().proxy.bypass;
        let refusals = self.desk.refusals().into_iter();
        refusals
            .map(|refusal| CertificateRefusal {
                passed: names_host(&bypass, &refusal.host) || self.desk.is_bypassed(&refusal.host),
                host: refusal.host,
                client: refusal.client.to_string(),
                agent: refusal.agent,
                alert: refusal.alert,
                count: refusal.count,
                last: milliseconds(refusal.last).unwrap_or_default(),
            })
            .collect()
    }

    fn passed(&self) -> Vec<PassedHosts> {
        let proxy = self.config().proxy;
        let own = proxy.bypass.into_iter().map(|host| (host, String::new())).collect();
        let own = PassedHosts { name: "proxy.bypass".to_owned(), about: String::new(), hosts: own };
        let sets = self.bypass_sets.iter().map(|set| PassedHosts {
            name: set.name.clone(),
            about: set.about.clone(),
            hosts: set.hosts.iter().map(|host| (host.name.clone(), host.reason.clone())).collect(),
        });
        let lists = proxy.bypass_lists.into_iter().map(|name| PassedHosts {
            name,
            about: "A list of sites.".to_owned(),
            hosts: Vec::new(),
        });
        Some(own).into_iter().filter(|own| !own.hosts.is_empty()).chain(sets).chain(lists).collect()
    }

    fn take_up_bypasses(&self) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(self.follow_bypasses())
    }

    fn take_up_measures(&self) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(self.follow_measures())
    }

    fn quarantine(&self) -> (u32, u64) {
        let quarantine = self.config().quarantine;
        (quarantine.days, quarantine.most_bytes)
    }

    fn unready(&self) -> Pending<'_, Vec<Unready>> {
        Box::pin(async move {
            let mut causes = Vec::new();
            if self.is_behind.load(Ordering::Relaxed) {
                let why = "policies saved by another process could not be loaded; see the log";
                causes.push(Unready { what: "policies".into(), why: why.into() });
            }
            let engine = self.desk.engine();
            if !tokio::task::spawn_blocking(move || inspects(&engine)).await.unwrap_or(false) {
                let why = "a test inspection failed; see the log";
                causes.push(Unready { what: "inspection".into(), why: why.into() });
            }
            causes
        })
    }

    fn pack(&self, name: &str, content: File) -> io::Result<File> {
        self.packer.pack(name, content)
    }

    fn packer(&self) -> Arc<dyn Packer> {
        Arc::<SpoolPacker>::clone(&self.packer)
    }
}

/// Milliseconds since 1970.
fn milliseconds(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Whether a worker inspects what it is given.
fn inspects(engine: &Engine) -> bool {
    // A report that is remembered would say nothing about workers.
    let text = format!("Is anybody there at {}?\n", lazaret_store::now());
    let origin = Origin::default();
    let request = Request {
        name: "ready.txt",
        bytes: SampleBytes::Memory(text.into_bytes()),
        origin: &origin,
        passwords: &[],
        codings: &[],
        prevalence: None,
    };
    match engine.scan_within(request, READY_TIME, Pace::First) {
        Ok(report) if report.parts.first().is_some_and(|part| part.complete) => true,
        Ok(report) => {
            let why: Vec<_> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
            tracing::warn!(why = %why.join("; "), "a test inspection failed");
            false
        }
        Err(error) => {
            tracing::warn!(error = %crate::failure::told(&error), "a test inspection failed");
            false
        }
    }
}
