//! Layers as somebody edits them: what a form has of one, put into it. What the form does not have stays as it was.

use super::{FORMAT, Layer, Mark, NAVIGATOR, is_color, layer};
use crate::AttackError;
use crate::bundle::shortened;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What can be edited of a layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerDraft {
    /// Its name.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// What it says about techniques.
    pub marks: Vec<Mark>,
    /// What colours mean: label and colour.
    pub legend: Vec<(String, String)>,
    /// The platforms that it is about; none for all.
    pub platforms: Vec<String>,
    /// The smallest and the greatest score of its gradient, and its colours.
    pub gradient: (f64, f64, Vec<String>),
}

impl LayerDraft {
    /// What can be edited of a layer, as it is.
    pub fn of(layer: &Layer) -> Self {
        let platforms = layer.json().get("filters").and_then(|filters| filters.get("platforms"));
        let platforms = platforms.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Self {
            name: layer.name.clone(),
            description: layer.description.clone(),
            marks: layer.marks.clone(),
            legend: layer.legend.clone(),
            platforms: platforms.map(str::to_owned).collect(),
            gradient: layer.gradient.clone(),
        }
    }
}

/// A layer with what somebody made of it.
///
/// # Errors
/// What is wrong with it.
pub fn layer_edited(old: &Layer, draft: LayerDraft) -> Result<Layer, AttackError> {
    let wrong = |reason: String| AttackError::Layer(reason);
    let (least, most, colors) = &draft.gradient;
    if !least.is_finite() || !most.is_finite() || most <= least {
        return Err(wrong("the gradient's maximum score must be greater than its minimum".to_owned()));
    }
    if colors.len() < 2 {
        return Err(wrong("a gradient needs at least two colours".to_owned()));
    }
    let named = draft.legend.iter().map(|(_, color)| color).chain(colors);
    let marked = draft.marks.iter().map(|mark| &mark.color).filter(|color| !color.is_empty());
    if let Some(color) = named.chain(marked).find(|color| !is_color(color)) {
        return Err(wrong(format!("`{}` is not a colour such as #fd8d3c", shortened(color))));
    }
    let mut json = old.json().clone();
    let mut set = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
    set("name", draft.name.trim().into());
    set("description", draft.description.as_str().into());
    set("gradient", json!({ "colors": colors, "minValue": least, "maxValue": most }));
    let legend = draft.legend.iter().map(|(label, color)| json!({ "label": label, "color": color }));
    set("legendItems", legend.collect());
    if draft.platforms.is_empty() {
        set("filters", Value::Null);
    } else {
        set("filters", json!({ "platforms": draft.platforms }));
    }
    let before = old.json().get("techniques").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // Of several about the same the first counts.
    let mut known: HashMap<(&str, &str), &Map<String, Value>> = HashMap::with_capacity(before.len());
    for one in before.iter().filter_map(Value::as_object) {
        known.entry((field(one, "techniqueID"), field(one, "tactic"))).or_insert(one);
    }
    let techniques: Vec<Value> = draft
        .marks
        .iter()
        .map(|mark| technique(known.get(&(mark.id.as_str(), mark.tactic.as_str())).copied(), mark))
        .collect();
    set("techniques", techniques.into());
    json.retain(|_, value| !value.is_null());
    layer(Value::Object(json))
}

fn field<'a>(one: &'a Map<String, Value>, name: &str) -> &'a str {
    one.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A technique with what is said about it now; links and the like stay.
fn technique(before: Option<&Map<String, Value>>, mark: &Mark) -> Value {
    let mut fields = before.cloned().unwrap_or_default();
    fields.insert("techniqueID".to_owned(), mark.id.trim().into());
    let mut put = |name: &str, value: Option<Value>| match value {
        Some(value) => drop(fields.insert(name.to_owned(), value)),
        None => drop(fields.shift_remove(name)),
    };
    let told = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    put("tactic", told(mark.tactic.trim()));
    put("score", mark.score.filter(|score| score.is_finite()).map(Value::from));
    put("color", told(&mark.color));
    put("comment", told(&mark.comment));
    put("enabled", Some(mark.enabled.into()));
    Value::Object(fields)
}

