//! Bodies as real pages have them: many sites, kinds and sizes, most of them seen before.
//!
//! Each side is asked about the same bodies in the same order, which follows from a seed alone.

use crate::bodies::{Bodies, Chance, Form, MOST};
use crate::icap::{Connection, Service};
use crate::load::Client;
use crate::peers::CIcap;
use crate::scenes::{Stage, by_turns, clients, remark};
use crate::table::{Aim, milliseconds, rate, row};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Clients at once.
const CLIENTS: usize = 8;
/// Answers until the same happens again, with other numbers in the bodies.
const ROUND: usize = 1 << 18;
/// Of a hundred answers, those that came before.
const SEEN: u64 = 60;
/// The size that half of the new bodies have at the most, and how far the others are from it (of the natural logarithm).
const MEDIAN: f64 = 12_000.0;
const SIGMA: f64 = 1.2;
/// Bytes of the smallest body.
const LEAST: f64 = 300.0;
/// Whose pages they are. Scripts and fonts come from another site, as from a network that delivers for many.
const SITES: [&str; 8] = ["harbour", "bakery", "library", "museum", "railway", "orchard", "theatre", "workshop"];

/// Runs the scene.
///
/// # Errors
/// When a program cannot be started, or an ordinary file does not pass; the text says which.
pub(crate) fn run(stage: &Stage<'_>, seed: u64) -> Result<(), String> {
    let traffic = Arc::new(Traffic::new(seed));
    eprintln!("gate: mixed: --seed {seed}");
    let lazaret = stage.lazaret("")?;
    let c_icap = CIcap::start("")?;
    let side = |address: SocketAddr, service: &str| {
        let side = Arc::new(Side {
            service: Service::new(address, service)?,
            traffic: Arc::clone(&traffic),
            next: AtomicUsize::new(0),
        });
        clients(CLIENTS, || Side::client(&side))
    };
    let [ours, theirs] = by_turns([side(lazaret.icap, "respmod")?, side(c_icap.address, "avscan")?])?;
    let what = format!("RESPMOD as pages are made, {CLIENTS} at once");
    remark(&what, &ours, &theirs);
    row(
        &format!("{what}: requests/s"),
        Aim::AtLeast(2.0),
        &rate(ours.rate()),
        &format!("c-icap, virus_scan, clamd: {}", rate(theirs.rate())),
        ours.rate() / theirs.rate(),
    );
    let (own, other) = (ours.throughput() / 1e6, theirs.throughput() / 1e6);
    row(&format!("{what}: MB/s"), Aim::None, &rate(own), &rate(other), own / other);
    for (share, label) in [(0.5, "p50"), (0.99, "p99")] {
        let (own, other) = (ours.quantile(share), theirs.quantile(share));
        row(&format!("{what}: {label}"), Aim::None, &milliseconds(own), &milliseconds(other), own / other);
    }
    Ok(())
}

/// What is asked for, in order.
struct Traffic {
    bodies: Bodies,
    resources: Vec<Resource>,
    /// Places in `resources`.
    order: Vec<usize>,
}

/// Something that a page is made of.
#[derive(Debug, Clone, PartialEq)]
struct Resource {
    form: Form,
    site: &'static str,
    size: usize,
}

impl Traffic {
    fn new(seed: u64) -> Self {
        let (resources, order) = plan(seed);
        Self { bodies: Bodies::new(), resources, order }
    }
}

/// Different resources, and the order in which they are asked for.
fn plan(seed: u64) -> (Vec<Resource>, Vec<usize>) {
    let mut chance = Chance::new(seed);
    let (mut resources, mut order) = (Vec::new(), Vec::<usize>::with_capacity(ROUND));
    while order.len() < ROUND {
        let seen = chance.below(100) < SEEN;
        // Drawn from all answers so far: what was asked for often is asked for more often.
        let before = chance.below(order.len() as u64) as usize;
        if let Some(place) = order.get(before).copied().filter(|_| seen) {
            order.push(place);
            continue;
        }
        order.push(resources.len());
        let mut at = chance.below(100);
        let form = Form::SHARES.into_iter().find(|(_, share)| {
            let found = at < *share;
            at = at.saturating_sub(*share);
            found
        });
        let site = SITES.get(chance.below(SITES.len() as u64) as usize).copied().unwrap_or_default();
        let size = (MEDIAN * (SIGMA * normal(&mut chance)).exp()).clamp(LEAST, MOST as f64) as usize;
        resources.push(Resource { form: form.map_or(Form::Page, |(form, _)| form), site, size });
    }
    (resources, order)
}

