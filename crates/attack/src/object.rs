//! One object of a bundle: its hashes, and what lists and searches need of it.

use crate::bundle::shortened;
use crate::dates::is_stamp;
use lazaret_store::{NewVersion, Relation, Version};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Names under which objects refer to ATT&CK itself.
pub const ATTACK_SOURCES: [&str; 4] = ["mitre-attack", "mitre-mobile-attack", "mitre-ics-attack", "mitre-pre-attack"];

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) version: NewVersion,
    pub(crate) kind: String,
    /// For `x-mitre-collection`: what it says about its bundle.
    pub(crate) collection: Option<Collection>,
    pub(crate) domains: Vec<String>,
    /// For `x-mitre-matrix`: its id.
    pub(crate) matrix: Option<String>,
    /// For techniques: the kill chain that they are part of.
    pub(crate) chain: Option<String>,
}

/// What a collection says about its bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) name: String,
    pub(crate) release: String,
    /// When it was changed: of several versions the newest counts.
    pub(crate) modified: String,
    /// STIX ids of the objects that it lists; empty for no list.
    pub(crate) contents: Vec<String>,
}

/// Fields that are texts, and fields that are lists, wherever they stand (STIX 2.1, 3.2; the ATT&CK data model).
const TEXTS: [&str; 3] = ["description", "x_mitre_detection", "x_mitre_deprecation_reason"];
const LISTS: [&str; 9] = [
    "external_references",
    "aliases",
    "x_mitre_aliases",
    "x_mitre_platforms",
    "x_mitre_domains",
    "x_mitre_contributors",
    "kill_chain_phases",
    "object_marking_refs",
    "tactic_refs",
];

/// What is odd about an object and no reason to refuse it, as bits of its flags.
fn oddities(object: &Map<String, Value>, kind: &str) -> i64 {
    let is_odd = |names: &[&str], fits: fn(&Value) -> bool| {
        names.iter().filter_map(|name| object.get(*name)).any(|value| !fits(value))
    };
    let stamp = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (created, modified) = (stamp("created"), stamp("modified"));
    let dated = |text: &str| text.is_empty() || is_stamp(text);
    let is_before =
        !created.is_empty() && !modified.is_empty() && modified.trim_end_matches('Z') < created.trim_end_matches('Z');
    [
        (is_odd(&["revoked", "x_mitre_deprecated", "x_mitre_is_subtechnique"], Value::is_boolean), Version::ODD_STATUS),
        (is_odd(&TEXTS, Value::is_string) || is_odd(&LISTS, Value::is_array), Version::ODD_FIELD),
        (!dated(created) || !dated(modified), Version::ODD_DATE),
        (is_before && dated(created) && dated(modified), Version::ODD_ORDER),
        (kind == "bundle", Version::ODD_BUNDLE),
    ]
    .iter()
    .fold(0, |bits, (is_odd, bit)| bits | if *is_odd { *bit } else { 0 })
}

