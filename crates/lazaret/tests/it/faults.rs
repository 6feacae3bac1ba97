//! What happens when something breaks: everything fails closed, is said, and passes when the trouble does.
//! `docs/faults.md` lists the same.

use crate::gate::trouble::{Got, Locked, Small};
use crate::gate::{Served, Site, read_head};
use lazaret_store::{BlobFolder, Blobs, EventFilter, Ledger, LoggedEvent};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LETTER: &str = "Dear customer,\nthe meeting is on Monday, as always.\n";
/// Bytes by which faults may make all our processes grow.
const MOST_GROWTH: u64 = 150_000_000;

/// A script that is stopped, each a different one.
fn script(number: usize) -> String {
    format!("Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe {number}\"\r\nWScript.Quit\r\n")
}

/// Text of some length.
fn text(bytes: usize) -> String {
    LETTER.repeat(bytes.div_ceil(LETTER.len()))
}

/// Whether this is an answer of ours in place of a file: nothing of the file is in it.
fn is_refusal(got: &Option<Got>) -> bool {
    got.as_ref().is_some_and(|got| {
        got.status >= 400 && !String::from_utf8_lossy(&got.body).contains("the meeting is on Monday")
    })
}

fn is_letter(got: &Option<Got>, letter: &str) -> bool {
    got.as_ref().is_some_and(|got| got.status == 200 && got.body == letter.as_bytes())
}

/// Everything that a ledger has.
fn events(data: &Path) -> Vec<LoggedEvent> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(&format!("sqlite:{}", data.join("ledger.sqlite").display())).await.unwrap();
        let mut all: Vec<LoggedEvent> = Vec::new();
        loop {
            let more = ledger.events(&EventFilter::default(), all.last().map(|event| event.id), 10_000).await.unwrap();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    })
}

/// What is recorded of the inspection of something.
fn report(data: &Path, reference: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(&format!("sqlite:{}", data.join("ledger.sqlite").display())).await.unwrap();
        ledger.event(reference).await.unwrap().expect("it is recorded").event.report
    })
}

#[test]
fn killed_at_any_moment_it_has_recorded_what_it_let_anybody_see() {
    const ROUNDS: u64 = 6;
    let site = Site::plain();
    for number in 0..6_000 {
        let path = format!("/{number}.{}", if number % 3 == 0 { "vbs" } else { "txt" });
        site.on(&path, move |_, stream| {
            let body = if number % 3 == 0 { script(number) } else { text(number * 97 % 200_000) };
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        });
    }
    let (next, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let mut folder = tempfile::tempdir().unwrap();
    // The same seed has it killed at the same moments.
    let seed = std::env::var("LAZARET_TEST_SEED").ok().map(|text| text.parse().unwrap());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("LAZARET_TEST_SEED={seed}");
    let mut moment = seed;
    for _ in 0..ROUNDS {
        let served = Served::in_folder(folder, "");
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (proxy, over) = (served.proxy, AtomicBool::new(false));
        folder = std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let name = format!("{number}.{}", if number % 3 == 0 { "vbs" } else { "txt" });
                        match crate::gate::trouble::get(proxy, &site.url(&format!("/{name}"))) {
                            Ok(Some(got)) if got.whole => seen.lock().unwrap().push((name, got)),
                            Ok(_) => {}
                            // It is dead.
                            Err(_) => break,
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(300 + (moment >> 33) % 900));
            let folder = served.killed();
            over.store(true, Ordering::Relaxed);
            folder
        });
    }
    // What it needs after the last of its deaths is found as well.
    let served = Served::in_folder(folder, "");
    let data = served.folder.path().join("data");
    let (seen, events) = (seen.into_inner().unwrap(), events(&data));
    let by_name: HashMap<_, _> = events.iter().map(|logged| (logged.event.name.as_str(), &logged.event)).collect();
    let references: HashSet<_> = events.iter().map(|logged| logged.event.reference.to_lowercase()).collect();
    let (mut delivered, mut refused) = (0, 0);
    for (name, got) in &seen {
        match got.status {
            200 => {
                delivered += 1;
                let event =
                    by_name.get(name.as_str()).unwrap_or_else(|| panic!("{name} came whole and is not recorded"));
                assert_eq!(event.decision, "deliver", "{name}");
            }
            403 => {
                refused += 1;
                let reference = got.field("x-lazaret-reference").expect("a page has its number");
                assert!(references.contains(reference), "{name} was refused under {reference}, which is not recorded");
            }
            other => panic!("{name}: {other}"),
        }
    }
    assert!(delivered > 50 && refused > 25, "only {delivered} and {refused} were seen");
    let blobs = BlobFolder::open(&data.join("quarantine")).unwrap();
    let mut kept = HashSet::new();
    for (blob, ..) in blobs.list().unwrap() {
        blobs.fetch(&blob).unwrap_or_else(|error| panic!("{blob}: {error}")).expect("it is listed");
        kept.insert(blob);
    }
    for logged in events.iter().filter(|logged| !logged.event.content_blob.is_empty()) {
        assert!(kept.contains(&logged.event.content_blob), "{} has lost its bytes", logged.event.reference);
    }
    let left = walk(&data.join("quarantine"));
    assert!(left.iter().all(|path| !path.contains(".new-")), "{left:?}");
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_locked_ledger_stops_everything_until_it_is_free() {
    let served = Served::with("");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    site.page("/run.vbs", "", script(0));
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    let locked = Locked::new(&served.folder.path().join("data/ledger.sqlite"));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (served, site) = (&served, &site);
            scope.spawn(move || {
                let got = served.get(&site.url(if at % 4 == 3 { "/run.vbs" } else { "/letter.txt" }));
                assert!(is_refusal(&got), "{got:?}");
            });
        }
        scope.spawn(|| assert_eq!(served.icap_status("letter.txt", LETTER), 200, "ICAP: anything but 204 is a page"));
    });
    // They wait for the lock together, not one after the other.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(served.log().contains("cannot record"), "{}", served.log());
    drop(locked);
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    assert_eq!(served.icap_status("letter.txt", LETTER), 204);
    // What was refused meanwhile is written down after all.
    crate::gate::until("the refusals are recorded", || {
        let refused =
            events(&served.folder.path().join("data")).into_iter().filter(|logged| logged.event.decision != "deliver");
        refused.count() == 9
    });
}

