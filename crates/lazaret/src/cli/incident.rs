//! `lazaret incident` and its options.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// Open an incident
    ///
    /// Prints its reference.
    Open(OpenIncident),
    /// List incidents, the newest first
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<StateOption>,
        /// A JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show what an incident is about, what was done about it, and who met it
    Show {
        /// Its reference, such as INC-ABCD-2345
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Do something about an incident, at every gate of this ledger within a second
    ///
    /// It is in force until `lazaret incident undo`, also when the incident is closed. Prints its number.
    Act {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// What
        #[arg(value_name = "ACT")]
        kind: ActOption,
        /// To what or whom: a SHA-256, a site, a person, a group, or the address of a machine
        #[arg(value_name = "WHICH")]
        value: String,
        #[command(flatten)]
        by: By,
    },
    /// Undo an act
    Undo {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The act's number, as `lazaret incident show` tells it
        #[arg(value_name = "NUMBER")]
        number: i64,
        #[command(flatten)]
        by: By,
    },
    /// Write something down about an incident
    Note {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// What
        #[arg(value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        by: By,
    },
    /// Close an incident with what came of it; what was done about it stays in force
    Close {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// What came of it
        #[arg(value_name = "CONCLUSION")]
        conclusion: String,
        #[command(flatten)]
        by: By,
    },
    /// Write everything about an incident into a new ZIP archive
    ///
    /// `incident.json`, `events.jsonl`, `report.html`, its samples in archives that open with the password `infected`, and
    /// `SHA256SUMS`. What is not in it is said there and on standard error.
    Export {
        /// The incident's reference
        #[arg(value_name = "INCIDENT")]
        reference: String,
        /// The archive; it must not be there yet
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
    /// What it is called
    #[arg(value_name = "TITLE")]
    pub(crate) title: String,
    /// A file that it is about, by its SHA-256; may be given several times
    #[arg(long = "hash", value_name = "SHA256")]
    pub(crate) hashes: Vec<String>,
    /// A site that it is about; may be given several times
    #[arg(long = "site", value_name = "SITE")]
    pub(crate) sites: Vec<String>,
    /// A person whom it is about; may be given several times
    #[arg(long = "person", value_name = "NAME")]
    pub(crate) people: Vec<String>,
    /// A machine that it is about, by its address; may be given several times
    #[arg(long = "client", value_name = "ADDRESS")]
    pub(crate) clients: Vec<String>,
    /// A technique of ATT&CK; may be given several times
    #[arg(long = "technique", value_name = "ID")]
    pub(crate) techniques: Vec<String>,
    /// Block its files and its sites at once
    #[arg(long)]
    pub(crate) contain: bool,
    #[command(flatten)]
    pub(crate) by: By,
}

/// Who acts.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// A user of the console, whose role must allow this [default: no user; the entry is made by `lazaret incident`]
    #[arg(long = "as", value_name = "USER")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StateOption {
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ActOption {
    /// Nothing with this hash passes
    BlockHash,
    /// Nothing passes from a site or to it
    BlockSite,
    /// Nothing passes for a person
    HoldPerson,
    /// Nothing passes for the people of a group
    HoldGroup,
    /// Nothing passes for a machine
    HoldClient,
    /// No file with this hash is released, even if it was approved
    RevokeHash,
    /// Nothing that a person asked for is released
    RevokePerson,
}