/// Reads an object from its exact bytes; `raw` is their hash.
///
/// # Errors
/// What is wrong with it, with its id as far as it has one.
pub(crate) fn read(text: &[u8], raw: [u8; 32]) -> Result<Read, (String, String)> {
    let value = parse_exactly(text).map_err(|error| (loose_id(text), error.to_string()))?;
    let Value::Object(object) = &value else { return Err((String::new(), "not an object".to_owned())) };
    let stix_id = match object.get("id") {
        Some(Value::String(id)) => id.clone(),
        _ => return Err((String::new(), "it has no `id`".to_owned())),
    };
    let wrong = |reason: String| (shortened(&stix_id), reason);
    let words = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(wrong(format!("its `{name}` is not a string"))),
    };
    let kind = words("type")?;
    if !is_id(&stix_id, &kind) {
        return Err(wrong(format!("its `id` is not an identifier of its type `{}`", shortened(&kind))));
    }
    let relation = if kind == "relationship" {
        let end = |name: &str| match words(name)? {
            text if text.is_empty() => Err(wrong(format!("a relationship without `{name}`"))),
            text => Ok(text),
        };
        let reference = |name: &str| match end(name)? {
            text if is_id(&text, crate::kind_of(&text)) => Ok(text),
            text => Err(wrong(format!("its `{name}` is not an identifier: `{}`", shortened(&text)))),
        };
        Some(Relation { kind: end("relationship_type")?, from: reference("source_ref")?, to: reference("target_ref")? })
    } else {
        None
    };
    let is = |name: &str| object.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut flags = 0;
    for (set, bit) in [
        (is("revoked"), Version::REVOKED),
        (is("x_mitre_deprecated"), Version::DEPRECATED),
        (is("x_mitre_is_subtechnique"), Version::SUBTECHNIQUE),
        (object.get("spec_version").and_then(Value::as_str) == Some("2.1"), Version::STIX_21),
        // A marking has no `modified` (STIX 2.1, 7.2.1); everything else has one.
        (kind != "marking-definition" && !object.contains_key("modified"), Version::UNDATED),
    ] {
        flags |= if set { bit } else { 0 };
    }
    flags |= oddities(object, &kind);
    let source = serde_json::to_vec(&value).map_err(|error| wrong(error.to_string()))?;
    let canonical = serde_json_canonicalizer::to_vec(&value).map_err(|error| wrong(error.to_string()))?;
    let collection = if kind == "x-mitre-collection" { Some(collection(object, &words)?) } else { None };
    let tactics = if kind == "x-mitre-tactic" { words("x_mitre_shortname")? } else { lines(&phases(object)) };
    let version = NewVersion {
        raw,
        source: if source == text { raw } else { Sha256::digest(&source).into() },
        canonical: Sha256::digest(&canonical).into(),
        attack_id: attack_id(object).unwrap_or_default().to_owned(),
        name: words("name")?,
        version: words("x_mitre_version")?,
        created: words("created")?,
        modified: words("modified")?,
        flags,
        platforms: lines(&texts(object, "x_mitre_platforms")),
        tactics,
        relation,
        text: text.to_vec(),
        stix_id,
    };
    let domains = texts(object, "x_mitre_domains").into_iter().map(str::to_owned).collect();
    let matrix = (kind == "x-mitre-matrix").then(|| version.attack_id.clone());
    let chain = (kind == "attack-pattern").then(|| chain(object)).flatten().map(str::to_owned);
    Ok(Read { version, collection, domains, matrix, chain, kind })
}

/// What a collection says; `words` reads its texts.
fn collection<E>(object: &Map<String, Value>, words: &dyn Fn(&str) -> Result<String, E>) -> Result<Collection, E> {
    let listed = object.get("x_mitre_contents").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(|one| one.get("object_ref")?.as_str());
    Ok(Collection {
        name: words("name")?,
        release: words("x_mitre_version")?,
        modified: words("modified")?,
        contents: listed.map(str::to_owned).collect(),
    })
}

/// The id of an object that says something twice; empty for none.
fn loose_id(text: &[u8]) -> String {
    let id = serde_json::from_slice::<Value>(text).ok().and_then(|value| Some(value.get("id")?.as_str()?.to_owned()));
    shortened(&id.unwrap_or_default())
}

/// The texts in a list; empty when it is none.
pub fn texts<'a>(object: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    object
        .get(name)
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |list| list.iter().filter_map(Value::as_str).collect())
}

/// Short names of the tactics that a technique serves.
fn phases(object: &Map<String, Value>) -> Vec<&str> {
    let list = object.get("kill_chain_phases").and_then(Value::as_array);
    list.map_or_else(Vec::new, |list| list.iter().filter_map(|phase| phase.get("phase_name")?.as_str()).collect())
}

/// The name of the first kill chain that a technique is part of.
fn chain(object: &Map<String, Value>) -> Option<&str> {
    object.get("kill_chain_phases")?.as_array()?.iter().find_map(|phase| phase.get("kill_chain_name")?.as_str())
}

/// The ATT&CK id: the `external_id` of the first reference to ATT&CK itself.
pub fn attack_id(object: &Map<String, Value>) -> Option<&str> {
    let references = object.get("external_references")?.as_array()?;
    references.iter().find_map(|reference| {
        let source = reference.get("source_name")?.as_str()?;
        ATTACK_SOURCES.contains(&source).then(|| reference.get("external_id")?.as_str()).flatten()
    })
}

fn lines(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| text.replace('\n', " ")).collect();
    texts.join("\n")
}

/// STIX 2.1, 2.9: the type, two hyphens, a UUID. STIX 2.0 has the same form.
fn is_id(id: &str, kind: &str) -> bool {
    let uuid = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix("--"));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !kind.is_empty()
        && kind.bytes().all(plain)
        && id.len() <= 200
        && uuid
            .is_some_and(|uuid| !uuid.is_empty() && uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

/// Parses JSON whose objects have each name once: with two, nobody could say which value was meant (RFC 8259, 4).
///
/// # Errors
/// When it is none.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(text).map(|strict| strict.0)
}

