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
    AuthoritySummary, CertificateRefusal, Control, ListSummary, NoHost, Packer, PassedHosts, Pending, PoliciesInForce,
    Replayed, ShownSetting, ShownTable, Simulation, SiteStanding, Unready, Unsaved,
};
pub use house::{House, Logo, LogoError};
pub use language::Language;
pub use server::{
    Console, ConsoleSettings, Coverage, Dossier, DossierError, FormRoute, LibraryPages, NamedBy, PROVIDER_CALLBACK,
    PageRoute, SaidBy, Samples, Sender, Week, form_routes, page_routes,
};
pub use stopped::{Coming, Culprit, Form, Seen, Stopped, Why, unanswered};
