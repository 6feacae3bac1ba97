//! Decides what is delivered, held and blocked, with Cedar policies.
//!
//! Default deny is the mitigation: what no policy permits to be delivered or held is blocked. Policies are validated
//! against the schema when they are loaded; a file that does not validate is refused whole.

mod actions;
mod cases;
mod error;
mod explain;
mod facts;
mod listing;
mod permissions;
mod policies;

pub use actions::{ACTIONS, Action};
pub use cases::{CaseOutcome, Cases, run_cases};
pub use error::{PolicyError, PolicyProblem};
pub use explain::{Change, explain};
pub use facts::{Fact, FactType, Facts, Place, SiteFacts, all_facts};
pub use listing::PolicyDescription;
pub use permissions::{Permissions, ROLES};
pub use policies::{Outcome, Policies, PolicyFile, built_in_policies};