#[test]
fn a_full_spool_stops_what_needs_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let _small = Small::new(&folder.path().join("data/spool"), 8 << 20);
    let served = Served::in_folder(folder, "");
    let site = Site::plain();
    let (large, middling) = (text(20 << 20), text(3 << 20));
    site.page("/large.txt", "", large);
    site.page("/middling.txt", "", middling.clone());
    site.page("/letter.txt", "", LETTER);
    for _ in 0..3 {
        let got = served.get(&site.url("/large.txt"));
        assert!(is_refusal(&got), "{:?}", got.map(|got| got.status));
        assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER), "what is small needs no spool");
        // What the large one had taken is free again.
        assert!(is_letter(&served.get(&site.url("/middling.txt")), &middling), "{}", served.log());
    }
    served.says("cannot write to the spool");
    let all = events(&served.folder.path().join("data"));
    let failed = all.iter().filter(|logged| logged.event.reason.contains("No space left on device"));
    assert_eq!(failed.count(), 3, "{all:?}");
}

#[test]
fn a_full_disk_stops_everything_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _small = Small::new(&data, 64 << 20);
    let mut served = Served::in_folder(folder, "");
    let site = Site::plain();
    let letter = text(50_000);
    site.page("/letter.txt", "", letter.clone());
    site.page("/run.vbs", "", script(0));
    assert!(is_letter(&served.get(&site.url("/letter.txt")), &letter));
    let filler = data.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    // Some events still fit into what the ledger had taken of the disk before.
    let (mut delivered, mut refused) = (1, 0);
    while refused < 20 {
        // Whatever is given back is taken at once.
        while file.write_all(&[7; 4096]).is_ok() {}
        let got = served.get(&site.url("/letter.txt"));
        assert!(is_refusal(&got) || is_letter(&got, &letter), "{got:?}");
        if is_refusal(&got) {
            refused += 1
        } else {
            delivered += 1
        }
        assert!(delivered < 1_000, "the disk is full, and only {refused} were refused");
    }
    assert!(is_refusal(&served.get(&site.url("/run.vbs"))));
    served.says("cannot store a stopped file in the quarantine");
    served.says("cannot record");
    assert!(served.lives());
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    assert!(is_letter(&served.get(&site.url("/letter.txt")), &letter), "{}", served.log());
    let stopped = served.get(&site.url("/run.vbs")).unwrap();
    let reference = stopped.field("x-lazaret-reference").unwrap().to_owned();
    let events = events(&data);
    let recorded = events.iter().filter(|logged| logged.event.decision == "deliver").count();
    assert_eq!(recorded, delivered + 1, "what was delivered is what is recorded");
    let kept = events.into_iter().find(|logged| logged.event.reference.eq_ignore_ascii_case(&reference)).unwrap();
    assert!(!kept.event.content_blob.is_empty());
}

