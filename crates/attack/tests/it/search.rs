//! Searching, and layers of the Navigator.

use crate::world::*;
use lazaret_attack::{Question, Search, entry_layer, layer_upgraded, read_layers};
use serde_json::json;

async fn filled() -> World {
    let world = World::new().await;
    let sub = with(
        object("attack-pattern--0a000000-0000-4000-8000-000000000009", "T9001.001", "Opening Letters", "2020-01-01"),
        json!({
            "x_mitre_is_subtechnique": true,
            "kill_chain_phases": [{ "kill_chain_name": "mitre-attack", "phase_name": "execution" }],
            "x_mitre_platforms": ["macOS"],
        }),
    );
    let old = with(object(OLD, "T8002", "Opening Mail", "2020-01-01"), json!({ "revoked": true }));
    let dead = with(object(OLDER, "T8003", "Opening Doors", "2020-01-01"), json!({ "x_mitre_deprecated": true }));
    let group = with(
        object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"),
        json!({ "aliases": ["Quiet Weasel", "Crooked Pine"], "description": "They send [letters](https://attack.mitre.org/techniques/T9001) about zebras.(Citation: A report)" }),
    );
    let tactic = with(object(TACTIC, "TA9001", "Execution", "2020-01-01"), json!({ "x_mitre_shortname": "execution" }));
    let matrix =
        with(object(MATRIX, "enterprise-attack", "Enterprise", "2020-01-01"), json!({ "tactic_refs": [TACTIC] }));
    let stix_id = sub["id"].as_str().unwrap().to_owned();
    let objects = [
        technique(),
        mitigation(),
        group,
        tactic,
        matrix,
        old,
        dead,
        relation(1, "subtechnique-of", &stix_id, TECHNIQUE),
        relation(2, "revoked-by", OLD, TECHNIQUE),
        relation(3, "uses", GROUP, &stix_id),
        relation(4, "uses", GROUP, OLDER),
        sub,
    ];
    world.release("1.0", &objects).await;
    world
}

async fn ask(world: &World, search: &Search, question: Question) -> Vec<String> {
    let found = search.search(&world.catalog, &Question { limit: 10, ..question }).await.unwrap();
    found.hits.into_iter().map(|hit| hit.attack_id).collect()
}

fn words(text: &str) -> Question {
    Question { words: text.to_owned(), ..Question::default() }
}