/// A number of the normal distribution (Box and Muller, 1958).
fn normal(chance: &mut Chance) -> f64 {
    let (radius, angle) = ((-2.0 * chance.share().ln()).sqrt(), std::f64::consts::TAU * chance.share());
    radius * angle.cos()
}

impl Resource {
    /// Heads of the request and of the answer, as a browser and a site write them.
    fn heads(&self, number: u64, length: usize) -> (String, String) {
        let site = self.site;
        let (media_type, end) = self.form.media_type();
        let page = format!("http://www.{site}.example");
        let (host, relation) = match self.form {
            Form::Page => (format!("www.{site}.example"), "none"),
            Form::Script | Form::Font => (format!("cdn.{site}-files.example"), "cross-site"),
            _ => (format!("static.{site}.example"), "same-site"),
        };
        // Fetch Metadata, 2.
        let (destination, mode) = match self.form {
            Form::Page => ("document", "navigate"),
            Form::Script => ("script", "no-cors"),
            Form::Sheet => ("style", "no-cors"),
            Form::Data => ("empty", "cors"),
            Form::Photo | Form::Graphic => ("image", "no-cors"),
            Form::Font => ("font", "cors"),
        };
        let asker = match (self.form, mode) {
            (Form::Page, _) => "Accept: text/html,*/*;q=0.8\r\n".to_owned(),
            (_, "cors") => format!("Accept: */*\r\nReferer: {page}/\r\nOrigin: {page}\r\n"),
            _ => format!("Accept: */*\r\nReferer: {page}/\r\n"),
        };
        let request = format!(
            "GET http://{host}/{number}/letter.{end} HTTP/1.1\r\nHost: {host}\r\n{asker}\
             Sec-Fetch-Dest: {destination}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Site: {relation}\r\n\r\n"
        );
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n");
        (request, answer)
    }
}

/// One of those that are compared, and how far it is.
struct Side {
    service: Service,
    traffic: Arc<Traffic>,
    next: AtomicUsize,
}

impl Side {
    fn client(self: &Arc<Self>) -> Result<Box<dyn Client>, String> {
        let connection = self.service.connection()?;
        Ok(Box::new(Browser { side: Arc::clone(self), connection, body: Vec::new(), out: Vec::new() }))
    }
}

/// A client with its connection and room for what it sends.
struct Browser {
    side: Arc<Side>,
    connection: Connection,
    body: Vec<u8>,
    out: Vec<u8>,
}

impl Client for Browser {
    fn ask(&mut self, _: u64) -> Result<usize, String> {
        let traffic = &*self.side.traffic;
        let at = self.side.next.fetch_add(1, Ordering::Relaxed);
        let place = traffic.order[at % ROUND];
        let resource = &traffic.resources[place];
        let number = (at / ROUND * ROUND + place) as u64;
        traffic.bodies.write(resource.form, number, resource.size, &mut self.body);
        let (request, answer) = resource.heads(number, self.body.len());
        let judged = self.side.service.judge(
            &mut self.connection,
            &mut self.out,
            (request.as_str(), answer.as_str()),
            &self.body,
        );
        judged.map_err(|why| format!("{:?} {number} of {} bytes: {why}", resource.form, self.body.len()))?;
        Ok(self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_sequence_follows_from_the_seed_and_has_the_shares_that_it_is_said_to_have() {
        let (resources, order) = plan(1);
        assert_eq!((resources.clone(), order.clone()), plan(1));
        assert_ne!(order, plan(2).1);
        let seen = 100.0 * (1.0 - resources.len() as f64 / order.len() as f64);
        assert!((59.0..61.0).contains(&seen), "{seen} % were seen before");
        let mut sizes: Vec<usize> = resources.iter().map(|resource| resource.size).collect();
        sizes.sort_unstable();
        let quantile = |share: f64| sizes[(sizes.len() as f64 * share) as usize];
        assert!((11_500..12_500).contains(&quantile(0.5)), "{}", quantile(0.5));
        // One sigma above.
        assert!((38_000..42_000).contains(&quantile(0.8413)), "{}", quantile(0.8413));
        assert!(sizes.last().is_some_and(|most| (1_000_000..=MOST).contains(most)));
        let sites: BTreeSet<&str> = resources.iter().map(|resource| resource.site).collect();
        assert_eq!(sites.len(), SITES.len());
        for (form, share) in Form::SHARES {
            let number = resources.iter().filter(|resource| resource.form == form).count();
            let found = 100.0 * number as f64 / resources.len() as f64;
            assert!((found - share as f64).abs() < 1.0, "{form:?}: {found} %");
        }
        assert_eq!(Form::SHARES.iter().map(|(_, share)| share).sum::<u64>(), 100);
    }
}
