//! Takes in a browser without script: evidence is picked from what the entry has, and nothing that was picked gets lost.

use crate::gate::people::{Staff, administrator};
use crate::gate::{Served, until};
use crate::shelf::*;
use crate::shelf_pages::served;
use corpus::attack::*;
use serde_json::{Value, json};

/// A group that uses the technique, and the relationship.
fn user(number: u8) -> [Value; 2] {
    let group = format!("intrusion-set--0c000000-0000-4000-8000-{number:012}");
    let name = format!("Weasel {number}");
    [object(&group, &format!("G8{number:03}"), &name, "2020-01-01"), relation(number, "uses", &group, TECHNIQUE)]
}

fn id_of(number: u8) -> String {
    relation(number, "uses", GROUP, TECHNIQUE)["id"].as_str().unwrap().to_owned()
}

/// Whether a box of a form is ticked; nothing where the form has no such box.
fn ticked(page: &str, name: &str, value: &str) -> Option<bool> {
    let rest = page.split(&format!("type=\"checkbox\" name=\"{name}\" value=\"{value}\"")).nth(1)?;
    Some(rest.split('>').next()?.ends_with(" checked"))
}

/// What a form says that nobody fills in.
fn hidden(page: &str, name: &str) -> String {
    let rest = page.split(&format!("type=\"hidden\" name=\"{name}\" value=\"")).nth(1);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or_else(|| panic!("no `{name}`: {page}")).to_owned()
}

