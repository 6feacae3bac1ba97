//! What analysts say stays bound to what they read.

use crate::world::*;
use lazaret_attack::{Catalog, Deed, Fit, TakeError, act, begin, check, look, read_take, served, takes_now, template};
use lazaret_store::{NewTake, Take, TakeChange, TakeState, TakeStep};
use serde_json::{Value, json};

/// A world with an entry, a mitigation of it, and nothing written yet.
async fn written() -> World {
    let world = World::new().await;
    world.release("1.0", &[technique(), mitigation(), relation(1, "mitigates", MITIGATION, TECHNIQUE)]).await;
    world
}

/// A good document about the entry.
async fn document(world: &World) -> Value {
    let mut document = template(&world.find("T9001").await);
    document["title"] = "What to do about opening things".into();
    document["summary"] = "People open things; what helps is to teach them, and to look first.".into();
    document["claims"] = json!([{
        "text": "The definition says what it is.",
        "confidence": "high",
        "evidence": [
            { "kind": "quote", "text": "What Opening Things is" },
            { "kind": "relationship", "id": relation(1, "mitigates", MITIGATION, TECHNIQUE)["id"] },
            { "kind": "citation", "source_name": "A report" },
            { "kind": "link", "url": "https://report.invalid/", "title": "A report", "retrieved": "2026-01-31" },
        ],
    }]);
    document
}

fn refused<T: std::fmt::Debug>(result: Result<T, TakeError>) -> String {
    result.unwrap_err().to_string()
}

/// Does something by which somebody vouches for the take as it is now.
async fn vouch(catalog: &Catalog, id: i64, who: &str, deed: Deed) -> Result<Take, TakeError> {
    let revision = catalog.library().take(id).await.unwrap().unwrap().revision;
    act(catalog, id, Some(revision), who, deed, "").await
}

async fn shown(world: &World) -> (usize, usize) {
    let found = world.find("T9001").await;
    let served = served(&world.catalog, &found.version, &found.view.release).await.unwrap();
    (served.published.len(), served.pending)
}

