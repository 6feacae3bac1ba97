//! The ATT&CK library: every release as it was published, compared, searched and cited.
//!
//! What was imported is never changed. Everything that is said about it, by lists, comparisons and analysts, leads back to the
//! bytes that it rests on.

mod addresses;
mod bundle;
mod catalog;
mod changes;
mod compare;
mod dates;
mod error;
mod exact;
mod gone;
mod history;
mod identity;
mod import;
mod index;
mod inputs;
mod layer;
mod names;
mod object;
mod relations;
mod remove;
mod search;
mod sections;
mod sheets;
mod spelling;
mod summary;
mod take;
mod unpack;
mod view;

pub use bundle::{Frame, MOST_OBJECT, Piece as BundlePiece, Splitter};
pub use catalog::{Catalog, Choice, Ever, Found, looks_like_an_id, rank};
pub use changes::{Changed, Changes, DomainChanges, Ends, Kind, Named, changes, changes_between, ends, order};
pub use compare::{Change, Label, Piece, compare, compared_words, greatest};
pub use error::AttackError;
pub use exact::{Bundle, Verified, verify};
pub use gone::{Gone, standing};
pub use history::{Detail, Row, Run, folded, history};
pub use import::{ImportOptions, Outcome, import};
pub use index::{Collection, CollectionIndex, IndexError, Offered};
pub use inputs::size;
pub use layer::{
    Layer, LayerDraft, Mark, Note, combined, empty_layer, entry_layer, layer_edited, layer_upgraded, read_layers,
};
pub use names::{DOMAINS, Feed, Number, domain_named, domain_title};
pub use object::{ATTACK_SOURCES, attack_id, parse, texts};
pub use relations::{
    Effective, Linked, Reference, Related, Replacements, Vanished, Words, elsewhere, gaps, heir, hex, linked,
    references, related, relationships_hash, replacements, text_of, vanished,
};
pub use remove::remove;
pub use search::{Answer, Hit, Question, Search, status};
pub use sections::{
    SECTIONS, Section, id_in, is_sub, kind_of, official, official_path, path, path_of, section_at, section_of,
};
pub use sheets::{Sheet, ids_of, selected_bundle, sheet_csv, sheets, sheets_json, workbook};
pub use spelling::spelled;
pub use summary::{ATTRIBUTION, history_json, markdown, relation_json, relations_csv, summary};
pub use take::{
    Binding, Checked, Claim, Deed, Document, Evidence, Fit, StaleTake, TAKE_PENDING, TAKE_SCHEMA, TakeAbout, TakeError,
    Trouble, Vouched, act, authors, begin, binding, check, is_stale, look, read_take, served, stale_takes, take_about,
    takes_now, template, why_stale,
};
pub use unpack::{Unpacker, Unpacking, unpack_into};
pub use view::{Link, View, is_live};

/// The terms under which ATT&CK may be shown, which must go with it.
pub const TERMS: &str = include_str!("../terms/attack.txt");
