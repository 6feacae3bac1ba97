//! What people see in a browser. So far: the page in place of a download that was stopped.
//!
//! Only this crate knows HTML. It knows no gate: whoever starts both hands the renderer over as a value.

mod language;
mod stopped;
mod texts;

pub use language::Language;
pub use stopped::{Form, Stopped, Why, unanswered};
