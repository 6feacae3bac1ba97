//! What is measured, scene by scene.

use crate::Options;
use crate::icap::{Asks, Load};
use crate::load::{Client, Figures};
use crate::peers::{CIcap, Lazaret, Squid};
use crate::site::{self, Authority};
use crate::table::{self, Aim, bound, milliseconds, rate, row};
use crate::web::Downloads;
use crate::{mixed, rules};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) const KB: usize = 1_000;
const MB: usize = 1_000_000;
/// Turns that each side gets, one after the other.
const TURNS: usize = 3;
/// How long a turn is; bodies of 100 MB may make it longer.
const TURN: Duration = Duration::from_secs(5);
/// Downloads at once in the scene about memory, and what they may cost.
const PARALLEL: usize = 100;
const MOST_MEMORY: u64 = 400_000_000;

/// What everything runs with.
pub(crate) struct Stage<'a> {
    lazaret: &'a Path,
    authority: Authority,
    site: SocketAddr,
}

impl Stage<'_> {
    /// Starts Lazaret with its defaults and these lines added to its configuration.
    pub(crate) fn lazaret(&self, more: &str) -> Result<Lazaret, String> {
        Lazaret::start(self.lazaret, &self.authority.certificate, more)
    }
}

/// Runs the scenes with these names, all where there are none, and prints the table.
///
/// # Errors
/// When a program cannot be started, or an ordinary file does not pass; the text says which.
pub(crate) fn run(lazaret: &Path, names: &[String], options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let authority = Authority::new(folder.path())?;
    let site = site::serve(&authority)?;
    let stage = Stage { lazaret, authority, site };
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| given == name);
    table::head();
    if wanted("icap") {
        icap(&stage)?;
    }
    if wanted("mixed") {
        mixed::run(&stage, options.seed)?;
    }
    if wanted("rules") {
        rules::run(&stage, options, folder.path())?;
    }
    if wanted("proxy") {
        proxy(&stage)?;
    }
    if wanted("memory") {
        memory(&stage)?;
    }
    if wanted("ledger") {
        ledger(&stage)?;
    }
    Ok(())
}

/// So many clients, made one by one.
pub(crate) fn clients(
    number: usize,
    make: impl Fn() -> Result<Box<dyn Client>, String>,
) -> Result<Vec<Box<dyn Client>>, String> {
    (0..number).map(|_| make()).collect()
}

/// Some sides by turns, after one question each that does not count.
pub(crate) fn by_turns<const SIDES: usize>(
    mut sides: [Vec<Box<dyn Client>>; SIDES],
) -> Result<[Figures; SIDES], String> {
    for side in &mut sides {
        Figures::default().turn(side, Duration::ZERO)?;
    }
    let mut figures = std::array::from_fn(|_| Figures::default());
    for _ in 0..TURNS {
        for (side, figures) in sides.iter_mut().zip(&mut figures) {
            figures.turn(side, TURN)?;
        }
    }
    Ok(figures)
}

/// Says what a comparison rests on.
pub(crate) fn remark(what: &str, ours: &Figures, theirs: &Figures) {
    eprintln!(
        "gate: {what}: {} and {} answers; the load itself took {:.0} % and {:.0} % of a processor",
        ours.number(),
        theirs.number(),
        ours.own_share() * 100.0,
        theirs.own_share() * 100.0
    );
}

fn icap(stage: &Stage<'_>) -> Result<(), String> {
    let lazaret = stage.lazaret("")?;
    let c_icap = CIcap::start("")?;
    for (size, name, asks) in [
        (10 * KB, "10 KB of a page", Asks::Page),
        (10 * KB, "10 KB", Asks::Person),
        (MB, "1 MB of a page", Asks::Page),
        (MB, "1 MB", Asks::Person),
        (100 * MB, "100 MB", Asks::Person),
    ] {
        let (our_load, their_load) =
            (Load::new(lazaret.icap, "respmod", size, asks)?, Load::new(c_icap.address, "avscan", size, asks)?);
        for connections in [1, 8] {
            let ours = clients(connections, || our_load.client())?;
            let theirs = clients(connections, || their_load.client())?;
            let [ours, theirs] = by_turns([ours, theirs])?;
            let what = format!("RESPMOD {name}, {connections} at once");
            remark(&what, &ours, &theirs);
            let (rate_aim, p50_aim, p99_aim) = aims(size, asks, connections);
            row(
                &format!("{what}: requests/s"),
                rate_aim,
                &rate(ours.rate()),
                &format!("c-icap, virus_scan, clamd: {}", rate(theirs.rate())),
                ours.rate() / theirs.rate(),
            );
            for (share, label, aim) in [(0.5, "p50", p50_aim), (0.99, "p99", p99_aim)] {
                let (own, other) = (ours.quantile(share), theirs.quantile(share));
                row(&format!("{what}: {label}"), aim, &milliseconds(own), &milliseconds(other), own / other);
            }
        }
    }
    Ok(())
}

