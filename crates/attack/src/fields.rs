//! What an object says of itself in its fields: its status, its description, what it cites.

use lazaret_store::Version;
use serde_json::{Map, Value};

/// Whether an object is neither revoked nor deprecated.
pub fn is_live(version: &Version) -> bool {
    version.flags & (Version::REVOKED | Version::DEPRECATED) == 0
}

/// A version's status in one word.
pub fn status(version: &Version) -> &'static str {
    match version.flags {
        flags if flags & Version::REVOKED != 0 => "revoked",
        flags if flags & Version::DEPRECATED != 0 => "deprecated",
        _ => "live",
    }
}

/// What a relationship's text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The description, empty for none.
    pub description: String,
    /// The references of its citations.
    pub references: Vec<Reference>,
}

/// An entry of `external_references` (STIX 2.1, 2.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reference {
    /// The name by which it is cited.
    pub source_name: String,
    /// The id at that source, empty for none.
    pub external_id: String,
    /// What it is.
    pub description: String,
    /// Where it is, empty for none.
    pub url: String,
}

impl Words {
    /// What an object's fields say.
    pub(crate) fn of(fields: &Map<String, Value>) -> Self {
        Self { description: text_of(fields, "description"), references: references(fields) }
    }
}

/// A text field; empty for none.
pub fn text_of(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The references of an object, in their order.
pub fn references(fields: &Map<String, Value>) -> Vec<Reference> {
    let list = fields.get("external_references").and_then(Value::as_array);
    let read = |reference: &Value| {
        let fields = reference.as_object()?;
        Some(Reference {
            source_name: text_of(fields, "source_name"),
            external_id: text_of(fields, "external_id"),
            description: text_of(fields, "description"),
            url: text_of(fields, "url"),
        })
    };
    list.map_or_else(Vec::new, |list| list.iter().filter_map(read).collect())
}
