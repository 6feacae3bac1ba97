//! What is imported and what is refused: one bad source among good ones, bundles that are something else than their name says,
//! and more than fits into memory.

use crate::world::*;
use lazaret_attack::{AttackError, Bundle, Detail, ImportOptions, Outcome, history, import, related, remove, verify};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What became of everything below a path: `imported 1.0`, or the name of what was refused and why.
async fn told(world: &World, path: &Path) -> Vec<String> {
    let mut told = Vec::new();
    let options = ImportOptions { paths: vec![path.to_owned()], ..ImportOptions::default() };
    import(world.catalog.library(), options, Arc::new(Here), Arc::default(), |outcome| {
        let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        told.push(match outcome {
            Outcome::Imported { release, .. } => format!("imported {}", release.name),
            Outcome::There(release) => format!("there {}", release.name),
            Outcome::Skipped { name, reason } => format!("skipped {}: {reason}", short(&name)),
            Outcome::Refused { name, error } => {
                let cut = if matches!(error, AttackError::Cut { .. }) { "cut" } else { "refused" };
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                format!("{cut} {}: {error}: {cause}", short(&name))
            }
        });
    })
    .await
    .unwrap();
    told
}

/// Packed, and damaged in its first block, in its middle, and cut.
fn damaged(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let zst = zstd::encode_all(bytes, 3).unwrap();
    let mut head = zst.clone();
    head[6..].fill(0xff);
    let mut gz = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gz.extend([0xff; 40]);
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0][..], &[9; 40]].concat();
    [("2.0.json.zst", head), ("3.0.json.gz", gz), ("4.0.json.xz", xz), ("5.0.json.zst", zst[..zst.len() / 2].to_vec())]
}

