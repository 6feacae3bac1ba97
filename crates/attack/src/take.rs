//! Analysts' takes: documents whose claims cite evidence, bound to the hash of the source and of the relationship set that they
//! were written about. What is published is checked again whenever it is shown.

mod acts;
mod check;
mod stale;

pub use acts::{Deed, Vouched, act, authors, begin, look, served, takes_now};
pub use check::{Binding, Checked, Fit, binding, check, template};
pub use stale::{StaleTake, TakeAbout, is_stale, stale_takes, take_about, why_stale};

use crate::AttackError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::OnceLock;

/// The schema that documents follow (JSON Schema 2020-12).
pub const TAKE_SCHEMA: &str = include_str!("../schema/take-1.json");
/// What people read in place of a take that is not published, or not any more.
pub const TAKE_PENDING: &str = "Analyst summary pending validation";
/// Bytes of a document.
const MOST_BYTES: usize = 256 << 10;
/// Things that are wrong that are told at once.
const MOST_TROUBLES: usize = 50;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `lazaret.take/1`.
    pub schema: String,
    /// STIX id of the object.
    pub object: String,
    /// The feed that was read.
    pub feed: String,
    /// The domain that was read.
    pub domain: String,
    /// The release that was read.
    pub release: String,
    /// Hash of the source that was read.
    pub source_sha256: String,
    /// Hash of the relationship set that was read.
    pub relationships_sha256: String,
    /// A title.
    pub title: String,
    /// What a reader should take away.
    pub summary: String,
    /// What is claimed, with evidence.
    pub claims: Vec<Claim>,
    /// What this does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_covered: String,
}

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed.
    pub text: String,
    /// `high`, `moderate` or `low`.
    pub confidence: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What a claim rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Evidence {
    /// Words of the object's description.
    Quote {
        /// The words.
        text: String,
    },
    /// A relationship of the object.
    Relationship {
        /// Its STIX id.
        id: String,
    },
    /// A reference of the object.
    Citation {
        /// The name by which it is cited.
        source_name: String,
    },
    /// Something on the web.
    Link {
        /// Where.
        url: String,
        /// What.
        title: String,
        /// The day on which it was read.
        retrieved: String,
    },
}

/// Something that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Where (RFC 6901): `/claims/0/evidence/1`; empty for all of it.
    pub place: String,
    /// What.
    pub message: String,
}

/// Why something cannot be done with a take.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The document is not what it should be.
    #[error("the document is not valid: {}", first(.0))]
    Troubles(Vec<Trouble>),
    /// It cannot be done, for this reason.
    #[error("{0}")]
    Refused(String),
    /// There is none with this number.
    #[error("no take with the number {0}")]
    Missing(i64),
    /// Somebody else changed it.
    #[error("someone has changed this take in the meantime; review it again")]
    Changed,
    /// The library.
    #[error(transparent)]
    Attack(#[from] AttackError),
}

fn first(troubles: &[Trouble]) -> String {
    let one = troubles.first().map(|one| format!("{} {}", one.place, one.message)).unwrap_or_default();
    if troubles.len() > 1 { format!("{} (and {} more)", one.trim(), troubles.len() - 1) } else { one.trim().to_owned() }
}

impl From<lazaret_store::StoreError> for TakeError {
    fn from(error: lazaret_store::StoreError) -> Self {
        Self::Attack(error.into())
    }
}

/// Reads a document and holds it against the schema.
///
/// # Errors
/// Everything that is wrong.
pub fn read_take(text: &str) -> Result<Document, Vec<Trouble>> {
    let lone = |message: String| vec![Trouble { place: String::new(), message }];
    if text.len() > MOST_BYTES {
        return Err(lone("it is larger than 256 KiB".to_owned()));
    }
    let value = crate::parse(text.as_bytes()).map_err(|error| lone(format!("not JSON: {error}")))?;
    let mut troubles: Vec<Trouble> = Vec::new();
    for error in validator().map_err(lone)?.iter_errors(&value).take(MOST_TROUBLES) {
        troubles.push(Trouble { place: error.instance_path().to_string(), message: error.to_string() });
    }
    if !troubles.is_empty() {
        return Err(troubles);
    }
    let document: Document = serde_json::from_value(value).map_err(|error| lone(error.to_string()))?;
    let troubles = empty_words(&document);
    if troubles.is_empty() { Ok(document) } else { Err(troubles) }
}

/// What the schema cannot say: texts of blanks alone, and days that the calendar does not have.
fn empty_words(document: &Document) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut needs = |place: String, text: &str, least: usize| {
        if text.chars().filter(|letter| is_seen(*letter)).count() < least {
            let message = format!("it needs at least {least} visible characters");
            troubles.push(Trouble { place, message });
        }
    };
    needs("/title".to_owned(), &document.title, 3);
    needs("/summary".to_owned(), &document.summary, 10);
    let mut days = Vec::new();
    for (claim, number) in document.claims.iter().zip(0..) {
        needs(format!("/claims/{number}/text"), &claim.text, 5);
        for (evidence, at) in claim.evidence.iter().zip(0..) {
            let place = format!("/claims/{number}/evidence/{at}");
            match evidence {
                Evidence::Quote { text } => needs(format!("{place}/text"), text, 4),
                Evidence::Relationship { .. } => {}
                Evidence::Citation { source_name } => needs(format!("{place}/source_name"), source_name, 1),
                Evidence::Link { title, retrieved, .. } => {
                    needs(format!("{place}/title"), title, 3);
                    if !crate::dates::is_day(retrieved) {
                        let message = format!("`{retrieved}` is not a date such as 2026-01-31");
                        days.push(Trouble { place: format!("{place}/retrieved"), message });
                    }
                }
            }
        }
    }
    troubles.extend(days);
    troubles
}

/// Whether a reader sees anything of a character.
fn is_seen(letter: char) -> bool {
    let is_hidden = matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !letter.is_whitespace() && !letter.is_control() && !is_hidden
}

fn validator() -> Result<&'static jsonschema::Validator, String> {
    static VALIDATOR: OnceLock<Result<jsonschema::Validator, String>> = OnceLock::new();
    let made = VALIDATOR.get_or_init(|| {
        let schema: Value = serde_json::from_str(TAKE_SCHEMA).map_err(|error| error.to_string())?;
        jsonschema::validator_for(&schema).map_err(|error| error.to_string())
    });
    made.as_ref().map_err(Clone::clone)
}