#[test]
fn workers_that_die_as_soon_as_they_live_let_nothing_pass() {
    let mut served = Served::with("");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    site.page("/run.vbs", "", script(0));
    let before = served.memory();
    let (own, over) = (served.processes()[0], AtomicBool::new(false));
    let (mut passed, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for process in served.processes().into_iter().filter(|process| *process != own) {
                    let _ = std::process::Command::new("kill").args(["-9", &process.to_string()]).output();
                }
            }
        });
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end {
            let script = served.get(&site.url("/run.vbs"));
            assert!(is_refusal(&script), "{script:?}");
            let got = served.get(&site.url("/letter.txt"));
            assert!(is_refusal(&got) || is_letter(&got, LETTER), "{got:?}");
            if is_refusal(&got) { refused += 1 } else { passed += 1 }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(refused > 0, "no worker was hit: {passed} passed");
    assert!(served.lives(), "{}", served.log());
    for _ in 0..5 {
        assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER), "{}", served.log());
    }
    let grown = served.memory().saturating_sub(before);
    assert!(grown < MOST_GROWTH, "it grew by {grown} bytes");
    served.says("refused");
}

#[test]
fn a_worker_that_is_stopped_is_replaced_within_seconds_and_what_it_had_is_inspected() {
    let served = Served::with("");
    let site = Site::plain();
    for number in 0..6 {
        site.page(&format!("/{number}.txt"), "", text(1_000 * (number + 1)));
    }
    site.page("/run.vbs", "", script(0));
    assert!(is_letter(&served.get(&site.url("/0.txt")), &text(1_000)));
    let own = served.processes()[0];
    for process in served.processes().into_iter().filter(|process| *process != own) {
        let stopped = std::process::Command::new("kill").args(["-STOP", &process.to_string()]).status().unwrap();
        // A child that was done with its sample may have gone meanwhile.
        assert!(stopped.success() || !std::path::Path::new(&format!("/proc/{process}")).exists());
    }
    let began = Instant::now();
    std::thread::scope(|scope| {
        for number in 1..6 {
            let (served, site) = (&served, &site);
            scope.spawn(move || {
                let got = served.get(&site.url(&format!("/{number}.txt")));
                assert!(
                    is_letter(&got, &text(1_000 * (number + 1))),
                    "{number}: {:?} {}",
                    got.map(|got| got.status),
                    served.log()
                );
            });
        }
        scope.spawn(|| assert!(is_refusal(&served.get(&site.url("/run.vbs")))));
    });
    // Two seconds to notice it; the rest is for starting another one, on a machine that may be busy.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    served.says("a worker does not respond");
    served.says("a worker was replaced");
    let all = events(&served.folder.path().join("data"));
    assert!(all.iter().all(|logged| logged.event.reason.is_empty()), "nothing was held for want of a worker: {all:?}");
}

#[test]
fn what_takes_longer_than_the_gate_allows_is_held_with_the_cause() {
    let served = Served::with("[bodies]\ntime_ms = 300\n");
    let site = Site::plain();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for member in 0..3_000 {
        writer.start_file(format!("{member}.txt"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text(50_000).as_bytes()).unwrap();
    }
    site.page("/costly.zip", "", writer.finish().unwrap().into_inner());
    site.page("/letter.txt", "", LETTER);
    let began = Instant::now();
    let got = served.get(&site.url("/costly.zip"));
    assert!(is_refusal(&got), "{:?}", got.map(|got| got.status));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    let all = events(&served.folder.path().join("data"));
    let held = all.iter().find(|logged| logged.event.name == "costly.zip").expect("it is recorded");
    assert_ne!(held.event.decision, "deliver");
    let report = report(&served.folder.path().join("data"), &held.event.reference);
    assert!(report.contains("300 ms"), "the report names the limit: {report}");
}

#[test]
fn a_site_that_stalls_is_given_up() {
    let served = Served::with("[proxy]\nidle_seconds = 2\nanswer_seconds = 2\n");
    let site = Site::plain();
    site.on("/letter.txt", |_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{LETTER}");
        let _ = stream.flush();
        std::thread::sleep(Duration::from_secs(30));
    });
    site.on("/silent.txt", |_, _| std::thread::sleep(Duration::from_secs(30)));
    for path in ["/letter.txt", "/silent.txt"] {
        let began = Instant::now();
        let got = served.get(&site.url(path));
        assert!(is_refusal(&got) && got.as_ref().unwrap().whole, "{path}: {got:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{path}: {:?}", began.elapsed());
        served.says(&format!("{path} trouble"));
    }
}

