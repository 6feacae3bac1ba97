//! A part of the suite for every backend: what becomes of an incident.

use super::*;
use crate::{Event, NewReport, ReportState};
use lazaret_model::{ActOffer, RoomAct};

fn subject(kind: SubjectKind, value: &str) -> Subject {
    Subject::parse(kind, value).unwrap()
}

fn act(kind: ActKind, value: &str) -> Act {
    Act::parse(kind, value).unwrap()
}

/// The newest entries of the audit, the latest first.
async fn audit(ledger: &Ledger, most: i64) -> Vec<(String, String)> {
    let entries = ledger.audit(&crate::AuditFilter::default(), None, most).await.unwrap();
    entries.into_iter().map(|entry| (format!("{} {}", entry.who, entry.what), entry.detail)).collect()
}

pub(in crate::ledger) async fn suite(ledger: &Ledger) {
    what_is_done_is_in_force_until_it_is_undone(ledger).await;
    who_met_something_is_found_however_it_was_met(ledger).await;
    reports_are_bounded_and_decided_once(ledger).await;
}

async fn what_is_done_is_in_force_until_it_is_undone(ledger: &Ledger) {
    let nothing = NewIncident { title: "  ".into(), who: "anna".into(), ..NewIncident::default() };
    assert!(matches!(ledger.open_incident(&nothing).await, Err(StoreError::Incident(IncidentError::Empty("title")))));
    assert!(ledger.incidents(None, 10).await.unwrap().is_empty());
    let scope = vec![subject(SubjectKind::Site, "evil.example"), subject(SubjectKind::Hash, &"CD".repeat(32))];
    let new = NewIncident { title: "Invoices".into(), scope: scope.clone(), who: "anna".into() };
    let opened = ledger.open_incident(&new).await.unwrap();
    assert_eq!((opened.state, opened.opened_by.as_str(), opened.closed_at), (IncidentState::Open, "anna", 0));
    let reference = opened.reference.as_str();
    let told = audit(ledger, 3).await;
    assert_eq!(told[2], ("anna incident opened".to_owned(), format!("{reference}: Invoices")));
    assert_eq!(told[1], ("anna incident scope".to_owned(), format!("{reference}: site evil.example")));
    // The same again changes nothing.
    ledger.widen_incident(reference, &scope, "karl").await.unwrap();
    ledger.widen_incident(&reference.to_lowercase(), &[subject(SubjectKind::Person, "ada")], "karl").await.unwrap();
    ledger.note_incident(reference, " Mail came at nine. ", "karl").await.unwrap();
    assert!(ledger.measures().await.unwrap().is_empty());
    let block = act(ActKind::BlockSite, "evil.example");
    let first = ledger.act(reference, &block, "anna").await.unwrap();
    assert_eq!(ledger.act(reference, &block, "karl").await.unwrap(), first, "it is in force already");
    let hold = ledger.act(reference, &act(ActKind::HoldPerson, "ada"), "anna").await.unwrap();
    let measures = ledger.measures().await.unwrap();
    assert_eq!(measures.len(), 2);
    assert_eq!(measures[0], Measure { incident: reference.to_owned(), act: block.clone() });
    ledger.undo_act(reference, hold, "karl").await.unwrap();
    assert_eq!(audit(ledger, 1).await[0].1, format!("{reference}: hold-person ada"));
    for wrong in [hold, 987_654] {
        let error = ledger.undo_act(reference, wrong, "karl").await.unwrap_err();
        assert!(matches!(error, StoreError::Incident(IncidentError::NotInForce(id)) if id == wrong), "{error:?}");
    }
    assert_eq!(ledger.measures().await.unwrap().len(), 1);
    let file = ledger.incident(reference).await.unwrap();
    assert_eq!((file.scope.len(), file.acts.len(), file.notes.len()), (3, 2, 1));
    assert_eq!((file.notes[0].text.as_str(), file.acts[1].undone_by.as_str()), ("Mail came at nine.", "karl"));
    // Another incident's act is not this one's to undo.
    let other = NewIncident { title: "Other".into(), who: "anna".into(), ..NewIncident::default() };
    let other = ledger.open_incident(&other).await.unwrap();
    assert!(ledger.undo_act(&other.reference, first, "anna").await.is_err());
    let newest = ledger.incidents(Some(IncidentState::Open), 10).await.unwrap();
    assert_eq!(newest.iter().map(|one| &one.reference).collect::<Vec<_>>(), [&other.reference, &opened.reference]);
    // Closed is closed, but what was done stays so and can be undone.
    let empty = ledger.close_incident(reference, "", "anna").await.unwrap_err();
    assert!(matches!(empty, StoreError::Incident(IncidentError::Empty("conclusion"))));
    ledger.close_incident(reference, "A wave of false invoices.", "anna").await.unwrap();
    let refused = [
        ledger.close_incident(reference, "Again", "anna").await,
        ledger.note_incident(reference, "late", "anna").await,
        ledger.widen_incident(reference, &scope, "anna").await,
        ledger.act(reference, &act(ActKind::HoldPerson, "ada"), "anna").await.map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(StoreError::Incident(IncidentError::Closed))), "{refused:?}");
    }
    assert_eq!(ledger.measures().await.unwrap().len(), 1);
    ledger.undo_act(reference, first, "anna").await.unwrap();
    assert!(ledger.measures().await.unwrap().is_empty());
    assert_eq!(
        ledger.incidents(Some(IncidentState::Closed), 10).await.unwrap()[0].conclusion,
        "A wave of false invoices."
    );
    let nobody = ledger.incident("INC-0000-0000").await.unwrap_err();
    assert!(matches!(&nobody, StoreError::NoIncident { reference } if reference == "INC-0000-0000"), "{nobody:?}");
    // What is too much is refused whole.
    let many: Vec<_> =
        (0..=MOST_SUBJECTS).map(|number| subject(SubjectKind::Site, &format!("s{number}.example"))).collect();
    let full = ledger.widen_incident(&other.reference, &many, "anna").await.unwrap_err();
    assert!(matches!(full, StoreError::Incident(IncidentError::Full(200))), "{full:?}");
    assert!(ledger.incident(&other.reference).await.unwrap().scope.is_empty());
    // What a room does is kept as any other act, and given back by its name.
    let kind = ActKind::Room(RoomAct::new("bell.ring"));
    let ring = Act::offered(&ActOffer { kind, title: "ring", subject: SubjectKind::Person }, "ada").unwrap();
    let number = ledger.act(&other.reference, &ring, "anna").await.unwrap();
    let measures = ledger.measures().await.unwrap();
    assert_eq!(measures, [Measure { incident: other.reference.clone(), act: ring }]);
    ledger.undo_act(&other.reference, number, "anna").await.unwrap();
    assert!(ledger.measures().await.unwrap().is_empty());
}

