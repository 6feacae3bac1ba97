//! One suite for every backend.

use super::*;
use crate::ledger::tests::Postgres;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn sqlite_keeps_the_library() {
    let folder = tempfile::tempdir().unwrap();
    suite(&format!("sqlite:{}", folder.path().join("library.sqlite").display())).await;
}

#[tokio::test]
async fn postgresql_keeps_the_library() {
    let postgres = Postgres::start();
    // The ledger may be in the same database.
    crate::Ledger::open(&postgres.address).await.unwrap();
    suite(&postgres.address).await;
}

fn entry(id: &str, attack_id: &str, text: &str) -> NewVersion {
    let hash: [u8; 32] = Sha256::digest(text).into();
    NewVersion {
        stix_id: id.to_owned(),
        attack_id: attack_id.to_owned(),
        name: format!("Name of {id}"),
        text: text.as_bytes().to_vec(),
        raw: hash,
        source: hash,
        canonical: hash,
        ..NewVersion::default()
    }
}

fn relation(id: &str, from: &str, to: &str) -> NewVersion {
    let ends = Relation { kind: "mitigates".to_owned(), from: from.to_owned(), to: to.to_owned() };
    NewVersion { relation: Some(ends), ..entry(id, "", &format!("{id} {from} {to}")) }
}

fn release(name: &str, place: i64) -> NewRelease {
    NewRelease {
        feed: "stix-2.0".to_owned(),
        domain: "enterprise-attack".to_owned(),
        name: name.to_owned(),
        place,
        sha256: format!("hash of {name}"),
        skeleton: b"{\0,\0}".to_vec(),
        ..NewRelease::default()
    }
}

