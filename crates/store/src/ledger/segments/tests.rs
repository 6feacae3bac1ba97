use super::*;
use crate::ledger::tests::Postgres;
use crate::ledger::{Cursor, Event, Settled};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Some day, long after 1970.
const NOW: i64 = 20_000 * DAY;
const EVENTS: usize = 900;

async fn sqlite(folder: &tempfile::TempDir) -> Ledger {
    Ledger::open(&format!("sqlite:{}", folder.path().join("ledger.sqlite").display())).await.unwrap()
}

/// An event of a day that is over, of each sort.
fn event(number: usize) -> Event {
    let text = |prefix: &str, of: usize| format!("{prefix}{}", number % of);
    let plain = Event {
        // Four minutes later than the one before, and sometimes a quarter of an hour earlier.
        at: NOW - 4 * DAY + number as i64 * 240_000 - if number.is_multiple_of(10) { 900_000 } else { 0 },
        reference: format!("PACK-{number:04}"),
        gate: if number % 9 == 4 { "icap".into() } else { "proxy".into() },
        direction: "download".into(),
        person: if number.is_multiple_of(5) { String::new() } else { text("person", 7) },
        client: text("192.0.2.", 20),
        host: text("www.site", 30) + ".example",
        domain: text("site", 30) + ".example",
        address: format!("https://{}.example/Ünter/100%_{number}.png", text("www.site", 30)),
        name: format!("100%_{number}.png"),
        sha256: if number.is_multiple_of(17) { String::new() } else { format!("{:064x}", number % 200) },
        size: number as i64 * 37,
        kind: ["png", "webp", "javascript"][number % 3].into(),
        class: "image".into(),
        verdict: "benign".into(),
        decision: "deliver".into(),
        judged: format!("{{\"origin\":{{\"host\":\"www.site{}.example\"}},\"parts\":[]}}", number % 30),
        ..Event::default()
    };
    match number {
        number if number % 8 == 0 => Event {
            decision: "block".into(),
            policy: "malicious".into(),
            report: "{}".into(),
            techniques: vec!["T1204.002".into()],
            ..plain
        },
        number if number % 11 == 0 => Event { decision: "hold".into(), content_blob: "cd".repeat(32), ..plain },
        number if number % 13 == 0 => Event { techniques: vec!["T1027".into()], ..plain },
        _ => plain,
    }
}

/// One that can be packed.
fn plain(number: usize) -> Event {
    let (decision, content_blob, techniques) = ("deliver".into(), String::new(), Vec::new());
    Event { at: NOW - 2 * DAY, decision, content_blob, techniques, ..event(number * 8 + 1) }
}

/// Questions that people ask.
fn filters() -> Vec<EventFilter> {
    let any = EventFilter::default;
    let day = |back: i64| NOW - back * DAY;
    let mut filters = vec![
        any(),
        EventFilter { decision: "deliver".into(), ..any() },
        EventFilter { decision: "stopped".into(), ..any() },
        EventFilter { decision: "hold".into(), ..any() },
        EventFilter { gate: "icap".into(), ..any() },
        EventFilter { person: "person3".into(), ..any() },
        EventFilter { person: "nobody".into(), ..any() },
        EventFilter { client: "192.0.2.7".into(), ..any() },
        EventFilter { host: "www.site7.example".into(), ..any() },
        EventFilter { domain: "site7.example".into(), ..any() },
        EventFilter { kind: "webp".into(), ..any() },
        EventFilter { sha256: format!("{:064x}", 33), ..any() },
        EventFilter { sha256: format!("{:064x}", 777), ..any() },
        EventFilter { kind: "webp".into(), person: "person1".into(), gate: "proxy".into(), ..any() },
        EventFilter { sha256: format!("{:064x}", 33), kind: "png".into(), ..any() },
        EventFilter { sha256: format!("{:064x}", 33), kind: "webp".into(), ..any() },
        EventFilter { quarantined: true, ..any() },
        EventFilter { technique: "T1027".into(), ..any() },
        EventFilter { technique: "T1204".into(), person: "person1".into(), ..any() },
    ];
    for (from, to) in [(Some(3), None), (None, Some(3)), (Some(3), Some(2)), (Some(2), Some(3)), (Some(99), Some(0))] {
        let (from, to) = (from.map(|back| day(back) + 5_000_000), to.map(day));
        filters.push(EventFilter { from, to, ..any() });
        filters.push(EventFilter { from, to, person: "person2".into(), decision: "deliver".into(), ..any() });
    }
    filters.push(EventFilter { from: Some(-1), to: Some(i64::MAX), ..any() });
    for text in ["100%_3", "pack-0123", "ünter", "Ünter", "no such thing", "PNG", "100_%", "/100%_8"] {
        filters.push(EventFilter { text: text.into(), ..any() });
        filters.push(EventFilter { text: text.into(), kind: "png".into(), ..any() });
        filters.push(EventFilter { text: text.into(), decision: "deliver".into(), to: Some(day(2)), ..any() });
    }
    filters
}

