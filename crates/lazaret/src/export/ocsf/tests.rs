use super::*;
use lazaret_model::{EVENT_SCHEMA, RoomName};
use std::collections::HashSet;

/// What `tools/ocsf.py` wrote down of the schema.
const SCHEMA: &str = include_str!("../../../tests/it/ocsf/schema.json");

fn event(person: &str, decision: Option<Decision>, body: Body) -> Event {
    Event {
        schema: EVENT_SCHEMA.into(),
        reference: "ABCD-2345".into(),
        at: 1_767_225_600_123,
        room: RoomName::GATES,
        person: person.into(),
        groups: Vec::new(),
        client: "192.0.2.1".into(),
        decision,
        techniques: Vec::new(),
        body,
    }
}

fn transfer() -> Box<Transfer> {
    Box::new(Transfer {
        gate: "proxy".into(),
        direction: "download".into(),
        host: "www.site.example".into(),
        domain: "site.example".into(),
        address: "https://www.site.example/a.zip".into(),
        name: "a.zip".into(),
        sha256: "aa".into(),
        size: 12,
        file_kind: "zip".into(),
        class: "archive".into(),
        verdict: "malicious".into(),
        policy: "malicious".into(),
        ..Transfer::default()
    })
}

fn done(who: &str, act: &str, detail: &str) -> Event {
    event(who, None, Body::Administration(Administration { act: act.into(), detail: detail.into() }))
}

/// Every kind of event that there is.
fn every() -> Vec<Event> {
    let decisions = [Decision::Deliver, Decision::Hold, Decision::Block];
    let mut all: Vec<_> = decisions.map(|decision| event("anna", Some(decision), Body::Transfer(transfer()))).into();
    all.extend(decisions.map(|decision| event("", Some(decision), Body::Connection(transfer()))));
    all.push(event("", Some(Decision::Block), Body::Transfer(Box::default())));
    all.push(event("", Some(Decision::Block), Body::Connection(Box::default())));
    for act in AuditAct::ALL {
        all.push(done("anna", act.name(), "bob as viewer"));
        all.push(done("lazaret", act.name(), ""));
    }
    all.push(done("", "an act of another version", "x"));
    all.extend([rung("ada", "for ada"), rung("", "")]);
    all
}

/// What another room tells.
fn rung(who: &str, detail: &str) -> Event {
    let fields = [("times".to_owned(), 3.into())].into_iter().collect();
    let told = RoomEvent { act: "bell rung".into(), detail: detail.into(), fields };
    Event { room: RoomName::new("bell"), ..event(who, None, Body::Room(told)) }
}

#[test]
fn what_a_room_tells_is_of_the_activity_that_it_says() {
    let event = rung("ada", "for ada");
    let Body::Room(told) = &event.body else { panic!("{event:?}") };
    let kind = EventKind { name: "bell rung", about: "", entity: "Bell", activity: Activity::Create };
    let known = from_room(&event, told, Some(kind));
    assert_eq!(
        (&known["class_uid"], &known["activity_id"], &known["type_uid"]),
        (&3004.into(), &1.into(), &300_401.into())
    );
    assert_eq!(known["entity"], json!({ "name": "for ada", "type": "Bell" }));
    assert_eq!(
        (&known["message"], &known["actor"]["user"]["name"]),
        (&"bell: bell rung: for ada".into(), &"ada".into())
    );
    assert_eq!(known["unmapped"], json!({ "room": "bell", "fields": { "times": 3 } }));
    // A kind of another version is told all the same.
    let unknown = from_room(&event, told, None);
    assert_eq!((&unknown["activity_id"], &unknown["entity"]["type"]), (&99.into(), &"bell".into()));
}

/// What is wrong with a value, by what the schema says of a class or an object.
fn check(schema: &Value, described: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return wrong.push(format!("{path} is no object")) };
    let attributes = described["attributes"].as_object().unwrap();
    for (name, told) in attributes {
        if told["required"] == true && fields.get(name).is_none_or(Value::is_null) {
            wrong.push(format!("{path} lacks {name}"));
        }
    }
    if let Some(names) = described["constraints"]["at_least_one"].as_array() {
        let there = names.iter().any(|name| fields.contains_key(name.as_str().unwrap()));
        if !there {
            wrong.push(format!("{path} has none of {names:?}"));
        }
    }
    for (name, field) in fields {
        let path = format!("{path}.{name}");
        let Some(told) = attributes.get(name) else {
            wrong.push(format!("{path} is not in the schema"));
            continue;
        };
        let one = |value: &Value, wrong: &mut Vec<String>| {
            let kind = told["type"].as_str().unwrap_or_default();
            if let Some(numbers) = told["enum"].as_array()
                && value.is_number()
                && !numbers.contains(&value.to_string().into())
            {
                wrong.push(format!("{path}: {value} has no meaning"));
            }
            let fits = match kind {
                "string_t" => value.is_string(),
                "integer_t" | "long_t" => value.is_i64() || value.is_u64(),
                "boolean_t" => value.is_boolean(),
                _ => true,
            };
            if !fits {
                wrong.push(format!("{path}: {value} is no {kind}"));
            }
            if schema["objects"].get(kind).is_some() {
                check(schema, &schema["objects"][kind], value, &path, wrong);
            }
        };
        match field {
            Value::Array(list) if told["array"] == true => list.iter().for_each(|value| one(value, wrong)),
            Value::Array(_) => wrong.push(format!("{path} is no list")),
            value if told["array"] == true => wrong.push(format!("{path}: {value} should be a list")),
            value => one(value, wrong),
        }
    }
}