#[tokio::test]
async fn entries_are_found_by_name_id_alias_and_text_with_mistakes() {
    let world = filled().await;
    let folder = world.folder.path().join("index");
    let search = Search::new(Some(folder.clone()));
    for (text, first) in [
        ("T9001", "T9001"),
        ("t9001.001", "T9001.001"),
        ("Opening Letters", "T9001.001"),
        ("openihg lettars", "T9001.001"),
        ("crooked pine", "G9001"),
        ("corked pine", "G9001"),
        ("quie", "G9001"),
        ("zebras", "G9001"),
        ("execution", "TA9001"),
        (TECHNIQUE, "T9001"),
    ] {
        assert_eq!(ask(&world, &search, words(text)).await.first().map(String::as_str), Some(first), "{text}");
    }
    // What is live comes before what is not.
    let mut opening = ask(&world, &search, words("opening")).await;
    opening[..2].sort();
    opening[2..].sort();
    assert_eq!(opening, ["T9001", "T9001.001", "T8002", "T8003"]);
    assert!(ask(&world, &search, words("xylophone")).await.is_empty());
    assert!(ask(&world, &search, words("(Citation")).await.is_empty(), "citations are no text");
    // None has both words; some have one.
    let found = search.search(&world.catalog, &Question { limit: 5, ..words("zebras xylophone") }).await.unwrap();
    assert!(found.loose && found.hits[0].attack_id == "G9001");
    // Filters.
    let filtered = |fields: fn(&mut Question)| {
        let mut question = words("opening");
        fields(&mut question);
        question
    };
    let only = |list: Vec<String>| list.join(" ");
    assert_eq!(only(ask(&world, &search, filtered(|q| q.status = "revoked".into())).await), "T8002");
    assert_eq!(only(ask(&world, &search, filtered(|q| q.platform = "macOS".into())).await), "T9001.001");
    assert_eq!(only(ask(&world, &search, filtered(|q| q.section = "mitigations".into())).await), "");
    assert_eq!(only(ask(&world, &search, filtered(|q| q.domain = "mobile-attack".into())).await), "");
    let (platforms, tactics) = search.choices(&world.catalog).await.unwrap();
    assert_eq!((platforms.join(" "), tactics.join(" ")), ("linux macos windows".to_owned(), "execution".to_owned()));
    // While somebody types, only names and ids.
    let begun = Question { begun: true, ..words("zeb") };
    assert!(ask(&world, &search, begun).await.is_empty());
    assert_eq!(ask(&world, &search, Question { begun: true, ..words("T90") }).await.len(), 2);
    // Another release makes another index, and the old one goes.
    world.release("2.0", &[with(technique(), json!({ "name": "Looking At Things" }))]).await;
    assert_eq!(ask(&world, &search, words("looking")).await, ["T9001"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    // Who has no folder searches as well.
    assert_eq!(ask(&world, &Search::new(None), words("looking")).await, ["T9001"]);
    // A damaged index is made anew.
    let index = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(index.join("meta.json"), "{").unwrap();
    assert_eq!(ask(&world, &Search::new(Some(folder)), words("looking")).await, ["T9001"]);
}

#[tokio::test]
async fn layers_are_brought_up_to_a_release() {
    let world = filled().await;
    let view = world.find("T9001").await.view;
    let layer = read_layers(
        br#"{"version":"2.0","name":"mine","domain":"mitre-enterprise","techniques":[
            {"techniqueID":"T9001","score":3,"tactic":"execution"},{"techniqueID":"T8002","comment":"old"},
            {"techniqueID":"T8003"},{"techniqueID":"T7777"},{"techniqueID":"T9001.001","tactic":"persistence"}]}"#,
    );
    let (layer, notes) = layer_upgraded(&layer.unwrap()[0], &view);
    let notes: Vec<_> = notes.iter().map(|note| format!("{}: {}", note.id, note.what)).collect();
    assert_eq!(
        notes,
        [
            "T8002: revoked; replaced by T9001 Opening Things",
            "T8003: deprecated; no replacement",
            "T7777: not in 1.0",
            "T9001.001: no longer under the tactic persistence; marked wherever it appears now",
        ]
    );
    let json = serde_json::Value::Object(layer.json().clone());
    let ids: Vec<_> = json["techniques"].as_array().unwrap().iter().map(|one| one["techniqueID"].clone()).collect();
    assert_eq!(ids, ["T9001", "T9001", "T8003", "T7777", "T9001.001"]);
    assert_eq!((&json["techniques"][1]["comment"], &json["techniques"][4]["tactic"]), (&json!("old"), &json!(null)));
    assert_eq!(json["versions"], json!({ "attack": "1", "navigator": "4.9.0", "layer": "4.5" }));
}

#[tokio::test]
async fn an_entry_s_techniques_are_a_layer() {
    let world = filled().await;
    let of = async |id: &str| {
        let layer = serde_json::Value::Object(entry_layer(&world.find(id).await));
        // What is written is read.
        assert_eq!(read_layers(layer.to_string().as_bytes()).unwrap().len(), 1);
        let techniques = layer["techniques"].as_array().unwrap();
        techniques.iter().map(|one| one["techniqueID"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("G9001").await, "T9001.001", "what is dead is in no layer");
    assert_eq!(of("T9001").await, "T9001 T9001.001");
    assert_eq!(of("TA9001").await, "T9001 T9001.001");
    assert_eq!(of("M9001").await, "");
}
