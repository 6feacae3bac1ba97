//! What acts of incidents keep back: files by hash, sites, and everything for people, groups and machines. Looked up for each
//! request and each body, and put in place as a whole.

use crate::Exchange;
use crate::exchange::{normal_host, registered_domain};
use lazaret_model::{ActKind, Decision, Measure, ScanReport};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// What is kept back by an act of an incident.
#[derive(Debug, Clone)]
pub struct Contained {
    /// The act, and its incident.
    pub measure: Measure,
    /// What was found in it; nothing where it was not looked at.
    pub report: Option<Box<ScanReport>>,
}

impl Contained {
    /// What becomes of it.
    pub fn decision(&self) -> Decision {
        self.measure.act.kind.decision().unwrap_or(Decision::Block)
    }
}

/// Everything that is kept back.
#[derive(Debug, Default)]
pub(crate) struct Containment(RwLock<Arc<Kept>>);

/// One state of it.
#[derive(Debug, Default)]
struct Kept {
    /// Tells it from others; 0 where nothing is kept back.
    state: u64,
    /// Rises with every change of the files that are kept back, in this process.
    files: u64,
    all: Vec<Measure>,
    hashes: HashMap<String, Measure>,
    /// Each with whether what is below the name is meant as well.
    sites: HashMap<String, (Measure, bool)>,
    /// By their names in lower case.
    people: HashMap<String, Measure>,
    groups: HashMap<String, Measure>,
    clients: HashMap<IpAddr, Measure>,
}

impl Containment {
    /// Puts other measures in the place of all. Whether they are others.
    pub(crate) fn replace(&self, measures: Vec<Measure>) -> bool {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.all == measures {
            return false;
        }
        let mut next = Kept::of(measures);
        next.files = kept.files + u64::from(!same_files(&next.hashes, &kept.hashes));
        *kept = Arc::new(next);
        true
    }

    fn kept(&self) -> Arc<Kept> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes with what is in place, and is the same in every process that has the same in place.
    pub(crate) fn state(&self) -> u64 {
        self.kept().state
    }

    /// Changes with the files that are kept back, and never comes to what it was: what a file was judged under is judged under still only while
    /// it is the same. Sites and people are looked at anew at each request.
    pub(crate) fn files(&self) -> u64 {
        self.kept().files
    }

    /// What keeps an exchange back, whatever it is about: its site, or who asks.
    pub(crate) fn of_exchange(&self, exchange: &Exchange) -> Option<Measure> {
        let kept = self.kept();
        if kept.all.is_empty() { None } else { kept.of_exchange(exchange) }
    }

    /// What keeps a file back: its own hash, or that of something in it.
    pub(crate) fn of_report(&self, report: &ScanReport) -> Option<Measure> {
        let kept = self.kept();
        if kept.hashes.is_empty() {
            return None;
        }
        let parts = report.parts.iter().map(|part| &part.sha256);
        std::iter::once(&report.sha256).chain(parts).find_map(|hash| kept.hashes.get(hash)).cloned()
    }
}

impl Kept {
    fn of(measures: Vec<Measure>) -> Self {
        // Always with the same keys.
        let mut hasher = DefaultHasher::new();
        measures.hash(&mut hasher);
        let state = if measures.is_empty() { 0 } else { hasher.finish().max(1) };
        let mut kept = Self { state, ..Self::default() };
        for measure in &measures {
            let (value, own) = (&measure.act.value, measure.clone());
            // Of several about the same the first is told.
            match &measure.act.kind {
                ActKind::BlockHash => {
                    kept.hashes.entry(value.to_ascii_lowercase()).or_insert(own);
                }
                ActKind::BlockSite => {
                    let site = spelled(normal_host(value));
                    // What is nobody's own, such as a public suffix, stands for itself alone.
                    let below = registered_domain(&site).is_some();
                    kept.sites.entry(site).or_insert((own, below));
                }
                ActKind::HoldPerson => {
                    kept.people.entry(value.to_lowercase()).or_insert(own);
                }
                ActKind::HoldGroup => {
                    kept.groups.entry(value.clone()).or_insert(own);
                }
                ActKind::HoldClient => {
                    if let Ok(address) = value.parse::<IpAddr>() {
                        kept.clients.entry(address.to_canonical()).or_insert(own);
                    }
                }
                // The console hands releases over, and rooms see to their own.
                ActKind::RevokeHash | ActKind::RevokePerson | ActKind::Room(_) => {}
            }
        }
        kept.all = measures;
        kept
    }

    /// The site before the people: a block is the stricter of both.
    fn of_exchange(&self, exchange: &Exchange) -> Option<Measure> {
        let person = || self.people.get(&exchange.person.as_ref()?.to_lowercase());
        let group = || exchange.groups.iter().find_map(|group| self.groups.get(group));
        let client = || self.clients.get(&exchange.client?.to_canonical());
        self.site(exchange).or_else(person).or_else(group).or_else(client).cloned()
    }

    fn site(&self, exchange: &Exchange) -> Option<&Measure> {
        if self.sites.is_empty() {
            return None;
        }
        let host = spelled(exchange.host());
        let server = || {
            let server = exchange.server?.to_canonical().to_string();
            self.sites.get(&server).map(|(measure, _)| measure)
        };
        let own = self.sites.get(&host).map(|(measure, _)| measure);
        let above = || {
            let dots = host.match_indices('.').filter_map(|(at, _)| host.get(at + 1..));
            dots.filter_map(|domain| self.sites.get(domain)).find(|(_, below)| *below).map(|(measure, _)| measure)
        };
        own.or_else(above).or_else(server)
    }
}

/// Whether the same files are kept back.
fn same_files(one: &HashMap<String, Measure>, other: &HashMap<String, Measure>) -> bool {
    one.len() == other.len() && one.keys().all(|hash| other.contains_key(hash))
}

/// A host as it is looked up: an IPv4 address has one spelling, also within IPv6 (RFC 4291, 2.5.5.2).
fn spelled(host: String) -> String {
    host.parse::<IpAddr>().map_or(host, |address| address.to_canonical().to_string())
}

#[cfg(test)]
mod tests;
