//! Layers of the ATT&CK Navigator: read in every version of their format (1.0 to 4.5), brought up to the newest one and to a
//! release of ATT&CK, and made from entries of the library. The format is described in the Navigator's repository, `layers/spec`.

mod combine;
mod edit;

pub use combine::combined;
pub use edit::{LayerDraft, empty_layer, layer_edited};

use crate::bundle::shortened;
use crate::relations::replacements;
use crate::{ATTRIBUTION, AttackError, Found, Named, Number, View, domain_named, domain_title, is_live, kind_of};
use lazaret_store::Version;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The version of the format that is written.
const FORMAT: &str = "4.5";
/// The oldest Navigator that reads it.
const NAVIGATOR: &str = "4.9.0";
/// Bytes of a file, layers in it, and techniques of a layer.
const MOST_BYTES: usize = 16 << 20;
const MOST_LAYERS: usize = 100;
const MOST_TECHNIQUES: usize = 50_000;
/// The Navigator's colours where a layer names none: red to green.
const GRADIENT: [&str; 3] = ["#ff6666", "#ffe766", "#8ec843"];

/// A layer in the newest form.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// What it says about itself, empty for nothing.
    pub description: String,
    /// Its domain, such as `enterprise-attack`.
    pub domain: String,
    /// The release that it was made for, as far as it says.
    pub attack: Option<Number>,
    /// What it says about techniques.
    pub marks: Vec<Mark>,
    /// Colours and what they mean.
    pub legend: Vec<(String, String)>,
    /// The smallest and the greatest score of its gradient, and its colours.
    pub gradient: (f64, f64, Vec<String>),
    /// All of it.
    json: Map<String, Value>,
}

/// What a layer says about a technique.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mark {
    /// The technique's id.
    pub id: String,
    /// The short name of the only tactic for which this is said; empty for all.
    pub tactic: String,
    /// The score; none for unscored.
    pub score: Option<f64>,
    /// The colour; empty for that of the score.
    pub color: String,
    /// The comment; empty for none.
    pub comment: String,
    /// Whether the technique is switched on.
    pub enabled: bool,
}

/// Something that changed while a layer was brought up to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The technique's id in the layer.
    pub id: String,
    /// What became of it.
    pub what: String,
}

impl Layer {
    /// The layer as JSON.
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// The colour of a mark: its own, or that of its score.
    pub fn color(&self, mark: &Mark) -> Option<String> {
        if !mark.color.is_empty() {
            return is_color(&mark.color).then(|| mark.color.clone());
        }
        let (least, most, colors) = &self.gradient;
        let place = ((mark.score? - least) / (most - least)).clamp(0.0, 1.0);
        let steps = colors.len().checked_sub(1).filter(|steps| *steps > 0)?;
        let at = place * steps as f64;
        let from = (at.floor() as usize).min(steps - 1);
        let part = at - from as f64;
        let (low, high) = (rgb(colors.get(from)?)?, rgb(colors.get(from + 1)?)?);
        let mix = |low: u8, high: u8| (f64::from(low) + (f64::from(high) - f64::from(low)) * part).round() as u8;
        Some(format!("#{:02x}{:02x}{:02x}", mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2)))
    }
}

/// Whether a text is a colour as layers write them.
fn is_color(text: &str) -> bool {
    rgb(text).is_some()
}

fn rgb(text: &str) -> Option<(u8, u8, u8)> {
    let digits = text.strip_prefix('#')?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    match digits.len() {
        // The last two digits of eight are how solid it is.
        6 | 8 => Some((pair(0)?, pair(2)?, pair(4)?)),
        3 => {
            let one = |at: usize| Some(u8::from_str_radix(digits.get(at..=at)?, 16).ok()? * 17);
            Some((one(0)?, one(1)?, one(2)?))
        }
        _ => None,
    }
}

/// Reads a file: one layer, or a list of several.
///
/// # Errors
/// What is wrong with it.
pub fn read_layers(text: &[u8]) -> Result<Vec<Layer>, AttackError> {
    let wrong = |reason: &str| AttackError::Layer(reason.to_owned());
    if text.len() > MOST_BYTES {
        return Err(wrong("it is larger than 16 MiB"));
    }
    // The Navigator's own scripts write UTF-16.
    let utf16: Vec<u8>;
    let text = match text {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> =
                rest.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?))).collect();
            utf16 = String::from_utf16_lossy(&units).into_bytes();
            &utf16
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => rest,
        text => text,
    };
    let value: Value =
        serde_json::from_slice(text).map_err(|error| AttackError::Layer(format!("not JSON: {error}")))?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    if list.is_empty() || list.len() > MOST_LAYERS {
        return Err(wrong("a file must contain one layer or a list of up to 100"));
    }
    list.into_iter().map(layer).collect()
}