#[test]
fn clients_that_do_not_read_are_given_up_and_cost_little() {
    let served = Served::with("[proxy]\nidle_seconds = 3\n");
    let site = Site::plain();
    let large = text(40 << 20);
    site.page("/large.txt", "", large);
    site.page("/letter.txt", "", LETTER);
    let before = served.memory();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = served.connect();
            write!(stream, "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", site.url("/large.txt"), site.address).unwrap();
            stream
        })
        .collect();
    // All of them have the beginning of their answer, and take no more.
    for mut client in &clients {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
    }
    let grown = served.memory().saturating_sub(before);
    assert!(grown < MOST_GROWTH, "ten clients who do not read cost {grown} bytes");
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    // They are cut off, and what was spooled for them is gone.
    let end = Instant::now() + Duration::from_secs(30);
    while spooled(&served) > 0 {
        assert!(Instant::now() < end, "{} spool files are still open", spooled(&served));
        std::thread::sleep(Duration::from_millis(100));
    }
    for mut client in clients {
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.len() < 40 << 20, "it was given everything in the end");
    }
}

/// Spool files, which have no name, that the process holds open.
fn spooled(served: &Served) -> usize {
    let folder = format!("/proc/{}/fd", served.processes()[0]);
    let links = std::fs::read_dir(folder).unwrap().flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("/spool/")).count()
}

#[test]
fn a_thousand_idle_connections_cost_little_and_keep_nobody_waiting() {
    let served = Served::with("[icap]\nconnections = 1100\n");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    let before = served.memory();
    let mut idle: Vec<_> = (0..1_000).map(|_| served.connect()).collect();
    // Half of them say a little and no more.
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"GET http://a.example/ HTT").unwrap();
    }
    let mut idle_icap: Vec<_> = (0..1_000).map(|_| served.icap()).collect();
    for stream in idle_icap.iter_mut().step_by(2) {
        stream.write_all(b"OPTIONS icap://a.example/respmod ICAP").unwrap();
    }
    let began = Instant::now();
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    assert_eq!(served.icap_status("letter.txt", LETTER), 204);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let grown = served.memory().saturating_sub(before);
    assert!(grown < MOST_GROWTH, "2,000 idle connections cost {grown} bytes");
}

#[test]
fn more_icap_connections_than_agreed_wait_for_their_turn() {
    let served = Served::with("[icap]\nconnections = 4\nidle_seconds = 3\n");
    let idle: Vec<_> = (0..4).map(|_| served.icap()).collect();
    let began = Instant::now();
    assert_eq!(served.icap_status("letter.txt", LETTER), 204, "it was dropped instead of being kept waiting");
    assert!(began.elapsed() > Duration::from_secs(1), "there were only four places");
    drop(idle);
}

#[test]
fn malformed_http_does_no_harm() {
    let mut served = Served::with("");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let (url, host) = (site.url("/letter.txt"), site.address);
    let long = "x".repeat(1 << 20);
    let many: String = (0..5_000).map(|number| format!("X-{number}: y\r\n")).collect();
    for message in [
        b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        format!("GET {url} HTTP/9.9\r\n\r\n").into_bytes(),
        format!("GET {url} HTTP/1.1\r\nHost : {host}\r\n\r\n").into_bytes(),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nA\0B: c\r\n\r\n").into_bytes(),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\n{many}\r\n").into_bytes(),
        format!("GET {url}{long} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nX: {long}\r\n\r\n").into_bytes(),
        format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n").into_bytes(),
        format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
            .into_bytes(),
        format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999999999999\r\n\r\n").into_bytes(),
        format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n")
            .into_bytes(),
        format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, rot13\r\n\r\nhello").into_bytes(),
        b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"GET http://a.example:999999/ HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(),
        b"GET http:///nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"CONNECT :0 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"CONNECT a.example:443:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
    ] {
        let head = answer_to(served.connect(), &message);
        assert!(
            head.is_empty() || head.starts_with("HTTP/1.1 4") || head.starts_with("HTTP/1.1 5"),
            "{}: {head}",
            String::from_utf8_lossy(&message[..message.len().min(100)])
        );
        assert!(served.lives());
    }
    // Inside of a tunnel as well.
    for message in
        [&b"\x16\x03\x01\xff\xff"[..], b"\x80\x2e\x01\x00\x02", b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", b"\xff"]
    {
        let head = answer_to(served.tunnel(&host.to_string()), message);
        assert!(!head.starts_with("HTTP/1.1 2"), "{head}");
    }
    assert!(is_letter(&served.get(&url), LETTER));
    assert!(!served.log().contains("panicked"), "{}", served.log());
}

