//! Layers that are kept: begun, edited, put together and given back, by whoever may.

use crate::gate::people::{Staff, administrator};
use crate::shelf_pages::{fetched, reader, served};
use serde_json::{Value, json};

/// Sends a form of somebody's; what comes back, with its status at the end.
fn post(staff: &Staff<'_>, path: &str, fields: &[(&str, &str)]) -> String {
    let csrf = staff.csrf();
    staff.post(path, &[&[("csrf", csrf.as_str())], fields].concat())
}

/// What a form has beside its techniques.
const REST: [(&str, &str); 8] = [
    ("do", "save"),
    ("name", "Seen"),
    ("description", "What we saw"),
    ("platforms", "Windows, Linux"),
    ("legend", "#fd8d3c seen"),
    ("least", "0"),
    ("most", "10"),
    ("colors", "#ffffff, #ff0000"),
];

fn mark<'a>(id: &'a str, score: &'a str, comment: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("id", id), ("tactic", ""), ("score", score), ("color", ""), ("comment", comment), ("enabled", "on")]
}

#[test]
fn a_layer_is_begun_edited_kept_with_its_versions_and_opens_in_the_navigator() {
    let served = served("");
    let admin = administrator(&served);
    let (karl, viktor) = (admin.colleague("karl", "analyst"), admin.colleague("viktor", "viewer"));
    // Strangers see none of it, and viewers change nothing.
    assert_eq!(reader(&served).status("/attack/layers/saved"), 303);
    assert!(!viktor.get("/attack/layers/saved").contains("Create a layer"));
    let begin = [("name", "Seen"), ("domain", "enterprise-attack")];
    assert!(post(&viktor, "/attack/layers/saved", &begin).ends_with("403"));
    assert!(post(&karl, "/attack/layers/saved", &begin).ends_with("303"));
    assert!(post(&karl, "/attack/layers/saved", &begin).ends_with("409"), "a name is one layer's");
    let save = |revision: &str, marks: &[(&str, &str)]| {
        let fields = [&[("revision", revision)], &REST[..], marks].concat();
        post(&karl, "/attack/layers/saved/1", &fields)
    };
    assert!(save("1", &mark("T9001", "many", "")).ends_with("422"), "a score is a number");
    assert!(save("1", &mark("t9001", "7", "<b>ours</b>")).ends_with("303"));
    assert!(save("1", &mark("T9001", "8", "")).ends_with("409"), "somebody was quicker");
    let page = viktor.get("/attack/layers/saved/1");
    assert!(page.contains("class=\"score\">7<") && !page.contains("<b>ours"), "{page}");
    assert!(page.contains("version 2 of 2") && !page.contains(">Edit<"), "{page}");
    assert!(!viktor.get("/attack/layers/saved/1?version=1").contains("class=\"score\""), "the first one had none");
    let (status, head, body) = fetched(&viktor, "/attack/layers/saved/1?form=json", &[]);
    let layer: Value = serde_json::from_str(&body).unwrap();
    assert!(status == 200 && head.contains("filename=\"seen.json\""), "{head}");
    assert_eq!(
        (&layer["versions"]["layer"], &layer["filters"]["platforms"]),
        (&json!("4.5"), &json!(["Windows", "Linux"]))
    );
    assert_eq!(
        layer["techniques"],
        json!([{ "techniqueID": "T9001", "score": 7.0, "comment": "<b>ours</b>", "enabled": true }])
    );
    // A second one, pasted, and what both say together.
    let other = json!({ "versions": { "layer": "4.5" }, "name": "Theirs", "domain": "enterprise-attack",
        "techniques": [{ "techniqueID": "T9001", "score": 2 }] });
    assert!(post(&karl, "/attack/layers/saved", &[("layer", &other.to_string())]).ends_with("303"));
    let page = karl.get("/attack/layers/saved?expression=a+%2B+b");
    assert!(page.contains("class=\"score\">9<") && page.contains("a is Seen, b is Theirs"), "{page}");
    let (status, _, page) = fetched(&karl, "/attack/layers/saved?expression=a+%2B", &[]);
    assert!(status == 422 && page.contains("it ends where"), "{page}");
    assert!(post(&karl, "/attack/layers/saved/1", &[("do", "remove"), ("revision", "2")]).ends_with("303"));
    assert_eq!(karl.status("/attack/layers/saved/1"), 404);
    let audit = admin.get("/audit");
    assert!(audit.contains("layer saved") && audit.contains("layer removed"), "{audit}");
}