#[tokio::test]
async fn what_cannot_be_unpacked_costs_only_itself() {
    let world = World::new().await;
    let good = bundle(&[technique(), mitigation()]);
    let folder = world.folder.path().join("all");
    std::fs::create_dir(&folder).unwrap();
    for (name, bytes) in damaged(&good) {
        std::fs::write(folder.join(format!("enterprise-attack-{name}")), bytes).unwrap();
    }
    std::fs::write(folder.join("enterprise-attack-1.0.json"), &good).unwrap();
    std::fs::write(folder.join("enterprise-attack-6.0.json"), bundle(&[technique()])).unwrap();
    let found = told(&world, &folder).await;
    assert_eq!((found[0].as_str(), found[5].as_str()), ("imported 1.0", "imported 6.0"), "{found:#?}");
    for (at, (name, _)) in damaged(&good).iter().enumerate() {
        assert!(found[at + 1].starts_with(&format!("refused enterprise-attack-{name}: ")), "{found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[tokio::test]
async fn a_bad_member_of_an_archive_costs_only_itself_and_a_cut_archive_keeps_what_came_before() {
    let good = bundle(&[technique(), mitigation()]);
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8], kind: tar::EntryType| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() {
            header.set_link_name("enterprise-attack-1.0.json").unwrap();
        }
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    add("enterprise-attack-1.0.json", &good, tar::EntryType::Regular);
    for (name, bytes) in damaged(&good) {
        add(&format!("enterprise-attack-{name}"), &bytes, tar::EntryType::Regular);
    }
    add("enterprise-attack-8.0.json", b"", tar::EntryType::Symlink);
    add("enterprise-attack-7.0.json", &bundle(&[technique()]), tar::EntryType::Regular);
    let tar = builder.into_inner().unwrap();
    let world = World::new().await;
    let found = told(&world, &world.file("all.tar", &tar)).await;
    assert_eq!((found[0].as_str(), found[6].as_str()), ("imported 1.0", "imported 7.0"), "{found:#?}");
    for (at, (name, _)) in damaged(&good).iter().enumerate() {
        assert!(found[at + 1].starts_with(&format!("refused enterprise-attack-{name}: ")), "{found:#?}");
    }
    assert_eq!(found[5], "skipped enterprise-attack-8.0.json: it is not a file");
    // The archive ends in the middle of its second member.
    let world = World::new().await;
    let found = told(&world, &world.file("all.tar", &tar[..512 + good.len().next_multiple_of(512) + 520])).await;
    assert_eq!(found[0], "imported 1.0");
    assert!(found.last().unwrap().starts_with("cut all.tar: the archive"), "{found:#?}");
}

#[cfg(unix)]
#[tokio::test]
async fn links_to_files_are_read_and_nothing_is_passed_over_in_silence() {
    use std::os::unix::fs::symlink;
    let world = World::new().await;
    let folder = world.folder.path().join("all");
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(told(&world, &folder).await.len(), 1);
    let found = told(&world, &folder).await;
    assert!(found[0].starts_with("refused all: nothing in this folder is named like a bundle"), "{found:?}");
    let real = world.file("one.json", &bundle(&[technique()]));
    symlink(&real, folder.join("enterprise-attack-1.0.json")).unwrap();
    symlink(world.folder.path(), folder.join("circle")).unwrap();
    symlink("nowhere", folder.join("enterprise-attack-2.0.json")).unwrap();
    assert_eq!(
        told(&world, &folder).await,
        [
            "skipped circle: it is a link to a folder or a broken link",
            "skipped enterprise-attack-2.0.json: it is a link to a folder or a broken link",
            "imported 1.0",
        ]
    );
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    builder.append_data(&mut header, "README.md", &b""[..]).unwrap();
    let found = told(&world, &world.file("empty.tar", &builder.into_inner().unwrap())).await;
    assert!(found[1].starts_with("refused empty.tar: nothing in this archive"), "{found:?}");
    let found = told(&world, &world.folder.path().join("absent.json")).await;
    assert!(found[0].starts_with("refused absent.json: ") && found[0].contains("cannot be read"), "{found:?}");
}

#[tokio::test]
async fn a_bundle_is_of_the_domain_that_its_objects_are_of() {
    let matrix = |id: &str| object(MATRIX, id, "A matrix", "2020-01-01");
    let named = |domains: Value| with(mitigation(), json!({ "x_mitre_domains": domains }));
    let chain = |name: &str| {
        with(technique(), json!({ "kill_chain_phases": [{ "kill_chain_name": name, "phase_name": "execution" }] }))
    };
    // As what it is imported, what is in it, why it is refused, and as what it was imported before.
    let cases: [(&str, Vec<Value>, &str, &str); 9] = [
        (
            "mobile",
            vec![matrix("enterprise-attack"), mitigation()],
            "its matrix is that of enterprise-attack",
            "enterprise",
        ),
        ("mobile", vec![technique()], "of its objects 1 say enterprise-attack, 0 say mobile-attack", "enterprise"),
        ("ics", vec![chain("mitre-mobile-attack")], "of its objects 1 say mobile-attack, 0 say ics-attack", "mobile"),
        ("mobile", vec![named(json!(["enterprise-attack"]))], "of its objects 1 say enterprise-attack", ""),
        ("mobile", vec![named(json!(["my-attack"]))], "its objects say `my-attack`", ""),
        // As in ICS 11.0: most of what names a domain names another one, and the matrix knows better.
        ("ics", vec![matrix("MA0010"), named(json!(["enterprise-attack"]))], "", "ics"),
        ("mobile", vec![named(json!(["mobile-attack", "enterprise-attack", "mobile-attack"]))], "", ""),
        ("mobile", vec![mitigation()], "", ""),
        ("pre", vec![chain("mitre-pre-attack")], "", "pre"),
    ];
    for (number, (domain, objects, reason, right)) in cases.into_iter().enumerate() {
        // With a library that knows nothing, and with one that knows every object.
        for before in ["", right] {
            let world = World::new().await;
            if !before.is_empty() {
                let path = world.file(&format!("{before}-attack-1.0.json"), &bundle(&objects));
                assert_eq!(told(&world, &path).await, ["imported 1.0"]);
            }
            let path = world.file(&format!("{domain}-attack-99.{number}.json"), &bundle(&objects));
            let found = told(&world, &path).await;
            if reason.is_empty() {
                assert_eq!(found, [format!("imported 99.{number}")]);
            } else {
                let is_told = found[0].contains(reason) && found[0].contains("its name says `");
                assert!(found[0].starts_with("refused") && is_told, "{number}: {found:?}");
            }
        }
    }
}

/// The greatest part of this process's memory that was in use so far, in MiB.
#[cfg(target_os = "linux")]
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
}

/// A packed bundle of `count` objects of `size` bytes each, of which only few bytes differ.
#[cfg(target_os = "linux")]
fn large(count: usize, size: usize, salt: &str) -> Vec<u8> {
    use std::io::Write;
    let mut packed = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let filler = vec![b'x'; size];
    packed.write_all(b"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"spec_version\":\"2.0\",\"objects\":[").unwrap();
    for number in 0..count {
        let comma = if number == 0 { "" } else { "," };
        write!(packed, "{comma}{{\"type\":\"tool\",\"id\":\"tool--{number:04x}\",\"modified\":\"{salt}\",\"name\":\"")
            .unwrap();
        packed.write_all(&filler).unwrap();
        packed.write_all(b"\"}").unwrap();
    }
    packed.write_all(b"]}").unwrap();
    packed.finish().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_objects_do_not_fill_the_memory() {
    let world = World::new().await;
    let before = most_memory();
    for (name, count, size) in [("1.0", 30, 8 << 20), ("2.0", 1, (16 << 20) - 100), ("3.0", 300, 200 << 10)] {
        let bytes = large(count, size, name);
        assert!(bytes.len() < 1 << 20);
        let path = world.file(&format!("enterprise-attack-{name}.json.zst"), &bytes);
        assert_eq!(told(&world, &path).await, [format!("imported {name}")]);
    }
    // Once more other versions of the same objects: what they are packed against is read again.
    let path = world.file("enterprise-attack-4.0.json.zst", &large(300, 200 << 10, "4.0"));
    assert_eq!(told(&world, &path).await, ["imported 4.0"]);
    let used = most_memory() - before;
    assert!(used < 350, "{used} MiB");
}

/// A release's bundle, put together again.
async fn given_back(world: &World, name: &str) -> Vec<u8> {
    let (_, releases) = world.catalog.releases().await.unwrap();
    let release = releases.iter().find(|release| release.name == name).unwrap();
    let (mut back, mut bundle) = (Vec::new(), Bundle::open(world.catalog.library(), release).await.unwrap());
    while let Some(piece) = bundle.next().await.unwrap() {
        back.extend(piece);
    }
    back
}

#[tokio::test]
async fn an_official_bundle_with_two_versions_of_one_object_is_imported_and_the_newest_counts() {
    let world = World::new().await;
    let at = |day: &str, name: &str| with(object(GROUP, "G9001", name, day), json!({ "x_mitre_version": day }));
    let link = |text: &str| with(relation(1, "uses", GROUP, TECHNIQUE), json!({ "description": text }));
    let says = |day: &str, text: &str| with(link(text), json!({ "modified": format!("{day}T00:00:00.000Z") }));
    let objects = [
        at("2021-05-05", "Weasel today"),
        says("2021-01-01", "Words of then."),
        technique(),
        mitigation(),
        at("2020-03-03", "Weasel then"),
        mitigation(),
        says("2021-06-06", "Words of now."),
    ];
    let bytes = bundle(&objects);
    let path = world.file("enterprise-attack-2.0.json", &bytes);
    let told = world.import(&path).await;
    assert!(told[0].starts_with("stix-2.0 enterprise-attack 2.0: 6 new"), "{told:?}");
    for note in ["more than once with identical bytes: 1", "in several versions; the newest counts: 2"] {
        assert!(told[0].contains(note), "{told:?}");
    }
    assert_eq!(given_back(&world, "2.0").await, bytes);
    let found = world.find("G9001").await;
    assert_eq!((found.version.name.as_str(), found.view.release.objects), ("Weasel today", 4));
    let related = related(&found.view, &found.version);
    let [one] = related.as_slice() else { panic!("{related:?}") };
    assert!(String::from_utf8(world.catalog.raw(&one.relation).await.unwrap()).unwrap().contains("Words of now."));
    assert_eq!(history(&world.catalog, GROUP, found.view.release.track, Detail::Fields).await.unwrap().len(), 1);
    // The next release has one version of each, the older one: nothing of it is mixed up, in whatever order they come and go.
    world.release("3.0", &[at("2020-03-03", "Weasel then"), technique(), mitigation()]).await;
    assert_eq!(world.find("G9001").await.version.name, "Weasel then");
    assert!(world.import(&path).await[0].starts_with("there: 2.0"));
    let verified = verify(world.catalog.library(), |_, _| {}).await.unwrap();
    assert!(verified.wrong.is_empty() && verified.releases == 2, "{verified:?}");
    let number = "2.0".parse().unwrap();
    remove(world.catalog.library(), "enterprise-attack", number, None).await.unwrap();
    let verified = verify(world.catalog.library(), |_, _| {}).await.unwrap();
    assert!(verified.wrong.is_empty() && verified.releases == 1, "{verified:?}");
    assert!(world.import(&path).await[0].contains("2.0: 3 new"), "what only it had");
    assert_eq!(given_back(&world, "2.0").await, bytes);
}

#[tokio::test]
async fn a_beta_is_a_release_of_its_own_before_the_release_that_it_became() {
    let world = World::new().await;
    for (name, words) in [("11.0", "The release."), ("11.0-beta", "The beta."), ("10.1", "Before.")] {
        world.release(name, &[with(technique(), json!({ "description": words }))]).await;
    }
    let (_, releases) = world.catalog.releases().await.unwrap();
    let names: Vec<_> = releases.iter().map(|release| release.name.as_str()).collect();
    assert_eq!(names, ["10.1", "11.0-beta", "11.0"]);
    assert_eq!(world.find("T9001").await.view.release.name, "11.0");
    assert_eq!(world.find_in("T9001", "11.0-beta").await.view.release.name, "11.0-beta");
    // Its collection may name the release that it was to become: that is noted. What is the release itself is no beta.
    let collection = json!({
        "type": "x-mitre-collection", "id": "x-mitre-collection--0a000000-0000-4000-8000-000000000001",
        "name": "Enterprise ATT&CK", "x_mitre_version": "12.0", "created": "2020-01-01T00:00:00.000Z",
        "modified": "2020-01-01T00:00:00.000Z", "x_mitre_contents": [{ "object_ref": TECHNIQUE }, { "object_ref": OLD }],
    });
    let path =
        world.file("enterprise-attack-12.0-beta.json", &bundle(&[technique(), mitigation(), collection.clone()]));
    let told = world.import(&path).await;
    for note in [
        "12.0-beta: ",
        "its collection says 12.0; this is the beta of it",
        "listed in its collection but \
        missing: 1",
    ] {
        assert!(told[0].contains(note), "{told:?}");
    }
    assert!(told[0].contains("not listed in its collection: 1"), "{told:?}");
    let beta = with(collection, json!({ "x_mitre_version": "13.0-beta" }));
    let path = world.file("enterprise-attack-13.0.json", &bundle(&[technique(), beta]));
    assert!(world.import(&path).await[0].contains("its collection says that the release is 13.0-beta"));
}

#[tokio::test]
async fn what_is_odd_about_objects_is_said_and_the_release_is_there_nevertheless() {
    let world = World::new().await;
    let odd = |number: u8, fields: Value| {
        let id = format!("tool--0a000000-0000-4000-8000-0000000000{number:02x}");
        with(object(&id, &format!("S90{number:02}"), "Odd", "2020-01-01"), fields)
    };
    let objects = [
        technique(),
        odd(1, json!({ "revoked": "true" })),
        odd(2, json!({ "description": 7 })),
        odd(3, json!({ "external_references": "none" })),
        odd(4, json!({ "created": "2020-13-45T00:00:00.000Z" })),
        odd(5, json!({ "created": "2021-01-01T00:00:00.000Z" })),
        json!({ "type": "bundle", "id": "bundle--0a", "modified": "2020-01-01T00:00:00Z", "objects": [mitigation()] }),
        relation(1, "uses", GROUP, TECHNIQUE),
        relation(2, "uses", GROUP, TECHNIQUE),
    ];
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(bundle(&objects));
    // Also where the library knows every object already.
    for name in ["1.0", "2.0"] {
        let path = world.file(&format!("enterprise-attack-{name}.json"), &bytes);
        let told = world.import(&path).await;
        for note in [
            "treated as false: 1",
            "a string or a list but is not; the field is ignored: 2",
            "with an invalid date: 1",
            "modified before they were created: 1",
            "nested bundles, which are ignored: 1",
            "duplicate relationships: same type, same two objects: 1",
            "the bundle begins with a byte order mark",
        ] {
            assert!(told[0].contains(note), "{name} {note}: {told:?}");
        }
        assert_eq!(given_back(&world, name).await, bytes);
    }
    assert!(verify(world.catalog.library(), |_, _| {}).await.unwrap().wrong.is_empty());
}
