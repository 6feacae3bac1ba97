//! A take as the fields of a form, and back: the document is the same as one that was written as JSON.

use serde_json::{Map, Value, json};

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
    pub(super) evidence: Vec<EvidenceFields>,
}

pub(super) struct EvidenceFields {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) title: String,
    pub(super) retrieved: String,
}

impl Fields {
    /// The fields of a document, with room for more; `None` for what is no JSON object.
    pub(super) fn of(document: &str) -> Option<Self> {
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
            let known = list(&claim, "evidence");
            let all = (known.len() + ROOM).min(MOST_EVIDENCE.max(known.len()));
            let evidence = known.into_iter().chain(std::iter::repeat_with(Map::new)).take(all).zip(0..);
            let evidence = evidence.map(|(one, number)| {
                let kind = text(&one, "kind");
                let member = KINDS.iter().find(|known| known.0 == kind).map_or("", |known| known.1);
                EvidenceFields {
                    name: format!("{name}.evidence{number}"),
                    value: text(&one, member),
                    title: text(&one, "title"),
                    retrieved: text(&one, "retrieved"),
                    kind,
                }
            });
            claims.push(ClaimFields {
                evidence: evidence.collect(),
                text: text(&claim, "text"),
                confidence: text(&claim, "confidence"),
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

/// The document that somebody sent, as JSON or field by field. Claims and evidence that were left empty are left out.
pub(super) fn document(sent: &[(String, String)]) -> String {
    let field = |name: &str| {
        let found = sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        // A form sends the ends of lines as RFC 7578 and its like have them.
        found.map(|value| value.replace("\r\n", "\n").trim().to_owned())
    };
    let value = |name: &str| field(name).unwrap_or_default();
    if field("fields").is_none() {
        return sent.iter().find(|(name, _)| name == "document").map(|(_, text)| text.clone()).unwrap_or_default();
    }
    let mut document: Map<String, Value> = BOUND.iter().map(|name| ((*name).to_owned(), value(name).into())).collect();
    let mut claims: Vec<Value> = Vec::new();
    for number in 0..MOST_CLAIMS {
        let name = format!("claim{number}");
        let Some(text) = field(&format!("{name}.text")) else { break };
        let mut evidence: Vec<Value> = Vec::new();
        for number in 0..MOST_EVIDENCE {
            let name = format!("{name}.evidence{number}");
            let Some(what) = field(&format!("{name}.value")) else { break };
            let kind = value(&format!("{name}.kind"));
            let member = KINDS.iter().find(|known| known.0 == kind).map_or("text", |known| known.1);
            if what.is_empty() {
                continue;
            }
            let mut one = json!({ "kind": kind, member: what });
            if kind == "link" {
                one["title"] = value(&format!("{name}.title")).into();
                one["retrieved"] = value(&format!("{name}.retrieved")).into();
            }
            evidence.push(one);
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

    #[test]
    fn a_document_is_the_same_after_it_was_a_form() {
        let text = json!({
            "schema": "lazaret.take/1", "object": "tool--0a", "feed": "stix-2.1", "domain": "ics-attack", "release": "17.1",
            "source_sha256": "a", "relationships_sha256": "b", "title": "A title", "summary": "Two\nlines",
            "claims": [{ "text": "It is so.", "confidence": "low", "evidence": [
                { "kind": "quote", "text": "letter for letter" },
                { "kind": "relationship", "id": "relationship--0a" },
                { "kind": "citation", "source_name": "A report" },
                { "kind": "link", "url": "https://a.invalid/", "title": "A page", "retrieved": "2026-01-31" },
            ] }],
            "not_covered": "The rest.",
        });
        let fields = Fields::of(&text.to_string()).unwrap();
        let mut sent = vec![("fields".to_owned(), "yes".to_owned())];
        sent.extend(fields.bound.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        for (name, value) in
            [("title", &fields.title), ("summary", &fields.summary), ("not_covered", &fields.not_covered)]
        {
            sent.push((name.to_owned(), value.replace('\n', "\r\n")));
        }
        assert_eq!((fields.claims.len(), fields.claims[0].evidence.len()), (3, 6), "there is no room for more");
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
        }
        assert_eq!(serde_json::from_str::<Value>(&document(&sent)).unwrap(), text);
        assert_eq!(document(&[("document".to_owned(), " {".to_owned())]), " {");
        assert!(Fields::of("[]").is_none() && Fields::of("{").is_none());
    }
}
