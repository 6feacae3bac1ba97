use super::*;
use http::{HeaderMap, Method};
use lazaret_model::{Act, Gate};

fn measure(kind: ActKind, value: &str) -> Measure {
    Measure { incident: "INC-ABCD-2345".to_owned(), act: Act::parse(kind, value).unwrap() }
}

fn exchange(uri: &str, client: &str, person: Option<&str>, groups: &[&str]) -> Exchange {
    let (client, uri) = (client.parse().ok(), uri.parse().unwrap());
    let mut exchange = Exchange::of(Gate::Proxy, client, Method::GET, uri, &HeaderMap::new());
    exchange.person = person.map(str::to_owned);
    exchange.groups = groups.iter().map(ToString::to_string).collect();
    exchange
}

/// What keeps an exchange back under one measure.
fn kept_by(own: &Measure, exchange: &Exchange) -> bool {
    let containment = Containment::default();
    assert!(containment.of_exchange(exchange).is_none(), "nothing is in force yet");
    assert!(containment.replace(vec![own.clone()]));
    containment.of_exchange(exchange).is_some_and(|found| found == *own)
}

#[test]
fn a_blocked_site_is_blocked_with_everything_below_it_and_nothing_that_only_ends_alike() {
    for (site, host, expected) in [
        ("evil.example", "evil.example", true),
        ("evil.example", "cdn.EVIL.example", true),
        ("evil.example", "notevil.example", false),
        ("evil.example", "evil.example.org", false),
        ("www.evil.example", "www.evil.example", true),
        ("www.evil.example", "a.www.evil.example", true),
        ("www.evil.example", "evil.example", false),
        // A public suffix belongs to everybody.
        ("co.uk", "harmless.co.uk", false),
        ("com", "harmless.com", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "0x7f.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("2001:db8::1", "[2001:DB8:0::1]", true),
        ("198.51.100.7", "[::ffff:198.51.100.7]", true),
        ("::ffff:198.51.100.7", "198.51.100.7", true),
        ("198.51.100.8", "[::ffff:198.51.100.7]", false),
        ("wiki", "wiki", true),
    ] {
        let asked = exchange(&format!("http://{host}/a"), "192.0.2.1", None, &[]);
        assert_eq!(kept_by(&measure(ActKind::BlockSite, site), &asked), expected, "{site}: {host}");
    }
    // The machine that a gateway says the site is at.
    let mut asked = exchange("http://other.example/", "192.0.2.1", None, &[]);
    asked.server = "198.51.100.7".parse().ok();
    assert!(kept_by(&measure(ActKind::BlockSite, "198.51.100.7"), &asked));
}

#[test]
fn what_is_held_for_somebody_is_held_for_them_alone() {
    let asked = exchange("http://a.example/", "::ffff:192.0.2.7", Some("Ada"), &["harbour"]);
    for (kind, value, expected) in [
        (ActKind::HoldPerson, "ada", true),
        (ActKind::HoldPerson, "bert", false),
        (ActKind::HoldGroup, "harbour", true),
        (ActKind::HoldGroup, "office", false),
        (ActKind::HoldClient, "192.0.2.7", true),
        (ActKind::HoldClient, "192.0.2.8", false),
        (ActKind::RevokePerson, "ada", false),
    ] {
        let own = measure(kind.clone(), value);
        assert_eq!(kept_by(&own, &asked), expected, "{kind:?} {value}");
        let expected = if kind == ActKind::RevokePerson { None } else { Some(Decision::Hold) };
        assert_eq!(kind.decision(), expected);
    }
    let nobody = exchange("http://a.example/", "192.0.2.7", None, &[]);
    assert!(!kept_by(&measure(ActKind::HoldPerson, "ada"), &nobody));
}

#[test]
fn a_change_is_told_from_the_same_again_and_undoing_lets_everything_pass() {
    let containment = Containment::default();
    let (block, hold) = (measure(ActKind::BlockSite, "evil.example"), measure(ActKind::HoldPerson, "ada"));
    assert!(!containment.replace(Vec::new()) && containment.state() == 0);
    assert!(containment.replace(vec![block.clone(), hold.clone()]));
    let first = containment.state();
    assert!(!containment.replace(vec![block.clone(), hold.clone()]) && containment.state() == first);
    // Of both, the block is told.
    let asked = exchange("http://evil.example/", "192.0.2.7", Some("ada"), &[]);
    assert_eq!(containment.of_exchange(&asked), Some(block));
    assert!(containment.replace(vec![hold.clone()]));
    assert_eq!(containment.of_exchange(&asked), Some(hold));
    let second = containment.state();
    assert!(containment.replace(Vec::new()) && containment.state() == 0 && second != first);
    assert_eq!(containment.of_exchange(&asked), None);
}

#[test]
fn a_file_is_known_by_its_hash_however_it_is_written() {
    let report = |sha256: &str| ScanReport {
        schema: lazaret_model::SCAN_SCHEMA.to_owned(),
        path: "a.zip".to_owned(),
        sha256: sha256.to_owned(),
        size: 1,
        kind: lazaret_model::Kind::new("zip", lazaret_model::Class::Archive, "application/zip"),
        verdict: lazaret_model::Verdict::Benign,
        decision: Decision::Deliver,
        policies: Vec::new(),
        complete: true,
        elapsed_ms: 0.0,
        parts: Vec::new(),
        findings: Vec::new(),
        rulings: Vec::new(),
        basis: None,
    };
    let containment = Containment::default();
    let own = measure(ActKind::BlockHash, &"AB".repeat(32));
    assert!(containment.of_report(&report(&"ab".repeat(32))).is_none());
    assert!(containment.replace(vec![own.clone(), measure(ActKind::RevokeHash, &"cd".repeat(32))]));
    assert_eq!(containment.of_report(&report(&"ab".repeat(32))), Some(own));
    assert_eq!(containment.of_report(&report(&"cd".repeat(32))), None, "that is about releases");
    // Of what only the beginning was seen there is no hash.
    assert_eq!(containment.of_report(&report("")), None);
}

#[test]
fn only_files_that_are_blocked_have_others_judged_again_and_never_as_before() {
    let (one, other) = ("11".repeat(32), "22".repeat(32));
    let hash = |value: &str| measure(ActKind::BlockHash, value);
    let containment = Containment::default();
    let mut seen = vec![containment.files()];
    for (measures, changes) in [
        (vec![measure(ActKind::HoldPerson, "bert")], false),
        (vec![measure(ActKind::HoldPerson, "bert"), hash(&one)], true),
        (vec![hash(&one), measure(ActKind::BlockSite, "evil.example")], false),
        (vec![hash(&other)], true),
        (vec![], true),
        (vec![hash(&one)], true),
    ] {
        containment.replace(measures);
        assert_eq!(!seen.contains(&containment.files()), changes, "{seen:?}");
        seen.push(containment.files());
    }
}
