//! What the console needs from the process that it runs in: policies, permissions, the configuration. Whoever starts the
//! console hands it over as a value.

use lazaret_model::Decision;
use lazaret_store::{LoggedEvent, NewPolicies, StoreError};
use std::collections::BTreeSet;
use std::fs::File;
use std::pin::Pin;

/// An answer that takes time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The process, as the console sees it.
pub trait Control: Send + Sync {
    /// The names of everything that somebody with a role may do.
    fn permissions(&self, role: &str) -> BTreeSet<String>;

    /// The policies in force.
    fn policies(&self) -> PoliciesInForce;

    /// The policies that come with Lazaret, as text.
    fn built_in(&self) -> String;

    /// What is in a text of policies.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn check(&self, text: &str) -> Result<Vec<PolicySummary>, Vec<PolicyTrouble>>;

    /// What other policies would have decided about events. May take seconds.
    ///
    /// # Errors
    /// Everything that is wrong with the policies.
    fn simulate(&self, text: &str, events: &[LoggedEvent]) -> Result<Simulation, Vec<PolicyTrouble>>;

    /// Saves policies and puts them in force. The number of the new version.
    fn replace_policies(&self, new: NewPolicies) -> Pending<'_, Result<i64, Unsaved>>;

    /// The configuration in force without its secrets: tables with keys and values.
    fn settings(&self) -> Vec<(String, Vec<(String, String)>)>;

    /// The lists of sites in use.
    fn lists(&self) -> Vec<ListSummary>;

    /// What lists say about a host name, an IP address, or the address of a file.
    ///
    /// # Errors
    /// A sentence when it is none of them.
    fn standing(&self, text: &str) -> Result<SiteStanding, String>;

    /// The proxy's certificate authorities, the one in use first; none where there is no proxy.
    fn authorities(&self) -> Vec<AuthoritySummary>;

    /// Clients that did not take the certificates of the proxy's authority, the latest first.
    fn refusals(&self) -> Vec<CertificateRefusal>;

    /// The hosts that the configuration passes uninspected: those that it names, its sets, and its lists.
    fn passed(&self) -> Vec<PassedHosts>;

    /// Has the gates pass what the ledger says is passed uninspected, and nothing else beside the configuration's.
    ///
    /// # Errors
    /// When the ledger does not answer.
    fn take_up_bypasses(&self) -> Pending<'_, Result<(), StoreError>>;

    /// For how many days the quarantine keeps, and how many bytes in all.
    fn quarantine(&self) -> (u32, u64);

    /// Why the process should be given no work, beside its ledger; nothing where it should. May take seconds.
    fn unready(&self) -> Pending<'_, Vec<Unready>>;

    /// A file under a name in an archive that opens with the password `infected`. May take seconds.
    ///
    /// # Errors
    /// When it cannot be written.
    fn pack(&self, name: &str, content: File) -> Result<File, String>;
}

/// Something because of which the process should be given no work.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unready {
    /// What is to blame, in a word.
    pub what: &'static str,
    /// A sentence that anybody may read.
    pub why: &'static str,
}

/// The policies in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoliciesInForce {
    /// Their text.
    pub text: String,
    /// Each of them.
    pub list: Vec<PolicySummary>,
    /// The version in the ledger; 0 for none.
    pub version: i64,
    /// They come with Lazaret.
    pub built_in: bool,
    /// The files that they come from; then the console cannot change them.
    pub files: Vec<String>,
}

/// One policy, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicySummary {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`.
    pub title: String,
    /// Whether it forbids; else it permits.
    pub forbids: bool,
    /// What it leads to by itself.
    pub decision: Decision,
    /// Its `@technique`, empty for none.
    pub technique: String,
    /// Its `@lesson`, empty for none.
    pub lesson: String,
    /// The policy in Cedar.
    pub text: String,
}

/// Something wrong in a text of policies.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyTrouble {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// What other policies would have decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simulation {
    /// Events that were decided again.
    pub replayed: usize,
    /// Events that no policy decided, such as failures.
    pub left_out: usize,
    /// Older events for which there was no time.
    pub out_of_time: usize,
    /// Events about which the policies in force say something else than was decided then.
    pub drifted: usize,
    /// Events of older versions, of which it was guessed who asked and how.
    pub guessed: usize,
    /// Events with more parts than are kept, decided about by those that are.
    pub partial: usize,
    /// Decisions in force, other decisions, and how often one would become the other.
    pub counts: Vec<(&'static str, &'static str, usize)>,
    /// What would be decided differently, the newest first.
    pub changes: Vec<Replayed>,
}

/// One event that would be decided differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Its reference number.
    pub reference: String,
    /// Name of the file.
    pub name: String,
    /// Kind id.
    pub kind: String,
    /// What the policies in force decide.
    pub before: &'static str,
    /// What the others decide.
    pub after: &'static str,
    /// The ids of those of the others that decide.
    pub policies: Vec<String>,
}

/// Why policies were not saved.
#[derive(Debug)]
pub enum Unsaved {
    /// They do not validate.
    Troubles(Vec<PolicyTrouble>),
    /// The configuration names files.
    ReadOnly,
    /// Somebody saved others in the meantime.
    Outdated,
    /// Something is broken.
    Failed(String),
}

/// A certificate authority of the proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct AuthoritySummary {
    /// `present`, `next` or `previous`.
    pub role: &'static str,
    /// Its subject.
    pub subject: String,
    /// Its serial number, in hexadecimal with colons.
    pub serial: String,
    /// The SHA-256 of its certificate, as browsers show it.
    pub sha256: String,
    /// From when it is good, in milliseconds since 1970.
    pub not_before: i64,
    /// Until when it is good, in milliseconds since 1970.
    pub not_after: i64,
    /// Names for which it may vouch, with everything below them; none for all.
    pub names: Vec<String>,
    /// The certificate, in PEM.
    pub pem: String,
}

/// A client that did not take the certificate that was made for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRefusal {
    /// The host that it wanted.
    pub host: String,
    /// The client's address.
    pub client: String,
    /// What the program calls itself; empty where it does not say.
    pub agent: String,
    /// The alert (RFC 8446, 6.2) that it ended with, or `none`.
    pub alert: &'static str,
    /// How often.
    pub count: u64,
    /// The last time, in milliseconds since 1970.
    pub last: i64,
    /// The host is passed uninspected by now.
    pub passed: bool,
}

/// Hosts that the configuration passes uninspected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedHosts {
    /// The key of the configuration, or the name of the set or list.
    pub name: String,
    /// What they are; empty for nothing that is known here.
    pub about: String,
    /// Each, with whose it is; empty where nobody says.
    pub hosts: Vec<(String, String)>,
}

/// A list of sites, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSummary {
    /// What policies call it.
    pub name: String,
    /// The file or address it comes from.
    pub source: String,
    /// It lists suspicious sites.
    pub suspicious: bool,
    /// Entries in use.
    pub entries: usize,
    /// Lines or objects that could not be used.
    pub left_out: usize,
    /// The first of them, and why; empty for none.
    pub left_out_first: String,
    /// When it was last read, or found unchanged, in milliseconds since 1970; none for never.
    pub checked: Option<i64>,
    /// Why it could not be read the last time; empty for no reason.
    pub problem: String,
}

/// What lists say about a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteStanding {
    /// The host.
    pub host: String,
    /// Its registered domain; an address has none.
    pub domain: Option<String>,
    /// Names of the lists it is on.
    pub lists: Vec<String>,
    /// One of them lists suspicious sites.
    pub suspicious: bool,
}
