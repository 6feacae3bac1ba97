//! Children that lie.

use super::*;
use crate::ruled::whole;
use lazaret_model::Origin;

const NAME: &str = "letter.zip";

fn sample() -> Part {
    whole(NAME, 1_000, &Origin::default())
}

fn assembly() -> Assembly {
    Assembly::new(&Limits::default(), sample(), false)
}

fn member(id: u32, parent: u32, path: &str) -> Part {
    let name = path.rsplit("//").next().unwrap().chars().take(100).collect();
    Part {
        id: PartId(id),
        parent: Some(PartId(parent)),
        path: path.to_owned(),
        name,
        role: Role::Member,
        sha256: "0".repeat(64),
        ..sample()
    }
}

fn end(id: u32) -> Answer {
    Answer::End { id: PartId(id), locked: false, incomplete: Vec::new(), password: None, macros: false }
}

fn finding(of: u32, severity: Severity) -> Answer {
    Answer::Finding { of: PartId(of), finding: Finding::new("a.b", "a", severity, Family::Structure, "seen") }
}

fn evidence(of: u32, value: Value) -> Answer {
    let finding = Finding::new("a.b", "a", Severity::Low, Family::Structure, "seen").with("value", value);
    Answer::Finding { of: PartId(of), finding }
}

/// Takes answers until one is refused.
fn take(assembly: &mut Assembly, answers: impl IntoIterator<Item = Answer>) -> Result<(), &'static str> {
    answers.into_iter().try_for_each(|answer| assembly.take(answer, 500))
}

#[track_caller]
fn check(answers: Vec<Answer>, refused: &str) {
    let mut assembly = assembly();
    let error = take(&mut assembly, answers).unwrap_err();
    assert!(error.contains(refused), "{error}");
    assert!(!assembly.finished());
    let analysis = assembly.conclude(Some(error));
    assert!(!analysis.parts[0].complete && analysis.parts[0].path == NAME);
}

fn root() -> Answer {
    Answer::Begin(sample())
}

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// The sample and a member that is changed.
fn one(change: &dyn Fn(&mut Part)) -> Vec<Answer> {
    let mut part = member(1, 0, "letter.zip//a");
    change(&mut part);
    vec![root(), Answer::Begin(part)]
}

/// The sample, which ends with these reasons.
fn ending(incomplete: Vec<String>) -> Vec<Answer> {
    vec![root(), Answer::End { id: PartId(0), locked: false, incomplete, password: None, macros: false }]
}

/// The sample and a finding that is changed.
fn told(change: &dyn Fn(&mut Finding)) -> Vec<Answer> {
    let mut finding = Finding::new("a.b", "a", Severity::Low, Family::Structure, "seen");
    change(&mut finding);
    vec![root(), Answer::Finding { of: PartId(0), finding }]
}

#[test]
fn an_honest_child_is_heard() {
    let mut assembly = assembly();
    let inner = "letter.zip//a//b.txt";
    let answers = [
        Answer::Begin(sample()),
        Answer::Begin(member(1, 0, "letter.zip//a")),
        Answer::Begin(member(2, 1, inner)),
        finding(2, Severity::High),
        end(2),
        end(1),
        end(0),
        Answer::Done,
    ];
    take(&mut assembly, answers).unwrap();
    assert!(assembly.finished());
    let analysis = assembly.conclude(None);
    let depths: Vec<_> = analysis.parts.iter().map(|part| (part.depth, part.complete)).collect();
    assert_eq!(depths, [(0, true), (1, true), (2, true)]);
    assert_eq!(analysis.findings[0].part, inner);
}

#[test]
fn nothing_is_believed_about_the_sample_itself() {
    let lie = Part {
        path: "other.exe".to_owned(),
        name: "other.exe".to_owned(),
        named: false,
        role: Role::Member,
        depth: 7,
        size: 3,
        sha256: "a".repeat(64),
        md5: Some("b".repeat(32)),
        declared_type: Some("text/plain".to_owned()),
        password: Some("x".to_owned()),
        kind: Kind { class: lazaret_model::Class::Text, ..kind("pe32").unwrap().kind() },
        ..sample()
    };
    for packed in [false, true] {
        let mut assembly = Assembly::new(&Limits::default(), sample(), packed);
        take(&mut assembly, [Answer::Begin(lie.clone()), end(0), Answer::Done]).unwrap();
        let part = assembly.conclude(None).parts.remove(0);
        // A kind is one of those in the table, as a whole.
        assert_eq!(part.kind, kind("pe32").unwrap().kind());
        let known = Part { kind: part.kind.clone(), complete: true, ..sample() };
        let under = Part { size: 3, sha256: lie.sha256.clone(), md5: lie.md5.clone(), ..known.clone() };
        assert_eq!(part, if packed { under } else { known });
    }
}

