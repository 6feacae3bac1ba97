//! `lazaret library` and its options.

use clap::{Args, Subcommand};
use lazaret_attack::Number;

#[derive(Debug, Subcommand)]
pub(crate) enum Library {
    /// Import releases: STIX 2.0 and 2.1 bundles, plain or packed (zst, gz, xz), in folders or tar archives, or at addresses
    ///
    /// A release is there whole or not at all, and the same one can be imported again without harm. In folders and archives
    /// only what is named as a bundle (`enterprise-attack-17.1.json`) is read. Exit status: 0 everything is in the library,
    /// 2 something was refused.
    Import(Import),
    /// List the releases
    Releases {
        /// A JSON array
        #[arg(long)]
        json: bool,
    },
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

pub(crate) fn domain(text: &str) -> Result<String, String> {
    lazaret_attack::domain_named(text)
        .map(str::to_owned)
        .ok_or_else(|| format!("`{text}` is no domain: enterprise, mobile, ics or pre"))
}
