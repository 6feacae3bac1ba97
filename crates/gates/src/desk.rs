//! The desk that every gate asks: may this body pass? It bounds what is inspected at once and turns every failure into
//! a refusal.

mod measures;

use crate::budget::{Budget, Share};
use crate::bypass::Bypassed;
use crate::containment::Containment;
use crate::copies::{Copies, KeptCopy, Place};
use crate::distrust::{Distrust, TlsRefusal};
use crate::exchange::Exchange;
use crate::refusal::{Pages, Reason, Refusal, public_address};
use crate::settings::BodySettings;
use crate::spool::{Room, Spool, Spooled};
use crate::{Directory, Kept, Metrics, Record, RecordError, Sites};
use http::{HeaderMap, Method, StatusCode};
use lazaret_engine::{Engine, Request, SampleBytes, Turns, give_memory_back};
use lazaret_model::{Class, ContentCoding, Decision, Kind, Origin, ScanReport, reference};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// First bytes that are enough for an early decision.
pub(crate) const HEAD: usize = 16 << 10;

/// Bytes before the first frame of a station, and places that are tried.
const MOST_UNSYNCED: usize = 8 << 10;
const MOST_SYNCS: usize = 64;
/// Bytes by which a frame is told.
const FRAME: usize = 4 << 10;
/// Bytes of memory that every client may take, whatever others take.
const SURE_MEMORY: u64 = 1 << 20;
/// The part of memory and spool that one client may take, and the part of the spool that it may take in any case.
const PART: u64 = 4;
const SURE_PART: u64 = 256;

/// What the gates share.
pub struct Desk {
    engine: RwLock<Arc<Engine>>,
    pages: Arc<dyn Pages>,
    record: Arc<dyn Record>,
    sites: Arc<Sites>,
    directory: Directory,
    metrics: Metrics,
    settings: BodySettings,
    spool_folder: PathBuf,
    turns: Arc<Turns>,
    memory: Arc<Budget>,
    disk: Arc<Budget>,
    copies: Copies,
    distrust: Distrust,
    bypassed: Bypassed,
    containment: Containment,
}

/// What a desk works with.
pub struct Means {
    /// The engine that inspects.
    pub engine: Arc<Engine>,
    /// Renders what people read.
    pub pages: Arc<dyn Pages>,
    /// Keeps the record.
    pub record: Arc<dyn Record>,
    /// Lists of sites.
    pub sites: Arc<Sites>,
    /// Who people are.
    pub directory: Directory,
}

/// A body to judge, with what its headers say.
#[derive(Clone)]
pub(crate) struct Cargo {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    /// How it is packed; an error names a coding that nobody here can undo.
    pub(crate) codings: Result<Vec<ContentCoding>, String>,
    /// It asks to be saved as a file.
    pub(crate) attached: bool,
}

impl Cargo {
    pub(crate) fn of(exchange: &Exchange, status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            name: exchange.file_name(status, headers),
            origin: exchange.origin(headers),
            codings: crate::exchange::codings(headers),
            attached: crate::exchange::is_attachment(headers),
        }
    }

    /// What a request with these headers carries to a site.
    pub(crate) fn upload(exchange: &Exchange, headers: &HeaderMap) -> Self {
        // Only PUT says what the thing will be called; otherwise the address is that of whoever takes it.
        let named = if exchange.method == Method::PUT { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        Self::of(exchange, named, headers)
    }
}

