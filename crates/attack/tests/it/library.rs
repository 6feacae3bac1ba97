//! The library from the outside: what goes in comes out to the byte, and what happened between releases is told right.

use crate::world::*;
use lazaret_attack::{
    Bundle, Choice, Detail, Effective, ImportOptions, Kind, Label, changes_between, folded, gaps, history, related,
    relation_json, relations_csv, replacements, section_at, vanished, verify,
};
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_bundle_comes_back_to_the_byte_however_it_was_packed() {
    // Odd, and valid: white space, escapes, an unusual order of names, a member that nobody knows.
    let text = "\n{ \"objects\" : [\r\n {\"id\":\"tool--0a\",\"type\":\"tool\",\"name\":\"\\u0041 \\/\",\"modified\":\"2020-01-01T00:00:00Z\",\"n\":1.50},\n\
                \t{\"type\":\"tool\",\"id\":\"tool--0b\",\"modified\":\"2020-01-01T00:00:00Z\"} ],\"x\":[{}],\"spec_version\":\"2.0\",\"id\":\"bundle--1\",\"type\":\"bundle\" } \n";
    let bytes = text.as_bytes();
    let gz = {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    };
    let tar = {
        let mut builder = tar::Builder::new(Vec::new());
        for name in ["in/enterprise-attack-4.0.json", "in/README.md"] {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, bytes).unwrap();
        }
        zstd::encode_all(&builder.into_inner().unwrap()[..], 3).unwrap()
    };
    let world = World::new().await;
    let plain = world.file("enterprise-attack-1.0.json", bytes);
    assert_eq!(world.import(&plain).await[0], "stix-2.0 enterprise-attack 1.0: 2 new; ");
    let packed = world.file("enterprise-attack-2.0.json.gz", &gz);
    assert!(world.import(&packed).await[0].contains("2.0: 0 new; it is identical to 1.0"));
    let packed = world.file("enterprise-attack-3.0.json.zst", &zstd::encode_all(bytes, 3).unwrap());
    assert!(world.import(&packed).await[0].contains("3.0: 0 new"));
    let packed = world.file("all.tar.zst", &tar);
    let told = world.import(&packed).await;
    assert!(
        told[0].contains("4.0: 0 new") && told[1] == "skipped: README.md: its name is not that of a bundle",
        "{told:?}"
    );
    // Again, and nothing happens.
    assert_eq!(world.import(&plain).await, ["there: 1.0"]);
    let (_, releases) = world.catalog.releases().await.unwrap();
    assert_eq!(releases.len(), 4);
    for release in releases.iter() {
        let mut back = Vec::new();
        let mut bundle = Bundle::open(world.catalog.library(), release).await.unwrap();
        while let Some(piece) = bundle.next().await.unwrap() {
            back.extend(piece);
        }
        assert!(back == bytes, "{}: {}", release.name, String::from_utf8_lossy(&back));
        assert_eq!(release.bytes as usize, bytes.len());
    }
    let verified = verify(world.catalog.library(), |_, _| {}).await.unwrap();
    assert_eq!((verified.releases, verified.versions, verified.wrong), (4, 2, vec![]));
    let found = world.find("tool--0a").await;
    assert!(
        world
            .catalog
            .raw(&found.version)
            .await
            .unwrap()
            .starts_with(b"{\"id\":\"tool--0a\",\"type\":\"tool\",\"name\":\"\\u0041")
    );
}