async fn who_met_something_is_found_however_it_was_met(ledger: &Ledger) {
    let hash = "ef".repeat(32);
    for (number, person, client, host, domain, sha256, decision) in [
        (1, "ada", "198.51.100.1", "cdn.fall.example", "fall.example", hash.as_str(), "deliver"),
        (2, "bert", "198.51.100.2", "www.fall.example", "fall.example", "", "hold"),
        (3, "", "198.51.100.3", "elsewhere.example", "elsewhere.example", hash.as_str(), "block"),
        (4, "ada", "198.51.100.1", "harmless.example", "harmless.example", "", "deliver"),
    ] {
        let event = Event {
            at: now() + number,
            reference: format!("FALL-{number}"),
            person: person.into(),
            client: client.into(),
            host: host.into(),
            domain: domain.into(),
            sha256: sha256.into(),
            decision: decision.into(),
            ..Event::default()
        };
        ledger.record(event).await.unwrap();
    }
    let look = async |kind, value: &str| ledger.look_back(&[subject(kind, value)], 100).await.unwrap();
    let references = |found: &crate::Retrospect| {
        found.events.iter().map(|logged| logged.event.reference.clone()).collect::<Vec<_>>()
    };
    assert_eq!(references(&look(SubjectKind::Hash, &hash).await), ["FALL-3", "FALL-1"]);
    assert_eq!(references(&look(SubjectKind::Site, "fall.example").await), ["FALL-2", "FALL-1"]);
    assert_eq!(references(&look(SubjectKind::Site, "www.fall.example").await), ["FALL-2"], "a host of it alone");
    assert_eq!(references(&look(SubjectKind::Client, "198.51.100.1").await), ["FALL-4", "FALL-1"]);
    let ada = look(SubjectKind::Person, "ada").await;
    assert_eq!((references(&ada), ada.met.len()), (vec!["FALL-4".to_owned(), "FALL-1".to_owned()], 0));
    let scope = [subject(SubjectKind::Hash, &hash), subject(SubjectKind::Site, "fall.example")];
    let all = ledger.look_back(&scope, 100).await.unwrap();
    assert_eq!(references(&all), ["FALL-3", "FALL-2", "FALL-1"], "each once, the newest first");
    let met: Vec<_> = all.met.iter().map(|met| (&*met.person, met.number, met.delivered)).collect();
    assert_eq!(met, [("ada", 1, 1), ("", 1, 0), ("bert", 1, 0)], "whom it reached first");
    assert!(!all.more && ledger.look_back(&scope, 1).await.unwrap().more);
}

async fn reports_are_bounded_and_decided_once(ledger: &Ledger) {
    let new = NewReport { client: "192.0.2.1".into(), text: "it asks for my password".into(), ..NewReport::default() };
    assert!(ledger.report(&new, 0, 2).await.unwrap() && ledger.report(&new, 0, 2).await.unwrap());
    assert!(!ledger.report(&new, 0, 2).await.unwrap(), "the third of two");
    let elsewhere = NewReport { client: "192.0.2.2".into(), ..new.clone() };
    assert!(ledger.report(&elsewhere, 0, 2).await.unwrap());
    // A network of IPv6 has more addresses than anybody can count.
    for (client, kept) in
        [("2001:db8::1", true), ("2001:db8::2", true), ("2001:db8::3", false), ("2001:db8:0:1::1", true)]
    {
        let report = NewReport { client: client.into(), ..new.clone() };
        assert_eq!(ledger.report(&report, 0, 2).await.unwrap(), kept, "{client}");
    }
    for report in ledger.reports(3).await.unwrap() {
        assert!(ledger.decide_report(report.id, None, "karl").await.unwrap());
    }
    let waiting = ledger.reports(10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].client.as_str()), (3, "192.0.2.2"));
    assert!(ledger.decide_report(waiting[0].id, Some("INC-ABCD-2345"), "anna").await.unwrap());
    assert!(!ledger.decide_report(waiting[0].id, None, "karl").await.unwrap(), "anna has decided");
    assert!(ledger.decide_report(waiting[1].id, None, "karl").await.unwrap());
    assert_eq!(ledger.reports(10).await.unwrap().len(), 1);
    let decided = ledger.report_of(waiting[0].id).await.unwrap().unwrap();
    assert_eq!((decided.state, decided.incident.as_str()), (ReportState::Opened, "INC-ABCD-2345"));
    assert!(ledger.report_of(987_654).await.unwrap().is_none());
}
