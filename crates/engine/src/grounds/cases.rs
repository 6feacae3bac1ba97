//! What is said of an event afterwards is said from the event alone: what would change its decision, and what other policies would
//! have decided. Each test is a case of which something else was said once.

use super::Grounds;
use crate::judged::Judged;
use crate::ruled::{basis, spoken, whole};
use crate::unopened::{before, connection, early};
use lazaret_model::{
    Class, Decision, Direction, Gate, Kind, Known, Origin, Part, Ruling, SCAN_SCHEMA, ScanReport, Verdict,
};
use lazaret_policy::{Facts, Policies, PolicyFile, built_in_policies};

const NAME: &str = "letter.txt";
const RARE: &str = "resource.prevalence < 3";
const SMALL: &str = "resource.size < 20000 && resource.role == \"sample\"";
const DOCUMENT: &str = "if it were an ordinary document";
const SEEN: &str = "if the file had been seen here 1,000 times";
const LISTED: &str = "if the site were on no list";

/// The built-in policies, and one that forbids for each of these.
fn policies(forbids: &[&str]) -> Policies {
    let mut text = built_in_policies().text;
    for (number, condition) in forbids.iter().enumerate() {
        text.push_str(&format!(
            "\n@id(\"own-{number}\") @title(\"Own\") forbid (principal, action, resource) when {{ {condition} }};"
        ));
    }
    Policies::parse(&[PolicyFile { name: "own.cedar".to_owned(), text }]).unwrap_or_else(|error| panic!("{error}"))
}

fn download() -> Origin {
    Origin {
        gate: Gate::Proxy,
        host: Some("www.site.example".to_owned()),
        domain: Some("site.example".to_owned()),
        navigation: true,
        ..Origin::default()
    }
}

/// A clean text of 72,000 bytes, as it is judged.
fn inspected(policies: &Policies, origin: &Origin, prevalence: u64) -> ScanReport {
    let kind = Kind::new("text", Class::Text, "text/plain");
    let part = Part { kind, complete: true, sha256: "aa".to_owned(), ..whole(NAME, 72_000, origin) };
    let judged = Judged::new(std::slice::from_ref(&part), &[]);
    let facts = Facts { prevalence, ..judged.facts(&part, Verdict::Benign, origin) };
    let outcome = policies.decide(NAME, &facts).unwrap();
    let known = if policies.ask_ledger() { Known::Ledger } else { Known::Inspection };
    let ruling = Ruling { part: NAME.to_owned(), decision: outcome.decision, policies: spoken(&outcome) };
    ScanReport {
        schema: SCAN_SCHEMA.to_owned(),
        path: NAME.to_owned(),
        sha256: part.sha256.clone(),
        size: part.size,
        kind: part.kind.clone(),
        verdict: Verdict::Benign,
        decision: outcome.decision,
        policies: outcome.policies.into_iter().map(|policy| policy.id).collect(),
        complete: true,
        elapsed_ms: 0.0,
        parts: vec![part],
        findings: Vec::new(),
        rulings: if outcome.decision == Decision::Deliver { Vec::new() } else { vec![ruling] },
        basis: Some(basis(origin, if policies.ask_ledger() { prevalence } else { 0 }, known)),
    }
}

/// What the ledger gives back of an event.
fn kept(report: &ScanReport) -> Grounds {
    let grounds = Grounds::of(report).unwrap();
    let text = grounds.text();
    let read = Grounds::parse(&text).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(read, grounds, "{text}");
    read
}

/// What is said would change a decision, and to what.
fn changes(policies: &Policies, report: &ScanReport) -> Vec<(&'static str, Decision)> {
    let (decision, changes) = kept(report).explain(policies, &report.path, &report.path).unwrap().unwrap();
    assert_eq!(decision, report.decision, "the same policies decide otherwise about what is kept");
    changes.into_iter().map(|change| (change.condition, change.decision)).collect()
}

fn tried(report: &ScanReport, others: &Policies) -> Decision {
    kept(report).decide(others, &report.path).unwrap().0
}