impl Desk {
    /// A desk for the gates. `spool_folder` is where bodies too large for memory go; it must exist.
    pub fn new(means: Means, settings: BodySettings, spool_folder: PathBuf) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let (all, each) = settings.turns(processors);
        let turns = Turns::new(all, each, settings.waiting);
        let memory = Budget::new(settings.memory_bytes, settings.memory_bytes / PART, SURE_MEMORY);
        let memory = Arc::new(memory.of_memory(give_memory_back));
        let spool = settings.spool_bytes;
        if spool < settings.most_bytes {
            tracing::warn!("`bodies.spool_bytes` is less than `bodies.most_bytes`: larger bodies will never fit");
        }
        let one = (spool / PART).max(settings.most_bytes.min(spool));
        let disk = Arc::new(Budget::new(spool, one, spool / SURE_PART));
        let time = Duration::from_secs(settings.kept_seconds);
        let copies = Copies::new(settings.kept_bytes, time, spool, settings.memory_bytes);
        let Means { engine, pages, record, sites, directory } = means;
        Self {
            engine: RwLock::new(engine),
            pages,
            record,
            sites,
            directory,
            metrics: Metrics::default(),
            settings,
            spool_folder,
            turns,
            memory,
            disk,
            copies,
            distrust: Distrust::default(),
            bypassed: Bypassed::default(),
            containment: Containment::default(),
        }
    }

    /// Clients that did not take the certificates made here, by the host that they wanted, the latest first.
    pub fn refusals(&self) -> Vec<TlsRefusal> {
        self.distrust.list()
    }

    /// Notes that a client did not take the certificate of a host; whether it is the first time.
    pub(crate) fn distrusted(&self, host: &str, client: IpAddr, agent: &str, alert: &'static str) -> bool {
        self.metrics.distrusted(alert);
        self.distrust.note(host, client, agent, alert)
    }

    /// Puts others in the place of the hosts that are passed uninspected beside those of `proxy.bypass`, named as there. Connections
    /// that are there already stay as they are.
    pub fn replace_bypassed(&self, names: Vec<String>) {
        self.bypassed.replace(names);
    }

    /// Whether a host is one of those that are passed uninspected beside those of `proxy.bypass`.
    pub fn is_bypassed(&self, host: &str) -> bool {
        self.bypassed.has(host)
    }

    /// What is kept of what was delivered.
    pub(crate) fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Keeps what was delivered for a while.
    pub(crate) fn keep_copy(self: &Arc<Self>, place: &Place, copy: KeptCopy) {
        let Some(time) = self.copies.keep(place, copy) else { return };
        let desk = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(time + Duration::from_secs(1)).await;
            if let Some(desk) = desk.upgrade() {
                desk.copies.forget();
            }
        });
    }

    /// A share of memory for a body that is passed on while it comes.
    pub(crate) fn memory(&self, exchange: &Exchange) -> Share {
        self.memory.share(exchange.whose())
    }

    /// What the gates did so far, counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The lists of sites in use.
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Puts another engine in place, with other rules or policies; what is under way is finished by the old one.
    pub fn replace_engine(&self, engine: Arc<Engine>) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// The engine in place.
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn pages(&self) -> &dyn Pages {
        &*self.pages
    }

    pub(crate) fn settings(&self) -> &BodySettings {
        &self.settings
    }

    /// The turns of inspections, for whoever else has something inspected.
    pub fn turns(&self) -> Arc<Turns> {
        Arc::clone(&self.turns)
    }

    /// Room for a body.
    pub(crate) fn spool(&self, exchange: &Exchange) -> Spool {
        let client = exchange.whose();
        let (memory, disk) = (self.memory.share(client.clone()), self.disk.share(client));
        let room = Room { memory, disk, patience: self.settings.wait() };
        Spool::new(&self.spool_folder, self.settings.in_memory_bytes, room)
    }

    /// Whether the first bytes are enough to say no. What is packed is not unpacked for this: only a worker may.
    pub(crate) fn early(&self, exchange: &Exchange, cargo: &Cargo, head: &[u8]) -> Option<Refusal> {
        if !matches!(&cargo.codings, Ok(codings) if codings.is_empty()) || head.is_empty() {
            return None;
        }
        match self.engine().early(&cargo.name, head, &cargo.origin) {
            Ok(None) => None,
            Ok(Some(report)) => Some(self.refuse(exchange, cargo, Reason::Policy(Box::new(report)))),
            Err(error) => Some(self.refuse(exchange, cargo, Reason::Failed(describe(&error)))),
        }
    }

    /// Whether these bytes are film or sound that was declared as such: then a bounded inspection must do.
    pub(crate) fn is_media(&self, cargo: &Cargo, head: &[u8]) -> bool {
        // What somebody saves is opened by its name, and archives are read from their end.
        // A page's player may ask for it under no name at all.
        if cargo.attached || !(is_media_name(&cargo.name) || !cargo.origin.navigation && !cargo.name.contains('.')) {
            return false;
        }
        let declared = cargo.origin.declared_type.as_deref().unwrap_or_default();
        (declared.starts_with("video/") || declared.starts_with("audio/"))
            && matches!(&cargo.codings, Ok(codings) if codings.is_empty())
            && matches!(Engine::kind_of(head).class, Class::Video | Class::Audio)
    }

    /// Where the first frame of film or sound begins in these bytes, if that is what they are and what they were declared as. It is
    /// played as it comes and has no end, so that it need not have a name that is played, unless a browser would save it.
    pub(crate) fn is_station(&self, cargo: &Cargo, head: &[u8]) -> Option<usize> {
        let unnamed =
            !cargo.name.contains('.') || cargo.origin.host.as_deref() == Some(cargo.name.trim_end_matches('/'));
        if cargo.attached || !(is_media_name(&cargo.name) || unnamed && !cargo.origin.saves) {
            return None;
        }
        let declared = cargo.origin.declared_type.as_deref().unwrap_or_default();
        let declared =
            declared.starts_with("video/") || declared.starts_with("audio/") || declared == "application/ogg";
        if declared && matches!(&cargo.codings, Ok(codings) if codings.is_empty()) { first_frame(head) } else { None }
    }

    /// Adds what is known here about the site.
    pub(crate) async fn know(&self, exchange: &Exchange, cargo: &mut Cargo) {
        let standing = self.sites.of(exchange);
        (cargo.origin.lists, cargo.origin.suspicious) = (standing.lists, standing.suspicious);
        let Some(domain) = cargo.origin.domain.clone() else { return };
        match self.record.site_age(&domain).await {
            // Never seen before is as young as can be.
            Ok(age) => cargo.origin.first_seen_days = Some(age.unwrap_or(0)),
            Err(why) => tracing::warn!(%domain, %why, "cannot look up a site"),
        }
    }

    /// Whether a site is so badly spoken of that nothing need be asked of it.
    pub(crate) fn site_forbids(&self, exchange: &Exchange) -> Option<Refusal> {
        let standing = self.sites.of(exchange);
        if !standing.suspicious {
            return None;
        }
        let mut cargo = Cargo::of(exchange, StatusCode::OK, &HeaderMap::new());
        (cargo.origin.lists, cargo.origin.suspicious) = (standing.lists, true);
        match self.engine().before(&cargo.name, &cargo.origin) {
            Ok(None) => None,
            Ok(Some(report)) => Some(self.refuse(exchange, &cargo, Reason::Policy(Box::new(report)))),
            Err(error) => Some(self.refuse(exchange, &cargo, Reason::Failed(describe(&error)))),
        }
    }

    /// Whether a connection that nobody looks into may be; that is recorded before anything passes.
    ///
    /// # Errors
    /// The refusal, when it may not be.
    pub(crate) async fn connect(&self, exchange: &Exchange, kind: Kind) -> Result<(), Box<Refusal>> {
        let mut cargo = Cargo::of(exchange, StatusCode::OK, &HeaderMap::new());
        if let Some(refusal) = self.contains(exchange, &cargo) {
            return Err(refusal);
        }
        self.know(exchange, &mut cargo).await;
        let report = self.engine().connection(kind, &cargo.name, &cargo.origin);
        let reason = match report {
            Ok(report) if report.decision == Decision::Deliver => {
                match self.record.delivered(exchange, &report).await {
                    Ok(()) => {
                        self.metrics.decided(exchange.gate, report.decision);
                        return Ok(());
                    }
                    Err(why) => Reason::Failed(format!("cannot record it: {why}")),
                }
            }
            // There is nothing that could be kept.
            Ok(report) => Reason::Policy(Box::new(ScanReport { decision: Decision::Block, ..report })),
            Err(error) => Reason::Failed(describe(&error)),
        };
        Err(Box::new(self.refuse(exchange, &cargo, reason)))
    }

    /// Records a refusal before anybody sees it.
    pub(crate) async fn settle(&self, exchange: &Exchange, refusal: &Refusal) {
        self.metrics.decided(exchange.gate, refusal.decision);
        // It stays refused whether it is recorded or not.
        if let Err(why) = self.record.refused(exchange, refusal).await {
            self.metrics.failed("record");
            tracing::error!(reference = %refusal.reference, %why, "cannot record a refusal");
        }
    }

    /// Judges a whole body; records that it may pass, or keeps it.
    ///
    /// # Errors
    /// The refusal, when it may not pass.
    pub(crate) async fn judge(
        self: &Arc<Self>,
        exchange: &Exchange,
        cargo: &Cargo,
        body: &Spooled,
    ) -> Result<(), Box<Refusal>> {
        let codings = match &cargo.codings {
            Ok(codings) => codings.clone(),
            Err(token) => {
                let why = format!("unknown content coding `{token}`");
                return Err(Box::new(self.refuse(exchange, cargo, Reason::Failed(why))));
            }
        };
        let report = self.look(exchange, cargo, body, &codings).await?;
        self.admit(exchange, cargo, &report).await
    }

    /// Judges a body, or a piece of one that is passed on while it comes. That it may pass is not recorded; what may not is kept.
    ///
    /// # Errors
    /// The refusal, when it may not pass.
    pub(crate) async fn look(
        self: &Arc<Self>,
        exchange: &Exchange,
        cargo: &Cargo,
        body: &Spooled,
        codings: &[ContentCoding],
    ) -> Result<ScanReport, Box<Refusal>> {
        let judged = self.judge_as(exchange, cargo, body, codings.to_vec()).await;
        let mut judged = self.held_against(exchange, cargo, judged);
        // A client that did not offer to undo a coding saves the bytes as they are. Messages of gRPC are packed by another field.
        let is_message = cargo.codings.as_ref().is_ok_and(Vec::is_empty);
        let undone = is_message || codings.iter().all(|coding| exchange.undoes.contains(coding));
        if judged.is_ok() && !undone {
            let raw = self.judge_as(exchange, cargo, body, Vec::new()).await;
            judged = self.held_against(exchange, cargo, raw);
        }
        match judged {
            Ok(report) => Ok(report),
            // Who has no time to look at it has none to keep it.
            Err(refusal) if matches!(refusal.reason, Reason::Busy(_)) => Err(refusal),
            Err(mut refusal) => {
                refusal.kept = self.keep(body, codings).await;
                Err(refusal)
            }
        }
    }

    /// Records that something may pass.
    ///
    /// # Errors
    /// The refusal, when that cannot be recorded.
    pub(crate) async fn admit(
        &self,
        exchange: &Exchange,
        cargo: &Cargo,
        report: &ScanReport,
    ) -> Result<(), Box<Refusal>> {
        match self.record.delivered(exchange, report).await {
            Ok(()) => {
                self.metrics.decided(exchange.gate, report.decision);
                Ok(())
            }
            Err(why) => {
                let why = Reason::Failed(format!("cannot record it: {why}"));
                Err(Box::new(self.refuse(exchange, cargo, why)))
            }
        }
    }

    async fn keep(&self, body: &Spooled, codings: &[ContentCoding]) -> Option<Kept> {
        let (record, body) = (Arc::clone(&self.record), body.clone());
        let kept = tokio::task::spawn_blocking(move || match body {
            Spooled::Memory(bytes) => record.keep(&mut &bytes[..]),
            Spooled::File { .. } => match body.sample() {
                Ok(SampleBytes::File(mut file)) => record.keep(&mut file),
                Ok(SampleBytes::Memory(bytes)) => record.keep(&mut bytes.as_slice()),
                Err(error) => Err(RecordError::Failed(error.to_string())),
            },
        });
        match kept.await {
            Ok(Ok(content_blob)) => {
                let codings: Vec<_> = codings.iter().map(|coding| coding.token()).collect();
                Some(Kept { content_blob, codings: codings.join(", ") })
            }
            Ok(Err(why)) => {
                tracing::error!(%why, "cannot store a stopped file in the quarantine");
                None
            }
            Err(error) => {
                tracing::error!(%error, "cannot store a stopped file in the quarantine");
                None
            }
        }
    }

    async fn judge_as(
        self: &Arc<Self>,
        exchange: &Exchange,
        cargo: &Cargo,
        body: &Spooled,
        codings: Vec<ContentCoding>,
    ) -> Result<ScanReport, Box<Refusal>> {
        let failed = |why: String| Box::new(self.refuse(exchange, cargo, Reason::Failed(why)));
        let started = Instant::now();
        let busy = |why: String| Box::new(self.refuse(exchange, cargo, Reason::Busy(why)));
        let waiting = self.turns.wait(&exchange.whose()).map_err(|full| busy(full.to_string()))?;
        let Ok(turn) = timeout(self.settings.wait(), waiting).await else {
            self.metrics.failed("turn");
            let seconds = self.settings.wait_seconds;
            return Err(failed(format!("it waited {seconds} s for its turn: too much else is being inspected")));
        };
        let most = self.settings.inspection_time(body.len());
        let bytes = body.sample().map_err(|error| failed(format!("the spool cannot be read: {error}")))?;
        let (engine, name, origin) = (self.engine(), cargo.name.clone(), cargo.origin.clone());
        let (record, runtime) = (Arc::clone(&self.record), tokio::runtime::Handle::current());
        let scan = tokio::task::spawn_blocking(move || {
            // Whoever hangs up does not end the inspection: it keeps its turn until it is done.
            let turn = turn;
            let seen = |sha256: &str| {
                runtime.block_on(record.prevalence(sha256)).unwrap_or_else(|why| {
                    // As if it had never been seen.
                    tracing::warn!(%sha256, %why, "cannot look up a file");
                    0
                })
            };
            let prevalence: Option<&dyn Fn(&str) -> u64> = Some(&seen);
            let request =
                Request { name: &name, bytes, origin: &origin, passwords: &[], codings: &codings, prevalence };
            engine.scan_within(request, most, turn.pace())
        });
        let scan = scan.await;
        self.metrics.inspected(body.len(), started.elapsed());
        match scan {
            Ok(Ok(report)) if report.decision == Decision::Deliver => {
                self.log(exchange, &report);
                Ok(report)
            }
            Ok(Ok(report)) => {
                self.log(exchange, &report);
                Err(Box::new(self.refuse(exchange, cargo, Reason::Policy(Box::new(report)))))
            }
            Ok(Err(error)) => Err(failed(describe(&error))),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// A refusal with a reference number, logged.
    pub(crate) fn refuse(&self, exchange: &Exchange, cargo: &Cargo, reason: Reason) -> Refusal {
        let decision = match &reason {
            Reason::Policy(report) => report.decision,
            // Nobody has seen what is in it, and perhaps somebody can.
            Reason::Failed(_) | Reason::Busy(_) => Decision::Hold,
            Reason::TooLarge(_) => Decision::Block,
            Reason::Contained(contained) => contained.decision(),
        };
        let refusal = Refusal {
            reference: reference(),
            decision,
            reason,
            address: public_address(&exchange.uri),
            name: cargo.name.clone(),
            kept: None,
        };
        match &refusal.reason {
            Reason::Policy(report) => tracing::info!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, sha256 = %report.sha256, kind = %report.kind.id, verdict = %report.verdict,
                policies = %report.policies.join(" "), "refused"
            ),
            Reason::Failed(why) | Reason::Busy(why) => tracing::warn!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, %why, "refused without an inspection"
            ),
            Reason::TooLarge(most) => tracing::warn!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, most, "refused for its size"
            ),
            Reason::Contained(contained) => tracing::info!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, incident = %contained.measure.incident, act = %contained.measure.act,
                "refused for an incident"
            ),
        }
        refusal
    }

    fn log(&self, exchange: &Exchange, report: &ScanReport) {
        tracing::debug!(
            gate = %exchange.gate, address = %public_address(&exchange.uri), sha256 = %report.sha256, size = report.size,
            kind = %report.kind.id, verdict = %report.verdict, decision = %report.decision, ms = report.elapsed_ms,
            "inspected"
        );
    }
}

