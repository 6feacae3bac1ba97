//! One machine does what it can to take the gates for itself; another one beside it hardly notices. `docs/faults.md` has the
//! figures.

mod uploads;

use crate::gate::trouble::Got;
use crate::gate::{Served, Site, certificate};
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const HOSTILE: &str = "127.0.0.2";
const HONEST: &str = "127.0.0.3";
/// How often the honest client asks, without anybody beside it and with: a percentile says little where four answers are above it.
const ASKED: usize = 400;
/// What counts as no time at all: the quiet figure is taken for this where it is less.
fn floor() -> Duration {
    Duration::from_millis(if is_release() { 12 } else { 50 })
}

/// Whether the executable is one that was built for speed, which is named then.
fn is_release() -> bool {
    std::env::var_os("LAZARET_TEST_EXECUTABLE").is_some()
}

/// How many times the quiet figure the other may be. A debug build takes ten times as long for everything, on the cores that the
/// hostile programs run on as well.
fn most_times() -> u32 {
    if is_release() { 3 } else { 15 }
}

/// Bytes of memory that all processes may take beyond what they took before: the budget of bodies, and what three inspections
/// take. And when it is over.
const MOST_PEAK: u64 = 400_000_000;
const MOST_AFTER: u64 = 150_000_000;
const BUDGET: u64 = 64 << 20;
/// Connections that one address may have.
const PLACES: usize = 120;
/// Costly archives that there are.
const ARCHIVES: u64 = 4;

/// A connection from an address of this machine.
pub fn from(address: &str, server: SocketAddr) -> std::io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0))?;
        socket.connect(server).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// A GET from an address; the status, 0 where there is none.
fn get(address: &str, proxy: SocketAddr, url: &str) -> std::io::Result<Got> {
    let mut stream = from(address, proxy)?;
    let host = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    write!(stream, "GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    let body = all.split_off(end);
    let headers = String::from_utf8_lossy(&all).to_lowercase();
    let status = headers.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Got { status, headers, body, whole: true })
}