fn program() -> Vec<u8> {
    [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0".as_slice(), &[0; 65_536 - 20]].concat()
}

fn picture() -> Vec<u8> {
    [b"GIF89a\x01\0\x01\0\0\0;".as_slice(), &[0; 65_536 - 13]].concat()
}

#[test]
fn what_was_never_counted_or_measured_refuses_no_first_bytes() {
    for condition in [RARE, SMALL] {
        let policies = policies(&[condition]);
        assert_eq!(early(&policies, "a.gif", &picture(), &download()).unwrap(), None, "{condition}");
        assert_eq!(before(&policies, "a.gif", &download()).unwrap(), None, "{condition}");
        let whole = inspected(&policies, &download(), 3);
        assert_eq!(whole.decision, Decision::Deliver, "{condition}: of a whole file both are known");
        let socket = Kind::new("websocket", Class::Connection, "");
        let passed = connection(&policies, socket, "site.example", &download()).unwrap();
        assert_eq!(passed.decision, Decision::Deliver, "{condition}: nobody counts connections");
    }
    assert_eq!(inspected(&policies(&[RARE]), &download(), 2).decision, Decision::Block);
}

#[test]
fn a_connection_is_refused_by_policies_that_ask_for_more_than_is_known_of_one() {
    let socket = || Kind::new("websocket", Class::Connection, "");
    for condition in [
        // Nothing that was not inspected completely, nothing large, nothing new, and no connections.
        "resource.class == \"connection\" || !resource.complete || resource.locked",
        "resource.class == \"connection\" || resource.size > 100000000",
        "resource.kind == \"websocket\" || resource.prevalence < 3 && resource.size > 1000",
        // A list of what may come.
        "!(resource.class == \"document\" && resource.verdict == \"benign\" && !resource.masquerade)",
    ] {
        let policies = policies(&[condition]);
        let refused = connection(&policies, socket(), "site.example", &download()).unwrap();
        assert_eq!((refused.decision, refused.policies.as_slice()), (Decision::Block, &["own-0".to_owned()][..]));
        assert_eq!(tried(&refused, &policies), Decision::Block, "{condition}");
        let passed = connection(&self::policies(&[]), socket(), "site.example", &download()).unwrap();
        assert_eq!((passed.decision, tried(&passed, &policies)), (Decision::Deliver, Decision::Block), "{condition}");
    }
    for harmless in ["resource.masquerade || !resource.complete", "resource.prevalence < 3 || resource.size < 10"] {
        let passed = connection(&policies(&[harmless]), socket(), "site.example", &download()).unwrap();
        assert_eq!(passed.decision, Decision::Deliver, "{harmless}");
    }
}

#[test]
fn what_is_said_of_first_bytes_does_not_rest_on_their_size_nor_on_how_often_they_were_seen() {
    let policies = policies(&[RARE, SMALL]);
    let report = early(&policies, "setup", &program(), &download()).unwrap().unwrap();
    assert_eq!(report.policies, ["programs-from-the-web"]);
    assert_eq!(changes(&policies, &report), [(DOCUMENT, Decision::Deliver)]);
}

#[test]
fn what_is_said_of_a_file_rests_on_how_often_it_was_seen_then() {
    let often = policies(&["resource.prevalence < 10"]);
    let report = inspected(&often, &download(), 7);
    assert_eq!(changes(&often, &report), [(SEEN, Decision::Deliver)]);
    assert_eq!(tried(&report, &policies(&["resource.prevalence == 7"])), Decision::Block);
    assert_eq!(tried(&report, &policies(&["resource.prevalence < 7"])), Decision::Deliver);
    // Nobody had counted it: no number is made up.
    let uncounted = inspected(&policies(&[]), &download(), 7);
    assert_eq!(tried(&uncounted, &policies(&[RARE])), Decision::Deliver);
}

#[test]
fn what_is_said_of_a_file_from_a_suspicious_site_is_about_the_site() {
    let policies = policies(&[]);
    let origin = Origin { lists: vec!["urlhaus".to_owned()], suspicious: true, ..download() };
    let whole = inspected(&policies, &origin, 0);
    assert_eq!((whole.decision, changes(&policies, &whole)), (Decision::Block, vec![(LISTED, Decision::Deliver)]));
    // It is refused before anything is fetched, and what is said is not about an inspection.
    let unfetched = before(&policies, NAME, &origin).unwrap().unwrap();
    let said = changes(&policies, &unfetched);
    assert!(said.iter().all(|(condition, _)| !condition.contains("inspected")), "{said:?}");
}

#[test]
fn what_is_said_of_an_upload_is_not_about_a_download() {
    let policies = policies(&[
        "context.direction == \"upload\"",
        "context.direction == \"download\" && context.navigation && resource.class == \"text\"",
    ]);
    let report = inspected(&policies, &Origin { direction: Direction::Upload, ..download() }, 0);
    assert_eq!(report.policies, ["own-0"]);
    assert!(changes(&policies, &report).is_empty(), "something is said of how it could have been fetched");
    // The same as a download is about whoever asked.
    let report = inspected(&policies, &download(), 0);
    assert_eq!(report.policies, ["own-1"]);
    assert!(changes(&policies, &report).contains(&("if a page loaded it instead of a person", Decision::Deliver)));
}

#[test]
fn a_change_of_policies_is_tried_on_who_asked_for_what_and_how() {
    let origin = Origin {
        person: Some("ada".to_owned()),
        groups: vec!["staff".to_owned()],
        declared_type: Some("text/csv".to_owned()),
        first_seen_days: Some(3),
        saves: true,
        attached: true,
        ..download()
    };
    let report = inspected(&policies(&[]), &origin, 0);
    assert_eq!(report.decision, Decision::Deliver);
    for (condition, decision) in [
        ("principal in Lazaret::Group::\"staff\"", Decision::Block),
        ("principal == Lazaret::Person::\"anonymous\"", Decision::Deliver),
        ("context.attached && context.saves && context.navigation && context.from_web", Decision::Block),
        ("context.declared_type == \"text/csv\"", Decision::Block),
        ("context has site && context.site has first_seen_days && context.site.first_seen_days < 7", Decision::Block),
        ("context.gate == \"icap\" || context.direction == \"upload\"", Decision::Deliver),
        ("resource.size < 20000", Decision::Deliver),
    ] {
        assert_eq!(tried(&report, &policies(&[condition])), decision, "{condition}");
    }
    // Of a connection and of first bytes less is known, and less is held against them.
    let socket = Kind::new("websocket", Class::Connection, "");
    let passed = connection(&policies(&[]), socket, "site.example", &download()).unwrap();
    let refused = early(&policies(&[]), "setup", &program(), &download()).unwrap().unwrap();
    for (condition, of_connection) in [(RARE, Decision::Deliver), ("context.navigation", Decision::Block)] {
        assert_eq!(tried(&passed, &policies(&[condition])), of_connection, "{condition}");
        assert_eq!(tried(&refused, &policies(&[condition])), Decision::Block, "{condition}");
    }
}
