use super::*;
use lazaret_model::Kind;

const PAGE: &str = "words";
const SCRIPT: &str = "writes";
const DATA: &str = "command";

/// Somebody who is shown something by a site.
#[derive(Clone, Copy)]
struct Asker {
    client: &'static str,
    site: &'static str,
    page: Option<&'static str>,
    navigation: bool,
}

const ADA: Asker = Asker { client: "192.0.2.1", site: "host.invalid", page: None, navigation: false };

fn part(id: u32, parent: Option<u32>, role: Role, kind: &'static str) -> Part {
    Part {
        id: PartId(id),
        parent: parent.map(PartId),
        role,
        kind: Kind::new(kind, lazaret_model::Class::Web, "application/octet-stream"),
        ..Part::sample(&format!("p{id}"), 0)
    }
}

fn findings(what: &str, part: &str) -> Vec<Finding> {
    let ids = [(PAGE, WORDS), (SCRIPT, WRITES), (DATA, COMMAND)];
    let ids = ids.into_iter().filter(|(word, _)| what.contains(word));
    ids.map(|(word, id)| {
        let mut finding = Finding::new(id, "x", Severity::Info, Family::Behaviour, "seen").with("value", word);
        finding.part = part.to_owned();
        finding
    })
    .collect()
}

fn signs(asker: Asker, what: &str) -> Option<Signs> {
    let origin = Origin {
        gate: Gate::Proxy,
        client: asker.client.parse().ok(),
        host: Some(format!("www.{}", asker.site)),
        domain: Some(asker.site.to_owned()),
        page: asker.page.map(str::to_owned),
        navigation: asker.navigation,
        ..Origin::default()
    };
    let kind = if asker.navigation { "html" } else { "js" };
    Signs::of(what, &[part(0, None, Role::Sample, kind)], &findings(what, "p0"), &origin)
}

/// Shows answers one after the other, each after some seconds, and delivers all but those with a finding. Says which had one.
fn run(together: &Together, start: Instant, answers: &[(Asker, &str, u64)]) -> Vec<bool> {
    let judge = |(asker, what, after): &(Asker, &str, u64)| {
        let Some(signs) = signs(*asker, what) else { return false };
        let (waiting, found) = together.join(signs, start + Duration::from_secs(*after));
        let high = found.as_ref().is_some_and(|found| {
            found.id == "page.click-fix"
                && found.severity == Severity::High
                && found.evidence["value"] == DATA
                && found.evidence["words"] == PAGE
        });
        assert_eq!(high, found.is_some(), "{found:?}");
        together.settle(waiting, found.is_none());
        high
    };
    answers.iter().map(judge).collect()
}

#[track_caller]
fn check(answers: &[(Asker, &str, u64)], last: bool) {
    let found = run(&Together::default(), Instant::now(), answers);
    let (end, before) = found.split_last().unwrap();
    assert!(before.iter().all(|found| !found), "too early: {found:?}");
    assert_eq!(*end, last);
}

#[test]
fn three_answers_of_one_site_to_one_client_are_judged_together_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let what = [PAGE, SCRIPT, DATA];
        let answers: Vec<_> = order.iter().enumerate().map(|(at, n)| (ADA, what[*n], at as u64 * 100)).collect();
        check(&answers, true);
    }
}

#[test]
fn two_answers_are_enough_when_one_has_the_command() {
    for (one, other) in [("words command", SCRIPT), (PAGE, "writes command")] {
        check(&[(ADA, one, 0), (ADA, other, 10)], true);
        check(&[(ADA, other, 0), (ADA, one, 10)], true);
    }
    let visit = Asker { navigation: true, ..ADA };
    check(&[(visit, "words command", 0), (ADA, SCRIPT, 10)], true);
    check(&[(ADA, PAGE, 0), (ADA, SCRIPT, 10)], false);
    check(&[(ADA, PAGE, 0), (ADA, DATA, 10)], false);
    check(&[(ADA, SCRIPT, 0), (ADA, "writes command", 10)], false);
}

