//! The ATT&CK library: every release as it was published, compared, searched and cited.
//!
//! What was imported is never changed. Everything that is said about it, by lists, comparisons and analysts, leads back to the
//! bytes that it rests on.

mod addresses;
mod bundle;
mod catalog;
mod changes;
mod choice;
mod compare;
mod dates;
mod error;
mod exact;
mod fields;
mod gone;
mod history;
mod identity;
mod import;
mod index;
mod inputs;
mod layer;
mod names;
mod object;
mod options;
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
pub use catalog::{Catalog, Ever, Found, looks_like_an_id};
pub use changes::{Changed, Changes, DomainChanges, Ends, Kind, Named, changes, changes_between, ends, order};
pub use choice::{Choice, rank};
pub use compare::{Change, Label, Piece, compare, compared_words, greatest};
pub use error::AttackError;
pub use exact::{Bundle, Verified, verify};
pub use fields::{Reference, Words, is_live, references, status, text_of};
pub use gone::{Gone, standing};
pub use history::{Detail, Row, Run, folded, history};
pub use import::{Outcome, import};
pub use index::{Collection, CollectionIndex, IndexError, Offered};
pub use inputs::size;
pub use layer::{
    Layer, LayerDraft, Mark, Note, combined, empty_layer, entry_layer, layer_edited, layer_upgraded, read_layers,
};
pub use names::{DOMAINS, Feed, Number, domain_named, domain_title};
pub use object::{ATTACK_SOURCES, attack_id, parse, texts};
pub use options::ImportOptions;
pub use relations::{
    Effective, Linked, Related, Replacements, Vanished, elsewhere, gaps, heir, hex, linked, related,
    relationships_hash, replacements, vanished,
};
pub use remove::remove;
pub use search::{Answer, Hit, Question, Search};
pub use sections::{
    SECTIONS, Section, id_in, is_sub, kind_of, official, official_path, path, path_of, section_at, section_of,
};
pub use sheets::{Sheet, ids_of, selected_bundle, sheet_csv, sheets, sheets_json, workbook};
pub use spelling::spelled;
pub use summary::{history_json, markdown, relation_json, relations_csv, summary};
pub use take::{
    Binding, Checked, Claim, Deed, Document, Evidence, Fit, StaleTake, TAKE_PENDING, TAKE_SCHEMA, TakeAbout, TakeError,
    Trouble, Vouched, act, authors, begin, binding, check, is_stale, look, read_take, served, stale_takes, take_about,
    takes_now, template, why_stale,
};
pub use unpack::{Unpacker, Unpacking, unpack_into};
pub use view::{Link, View};

/// The terms under which ATT&CK may be shown, which must go with it.
pub const TERMS: &str = include_str!("../terms/attack.txt");

/// What goes with everything that is shown of ATT&CK.
pub const ATTRIBUTION: &str = "© 2025 The MITRE Corporation. This work is reproduced and distributed with the permission of \
                               The MITRE Corporation.";