/// A small archive that takes long: many members, each with much text. Each number makes another one.
fn costly(number: u64) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let text = "function add(one, other) { return one + other; } // the meeting is on Monday\n".repeat(400);
    for member in 0..1_500 {
        writer.start_file(format!("{number}-{member}.js"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A small text, each a different one.
fn letter(number: usize) -> String {
    format!("Dear customer {number},\n{}", "the meeting is on Monday, as always.\n".repeat(40))
}

/// What the honest client waited for, sorted. It asks at a person's pace, and everything it asks for comes.
fn waited(served: &Served, site: &Site, first: usize) -> Vec<Duration> {
    let mut times: Vec<Duration> = (first..first + ASKED)
        .map(|number| {
            let began = Instant::now();
            let got = get(HONEST, served.proxy, &site.url(&format!("/letters/{number}.txt"))).unwrap();
            let time = began.elapsed();
            assert!(got.status == 200 && got.body == letter(number).as_bytes(), "{}: {}", got.status, got.headers);
            std::thread::sleep(Duration::from_millis(20));
            time
        })
        .collect();
    times.sort();
    times
}

/// The value that so many percent do not exceed.
fn percent(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

/// What the hostile client did so far.
#[derive(Default)]
struct Deeds {
    archives: AtomicU64,
    uploads: AtomicU64,
    trickled: AtomicU64,
    turned_away: AtomicU64,
    passwords: AtomicU64,
}

/// Asks for costly archives, one after the other.
fn ask_for_archives(served: &Served, site: &Site, deeds: &Deeds, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let number = deeds.archives.fetch_add(1, Ordering::Relaxed);
        // Whatever comes of it: it is asked for again.
        let _ = get(HOSTILE, served.proxy, &site.url(&format!("/costly/{}.zip", number % ARCHIVES)));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Uploads a hundred times a megabyte over one HTTP/2 connection, again and again.
fn upload(served: &Served, port: u16, body: &Bytes, deeds: &Deeds, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if uploads::at_once(served, port, body) {
            deeds.uploads.fetch_add(100, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Takes more places than one address may have, then keeps most of its own: half of them with a body that comes byte by byte, half
/// with a head that does.
fn hold_places(served: &Served, site: &Site, deeds: &Deeds, over: &AtomicBool) {
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", site.url("/take"));
    let open = |number: usize| {
        let mut stream = from(HOSTILE, served.proxy).ok()?;
        let _ = stream.write_all(if number.is_multiple_of(2) { head.as_bytes() } else { b"GET http" });
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    };
    let mut held: Vec<TcpStream> = (0..PLACES + 30).filter_map(open).collect();
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(200));
        let before = held.len();
        held.retain_mut(|stream| !matches!(stream.read(&mut [0; 1_000]), Ok(0)) && stream.write_all(b"x").is_ok());
        deeds.turned_away.fetch_add((before - held.len()) as u64, Ordering::Relaxed);
        deeds.trickled.fetch_add(held.len() as u64, Ordering::Relaxed);
        // The others of its deeds need some, too.
        held.truncate(PLACES - 30);
        held.extend((held.len()..PLACES - 30).filter_map(open));
    }
}

/// What this thread starts gets what time is left over, and gives it up at once: a hostile client brings processors of its own, and
/// here it shares ours. The lowest priority alone would not do, since whoever has it keeps a processor for a turn of some milliseconds.
fn leave_the_processors() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let number = thread.file_name().unwrap().to_owned();
    let set = std::process::Command::new("chrt").args(["--idle", "--pid", "0"]).arg(number).output().unwrap();
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

/// Tries passwords at the console.
fn guess(served: &Served, deeds: &Deeds, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let number = deeds.passwords.fetch_add(1, Ordering::Relaxed);
        let form = format!("name=ada&password=a+long+guess+{number}");
        if let Ok(mut stream) = from(HOSTILE, served.console) {
            let _ = write!(
                stream,
                "POST /login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{form}",
                served.console,
                form.len()
            );
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

/// Keeps the most memory that the gate and its workers take.
fn watch(served: &Served, peak: &AtomicU64, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        peak.fetch_max(served.memory(), Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn one_hostile_client_takes_neither_time_nor_memory_from_another() {
    let folder = tempfile::tempdir().unwrap();
    let (config, authority) = certificate(folder.path(), "localhost");
    let served = Served::with(&format!(
        "[proxy]\ntrust = [\"{}\"]\nconnections = 400\nconnections_an_address = {PLACES}\n\
         [bodies]\ninspections = 3\ntime_ms = 4000\nwait_seconds = 5\nwaiting = 50\nmemory_bytes = {BUDGET}\n\
         spool_bytes = 1073741824\nmost_bytes = 104857600\n",
        authority.display()
    ));
    let (site, secure) = (Site::plain(), Site::secure(config));
    for number in 0..2 * ASKED {
        site.page(&format!("/letters/{number}.txt"), "", letter(number));
    }
    for number in 0..ARCHIVES {
        site.page(&format!("/costly/{number}.zip"), "", costly(number));
    }
    let body = Bytes::from("the meeting is on Monday, as always.\n".repeat(28_000));
    // What is built and read at the first request is nobody's.
    assert_eq!(get(HONEST, served.proxy, &site.url("/letters/0.txt")).unwrap().status, 200);
    // Looking at memory stops whoever asks the system for some: it is looked at while it is quiet as well.
    let over = AtomicBool::new(false);
    let quiet = std::thread::scope(|scope| {
        scope.spawn(|| watch(&served, &AtomicU64::new(0), &over));
        let quiet = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waited(&served, &site, 0)));
        over.store(true, Ordering::Relaxed);
        quiet.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let (before, peak) = (served.memory(), AtomicU64::new(0));
    let (deeds, over) = (Deeds::default(), AtomicBool::new(false));
    let beside = std::thread::scope(|scope| {
        let (served, site, deeds, over, body, peak) = (&served, &site, &deeds, &over, &body, &peak);
        for _ in 0..6 {
            scope.spawn(move || {
                leave_the_processors();
                ask_for_archives(served, site, deeds, over);
            });
        }
        for _ in 0..8 {
            let port = secure.address.port();
            scope.spawn(move || {
                leave_the_processors();
                upload(served, port, body, deeds, over);
            });
        }
        scope.spawn(move || {
            leave_the_processors();
            hold_places(served, site, deeds, over);
        });
        scope.spawn(move || {
            leave_the_processors();
            guess(served, deeds, over);
        });
        scope.spawn(move || watch(served, peak, over));
        let beside = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // It is under way before anybody measures.
            crate::gate::until("the hostile client is at it", || {
                let done = [&deeds.turned_away, &deeds.archives, &deeds.uploads];
                done.iter().all(|done| done.load(Ordering::Relaxed) > 6)
            });
            waited(served, site, ASKED)
        }));
        // However it went, or the others never end.
        over.store(true, Ordering::Relaxed);
        beside.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let grown = |now: u64| now.saturating_sub(before);
    let mut after = u64::MAX;
    crate::gate::until("the memory comes back", || {
        after = grown(served.memory());
        after < MOST_AFTER
    });
    let peak = grown(peak.into_inner());
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!("| the honest client's | quiet | beside a hostile one |\n|---|---|---|");
    for part in [50, 90, 99] {
        println!("| p{part} | {:.1?} | {:.1?} |", percent(&quiet, part), percent(&beside, part));
    }
    println!("| memory beyond the beginning, in MB | – | {} at the peak, {} afterwards |", peak >> 20, after >> 20);
    println!(
        "the hostile one: {} costly archives, {} uploads of 1 MB, {} bytes one by one, {} connections closed, {} passwords",
        of(&deeds.archives),
        of(&deeds.uploads),
        of(&deeds.trickled),
        of(&deeds.turned_away),
        of(&deeds.passwords)
    );
    let (quiet, beside) = (percent(&quiet, 99).max(floor()), percent(&beside, 99));
    assert!(beside <= quiet * most_times(), "p99 {beside:?} instead of {quiet:?}");
    assert!(peak < MOST_PEAK, "{peak} bytes at the peak");
    assert!(!served.log().contains("panicked"), "{}", served.log());
}
