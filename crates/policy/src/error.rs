//! Why policies were refused, or gave no decision.

use std::fmt;
use thiserror::Error;

/// An error in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyProblem {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong and, if possible, how to fix it.
    pub message: String,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` line {}, column {}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Why there is no policy set or no decision.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// Files that do not parse or do not validate.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<PolicyProblem>),
    /// A request that Cedar rejects.
    #[error("the request about `{part}` does not match the schema: {why}")]
    Request {
        /// Path of the part.
        part: String,
        /// Cedar's words.
        why: String,
    },
    /// A policy failed while it was evaluated; the part is not delivered.
    #[error("the policy `{policy}` failed on `{part}`: {why}")]
    Evaluation {
        /// `@id` of the policy.
        policy: String,
        /// Path of the part.
        part: String,
        /// Cedar's words.
        why: String,
    },
    /// A file of test cases that cannot be read.
    #[error("`{file}` is not a file of test cases: {why}")]
    Cases {
        /// The file.
        file: String,
        /// The TOML reader's words, with line and column.
        why: String,
    },
}
