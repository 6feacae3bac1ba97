//! What somebody asks for who imports.

use crate::Number;
use std::path::PathBuf;

/// What is to be imported, and as what.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// The release, where names and bundles do not say.
    pub release: Option<Number>,
    /// The domain, where names and bundles do not say.
    pub domain: Option<String>,
    /// What to call the source; empty for the files' names.
    pub source: String,
}
