//! What is in force for incidents, at the desk: before anything is asked of a site, and once it is known what a file is.

use super::{Cargo, Desk};
use crate::Exchange;
use crate::containment::Contained;
use crate::refusal::{Reason, Refusal};
use http::{HeaderMap, StatusCode};
use lazaret_model::{Measure, ScanReport};

impl Desk {
    /// Puts other acts of incidents in force in the place of all; what comes next is held against them. Whether they are others.
    pub fn replace_measures(&self, measures: Vec<Measure>) -> bool {
        self.containment.replace(measures)
    }

    /// Tells what is in force from what was in force before.
    pub(crate) fn measures_state(&self) -> u64 {
        self.containment.state()
    }

    /// Tells which files incidents keep back from those before, in this process.
    pub(crate) fn contained_files(&self) -> u64 {
        self.containment.files()
    }

    /// By what a file is judged now: engine, policies, and the files that incidents keep back.
    pub(crate) fn judged_by(&self) -> String {
        format!("{} {}", self.engine().fingerprint(), self.containment.files())
    }

    /// Whether an incident keeps back whatever an exchange is about.
    pub(crate) fn contains(&self, exchange: &Exchange, cargo: &Cargo) -> Option<Box<Refusal>> {
        let measure = self.containment.of_exchange(exchange)?;
        let contained = Box::new(Contained { measure, report: None });
        Some(Box::new(self.refuse(exchange, cargo, Reason::Contained(contained))))
    }

    /// Whether nothing need be asked of a site: an incident keeps everything from there back, or everything for whoever asks, or the
    /// site is badly spoken of.
    pub(crate) fn forbids(&self, exchange: &Exchange) -> Option<Refusal> {
        if self.containment.of_exchange(exchange).is_none() {
            return self.site_forbids(exchange);
        }
        let cargo = Cargo::of(exchange, StatusCode::OK, &HeaderMap::new());
        // Undone by now, the site may be forbidden all the same.
        self.contains(exchange, &cargo).map(|refusal| *refusal).or_else(|| self.site_forbids(exchange))
    }

    /// What was judged, or a refusal where an incident keeps it back by what it is, where it is from, or whom it is for.
    pub(super) fn held_against(
        &self,
        exchange: &Exchange,
        cargo: &Cargo,
        judged: Result<ScanReport, Box<Refusal>>,
    ) -> Result<ScanReport, Box<Refusal>> {
        let report = match &judged {
            Ok(report) => report,
            Err(refusal) => match &refusal.reason {
                Reason::Policy(report) => &**report,
                _ => return judged,
            },
        };
        // The block before what only holds.
        let by_file = self.containment.of_report(report);
        let Some(measure) = by_file.or_else(|| self.containment.of_exchange(exchange)) else { return judged };
        let contained = Contained { measure, report: Some(Box::new(report.clone())) };
        if report.decision > contained.decision() {
            return judged;
        }
        Err(Box::new(self.refuse(exchange, cargo, Reason::Contained(Box::new(contained)))))
    }
}