fn layer(value: Value) -> Result<Layer, AttackError> {
    let wrong = |reason: String| AttackError::Layer(reason);
    let Value::Object(old) = value else { return Err(wrong("a layer must be a JSON object".to_owned())) };
    let text = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let versions = old.get("versions").and_then(Value::as_object);
    let format = match versions {
        Some(versions) => text(versions, "layer"),
        None => text(&old, "version"),
    };
    let format: Number =
        format.parse().map_err(|_| wrong(format!("it does not state its format version: `{}`", shortened(&format))))?;
    if !(1..5).contains(&format.major()) {
        return Err(wrong(format!("format version {format} is not supported; use 1.0 to {FORMAT}")));
    }
    let domain = text(&old, "domain");
    let plain = domain.strip_prefix("mitre-").unwrap_or(&domain);
    let domain = domain_named(plain)
        .ok_or_else(|| wrong(format!("`{}` is not an ATT&CK domain", shortened(&domain))))?
        .to_owned();
    let attack: Option<Number> = versions.and_then(|versions| text(versions, "attack").parse().ok());
    let name = text(&old, "name");
    if name.is_empty() {
        return Err(wrong("it has no `name`".to_owned()));
    }
    let mut json = Map::new();
    json.insert("name".to_owned(), name.clone().into());
    let mut spoken = Map::new();
    if let Some(attack) = attack {
        // Minor releases go by their major one in layers.
        spoken.insert("attack".to_owned(), attack.major().to_string().into());
    }
    spoken.insert("navigator".to_owned(), NAVIGATOR.into());
    spoken.insert("layer".to_owned(), FORMAT.into());
    json.insert("versions".to_owned(), spoken.into());
    json.insert("domain".to_owned(), domain.clone().into());
    for (name, value) in &old {
        match name.as_str() {
            "name" | "version" | "versions" | "domain" | "viewMode" | "filters" | "techniques" => {}
            _ => {
                json.insert(name.clone(), value.clone());
            }
        }
    }
    if let Some(platforms) = old.get("filters").and_then(|filters| filters.get("platforms")).and_then(Value::as_array) {
        let platforms: Vec<Value> =
            platforms.iter().filter_map(Value::as_str).map(|name| platform(name).into()).collect();
        json.insert("filters".to_owned(), json!({ "platforms": platforms }));
    }
    // Before 3.0: 0 is the whole table, 1 short names, 2 no text.
    match old.get("viewMode").and_then(Value::as_u64) {
        Some(1) => {
            drop(json.insert("layout".to_owned(), json!({ "layout": "side", "showID": true, "showName": false })))
        }
        Some(2) => {
            drop(json.insert("layout".to_owned(), json!({ "layout": "mini", "showID": false, "showName": false })))
        }
        _ => {}
    }
    let techniques = match old.get("techniques") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) if list.len() <= MOST_TECHNIQUES => list.clone(),
        Some(Value::Array(_)) => return Err(wrong("it has more than 50,000 techniques".to_owned())),
        Some(_) => return Err(wrong("its `techniques` is not a list".to_owned())),
    };
    for (place, technique) in techniques.iter().enumerate() {
        if technique.get("techniqueID").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(wrong(format!("technique {} has no `techniqueID`", place + 1)));
        }
    }
    json.insert("techniques".to_owned(), techniques.into());
    Ok(of_json(json, name, domain, attack))
}

/// The typed side of a layer that has the newest form.
fn of_json(json: Map<String, Value>, name: String, domain: String, attack: Option<Number>) -> Layer {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |name: &str| json.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let marks = list("techniques").iter().map(|one| Mark {
        id: text(one, "techniqueID"),
        tactic: text(one, "tactic"),
        // Old scripts write scores as texts, and none as an empty one.
        score: one.get("score").and_then(|score| score.as_f64().or_else(|| score.as_str()?.parse().ok())),
        color: text(one, "color"),
        comment: text(one, "comment"),
        enabled: one.get("enabled").and_then(Value::as_bool).unwrap_or(true),
    });
    let marks = marks.collect();
    let legend = list("legendItems").iter().map(|item| (text(item, "label"), text(item, "color")));
    let legend = legend.filter(|(_, color)| is_color(color)).collect();
    let number = |name: &str, usual: f64| {
        json.get("gradient").and_then(|gradient| gradient.get(name)).and_then(Value::as_f64).unwrap_or(usual)
    };
    let (least, most) = (number("minValue", 0.0), number("maxValue", 100.0));
    let (least, most) = if most > least { (least, most) } else { (0.0, 100.0) };
    let colors = json.get("gradient").and_then(|gradient| gradient.get("colors")).and_then(Value::as_array);
    let colors: Vec<String> = colors.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let usable = colors.len() >= 2 && colors.iter().all(|color| is_color(color));
    let colors = if usable { colors } else { GRADIENT.map(str::to_owned).to_vec() };
    Layer {
        description: json.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        name,
        domain,
        attack,
        marks,
        legend,
        gradient: (least, most, colors),
        json,
    }
}