#[tokio::test]
async fn a_take_is_published_by_somebody_else_and_only_while_its_source_is_current() {
    let world = written().await;
    let catalog = &world.catalog;
    let text = document(&world).await.to_string();
    let id = begin(catalog, "karl", &text).await.unwrap();
    assert_eq!(shown(&world).await, (0, 0), "a draft is nobody's business");
    assert!(refused(vouch(catalog, id, "anna", Deed::Publish).await).contains("only a submitted take"));
    act(catalog, id, None, "karl", Deed::Submit, "").await.unwrap();
    assert_eq!(shown(&world).await, (0, 1));
    assert!(refused(vouch(catalog, id, "karl", Deed::Publish).await).contains(
        "authors cannot publish their own \
        takes"
    ));
    // Somebody who edited it wrote it as well.
    act(catalog, id, None, "eve", Deed::Edit(text.clone()), "").await.unwrap();
    act(catalog, id, None, "karl", Deed::Submit, "").await.unwrap();
    assert!(refused(vouch(catalog, id, "eve", Deed::Publish).await).contains("authors cannot publish their own takes"));
    assert!(refused(act(catalog, id, Some(1), "anna", Deed::Publish, "").await).contains("in the meantime"));
    assert!(refused(act(catalog, id, None, "anna", Deed::Publish, "").await).contains("state which revision you read"));
    assert!(refused(act(catalog, id, None, "anna", Deed::Return, "").await).contains("say what needs to change"));
    act(catalog, id, None, "anna", Deed::Return, "Shorter, please").await.unwrap();
    act(catalog, id, None, "karl", Deed::Submit, "").await.unwrap();
    let take = vouch(catalog, id, "anna", Deed::Publish).await.unwrap();
    assert_eq!((take.state, take.reviewer.as_str()), (TakeState::Published, "anna"));
    assert_eq!(shown(&world).await, (1, 0));
    // The next release says something else.
    let other = with(technique(), json!({ "description": "Other words." }));
    world.release("2.0", &[other, mitigation(), relation(1, "mitigates", MITIGATION, TECHNIQUE)]).await;
    let before = catalog.library().take(id).await.unwrap();
    assert_eq!(shown(&world).await, (0, 1));
    let (take, checked) = look(catalog, id).await.unwrap();
    assert_eq!(take.state, TakeState::Stale);
    assert_eq!(takes_now(catalog, None).await.unwrap()[0].state, TakeState::Stale);
    assert_eq!(catalog.library().take(id).await.unwrap(), before, "reading wrote");
    assert!(matches!(&checked.fit, Fit::Outdated { source: true, relationships: false, .. }), "{:?}", checked.fit);
    assert_eq!(
        (checked.fit.changes()[0].field.as_str(), checked.fit.changed().as_str()),
        ("description", "description")
    );
    assert!(refused(vouch(catalog, id, "anna", Deed::Revalidate).await).contains("more than metadata"));
    assert!(refused(act(catalog, id, None, "karl", Deed::Withdraw, "").await).contains("say why"));
    act(catalog, id, None, "karl", Deed::Withdraw, "Outdated").await.unwrap();
    assert_eq!(shown(&world).await, (0, 0));
    assert!(refused(act(catalog, id, None, "karl", Deed::Edit(text), "").await).contains(
        "a withdrawn take cannot be \
        changed"
    ));
    let steps = catalog.library().take_steps(id).await.unwrap();
    let roles = |role: fn(&TakeStep) -> bool| -> Vec<&str> {
        steps.iter().filter(|step| role(step)).map(|step| step.who.as_str()).collect()
    };
    assert_eq!((roles(|step| step.wrote), roles(|step| step.published)), (vec!["karl", "eve"], vec!["anna"]));
    let steps: Vec<_> = steps.iter().map(|step| format!("{} {}", step.who, step.what)).collect();
    assert_eq!(
        steps,
        [
            "karl begun",
            "karl handed in",
            "eve edited",
            "karl handed in",
            "anna sent back",
            "karl handed in",
            "anna published",
            "karl withdrawn"
        ]
    );
}

#[tokio::test]
async fn bookkeeping_alone_is_confirmed_with_one_step() {
    let world = written().await;
    let catalog = &world.catalog;
    let id = begin(catalog, "karl", &document(&world).await.to_string()).await.unwrap();
    act(catalog, id, None, "karl", Deed::Submit, "").await.unwrap();
    vouch(catalog, id, "anna", Deed::Publish).await.unwrap();
    let dated = |value| with(value, json!({ "modified": "2022-01-01T00:00:00.000Z" }));
    let link = dated(relation(1, "mitigates", MITIGATION, TECHNIQUE));
    world.release("2.0", &[dated(technique()), mitigation(), link]).await;
    assert_eq!(shown(&world).await, (0, 1), "shown although its source is another one");
    let (_, checked) = look(catalog, id).await.unwrap();
    let Fit::Bookkeeping(changes) = checked.fit else { panic!("{:?}", checked.fit) };
    let fields: Vec<_> = changes.iter().map(|change| change.field.rsplit(": ").next().unwrap()).collect();
    assert_eq!(fields, ["modified", "modified"]);
    assert!(refused(vouch(catalog, id, "karl", Deed::Revalidate).await).contains("authors cannot publish"));
    vouch(catalog, id, "anna", Deed::Revalidate).await.unwrap();
    assert_eq!(shown(&world).await, (1, 0));
    let (take, checked) = look(catalog, id).await.unwrap();
    assert_eq!(
        (take.state, checked.fit, checked.document.release.as_str()),
        (TakeState::Published, Fit::Current, "2.0")
    );
    // A relationship more is another set.
    let objects = [dated(technique()), mitigation(), dated(relation(1, "mitigates", MITIGATION, TECHNIQUE))];
    let more = [&objects[..], &[relation(2, "related-to", MITIGATION, TECHNIQUE)]].concat();
    world.release("3.0", &more).await;
    assert_eq!(shown(&world).await, (0, 1));
    let (_, checked) = look(catalog, id).await.unwrap();
    assert!(matches!(checked.fit, Fit::Outdated { source: false, relationships: true, .. }), "{:?}", checked.fit);
    // And it is told which one.
    let told: Vec<_> =
        checked.fit.changes().iter().map(|change| (change.field.as_str(), &change.old, &change.new)).collect();
    let second = relation(2, "related-to", MITIGATION, TECHNIQUE);
    let said = Some(json!("M9001 Teach People related to T9001 Opening Things"));
    assert_eq!(told, [(second["id"].as_str().unwrap(), &None, &said)]);
    assert_eq!(checked.fit.changed(), "relationships: 1 added");
    // And gone altogether.
    world.release("4.0", &[mitigation()]).await;
    let (_, checked) = look(catalog, id).await.unwrap();
    assert_eq!(checked.fit, Fit::Gone);
}

