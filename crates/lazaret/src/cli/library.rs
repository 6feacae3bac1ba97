//! `lazaret library` and its options.

use clap::{Args, Subcommand};
use lazaret_attack::{Feed, Number};
use lazaret_model::TechniqueId;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Library {
    /// Import releases: STIX 2.0 and 2.1 bundles, plain or packed (zst, gz, xz), in folders or tar archives, or at addresses
    ///
    /// A release is there whole or not at all, and the same one can be imported again without harm. In folders and archives
    /// only what is named as a bundle (`enterprise-attack-17.1.json`) is read. Exit status: 0 everything is in the library,
    /// 2 something was refused.
    Import(Import),
    /// Fetch the releases of the official collection index that are missing here
    ///
    /// The index is `library.index` of the configuration. Exit status: 0 everything is in the library, 2 something could not
    /// be fetched or was refused.
    Sync(Sync),
    /// List the releases
    Releases {
        /// A JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show an entry: by its ATT&CK id, its STIX id, or its address (`mitigations/T1204`)
    ///
    /// Ids that releases used before are understood. Exit status: 0 it was found, 1 it was not.
    Show(Show),
    /// Search names, ids, aliases and texts; mistakes in typing are forgiven
    ///
    /// Exit status: 0 something was found, 1 nothing was.
    Search(Search),
    /// Show what happened to an entry from release to release
    History(History),
    /// Show what changed between two releases
    ///
    /// The sections and their meaning are those of MITRE's `diff_stix`; relationships, tactics, matrices, and changes to what
    /// is revoked or deprecated come on top.
    Diff(Diff),
    /// Show what this installation saw of a technique, and what stands for it here
    ///
    /// Events of the last 12 weeks from the ledger, what stopped them, and the policies, detectors and lessons that name the technique, one of
    /// its sub-techniques, or the technique that it belongs to. No release need be imported.
    Coverage(CoverageOptions),
    /// Analysts' takes: list, show, check, and publish
    #[command(subcommand)]
    Takes(Takes),
    /// Bring a layer of the ATT&CK Navigator up to date, or make one of an entry's techniques
    Layer(LayerOptions),
    /// Write a release's bundle as it was imported, to the byte; or as tables, or what was chosen of it
    ///
    /// Tables have the sheets and columns of the spreadsheets that MITRE publishes, and hold what is neither revoked nor deprecated.
    Export(Export),
    /// Take a release out of the library, with everything that no other release has
    ///
    /// Nothing is asked: it is gone at once, and can be imported again. The file keeps its size; the room is used by the next
    /// import. Takes that rest on the release stay and no longer hold. Exit status: 0 it is out, 1 there is no such release, or
    /// both feeds have it and `--feed` does not say which.
    Remove(Remove),
    /// Hash everything again, and put every bundle together again
    ///
    /// Exit status: 0 everything is as it was imported, 1 something is not.
    Verify {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files, folders, or addresses (https://…)
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// The release, where neither the name nor the bundle says it
    #[arg(long, value_name = "RELEASE")]
    pub(crate) release: Option<Number>,
    /// The domain, where neither the name nor the bundle says it: enterprise, mobile, ics, pre
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Option<String>,
    /// One JSON object a line per bundle
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Another index than the configured one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) index: Option<String>,
    /// Only these domains: enterprise, mobile, ics
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Vec<String>,
    /// Only the newest release of each domain
    #[arg(long)]
    pub(crate) newest: bool,
    /// Say what would be fetched, and fetch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON object a line per bundle
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which release, where it is not the newest that has the entry.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The release, such as 17.1 [default: the last one that has the entry]
    #[arg(long, value_name = "RELEASE")]
    pub(crate) release: Option<Number>,
    /// The domain: enterprise, mobile, ics, pre
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Option<String>,
    /// The feed: stix-2.0 or stix-2.1
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Such as T1204, mitigations/T1204, S0002, or course-of-action--…
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) which: Which,
    /// One JSON object, with the three hashes of every release
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Its exact bytes in that release, and nothing else
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words, an id, or the beginning of one
    #[arg(value_name = "WORDS", required = true)]
    pub(crate) words: Vec<String>,
    /// Only this section: techniques, software, groups, campaigns, mitigations, …
    #[arg(long = "type", value_name = "SECTION", value_parser = section)]
    pub(crate) section: Option<String>,
    /// Only this domain: enterprise, mobile, ics, pre
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Option<String>,
    /// Only this platform
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Only what serves this tactic, such as initial-access
    #[arg(long, value_name = "TACTIC")]
    pub(crate) tactic: Option<String>,
    /// Only this status
    #[arg(long, value_name = "STATUS", value_parser = ["live", "revoked", "deprecated", "gone"])]
    pub(crate) status: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Such as T1204, mitigations/T1204, S0002, or course-of-action--…
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The domain: enterprise, mobile, ics, pre
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Option<String>,
    /// The feed: stix-2.0 or stix-2.1
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
    /// Compare this release …
    #[arg(long, value_name = "RELEASE", requires = "to")]
    pub(crate) from: Option<Number>,
    /// … with this one, field by field
    #[arg(long, value_name = "RELEASE", requires = "from")]
    pub(crate) to: Option<Number>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The old release
    #[arg(value_name = "FROM")]
    pub(crate) from: Number,
    /// The new release
    #[arg(value_name = "TO")]
    pub(crate) to: Number,
    /// Only these domains [default: all that have both releases]
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Vec<String>,
    /// The feed [default: the one that has both releases in more domains, stix-2.1 where both have]
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
    /// One JSON object, with the fields that changed
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// A changelog in Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CoverageOptions {
    /// Such as T1204 or T1204.002
    #[arg(value_name = "ID", value_parser = technique)]
    pub(crate) technique: TechniqueId,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LayerOptions {
    /// A layer file of any version from 1.0 to 4.5; `-` for standard input
    #[arg(value_name = "FILE", required_unless_present = "of")]
    pub(crate) file: Option<PathBuf>,
    /// Make a layer of the techniques that this entry relates to instead
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    pub(crate) of: Option<String>,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The domain: enterprise, mobile, ics, pre
    #[arg(value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: String,
    /// The release
    #[arg(value_name = "RELEASE")]
    pub(crate) release: Number,
    /// The feed: stix-2.0 or stix-2.1
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
    /// The form: a STIX bundle, a workbook of Excel, comma-separated values, or tables as JSON
    #[arg(long, value_name = "FORM", default_value = "stix", value_parser = ["stix", "xlsx", "csv", "json"])]
    pub(crate) format: String,
    /// The table, for `--format csv`: techniques, groups, relationships, citations, …
    #[arg(long, value_name = "NAME", default_value = "techniques")]
    pub(crate) sheet: String,
    /// Only entries with these ids, whatever their status, and the relationships between or, in tables, of them
    #[arg(long = "id", value_name = "ID", num_args = 1..)]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The release, such as 17.1
    #[arg(value_name = "RELEASE")]
    pub(crate) release: Number,
    /// The domain: enterprise, mobile, ics, pre
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: String,
    /// The feed, where both have the release: stix-2.0 or stix-2.1
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Takes {
    /// List takes, those that were changed last first
    List {
        /// Only those about this entry
        #[arg(value_name = "ID")]
        id: Option<String>,
        /// A JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show a take, its steps, and whether it holds
    Show {
        /// Its number
        #[arg(value_name = "NUMBER")]
        number: i64,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write an empty document about an entry, bound to its newest source
    Template {
        /// The entry
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        which: Which,
    },
    /// Print the schema of documents (JSON Schema 2020-12)
    Schema,
    /// Hold a document against the schema and the library, and keep nothing
    ///
    /// Exit status: 0 it holds, 1 it does not.
    Check {
        /// The document; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Keep a document as a draft
    Add {
        /// The document; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Put another document in a take's place; it is a draft again
    Edit {
        /// The take's number
        #[arg(value_name = "NUMBER")]
        number: i64,
        /// The document; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Hand a draft in
    Submit(Act),
    /// Send what was handed in back to its author
    Return(Act),
    /// Publish what was handed in
    Publish(Act),
    /// Bind a take to the newest release, where only bookkeeping has changed
    Revalidate(Act),
    /// Take a take back
    Withdraw(Act),
}

/// Who acts: somebody whom the console knows.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// A user of the console, whose role must allow this
    #[arg(long = "as", value_name = "USER")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Act {
    /// The take's number
    #[arg(value_name = "NUMBER")]
    pub(crate) number: i64,
    #[command(flatten)]
    pub(crate) who: Who,
    /// The revision that was read, as `show` says it; `publish` and `revalidate` need it
    #[arg(long, value_name = "NUMBER")]
    pub(crate) revision: Option<i64>,
    /// What to say about it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
}

pub(crate) fn domain(text: &str) -> Result<String, String> {
    lazaret_attack::domain_named(text)
        .map(str::to_owned)
        .ok_or_else(|| format!("`{text}` is no domain: enterprise, mobile, ics or pre"))
}

fn technique(text: &str) -> Result<TechniqueId, String> {
    let id = TechniqueId(text.trim().to_ascii_uppercase().into());
    if id.is_well_formed() {
        Ok(id)
    } else {
        Err(format!("`{text}` is no technique: they are like T1204 or T1204.002"))
    }
}

fn section(text: &str) -> Result<String, String> {
    let names: Vec<_> = lazaret_attack::SECTIONS.iter().map(|section| section.path).collect();
    let wanted = text.to_ascii_lowercase();
    // `technique` means `techniques`, `tactic` `tactics`.
    let found = names.iter().find(|name| **name == wanted || name.trim_end_matches('s') == wanted);
    let found = found.or_else(|| names.iter().find(|name| **name == "matrices" && wanted == "matrix"));
    found.map(|name| (*name).to_owned()).ok_or_else(|| format!("`{text}` is no section: {}", names.join(", ")))
}
