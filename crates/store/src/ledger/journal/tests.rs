use super::*;
use std::collections::HashSet;

/// As if everything was given out long ago: nobody waits for numbers that PostgreSQL gave to what failed.
fn long_ago() -> Settled {
    let number = Number { safe: i64::MAX, ..Number::default() };
    Settled { event: number, entry: number }
}

/// What the suite of every backend asks of the journal.
pub(in crate::ledger) async fn journal(ledger: &Ledger) {
    audit(ledger).await;
    rooms(ledger).await;
    subscribers(ledger).await;
}

async fn rooms(ledger: &Ledger) {
    let start = ledger.hold_subscriber("file rooms", "one", now() + 60_000).await.unwrap().unwrap();
    let fields = [("times".to_owned(), 3.into())].into_iter().collect();
    let event = RoomEvent { act: "bell rung".into(), detail: "for ada".into(), fields };
    let news = RoomNews {
        room: RoomName::new("bell"),
        person: "ada".into(),
        client: "192.0.2.7".into(),
        event: event.clone(),
    };
    let reference = ledger.tell(news).await.unwrap();
    let (told, _) = ledger.journal(start, 10, &mut long_ago()).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let (told, about) = (&told[0], "what a room tells is told to others as it was written");
    assert_eq!(
        (told.reference.as_str(), told.room.name(), told.person.as_str()),
        (&*reference, "bell", "ada"),
        "{about}"
    );
    assert_eq!((told.client.as_str(), &told.body), ("192.0.2.7", &Body::Room(event)), "{about}");
    let everything = ledger.audit(&AuditFilter::default(), None, 100).await.unwrap();
    assert!(everything.iter().all(|entry| entry.what != "bell rung"), "the audit is about people");
    ledger.release_subscriber("file rooms", "one").await.unwrap();
}

async fn audit(ledger: &Ledger) {
    let start = now();
    for number in 0..5 {
        ledger.note("olaf", AuditAct::EventsExported, &format!("{number} events")).await.unwrap();
    }
    ledger.note("olga", AuditAct::SignedOut, "").await.unwrap();
    let olaf = AuditFilter { who: "olaf".into(), ..AuditFilter::default() };
    let first = ledger.audit(&olaf, None, 3).await.unwrap();
    let told = |entries: &[AuditEntry]| entries.iter().map(|entry| entry.detail.clone()).collect::<Vec<_>>();
    assert_eq!(told(&first), ["4 events", "3 events", "2 events"], "the newest first");
    let rest = ledger.audit(&olaf, Some(first[2].id), 3).await.unwrap();
    assert_eq!(told(&rest), ["1 events", "0 events"]);
    assert!(first.iter().chain(&rest).all(|entry| entry.who == "olaf" && entry.what == "events exported"));
    let since = AuditFilter { from: Some(start), ..AuditFilter::default() };
    let ours = |entry: &&AuditEntry| ["olaf", "olga"].contains(&entry.who.as_str());
    assert_eq!(ledger.audit(&since, None, 100).await.unwrap().iter().filter(ours).count(), 6);
    let before = AuditFilter { to: Some(start), ..AuditFilter::default() };
    assert!(ledger.audit(&before, None, 100).await.unwrap().iter().all(|entry| entry.who != "olaf"));
}

async fn subscribers(ledger: &Ledger) {
    let later = || now() + 60_000;
    let start = ledger.hold_subscriber("file a", "one", later()).await.unwrap().unwrap();
    assert_eq!(
        ledger.journal(start, 10, &mut long_ago()).await.unwrap(),
        (Vec::new(), start),
        "what is past is not told"
    );
    assert_eq!(ledger.hold_subscriber("file a", "other", later()).await.unwrap(), None, "one at a time");
    assert_eq!(ledger.hold_subscriber("file a", "one", later()).await.unwrap(), Some(start), "who has it keeps it");
    for number in 0..3 {
        let judged = r#"{"origin":{"groups":["staff"]},"parts":[]}"#.to_owned();
        let event = Event {
            at: now(),
            reference: format!("JRNL-{number}"),
            decision: "hold".into(),
            judged,
            techniques: vec!["T1204.002".into()],
            ..Event::default()
        };
        ledger.record(event).await.unwrap();
    }
    let connection = Event {
        at: now(),
        reference: "JRNL-3".into(),
        class: "connection".into(),
        decision: "deliver".into(),
        ..Event::default()
    };
    ledger.record(connection).await.unwrap();
    ledger.note("olaf", AuditAct::SignedIn, "from 192.0.2.1").await.unwrap();
    let (mut cursor, mut told) = (start, Vec::new());
    // In pieces, as whoever exports them takes them.
    for _ in 0..10 {
        let (events, next) = ledger.journal(cursor, 2, &mut long_ago()).await.unwrap();
        assert!(ledger.advance_subscriber("file a", "one", next, later()).await.unwrap());
        told.extend(events);
        cursor = next;
    }
    let kinds: Vec<_> = told.iter().map(|event| (event.room.clone(), event.body.kind())).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    let references: HashSet<_> = told.iter().map(|event| event.reference.as_str()).collect();
    assert!((0..4).all(|number| references.contains(format!("JRNL-{number}").as_str())), "{references:?}");
    let of = |kind: &str| told.iter().filter(|event| event.body.kind() == kind).count();
    assert_eq!((of("transfer"), of("connection"), of("administration")), (3, 1, 1));
    let held = told.iter().find(|event| event.reference == "JRNL-0").unwrap();
    assert_eq!(
        (held.decision, held.groups.as_slice()),
        (Some(lazaret_model::Decision::Hold), ["staff".to_owned()].as_slice())
    );
    assert_eq!(held.techniques, [lazaret_model::TechniqueId::from("T1204.002")]);
    // Another process goes on where this one was.
    ledger.release_subscriber("file a", "one").await.unwrap();
    assert_eq!(ledger.hold_subscriber("file a", "other", later()).await.unwrap(), Some(cursor));
    assert!(!ledger.advance_subscriber("file a", "one", start, later()).await.unwrap(), "it was taken over");
    assert_eq!(ledger.hold_subscriber("file a", "third", later()).await.unwrap(), None);
    // One that died holds nothing for longer than it said.
    assert!(ledger.advance_subscriber("file a", "other", cursor, now() - 1).await.unwrap());
    assert_eq!(ledger.hold_subscriber("file a", "third", later()).await.unwrap(), Some(cursor));
}

#[tokio::test]
async fn a_number_that_may_still_be_written_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
    let ledger = Ledger::open(&address).await.unwrap();
    let server = Ledger { sqlite: false, ..ledger.clone() };
    let ids = [5, 6, 8, 9];
    let start = Instant::now();
    let mut number = Number::default();
    number.saw(9, start);
    assert_eq!(server.unbroken(4, ids.into_iter(), number.safe), 2, "7 may come yet");
    number.saw(12, start + SETTLED / 2);
    assert_eq!(server.unbroken(4, ids.into_iter(), number.safe), 2, "7 may come still");
    number.saw(12, start + SETTLED);
    assert_eq!(server.unbroken(4, ids.into_iter(), number.safe), 4, "7 comes no more");
    assert_eq!(server.unbroken(9, [11, 12].into_iter(), number.safe), 0, "10 may come yet");
    assert_eq!(ledger.unbroken(4, ids.into_iter(), 0), 4, "with one writer, nothing comes later");
}