/// A layer without anything in it yet.
///
/// # Errors
/// When it has no name, or there is no such domain.
pub fn empty_layer(name: &str, domain: &str, release: &str) -> Result<Layer, AttackError> {
    let major = release.split('.').next().unwrap_or_default();
    let mut fields = Map::new();
    fields.insert("name".to_owned(), name.trim().into());
    fields.insert("versions".to_owned(), json!({ "attack": major, "navigator": NAVIGATOR, "layer": FORMAT }));
    fields.insert("domain".to_owned(), domain.into());
    layer(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{combined, read_layers};

    /// What the Navigator requires of a layer of the version 4.5 of its format, in our own words.
    fn schema() -> Value {
        let (text, number, truth) =
            (json!({ "type": "string" }), json!({ "type": "number" }), json!({ "type": "boolean" }));
        let color = json!({ "type": "string", "pattern": "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$" });
        let pairs = json!({ "type": "array", "items": { "type": "object" } });
        json!({
            "type": "object",
            "required": ["name", "versions", "domain"],
            "properties": {
                "name": { "type": "string", "minLength": 1 },
                "versions": {
                    "type": "object",
                    "required": ["navigator", "layer"],
                    "properties": { "attack": text, "navigator": text, "layer": { "const": "4.5" } },
                },
                "domain": { "enum": ["enterprise-attack", "mobile-attack", "ics-attack"] },
                "description": text,
                "filters": { "type": "object", "properties": { "platforms": { "type": "array", "items": text } } },
                "sorting": { "enum": [0, 1, 2, 3] },
                "layout": { "type": "object" },
                "hideDisabled": truth,
                "techniques": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["techniqueID"],
                        "properties": {
                            "techniqueID": { "type": "string", "pattern": "^T[0-9]{4}(\\.[0-9]{3})?$" },
                            "tactic": { "type": "string", "minLength": 1 },
                            "score": number, "color": color, "comment": text, "enabled": truth,
                            "showSubtechniques": truth, "metadata": pairs, "links": pairs,
                        },
                    },
                },
                "gradient": {
                    "type": "object",
                    "required": ["colors", "minValue", "maxValue"],
                    "properties": {
                        "colors": { "type": "array", "minItems": 2, "items": color },
                        "minValue": number, "maxValue": number,
                    },
                },
                "legendItems": {
                    "type": "array",
                    "items": { "type": "object", "required": ["label", "color"], "properties": { "label": text, "color": color } },
                },
                "metadata": pairs,
                "links": pairs,
            },
        })
    }

    fn fits(layer: &Layer) {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let value = Value::Object(layer.json().clone());
        let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}: {value}");
    }

    fn draft() -> LayerDraft {
        let mark = |id: &str, score| Mark { id: id.to_owned(), score, enabled: true, ..Mark::default() };
        LayerDraft {
            name: "Ours".to_owned(),
            description: "What we saw".to_owned(),
            marks: vec![
                Mark { comment: "seen".to_owned(), color: "#fd8d3c".to_owned(), ..mark("T1204", Some(3.0)) },
                Mark { tactic: "execution".to_owned(), enabled: false, ..mark("T1059.001", None) },
            ],
            legend: vec![("seen".to_owned(), "#fd8d3c".to_owned())],
            platforms: vec!["Windows".to_owned()],
            gradient: (0.0, 10.0, vec!["#ffffff".to_owned(), "#ff0000".to_owned()]),
        }
    }

    #[test]
    fn what_is_edited_opens_in_the_navigator_and_comes_back_as_it_was() {
        let empty = empty_layer("New", "enterprise-attack", "18.1").unwrap();
        fits(&empty);
        assert_eq!(empty.json()["versions"]["attack"], "18");
        let edited = layer_edited(&empty, draft()).unwrap();
        fits(&edited);
        assert_eq!(LayerDraft::of(&edited), draft());
        let text = Value::Object(edited.json().clone()).to_string();
        assert_eq!(read_layers(text.as_bytes()).unwrap(), std::slice::from_ref(&edited));
        fits(&combined("a + b", &[('a', &edited), ('b', &empty)], "Both").unwrap());
    }

    #[test]
    fn what_a_form_does_not_have_stays() {
        let old = read_layers(
            br##"{"versions":{"layer":"4.5"},"name":"a","domain":"ics-attack","metadata":[{"name":"x","value":"y"}],
                "techniques":[{"techniqueID":"T1204","links":[{"label":"l","url":"https://x.invalid"}],"score":1}]}"##,
        )
        .unwrap()
        .remove(0);
        let edited = layer_edited(&old, LayerDraft { marks: draft().marks, ..LayerDraft::of(&old) }).unwrap();
        let json = Value::Object(edited.json().clone());
        assert_eq!(
            (&json["metadata"][0]["name"], &json["techniques"][0]["links"][0]["label"]),
            (&json!("x"), &json!("l"))
        );
        assert_eq!(json["techniques"][0]["score"], 3.0);
        assert!(json["techniques"][1].get("score").is_none() && json.get("filters").is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let empty = empty_layer("New", "enterprise-attack", "18.1").unwrap();
        let refused = |draft: LayerDraft| layer_edited(&empty, draft).unwrap_err().to_string();
        assert!(refused(LayerDraft { name: " ".to_owned(), ..draft() }).contains("no `name`"));
        let legend = vec![("x".to_owned(), "red;}".to_owned())];
        assert!(refused(LayerDraft { legend, ..draft() }).contains("is not a colour"));
        let gradient = (5.0, 5.0, vec!["#fff".to_owned(), "#000".to_owned()]);
        assert!(refused(LayerDraft { gradient, ..draft() }).contains("must be greater"));
        let marks = vec![Mark::default()];
        assert!(refused(LayerDraft { marks, ..draft() }).contains("technique 1 has no"));
        assert!(empty_layer("x", "moon", "1.0").is_err());
    }
}
