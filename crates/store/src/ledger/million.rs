//! With 1,000,000 events, no question that a page asks keeps people waiting.

use super::tests::Postgres;
use super::*;
use crate::now;
use std::time::Instant;

const EVENTS: i64 = 1_000_000;
/// What a page may cost.
const LIMIT: Duration = Duration::from_millis(100);

const FILL: &str = "INSERT INTO events (at, reference, gate, direction, person, client, host, domain, address, name, sha256, \
    size, kind, class, verdict, decision, policy, reason, report, content_blob, codings) \
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000) \
    SELECT 1000000000 + n * 1000, 'R' || n, 'proxy', 'download', 'person' || (n % 500), '192.0.2.' || (n % 250), \
    'www.site' || (n % 20000) || '.example', 'site' || (n % 20000) || '.example', \
    'https://www.site' || (n % 20000) || '.example/some/folder/file' || n || '.zip', 'file' || n || '.zip', \
    'hash' || (n % 300000), 12345, 'zip', 'archive', 'benign', \
    CASE WHEN n % 50 = 0 AND n < 900000 THEN 'block' WHEN n % 70 = 0 AND n < 900000 THEN 'hold' ELSE 'deliver' END, \
    CASE WHEN n % 50 = 0 THEN 'programs-from-the-web' ELSE '' END, '', \
    CASE WHEN (n % 50 = 0 OR n % 70 = 0) AND n < 900000 THEN REPLACE('..........', '.', REPLACE('..........', '.', \
    'report of forty characters, in its words')) ELSE '' END, \
    CASE WHEN n % 70 = 0 AND n < 800000 THEN 'blob' || n ELSE '' END, '' FROM numbers";

/// Fills a ledger and times every question. What was stopped and kept lies far back, which is the worst case.
async fn measure(address: &str) -> Vec<(&'static str, Duration)> {
    let ledger = Ledger::open(address).await.unwrap();
    sqlx::query(FILL).execute(&ledger.write).await.unwrap();
    questions(&ledger).await
}

/// The same where what was delivered is packed, how much it takes then, and how long it takes to forget it.
async fn measure_packed(address: &str) -> Vec<(&'static str, Duration)> {
    let ledger = Ledger::open(address).await.unwrap();
    sqlx::query(FILL).execute(&ledger.write).await.unwrap();
    let start = Instant::now();
    let packed = ledger.pack_with(now(), 0, |_| {}).await.unwrap();
    eprintln!("{packed} events packed in {:.0} s", start.elapsed().as_secs_f64());
    assert!(packed > 900_000);
    let sizes = "SELECT CAST(SUM(LENGTH(entries) + LENGTH(hashes) + LENGTH(quoted) + LENGTH(keys) + LENGTH(texts)) AS BIGINT) AS \
        bytes, CAST(SUM(number) AS BIGINT) AS number, COUNT(*) AS segments FROM segments";
    let row = sqlx::query(sizes).fetch_one(&ledger.read).await.unwrap();
    let number = |column: &str| row.try_get::<i64, _>(column).unwrap();
    let each = number("bytes") as f64 / number("number") as f64;
    eprintln!("{} segments, {each:.1} bytes for an event", number("segments"));
    assert!(each <= 120.0);
    let mut times = questions(&ledger).await;
    times.push((
        "prevalence",
        time(async || {
            let _ = ledger.prevalence("hash7").await.unwrap();
        })
        .await,
    ));
    // The last hour of what is there is as old as the rest.
    ledger.mark(now()).await.unwrap();
    let recording = {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            for number in 0.. {
                let event = Event { at: now(), reference: format!("FRESH-{number}"), ..Event::default() };
                let start = Instant::now();
                ledger.record(event).await.unwrap();
                longest = longest.max(start.elapsed());
                if ledger.count_events(&EventFilter::default(), EVENTS).await.unwrap() == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            longest
        })
    };
    let (start, mut pieces) = (Instant::now(), 0);
    let gone = ledger.forget_events(now() + 2 * 86_400_000, 1, |_| pieces += 1).await.unwrap();
    eprintln!("{gone} events forgotten in {:.1} s, {pieces} transactions", start.elapsed().as_secs_f64());
    assert!(gone >= EVENTS as u64);
    times.push(("recording an event while a million are forgotten", recording.await.unwrap()));
    times
}

