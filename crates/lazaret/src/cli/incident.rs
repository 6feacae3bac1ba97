//! `lazaret incident` and its options.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use lazaret_model::ActOffer;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// Open an incident
    ///
    /// Prints its reference.
    Open(OpenIncident),
    /// List incidents, the newest first
    List {
        /// Only incidents in this state
        #[arg(long)]
        state: Option<StateOption>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show an incident's scope, the response actions, and who was affected
    Show {
        /// The incident's reference, such as INC-ABCD-2345
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Apply a response action, at every gate that uses this ledger, within a second
    ///
    /// It stays in force until `lazaret incident undo`, even after the incident is closed. Prints its number.
    Act {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The action
        #[arg(value_name = "ACT", value_parser = acts())]
        act: ActOffer,
        /// The target: a SHA-256, a site, a person, a group or a machine's IP address
        #[arg(value_name = "WHICH")]
        value: String,
        #[command(flatten)]
        by: By,
    },
    /// Undo a response action
    Undo {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The action's number, as printed by `lazaret incident show`
        #[arg(value_name = "NUMBER")]
        number: i64,
        #[command(flatten)]
        by: By,
    },
    /// Add a note to an incident
    Note {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The text of the note
        #[arg(value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        by: By,
    },
    /// Close an incident with a conclusion; its response actions stay in force
    Close {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The conclusion
        #[arg(value_name = "CONCLUSION")]
        conclusion: String,
        #[command(flatten)]
        by: By,
    },
    /// Export everything about an incident to a new ZIP archive
    ///
    /// It contains `incident.json`, `events.jsonl`, `report.html`, the samples in archives with the password
    /// `infected`, and `SHA256SUMS`. Anything left out is listed there and on standard error.
    Export {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The archive to create; it must not exist
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Leave the samples out
        #[arg(long)]
        without_samples: bool,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OpenIncident {
    /// Title of the incident
    #[arg(value_name = "TITLE")]
    pub(crate) title: String,
    /// SHA-256 of a file in scope; may be given several times
    #[arg(long = "hash", value_name = "SHA256")]
    pub(crate) hashes: Vec<String>,
    /// A site in scope; may be given several times
    #[arg(long = "site", value_name = "SITE")]
    pub(crate) sites: Vec<String>,
    /// A person in scope; may be given several times
    #[arg(long = "person", value_name = "NAME")]
    pub(crate) people: Vec<String>,
    /// IP address of a machine in scope; may be given several times
    #[arg(long = "client", value_name = "ADDRESS")]
    pub(crate) clients: Vec<String>,
    /// An ATT&CK technique in scope; may be given several times
    #[arg(long = "technique", value_name = "ID")]
    pub(crate) techniques: Vec<String>,
    /// Block its files and sites immediately
    #[arg(long)]
    pub(crate) contain: bool,
    #[command(flatten)]
    pub(crate) by: By,
}

/// Who acts.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// Console user to act as; their role must allow this [default: no user; recorded as `lazaret incident`]
    #[arg(long = "as", value_name = "USER")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StateOption {
    Open,
    Closed,
}

/// The actions that there are: those of the gates and the console, and those of the rooms of this executable.
fn acts() -> impl TypedValueParser<Value = ActOffer> {
    let offers = crate::rooms::acts();
    let values = offers.iter().map(|offer| {
        // clap keeps what it shows for as long as it runs.
        let name: &'static str = Box::leak(offer.kind.name().to_owned().into_boxed_str());
        PossibleValue::new(name).help(offer.title)
    });
    PossibleValuesParser::new(values.collect::<Vec<_>>()).try_map(move |name| {
        let offer = offers.iter().find(|offer| offer.kind.name() == name);
        offer.cloned().ok_or("there is no such action")
    })
}
