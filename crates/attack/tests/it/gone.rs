//! What the newest release does not have any more is told as gone, and ids lead to who has them today.

use crate::world::*;
use lazaret_attack::{Choice, Gone, Question, Search, authors, ends, path_of, section_at, spelled, summary};
use serde_json::json;

const TWIN: &str = "intrusion-set--0c000000-0000-4000-8000-000000000002";

#[tokio::test]
async fn an_entry_that_vanished_from_the_newest_release_is_gone_and_not_live() {
    let world = World::new().await;
    let tool = object("tool--0a000000-0000-4000-8000-000000000001", "S9001", "Grey Tool", "2020-01-01");
    let dead = with(object(OLD, "T8002", "Opening Mail", "2020-01-01"), json!({ "x_mitre_deprecated": true }));
    world.release("8.0", &[technique(), tool.clone(), dead]).await;
    assert_eq!((world.find("S9001").await.standing(), world.find("S9001").await.gone), ("live", None));
    world.release("18.1", &[technique()]).await;
    let told = Gone { domain: "enterprise-attack".into(), newest: "18.1".into(), last: "8.0".into() };
    for found in [world.find("S9001").await, world.find_in("S9001", "8.0").await] {
        assert_eq!((found.standing(), found.gone.as_ref()), ("gone", Some(&told)));
        let told = summary(&world.catalog, &found).await.unwrap();
        assert_eq!((&told["status"], &told["gone"]["last"]), (&json!("gone"), &json!("8.0")));
    }
    // What was deprecated and then vanished is both.
    let found = world.find("T8002").await;
    assert_eq!((found.standing(), found.gone.is_some()), ("deprecated", true));
    assert_eq!((world.find("T9001").await.standing(), world.find("T9001").await.gone), ("live", None));
    // The search says the same, puts it last, and does not take it for live.
    let search = Search::new(None);
    let ask = async |words: &str, status: &str| {
        let question = Question { words: words.to_owned(), status: status.to_owned(), limit: 5, ..Question::default() };
        search.search(&world.catalog, &question).await.unwrap().hits
    };
    let hit = &ask("grey tool", "").await[0];
    assert_eq!((hit.status.as_str(), hit.told().as_str()), ("gone", "not in 18.1; last in 8.0"));
    assert!(ask("grey tool", "live").await.is_empty());
    assert_eq!(ask("grey tool", "gone").await.len(), 1);
    // Another release has it again.
    world.release("19.0", &[technique(), tool]).await;
    assert_eq!(world.find("S9001").await.standing(), "live");
}

