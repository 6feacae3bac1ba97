//! The desk that every gate asks: may this body pass? It bounds what is inspected at once and turns every failure into
//! a refusal.

use crate::exchange::Exchange;
use crate::refusal::{Pages, Reason, Refusal, public_address, reference};
use crate::settings::BodySettings;
use crate::spool::{Spool, Spooled};
use http::{HeaderMap, Method, StatusCode};
use lazaret_engine::{Engine, Request};
use lazaret_model::{Class, ContentCoding, Decision, Origin, ScanReport};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Semaphore;

/// First bytes that are enough for an early decision.
pub(crate) const HEAD: usize = 16 << 10;

/// What the gates share.
pub struct Desk {
    engine: RwLock<Arc<Engine>>,
    pages: Arc<dyn Pages>,
    settings: BodySettings,
    spool_folder: PathBuf,
    slots: Semaphore,
}

/// A body to judge, with what its headers say.
pub(crate) struct Cargo {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    /// How it is packed; an error names a coding that nobody here can undo.
    pub(crate) codings: Result<Vec<ContentCoding>, String>,
}

impl Cargo {
    pub(crate) fn of(exchange: &Exchange, status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            name: exchange.file_name(status, headers),
            origin: exchange.origin(headers),
            codings: crate::exchange::codings(headers),
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
    pub fn new(engine: Arc<Engine>, pages: Arc<dyn Pages>, settings: BodySettings, spool_folder: PathBuf) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let slots = if settings.inspections == 0 { processors * 2 } else { settings.inspections };
        Self { engine: RwLock::new(engine), pages, settings, spool_folder, slots: Semaphore::new(slots) }
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

    pub(crate) fn spool(&self) -> Spool {
        Spool::new(&self.spool_folder, self.settings.in_memory_bytes)
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
        let declared = cargo.origin.declared_type.as_deref().unwrap_or_default();
        (declared.starts_with("video/") || declared.starts_with("audio/"))
            && matches!(&cargo.codings, Ok(codings) if codings.is_empty())
            && matches!(Engine::kind_of(head).class, Class::Video | Class::Audio)
    }

    /// Judges a whole body.
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
                let why = format!("the content coding `{token}` is not known");
                return Err(Box::new(self.refuse(exchange, cargo, Reason::Failed(why))));
            }
        };
        self.judge_as(exchange, cargo, body, codings.clone()).await?;
        // A client that did not offer to undo a coding saves the bytes as they are.
        if !codings.is_empty() && !codings.iter().all(|coding| exchange.undoes.contains(coding)) {
            self.judge_as(exchange, cargo, body, Vec::new()).await?;
        }
        Ok(())
    }

    async fn judge_as(
        self: &Arc<Self>,
        exchange: &Exchange,
        cargo: &Cargo,
        body: &Spooled,
        codings: Vec<ContentCoding>,
    ) -> Result<(), Box<Refusal>> {
        let failed = |why: String| Box::new(self.refuse(exchange, cargo, Reason::Failed(why)));
        let Ok(_slot) = self.slots.acquire().await else { return Err(failed("the gates are closing".to_owned())) };
        let bytes = body.sample().map_err(|error| failed(format!("the spool cannot be read: {error}")))?;
        let (engine, name, origin) = (self.engine(), cargo.name.clone(), cargo.origin.clone());
        let scan = tokio::task::spawn_blocking(move || {
            engine.scan(Request { name: &name, bytes, origin: &origin, passwords: &[], codings: &codings })
        });
        match scan.await {
            Ok(Ok(report)) if report.decision == Decision::Deliver => {
                self.log(exchange, &report);
                Ok(())
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
            Reason::Failed(_) => Decision::Hold,
            Reason::TooLarge(_) => Decision::Block,
        };
        let refusal = Refusal {
            // Keys of the standard library's hash maps come from the system's random numbers.
            reference: reference(RandomState::new().build_hasher().finish()),
            decision,
            reason,
            address: public_address(&exchange.uri),
            name: cargo.name.clone(),
        };
        match &refusal.reason {
            Reason::Policy(report) => tracing::info!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, sha256 = %report.sha256, kind = %report.kind.id, verdict = %report.verdict,
                policies = %report.policies.join(" "), "refused"
            ),
            Reason::Failed(why) => tracing::warn!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, %why, "refused without an inspection"
            ),
            Reason::TooLarge(most) => tracing::warn!(
                reference = %refusal.reference, gate = %exchange.gate, %decision, address = %refusal.address,
                name = %refusal.name, most, "refused for its size"
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
