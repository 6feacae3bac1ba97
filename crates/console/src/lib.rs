//! What people see in a browser: the page in place of a download that was stopped, and the console.
//!
//! Only this crate knows HTML. It knows no gate: whoever starts both hands the renderer over as a value.

mod control;
mod house;
mod language;
#[cfg(test)]
mod looks;
mod prose;
mod server;
mod stopped;
mod texts;
mod words;

pub use control::{
    AuthoritySummary, CertificateRefusal, Control, ListSummary, PassedHosts, Pending, PoliciesInForce, PolicySummary,
    PolicyTrouble, Replayed, Simulation, SiteStanding, Unready, Unsaved,
};
pub use house::{House, Logo, LogoError};
pub use language::Language;
pub use server::{
    Attempts, Console, ConsoleSettings, Fit, FormRoute, LibraryPages, Sender, form_routes, password_fits,
};
pub use stopped::{Coming, Culprit, Form, Seen, Stopped, Why, unanswered};