#[tokio::test]
async fn an_id_leads_to_the_entry_that_has_it_today_and_not_to_a_twin_that_was_taken_out() {
    let world = World::new().await;
    let (own, twin) =
        (object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"), object(TWIN, "G9001", "Quiet Weasel", "2020-01-01"));
    let revoked = with(own.clone(), json!({ "revoked": true }));
    world.release("6.3", &[own, twin]).await;
    world.release("7.0", &[revoked]).await;
    let found = world.find("G9001").await;
    assert_eq!((found.version.stix_id.as_str(), found.standing()), (GROUP, "revoked"));
    assert_eq!(path_of(&found.version), "/groups/G9001");
    assert_eq!(found.namesakes.iter().map(path_of).collect::<Vec<_>>(), [format!("/groups/{TWIN}")]);
    // In the release that had both, both are there.
    let choice = Choice { release: "6.3".parse().ok(), ..Choice::default() };
    let found = world.catalog.find(section_at("groups"), TWIN, &choice).await.unwrap();
    assert_eq!((found.version.stix_id.as_str(), found.standing()), (TWIN, "gone"));
}

#[tokio::test]
async fn ids_and_names_are_found_however_they_are_written_the_live_and_usual_ones_first() {
    let world = World::new().await;
    let sub = with(
        object("attack-pattern--0a000000-0000-4000-8000-000000000009", "T9001.002", "Opening Files", "2020-01-01"),
        json!({ "x_mitre_is_subtechnique": true }),
    );
    let group = with(object(GROUP, "G0029", "APT29", "2020-01-01"), json!({ "aliases": ["APT29", "Cosy Bear"] }));
    let analytic = object("x-mitre-analytic--0a000000-0000-4000-8000-000000000001", "AN9001", "Analytic", "2020-01-01");
    let dead = with(object(OLD, "T8002", "User Execution", "2020-01-01"), json!({ "x_mitre_deprecated": true }));
    let live = object(OLDER, "T8003", "User Execution", "2020-01-01");
    let text = with(mitigation(), json!({ "description": "# A heading\n\n* **zebras** and `code`" }));
    world.release("1.0", &[technique(), sub, group, analytic, dead, live, text]).await;
    let mobile = with(
        object("attack-pattern--0a000000-0000-4000-8000-00000000000a", "T7003", "User Execution", "2020-01-01"),
        json!({ "x_mitre_domains": ["mobile-attack"] }),
    );
    let path = world.file("mobile-attack-1.0.json", &bundle(&[mobile]));
    assert!(world.import(&path).await[0].contains("mobile-attack 1.0"));
    let search = Search::new(None);
    let ask = async |words: &str| {
        let question = Question { words: words.to_owned(), limit: 9, ..Question::default() };
        search.search(&world.catalog, &question).await.unwrap().hits
    };
    for (words, first) in [
        ("T9001.2", "T9001.002"),
        ("t-9001", "T9001"),
        ("9001", "T9001"),
        ("9001.2", "T9001.002"),
        ("APT 29", "G0029"),
        ("apt-29", "G0029"),
        ("cosybear", "G0029"),
        ("AN9001", "AN9001"),
    ] {
        assert_eq!(ask(words).await.first().map(|hit| hit.attack_id.as_str()), Some(first), "{words}");
    }
    let hits = ask("user execution").await;
    let ids: Vec<_> = hits.iter().map(|hit| hit.attack_id.as_str()).collect();
    assert_eq!(ids, ["T8003", "T7003", "T8002"], "of Enterprise, of Mobile, deprecated");
    assert_eq!(ask("zebras").await[0].text, "A heading zebras and code");
    // Who asks for one entry need not write the id as releases do either.
    assert_eq!(world.find("T9001.2").await.version.attack_id, "T9001.002");
    assert_eq!(spelled("t9001/2").as_deref(), Some("T9001.002"));
}

#[tokio::test]
async fn a_relationship_names_what_it_connects_also_where_an_end_is_missing() {
    let world = World::new().await;
    let both = [technique(), relation(1, "uses", GROUP, TECHNIQUE)];
    world.release("1.0", &both).await;
    let id = both[1]["id"].as_str().unwrap();
    let found = world.find(id).await;
    let told = ends(&found.view, &found.version).unwrap();
    assert_eq!((told.source.told(), told.kind.as_str()), (GROUP.to_owned(), "uses"));
    assert_eq!((told.target.told().as_str(), told.target.path.as_str()), ("T9001 Opening Things", "/techniques/T9001"));
    assert_eq!(summary(&world.catalog, &found).await.unwrap()["relation"]["target"]["attack_id"], "T9001");
    assert!(ends(&found.view, &world.find("T9001").await.version).is_none());
}

#[tokio::test]
async fn everybody_who_wrote_a_take_is_named() {
    use lazaret_attack::{Deed, act, begin, template};
    let world = World::new().await;
    world.release("1.0", &[technique()]).await;
    let mut document = template(&world.find("T9001").await);
    document["title"] = "What to do about it".into();
    document["summary"] = "People open things; what helps is to teach them.".into();
    document["claims"] = json!([{ "text": "The definition says what it is.", "confidence": "high",
        "evidence": [{ "kind": "quote", "text": "What Opening Things is" }] }]);
    let text = document.to_string();
    let id = begin(&world.catalog, "karl", &text).await.unwrap();
    for who in ["eve", "karl", "eve"] {
        act(&world.catalog, id, None, who, Deed::Edit(text.clone()), "").await.unwrap();
    }
    let take = world.catalog.library().take(id).await.unwrap().unwrap();
    assert_eq!(authors(&world.catalog, &take).await.unwrap(), ["karl", "eve"]);
    // A form that lay open while another release came is refused.
    world.release("2.0", &[with(technique(), json!({ "description": "Other words." }))]).await;
    let error = begin(&world.catalog, "karl", &text).await.unwrap_err().to_string();
    assert!(error.contains("it is about 1.0, and 2.0 says something else"), "{error}");
}
