use super::*;

#[test]
fn what_may_be_done_about_an_incident_is_told_by_its_state() {
    use IncidentChange::{Act, Close, Note, Scope, Undo};
    for change in [Scope, Note, Act, Undo, Close] {
        assert_eq!(IncidentState::Open.permits(change), Ok(()), "{change:?}");
        let closed = if change == Undo { Ok(()) } else { Err(IncidentError::Closed) };
        assert_eq!(IncidentState::Closed.permits(change), closed, "{change:?}");
    }
}

#[test]
fn every_name_leads_back_to_what_it_names() {
    for state in [IncidentState::Open, IncidentState::Closed] {
        assert_eq!(IncidentState::of(state.name()), Some(state));
    }
    for kind in ActKind::OWN.into_iter().chain([ActKind::Room(RoomAct::new("bell.ring"))]) {
        assert!(!kind.title().is_empty());
        assert_eq!(ActKind::of(kind.name()), Some(kind));
    }
    assert_eq!(ActKind::Room(RoomAct::new("bell.ring-twice")).title(), "bell: ring twice");
    for kind in SubjectKind::ALL {
        assert_eq!(SubjectKind::of(kind.name()), Some(kind));
    }
    assert_eq!((IncidentState::of("lost"), ActKind::of(""), SubjectKind::of("Hash")), (None, None, None));
    assert!(incident_reference().starts_with("INC-") && incident_reference() != incident_reference());
}

#[test]
fn what_an_incident_is_about_is_kept_in_the_spelling_of_the_gates() {
    let hash = "AB".repeat(32);
    for (kind, text, value) in [
        (SubjectKind::Hash, hash.as_str(), Some("ab".repeat(32))),
        (SubjectKind::Hash, "abc", None),
        (SubjectKind::Hash, &"zz".repeat(32), None),
        (SubjectKind::Site, " Files.Example. ", Some("files.example".to_owned())),
        (SubjectKind::Site, "https://anna@www.files.example:8443/a?b#c", Some("www.files.example".to_owned())),
        (SubjectKind::Site, "*.files.example", Some("files.example".to_owned())),
        (SubjectKind::Site, "127.0.0.1:8080", Some("127.0.0.1".to_owned())),
        (SubjectKind::Site, "http://[2001:DB8::1]:80/", Some("2001:db8::1".to_owned())),
        (SubjectKind::Site, "2001:db8::1", Some("2001:db8::1".to_owned())),
        (SubjectKind::Site, "a b", None),
        (SubjectKind::Site, "a..b", None),
        (SubjectKind::Site, "", None),
        (SubjectKind::Person, " Ada L. ", Some("Ada L.".to_owned())),
        (SubjectKind::Person, "a\nb", None),
        (SubjectKind::Group, "", None),
        (SubjectKind::Client, "::ffff:192.0.2.7", Some("192.0.2.7".to_owned())),
        (SubjectKind::Client, "192.0.2.0/24", None),
        (SubjectKind::Technique, "t1204.002", Some("T1204.002".to_owned())),
        (SubjectKind::Technique, "T1204/002", None),
        (SubjectKind::Technique, "S0001", None),
    ] {
        let parsed = Subject::parse(kind, text);
        assert_eq!(parsed.as_ref().ok().map(|subject| subject.value.clone()), value, "{kind:?} {text}");
        if let Err(error) = parsed {
            assert!(matches!(error, IncidentError::Subject { .. }) && error.to_string().starts_with('`'), "{error}");
        }
    }
}

#[test]
fn what_is_blocked_is_blocked_what_is_held_is_held_and_what_is_revoked_is_no_gates_business() {
    for kind in ActKind::OWN {
        let expected = match kind.name().split('-').next() {
            Some("block") => Some(Decision::Block),
            Some("hold") => Some(Decision::Hold),
            _ => None,
        };
        assert_eq!(kind.decision(), expected, "{kind:?}");
    }
    let act = Act::parse(ActKind::BlockSite, "HTTP://Evil.Example/x").unwrap();
    let measure = Measure { incident: "INC-ABCD-2345".to_owned(), act };
    assert_eq!(measure.told(), "incident INC-ABCD-2345: block-site evil.example");
    assert!(Act::parse(ActKind::HoldClient, "evil.example").is_err());
    // What a room does is told by the room, and has no decision of a gate.
    let ring = ActKind::Room(RoomAct::new("bell.ring"));
    assert_eq!((ring.decision(), Act::parse(ring.clone(), "ada")), (None, Err(IncidentError::Unoffered)));
    let offer = ActOffer { kind: ring, title: "ring for a person", subject: SubjectKind::Person };
    let act = Act::offered(&offer, " ada ").unwrap();
    let text = serde_json::to_string(&act).unwrap();
    assert_eq!(text, r#"{"kind":"bell.ring","value":"ada"}"#);
    assert_eq!(serde_json::from_str::<Act>(&text).unwrap(), act);
    assert!(serde_json::from_str::<Act>(r#"{"kind":"ring","value":"ada"}"#).is_err());
}
