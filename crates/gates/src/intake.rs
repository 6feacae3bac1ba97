//! Takes a body in, piece by piece, and says no as soon as that is certain.

use crate::desk::{Cargo, HEAD, describe};
use crate::following::Following;
use crate::refusal::{Reason, Refusal};
use crate::spool::{Spool, SpoolError, Spooled};
use crate::{Desk, Exchange};
use bytes::Bytes;
use lazaret_engine::Engine;
use lazaret_model::Class;
use std::sync::Arc;
use std::time::Duration;

/// Bytes handed over at a time.
pub(crate) const CHUNK: usize = 64 << 10;
/// Bytes that a waiting client is sent at a time, and how often.
pub(crate) const TRICKLE: usize = 32;
pub(crate) const TRICKLE_TIME: Duration = Duration::from_secs(5);

/// Whether nothing acts on the beginning of it before the end has come.
pub(crate) fn inert(head: &[u8]) -> bool {
    !matches!(Engine::kind_of(head).class, Class::Script | Class::Text | Class::Web | Class::Unknown | Class::Data)
}

/// A body under way.
pub(crate) struct Intake {
    desk: Arc<Desk>,
    exchange: Arc<Exchange>,
    cargo: Cargo,
    spool: Spool,
    /// What came first, until there is enough of it.
    head: Vec<u8>,
    beginning: Option<Bytes>,
    media: bool,
}

impl Intake {
    /// Begins a body of which at least `announced` bytes will come.
    ///
    /// # Errors
    /// When that is more than may pass, or nothing may.
    pub(crate) fn new(
        desk: Arc<Desk>,
        exchange: Arc<Exchange>,
        cargo: Cargo,
        announced: u64,
    ) -> Result<Self, Box<Refusal>> {
        if let Some(refusal) = desk.contains(&exchange, &cargo) {
            return Err(refusal);
        }
        let spool = desk.spool(&exchange);
        let intake = Self { desk, exchange, cargo, spool, head: Vec::new(), beginning: None, media: false };
        intake.bounded(announced)?;
        Ok(intake)
    }

    /// Takes a piece. Waits where too much is under way: nothing more is to be read meanwhile.
    ///
    /// # Errors
    /// When the body is too large, cannot be kept, or may not pass whatever follows.
    pub(crate) async fn push(&mut self, data: &[u8]) -> Result<(), Box<Refusal>> {
        self.bounded(self.spool.len() + data.len() as u64)?;
        match self.spool.push(data).await {
            Ok(()) => {}
            Err(error @ SpoolError::NoRoom(..)) => return Err(self.refuse(Reason::Busy(error.to_string()))),
            Err(error) => return Err(self.refuse(Reason::Failed(describe(&error)))),
        }
        if self.beginning.is_some() {
            return Ok(());
        }
        self.head.extend_from_slice(data.get(..data.len().min(HEAD - self.head.len())).unwrap_or_default());
        if self.head.len() == HEAD {
            let first = Bytes::from(std::mem::take(&mut self.head));
            self.decide_early(&first)?;
            self.media = self.desk.is_media(&self.cargo, &first);
            self.beginning = Some(first);
        }
        Ok(())
    }

    /// Whether what came so far is enough to say no, however little it is.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn early(&self) -> Result<(), Box<Refusal>> {
        if self.beginning.is_none() { self.decide_early(&self.head) } else { Ok(()) }
    }

    /// The first bytes, once there are enough of them for an early decision.
    pub(crate) fn beginning(&self) -> Option<&Bytes> {
        self.beginning.as_ref()
    }

    /// Whether this is film or sound of which enough was gathered: the rest may pass if this may.
    pub(crate) fn is_enough(&self) -> bool {
        self.media && self.spool.len() >= self.desk.settings().media_bytes
    }

    /// Judges what was taken in.
    ///
    /// # Errors
    /// The refusal, when it may not pass.
    pub(crate) async fn judge(self) -> Result<Spooled, Box<Refusal>> {
        let Self { desk, exchange, cargo, spool, .. } = self;
        let spooled = spool.finish().map_err(|error| {
            desk.refuse(&exchange, &cargo, Reason::Failed(format!("cannot write to the spool: {error}")))
        })?;
        desk.judge(&exchange, &cargo, &spooled).await?;
        Ok(spooled)
    }

    /// Judges the beginning of film or sound, and makes ready for what follows.
    ///
    /// # Errors
    /// The refusal, when it may not pass.
    pub(crate) async fn judge_beginning(self) -> Result<(Spooled, Following), Box<Refusal>> {
        let (desk, exchange, cargo) = (Arc::clone(&self.desk), Arc::clone(&self.exchange), self.cargo.clone());
        let spooled = self.judge().await?;
        match Following::after(&spooled, Arc::clone(&desk), Arc::clone(&exchange), cargo.clone()).await {
            Ok(following) => Ok((spooled, following)),
            Err(error) => {
                let why = Reason::Failed(format!("the spool cannot be read: {error}"));
                Err(Box::new(desk.refuse(&exchange, &cargo, why)))
            }
        }
    }

    fn decide_early(&self, first: &[u8]) -> Result<(), Box<Refusal>> {
        self.desk.early(&self.exchange, &self.cargo, first).map_or(Ok(()), |refusal| Err(Box::new(refusal)))
    }

    fn bounded(&self, len: u64) -> Result<(), Box<Refusal>> {
        let most = self.desk.settings().most_bytes;
        if len > most { Err(self.refuse(Reason::TooLarge(most))) } else { Ok(()) }
    }

    fn refuse(&self, reason: Reason) -> Box<Refusal> {
        Box::new(self.desk.refuse(&self.exchange, &self.cargo, reason))
    }
}