#[tokio::test]
async fn nobody_vouches_again_for_evidence_that_does_not_hold() {
    let world = written().await;
    let catalog = &world.catalog;
    let mut good = document(&world).await;
    // What was published before a check was there, or past all checks.
    good["claims"][0]["evidence"] = json!([{ "kind": "quote", "text": "words that it never says" }]);
    let (feed, domain) = ("stix-2.0".to_owned(), "enterprise-attack".to_owned());
    let new = NewTake { object: TECHNIQUE.to_owned(), feed, domain, document: good.to_string(), ..NewTake::default() };
    let id = catalog.library().add_take(&new).await.unwrap();
    let (state, step) = (TakeState::Published, TakeStep::default());
    let change = TakeChange { revision: 1, state, reviewer: "anna".to_owned(), document: None, step };
    assert!(catalog.library().change_take(id, &change).await.unwrap());
    assert_eq!(shown(&world).await, (0, 1));
    assert_eq!(takes_now(catalog, Some(TECHNIQUE)).await.unwrap()[0].state, TakeState::Stale);
    assert!(refused(vouch(catalog, id, "anna", Deed::Revalidate).await).contains("the quoted text is not in"));
}

#[tokio::test]
async fn evidence_that_is_not_there_is_named() {
    let world = written().await;
    let good = document(&world).await;
    let with_evidence = |evidence: Value| {
        let mut document = good.clone();
        document["claims"][0]["evidence"] = json!([evidence]);
        document
    };
    for (document, place, reason) in [
        (
            with_evidence(json!({ "kind": "quote", "text": "words that it never says" })),
            "/claims/0/evidence/0",
            "the quoted text is not in",
        ),
        (
            with_evidence(json!({ "kind": "citation", "source_name": "Another" })),
            "/claims/0/evidence/0",
            "no reference",
        ),
        (
            with_evidence(json!({ "kind": "relationship", "id": "relationship--0f" })),
            "/claims/0/evidence/0",
            "no such relationship",
        ),
        (linked(&good, "2999-01-01"), "/claims/0/evidence/0/retrieved", "is in the future"),
        (with(good.clone(), json!({ "source_sha256": "0".repeat(64) })), "/source_sha256", "not the hash"),
        (
            with(good.clone(), json!({ "relationships_sha256": "0".repeat(64) })),
            "/relationships_sha256",
            "not the hash",
        ),
        (with(good.clone(), json!({ "release": "7.0" })), "/release", "no such object in 7.0"),
        (with(good.clone(), json!({ "object": "tool--0a" })), "/object", "has the ID"),
    ] {
        let error = begin(&world.catalog, "karl", &document.to_string()).await.unwrap_err();
        let TakeError::Troubles(troubles) = error else { panic!("{error}") };
        assert!(troubles[0].place == place && troubles[0].message.contains(reason), "{troubles:?}");
    }
    assert!(world.catalog.library().takes(None).await.unwrap().is_empty());
    let checked = check(&world.catalog, &read_take(&good.to_string()).unwrap()).await.unwrap();
    assert!(checked.troubles.is_empty() && checked.fit == Fit::Current);
}