#[tokio::test]
async fn a_bundle_that_is_broken_anywhere_is_refused_whole() {
    let world = World::new().await;
    world.release("1.0", &[technique()]).await;
    let good = String::from_utf8(bundle(&[technique(), mitigation()])).unwrap();
    let cases = [
        ("cut", good[..good.len() - 20].to_owned(), "after 1 objects: what begins here does not end"),
        ("cut-early", good[..200].to_owned(), "after 0 objects: what begins here does not end"),
        ("no-bundle", "{\"type\":\"tool\",\"objects\":[{}]}".to_owned(), "it has no `id`"),
        ("wrong-type", good.replace("\"type\":\"bundle\"", "\"type\":\"report\""), "`report`, not `bundle`"),
        (
            "no-ends",
            good.replace("\"type\":\"course-of-action\"", "\"type\":\"relationship\""),
            "not an identifier of its type",
        ),
        ("stix-3", good.replace("\"2.0\"", "\"3.0\""), "STIX `3.0`"),
        ("no-json", "<html>".to_owned(), "a bundle must begin with `{`"),
        ("name-twice", good.replace("\"name\":", "\"name\":\"a\",\"name\":"), "occurs twice"),
    ];
    for (name, text, reason) in cases {
        let path = world.file(&format!("{name}-enterprise-attack-9.0.json"), text.as_bytes());
        let told = world.import(&path).await;
        assert!(told.len() == 1 && told[0].starts_with("refused:") && told[0].contains(reason), "{name}: {told:?}");
        let (_, releases) = world.catalog.releases().await.unwrap();
        assert_eq!(releases.len(), 1, "{name}");
        assert!(world.catalog.find(None, "M9001", &Choice::default()).await.is_err(), "{name} left something");
    }
    // Other bytes under the name of what is there.
    let path = world.file("enterprise-attack-1.0.json", good.as_bytes());
    assert!(world.import(&path).await[0].contains("is already in the library with different bytes"));
    // Names that disagree.
    let path = world.file("enterprise-attack-9.0.json", good.as_bytes());
    let options = |release: &str| ImportOptions {
        paths: vec![path.clone()],
        release: Some(release.parse().unwrap()),
        ..ImportOptions::default()
    };
    assert!(
        world.import_as(options("8.0")).await[0].contains("`--release` says that the release is 8.0, and its name")
    );
    let nameless = world.file("something.json", good.as_bytes());
    assert!(world.import(&nameless).await[0].contains("use `--domain`"));
    // After all of that, the next one is imported as if nothing had been.
    assert!(world.import_as(options("9.0")).await[0].starts_with("stix-2.0 enterprise-attack 9.0: 1 new"));
}

#[tokio::test]
async fn what_is_odd_about_a_bundle_is_noted() {
    let world = World::new().await;
    let mut undated = mitigation();
    undated.as_object_mut().unwrap().remove("modified");
    let dangling = relation(1, "mitigates", MITIGATION, OLD);
    let claims = with(object(GROUP, "G9001", "Bears", "2020-01-01"), json!({ "spec_version": "2.1" }));
    let path = world.file("enterprise-attack-1.0.json", &bundle(&[technique(), undated, dangling, claims]));
    let told = world.import(&path).await;
    for note in ["2.1 in a STIX 2.0 bundle: 1", "without `modified`: 1", "outside this release: 1"] {
        assert!(told[0].contains(note), "{told:?}");
    }
    let found = world.find("M9001").await;
    let related = related(&found.view, &found.version);
    assert_eq!((related[0].status, related[0].other.as_ref().unwrap_err().as_str()), (Effective::Missing, OLD));
}

fn revoked(value: serde_json::Value) -> serde_json::Value {
    with(value, json!({ "revoked": true }))
}