#[test]
fn what_cannot_be_is_refused() {
    check(vec![root(), Answer::Begin(Part { id: PartId(1), ..sample() })], "two samples");
    check(vec![Answer::Begin(Part { id: PartId(1), ..sample() })], "not the first");
    check(vec![Answer::Begin(member(1, 0, "letter.zip//a"))], "parent is not the current one");
    check(one(&|part| part.id = PartId(0)), "the same number");
    check(one(&|part| part.parent = Some(PartId(9))), "parent is not the current one");
    check(one(&|part| part.parent = Some(PartId(1))), "parent is not the current one");
    check(one(&|part| part.role = Role::Sample), "two samples");
    check(one(&|part| part.path = "elsewhere//a".to_owned()), "does not lead through");
    check(one(&|part| part.path = format!("{NAME}//{}", long(60_000))), "longer than agreed");
    check(one(&|part| part.name = long(5_000)), "longer than agreed");
    check(one(&|part| part.sha256 = long(64)), "invalid hash");
    check(one(&|part| part.sha1 = Some(long(1))), "invalid hash");
    check(one(&|part| part.kind.id = "nonsense".into()), "unknown file type");
    check(one(&|part| part.also = vec![Kind::UNKNOWN; 65]), "more file types");
    check(ending(vec![String::new(); 65]), "more reasons");
    check(ending(vec![long(5_000)]), "more reasons");
    check(told(&|finding| finding.id = "a b".into()), "invalid ID");
    check(told(&|finding| finding.detector = long(200).into()), "invalid ID");
    check(told(&|finding| finding.message = long(5_000)), "message is longer");
    check(told(&|finding| finding.techniques = vec!["T1".into()]), "technique");
    check(told(&|finding| finding.techniques = vec!["T1204".into(); 65]), "technique");
    check(told(&|finding| drop(finding.evidence.insert(long(200).into(), Value::Null))), "more evidence");
    check(vec![root(), finding(9, Severity::High)], "does not exist");
    check(vec![root(), end(1)], "other than the current one");
    check(vec![root(), end(0), end(0)], "other than the current one");
    check(vec![root(), Answer::WithdrawBelow(PartId(9))], "does not exist");
    check(vec![root(), Answer::WithdrawBelow(PartId(0))], "not finished");
    check(vec![root(), Answer::Done], "before its parts");
    check(vec![Answer::Done], "before its parts");
    let below = Answer::Begin(member(2, 1, "letter.zip//a//b"));
    check(vec![root(), Answer::Begin(member(1, 0, "letter.zip//a")), end(1), below], "parent is not the current one");
}

#[test]
fn forty_thousand_long_paths_cost_no_more_than_what_is_held() {
    let mut assembly = assembly();
    take(&mut assembly, [Answer::Begin(sample())]).unwrap();
    let path = format!("{NAME}//{}", "x".repeat(MOST_PATH - 100));
    let members = (1..=40_000).flat_map(|id| [Answer::Begin(member(id, 0, &path)), end(id)]);
    let error = take(&mut assembly, members).unwrap_err();
    assert!(error.contains("64 MiB"), "{error}");
    let analysis = assembly.conclude(Some(error));
    let bytes: usize = analysis.parts.iter().map(|part| part.path.len() + part.name.len()).sum();
    assert!(bytes <= MOST_HELD + 2 * MOST_PATH && !analysis.parts[0].complete, "{bytes}");
}

#[test]
fn findings_cannot_multiply_one_long_path() {
    let mut assembly = assembly();
    let path = format!("{NAME}//{}", "x".repeat(MOST_PATH - 100));
    take(&mut assembly, [Answer::Begin(sample()), Answer::Begin(member(1, 0, &path))]).unwrap();
    let error = take(&mut assembly, (0..20_000).map(|_| finding(1, Severity::Low))).unwrap_err();
    assert!(error.contains("64 MiB"), "{error}");
}

#[test]
fn depth_is_counted_and_not_believed() {
    // A chain whose parts all say that they lie in the sample.
    let mut assembly = assembly();
    take(&mut assembly, [Answer::Begin(sample())]).unwrap();
    let mut path = NAME.to_owned();
    let chain = (1..=60_000).map(|id| {
        path.push_str("//a");
        Answer::Begin(Part { depth: 1, ..member(id, id - 1, &path) })
    });
    assert!(take(&mut assembly, chain).unwrap_err().contains("nest deeper"));
    let deepest = assembly.conclude(Some("it lied")).parts.pop().unwrap();
    assert_eq!(deepest.depth, Limits::default().depth);
    assert!(!deepest.complete);
}

#[test]
fn more_parts_than_the_limit_end_it() {
    let limits = Limits { parts: 10, ..Limits::default() };
    let mut assembly = Assembly::new(&limits, sample(), false);
    take(&mut assembly, [Answer::Begin(sample())]).unwrap();
    let members = (1..=100).flat_map(|id| [Answer::Begin(member(id, 0, "letter.zip//a")), end(id)]);
    assert!(take(&mut assembly, members).unwrap_err().contains("more parts"));
    assert_eq!(assembly.entries.len(), 36);
}