#[test]
fn every_event_is_one_of_its_class_in_the_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["version"], VERSION);
    let (mut wrong, mut classes) = (Vec::new(), HashSet::new());
    for event in every() {
        let told = ocsf(&event);
        let number = told["class_uid"].to_string();
        let class = &schema["classes"][&number];
        assert_eq!(told["class_name"], class["name"], "{number}");
        assert_eq!(told["category_uid"], class["category"], "{number}");
        let (uid, activity) = (told["class_uid"].as_u64().unwrap(), told["activity_id"].as_u64().unwrap());
        assert_eq!(told["type_uid"], uid * 100 + activity);
        check(&schema, class, &told, &number, &mut wrong);
        classes.insert(number);
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(classes.len(), 6, "{classes:?}");
}

#[test]
fn techniques_stand_where_the_schema_has_them() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let about = |body| Event {
        techniques: vec!["T1204.002".into(), "T1027".into()],
        ..event("anna", Some(Decision::Block), body)
    };
    for event in [about(Body::Transfer(transfer())), about(Body::Connection(transfer()))] {
        let told = ocsf(&event);
        assert_eq!(
            told["attacks"],
            json!([
                { "technique": { "uid": "T1204" }, "sub_technique": { "uid": "T1204.002" } },
                { "technique": { "uid": "T1027" } },
            ])
        );
        let (number, mut wrong) = (told["class_uid"].to_string(), Vec::new());
        check(&schema, &schema["classes"][&number], &told, &number, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    assert!(ocsf(&event("", Some(Decision::Block), Body::Transfer(transfer()))).get("attacks").is_none());
}

#[test]
fn what_the_schema_does_not_know_is_found() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let whole = ocsf(&done("anna", AuditAct::SignedIn.name(), ""));
    for (change, found) in [
        (json!({ "unheard_of": 1 }), "is not in the schema"),
        (json!({ "activity_id": 55 }), "has no meaning"),
        (json!({ "time": "noon" }), "is no long_t"),
        (json!({ "user": {} }), "has none of"),
        (json!({ "metadata": { "version": "1" } }), "lacks product"),
        (json!({ "metadata": null }), "lacks metadata"),
    ] {
        let mut told = whole.clone();
        for (name, value) in change.as_object().unwrap() {
            told[name] = value.clone();
        }
        let mut wrong = Vec::new();
        check(&schema, &schema["classes"]["3002"], &told, "3002", &mut wrong);
        assert!(wrong.iter().any(|wrong| wrong.contains(found)), "{change}: {wrong:?}");
    }
}

#[test]
fn what_was_stopped_is_told_as_denied() {
    for (decision, action, disposition, severity) in
        [(Decision::Deliver, 1, 1, 1), (Decision::Hold, 2, 3, 3), (Decision::Block, 2, 2, 4)]
    {
        let told = ocsf(&event("anna", Some(decision), Body::Transfer(transfer())));
        assert_eq!(
            (&told["action_id"], &told["disposition_id"], &told["severity_id"], &told["type_uid"]),
            (&json!(action), &json!(disposition), &json!(severity), &json!(400_203)),
            "{decision}"
        );
        assert_eq!(told["policy"]["uid"], "malicious");
    }
}

#[test]
fn who_did_what_to_whom_is_told_apart() {
    let told = ocsf(&done("anna", "user added", "bob as viewer"));
    assert_eq!((&told["user"]["name"], &told["actor"]["user"]["name"]), (&json!("bob"), &json!("anna")));
    let told = ocsf(&done("bob", "sign-in failed", "from 192.0.2.1"));
    assert_eq!(
        (&told["type_uid"], &told["status_id"], &told["user"]["name"]),
        (&json!(300_201), &json!(2), &json!("bob"))
    );
    let told = ocsf(&done("lazaret", "released", "ABCD-2345 to anna"));
    assert_eq!((&told["class_uid"], &told["actor"]["app_name"]), (&json!(3004), &json!("Lazaret")));
    assert!(told["actor"].get("user").is_none());
}
