//! A take as the fields of a form, and back: the document is the same as one that was written as JSON. Evidence that the form lists
//! is ticked there, any other is typed.

use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Claims of a take, and pieces of evidence of a claim, as the schema has them.
const MOST_CLAIMS: usize = 40;
const MOST_EVIDENCE: usize = 20;
/// Empty claims and pieces of evidence that a form ends with.
const ROOM: usize = 2;
/// Kinds of evidence: how the document names them, the member with what they are, and what people call them.
const KINDS: [(&str, &str, &str); 4] = [
    ("quote", "text", "Quote from the definition"),
    ("relationship", "id", "STIX ID of a relationship"),
    ("citation", "source_name", "Name of a reference"),
    ("link", "url", "Web address"),
];
/// Kinds of evidence that the form lists, by their names in the document. A claim has a field with the name of the kind for each
/// piece that is ticked.
pub(super) const RELATIONSHIP: &str = "relationship";
/// See [`RELATIONSHIP`].
pub(super) const CITATION: &str = "citation";
/// What a take is bound to.
const BOUND: [&str; 7] = ["schema", "object", "feed", "domain", "release", "source_sha256", "relationships_sha256"];

/// A document, field by field.
pub(super) struct Fields {
    /// What it is bound to, by name.
    pub(super) bound: Vec<(&'static str, String)>,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) not_covered: String,
    pub(super) claims: Vec<ClaimFields>,
}

pub(super) struct ClaimFields {
    /// What its fields' names begin with.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) confidence: String,
    /// Evidence that is typed.
    pub(super) evidence: Vec<EvidenceFields>,
    relationships: HashSet<String>,
    citations: HashSet<String>,
}

impl ClaimFields {
    /// Evidence of a kind that is ticked in the form's lists.
    pub(super) fn ticked(&self, kind: &str) -> &HashSet<String> {
        if kind == RELATIONSHIP { &self.relationships } else { &self.citations }
    }

    /// Pieces of evidence that are ticked.
    pub(super) fn ticks(&self) -> usize {
        self.relationships.len() + self.citations.len()
    }
}

pub(super) struct EvidenceFields {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) title: String,
    pub(super) retrieved: String,
}

impl Fields {
    /// The fields of a document, with room for more; `None` for what is no JSON object. Evidence that the form lists, by its kind
    /// and value, is ticked.
    pub(super) fn of(document: &str, is_listed: impl Fn(&str, &str) -> bool) -> Option<Self> {
        let Ok(Value::Object(document)) = serde_json::from_str(document) else { return None };
        let text = |fields: &Map<String, Value>, name: &str| -> String {
            fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let list = |fields: &Map<String, Value>, name: &str| -> Vec<Map<String, Value>> {
            let list = fields.get(name).and_then(Value::as_array);
            list.into_iter().flatten().map(|one| one.as_object().cloned().unwrap_or_default()).collect()
        };
        let mut claims: Vec<ClaimFields> = Vec::new();
        let known = list(&document, "claims");
        let all = (known.len() + ROOM).min(MOST_CLAIMS.max(known.len()));
        for (claim, number) in known.into_iter().chain(std::iter::repeat_with(Map::new)).take(all).zip(0..) {
            let name = format!("claim{number}");
            let (mut relationships, mut citations) = (HashSet::new(), HashSet::new());
            let mut known = list(&claim, "evidence");
            known.retain(|one| {
                let kind = text(one, "kind");
                let ticked = match kind.as_str() {
                    RELATIONSHIP => &mut relationships,
                    CITATION => &mut citations,
                    _ => return true,
                };
                let value = text(one, member_of(&kind));
                let is_typed = !is_listed(&kind, &value);
                if !is_typed {
                    ticked.insert(value);
                }
                is_typed
            });
            let all = (known.len() + ROOM).min(MOST_EVIDENCE.max(known.len()));
            let evidence = known.into_iter().chain(std::iter::repeat_with(Map::new)).take(all).zip(0..);
            let evidence = evidence.map(|(one, number)| {
                let kind = text(&one, "kind");
                EvidenceFields {
                    name: format!("{name}.evidence{number}"),
                    value: text(&one, member_of(&kind)),
                    title: text(&one, "title"),
                    retrieved: text(&one, "retrieved"),
                    kind,
                }
            });
            claims.push(ClaimFields {
                evidence: evidence.collect(),
                text: text(&claim, "text"),
                confidence: text(&claim, "confidence"),
                relationships,
                citations,
                name,
            });
        }
        Some(Self {
            bound: BOUND.iter().map(|name| (*name, text(&document, name))).collect(),
            title: text(&document, "title"),
            summary: text(&document, "summary"),
            not_covered: text(&document, "not_covered"),
            claims,
        })
    }

    /// Kinds of evidence, for a choice: name, and what people call it.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        KINDS.iter().map(|(name, _, told)| (*name, *told))
    }
}

