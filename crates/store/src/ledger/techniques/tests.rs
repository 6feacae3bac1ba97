use super::*;
use crate::{EventFilter, now};

/// What both databases must do.
pub(in crate::ledger) async fn suite(ledger: &Ledger) {
    let today = now().div_euclid(DAY);
    let ids = |ids: &[&'static str]| ids.iter().map(|id| TechniqueId::from(*id)).collect::<Vec<_>>();
    for (number, techniques, decision, policy, days_ago) in [
        (1, ids(&["T9204.001", "T9204.002"]), "block", "malicious", 0),
        (2, ids(&["T9204.002"]), "deliver", "", 0),
        (3, ids(&["T9204"]), "hold", "", 3),
        (4, ids(&["T9204.002"]), "block", "malicious", 400),
        (5, Vec::new(), "block", "malicious", 0),
    ] {
        let event = Event {
            at: (today - days_ago) * DAY + 5,
            reference: format!("TECH-{number}"),
            gate: "proxy".into(),
            decision: decision.into(),
            policy: policy.into(),
            techniques,
            ..Event::default()
        };
        ledger.record(event).await.unwrap();
    }
    let sightings = ledger.sightings(&"T9204".into(), today - 83).await.unwrap();
    // Two sub-techniques in one event are one event.
    assert_eq!(sightings.days, [(today - 3, 1, 1), (today, 2, 1)]);
    assert_eq!(sightings.last, Some(today));
    let controls: Vec<_> =
        sightings.controls.iter().map(|one| (one.gate.as_str(), one.policy.as_str(), one.number)).collect();
    assert_eq!(controls, [("proxy", "", 1), ("proxy", "malicious", 1)]);
    let sub = ledger.sightings(&"T9204.001".into(), today - 83).await.unwrap();
    assert_eq!((sub.days.as_slice(), sub.last), ([(today, 1, 1)].as_slice(), Some(today)));
    assert_eq!(ledger.sightings(&"T9999".into(), 0).await.unwrap(), Sightings::default());
    let found = async |technique: &str| {
        let filter = EventFilter { technique: technique.into(), ..EventFilter::default() };
        let events = ledger.events(&filter, None, 10).await.unwrap();
        events.into_iter().map(|logged| logged.event.reference).collect::<Vec<_>>()
    };
    assert_eq!(found("T9204").await, ["TECH-4", "TECH-3", "TECH-2", "TECH-1"]);
    assert_eq!(found("T9204.001").await, ["TECH-1"]);
    assert_eq!(found("T920").await, [""; 0]);
    let one = ledger.event("TECH-1").await.unwrap().unwrap().event;
    assert_eq!(one.techniques, ids(&["T9204.001", "T9204.002"]));
    assert!(ledger.event("TECH-5").await.unwrap().unwrap().event.techniques.is_empty());
}

#[tokio::test]
async fn numbers_stay_when_the_events_themselves_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    let ledger = Ledger::open(&address).await.unwrap();
    suite(&ledger).await;
    sqlx::query("DELETE FROM events").execute(&ledger.write).await.unwrap();
    let left = sqlx::query("SELECT COUNT(*) AS number FROM event_techniques").fetch_one(&ledger.write).await.unwrap();
    assert_eq!(left.try_get::<i64, _>("number").unwrap(), 0);
    assert_eq!(ledger.sightings(&"T9204.002".into(), 0).await.unwrap().days.len(), 2);
}
