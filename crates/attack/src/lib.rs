//! The ATT&CK library: every release as it was published, compared, searched and cited.
//!
//! What was imported is never changed. Everything that is said about it, by lists, comparisons and analysts, leads back to the
//! bytes that it rests on.

mod bundle;
mod error;
mod exact;
mod import;
mod inputs;
mod names;
mod object;

pub use bundle::{Frame, MOST_OBJECT, Piece, Splitter};
pub use error::AttackError;
pub use exact::{Verified, bundle, verify};
pub use import::{ImportOptions, Outcome, import};
pub use inputs::size;
pub use names::{DOMAINS, Feed, Number, domain_named, domain_title};
pub use object::{ATTACK_SOURCES, attack_id, parse, texts};