#[test]
fn other_clients_other_sites_and_other_times_are_apart() {
    let other_client = Asker { client: "192.0.2.2", ..ADA };
    let other_site = Asker { site: "other.invalid", ..ADA };
    check(&[(ADA, PAGE, 0), (other_client, SCRIPT, 1), (ADA, DATA, 2)], false);
    check(&[(ADA, PAGE, 0), (other_site, SCRIPT, 1), (ADA, DATA, 2)], false);
    check(&[(ADA, PAGE, 0), (ADA, SCRIPT, 1), (ADA, DATA, 6 * 60)], false);
    check(&[(ADA, PAGE, 0), (ADA, SCRIPT, 1), (ADA, DATA, 4 * 60)], true);
    let nobody = Asker { client: "", ..ADA };
    check(&[(nobody, PAGE, 0), (nobody, SCRIPT, 1), (nobody, DATA, 2)], false);
}

#[test]
fn what_another_site_sends_for_the_page_belongs_to_it() {
    let chain = Asker { site: "chain.invalid", page: Some("host.invalid"), ..ADA };
    check(&[(ADA, PAGE, 0), (ADA, SCRIPT, 1), (chain, DATA, 2)], true);
    let elsewhere = Asker { page: Some("third.invalid"), ..chain };
    check(&[(ADA, PAGE, 0), (ADA, SCRIPT, 1), (elsewhere, DATA, 2)], false);
}

#[test]
fn commands_on_pages_that_are_visited_one_after_the_other_are_honest() {
    let visit = Asker { navigation: true, ..ADA };
    check(&[(visit, PAGE, 0), (ADA, SCRIPT, 1), (visit, DATA, 60)], false);
}

#[test]
fn what_was_not_delivered_has_done_nothing_and_hides_nothing() {
    let together = Together::default();
    let start = Instant::now();
    let answers = [(ADA, PAGE, 0), (ADA, SCRIPT, 1), (ADA, DATA, 2), (ADA, DATA, 3), (ADA, "words writes command", 4)];
    assert_eq!(run(&together, start, &answers), [false, false, true, true, false]);
    // A page that is held on the way takes nothing away.
    let (waiting, _) = together.join(signs(ADA, "words writes").unwrap(), start + Duration::from_secs(5));
    together.settle(waiting, false);
    assert_eq!(run(&together, start, &[(ADA, DATA, 6)]), [true]);
    // Nothing passes while another is being judged.
    let together = Together::default();
    for (what, found) in [(PAGE, false), (SCRIPT, false), (DATA, true)] {
        assert_eq!(together.join(signs(ADA, what).unwrap(), start).1.is_some(), found);
    }
}

#[test]
fn only_so_many_are_remembered() {
    let together = Together::default();
    let now = Instant::now();
    run(&together, now, &[(ADA, PAGE, 0), (ADA, SCRIPT, 0)]);
    for n in 0..MOST {
        let mut other = signs(ADA, PAGE).unwrap();
        other.keys = vec![(format!("client {n}"), "host.invalid".to_owned())];
        let (waiting, _) = together.join(other, now);
        together.settle(waiting, true);
    }
    assert_eq!(run(&together, now, &[(ADA, DATA, 0)]), [false], "the oldest is forgotten");
    let known = together.0.lock().unwrap();
    assert!(known.sights.len() <= MOST && known.order.len() == known.sights.len());
}

#[test]
fn what_is_forgotten_is_gone() {
    let together = Together::default();
    let now = Instant::now();
    run(&together, now, &[(ADA, PAGE, 0), (Asker { client: "192.0.2.2", ..ADA }, PAGE, 1)]);
    run(&together, now, &[(Asker { client: "192.0.2.3", ..ADA }, PAGE, 400)]);
    assert_eq!(together.0.lock().unwrap().sights.len(), 1);
}

#[test]
fn uploads_scans_and_files_in_archives_are_no_part_of_it() {
    let origin = Origin {
        gate: Gate::Proxy,
        client: "192.0.2.1".parse().ok(),
        domain: Some("host.invalid".to_owned()),
        ..Origin::default()
    };
    let sample = || part(0, None, Role::Sample, "zip");
    let inner = [sample(), part(1, Some(0), Role::Member, "html"), part(2, Some(1), Role::Script, "js-embedded")];
    let of = |parts: &[Part], at: &str, origin: &Origin| Signs::of("x", parts, &findings(PAGE, at), origin).is_some();
    assert!(of(&[sample()], "p0", &origin));
    assert!(!of(&inner, "p1", &origin) && !of(&inner, "p2", &origin));
    assert!(!of(&[sample()], "p0", &Origin { direction: Direction::Upload, ..origin.clone() }));
    assert!(!of(&[sample()], "p0", &Origin { gate: Gate::Scan, ..origin.clone() }));
    assert!(!of(&[sample()], "p0", &Origin { client: None, ..origin }));
}