async fn questions(ledger: &Ledger) -> Vec<(&'static str, Duration)> {
    for (technique, every) in [("T1204", 1), ("T1566", 200), ("T1027", 100_000)] {
        sqlx::query("INSERT INTO event_techniques (technique, event) SELECT $1, id FROM events WHERE id % $2 = 0")
            .bind(technique)
            .bind(every)
            .execute(&ledger.write)
            .await
            .unwrap();
    }
    let day = now() / 86_400_000;
    for back in 0..14 {
        for site in 0..20_000 / 14 {
            sqlx::query("INSERT INTO tallies (day, topic, entry, number) VALUES ($1, 'domain', $2, 5)")
                .bind(day - back)
                .bind(format!("site{site}.example"))
                .execute(&ledger.write)
                .await
                .unwrap();
        }
    }
    for n in 1..=2_000_i64 {
        let reference = format!("R{}", n * 50);
        ledger
            .ask(&Ask {
                reference,
                asker: "A".into(),
                person: String::new(),
                client: "192.0.2.1".into(),
                reason: "w".into(),
            })
            .await
            .unwrap();
        if n % 20 != 0 {
            ledger.decide(n, RequestState::Denied, "karl", "no", 0).await.unwrap();
        }
    }
    sqlx::query("ANALYZE").execute(&ledger.write).await.unwrap();
    let any = EventFilter::default;
    let filters = [
        ("events, the newest", any(), None),
        ("events, in the middle", any(), Some(EVENTS / 2)),
        ("events, delivered", EventFilter { decision: "deliver".into(), ..any() }, None),
        ("events, blocked", EventFilter { decision: "block".into(), ..any() }, None),
        ("events, stopped", EventFilter { decision: "stopped".into(), ..any() }, None),
        ("events, stopped, in the middle", EventFilter { decision: "stopped".into(), ..any() }, Some(EVENTS / 2)),
        ("events of a site", EventFilter { domain: "site7.example".into(), ..any() }, None),
        (
            "events of a site, stopped",
            EventFilter { domain: "site100.example".into(), decision: "stopped".into(), ..any() },
            None,
        ),
        ("events of a person", EventFilter { person: "person7".into(), ..any() }, None),
        ("events of a person, held", EventFilter { person: "person70".into(), decision: "hold".into(), ..any() }, None),
        ("events of a technique that all have", EventFilter { technique: "T1204".into(), ..any() }, None),
        // Five thousand have it, and the newest of them that was blocked lies five hundred of them back: they are read one by one.
        (
            "events of a technique, blocked",
            EventFilter { technique: "T1566".into(), decision: "block".into(), ..any() },
            None,
        ),
        ("events of a technique that few have", EventFilter { technique: "T1027".into(), ..any() }, None),
        ("events of nobody", EventFilter { person: "none".into(), ..any() }, None),
        ("events of a hash", EventFilter { sha256: "hash7".into(), ..any() }, None),
        ("events of a kind", EventFilter { kind: "pdf".into(), ..any() }, None),
        ("events of a kind that never came", EventFilter { kind: "never".into(), ..any() }, None),
        ("events of a client that never came", EventFilter { client: "never".into(), ..any() }, None),
        ("events of another gate", EventFilter { gate: "never".into(), ..any() }, None),
        ("events of long ago", EventFilter { to: Some(1), ..any() }, None),
        ("events to come", EventFilter { from: Some(i64::MAX - 1), ..any() }, None),
        ("events in quarantine", EventFilter { quarantined: true, ..any() }, None),
        (
            "events in quarantine, of a site",
            EventFilter { quarantined: true, domain: "site70.example".into(), ..any() },
            None,
        ),
        ("events in quarantine, blocked", EventFilter { quarantined: true, decision: "block".into(), ..any() }, None),
        ("search, found at once", EventFilter { text: "file99".into(), ..any() }, None),
        ("search, found nowhere", EventFilter { text: "no such thing".into(), ..any() }, None),
        (
            "search, in what was stopped",
            EventFilter { text: "no such thing".into(), decision: "stopped".into(), ..any() },
            None,
        ),
        (
            "search, in what a person got",
            EventFilter { text: "no such thing".into(), person: "person7".into(), ..any() },
            None,
        ),
    ];
    let mut times = Vec::new();
    for (what, filter, before) in filters {
        times.push((
            what,
            time(async || {
                let _ = ledger.events(&filter, before, 50).await.unwrap();
            })
            .await,
        ));
        if !filter.text.is_empty() {
            times.push((
                "… and where it ended",
                time(async || {
                    let _ = ledger.searched(&filter, before).await.unwrap();
                })
                .await,
            ));
        }
    }
    times.push((
        "one event",
        time(async || {
            let _ = ledger.event("R500000").await.unwrap();
        })
        .await,
    ));
    times.push((
        "requests for an event",
        time(async || {
            let _ = ledger.requests_for("R500").await.unwrap();
        })
        .await,
    ));
    times.push((
        "requests, with names",
        time(async || {
            let _ = ledger.named_requests(200).await.unwrap();
        })
        .await,
    ));
    times.push((
        "requests waiting",
        time(async || {
            let _ = ledger.waiting().await.unwrap();
        })
        .await,
    ));
    times.push((
        "asked from a machine",
        time(async || {
            let _ = ledger.asked("192.0.2.1", 0, "R500").await.unwrap();
        })
        .await,
    ));
    times.push((
        "decisions of two weeks",
        time(async || {
            let _ = ledger.decisions(day - 13).await.unwrap();
        })
        .await,
    ));
    times.push((
        "sites of two weeks",
        time(async || {
            let _ = ledger.ranking("domain", day - 13, 8).await.unwrap();
        })
        .await,
    ));
    times.push((
        "a site",
        time(async || {
            let _ = ledger.site("site7.example").await.unwrap();
        })
        .await,
    ));
    times.push((
        "1,000 events, whole",
        time(async || {
            let _ = ledger.recent(1_000).await.unwrap();
        })
        .await,
    ));
    times.push((
        "audit",
        time(async || {
            let _ = ledger.audit(&AuditFilter::default(), None, 500).await.unwrap();
        })
        .await,
    ));
    times
}

