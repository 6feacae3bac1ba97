//! Every operation of the API once as it succeeds: what it answers then is what its description says.

use crate::account::{api, token};
use crate::described;
use crate::gate::people::administrator;
use crate::gate::{Served, Site};
use crate::shelf::{filled, json_of};
use corpus::attack::{ADVICE, TECHNIQUE};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_operation_answers_as_it_is_described_when_it_succeeds() {
    let served = Served::in_folder(filled(), "");
    let staff = administrator(&served);
    let admin = token(&staff, "admin");
    // Something that was stopped, which two people ask for.
    let site = Site::plain();
    site.page("/data.bin", "Content-Type: application/octet-stream\r\n", vec![0x9b; 5_000]);
    let stopped = served.curl(&[&site.url("/data.bin")]);
    assert_eq!(stopped.status, 403);
    let text = stopped.text();
    let after = text.split("/ask/").nth(1).unwrap_or_else(|| panic!("{text}"));
    let reference: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
    for name in ["Maria", "Nora"] {
        let asked = staff.another().post(&format!("/ask/{reference}"), &[("name", name), ("reason", "work")]);
        assert!(asked.ends_with("303"), "{asked}");
    }
    let mut succeeded = BTreeSet::new();
    let mut call = |method: &str, path: &str, body: Option<&Value>| -> Value {
        // Whatever it answers is held against the description there.
        let (status, _, answer) = api(&served, method, path, &admin, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        succeeded.insert(format!("{method} {}", described::template(path)));
        answer
    };
    call("GET", "/api/v1/openapi.json", None);
    call("GET", "/api/v1/events?decision=stopped", None);
    call("GET", &format!("/api/v1/events/{reference}"), None);
    let requests = call("GET", "/api/v1/requests", None);
    let ids: Vec<i64> = (0..2_usize).map(|place| requests["requests"][place]["id"].as_i64().unwrap()).collect();
    call("POST", &format!("/api/v1/requests/{}/approve", ids[0]), None);
    call("POST", &format!("/api/v1/requests/{}/deny", ids[1]), Some(&json!({ "answer": "not needed" })));
    let policies = call("GET", "/api/v1/policies", None);
    let change = json!({ "version": policies["version"], "text": policies["text"], "note": "through the API" });
    call("PUT", "/api/v1/policies", Some(&change));
    call("GET", "/api/v1/sites/127.0.0.1", None);
    call("GET", "/api/v1/authorities", None);
    // The library.
    let release = "/api/v1/attack/releases/stix-2.0/enterprise-attack/2.0";
    call("GET", "/api/v1/attack/releases", None);
    call("GET", release, None);
    call("GET", &format!("{release}/bundle"), None);
    call("GET", &format!("{release}/objects?limit=2"), None);
    call("GET", &format!("{release}/objects/{TECHNIQUE}"), None);
    for what in ["", "/history", "/relationships", "/layer"] {
        call("GET", &format!("/api/v1/attack/objects/T9001{what}"), None);
    }
    call("GET", &format!("/api/v1/attack/objects/{ADVICE}/difference?from=1.0&to=2.0"), None);
    call("GET", "/api/v1/attack/diff?from=2.0&to=3.0", None);
    call("GET", "/api/v1/attack/search?q=crooked%20pine", None);
    let marks = json!([{ "techniqueID": "T8002" }]);
    let layer = json!({ "version": "1.0", "name": "a", "domain": "mitre-enterprise", "techniques": marks });
    call("POST", "/api/v1/attack/layers", Some(&layer));
    // What analysts write.
    let mut document = json_of(served.folder.path(), &["takes", "template", "T9001"]);
    document["title"] = "What to do about it".into();
    document["summary"] = "People open things; what helps is to teach them.".into();
    document["claims"] = json!([{ "text": "The definition says what it is.", "confidence": "high",
        "evidence": [{ "kind": "quote", "text": "What Opening Things is" }] }]);
    call("POST", "/api/v1/attack/takes/check", Some(&document));
    let begun = call("POST", "/api/v1/attack/takes", Some(&document));
    let take = format!("/api/v1/attack/takes/{}", begun["take"]["id"]);
    call("GET", "/api/v1/attack/takes", None);
    document["title"] = "What helps".into();
    call("PUT", &take, Some(&document));
    call("GET", &take, None);
    call("POST", &format!("{take}/submit"), None);
    assert_eq!(succeeded, described::operations());
}