/// A platform as today's releases write it.
fn platform(name: &str) -> &str {
    match name {
        "windows" => "Windows",
        "linux" => "Linux",
        "mac" => "macOS",
        "android" => "Android",
        "ios" => "iOS",
        name => name,
    }
}

/// Brings a layer up to a release: techniques that were revoked become what replaces them. What cannot be carried over stays as
/// it is, and is noted.
pub fn layer_upgraded(layer: &Layer, view: &View) -> (Layer, Vec<Note>) {
    let mut notes = Vec::new();
    let mut json = layer.json.clone();
    let place = view.release.place;
    let number = Number::at(place);
    // Minor releases go by their major one in layers.
    if let Some(versions) = json.get_mut("versions").and_then(Value::as_object_mut) {
        versions.insert("attack".to_owned(), number.to_string().split('.').next().unwrap_or_default().into());
    }
    let techniques = json.get_mut("techniques").and_then(Value::as_array_mut);
    for technique in techniques.into_iter().flatten() {
        let Some(fields) = technique.as_object_mut() else { continue };
        let id = fields.get("techniqueID").and_then(Value::as_str).unwrap_or_default().to_owned();
        let heir = match successor(view, &id) {
            Successor::Itself => id.clone(),
            Successor::Other(heir) => {
                notes.push(Note {
                    id: id.clone(),
                    what: format!("revoked; replaced by {} {}", heir.attack_id, heir.name),
                });
                fields.insert("techniqueID".to_owned(), heir.attack_id.clone().into());
                heir.attack_id.clone()
            }
            Successor::Deprecated => {
                notes.push(Note { id, what: "deprecated; no replacement".to_owned() });
                continue;
            }
            Successor::Lost => {
                notes.push(Note { id, what: "revoked; its replacement is not in this release".to_owned() });
                continue;
            }
            Successor::Unknown => {
                notes.push(Note { id, what: format!("not in {number}") });
                continue;
            }
        };
        let tactic = fields.get("tactic").and_then(Value::as_str).unwrap_or_default().to_owned();
        let serves = |entry: &Version| entry.tactics.lines().any(|line| line == tactic);
        if !tactic.is_empty() && !technique_at(view, &heir).is_some_and(serves) {
            notes.push(Note {
                id: heir,
                what: format!("no longer under the tactic {tactic}; marked wherever it appears now"),
            });
            fields.remove("tactic");
        }
    }
    let layer = of_json(json, layer.name.clone(), layer.domain.clone(), Some(number));
    (layer, notes)
}

enum Successor {
    Itself,
    Other(Box<Version>),
    Deprecated,
    Lost,
    Unknown,
}

fn technique_at<'a>(view: &'a View, id: &str) -> Option<&'a Version> {
    let mut found: Vec<_> = view.attack_id(id).filter(|entry| kind_of(&entry.stix_id) == "attack-pattern").collect();
    found.sort_by_key(|entry| !is_live(entry));
    found.first().copied()
}

fn successor(view: &View, id: &str) -> Successor {
    let Some(entry) = technique_at(view, id) else { return Successor::Unknown };
    if is_live(entry) {
        return Successor::Itself;
    }
    if entry.flags & Version::REVOKED == 0 {
        return Successor::Deprecated;
    }
    let chain = replacements(view, entry);
    match chain.chain.last() {
        Some(last) if !chain.is_loop && is_live(last) && !last.attack_id.is_empty() => {
            Successor::Other(Box::new((*last).clone()))
        }
        _ => Successor::Lost,
    }
}

