use super::*;
use crate::ledger::tests::Postgres;
use crate::ledger::{Event, EventFilter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Some day, long after 1970.
const NOW: i64 = 20_000 * DAY;

async fn record(ledger: &Ledger, reference: &str, at: i64) {
    let event = Event { at, reference: reference.to_owned(), decision: "block".to_owned(), ..Event::default() };
    ledger.record(event).await.unwrap();
}

/// References of what is there, in the order in which it came.
async fn kept(ledger: &Ledger) -> Vec<String> {
    let events = ledger.events(&EventFilter::default(), None, 10_000).await.unwrap();
    events.into_iter().rev().map(|logged| logged.event.reference).collect()
}

async fn forget(ledger: &Ledger, now: i64, days: u32) -> u64 {
    ledger.mark(now).await.unwrap();
    ledger.forget_events(now, days, |_| {}).await.unwrap()
}

async fn sqlite(folder: &tempfile::TempDir) -> Ledger {
    Ledger::open(&format!("sqlite:{}", folder.path().join("ledger.sqlite").display())).await.unwrap()
}

/// A ledger of an older version, in which everything is old: what comes while it is forgotten stays.
async fn fresh_events_stay(ledger: &Ledger) {
    for number in 0..100 {
        record(ledger, &format!("old-{number}"), NOW - 400 * DAY + number).await;
    }
    ledger.mark(NOW).await.unwrap();
    for number in 0..12 {
        // Also where the clock says something else.
        let at = if number % 3 == 0 { 0 } else { NOW };
        record(ledger, &format!("fresh-{number}"), at).await;
    }
    assert_eq!(ledger.forget_events(NOW, 1, |_| {}).await.unwrap(), 100);
    assert_eq!(kept(ledger).await.len(), 12, "fresh events were forgotten");
    assert_eq!(forget(ledger, NOW + DAY / 2, 1).await, 0, "they are half a day old");
    // The mark of the next day has them before it, and a day later they are older than a day.
    assert_eq!(forget(ledger, NOW + DAY, 1).await, 0);
    assert_eq!(forget(ledger, NOW + 2 * DAY, 1).await, 12, "{:?}", kept(ledger).await);
}

#[tokio::test]
async fn what_is_fresh_is_never_forgotten_whatever_its_time_says() {
    let folder = tempfile::tempdir().unwrap();
    fresh_events_stay(&sqlite(&folder).await).await;
}

#[tokio::test]
async fn what_is_fresh_is_never_forgotten_in_postgresql_either() {
    let server = Postgres::start();
    fresh_events_stay(&Ledger::open(&server.address).await.unwrap()).await;
}

/// Segments are forgotten by when their events came, as rows are.
async fn fresh_segments_stay(ledger: &Ledger) {
    let deliver = async |reference: String, at: i64| {
        let event = Event { at, reference, decision: "deliver".to_owned(), ..Event::default() };
        ledger.record(event).await.unwrap();
    };
    for number in 0..300 {
        deliver(format!("old-{number}"), NOW - 400 * DAY + number).await;
    }
    ledger.mark(NOW).await.unwrap();
    for number in 0..200 {
        // The clock says 1970.
        deliver(format!("fresh-{number}"), number).await;
    }
    assert_eq!(ledger.pack(NOW, |_| {}).await.unwrap(), 499);
    assert_eq!(ledger.prevalence("").await.unwrap(), 500);
    let mut told = 0;
    assert_eq!(ledger.forget_events(NOW, 1, |events| told += events).await.unwrap(), 300);
    assert_eq!((told, ledger.prevalence("").await.unwrap()), (300, 200));
    let fresh: Vec<String> = (0..200).map(|number| format!("fresh-{number}")).collect();
    assert_eq!(kept(ledger).await, fresh);
    assert_eq!(forget(ledger, NOW + DAY / 2, 1).await, 0, "they are half a day old");
    assert_eq!(forget(ledger, NOW + DAY, 1).await, 0);
    assert_eq!(forget(ledger, NOW + 2 * DAY, 1).await, 200, "{:?}", kept(ledger).await);
    assert!(kept(ledger).await.is_empty());
}

#[tokio::test]
async fn a_segment_is_forgotten_when_everything_in_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    fresh_segments_stay(&sqlite(&folder).await).await;
}

