//! What the console needs from the process that it runs in: policies, permissions, the configuration. Whoever starts the
//! console hands it over as a value.

use lazaret_policy::{PolicyDescription, PolicyProblem};
use lazaret_store::{LoggedEvent, NewPolicies, StoreError};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

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
    fn check(&self, text: &str) -> Result<Vec<PolicyDescription>, Vec<PolicyProblem>>;

    /// What other policies would have decided about events. May take seconds.
    ///
    /// # Errors
    /// Everything that is wrong with the policies.
    fn simulate(&self, text: &str, events: &[LoggedEvent]) -> Result<Simulation, Vec<PolicyProblem>>;

    /// Saves policies and puts them in force. The number of the new version.
    fn replace_policies(&self, new: NewPolicies) -> Pending<'_, Result<i64, Unsaved>>;

    /// The configuration in force without its secrets.
    fn settings(&self) -> Vec<ShownTable>;

    /// The lists of sites in use.
    fn lists(&self) -> Vec<ListSummary>;

    /// What lists say about a host name, an IP address, or the address of a file.
    ///
    /// # Errors
    /// When it is none of them.
    fn standing(&self, text: &str) -> Result<SiteStanding, NoHost>;

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

    /// Has the gates keep back what the ledger says is in force for incidents, and nothing else.
    ///
    /// # Errors
    /// When the ledger does not answer.
    fn take_up_measures(&self) -> Pending<'_, Result<(), StoreError>>;

    /// For how many days the quarantine keeps, and how many bytes in all.
    fn quarantine(&self) -> (u32, u64);

    /// Why the process should be given no work, beside its ledger; nothing where it should. May take seconds.
    fn unready(&self) -> Pending<'_, Vec<Unready>>;

    /// A file under a name in an archive that opens with the password `infected`. May take seconds.
    ///
    /// # Errors
    /// When it cannot be written.
    fn pack(&self, name: &str, content: File) -> io::Result<File>;

    /// What packs an incident's files.
    fn packer(&self) -> Arc<dyn Packer>;
}

/// Packs files, on a disk that has room for them. Blocks.
pub trait Packer: Send + Sync {
    /// A file that is gone when nobody has it open any more.
    ///
    /// # Errors
    /// When none can be made.
    fn file(&self) -> io::Result<File>;

    /// A file under a name in an archive that opens with the password `infected`.
    ///
    /// # Errors
    /// When it cannot be written.
    fn pack(&self, name: &str, content: File) -> io::Result<File>;

    /// Files under their names in one archive, as they are.
    ///
    /// # Errors
    /// When it cannot be written.
    fn bundle(&self, members: Vec<(String, File)>) -> io::Result<File>;
}

/// Why nothing can be said about a site: what was asked for is no host and no address. A sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoHost(pub String);

/// Something because of which the process should be given no work.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unready {
    /// What is to blame, in a word.
    pub what: Cow<'static, str>,
    /// A sentence that anybody may read.
    pub why: Cow<'static, str>,
}

/// A table of the configuration, to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownTable {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Whether it is read again at SIGHUP; else a change needs a restart.
    pub is_reread: bool,
    /// Its settings.
    pub settings: Vec<ShownSetting>,
}

/// A setting, to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownSetting {
    /// Its key.
    pub key: String,
    /// What it is now; nothing of a secret.
    pub value: String,
    /// What it would be if nobody had set it; nothing where that is what it is.
    pub default: String,
    /// What it means.
    pub meaning: String,
}

/// The policies in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoliciesInForce {
    /// Their text.
    pub text: String,
    /// Each of them.
    pub list: Vec<PolicyDescription>,
    /// The version in the ledger; 0 for none.
    pub version: i64,
    /// They come with Lazaret.
    pub built_in: bool,
    /// The files that they come from; then the console cannot change them.
    pub files: Vec<String>,
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
    /// Events of which nobody knows how often the file had been seen by then, which the other policies ask for.
    pub uncounted: usize,
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
    Troubles(Vec<PolicyProblem>),
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
