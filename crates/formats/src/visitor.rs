//! Who is told about what a walk finds.

use crate::Content;
use lazaret_model::{Child, Finding, Part, PartId};

/// Is told about every part as the walk meets it.
pub trait Visitor {
    /// A part was found and identified. Parents come before their children.
    fn begin(&mut self, part: &Part);
    /// Its bytes, for detectors. Called before anything in it is opened. Answers why not all of it was looked at, if it was
    /// not: the part is incomplete then.
    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String>;
    /// The opener or the budget observed something about it.
    fn finding(&mut self, part: &Part, finding: Finding);
    /// It and everything in it has been inspected; `locked`, `complete`, `password` and `macros` are final.
    fn end(&mut self, part: &Part, children: &[Child]);
    /// Forget everything below this part: it is about to be opened again with more passwords.
    fn withdraw_below(&mut self, part: PartId);
}
