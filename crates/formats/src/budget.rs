//! One budget for a sample and everything inside it.

use lazaret_model::{Family, Finding, Limit, Limits, Severity};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Tells how long the analysis has been running. The only clock this crate ever sees.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Output that is always allowed before the ratio is judged, in bytes.
const RATIO_FLOOR: u64 = 128 << 20;
/// Steps that each byte of the sample, and of what is unpacked of it, may cost before [`Limits::steps`] count.
const STEPS_A_BYTE: u64 = 64;
/// Steps between two looks at the clock.
const LOOK: u64 = 1 << 16;

/// What has been used of [`Limits`].
pub struct Budget {
    limits: Limits,
    clock: Clock,
    sample_bytes: u64,
    output: u64,
    parts: u32,
    /// Shared with the decoders of one walk, which run one at a time.
    steps: Arc<AtomicU64>,
    /// Steps from which the clock is looked at again.
    next_look: u64,
    exhausted: Option<Limit>,
}

impl Budget {
    /// A fresh budget for a sample of `sample_bytes` bytes.
    pub fn new(limits: Limits, clock: Clock, sample_bytes: u64) -> Self {
        let steps = Arc::new(AtomicU64::new(0));
        Self { limits, clock, sample_bytes, output: 0, parts: 0, steps, next_look: 0, exhausted: None }
    }

    /// The configured limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts `bytes` of unpacked output.
    ///
    /// # Errors
    /// The limit that this reaches; it stays reached.
    pub fn charge_output(&mut self, bytes: u64) -> Result<(), Limit> {
        self.output = self.output.saturating_add(bytes);
        self.count(bytes);
        if self.output > self.limits.output_bytes {
            return self.exhaust(Limit::Output);
        }
        if self.output > RATIO_FLOOR && self.output / self.sample_bytes.max(1) > self.limits.ratio {
            return self.exhaust(Limit::Ratio);
        }
        self.check_time()
    }

    /// Counts one part.
    ///
    /// # Errors
    /// [`Limit::Parts`] when there are too many, or a limit reached before.
    pub fn charge_part(&mut self) -> Result<(), Limit> {
        self.parts = self.parts.saturating_add(1);
        if self.parts > self.limits.parts {
            return self.exhaust(Limit::Parts);
        }
        self.check_time()
    }

    /// Openers call this, or [`Budget::step`], in every loop that can be long without adding parts. It is a step.
    ///
    /// # Errors
    /// [`Limit::Time`] or [`Limit::Steps`] when there are no more, or the limit that was reached before.
    pub fn check_time(&mut self) -> Result<(), Limit> {
        if let Some(limit) = self.exhausted {
            return Err(limit);
        }
        let all = self.count(1);
        self.judge(all)
    }

    /// Counts work whose amount the input chooses, about a nanosecond a step: bytes that are looked at again, turns of a loop. It
    /// looks at the clock now and then, so that it costs little wherever it stands.
    ///
    /// # Errors
    /// As [`Budget::check_time`].
    pub fn step(&mut self, steps: u64) -> Result<(), Limit> {
        if let Some(limit) = self.exhausted {
            return Err(limit);
        }
        let all = self.count(steps);
        if all < self.next_look {
            return Ok(());
        }
        self.next_look = all.saturating_add(LOOK);
        self.judge(all)
    }

    /// The steps so far, those of decoders as well.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// How long the analysis has been running.
    pub(crate) fn elapsed(&self) -> Duration {
        (self.clock)()
    }

    fn count(&self, steps: u64) -> u64 {
        let all = self.steps().saturating_add(steps);
        self.steps.store(all, Ordering::Relaxed);
        all
    }

    fn judge(&mut self, steps: u64) -> Result<(), Limit> {
        let for_size = self.sample_bytes.saturating_add(self.output).saturating_mul(STEPS_A_BYTE);
        if steps > self.limits.steps.saturating_add(for_size) {
            return self.exhaust(Limit::Steps);
        }
        if (self.clock)().as_millis() > u128::from(self.limits.time_ms) {
            return self.exhaust(Limit::Time);
        }
        Ok(())
    }

    /// Whether a decoder may allocate `bytes` for itself, such as a dictionary whose size the input chose.
    ///
    /// # Errors
    /// [`Limit::Memory`]; it concerns that one decoder and does not exhaust the budget.
    pub fn check_memory(&self, bytes: u64) -> Result<(), Limit> {
        if bytes > self.limits.memory_bytes / 2 { Err(Limit::Memory) } else { Ok(()) }
    }

    /// A budget with the same limits for a decoder that runs while parts are being added to this one.
    pub(crate) fn for_decoder(&self) -> Self {
        Self { limits: self.limits.clone(), clock: self.clock.clone(), steps: Arc::clone(&self.steps), ..*self }
    }

    /// Bytes of output that are still allowed.
    pub(crate) fn output_left(&self) -> u64 {
        let by_ratio = self.limits.ratio.saturating_add(1).saturating_mul(self.sample_bytes.max(1)).max(RATIO_FLOOR);
        // One byte more, so that writing it reaches the limit and is seen to.
        self.limits.output_bytes.min(by_ratio).saturating_sub(self.output).saturating_add(1)
    }

    /// The limit that ended the analysis, if one did.
    pub fn exhausted(&self) -> Option<Limit> {
        self.exhausted
    }

    fn exhaust(&mut self, limit: Limit) -> Result<(), Limit> {
        let first = *self.exhausted.get_or_insert(limit);
        Err(first)
    }
}

/// The finding that says a limit was reached. A ratio that large is a sign in itself: honest data does not
/// compress so well; the other limits only say that the inspection was incomplete.
pub(crate) fn limit_finding(limit: Limit, limits: &Limits) -> Finding {
    let (severity, family) = match limit {
        Limit::Ratio | Limit::Depth => (Severity::Medium, Family::Structure),
        _ => (Severity::Info, Family::Analysis),
    };
    let mut finding = Finding::new(
        "limit.reached",
        "budget",
        severity,
        family,
        format!("the analysis stopped here at its limit of {}", limit.describe(limits)),
    )
    .with("limit", limit.name());
    finding.id = Cow::Owned(format!("limit.{}", limit.name()));
    if matches!(limit, Limit::Ratio) {
        finding = finding.technique("T1027");
    }
    finding
}