#[tokio::test]
async fn revoked_entries_lead_to_what_replaces_them_and_circles_end() {
    let world = World::new().await;
    let old = |id: &str, attack_id: &str| revoked(object(id, attack_id, "Old", "2020-01-01"));
    let chain = [
        technique(),
        old(OLD, "T8002"),
        old(OLDER, "T8003"),
        relation(1, "revoked-by", OLDER, OLD),
        relation(2, "revoked-by", OLD, TECHNIQUE),
    ];
    world.release("1.0", &chain).await;
    let found = world.find("t8003").await;
    let heirs = replacements(&found.view, &found.version);
    let ids: Vec<_> = heirs.chain.iter().map(|heir| heir.attack_id.as_str()).collect();
    assert_eq!((ids, heirs.is_loop), (vec!["T8002", "T9001"], false));
    // Round in a circle, and to itself.
    let circle = [
        old(OLD, "T8002"),
        old(OLDER, "T8003"),
        relation(1, "revoked-by", OLDER, OLD),
        relation(2, "revoked-by", OLD, OLDER),
    ];
    world.release("2.0", &circle).await;
    let found = world.find("T8003").await;
    let heirs = replacements(&found.view, &found.version);
    assert_eq!((heirs.chain.len(), heirs.is_loop), (1, true));
    world.release("3.0", &[old(OLD, "T8002"), relation(2, "revoked-by", OLD, OLD)]).await;
    let found = world.find("T8002").await;
    let heirs = replacements(&found.view, &found.version);
    assert_eq!((heirs.chain.len(), heirs.is_loop), (0, true));
    // What is gone stays reachable, in the last release that has it.
    let found = world.find("T9001").await;
    assert_eq!(found.view.release.name, "1.0");
    let found = world.find_in("T9001", "3.0").await;
    assert_eq!((found.missing_in.as_deref(), found.view.release.name.as_str()), (Some("3.0"), "1.0"));
}

#[tokio::test]
async fn an_id_that_two_kinds_of_entries_have_leads_to_each() {
    let world = World::new().await;
    let advice =
        with(object(ADVICE, "T9001", "Opening Things Mitigation", "2020-01-01"), json!({ "x_mitre_deprecated": true }));
    world.release("1.0", &[advice, technique()]).await;
    let find = async |section: Option<&str>| {
        let section = section.map(|path| section_at(path).unwrap());
        world.catalog.find(section, "T9001", &Choice::default()).await.unwrap()
    };
    assert_eq!(find(Some("mitigations")).await.version.stix_id, ADVICE);
    let found = find(Some("techniques")).await;
    assert_eq!((found.version.stix_id.as_str(), found.namesakes[0].stix_id.as_str()), (TECHNIQUE, ADVICE));
    // Without a section what is live comes first, and the other one is named.
    let found = find(None).await;
    assert_eq!((found.version.stix_id.as_str(), found.namesakes[0].stix_id.as_str()), (TECHNIQUE, ADVICE));
    assert!(world.catalog.find(section_at("groups"), "T9001", &Choice::default()).await.is_err());
    // An id that an entry has no more still leads to it, unless another one has it now.
    let renamed = with(
        technique(),
        json!({ "external_references": [{ "source_name": "mitre-attack", "external_id": "T9009" }] }),
    );
    world.release("2.0", &[renamed]).await;
    assert_eq!(find(Some("techniques")).await.version.attack_id, "T9009");
}

#[tokio::test]
async fn a_relationship_that_vanished_is_told_with_its_last_release() {
    let world = World::new().await;
    let both = [technique(), mitigation(), relation(1, "mitigates", MITIGATION, TECHNIQUE)];
    world.release("12.0", &both[..2]).await;
    world.release("12.1", &both).await;
    world.release("13.0", &both[..2]).await;
    world.release("13.1", &both[..2]).await;
    let found = world.find("M9001").await;
    assert!(related(&found.view, &found.version).is_empty());
    let (gone, all) = vanished(&world.catalog, &found.view, &found.version, 10).await.unwrap();
    assert_eq!(all, 1);
    let [one] = gone.as_slice() else { panic!("{gone:?}") };
    assert_eq!((one.last.as_str(), one.gone.as_deref(), one.outward), ("12.1", Some("13.0"), true));
    assert_eq!(one.other.as_ref().unwrap().name, "Opening Things");
    // What began later has not vanished.
    let found = world.find_in("M9001", "12.0").await;
    assert_eq!(vanished(&world.catalog, &found.view, &found.version, 10).await.unwrap().1, 0);
    // Where it is there, it has not vanished.
    let found = world.find_in("M9001", "12.1").await;
    assert_eq!(related(&found.view, &found.version)[0].status, Effective::Live);
    assert_eq!(vanished(&world.catalog, &found.view, &found.version, 10).await.unwrap().1, 0);
}