#[test]
fn what_is_opened_again_is_forgotten_once_and_its_place_is_free() {
    let mut assembly = assembly();
    let inner = "letter.zip//a//b.txt";
    take(&mut assembly, [Answer::Begin(sample()), Answer::Begin(member(1, 0, "letter.zip//a"))]).unwrap();
    take(&mut assembly, [end(1)]).unwrap();
    // What is counted of findings stays counted.
    let (mut held, told) = (assembly.held, 2 * (PIECE + "seen".len()) + "letter.zip//a".len() + inner.len());
    for round in 0..1_000 {
        let first = 2 + round * 100;
        take(&mut assembly, [Answer::WithdrawBelow(PartId(1))]).unwrap();
        assert_eq!(assembly.held, held);
        let members = (first..first + 100).flat_map(|id| [Answer::Begin(member(id, 1, inner)), end(id)]);
        take(&mut assembly, members).unwrap();
        take(&mut assembly, [finding(1, Severity::Info), finding(first, Severity::Low), end(1)]).unwrap();
        held += told;
    }
    take(&mut assembly, [end(0), Answer::Done]).unwrap();
    let analysis = assembly.conclude(None);
    assert_eq!(analysis.parts.len(), 102);
    let about = |path: &str| analysis.findings.iter().filter(|finding| finding.part == path).count();
    assert_eq!((about("letter.zip//a"), about(inner)), (1_000, 1), "findings about what is forgotten are forgotten");
}

#[test]
fn evidence_counts_as_what_it_takes_and_not_as_it_is_written() {
    let nothings = Value::Array(vec![Value::Array(Vec::new()); 30_000]);
    let mut assembly = assembly();
    take(&mut assembly, [Answer::Begin(sample())]).unwrap();
    let error = take(&mut assembly, (0..1_000).map(|_| evidence(0, nothings.clone()))).unwrap_err();
    assert!(error.contains("64 MiB"), "{error}");
    assert!(assembly.findings.len() < 40, "{}", assembly.findings.len());
}

#[test]
fn weak_findings_do_not_displace_strong_ones_and_what_is_left_out_is_said() {
    let mut assembly = assembly();
    take(&mut assembly, [Answer::Begin(sample())]).unwrap();
    take(&mut assembly, (0..30_000).map(|_| finding(0, Severity::Info))).unwrap();
    take(&mut assembly, [finding(0, Severity::Critical), end(0), Answer::Done]).unwrap();
    let analysis = assembly.conclude(None);
    assert_eq!(analysis.findings.len(), MOST_FINDINGS + 1);
    assert!(!analysis.parts[0].complete && analysis.parts[0].incomplete[0].contains("20000 findings"));
}

#[test]
fn whoever_never_stops_talking_is_stopped() {
    let mut assembly = assembly();
    take(&mut assembly, [Answer::Begin(sample())]).unwrap();
    let said = (0..).take_while(|_| assembly.take(Answer::Probed(None), 90_000).is_ok()).count();
    assert_eq!(said, (MOST_HEARD - 500) / 90_000);
}

#[test]
fn no_order_of_answers_breaks_what_holds() {
    // Xorshift: the same every time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state % u64::from(below)).unwrap()
    };
    for _ in 0..2_000 {
        let mut assembly = assembly();
        let mut paths = vec![NAME.to_owned()];
        for _ in 0..random(60) {
            let (id, other) = (random(8), random(8));
            let above = paths.get(other as usize).cloned().unwrap_or_default();
            let answer = match random(8) {
                0..=2 if id == 0 => Answer::Begin(sample()),
                0..=2 => {
                    let path = format!("{above}//{id}");
                    paths.resize(paths.len().max(id as usize + 1), String::new());
                    paths[id as usize].clone_from(&path);
                    Answer::Begin(member(id, other, &path))
                }
                3 | 4 => end(id),
                5 => finding(id, Severity::Low),
                6 => Answer::WithdrawBelow(PartId(id)),
                _ => Answer::Done,
            };
            // Whether it is refused or not.
            let _ = assembly.take(answer, 100);
        }
        let analysis = assembly.conclude(Some("it ends here"));
        let mut depths = HashMap::new();
        for (at, part) in analysis.parts.iter().enumerate() {
            let depth = part.parent.map_or(0, |parent| depths[&parent] + 1);
            assert_eq!((part.depth, part.parent.is_none()), (depth, at == 0));
            assert!(depths.insert(part.id, depth).is_none());
        }
        let paths: Vec<_> = analysis.parts.iter().map(|part| &part.path).collect();
        assert!(analysis.findings.iter().all(|finding| paths.contains(&&finding.part)));
    }
}
