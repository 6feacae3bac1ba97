//! What the gates did, counted, in the text format of Prometheus.

use lazaret_model::{Decision, Gate};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the classes of inspection times, in seconds.
const BOUNDS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 1.0, 10.0, 100.0];

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    decisions: BTreeMap<(&'static str, &'static str), u64>,
    failures: BTreeMap<&'static str, u64>,
    distrusted: BTreeMap<&'static str, u64>,
    bytes: u64,
    /// Inspections by the class of their time; the last one has no bound.
    times: [u64; BOUNDS.len() + 1],
    seconds: f64,
}

impl Metrics {
    pub(crate) fn decided(&self, gate: Gate, decision: Decision) {
        *self.counts().decisions.entry((gate.name(), decision.name())).or_default() += 1;
    }

    pub(crate) fn failed(&self, what: &'static str) {
        *self.counts().failures.entry(what).or_default() += 1;
    }

    pub(crate) fn distrusted(&self, alert: &'static str) {
        *self.counts().distrusted.entry(alert).or_default() += 1;
    }

    pub(crate) fn inspected(&self, bytes: u64, time: Duration) {
        let mut counts = self.counts();
        counts.bytes += bytes;
        let seconds = time.as_secs_f64();
        counts.seconds += seconds;
        let class = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        if let Some(class) = counts.times.get_mut(class) {
            *class += 1;
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text format, version 0.0.4.
    pub fn text(&self) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let _ = writeln!(text, "# HELP lazaret_decisions_total Bodies on which a decision was made.");
        let _ = writeln!(text, "# TYPE lazaret_decisions_total counter");
        for ((gate, decision), number) in &counts.decisions {
            let _ = writeln!(text, "lazaret_decisions_total{{gate=\"{gate}\",decision=\"{decision}\"}} {number}");
        }
        let _ = writeln!(text, "# HELP lazaret_failures_total Operations that failed.");
        let _ = writeln!(text, "# TYPE lazaret_failures_total counter");
        for (what, number) in &counts.failures {
            let _ = writeln!(text, "lazaret_failures_total{{what=\"{what}\"}} {number}");
        }
        let _ = writeln!(
            text,
            "# HELP lazaret_tls_refusals_total Clients that rejected a certificate issued by the \
            proxy."
        );
        let _ = writeln!(text, "# TYPE lazaret_tls_refusals_total counter");
        for (alert, number) in &counts.distrusted {
            let _ = writeln!(text, "lazaret_tls_refusals_total{{alert=\"{alert}\"}} {number}");
        }
        let _ = writeln!(text, "# HELP lazaret_inspected_bytes_total Bytes of bodies that were inspected.");
        let _ = writeln!(text, "# TYPE lazaret_inspected_bytes_total counter");
        let _ = writeln!(text, "lazaret_inspected_bytes_total {}", counts.bytes);
        let _ = writeln!(text, "# HELP lazaret_inspection_seconds Duration of one inspection, including waiting.");
        let _ = writeln!(text, "# TYPE lazaret_inspection_seconds histogram");
        let mut sum = 0;
        for (number, bound) in
            counts.times.iter().zip(BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]))
        {
            sum += number;
            let _ = writeln!(text, "lazaret_inspection_seconds_bucket{{le=\"{bound}\"}} {sum}");
        }
        let _ = writeln!(text, "lazaret_inspection_seconds_sum {}", counts.seconds);
        let _ = writeln!(text, "lazaret_inspection_seconds_count {sum}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_times_add_up() {
        let metrics = Metrics::default();
        metrics.decided(Gate::Proxy, Decision::Block);
        metrics.decided(Gate::Proxy, Decision::Block);
        for millis in [0, 2, 2, 500_000] {
            metrics.inspected(10, Duration::from_millis(millis));
        }
        let text = metrics.text();
        for line in [
            "lazaret_decisions_total{gate=\"proxy\",decision=\"block\"} 2",
            "lazaret_inspected_bytes_total 40",
            "lazaret_inspection_seconds_bucket{le=\"0.001\"} 1",
            "lazaret_inspection_seconds_bucket{le=\"0.003\"} 3",
            "lazaret_inspection_seconds_bucket{le=\"100\"} 3",
            "lazaret_inspection_seconds_bucket{le=\"+Inf\"} 4",
            "lazaret_inspection_seconds_sum 500.004",
            "lazaret_inspection_seconds_count 4",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} in {text}");
        }
    }
}