/// A layer of the techniques that an entry has to do with: those that a mitigation mitigates, a group or software uses, a
/// strategy or component detects, a tactic has; of a technique, itself and its sub-techniques.
pub fn entry_layer(found: &Found) -> Map<String, Value> {
    let (view, own) = (&found.view, &found.version);
    let is_technique = |entry: &Version| kind_of(&entry.stix_id) == "attack-pattern" && is_live(entry);
    let mut techniques: BTreeMap<String, String> = BTreeMap::new();
    let mut mark = |entry: &Version, comment: String| {
        if is_technique(entry) && !entry.attack_id.is_empty() {
            techniques.entry(entry.attack_id.clone()).or_insert(comment);
        }
    };
    match kind_of(&own.stix_id) {
        "attack-pattern" => {
            mark(own, String::new());
            for relation in view.to(own.object).filter(|one| one.relation == "subtechnique-of" && is_live(one)) {
                if let Some(sub) = view.object(relation.from_object) {
                    mark(sub, String::new());
                }
            }
        }
        "x-mitre-tactic" => {
            for technique in view.techniques_of(&own.tactics) {
                mark(technique, String::new());
            }
        }
        _ => {
            for relation in view.from(own.object).filter(|one| is_live(one)) {
                if let Some(other) = view.object(relation.to_object) {
                    mark(other, format!("{} {}", own.name, relation.relation.replace('-', " ")));
                }
            }
        }
    }
    let marks: Vec<Value> = techniques
        .iter()
        .map(|(id, comment)| json!({ "techniqueID": id, "score": 1, "comment": comment, "showSubtechniques": id.contains('.') }))
        .collect();
    let (release, named) = (&view.release, Named::of(own).told());
    let layer = json!({
        "name": named,
        "versions": {
            "attack": release.name.split('.').next().unwrap_or_default(),
            "navigator": NAVIGATOR,
            "layer": FORMAT,
        },
        "domain": release.domain,
        "description": format!("{named}, {} {} ({}). {ATTRIBUTION}", domain_title(&release.domain), release.name, release.feed),
        "sorting": 0,
        "layout": { "layout": "side", "showName": true, "showID": false, "expandedSubtechniques": "annotated" },
        "hideDisabled": false,
        "techniques": marks,
        "gradient": { "colors": ["#ffffff", "#66b1ff"], "minValue": 0, "maxValue": 1 },
        "legendItems": [{ "label": named, "color": "#66b1ff" }],
    });
    match layer {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Layer {
        read_layers(text.as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn old_layers_are_brought_to_the_newest_form() {
        let layer = one(
            r#"{"version":"2.1","name":"old","domain":"mitre-enterprise","filters":{"stages":["act"],"platforms":["windows","mac"]},
                "viewMode":1,"sorting":2,"techniques":[{"techniqueID":"T1086","score":"50","tactic":"execution"}]}"#,
        );
        assert_eq!(layer.domain, "enterprise-attack");
        assert_eq!((layer.marks[0].score, layer.marks[0].enabled), (Some(50.0), true));
        let json = Value::Object(layer.json().clone());
        assert_eq!(json["versions"], json!({ "navigator": "4.9.0", "layer": "4.5" }));
        assert_eq!(json["filters"], json!({ "platforms": ["Windows", "macOS"] }));
        assert_eq!(json["layout"], json!({ "layout": "side", "showID": true, "showName": false }));
        assert_eq!(json["sorting"], 2);
        assert!(json.get("version").is_none() && json.get("viewMode").is_none());
    }

    #[test]
    fn a_file_may_hold_several_layers_and_may_be_utf_16() {
        let text = r#"[{"versions":{"layer":"4.4","attack":"13"},"name":"a","domain":"ics-attack"},
                       {"version":"3.0","name":"b","domain":"mitre-mobile"}]"#;
        let mut wide = vec![0xff, 0xfe];
        wide.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        for text in [text.as_bytes(), &wide] {
            let layers = read_layers(text).unwrap();
            assert_eq!((layers[0].domain.as_str(), layers[1].domain.as_str()), ("ics-attack", "mobile-attack"));
            assert_eq!(layers[0].attack, "13".parse().ok());
        }
    }

    #[test]
    fn what_is_no_layer_is_refused_with_the_reason() {
        for (text, reason) in [
            ("{", "not JSON"),
            ("[]", "one layer"),
            ("7", "JSON object"),
            (r#"{"name":"a"}"#, "format version"),
            (r#"{"name":"a","version":"5.0"}"#, "not supported"),
            (r#"{"name":"a","version":"3.0","domain":"x"}"#, "not an ATT&CK domain"),
            (r#"{"version":"3.0","domain":"ics-attack"}"#, "no `name`"),
            (r#"{"name":"a","version":"3.0","domain":"ics-attack","techniques":7}"#, "is not a list"),
            (r#"{"name":"a","version":"3.0","domain":"ics-attack","techniques":[{}]}"#, "technique 1 has no"),
        ] {
            let said = read_layers(text.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn scores_have_the_colours_of_the_gradient() {
        let layer = one(r##"{"versions":{"layer":"4.5"},"name":"a","domain":"enterprise-attack",
                "gradient":{"colors":["#000000","#ffffff"],"minValue":0,"maxValue":10},"techniques":[
                {"techniqueID":"T1","score":0},{"techniqueID":"T2","score":5},{"techniqueID":"T3","score":99},
                {"techniqueID":"T4","color":"#fd8d3c","score":1},{"techniqueID":"T5"},
                {"techniqueID":"T6","color":"red;}</style>"}]}"##);
        let colors: Vec<_> = layer.marks.iter().map(|mark| layer.color(mark).unwrap_or_default()).collect();
        assert_eq!(colors, ["#000000", "#808080", "#ffffff", "#fd8d3c", "", ""]);
    }
}