#[tokio::test]
async fn a_relationship_that_came_back_is_told_with_its_gaps() {
    let world = World::new().await;
    let said = with(relation(1, "mitigates", MITIGATION, TECHNIQUE), json!({ "description": "Later words." }));
    let both = [technique(), mitigation(), relation(1, "mitigates", MITIGATION, TECHNIQUE)];
    for (name, has_it) in [("1.0", true), ("2.0", false), ("3.0", true), ("4.0", false), ("4.1", false)] {
        world.release(name, &both[..if has_it { 3 } else { 2 }]).await;
    }
    world.release("5.0", &[technique(), mitigation(), said]).await;
    let at = async |name: &str| {
        let found = world.find_in("M9001", name).await;
        let (gone, all) = vanished(&world.catalog, &found.view, &found.version, 10).await.unwrap();
        assert_eq!(gone.len(), all, "{name}");
        gone.into_iter()
            .map(|one| [one.last, one.gone.unwrap_or_default(), one.back.unwrap_or_default()])
            .collect::<Vec<_>>()
    };
    assert_eq!(at("2.0").await, [["1.0", "2.0", "3.0"]]);
    assert_eq!(at("4.1").await, [["3.0", "4.0", "5.0"]]);
    for name in ["1.0", "3.0", "5.0"] {
        assert!(at(name).await.is_empty(), "{name}");
    }
    let found = world.find_in("M9001", "5.0").await;
    let one = &related(&found.view, &found.version)[0];
    let gaps = gaps(&world.catalog, found.view.release.track).await.unwrap();
    assert_eq!(gaps.len(), 1);
    let missing = &gaps[&one.relation.object];
    assert_eq!(missing, &["2.0", "4.0", "4.1"]);
    let told = relation_json(one, missing);
    assert_eq!((&told["first_release"], &told["last_release"]), (&json!("1.0"), &json!("5.0")));
    assert_eq!(told["missing_releases"], json!(["2.0", "4.0", "4.1"]));
    let table = relations_csv(std::slice::from_ref(one), &gaps, &|_| Default::default());
    assert!(table.contains(",1.0,5.0,2.0; 4.0; 4.1,"), "{table}");
}

#[tokio::test]
async fn a_revocation_counts_by_what_is_live() {
    let world = World::new().await;
    let old = |id: &str, attack_id: &str| object(id, attack_id, "Old", "2020-01-01");
    let dead = |value| with(value, json!({ "x_mitre_deprecated": true }));
    world.release("1.0", &[technique(), mitigation(), old(OLD, "T8002"), old(OLDER, "T8003")]).await;
    // The relationships of T8002 in the next release, and what takes its place then.
    let cases = [
        // The first one that holds, of those that lead to something live.
        (vec![dead(relation(1, "revoked-by", OLD, OLDER)), relation(2, "revoked-by", OLD, TECHNIQUE)], "T9001", true),
        (vec![relation(1, "revoked-by", OLD, OLDER), relation(2, "revoked-by", OLD, TECHNIQUE)], "T9001", true),
        (vec![relation(1, "revoked-by", OLD, MITIGATION), relation(2, "revoked-by", OLD, TECHNIQUE)], "T9001", true),
        // With nothing live it is no revocation, and leads on nevertheless where it can.
        (vec![relation(1, "revoked-by", OLD, OLDER)], "T8003", false),
        (vec![relation(1, "revoked-by", OLD, MITIGATION)], "M9001", false),
        (vec![dead(relation(1, "revoked-by", OLD, TECHNIQUE))], "", false),
        (vec![], "", false),
    ];
    for (number, (relations, heir, is_revocation)) in cases.into_iter().enumerate() {
        let name = format!("{}.0", number + 2);
        let mut objects = vec![technique(), mitigation(), revoked(old(OLD, "T8002")), revoked(old(OLDER, "T8003"))];
        objects.extend(relations);
        world.release(&name, &objects).await;
        let found = world.find_in("T8002", &name).await;
        let chain = replacements(&found.view, &found.version).chain;
        assert_eq!(chain.first().map_or("", |heir| heir.attack_id.as_str()), heir, "{name}");
        let (from, to) = ("1.0".parse().unwrap(), name.parse().unwrap());
        let changes = changes_between(&world.catalog, from, to, &[], None).await.unwrap();
        let kind = if is_revocation { Kind::Revocations } else { Kind::Unlisted };
        let list = &changes.domains[0].1.changes["techniques"][&kind];
        let one = list.iter().find(|changed| changed.named.attack_id == "T8002").expect(&name);
        let told = one.revoked_by.as_ref().map_or("", |heir| heir.attack_id.as_str());
        assert_eq!(told, if is_revocation { heir } else { "" }, "{name}");
    }
}

