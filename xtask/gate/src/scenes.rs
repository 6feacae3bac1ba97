//! What is measured, scene by scene.

use crate::icap::{Asks, Load};
use crate::load::{Client, Figures};
use crate::peers::{CIcap, Lazaret, Squid};
use crate::site::{self, Authority};
use crate::table::{self, Aim, bound, milliseconds, rate, row};
use crate::web::Downloads;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const KB: usize = 1_000;
const MB: usize = 1_000_000;
/// Turns that each side gets, one after the other.
const TURNS: usize = 3;
/// How long a turn is; bodies of 100 MB may make it longer.
const TURN: Duration = Duration::from_secs(5);
/// Downloads at once in the scene about memory, and what they may cost.
const PARALLEL: usize = 100;
const MOST_MEMORY: u64 = 400_000_000;

/// What everything runs with.
struct Stage<'a> {
    lazaret: &'a Path,
    authority: Authority,
    site: SocketAddr,
}

/// Runs the scenes with these names, all where there are none, and prints the table.
///
/// # Errors
/// When a program cannot be started, or an ordinary file does not pass; the text says which.
pub(crate) fn run(lazaret: &Path, names: &[String]) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let authority = Authority::new(folder.path())?;
    let site = site::serve(&authority)?;
    let stage = Stage { lazaret, authority, site };
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| given == name);
    table::head();
    if wanted("icap") {
        icap(&stage)?;
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

fn clients(number: usize, make: impl Fn() -> Result<Box<dyn Client>, String>) -> Result<Vec<Box<dyn Client>>, String> {
    (0..number).map(|_| make()).collect()
}

/// Two sides by turns, after one question each that does not count.
fn beside(ours: &mut [Box<dyn Client>], theirs: &mut [Box<dyn Client>]) -> Result<(Figures, Figures), String> {
    for side in [&mut *ours, &mut *theirs] {
        Figures::default().turn(side, Duration::ZERO)?;
    }
    let (mut our_figures, mut their_figures) = (Figures::default(), Figures::default());
    for _ in 0..TURNS {
        our_figures.turn(ours, TURN)?;
        their_figures.turn(theirs, TURN)?;
    }
    Ok((our_figures, their_figures))
}

fn remark(what: &str, ours: &Figures, theirs: &Figures) {
    eprintln!(
        "gate: {what}: {} and {} answers; the load itself took {:.0} % and {:.0} % of a processor",
        ours.number(),
        theirs.number(),
        ours.own_share() * 100.0,
        theirs.own_share() * 100.0
    );
}

fn icap(stage: &Stage<'_>) -> Result<(), String> {
    let lazaret = Lazaret::start(stage.lazaret, &stage.authority.certificate, "")?;
    let c_icap = CIcap::start()?;
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
            let mut ours = clients(connections, || our_load.client())?;
            let mut theirs = clients(connections, || their_load.client())?;
            let (ours, theirs) = beside(&mut ours, &mut theirs)?;
            let what = format!("RESPMOD {name}, {connections} at once");
            remark(&what, &ours, &theirs);
            row(
                &format!("{what}: requests/s"),
                Aim::AtLeast(3.0),
                &rate(ours.rate()),
                &format!("c-icap, virus_scan, clamd: {}", rate(theirs.rate())),
                ours.rate() / theirs.rate(),
            );
            for (share, label, aim) in [(0.5, "p50", Aim::None), (0.99, "p99", Aim::AtMostAThird)] {
                let (own, other) = (ours.quantile(share), theirs.quantile(share));
                row(&format!("{what}: {label}"), aim, &milliseconds(own), &milliseconds(other), own / other);
            }
        }
    }
    Ok(())
}

fn proxy(stage: &Stage<'_>) -> Result<(), String> {
    let lazaret = Lazaret::start(stage.lazaret, &stage.authority.certificate, "")?;
    let squid = Squid::start(&stage.authority)?;
    let authority = lazaret.authority();
    for (size, name) in [(100 * MB, "100 MB"), (10 * KB, "10 KB")] {
        let our_downloads = Downloads::new(lazaret.proxy, &authority, stage.site, size)?;
        let their_downloads = Downloads::new(squid.address, &stage.authority.certificate, stage.site, size)?;
        for connections in [1, 8] {
            let mut ours = clients(connections, || our_downloads.client())?;
            let mut theirs = clients(connections, || their_downloads.client())?;
            let (ours, theirs) = beside(&mut ours, &mut theirs)?;
            let what = format!("HTTPS {name} through the proxy, {connections} at once");
            remark(&what, &ours, &theirs);
            let (unit, factor) = if size >= MB { ("MB/s", (size / MB) as f64) } else { ("requests/s", 1.0) };
            row(
                &format!("{what}: {unit}"),
                Aim::AtLeast(0.9),
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
    let lazaret = Lazaret::start(stage.lazaret, &stage.authority.certificate, "")?;
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
    let durable = Lazaret::start(stage.lazaret, &stage.authority.certificate, "")?;
    let volatile = Lazaret::start(stage.lazaret, &stage.authority.certificate, &in_memory)?;
    let on_disk = Downloads::new(durable.proxy, &durable.authority(), stage.site, 10 * KB)?;
    let on_tmpfs = Downloads::new(volatile.proxy, &volatile.authority(), stage.site, 10 * KB)?;
    for connections in [1, 8] {
        let mut ours = clients(connections, || on_disk.client())?;
        let mut theirs = clients(connections, || on_tmpfs.client())?;
        let (ours, theirs) = beside(&mut ours, &mut theirs)?;
        let what = format!("HTTPS 10 KB, {connections} at once, every event on the disk");
        remark(&what, &ours, &theirs);
        let reference = format!("ledger in memory (tmpfs): {}", rate(theirs.rate()));
        row(&format!("{what}: requests/s"), Aim::None, &rate(ours.rate()), &reference, ours.rate() / theirs.rate());
        let (own, other) = (ours.quantile(0.5), theirs.quantile(0.5));
        row(&format!("{what}: p50"), Aim::None, &milliseconds(own), &milliseconds(other), own / other);
    }
    Ok(())
}
