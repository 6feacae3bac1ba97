//! Releases as tables, and what somebody chose of one as a bundle.

use crate::world::*;
use lazaret_attack::{AttackError, Sheet, ids_of, selected_bundle, sheet_csv, sheets, sheets_json, workbook};
use serde_json::{Value, json};

async fn filled() -> World {
    let world = World::new().await;
    let marking = json!({ "type": "marking-definition", "id": "marking-definition--0a000000-0000-4000-8000-000000000001",
        "created": "2020-01-01T00:00:00.000Z", "definition_type": "statement", "definition": { "statement": "Copyright of a test" } });
    let tactic = with(object(TACTIC, "TA9001", "Execution", "2020-01-01"), json!({ "x_mitre_shortname": "execution" }));
    let group = with(
        object(GROUP, "G9001", "Quiet Weasel", "2020-01-01"),
        json!({ "aliases": ["Quiet Weasel", "Crooked Pine"], "description": "=HYPERLINK(\"https://evil.invalid\")" }),
    );
    let old = with(object(OLD, "T8002", "Opening Mail", "2020-01-01"), json!({ "revoked": true }));
    let ends = [
        relation(1, "mitigates", MITIGATION, TECHNIQUE),
        relation(2, "uses", GROUP, TECHNIQUE),
        relation(3, "revoked-by", OLD, TECHNIQUE),
    ];
    let objects = [vec![technique(), mitigation(), group, tactic, old, marking], ends.to_vec()].concat();
    world.release("1.0", &objects).await;
    world
}

fn named<'a>(sheets: &'a [Sheet], name: &str) -> &'a Sheet {
    sheets.iter().find(|sheet| sheet.name == name).unwrap_or_else(|| panic!("there is no sheet `{name}`"))
}

fn cell(sheet: &Sheet, row: usize, column: &str) -> String {
    let place = sheet.head.iter().position(|head| *head == column).unwrap();
    sheet.rows[row][place].clone()
}

#[tokio::test]
async fn a_release_has_the_sheets_and_columns_of_the_official_spreadsheets() {
    let world = filled().await;
    let view = world.find("T9001").await.view;
    let all = sheets(&world.catalog, &view, &[]).await.unwrap();
    let names: Vec<_> = all.iter().map(|sheet| sheet.name).collect();
    assert_eq!(names, ["techniques", "tactics", "groups", "mitigations", "relationships", "citations"]);
    assert!(all.iter().all(|sheet| sheet.rows.iter().all(|row| row.len() == sheet.head.len())));
    let techniques = named(&all, "techniques");
    assert_eq!(techniques.rows.len(), 1, "what is revoked is in none of them");
    for (column, text) in [
        ("ID", "T9001"),
        ("STIX ID", TECHNIQUE),
        ("name", "Opening Things"),
        ("url", "https://attack.mitre.org/x/T9001"),
        ("created", "01 January 2020"),
        ("domain", "enterprise-attack"),
        ("version", "1.0"),
        ("tactics", "Execution"),
        ("platforms", "Linux, Windows"),
        ("is sub-technique", "FALSE"),
        ("sub-technique of", ""),
        ("relationship citations", "(Citation: A report)"),
    ] {
        assert_eq!(cell(techniques, 0, column), text, "{column}");
    }
    assert_eq!(cell(named(&all, "groups"), 0, "associated groups"), "Crooked Pine");
    let relationships = named(&all, "relationships");
    assert_eq!(relationships.rows.len(), 2, "what leads to something revoked is left out");
    assert_eq!(cell(relationships, 0, "source type"), "group");
    assert_eq!(cell(relationships, 0, "target ID"), "T9001");
    assert_eq!(named(&all, "citations").rows, [["A report", "A report. (2020).", "https://report.invalid/"]]);
    assert_eq!(sheets_json(&all)["groups"][0]["ID"], "G9001");
    assert!(sheets_json(&all)["techniques"][0].get("sub-technique of").is_none());
    // A table is text, whatever its cells begin with.
    let table = sheet_csv(named(&all, "groups"));
    assert!(table.contains("'=HYPERLINK") && table.starts_with("ID,STIX ID,name,"), "{table}");
    let bytes = workbook(&all).unwrap();
    assert!(bytes.starts_with(b"PK"), "a workbook is a ZIP archive");
}

#[tokio::test]
async fn a_selection_is_a_bundle_of_its_own_with_objects_to_the_byte() {
    let world = filled().await;
    let view = world.find("T9001").await.view;
    let ids = ids_of("G9001, t9001\nT8002");
    assert_eq!(ids.len(), 3);
    let bytes = selected_bundle(&world.catalog, &view, &ids).await.unwrap();
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&bundle["type"], &bundle["spec_version"]), (&json!("bundle"), &json!("2.0")));
    let ids_in: Vec<_> = bundle["objects"].as_array().unwrap().iter().map(|object| object["id"].clone()).collect();
    assert!(ids_in.contains(&json!(TECHNIQUE)) && ids_in.contains(&json!(GROUP)) && ids_in.contains(&json!(OLD)));
    assert!(!ids_in.contains(&json!(MITIGATION)), "{ids_in:?}");
    // Both relationships between what was chosen, and the terms.
    assert_eq!(ids_in.len(), 3 + 2 + 1, "{ids_in:?}");
    let exact = serde_json::to_vec(&technique()).unwrap();
    assert!(bytes.windows(exact.len()).any(|window| window == exact), "objects are as they were published");
    // The same choice is the same bundle; what it says is imported again.
    assert_eq!(selected_bundle(&world.catalog, &view, &ids).await.unwrap(), bytes);
    let own = sheets(&world.catalog, &view, &["T8002".to_owned()]).await.unwrap();
    assert_eq!(cell(named(&own, "techniques"), 0, "ID"), "T8002", "whoever names an entry gets it, revoked or not");
    assert_eq!(named(&own, "relationships").rows.len(), 1);
    for wrong in [["T4711".to_owned()].as_slice(), &[]] {
        let error = selected_bundle(&world.catalog, &view, wrong).await.unwrap_err();
        assert!(matches!(error, AttackError::Unknown(_) | AttackError::Named(_)), "{error}");
    }
}

#[test]
fn a_text_that_no_cell_could_hold_is_cut_and_says_so() {
    let sheet = Sheet { name: "techniques", head: &["ID"], rows: vec![vec!["x".repeat(40_000)]] };
    assert!(workbook(std::slice::from_ref(&sheet)).is_ok());
    assert!(sheet_csv(&sheet).len() > 40_000, "only cells of a workbook are");
}