/// The fields of a take about what a form is about, with these beside them.
fn fields(page: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let names = ["csrf", "do", "fields", "revision", "schema", "object", "feed", "domain", "release"];
    let names = names.iter().chain(&["source_sha256", "relationships_sha256"]);
    let mut fields: Vec<_> = names.map(|name| ((*name).to_owned(), hidden(page, name))).collect();
    let said = [
        ("title", "What to do about it"),
        ("summary", "People open things; what helps is to teach them."),
        ("claim0.text", "The definition says what it is."),
        ("claim0.confidence", "high"),
        ("claim0.evidence0.kind", "quote"),
        ("claim0.evidence0.value", "What Opening Things is"),
        ("claim1.text", "Two groups are known for it."),
        ("claim1.confidence", "low"),
    ];
    fields.extend(said.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    fields
}

fn post(staff: &Staff<'_>, path: &str, fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    staff.post(path, &fields)
}

#[test]
fn evidence_is_picked_from_what_the_entry_has_and_stays_picked() {
    let objects = [vec![technique()], (1..=120).flat_map(user).collect()].concat();
    let served = Served::in_folder(filled_with(&[("1.0", objects)]), "");
    let karl = administrator(&served).colleague("karl", "analyst");
    let new = "/attack/takes/new";
    let form = karl.get(&format!("{new}?object={TECHNIQUE}"));
    for part in [
        "G8001 Weasel 1 uses T9001 Opening Things",
        "Relationships (120)",
        "100 of 120 are listed; 20 more can be found by words",
        "References (2)",
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
    let (first, second, last) = (id_of(1), id_of(2), id_of(120));
    assert_eq!(ticked(&form, "claim0.relationship", &first), Some(false));
    assert_eq!(
        (ticked(&form, "claim0.citation", "A report"), ticked(&form, "claim0.relationship", &last)),
        (Some(false), None)
    );
    // The list narrowed to what was not in it: what was ticked before is still there, and nothing was saved.
    let picked = [
        ("claim0.relationship", first.as_str()),
        ("claim0.citation", "A report"),
        ("claim1.relationship", second.as_str()),
    ];
    let looking = [&picked[..], &[("look", "yes"), ("sought", "weasel 120")]].concat();
    let form = post(&karl, new, &fields(&form, &looking));
    assert!(form.ends_with("200") && form.contains("name=\"sought\" value=\"weasel 120\""), "{form}");
    let is_as_picked = |form: &str| {
        for (name, value) in picked {
            assert_eq!(ticked(form, name, value), Some(true), "{name} {value}: {form}");
        }
        assert_eq!(ticked(form, "claim1.relationship", &first), Some(false), "{form}");
    };
    is_as_picked(&form);
    assert_eq!(ticked(&form, "claim1.relationship", &last), Some(false));
    assert_eq!(ticked(&form, "claim1.relationship", &id_of(50)), None, "it has not the words");
    assert!(form.contains("\nWhat Opening Things is</textarea>"), "{form}");
    assert!(karl.get("/attack/takes").contains("No takes yet."));
    // The same after something was wrong, and in the take that is edited.
    let mut wrong = fields(&form, &[&picked[..], &[("claim1.relationship", last.as_str())]].concat());
    wrong.iter_mut().filter(|(name, _)| name == "title").for_each(|(_, value)| value.clear());
    let form = post(&karl, new, &wrong);
    assert!(form.ends_with("422") && form.contains("<code>/title</code>"), "{form}");
    is_as_picked(&form);
    assert_eq!(ticked(&form, "claim1.relationship", &last), Some(true));
    let good = fields(&form, &[&picked[..], &[("claim1.relationship", last.as_str())]].concat());
    assert!(post(&karl, new, &good).ends_with("303"));
    let page = karl.get("/attack/takes/1");
    assert!(page.contains(&format!("<a href=\"/relationships/{last}\">")) && page.contains("Reference: "), "{page}");
    let csrf = karl.csrf();
    let form = karl.post("/attack/takes/1", &[("csrf", &csrf), ("revision", "1"), ("do", "form")]);
    is_as_picked(&form);
    assert_eq!(ticked(&form, "claim1.relationship", &last), Some(true));
    // What the form does not list is typed; what the entry has not is refused wherever it comes from.
    let foreign = [&picked[..], &[("claim1.relationship", "relationship--0f")]].concat();
    let form = post(&karl, "/attack/takes/1", &fields(&form, &foreign));
    assert!(form.ends_with("422") && form.contains("the object has no such relationship in 1.0"), "{form}");
    is_as_picked(&form);
    assert!(form.contains("\nrelationship--0f</textarea>"), "{form}");
}

#[test]
fn a_take_about_an_older_release_is_bound_to_the_newest_in_the_form() {
    let served = served("");
    let karl = administrator(&served).colleague("karl", "analyst");
    let new = "/attack/takes/new";
    let form = karl.get(&format!("{new}?object={TECHNIQUE}"));
    assert!(!form.contains("id=\"newest\""), "{form}");
    let report = [("claim1.citation", "A report")];
    assert!(post(&karl, new, &fields(&form, &report)).ends_with("303"));
    let changed = with(technique(), json!({ "description": "What Opening Things is, in other words." }));
    let path = file(served.folder.path(), "enterprise-attack-4.0.json", &bundle(&[changed]));
    assert_eq!(said(served.folder.path(), &["import", path.to_str().unwrap()]).0, 0);
    until("the release of another process is seen", || karl.get("/techniques/T9001").contains("other words"));
    let csrf = karl.csrf();
    let form = karl.post("/attack/takes/1", &[("csrf", &csrf), ("revision", "1"), ("do", "form")]);
    assert!(form.contains("as it stands in 3.0") && form.contains("Read it in 4.0 instead"), "{form}");
    let looking = [&report[..], &[("look", "newest")]].concat();
    let form = post(&karl, "/attack/takes/1", &fields(&form, &looking));
    assert!(form.ends_with("200") && form.contains("as it stands in 4.0") && form.contains("other words."), "{form}");
    assert_eq!((hidden(&form, "release").as_str(), ticked(&form, "claim1.citation", "A report")), ("4.0", Some(true)));
    assert!(post(&karl, "/attack/takes/1", &fields(&form, &report)).ends_with("303"));
    let submit = [("csrf", csrf.as_str()), ("revision", "2"), ("do", "submit")];
    assert!(karl.post("/attack/takes/1", &submit).ends_with("303"), "it is about the newest release");
}