#[test]
fn malformed_answers_of_sites_do_no_harm() {
    let mut served = Served::with("[proxy]\nidle_seconds = 3\n");
    let site = Site::plain();
    site.page("/letter.txt", "", LETTER);
    let long = "x".repeat(1 << 20);
    let many: String = (0..5_000).map(|number| format!("X-{number}: y\r\n")).collect();
    for (number, answer) in [
        String::new(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "HTTP/1.1\r\n\r\n".to_owned(),
        "HTTP/1.1 abc OK\r\n\r\n".to_owned(),
        "HTTP/1.1 999999 OK\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{many}\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nX: {long}\r\n\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{LETTER}"),
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{LETTER}", LETTER.len()),
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: {}\r\n\r\n{LETTER}", LETTER.len()),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{number}.txt");
        let shown: String = answer.chars().take(100).collect();
        site.on(&path, move |_, stream| {
            let _ = stream.write_all(answer.as_bytes());
        });
        let got = served.get(&site.url(&path));
        assert!(is_refusal(&got), "{shown:?}: {got:?}");
        assert!(served.lives());
    }
    assert!(is_letter(&served.get(&site.url("/letter.txt")), LETTER));
    assert!(!served.log().contains("panicked"), "{}", served.log());
}

#[test]
fn malformed_icap_does_no_harm() {
    let mut served = Served::with("[icap]\nidle_seconds = 3\n");
    let long = "x".repeat(1 << 20);
    let many: String = (0..5_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let body = "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nEncapsulated: res-body=0\r\n\r\n";
    for message in [
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\r\n\r\n\r\n\r\n".to_vec(),
        b"RESPMOD\r\n\r\n".to_vec(),
        b"RESPMOD icap://x/respmod ICAP/\xff\xff\r\n\r\n".to_vec(),
        format!("RESPMOD icap://x/{long} ICAP/1.0\r\n\r\n").into_bytes(),
        format!("RESPMOD icap://x/respmod ICAP/1.0\r\n{many}\r\n").into_bytes(),
        b"RESPMOD icap://x/respmod ICAP/1.0\r\nEncapsulated: res-hdr=0, res-body=18446744073709551616\r\n\r\n".to_vec(),
        b"RESPMOD icap://x/respmod ICAP/1.0\r\nEncapsulated: res-hdr=0, res-body=18446744073709551615\r\n\r\n".to_vec(),
        b"RESPMOD icap://x/respmod ICAP/1.0\r\nEncapsulated: res-hdr=0, res-body=500000\r\n\r\nHTTP/1.1 200".to_vec(),
        b"RESPMOD icap://x/respmod ICAP/1.0\r\nPreview: 99999999999999999999\r\nEncapsulated: res-body=0\r\n\r\n".to_vec(),
        b"RESPMOD icap://x/respmod ICAP/1.0\r\nPreview: 2\r\nEncapsulated: res-body=0\r\n\r\n9\r\nnine byte\r\n".to_vec(),
        format!("{body}fffffffffffffff\r\nabc").into_bytes(),
        format!("{body}5\r\nhelloXX").into_bytes(),
        format!("{body}{long}").into_bytes(),
        format!("{body}1;{long}\r\nx\r\n0\r\n\r\n").into_bytes(),
        format!("{body}1\r\nx\r\n0\r\n{many}{many}\r\n").into_bytes(),
        format!("{body}1\r\nx\r\n0; ieof; ieof\r\nno field at all\r\n{long}").into_bytes(),
        b"RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nEncapsulated: req-hdr=0, res-hdr=5, res-body=9\r\n\r\nnonsense!0\r\n\r\n".to_vec(),
    ] {
        let head = answer_to(served.icap(), &message);
        assert!(
            head.is_empty() || head.starts_with("ICAP/1.0 4") || head.starts_with("ICAP/1.0 5"),
            "{}: {head}",
            String::from_utf8_lossy(&message[..message.len().min(200)])
        );
        assert!(served.lives());
    }
    assert_eq!(served.icap_status("letter.txt", LETTER), 204);
    assert!(!served.log().contains("panicked"), "{}", served.log());
}

/// The head of the answer to a message that is followed by nothing; empty where the connection ends without one.
fn answer_to(mut stream: std::net::TcpStream, message: &[u8]) -> String {
    // Whoever has seen enough may hang up in the middle of it.
    let _ = stream.write_all(message);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    read_head(&mut stream)
}