/// Where the first frame begins: at once, or behind the rest of one (ISO/IEC 11172-3, 2.4.2.3; ISO/IEC 13818-1, 2.4.3.2).
fn first_frame(head: &[u8]) -> Option<usize> {
    let plays = |at: usize| {
        let rest = head.get(at..).unwrap_or_default();
        matches!(Engine::kind_of(rest.get(..FRAME).unwrap_or(rest)).class, Class::Video | Class::Audio)
    };
    if plays(0) {
        return Some(0);
    }
    // What is something else is no rest of a frame.
    if !Engine::kind_of(head).is_unknown() {
        return None;
    }
    let syncs = head.windows(2).enumerate().filter(|(_, pair)| matches!(pair, [0xff, 0xe0..=0xff] | [0x47, _]));
    // LIMIT: what begins further on is judged as a file.
    syncs
        .map(|(at, _)| at)
        .take_while(|at| *at < MOST_UNSYNCED)
        .filter(|at| *at > 0)
        .take(MOST_SYNCS)
        .find(|at| plays(*at))
}

/// Whether something of this name is played when it is opened.
fn is_media_name(name: &str) -> bool {
    const PLAYED: [&str; 33] = [
        "3g2", "3gp", "aac", "ac3", "aif", "aiff", "amr", "avi", "caf", "flac", "flv", "m2ts", "m4a", "m4b", "m4s",
        "m4v", "mka", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "oga", "ogg", "ogv", "opus", "ts", "wav", "weba",
        "webm", "wma", "wmv",
    ];
    let name = name.trim_end_matches(['.', ' ']);
    name.rsplit_once('.').is_some_and(|(_, extension)| PLAYED.contains(&extension.to_ascii_lowercase().as_str()))
}

/// An error with its causes.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