/// The member of a piece of evidence that says what it is; empty for an unknown kind.
fn member_of(kind: &str) -> &'static str {
    KINDS.iter().find(|known| known.0 == kind).map_or("", |known| known.1)
}

/// The document that somebody sent, as JSON or field by field. Claims and evidence that were left empty are left out; too many of
/// them are not, so that nothing is lost when the schema refuses them.
pub(super) fn document(sent: &[(String, String)]) -> String {
    let mut fields: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, value) in sent {
        fields.entry(name).or_default().push(value);
    }
    // A form sends the ends of lines as RFC 7578 and its like have them.
    let lines = |value: &str| value.replace("\r\n", "\n");
    let all = |name: &str| fields.get(name).map_or(&[][..], Vec::as_slice);
    let field = |name: &str| all(name).first().map(|value| lines(value).trim().to_owned());
    let value = |name: &str| field(name).unwrap_or_default();
    if field("fields").is_none() {
        return all("document").first().map(|text| (*text).to_owned()).unwrap_or_default();
    }
    let mut document: Map<String, Value> = BOUND.iter().map(|name| ((*name).to_owned(), value(name).into())).collect();
    let mut claims: Vec<Value> = Vec::new();
    for name in (0_usize..).map(|number| format!("claim{number}")) {
        let Some(text) = field(&format!("{name}.text")) else { break };
        let mut evidence: Vec<Value> = Vec::new();
        for name in (0_usize..).map(|number| format!("{name}.evidence{number}")) {
            let Some(what) = field(&format!("{name}.value")) else { break };
            let kind = value(&format!("{name}.kind"));
            let (title, retrieved) = (value(&format!("{name}.title")), value(&format!("{name}.retrieved")));
            let is_link = kind == "link";
            // A page without its address is somebody's work as well: whoever forgot it is told.
            let is_begun = is_link && (!title.is_empty() || !retrieved.is_empty());
            if what.is_empty() && !is_begun {
                continue;
            }
            let member = Some(member_of(&kind)).filter(|member| !member.is_empty()).unwrap_or("text");
            let mut one = json!({ "kind": kind, member: what });
            if is_link {
                one["title"] = title.into();
                one["retrieved"] = retrieved.into();
            }
            evidence.push(one);
        }
        for kind in [RELATIONSHIP, CITATION] {
            let member = member_of(kind);
            for value in all(&format!("{name}.{kind}")) {
                evidence.push(json!({ "kind": kind, member: lines(value) }));
            }
        }
        if !text.is_empty() || !evidence.is_empty() {
            claims.push(
                json!({ "text": text, "confidence": value(&format!("{name}.confidence")), "evidence": evidence }),
            );
        }
    }
    document.insert("title".to_owned(), value("title").into());
    document.insert("summary".to_owned(), value("summary").into());
    document.insert("claims".to_owned(), claims.into());
    if !value("not_covered").is_empty() {
        document.insert("not_covered".to_owned(), value("not_covered").into());
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser sends of a form: every field, and of the lists what is ticked.
    fn sent(fields: &Fields) -> Vec<(String, String)> {
        let mut sent = vec![("fields".to_owned(), "yes".to_owned())];
        sent.extend(fields.bound.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        for (name, value) in
            [("title", &fields.title), ("summary", &fields.summary), ("not_covered", &fields.not_covered)]
        {
            sent.push((name.to_owned(), value.replace('\n', "\r\n")));
        }
        for claim in &fields.claims {
            sent.push((format!("{}.text", claim.name), claim.text.clone()));
            sent.push((format!("{}.confidence", claim.name), claim.confidence.clone()));
            for one in &claim.evidence {
                for (name, value) in
                    [("kind", &one.kind), ("value", &one.value), ("title", &one.title), ("retrieved", &one.retrieved)]
                {
                    sent.push((format!("{}.{name}", one.name), value.clone()));
                }
            }
            for kind in [RELATIONSHIP, CITATION] {
                let mut ticked: Vec<&String> = claim.ticked(kind).iter().collect();
                ticked.sort();
                sent.extend(ticked.into_iter().map(|value| (format!("{}.{kind}", claim.name), value.clone())));
            }
        }
        sent
    }

    /// A document with these pieces of evidence for its only claim.
    fn claiming(evidence: &Value) -> Value {
        json!({
            "schema": "lazaret.take/1", "object": "tool--0a", "feed": "stix-2.1", "domain": "ics-attack", "release": "17.1",
            "source_sha256": "a", "relationships_sha256": "b", "title": "A title", "summary": "Two\nlines",
            "claims": [{ "text": "It is so.", "confidence": "low", "evidence": evidence }],
            "not_covered": "The rest.",
        })
    }

    fn again(fields: &Fields) -> Value {
        serde_json::from_str(&document(&sent(fields))).unwrap()
    }

    #[test]
    fn a_document_is_the_same_after_it_was_a_form() {
        let text = claiming(&json!([
            { "kind": "quote", "text": "letter for letter" },
            { "kind": "relationship", "id": "relationship--0a" },
            { "kind": "citation", "source_name": "A report" },
            { "kind": "link", "url": "https://a.invalid/", "title": "A page", "retrieved": "2026-01-31" },
        ]));
        let fields = Fields::of(&text.to_string(), |_, _| false).unwrap();
        assert_eq!((fields.claims.len(), fields.claims[0].evidence.len()), (3, 6), "there is no room for more");
        assert_eq!(again(&fields), text);
        assert_eq!(document(&[("document".to_owned(), " {".to_owned())]), " {");
        assert!(Fields::of("[]", |_, _| true).is_none() && Fields::of("{", |_, _| true).is_none());
    }

    #[test]
    fn what_the_form_lists_is_ticked_and_anything_else_is_typed() {
        let text = claiming(&json!([
            { "kind": "relationship", "id": "relationship--0b" },
            { "kind": "quote", "text": "letter for letter" },
            { "kind": "relationship", "id": "relationship--0a" },
            { "kind": "citation", "source_name": " A report " },
            { "kind": "relationship", "id": "relationship--0a" },
        ]));
        let fields = Fields::of(&text.to_string(), |_, value| value != "relationship--0b").unwrap();
        let claim = &fields.claims[0];
        let typed: Vec<&str> = claim.evidence.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(typed, ["relationship--0b", "letter for letter", "", ""]);
        assert!(
            claim.ticked(RELATIONSHIP).contains("relationship--0a") && claim.ticked(CITATION).contains(" A report ")
        );
        assert_eq!(claim.ticks(), 2);
        let evidence = json!([
            { "kind": "relationship", "id": "relationship--0b" },
            { "kind": "quote", "text": "letter for letter" },
            { "kind": "relationship", "id": "relationship--0a" },
            { "kind": "citation", "source_name": " A report " },
        ]);
        assert_eq!(again(&fields), claiming(&evidence), "names are what the release says, blanks and all");
    }

    #[test]
    fn nothing_that_was_sent_is_lost_before_somebody_is_told() {
        let many: Vec<Value> =
            (0..25).map(|number| json!({ "kind": "quote", "text": format!("words {number}") })).collect();
        let text = claiming(&json!(many));
        assert_eq!(again(&Fields::of(&text.to_string(), |_, _| false).unwrap()), text);
        let page = claiming(&json!([{ "kind": "link", "url": "", "title": "A page", "retrieved": "" }]));
        assert_eq!(again(&Fields::of(&page.to_string(), |_, _| false).unwrap()), page);
        // A claim whose evidence is ticked already, and which nobody has worded.
        let mut fields = Fields::of(&claiming(&json!([])).to_string(), |_, _| true).unwrap();
        fields.claims[1].citations.insert("A report".to_owned());
        let claim =
            json!({ "text": "", "confidence": "", "evidence": [{ "kind": "citation", "source_name": "A report" }] });
        assert_eq!(again(&fields)["claims"][1], claim);
    }
}