/// Every answer of a ledger, in words.
async fn answers(ledger: &Ledger) -> Vec<String> {
    let mut answers = Vec::new();
    for filter in filters() {
        let all = ledger.events(&filter, None, 10_000).await.unwrap();
        let (count, end) =
            (ledger.count_events(&filter, i64::MAX).await.unwrap(), ledger.searched(&filter, None).await.unwrap());
        assert_eq!(all.len() as i64, count, "{filter:?}");
        assert!(all.windows(2).all(|pair| pair[0].id > pair[1].id), "{filter:?}");
        answers.push(format!("{filter:?}: {count} {end:?} {all:?}"));
        let middle = ledger.count_events(&filter, EVENTS as i64 / 2).await.unwrap();
        answers.push(format!("{filter:?} below the middle: {middle}"));
        for most in 1..=7 {
            let (mut paged, mut before) = (Vec::new(), None);
            for _ in 0..4 {
                let page = ledger.events(&filter, before, most).await.unwrap();
                assert!(page.len() <= most as usize);
                let Some(last) = page.last() else { break };
                before = Some(last.id);
                paged.extend(page);
            }
            let expected = &all[..all.len().min(4 * most as usize)];
            assert_eq!(paged, expected, "{filter:?}, {most} at a time");
        }
    }
    for number in (0..EVENTS).step_by(7).chain([EVENTS, EVENTS + 1]) {
        answers.push(format!("{:?}", ledger.event(&format!("PACK-{number:04}")).await.unwrap()));
        let sha256 = format!("{:064x}", number % 210);
        answers.push(format!("{sha256}: {}", ledger.prevalence(&sha256).await.unwrap()));
    }
    for most in [1, 2, 100, 5_000] {
        answers.push(format!("{most}: {:?}", ledger.recent(most).await.unwrap()));
    }
    for start in [0, 1, 100, EVENTS as i64 - 3, EVENTS as i64] {
        let (mut cursor, mut told, mut settled) =
            (Cursor { event: start, entry: i64::MAX }, Vec::new(), Settled::default());
        for most in [1, 3, 200, 500, 500] {
            let (events, next) = ledger.journal(cursor, most, &mut settled).await.unwrap();
            told.extend(events);
            cursor = next;
        }
        answers.push(format!("from {start}: {told:?}"));
    }
    answers
}

async fn number(ledger: &Ledger, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS number FROM {table}");
    sqlx::query(AssertSqlSafe(sql)).fetch_one(&ledger.read).await.unwrap().try_get("number").unwrap()
}

