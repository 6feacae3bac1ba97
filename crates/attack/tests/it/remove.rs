//! A release that is taken out again leaves nothing that only it had, and takes nothing that others have.

use crate::world::*;
use lazaret_attack::{Bundle, ImportOptions, import, remove, vanished, verify};
use lazaret_store::Removed;
use serde_json::{Value, json};
use std::sync::Arc;

/// A technique with a long text, so that others are packed against it.
fn said(words: &str) -> Value {
    with(
        technique(),
        json!({ "description": format!("{} {words}", "What stays is long enough to be worth it. ".repeat(20)) }),
    )
}

/// Everything that is wrong, and the bundle of every release.
async fn all(world: &World) -> Vec<(String, Vec<u8>)> {
    let library = world.catalog.library();
    assert_eq!(verify(library, |_, _| {}).await.unwrap().wrong, Vec::<String>::new());
    let mut bundles = Vec::new();
    for release in library.releases().await.unwrap() {
        let (mut bundle, mut text) = (Bundle::open(library, &release).await.unwrap(), Vec::new());
        while let Some(piece) = bundle.next().await.unwrap() {
            text.extend(piece);
        }
        bundles.push((release.name, text));
    }
    bundles
}

#[tokio::test]
async fn a_release_goes_with_what_only_it_had() {
    let world = World::new().await;
    let link = relation(1, "mitigates", MITIGATION, TECHNIQUE);
    let releases = [
        ("1.0", bundle(&[said("First."), mitigation(), relation(2, "mitigates", ADVICE, OLD)])),
        ("2.0", bundle(&[said("Second."), mitigation(), link.clone()])),
        ("3.0", bundle(&[said("Third."), object(GROUP, "G9001", "Bears", "2020-01-01"), link.clone()])),
        ("4.0", bundle(&[said("Second."), link])),
    ];
    for (name, bundle) in &releases {
        world.import(&world.file(&format!("enterprise-attack-{name}.json"), bundle)).await;
    }
    let left = |names: &[&str]| -> Vec<(String, Vec<u8>)> {
        let wanted = releases.iter().filter(|(name, _)| names.contains(name));
        wanted.map(|(name, bundle)| ((*name).to_owned(), bundle.clone())).collect()
    };
    let library = world.catalog.library();
    let take_out = async |name: &str| {
        let gone = remove(library, "enterprise-attack", name.parse().unwrap(), None).await;
        world.catalog.look_again();
        gone.map(|(release, removed)| {
            assert_eq!(release.name, name);
            removed
        })
    };
    // The others' texts rest on that of 1.0; of its relationship nobody else names the ends.
    assert_eq!(take_out("1.0").await.unwrap(), Removed { versions: 2, objects: 3 });
    assert!(all(&world).await == left(&["2.0", "3.0", "4.0"]));
    for id in [OLD, ADVICE] {
        assert_eq!(library.object(id).await.unwrap(), None, "{id}");
    }
    let found = world.find_in("T9001", "2.0").await;
    assert_eq!((found.version.first, found.version.last), (20_009, 40_009));
    assert!(take_out("1.0").await.unwrap_err().to_string().contains("there is no release 1.0 of Enterprise"));
    // Out of the middle.
    assert_eq!(take_out("3.0").await.unwrap(), Removed { versions: 2, objects: 1 });
    assert!(all(&world).await == left(&["2.0", "4.0"]));
    assert!(world.catalog.find(None, "G9001", &Default::default()).await.is_err());
    let found = world.find_in("T9001", "4.0").await;
    assert_eq!(vanished(&world.catalog, &found.view, &found.version, 9).await.unwrap().1, 0);
    // And in again, with new texts on top of what is there; an import under way notices.
    for (name, bundle) in releases.iter().filter(|(name, _)| ["1.0", "3.0"].contains(name)) {
        world.import(&world.file(&format!("enterprise-attack-{name}.json"), bundle)).await;
    }
    assert!(all(&world).await == left(&["1.0", "2.0", "3.0", "4.0"]));
    let found = world.find_in("T9001", "1.0").await;
    assert_eq!((found.version.first, found.version.last), (10_009, 40_009));
    for name in ["4.0", "1.0", "2.0", "3.0"] {
        take_out(name).await.unwrap();
    }
    assert!(library.releases().await.unwrap().is_empty());
    assert_eq!((library.last_version().await.unwrap(), library.object(TECHNIQUE).await.unwrap()), (0, None));
}

#[tokio::test]
async fn a_feed_s_release_goes_and_the_other_s_stays() {
    let world = World::new().await;
    world.release("1.0", &[technique()]).await;
    let newer = with(technique(), json!({ "spec_version": "2.1" }));
    let text = json!({ "type": "bundle", "id": "bundle--1", "objects": [newer] });
    let path = world.file("enterprise-attack-1.0.json", &serde_json::to_vec(&text).unwrap());
    world.import(&path).await;
    let library = world.catalog.library();
    let number = "1.0".parse().unwrap();
    let error = remove(library, "enterprise-attack", number, None).await.unwrap_err();
    assert!(error.to_string().contains("choose one with `--feed`"), "{error}");
    let (release, removed) = remove(library, "enterprise-attack", number, "2.0".parse().ok()).await.unwrap();
    assert_eq!((release.feed.as_str(), removed), ("stix-2.0", Removed { versions: 1, objects: 0 }));
    assert_eq!(all(&world).await.len(), 1);
    assert_eq!(world.find("T9001").await.view.release.feed, "stix-2.1");
    assert!(remove(library, "mobile-attack", number, None).await.is_err());
}

#[tokio::test]
async fn a_release_that_goes_while_another_is_read_does_not_leave_holes() {
    let world = World::new().await;
    world.release("1.0", &[technique(), mitigation()]).await;
    let paths = vec![
        world.file("enterprise-attack-2.0.json", &bundle(&[mitigation()])),
        world.file("enterprise-attack-3.0.json", &bundle(&[technique()])),
    ];
    let options = ImportOptions { paths, ..ImportOptions::default() };
    let address = format!("sqlite:{}", world.folder.path().join("library.sqlite").display());
    let mut told = Vec::new();
    import(world.catalog.library(), options, Arc::new(Here), Arc::default(), |outcome| {
        if told.is_empty() {
            // Between two releases of one import, by another process.
            let address = address.clone();
            let removing = std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async {
                    let library = lazaret_store::Library::open(&address).await.unwrap();
                    remove(&library, "enterprise-attack", "1.0".parse().unwrap(), None).await.unwrap();
                });
            });
            removing.join().unwrap();
        }
        told.push(format!("{outcome:?}"));
    })
    .await
    .unwrap();
    assert!(told[1].contains("Refused") && told[1].contains("removed from the library"), "{told:?}");
    world.catalog.look_again();
    assert_eq!(all(&world).await.len(), 1);
}
