//! Why a command could not do its work: one clear sentence that names the culprit.

use std::error::Error;
use std::fmt;
use std::path::Path;

/// A sentence for people, with every cause behind it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// About a file or folder.
    pub(crate) fn path(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("`{}`: {what}", crate::display::path(path)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(told(&error))
    }
}

/// An error with every cause behind it.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let text = source.to_string();
        // Some name their cause themselves.
        if !sentence.ends_with(&text) {
            sentence = format!("{sentence}: {text}");
        }
        cause = source.source();
    }
    sentence
}