/// Parses an object's text. A number that would be rounded (RFC 8259, 6: what is beyond 64 bits or 17 digits) stands as a text,
/// `number 18446744073709551616`: RFC 8785, appendix D, advises texts for those, and two of them are not taken for the same.
///
/// # Errors
/// When it is no JSON, or has a name twice in an object.
pub(crate) fn parse_exactly(text: &[u8]) -> Result<Value, serde_json::Error> {
    parse(&with_exact_numbers(text))
}

/// The text with its numbers that would be rounded put into quotes.
fn with_exact_numbers(text: &[u8]) -> Cow<'_, [u8]> {
    let (mut out, mut done, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        match byte {
            b'"' => at += quoted(rest),
            b'-' | b'0'..=b'9' => {
                let is_end = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let token = rest.split(is_end).next().unwrap_or_default();
                let mut after = rest.iter().skip(token.len()).filter(|byte| !byte.is_ascii_whitespace());
                // A name that is no text stays an error.
                if is_rounded(token) && after.next() != Some(&b':') {
                    out.extend_from_slice(text.get(done..at).unwrap_or_default());
                    out.extend_from_slice(b"\"number ");
                    out.extend_from_slice(token);
                    out.push(b'"');
                    done = at + token.len();
                }
                at += token.len();
            }
            _ => at += 1,
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Length of the string that begins here, its quotes included.
fn quoted(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(step) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += step;
        if text.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// Whether a number is another one after it was read and written.
fn is_rounded(token: &[u8]) -> bool {
    // Fifteen digits always come back (IEEE 754, binary64).
    if token.len() < 16 && !token.contains(&b'e') && !token.contains(&b'E') {
        return false;
    }
    match (serde_json::from_slice::<Number>(token), std::str::from_utf8(token)) {
        (Ok(number), Ok(token)) => decimal(token) != decimal(&number.to_string()),
        // Whoever parses it says what is wrong.
        _ => false,
    }
}

/// A number's sign, its digits without zeros at the ends, and the place of the first one before the point.
fn decimal(token: &str) -> Option<(bool, String, i64)> {
    let (token, is_negative) = token.strip_prefix('-').map_or((token, false), |rest| (rest, true));
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let place = i64::try_from(whole.len()).ok()?.checked_sub(zeros)?.checked_add(exponent.parse().ok()?)?;
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    Some((is_negative, significant.to_owned(), place))
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = access.next_element()? {
            list.push(value);
        }
        Ok(Strict(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Strict, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("the name `{}` occurs twice in one object", shortened(&name))));
            }
            let Strict(value) = access.next_value()?;
            map.insert(name, value);
        }
        Ok(Strict(Value::Object(map)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Read, (String, String)> {
        read(text.as_bytes(), Sha256::digest(text).into())
    }

    #[test]
    fn three_hashes_see_what_they_should() {
        let plain = check(r#"{"type":"tool","id":"tool--0a","name":"x","n":1.0}"#).unwrap().version;
        let spaced = check(r#"{"type": "tool", "id": "tool--0a", "name": "\u0078", "n": 1.00}"#).unwrap().version;
        let ordered = check(r#"{"id":"tool--0a","type":"tool","name":"x","n":1}"#).unwrap().version;
        assert_eq!(plain.raw, plain.source);
        assert_ne!(spaced.raw, plain.raw);
        assert_eq!(spaced.source, plain.source);
        assert_ne!(ordered.source, plain.source);
        assert_eq!(ordered.canonical, plain.canonical);
        // RFC 8785: names sorted, numbers as ECMAScript writes them.
        let canonical: [u8; 32] = Sha256::digest(r#"{"id":"tool--0a","n":1,"name":"x","type":"tool"}"#).into();
        assert_eq!(plain.canonical, canonical);
    }

    #[test]
    fn numbers_that_would_be_rounded_keep_every_digit() {
        let check = |number: &str| {
            check(&format!(r#"{{"type":"tool","id":"tool--0a","n":{number},"s":"\\\" 99999999999999999999"}}"#))
                .unwrap()
                .version
        };
        let hashes = |number: &str| (check(number).source, check(number).canonical);
        for (one, other) in [
            ("18446744073709551616", "18446744073709551617"),
            ("-9223372036854775809", "-9223372036854775810"),
            ("0.12345678901234567890", "0.12345678901234567891"),
            ("1e-400", "0"),
            ("99999999999999999999", "\"99999999999999999999\""),
        ] {
            assert_ne!(hashes(one).0, hashes(other).0, "{one}");
            assert_ne!(hashes(one).1, hashes(other).1, "{one}");
        }
        // What survives stays what it is: white space and ways to write a number are still no difference.
        for (one, other) in [
            ("18446744073709551615", "18446744073709551615 "),
            ("1.0000000000000000", "1.0"),
            ("100000000000000000000000", "1e23 "),
            ("1E2", "100.0"),
            ("-0.0000000000000000e5", "-0.0"),
        ] {
            assert_eq!(hashes(one).0, hashes(other).0, "{one}");
        }
        let value = parse_exactly(br#"{"n":[1, 18446744073709551616 ,-5]}"#).unwrap();
        assert_eq!(value, serde_json::json!({ "n": [1, "number 18446744073709551616", -5] }));
        assert!(parse_exactly(br#"{18446744073709551616 : 1}"#).is_err());
        assert!(parse_exactly(br#"[018446744073709551616]"#).is_err());
    }

    #[test]
    fn what_is_not_an_object_of_stix_is_refused() {
        for (text, reason) in [
            ("{}", "no `id`"),
            (r#"{"id":"tool--0a"}"#, "not an identifier of its type"),
            (r#"{"id":"tool--0a","type":"malware"}"#, "not an identifier of its type `malware`"),
            (r#"{"id":"tool--0a/../x","type":"tool"}"#, "not an identifier"),
            (r#"{"id":"tool--0a","type":"tool","name":7}"#, "its `name` is not a string"),
            (r#"{"id":"relationship--0a","type":"relationship","source_ref":"a"}"#, "without `relationship_type`"),
            (
                r#"{"id":"relationship--0a","type":"relationship","relationship_type":"uses","source_ref":"tool--0a","target_ref":"x"}"#,
                "its `target_ref` is not an identifier: `x`",
            ),
            (r#"{"id":"tool--0a","type":"tool","type":"tool"}"#, "`type` occurs twice"),
            (r#"{"id":"tool--0a","type":"tool","x":{"a":1,"a":1}}"#, "`a` occurs twice"),
            (r#"{"id":"tool--0a","type":"tool",}"#, "trailing comma"),
        ] {
            let (id, said) = check(text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
            // What stands twice in an object is told with the id of the object.
            assert!(id == "tool--0a" || !said.contains("occurs twice"), "{text}: {id}");
        }
    }

    #[test]
    fn what_is_odd_about_an_object_is_kept_in_mind_and_refuses_nothing() {
        for (fields, flag) in [
            (r#""revoked":"true""#, Version::ODD_STATUS),
            (r#""x_mitre_deprecated":1"#, Version::ODD_STATUS),
            (r#""description":["a"]"#, Version::ODD_FIELD),
            (r#""external_references":{}"#, Version::ODD_FIELD),
            (r#""created":"yesterday""#, Version::ODD_DATE),
            (r#""created":"2020-02-31T00:00:00Z""#, Version::ODD_DATE),
            (r#""created":"2022-01-01T00:00:00.001Z""#, Version::ODD_ORDER),
            (r#""revoked":true,"description":"x","external_references":[],"created":"2020-01-01T00:00:00.000Z""#, 0),
        ] {
            let text = format!(r#"{{"type":"tool","id":"tool--0a","modified":"2022-01-01T00:00:00Z",{fields}}}"#);
            assert_eq!(check(&text).unwrap().version.flags & Version::ODD, flag, "{text}");
        }
        let nested = check(r#"{"type":"bundle","id":"bundle--0a","objects":[]}"#).unwrap();
        assert_eq!(nested.version.flags & Version::ODD, Version::ODD_BUNDLE);
    }

    #[test]
    fn the_attack_id_is_mitres_own() {
        let read = check(
            r#"{"id":"attack-pattern--0a","type":"attack-pattern","name":"x","modified":"2020-01-01T00:00:00Z","external_references":[
               {"source_name":"capec","external_id":"CAPEC-1"},{"source_name":"mitre-attack","external_id":"T1204.002"}],
               "x_mitre_is_subtechnique":true,"revoked":true,"x_mitre_platforms":["Linux","macOS"],
               "kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"execution"}]}"#,
        );
        let version = read.unwrap().version;
        assert_eq!(version.attack_id, "T1204.002");
        assert_eq!(version.flags, Version::REVOKED | Version::SUBTECHNIQUE);
        assert_eq!(version.platforms, "Linux\nmacOS");
        assert_eq!(version.tactics, "execution");
    }
}
