//! `lazaret library` and its options.

use clap::{Args, Subcommand};
use lazaret_attack::{Feed, Number};
use lazaret_model::TechniqueId;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Library {
    /// Import releases: STIX 2.0 and 2.1 bundles, plain or compressed (zst, gz, xz), from folders, tar archives or URLs
    ///
    /// A release is imported completely or not at all, and importing one again does no harm. In folders and
    /// archives, only files named like a bundle (`enterprise-attack-17.1.json`) are read. Files are decompressed in a
    /// sandboxed process. Published takes that no longer match their source are listed at the end. Exit status: 0
    /// everything is in the library, 2 something was rejected.
    Import(Import),
    /// Download missing releases from the official collection index
    ///
    /// The index is set by `library.index` in the configuration. Published takes that no longer match their source are
    /// listed at the end. Exit status: 0 everything is in the library, 2 something could not be downloaded or was
    /// rejected.
    Sync(Sync),
    /// List releases
    Releases {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show an entry, given its ATT&CK ID, STIX ID or path (`mitigations/T1204`)
    ///
    /// IDs from older releases are understood. Exit status: 0 found, 1 not found.
    Show(Show),
    /// Search names, IDs, aliases and texts; tolerates typing errors
    ///
    /// Exit status: 0 matches, 1 no matches.
    Search(Search),
    /// Show how an entry changed from release to release
    History(History),
    /// Show what changed between two releases
    ///
    /// Sections and categories follow MITRE's `diff_stix`; relationships, tactics, matrices and changes to revoked
    /// or deprecated entries are added.
    Diff(Diff),
    /// Show what was seen of a technique on this installation, and what covers it
    ///
    /// Shows the events of the last 12 weeks, what stopped them, and the policies, detectors and training notes that
    /// name the technique, a sub-technique of it or its parent. Works without an imported release.
    Coverage(CoverageOptions),
    /// List, show, check and publish takes (analysts' views of an entry)
    #[command(subcommand)]
    Takes(Takes),
    /// Update an ATT&CK Navigator layer, or create one from an entry's techniques
    Layer(LayerOptions),
    /// Export a release: its bundle byte for byte, tables, or chosen entries
    ///
    /// Tables have the same sheets and columns as MITRE's spreadsheets and contain everything that is neither
    /// revoked nor deprecated.
    Export(Export),
    /// Remove a release from the library, with everything that no other release contains
    ///
    /// There is no confirmation: it is removed immediately, and can be imported again. The file keeps its size; the
    /// space is reused by the next import. Takes based on the release are kept but become invalid. Exit status: 0
    /// removed, 1 no such release, or both feeds have it and `--feed` is missing.
    Remove(Remove),
    /// Verify every hash and reconstruct every bundle
    ///
    /// Exit status: 0 everything is as imported, 1 something is not.
    Verify {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files, folders or URLs (https://…)
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// The release, if neither the name nor the bundle states it
    #[arg(long, value_name = "RELEASE")]
    pub(crate) release: Option<Number>,
    /// The domain, if neither the name nor the bundle states it: enterprise, mobile, ics, pre
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Option<String>,
    /// Print one JSON object per line: for each bundle, then for each published take that is stale now
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Index to use instead of the configured one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) index: Option<String>,
    /// Only these domains: enterprise, mobile, ics
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    pub(crate) domain: Vec<String>,
    /// Only the newest release of each domain
    #[arg(long)]
    pub(crate) newest: bool,
    /// Print what would be downloaded without downloading it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object per line: for each bundle, then for each published take that is stale now
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which release, where it is not the newest that has the entry.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The release, such as 17.1 [default: the last one that contains the entry]
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
    /// For example T1204, mitigations/T1204, S0002 or course-of-action--…
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Print one JSON object, with the three hashes of every release
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print only its exact bytes in that release
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words, an ID or the beginning of one
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
    /// Only this tactic, such as initial-access
    #[arg(long, value_name = "TACTIC")]
    pub(crate) tactic: Option<String>,
    /// Only this status
    #[arg(long, value_name = "STATUS", value_parser = ["live", "revoked", "deprecated", "gone"])]
    pub(crate) status: Option<String>,
    /// Maximum number of results
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// For example T1204, mitigations/T1204, S0002 or course-of-action--…
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
    /// Print one JSON object
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
    /// The feed [default: the one that has both releases in more domains; stix-2.1 in case of a tie]
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
    /// Print one JSON object, with the changed fields
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print a changelog in Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CoverageOptions {
    /// For example T1204 or T1204.002
    #[arg(value_name = "ID", value_parser = technique)]
    pub(crate) technique: TechniqueId,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LayerOptions {
    /// Layer file (format version 1.0 to 4.5); `-` for standard input
    #[arg(value_name = "FILE", required_unless_present = "of")]
    pub(crate) file: Option<PathBuf>,
    /// Create a layer of the techniques related to this entry instead
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
    /// The format: a STIX bundle, an Excel workbook, comma-separated values or tables as JSON
    #[arg(long, value_name = "FORM", default_value = "stix", value_parser = ["stix", "xlsx", "csv", "json"])]
    pub(crate) format: String,
    /// The table, for `--format csv`: techniques, groups, relationships, citations, …
    #[arg(long, value_name = "NAME", default_value = "techniques")]
    pub(crate) sheet: String,
    /// Only entries with these IDs, whatever their status; bundles include the relationships between them, tables
    /// all relationships involving them
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
    /// The feed, if both have the release: stix-2.0 or stix-2.1
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<Feed>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Takes {
    /// List takes, most recently changed first
    List {
        /// Only takes about this entry
        #[arg(value_name = "ID")]
        id: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show a take, its history and whether it is still valid
    Show {
        /// The take's number
        #[arg(value_name = "NUMBER")]
        number: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print an empty take document for an entry, bound to its newest source
    Template {
        /// The entry
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        which: Which,
    },
    /// Print the schema of take documents (JSON Schema 2020-12)
    Schema,
    /// Check a document against the schema and the library without storing it
    ///
    /// Exit status: 0 valid, 1 invalid.
    Check {
        /// The document; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Store a document as a draft
    Add {
        /// The document; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Replace a take's document; the take becomes a draft again
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
    /// Submit a draft for review
    Submit(Act),
    /// Return a submitted take to its author
    Return(Act),
    /// Publish a submitted take
    Publish(Act),
    /// Bind a take to the newest release if only metadata has changed
    Revalidate(Act),
    /// Withdraw a take
    Withdraw(Act),
}

/// Who acts: somebody whom the console knows.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Console user to act as; their role must allow this
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
    /// The revision you read, as printed by `show`; required by `publish` and `revalidate`
    #[arg(long, value_name = "NUMBER")]
    pub(crate) revision: Option<i64>,
    /// Comment
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
}

pub(crate) fn domain(text: &str) -> Result<String, String> {
    lazaret_attack::domain_named(text)
        .map(str::to_owned)
        .ok_or_else(|| format!("`{text}` is not a domain; use enterprise, mobile, ics or pre"))
}

fn technique(text: &str) -> Result<TechniqueId, String> {
    let id = TechniqueId(text.trim().to_ascii_uppercase().into());
    if id.is_well_formed() { Ok(id) } else { Err(format!("`{text}` is not a technique ID such as T1204 or T1204.002")) }
}

fn section(text: &str) -> Result<String, String> {
    let names: Vec<_> = lazaret_attack::SECTIONS.iter().map(|section| section.path).collect();
    let wanted = text.to_ascii_lowercase();
    // `technique` means `techniques`, `tactic` `tactics`.
    let found = names.iter().find(|name| **name == wanted || name.trim_end_matches('s') == wanted);
    let found = found.or_else(|| names.iter().find(|name| **name == "matrices" && wanted == "matrix"));
    found.map(|name| (*name).to_owned()).ok_or_else(|| {
        format!(
            "`{text}` is not a section; use one of \
        {}",
            names.join(", ")
        )
    })
}