#[tokio::test]
async fn whole_numbers_beyond_64_bits_are_not_taken_for_each_other() {
    let world = World::new().await;
    for (name, number) in [("1.0", "18446744073709551616"), ("2.0", "18446744073709551617")] {
        let text = String::from_utf8(bundle(&[with(mitigation(), json!({ "n": "NUMBER" }))])).unwrap();
        let path = world.file(&format!("enterprise-attack-{name}.json"), text.replace("\"NUMBER\"", number).as_bytes());
        assert!(world.import(&path).await[0].contains("1 new"));
    }
    let (from, to) = ("1.0".parse().unwrap(), "2.0".parse().unwrap());
    let changes = changes_between(&world.catalog, from, to, &[], None).await.unwrap();
    let changed = &changes.domains[0].1.changes["mitigations"][&Kind::Unlisted][0];
    let fields: Vec<_> = changed.fields.iter().map(|change| (change.field.as_str(), change.new.clone())).collect();
    assert_eq!(fields, [("n", Some(json!("number 18446744073709551617")))]);
    assert!(verify(world.catalog.library(), |_, _| {}).await.unwrap().wrong.is_empty());
}

#[tokio::test]
async fn what_another_process_imports_is_seen_without_asking_for_releases() {
    let World { folder, catalog } = World::new().await;
    let mut world = World { folder, catalog: catalog.trusting(Duration::from_secs(3_600)) };
    world.release("1.0", &[technique()]).await;
    let release = world.catalog.releases().await.unwrap().1[0].clone();
    let view = world.catalog.view(&release).await.unwrap();
    let object = view.entries().next().unwrap().object;
    assert_eq!(world.catalog.ever(release.track).await.unwrap().noun(object).unwrap().last, 10_009);
    // Another process has the file open as well, and this one is not told.
    let address = format!("sqlite:{}", world.folder.path().join("library.sqlite").display());
    let other = lazaret_store::Library::open(&address).await.unwrap();
    let path = world.file("enterprise-attack-2.0.json", &bundle(&[technique()]));
    let options = ImportOptions { paths: vec![path], ..ImportOptions::default() };
    lazaret_attack::import(&other, options, Arc::new(Here), Arc::default(), |_| {}).await.unwrap();
    // While what is remembered counts, the database is not asked.
    let view = world.catalog.view(&release).await.unwrap();
    assert_eq!(view.entries().next().unwrap().last, 10_009);
    world.catalog = world.catalog.trusting(Duration::ZERO);
    let view = world.catalog.view(&release).await.unwrap();
    assert_eq!(view.entries().next().unwrap().last, 20_009);
    assert_eq!(world.catalog.ever(release.track).await.unwrap().noun(object).unwrap().last, 20_009);
}