async fn suite(ledger: &Ledger, other: &Ledger) {
    assert_eq!(ledger.pack(NOW, |_| {}).await.unwrap(), 0, "there is nothing");
    for number in 0..EVENTS {
        ledger.record(event(number)).await.unwrap();
    }
    let before = answers(ledger).await;
    assert_eq!(ledger.pack(NOW - 30 * DAY, |_| {}).await.unwrap(), 0, "they are not old yet");
    let mut told = 0;
    let packed = ledger.pack(NOW, |events| told += events).await.unwrap();
    let is_plain = |event: &Event| event.decision == "deliver" && event.techniques.is_empty();
    let all = (0..EVENTS).map(event).filter(is_plain).count() as i64;
    // The newest stays, and a day that has only begun waits.
    assert!(packed > 400 && packed == told, "{packed} {told}");
    assert_eq!(number(ledger, "events").await, EVENTS as i64 - packed as i64);
    assert!(packed as i64 <= all && number(ledger, "segments").await >= 2);
    for ledger in [ledger, other] {
        for (before, after) in before.iter().zip(answers(ledger).await) {
            assert_eq!(*before, after);
        }
    }
    assert_eq!(ledger.pack(NOW, |_| {}).await.unwrap(), 0, "the rest waits for more");
    // Who asks for references nobody was given has no segment read.
    assert_eq!(ledger.stopped_event("PACK-0008").await.unwrap(), ledger.event("PACK-0008").await.unwrap());
    assert!(ledger.stopped_event("PACK-0008").await.unwrap().is_some());
    for reference in ["PACK-0001", "PACK-0899", "PACK-0900"] {
        assert!(ledger.stopped_event(reference).await.unwrap().is_none(), "{reference}");
    }
    // Who is new hears of what happens from now on.
    let cursor = ledger.hold_subscriber("new", "one", i64::MAX).await.unwrap().unwrap();
    assert!(ledger.journal(cursor, 10, &mut Settled::default()).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn packed_events_are_found_as_before() {
    let folder = tempfile::tempdir().unwrap();
    suite(&sqlite(&folder).await, &sqlite(&folder).await).await;
    let ledger = sqlite(&folder).await;
    // A copy has them, too.
    let copy = folder.path().join("copy");
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    assert!(Ledger::copy(&address, &copy).await.unwrap());
    let copied = Ledger::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    let all = EventFilter::default();
    assert_eq!(copied.events(&all, None, 10_000).await.unwrap(), ledger.events(&all, None, 10_000).await.unwrap());
}

#[tokio::test]
async fn packed_events_are_found_as_before_in_postgresql() {
    let server = Postgres::start();
    let ledgers = (Ledger::open(&server.address).await.unwrap(), Ledger::open(&server.address).await.unwrap());
    suite(&ledgers.0, &ledgers.1).await;
}

async fn nothing_is_missed(ledger: &Ledger) {
    for number in 0..700 {
        ledger.record(plain(number)).await.unwrap();
    }
    let done = Arc::new(AtomicBool::new(false));
    let recording = {
        let (ledger, done) = (ledger.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut number = 0;
            while !done.load(Ordering::SeqCst) || number == 0 {
                let reference = format!("NEWE-{number}");
                ledger.record(Event { at: NOW, reference, ..plain(0) }).await.unwrap();
                number += 1;
            }
            number
        })
    };
    let packing = {
        let (ledger, done) = (ledger.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let packed = ledger.pack(NOW, |_| {}).await.unwrap();
            done.store(true, Ordering::SeqCst);
            packed
        })
    };
    let old = EventFilter { to: Some(NOW), ..EventFilter::default() };
    let sha256 = plain(0).sha256;
    let before = ledger.prevalence(&sha256).await.unwrap();
    while !packing.is_finished() {
        assert_eq!(ledger.events(&old, None, 10_000).await.unwrap().len(), 700);
        assert_eq!(ledger.count_events(&old, i64::MAX).await.unwrap(), 700);
        assert!(ledger.prevalence(&sha256).await.unwrap() >= before);
        assert!(ledger.event("PACK-0001").await.unwrap().is_some());
    }
    assert!(packing.await.unwrap() >= 512);
    let number = recording.await.unwrap();
    let all = ledger.events(&EventFilter::default(), None, 10_000).await.unwrap().len();
    assert_eq!(all, (700 + number).min(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_or_seen_twice_while_events_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    nothing_is_missed(&sqlite(&folder).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_or_seen_twice_in_postgresql() {
    let server = Postgres::start();
    nothing_is_missed(&Ledger::open(&server.address).await.unwrap()).await;
}

#[tokio::test]
async fn a_segment_that_cannot_be_written_leaves_the_events_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    for number in 0..200 {
        ledger.record(plain(number)).await.unwrap();
    }
    let run = async |sql: &'static str| sqlx::query(sql).execute(&ledger.write).await.unwrap();
    run("CREATE TRIGGER full BEFORE INSERT ON segments BEGIN SELECT RAISE(ABORT, 'the disk is full'); END").await;
    assert!(ledger.pack(NOW, |_| {}).await.is_err());
    assert_eq!((number(&ledger, "events").await, number(&ledger, "segments").await), (200, 0));
    run("DROP TRIGGER full").await;
    assert_eq!(ledger.pack(NOW, |_| {}).await.unwrap(), 199, "all but the newest");
    assert_eq!((number(&ledger, "events").await, number(&ledger, "segments").await), (1, 1));
    assert_eq!(ledger.count_events(&EventFilter::default(), i64::MAX).await.unwrap(), 200);
    // What is damaged is told by its number, and the rest is there.
    let bound = EventFilter { to: Some(NOW - 3 * DAY), ..EventFilter::default() };
    for column in ["keys", "texts"] {
        let sql = format!("UPDATE segments SET {column} = substr({column}, 1, length({column}) - 1)");
        sqlx::query(AssertSqlSafe(sql)).execute(&ledger.write).await.unwrap();
        let error = ledger.events(&EventFilter::default(), None, 10).await.unwrap_err();
        assert!(matches!(error, StoreError::DamagedSegment { id: 1, .. }), "{error:?}");
        assert!(error.to_string().contains("segment 1"), "{error}");
        assert!(ledger.events(&bound, None, 10).await.unwrap().is_empty());
        assert_eq!(ledger.events(&EventFilter::default(), None, 1).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn two_processes_that_pack_do_not_pack_an_event_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (sqlite(&folder).await, sqlite(&folder).await);
    for number in 0..600 {
        one.record(plain(number)).await.unwrap();
    }
    let (here, there) = tokio::join!(one.pack(NOW, |_| {}), other.pack(NOW, |_| {}));
    assert!(here.unwrap() + there.unwrap() >= 512);
    assert_eq!(one.count_events(&EventFilter::default(), i64::MAX).await.unwrap(), 600);
    assert_eq!(one.events(&EventFilter::default(), None, 10_000).await.unwrap().len(), 600);
}

#[tokio::test]
async fn segments_above_a_page_are_not_looked_at_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    for number in 0..1_400 {
        ledger.record(plain(number)).await.unwrap();
    }
    assert!(ledger.pack(NOW, |_| {}).await.unwrap() > 1_024);
    let mut snapshot = ledger.snapshot().await.unwrap();
    let sql = "SELECT last_id FROM segments ORDER BY last_id LIMIT 2";
    let ends = sqlx::query(sql).fetch_all(&mut *snapshot).await.unwrap();
    let (one, two): (i64, i64) = (ends[0].try_get("last_id").unwrap(), ends[1].try_get("last_id").unwrap());
    for (before, expected) in [(1, one + 1), (one, one + 1), (one + 1, two + 1), (two, two + 1), (i64::MAX, i64::MAX)] {
        let list = List::of(&mut snapshot, &EventFilter::default(), before, 0).await.unwrap();
        assert_eq!(list.below, expected, "{before}");
    }
}

#[tokio::test]
async fn whoever_waits_for_a_download_does_not_wait_for_pages() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    ledger.record(plain(1)).await.unwrap();
    let (one, _two, _three) =
        (ledger.snapshot().await.unwrap(), ledger.snapshot().await.unwrap(), ledger.snapshot().await.unwrap());
    let soon = Duration::from_millis(200);
    assert!(timeout(soon, ledger.snapshot()).await.is_err(), "pages have every connection");
    assert_eq!(ledger.prevalence(&plain(1).sha256).await.unwrap(), 1);
    assert!(ledger.site(&plain(1).domain).await.unwrap().is_some());
    one.commit().await.unwrap();
    assert!(ledger.snapshot().await.is_ok());
}
