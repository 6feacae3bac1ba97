//! Holds what the API answers against its description: every answer that a test gets is one that programs were told of.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../console/src/server/api/openapi.json")).expect("the description is JSON")
});

/// Whether an address is one of a template, and how many of its pieces stand there as they are.
fn fits(template: &str, path: &str) -> Option<usize> {
    let (template, path) = (template.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
    let all = template.iter().zip(&path).all(|(own, piece)| own == piece || own.starts_with('{') && !piece.is_empty());
    (template.len() == path.len() && all).then(|| template.iter().filter(|own| !own.starts_with('{')).count())
}

fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => DESCRIPTION.pointer(reference.trim_start_matches('#')).expect("it leads somewhere"),
        None => value,
    }
}

/// The template that an address is one of, with what is described there; of several the one with the fewest placeholders.
fn described(path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let paths = DESCRIPTION["paths"].as_object().expect("paths");
    let found = paths.iter().filter_map(|(template, item)| Some((fits(template, path)?, template.as_str(), item)));
    found.max_by_key(|(literal, ..)| *literal).map(|(_, template, item)| (template, item))
}

/// The template of an operation's address.
#[track_caller]
pub fn template(path: &str) -> &'static str {
    described(path).map(|(template, _)| template).unwrap_or_else(|| panic!("{path} is not described"))
}

/// Every operation: method and template.
pub fn operations() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (template, item) in DESCRIPTION["paths"].as_object().expect("paths") {
        let methods = item.as_object().expect("operations").keys().filter(|key| *key != "parameters");
        all.extend(methods.map(|method| format!("{} {template}", method.to_uppercase())));
    }
    all
}

/// Checks an answer: its status is described, and so are its media type and its body.
#[track_caller]
pub fn check(method: &str, path: &str, status: u16, media_type: &str, body: &str) {
    let Some((template, item)) = described(path) else {
        assert_eq!(status, 404, "{method} {path} is not described");
        return;
    };
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert_eq!(status, 405, "{method} {template} is not described");
        return;
    };
    let response = operation["responses"].get(status.to_string());
    let response = resolved(response.unwrap_or_else(|| panic!("{method} {template}: {status} is not described")));
    let Some(content) = response["content"].as_object() else {
        assert!(body.is_empty(), "{method} {template}: {status} has a body that is not described");
        return;
    };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let known: Vec<&String> = content.keys().collect();
    // A parameter may be part of what is described: `application/stix+json;version=2.1`.
    let whole = media_type.replace(' ', "");
    let essence = if content.contains_key(&whole) { &whole } else { essence };
    let content =
        content.get(essence).unwrap_or_else(|| panic!("{method} {template}: {status} is `{essence}`, not {known:?}"));
    if !essence.ends_with("json") || content["schema"].is_null() {
        return;
    }
    let value: Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{method} {template}: {error}: {body}"));
    let mut schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema" });
    schema["components"] = DESCRIPTION["components"].clone();
    schema["allOf"] = json!([content["schema"]]);
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{method} {template}: {error}"));
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{method} {template}: {status} is not as described:\n{}\n{body}", errors.join("\n"));
}

#[test]
fn an_answer_that_is_not_described_is_noticed() {
    let refused = |status, media_type: &'static str, body: &'static str| {
        std::panic::catch_unwind(|| check("GET", "/api/v1/events", status, media_type, body)).is_err()
    };
    assert!(!refused(200, "application/json", r#"{"events":[],"next":null}"#));
    assert!(refused(200, "application/json", r#"{"events":[],"next":"7"}"#));
    assert!(refused(200, "application/json", r#"{"events":[{}],"next":null}"#));
    assert!(refused(200, "text/html", "<p>"));
    assert!(refused(418, "application/json", "{}"));
}