#[tokio::test]
async fn whether_a_relationship_holds_depends_on_both_ends() {
    let world = World::new().await;
    let dead = |value| with(value, json!({ "x_mitre_deprecated": true }));
    let link = relation(1, "mitigates", MITIGATION, TECHNIQUE);
    let cases = [
        ([technique(), mitigation(), link.clone()], Effective::Live),
        ([dead(technique()), mitigation(), link.clone()], Effective::OtherEnd),
        ([technique(), dead(mitigation()), link.clone()], Effective::OwnEnd),
        ([technique(), mitigation(), revoked(link)], Effective::Itself),
    ];
    for (number, (objects, status)) in cases.into_iter().enumerate() {
        let name = format!("{}.0", number + 1);
        world.release(&name, &objects).await;
        let found = world.find_in("M9001", &name).await;
        assert_eq!(related(&found.view, &found.version)[0].status, status, "{name}");
    }
}

#[tokio::test]
async fn a_history_has_every_release_and_folds_what_stayed() {
    let world = World::new().await;
    let later = with(technique(), json!({ "modified": "2021-01-01T00:00:00.000Z" }));
    let said = with(later.clone(), json!({ "description": "Something else." }));
    world.release("1.0", &[technique()]).await;
    world.release("2.0", &[technique()]).await;
    world.release("3.0", &[later]).await;
    // Taken out, and brought back with other words.
    world.release("4.0", &[mitigation()]).await;
    world.release("5.0", &[said]).await;
    let found = world.find("T9001").await;
    let rows = history(&world.catalog, TECHNIQUE, found.view.release.track, Detail::Fields).await.unwrap();
    let told: Vec<_> = folded(&rows)
        .iter()
        .map(|run| {
            let fields: Vec<_> = run.first.changes.iter().map(|change| change.field.as_str()).collect();
            (run.first.release.name.clone(), run.length, run.first.version.is_some(), run.first.label, fields.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("5.0".to_owned(), 1, true, Some(Label::Content), "description".to_owned()),
            ("4.0".to_owned(), 1, false, None, String::new()),
            ("3.0".to_owned(), 1, true, Some(Label::Bookkeeping), "modified".to_owned()),
            ("1.0".to_owned(), 2, true, None, String::new()),
        ]
    );
}

#[tokio::test]
async fn changes_between_releases_are_those_of_diff_stix_and_what_it_leaves_out() {
    let number = |at: u8| format!("attack-pattern--0a000000-0000-4000-8000-0000000000{at:02}");
    let one =
        |at: u8, fields| with(object(&number(at), &format!("T70{at}"), &format!("Number {at}"), "2020-01-01"), fields);
    let dead = json!({ "x_mitre_deprecated": true });
    let old = [
        one(10, json!({})),
        one(11, json!({ "x_mitre_version": "1.3" })),
        one(12, json!({ "x_mitre_version": "1.3" })),
        one(13, json!({ "x_mitre_version": "1.3" })),
        one(14, json!({})),
        one(15, json!({})),
        one(16, json!({})),
        one(17, json!({})),
        one(18, json!({})),
        one(19, dead.clone()),
        one(20, json!({})),
        one(21, json!({})),
        one(22, json!({ "x_mitre_platforms": ["a"] })),
        object(TACTIC, "TA9001", "Execution", "2020-01-01"),
        relation(1, "mitigates", MITIGATION, TECHNIQUE),
    ];
    let new = [
        one(11, json!({ "x_mitre_version": "2.0" })),
        one(12, json!({ "x_mitre_version": "1.4" })),
        one(13, json!({ "x_mitre_version": "1.5" })),
        one(14, json!({ "modified": "2021-01-01T00:00:00.000Z" })),
        one(15, json!({ "description": "Other words, the same date." })),
        // Replaced, replaced by something that is not there, deprecated.
        one(16, json!({ "revoked": true })),
        one(17, json!({ "revoked": true })),
        one(18, dead),
        // Dead before, and changed.
        one(19, json!({ "x_mitre_deprecated": true, "name": "Another" })),
        one(20, json!({ "modified": "2020-01-01T00:00:00Z" })),
        // A line's end is a space.
        one(21, json!({})),
        one(22, json!({ "x_mitre_platforms": ["a", "b"] })),
        one(23, json!({ "x_mitre_contributors": ["Somebody"] })),
        with(object(TACTIC, "TA9001", "Execution", "2020-01-01"), json!({ "x_mitre_version": "1.1" })),
        relation(2, "revoked-by", &number(16), &number(11)),
        relation(3, "revoked-by", &number(17), &number(99)),
    ];
    let world = World::new().await;
    world.release("1.0", &old).await;
    world.release("2.0", &new).await;
    let (from, to) = ("1.0".parse().unwrap(), "2.0".parse().unwrap());
    let changes = changes_between(&world.catalog, from, to, &[], None).await.unwrap();
    let found = &changes.domains[0].1;
    let ids = |section: &str, kind: Kind| -> Vec<String> {
        let list = found.changes.get(section).and_then(|kinds| kinds.get(&kind)).cloned().unwrap_or_default();
        list.into_iter().map(|changed| changed.named.attack_id).collect()
    };
    let expected = [
        (Kind::Additions, vec!["T7023"]),
        (Kind::MajorVersionChanges, vec!["T7011"]),
        (Kind::MinorVersionChanges, vec!["T7012"]),
        (Kind::OtherVersionChanges, vec!["T7013"]),
        (Kind::Patches, vec!["T7014", "T7015"]),
        (Kind::Revocations, vec!["T7016"]),
        (Kind::Deprecations, vec!["T7018"]),
        (Kind::Deletions, vec!["T7010"]),
        (Kind::Unlisted, vec!["T7019", "T7017", "T7020", "T7022"]),
    ];
    for (kind, wanted) in expected {
        assert_eq!(ids("techniques", kind), wanted, "{}", kind.name());
    }
    assert_eq!(ids("tactics", Kind::MinorVersionChanges), ["TA9001"]);
    assert_eq!((found.count("relationships", Kind::Additions), found.count("relationships", Kind::Deletions)), (2, 1));
    assert_eq!(found.contributors.iter().collect::<Vec<_>>(), ["Somebody"]);
    let json = changes.json();
    let domain = &json["domains"]["enterprise-attack"];
    assert_eq!((&json["from"], &json["to"]), (&json!("1.0"), &json!("2.0")));
    assert_eq!(
        domain["counts"]["techniques"],
        json!({
            "additions": 1, "major_version_changes": 1, "minor_version_changes": 1, "other_version_changes": 1,
            "patches": 2, "revocations": 1, "deprecations": 1, "deletions": 1
        })
    );
    assert_eq!(domain["counts"]["unlisted"]["techniques"], 4);
    assert_eq!(domain["changes"]["techniques"]["revocations"][0]["revoked_by"]["attack_id"], "T7011");
    assert_eq!(domain["changes"]["techniques"]["patches"][1]["fields"][0]["field"], "description");
    let text = lazaret_attack::markdown(&changes);
    assert!(text.contains("- T7013 Number 13 (v1.3 → v1.5): x\\_mitre\\_version"), "{text}");
    assert!(text.contains("- T7016 Number 16 (v1.0), revoked by T7011 Number 11: revoked"), "{text}");
}

#[tokio::test]
async fn the_two_feeds_never_mix() {
    let world = World::new().await;
    world.release("1.0", &[technique()]).await;
    let newer = with(technique(), json!({ "spec_version": "2.1" }));
    let text = json!({ "type": "bundle", "id": "bundle--1", "objects": [newer] });
    let path = world.file("enterprise-attack-2.0.json", &serde_json::to_vec(&text).unwrap());
    assert!(world.import(&path).await[0].starts_with("stix-2.1 enterprise-attack 2.0"));
    let found = world.find("T9001").await;
    assert_eq!((found.view.release.feed.as_str(), found.spans.len()), ("stix-2.1", 2));
    let rows = history(&world.catalog, TECHNIQUE, found.view.release.track, Detail::Fields).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.release.name.as_str()).collect::<Vec<_>>(), ["2.0"]);
    let both = changes_between(&world.catalog, "1.0".parse().unwrap(), "2.0".parse().unwrap(), &[], None).await;
    assert!(both.unwrap_err().to_string().contains("in one feed"));
}