/// The slowest of three.
async fn time(ask: impl AsyncFn()) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let start = Instant::now();
        ask().await;
        slowest = slowest.max(start.elapsed());
    }
    slowest
}

fn check(times: &[(&'static str, Duration)]) {
    for (what, time) in times {
        eprintln!("{:>8.2} ms  {what}", time.as_secs_f64() * 1e3);
    }
    let slow: Vec<_> = times.iter().filter(|(_, time)| *time > LIMIT).collect();
    assert!(slow.is_empty(), "{slow:?}");
}

#[tokio::test]
#[ignore = "fills a database with 1,000,000 events, which takes a minute: cargo test -p lazaret-store --release million -- --ignored --nocapture"]
async fn a_million_events_in_sqlite_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    check(&measure(&format!("sqlite:{}", folder.path().join("ledger.sqlite").display())).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fills a database with 1,000,000 events, which takes some minutes: cargo test -p lazaret-store --release million -- --ignored --nocapture"]
async fn a_million_packed_events_in_sqlite_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    check(&measure_packed(&format!("sqlite:{}", folder.path().join("ledger.sqlite").display())).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fills a database with 1,000,000 events, which takes some minutes: cargo test -p lazaret-store --release million -- --ignored --nocapture"]
async fn a_million_packed_events_in_postgresql_keep_nobody_waiting() {
    let server = Postgres::start();
    check(&measure_packed(&server.address).await);
}

#[tokio::test]
#[ignore = "fills a database with 1,000,000 events, which takes a minute: cargo test -p lazaret-store --release million -- --ignored --nocapture"]
async fn a_million_events_in_postgresql_keep_nobody_waiting() {
    let server = Postgres::start();
    check(&measure(&server.address).await);
}