/// The document with another member of its first claim.
fn said(document: &Value, name: &str, value: Value) -> Value {
    let mut other = document.clone();
    other["claims"][0][name] = value;
    other
}

/// The document with a page that was read on this day.
fn linked(document: &Value, retrieved: &str) -> Value {
    let link = json!({ "kind": "link", "url": "https://report.invalid/", "title": "A report", "retrieved": retrieved });
    said(document, "evidence", json!([link]))
}

#[tokio::test]
async fn documents_follow_the_schema() {
    let world = written().await;
    let good = document(&world).await;
    assert!(read_take(&good.to_string()).is_ok());
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("claims");
    for (document, place) in [
        (with(good.clone(), json!({ "title": "" })), "/title"),
        (with(good.clone(), json!({ "claims": [] })), "/claims"),
        (
            with(
                good.clone(),
                json!({ "claims": [{ "text": "long enough to say", "confidence": "sure", "evidence": [] }] }),
            ),
            "/claims/0",
        ),
        // Blanks, what nobody sees, and days that there are not.
        (with(good.clone(), json!({ "title": " \t \u{200b}\u{200b} " })), "/title"),
        (with(good.clone(), json!({ "summary": " ".repeat(40) })), "/summary"),
        (said(&good, "text", json!("\u{2060}           ")), "/claims/0/text"),
        (linked(&good, "2026-13-45"), "/claims/0/evidence/0/retrieved"),
        (linked(&good, "2026-02-30"), "/claims/0/evidence/0/retrieved"),
        (with(good.clone(), json!({ "feed": "stix-3" })), "/feed"),
        (with(good.clone(), json!({ "more": 1 })), ""),
        (without, ""),
        (json!([]), ""),
    ] {
        let troubles = read_take(&document.to_string()).unwrap_err();
        assert!(troubles.iter().any(|trouble| trouble.place.starts_with(place)), "{place}: {troubles:?}");
    }
    assert!(read_take("{").unwrap_err()[0].message.contains("not JSON"));
    assert!(read_take("{\"schema\":1,\"schema\":2}").unwrap_err()[0].message.contains("occurs twice"));
}

#[tokio::test]
async fn what_became_of_relationships_is_told_one_by_one() {
    let world = World::new().await;
    let group = object(GROUP, "G9001", "Quiet Weasel", "2020-01-01");
    let (first, second, third) = (
        relation(1, "mitigates", MITIGATION, TECHNIQUE),
        relation(2, "uses", GROUP, TECHNIQUE),
        relation(3, "related-to", TECHNIQUE, TECHNIQUE),
    );
    let all = [technique(), mitigation(), group.clone(), first.clone(), second.clone(), third];
    world.release("1.0", &all).await;
    let id = begin(&world.catalog, "karl", &document(&world).await.to_string()).await.unwrap();
    // The first one says something else, the other end of the second one is given up, the third one is gone.
    let other = with(first, json!({ "description": "Other words." }));
    let dead = with(group, json!({ "x_mitre_deprecated": true }));
    let more = relation(4, "mitigates", MITIGATION, TECHNIQUE);
    world.release("2.0", &[technique(), mitigation(), dead, other, second, more]).await;
    let (_, checked) = look(&world.catalog, id).await.unwrap();
    assert_eq!(checked.fit.changed(), "relationships: 1 added, 1 removed, 2 changed");
    assert_eq!(checked.fit.changes().len(), 4, "{:?}", checked.fit);
    let removed = checked.fit.changes().iter().find(|change| change.new.is_none()).unwrap();
    assert_eq!(removed.old, Some(json!("T9001 Opening Things related to T9001 Opening Things")));
    let status = checked.fit.changes().iter().find(|change| change.field.ends_with(": status")).unwrap();
    assert_eq!(status.new, Some(json!("the other object is revoked or deprecated")));
    assert!(checked.fit.changes().iter().any(|change| change.field.ends_with(": description")));
}