/// What is aimed at beside c-icap and clamd: for requests a second, for p50 and for p99.
///
/// Of small bodies, one client notices how long it waits, and many how many are served; of large ones both follow from how fast
/// bytes are read.
fn aims(size: usize, asks: Asks, connections: usize) -> (Aim, Aim, Aim) {
    match (size, asks, connections) {
        (..MB, _, 1) => (Aim::None, Aim::AtMost(1.2), Aim::None),
        (..MB, Asks::Page, _) => (Aim::AtLeast(1.5), Aim::None, Aim::None),
        (..MB, Asks::Person, _) => (Aim::AtLeast(0.8), Aim::None, Aim::None),
        (MB, _, 1) => (Aim::None, Aim::None, Aim::None),
        (MB, ..) => (Aim::AtLeast(3.0), Aim::None, Aim::None),
        _ => (Aim::AtLeast(3.0), Aim::None, Aim::AtMostAThird),
    }
}

fn proxy(stage: &Stage<'_>) -> Result<(), String> {
    let lazaret = stage.lazaret("")?;
    let squid = Squid::start(&stage.authority)?;
    let authority = lazaret.authority();
    for (size, name, aim) in [(100 * MB, "100 MB", 0.9), (10 * KB, "10 KB", 0.6)] {
        let our_downloads = Downloads::new(lazaret.proxy, &authority, stage.site, size)?;
        let their_downloads = Downloads::new(squid.address, &stage.authority.certificate, stage.site, size)?;
        for connections in [1, 8] {
            let ours = clients(connections, || our_downloads.client())?;
            let theirs = clients(connections, || their_downloads.client())?;
            let [ours, theirs] = by_turns([ours, theirs])?;
            let what = format!("HTTPS {name} through the proxy, {connections} at once");
            remark(&what, &ours, &theirs);
            let (unit, factor) = if size >= MB { ("MB/s", (size / MB) as f64) } else { ("requests/s", 1.0) };
            row(
                &format!("{what}: {unit}"),
                Aim::AtLeast(aim),
                &rate(ours.rate() * factor),
                &format!("Squid, ssl-bump, no inspection: {}", rate(theirs.rate() * factor)),
                ours.rate() / theirs.rate(),
            );
            let (own, other) = (ours.quantile(0.99), theirs.quantile(0.99));
            row(&format!("{what}: p99"), Aim::None, &milliseconds(own), &milliseconds(other), own / other);
        }
    }
    Ok(())
}

fn memory(stage: &Stage<'_>) -> Result<(), String> {
    let lazaret = stage.lazaret("")?;
    let downloads = Downloads::new(lazaret.proxy, &lazaret.authority(), stage.site, 100 * MB)?;
    let mut one = clients(1, || downloads.client())?;
    Figures::default().turn(&mut one, Duration::ZERO)?;
    drop(one);
    let before = lazaret.memory();
    let mut all = clients(PARALLEL, || downloads.client())?;
    let (peak, done) = (AtomicU64::new(before), AtomicBool::new(false));
    let mut figures = Figures::default();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(lazaret.memory(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let outcome = figures.turn(&mut all, Duration::ZERO);
        done.store(true, Ordering::Relaxed);
        outcome
    });
    outcome?;
    let peak = peak.into_inner();
    bound(
        &format!("{PARALLEL} downloads of 100 MB at once: peak memory of all our processes"),
        "≤ 400 MB",
        &format!("{} MB", peak / 1_000_000),
        &format!("after one download: {} MB", before / 1_000_000),
        peak as f64 / before as f64,
        peak <= MOST_MEMORY,
    );
    let figure = format!("{:.0} s, {} MB/s", figures.quantile(1.0), rate(figures.rate() * 100.0));
    row(&format!("{PARALLEL} downloads of 100 MB at once: the last is done after"), Aim::None, &figure, "–", f64::NAN);
    Ok(())
}

fn ledger(stage: &Stage<'_>) -> Result<(), String> {
    let quick = tempfile::tempdir_in("/dev/shm").map_err(|error| format!("`/dev/shm`: {error}"))?;
    let in_memory = format!("[ledger]\naddress = \"sqlite:{}/ledger.sqlite\"\n", quick.path().display());
    let durable = stage.lazaret("")?;
    let volatile = stage.lazaret(&in_memory)?;
    let on_disk = Downloads::new(durable.proxy, &durable.authority(), stage.site, 10 * KB)?;
    let on_tmpfs = Downloads::new(volatile.proxy, &volatile.authority(), stage.site, 10 * KB)?;
    for connections in [1, 8] {
        let ours = clients(connections, || on_disk.client())?;
        let theirs = clients(connections, || on_tmpfs.client())?;
        let [ours, theirs] = by_turns([ours, theirs])?;
        let what = format!("HTTPS 10 KB, {connections} at once, every event on the disk");
        remark(&what, &ours, &theirs);
        let reference = format!("ledger in memory (tmpfs): {}", rate(theirs.rate()));
        row(&format!("{what}: requests/s"), Aim::None, &rate(ours.rate()), &reference, ours.rate() / theirs.rate());
        let (own, other) = (ours.quantile(0.5), theirs.quantile(0.5));
        row(&format!("{what}: p50"), Aim::None, &milliseconds(own), &milliseconds(other), own / other);
    }
    Ok(())
}