#[tokio::test]
async fn a_segment_is_forgotten_when_everything_in_it_may_be_in_postgresql() {
    let server = Postgres::start();
    fresh_segments_stay(&Ledger::open(&server.address).await.unwrap()).await;
}

#[tokio::test]
async fn an_event_that_is_dated_ahead_does_not_keep_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    record(&ledger, "ahead", NOW + 4_000 * DAY).await;
    for number in 0..300 {
        record(&ledger, &format!("old-{number}"), NOW - 400 * DAY).await;
    }
    assert_eq!(forget(&ledger, NOW, 365).await, 300);
    assert_eq!(kept(&ledger).await, ["ahead"]);
    // Nor does it stay for good: it was there more than a year ago.
    assert_eq!(forget(&ledger, NOW + 366 * DAY, 365).await, 1);
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_days_costs_nothing_that_is_not_old() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    for day in 0..20 {
        record(&ledger, &format!("day-{day}"), NOW + day * DAY).await;
        forget(&ledger, NOW + day * DAY, 10).await;
    }
    // Ten years ahead for two days, and believed: what is there seems old.
    let ahead = NOW + 3_650 * DAY;
    let before = kept(&ledger).await;
    assert!(before.len() >= 10 && before.contains(&"day-12".to_owned()), "{before:?}");
    ledger.mark(ahead).await.unwrap();
    record(&ledger, "ahead", ahead).await;
    // It is set right again: the mark of the wrong time goes, and everything is as it was.
    let right = NOW + 21 * DAY;
    record(&ledger, "right", right).await;
    forget(&ledger, right, 10).await;
    assert_eq!(ledger.last_mark().await.unwrap(), Some(right));
    let after = kept(&ledger).await;
    for reference in ["day-12", "day-19", "ahead", "right"] {
        assert!(after.contains(&reference.to_owned()), "{reference} is gone: {after:?}");
    }
    assert!(!after.contains(&"day-5".to_owned()), "what is old stays: {after:?}");
    assert_eq!(forget(&ledger, right + 30 * DAY, 10).await, after.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_records_while_events_are_forgotten_waits_for_few_of_them() {
    const EVENTS: i64 = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    let writes = (0..EVENTS).map(|number| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let event = Event {
                at: NOW - 400 * DAY,
                reference: format!("old-{number}"),
                sha256: format!("{number:064}"),
                report: "x".repeat(2_000),
                ..Event::default()
            };
            ledger.record(event).await.unwrap();
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    ledger.mark(NOW).await.unwrap();
    // The largest transaction, and how many there were.
    let counters = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let forgetting = {
        let (ledger, counters) = (ledger.clone(), Arc::clone(&counters));
        tokio::spawn(async move {
            let told = |gone: u64| {
                counters.0.fetch_max(gone, Ordering::SeqCst);
                counters.1.fetch_add(1, Ordering::SeqCst);
            };
            ledger.forget_events(NOW, 30, told).await.unwrap()
        })
    };
    let (mut number, mut most) = (0_usize, 0);
    while !forgetting.is_finished() {
        let before = counters.1.load(Ordering::SeqCst);
        record(&ledger, &format!("fresh-{number}"), NOW).await;
        most = most.max(counters.1.load(Ordering::SeqCst) - before);
        number += 1;
    }
    assert_eq!(forgetting.await.unwrap(), EVENTS as u64);
    let (largest, transactions) = (counters.0.load(Ordering::SeqCst), counters.1.load(Ordering::SeqCst));
    assert!(largest <= MOST as u64, "{largest} events in one transaction");
    assert!(transactions >= (EVENTS / MOST) as u64, "{transactions} transactions");
    // One that is under way, and what a busy machine lets through before anybody looks.
    assert!(most <= 12, "one waited for {most} transactions");
    assert!(number > 0 && kept(&ledger).await.len() == number, "what was recorded meanwhile is there");
}

#[tokio::test]
async fn segments_that_stay_are_not_read_to_find_those_that_go() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(&folder).await;
    let sql = format!("EXPLAIN QUERY PLAN {}", forgetting(8));
    let plan =
        sqlx::query(AssertSqlSafe(sql)).bind(1_i64).bind(1_i64).bind(1_i64).fetch_all(&ledger.read).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|step| step.try_get("detail").unwrap()).collect();
    assert!(plan.iter().any(|step| step.contains("last_id<?")), "{plan:?}");
    assert!(!plan.iter().any(|step| step.starts_with("SCAN segments")), "{plan:?}");
}