async fn suite(address: &str) {
    let library = Library::open(address).await.unwrap();
    assert_eq!(library.generation().await.unwrap(), 0);
    let long = "a text that is long enough that what differs from it is worth keeping by itself ".repeat(4);
    let old = entry("tool--a", "S0001", &long);
    let new = entry("tool--a", "S0001", &format!("{long} and more"));
    let other = entry("tool--b", "S0002", "another");
    let mut import = library.import().await.unwrap();
    import.begin().await.unwrap();
    assert_eq!(import.add_known(&old.raw), Added::Unknown);
    import.add(old.clone()).await.unwrap();
    import.add(relation("relationship--c", "tool--b", "tool--a")).await.unwrap();
    import.add(relation("relationship--d", "tool--b", "tool--z")).await.unwrap();
    import.add(other.clone()).await.unwrap();
    assert_eq!((import.dangling(), import.said_again(), import.repeats()), (1, 0, Repeats::default()));
    assert!(import.finish(&release("1.0", 1_000)).await.unwrap());
    // A release that is given up leaves nothing, in the database or in memory.
    import.begin().await.unwrap();
    import.add(entry("tool--gone", "S0009", "gone")).await.unwrap();
    import.give_up().await.unwrap();
    import.begin().await.unwrap();
    assert_eq!(import.add_known(&entry("tool--gone", "S0009", "gone").raw), Added::Unknown);
    import.add(new.clone()).await.unwrap();
    assert!(import.finish(&release("2.0", 2_000)).await.unwrap());
    // Another import knows what is there; a name that is taken changes nothing.
    let mut import = library.import().await.unwrap();
    import.begin().await.unwrap();
    assert_eq!(import.add_known(&old.raw), Added::Yes);
    assert!(!import.finish(&release("2.0", 2_000)).await.unwrap());

    let generation = library.generation().await.unwrap();
    assert!(generation >= 2, "{generation}");
    let releases = library.releases().await.unwrap();
    let names: Vec<_> = releases.iter().map(|release| release.name.as_str()).collect();
    assert_eq!(names, ["1.0", "2.0"]);
    let (first, second) = (&releases[0], &releases[1]);
    assert_eq!((first.objects, second.objects), (4, 1));
    assert_eq!(library.skeleton(first.id).await.unwrap(), b"{\0,\0}");
    assert!(library.members(i64::MAX).await.unwrap().is_empty());

    let members = library.members(first.id).await.unwrap();
    let versions = library.versions(&members, first.track).await.unwrap();
    let ids: Vec<_> = versions.iter().map(|version| version.stix_id.as_str()).collect();
    assert_eq!(ids, ["tool--a", "relationship--c", "relationship--d", "tool--b"]);
    assert_eq!((versions[0].first, versions[0].last), (1_000, 2_000));
    assert_eq!((versions[3].first, versions[3].last), (1_000, 1_000));
    assert_eq!((versions[1].from_object, versions[1].to_object), (versions[3].object, versions[0].object));
    assert_eq!(versions[0].raw, old.raw);

    let history = library.appearances("tool--a").await.unwrap();
    let history: Vec<_> = history.iter().map(|row| (row.release, row.version.raw)).collect();
    assert_eq!(history, [(first.id, old.raw), (second.id, new.raw)]);
    assert!(library.appearances("tool--gone").await.unwrap().is_empty());
    let newest = library.newest(first.track).await.unwrap();
    let newest: Vec<_> = newest.iter().map(|version| (version.stix_id.as_str(), version.raw)).collect();
    assert_eq!(newest, [("tool--b", other.raw), ("tool--a", new.raw)]);
    let found = library.objects_with_attack_id("S0001").await.unwrap();
    assert_eq!(Some(found[0]), library.object("tool--a").await.unwrap());
    let standings = library.standings(&found).await.unwrap();
    let stand = &standings[0];
    assert_eq!((standings.len(), stand.version.raw, stand.span.first, stand.span.last), (1, new.raw, 1_000, 2_000));
    assert_eq!((stand.span.feed.as_str(), stand.span.domain.as_str()), ("stix-2.0", "enterprise-attack"));
    assert!(stand.span.has(1_500) && !stand.span.has(2_001));
    assert!(library.objects_with_attack_id("").await.unwrap().is_empty());
    assert_eq!(library.object("tool--none").await.unwrap(), None);

    let ever = library.relations_ever(first.track).await.unwrap();
    let ever: Vec<_> = ever.iter().map(|version| (version.stix_id.as_str(), version.first, version.last)).collect();
    assert_eq!(ever, [("relationship--c", 1_000, 1_000), ("relationship--d", 1_000, 1_000)]);
    let names = library.stix_ids(&[versions[2].to_object]).await.unwrap();
    assert_eq!(names.values().collect::<Vec<_>>(), ["tool--z"]);

    let last = library.last_version().await.unwrap();
    let texts = library.bodies(&(1..=last).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(texts.len(), 5);
    let text = |raw: [u8; 32]| {
        texts.values().find(|text| <[u8; 32]>::from(Sha256::digest(text)) == raw).cloned().unwrap_or_default()
    };
    assert_eq!(text(new.raw), new.text);
    assert_eq!(text(old.raw), old.text);
    assert_eq!(library.body(i64::MAX).await.unwrap(), None);
    takes(&library).await;
    super::layers::tests::suite(&library).await;
    repeated(&library).await;
    removal(&library, &old, &new).await;
}

/// A bundle that holds an object in several versions, and another one twice, keeps all of them; the newest counts.
async fn repeated(library: &Library) {
    let before = library.last_version().await.unwrap();
    let version = |modified: &str| NewVersion { modified: modified.to_owned(), ..entry("tool--r", "S0007", modified) };
    let (late, early) = (version("2022-01-01T00:00:00.5Z"), version("2022-01-01T00:00:00Z"));
    let twice = entry("tool--t", "S0008", "twice");
    let says = |number: &str| relation(&format!("relationship--{number}"), "tool--r", "tool--t");
    let mut import = library.import().await.unwrap();
    import.begin().await.unwrap();
    for new in [late.clone(), twice.clone(), early.clone(), says("1"), says("2")] {
        import.add(new).await.unwrap();
    }
    assert_eq!(import.add_known(&twice.raw), Added::Yes);
    assert_eq!((import.repeats(), import.said_again()), (Repeats { alike: 1, versions: 1 }, 1));
    let among = import.has(["tool--r", "tool--r", "tool--none"].into_iter());
    assert_eq!((among, import.beside(|id| id.starts_with("tool--"))), (1, 2));
    assert!(import.finish(&release("3.0", 3_000)).await.unwrap());
    let releases = library.releases().await.unwrap();
    let last = releases.iter().find(|release| release.name == "3.0").unwrap();
    let (members, counted) = (library.members(last.id).await.unwrap(), library.counted(last.id).await.unwrap());
    assert_eq!((members.len(), counted.len(), last.objects), (6, 4, 4));
    let raws = |versions: Vec<Version>| versions.into_iter().map(|version| version.raw).collect::<Vec<_>>();
    let found = raws(library.versions(&members, last.track).await.unwrap());
    assert_eq!((found[0], found[1], found[2], found[5]), (late.raw, twice.raw, early.raw, twice.raw));
    assert_eq!(raws(library.versions(&counted, last.track).await.unwrap())[..2], [late.raw, twice.raw]);
    let history = library.appearances("tool--r").await.unwrap();
    assert_eq!(history.iter().map(|row| row.version.raw).collect::<Vec<_>>(), [late.raw]);
    assert_eq!(library.body(members[2]).await.unwrap().unwrap(), early.text);
    // And all of it goes with the release.
    assert_eq!(library.remove(last).await.unwrap(), Some(Removed { versions: 5, objects: 4 }));
    assert_eq!(library.last_version().await.unwrap(), before);
}

/// A release goes with what only it has; what was packed against it stays readable.
async fn removal(library: &Library, old: &NewVersion, new: &NewVersion) {
    let generation = library.generation().await.unwrap();
    let releases = library.releases().await.unwrap();
    let [first, second] = releases.as_slice() else { panic!("{releases:?}") };
    let removed = library.remove(first).await.unwrap();
    // The object of version `new` stays; two relationships, what they name, and another one go.
    assert_eq!(removed, Some(Removed { versions: 4, objects: 4 }));
    assert_eq!(library.remove(first).await.unwrap(), None);
    assert!(library.generation().await.unwrap() > generation);
    assert_eq!(library.releases().await.unwrap(), std::slice::from_ref(second));
    let members = library.members(second.id).await.unwrap();
    assert_eq!(library.bodies(&members).await.unwrap()[&members[0]], new.text);
    let versions = library.versions(&members, second.track).await.unwrap();
    assert_eq!((versions[0].first, versions[0].last), (2_000, 2_000));
    assert_eq!(library.object("tool--b").await.unwrap(), None);
    assert_eq!(library.last_version().await.unwrap(), members[0]);
    // Whoever imports next packs against what is left.
    let mut import = library.import().await.unwrap();
    import.begin().await.unwrap();
    assert_eq!(import.add_known(&old.raw), Added::Unknown);
    import.add(old.clone()).await.unwrap();
    assert!(import.finish(&release("1.0", 1_000)).await.unwrap());
    let releases = library.releases().await.unwrap();
    let members = library.members(releases[0].id).await.unwrap();
    assert_eq!(library.body(members[0]).await.unwrap().unwrap(), old.text);
    for release in &releases {
        assert!(library.remove(release).await.unwrap().is_some());
    }
    assert_eq!((library.last_version().await.unwrap(), library.object("tool--a").await.unwrap()), (0, None));
}

/// A take goes its way, and whoever has not seen the newest step changes nothing.
async fn takes(library: &Library) {
    let new = NewTake {
        object: "tool--a".to_owned(),
        feed: "stix-2.0".to_owned(),
        domain: "enterprise-attack".to_owned(),
        title: "One".to_owned(),
        author: "karl".to_owned(),
        document: "{}".to_owned(),
    };
    let id = library.add_take(&new).await.unwrap();
    let take = library.take(id).await.unwrap().unwrap();
    assert_eq!((take.state, take.revision, take.author.as_str()), (TakeState::Draft, 1, "karl"));
    let step =
        TakeStep { who: "anna".to_owned(), what: "published".to_owned(), published: true, ..TakeStep::default() };
    let change =
        TakeChange { revision: 1, state: TakeState::Published, reviewer: "anna".to_owned(), document: None, step };
    assert!(library.change_take(id, &change).await.unwrap());
    assert!(!library.change_take(id, &change).await.unwrap(), "a revision that was not seen was changed");
    let document = Some(("Two".to_owned(), "{\"a\":1}".to_owned()));
    assert!(library.change_take(id, &TakeChange { revision: 2, document, ..change.clone() }).await.unwrap());
    let take = library.take(id).await.unwrap().unwrap();
    assert_eq!((take.title.as_str(), take.document.as_str(), take.revision), ("Two", "{\"a\":1}", 3));
    assert_eq!(library.takes(Some("tool--a")).await.unwrap(), std::slice::from_ref(&take));
    assert_eq!(library.takes(None).await.unwrap(), [take]);
    assert!(library.takes(Some("tool--b")).await.unwrap().is_empty());
    let steps = library.take_steps(id).await.unwrap();
    let roles: Vec<_> = steps.iter().map(|step| (step.wrote, step.published)).collect();
    assert_eq!(roles, [(true, false), (false, true), (false, true)]);
    let steps: Vec<_> = steps.iter().map(|step| (step.what.as_str(), step.document.as_str())).collect();
    assert_eq!(steps, [("begun", "{}"), ("published", ""), ("published", "{\"a\":1}")]);
    assert_eq!(library.take(id + 1).await.unwrap(), None);
    // That it is stale is told once for each revision, by one who asks first.
    let published = |is_told| [PublishedTake { id, revision: 3, is_told }];
    assert_eq!(library.published_takes().await.unwrap(), published(false));
    assert!(!library.tell_stale(id, 2).await.unwrap(), "that revision is gone");
    assert!(library.tell_stale(id, 3).await.unwrap() && !library.tell_stale(id, 3).await.unwrap());
    assert_eq!(library.published_takes().await.unwrap(), published(true));
    library.forget_stale(id, 3).await.unwrap();
    assert_eq!(library.published_takes().await.unwrap(), published(false));
    assert!(library.tell_stale(id, 3).await.unwrap());
    let back = TakeChange { revision: 3, state: TakeState::Draft, ..change };
    assert!(library.change_take(id, &back).await.unwrap());
    assert!(library.published_takes().await.unwrap().is_empty());
    assert!(library.tell_stale(id, 4).await.unwrap(), "another revision is another event");
}

#[test]
fn lists_of_numbers_come_back() {
    for numbers in [vec![], vec![0], vec![5, 3, 900_000, -7, i64::MAX, i64::MIN, 12]] {
        assert_eq!(bodies::unpack_numbers(&bodies::pack_numbers(&numbers).unwrap()).unwrap(), numbers);
    }
}

#[tokio::test]
async fn a_library_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("library.sqlite").display());
    let library = Library::open(&address).await.unwrap();
    let statement = "INSERT INTO _library_migrations (version, description, success, checksum, execution_time) \
                     VALUES (999, 'later', 1, x'00', 0)";
    sqlx::query(statement).execute(&library.write).await.unwrap();
    let error = Library::open(&address).await.err().unwrap();
    assert!(matches!(error, StoreError::NewerLibrary { .. }), "{error}");
}
