//! Why the engine could not do what it was asked.

use thiserror::Error;

/// What went wrong outside the samples themselves. A sample that cannot be analysed is not an error but a report that
/// says so.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The worker process could not be started.
    #[error("cannot start the worker: {step}")]
    Start {
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The worker started and then said that it cannot work.
    #[error("the worker cannot work: {0}")]
    Worker(String),
    /// A sample could not be handed to the worker.
    #[error("cannot hand `{name}` to the worker: {step}")]
    Hand {
        /// The sample's name.
        name: String,
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The sample changed while it was being read.
    #[error("`{0}` changed while it was being read; scan it again when it is no longer being written")]
    Changed(String),
    /// The rules could not be compiled.
    #[error("the rules could not be compiled")]
    Rules(#[from] lazaret_detect::DetectError),
    /// Policy could not be evaluated.
    #[error("no decision on `{name}`")]
    Policy {
        /// The sample's name.
        name: String,
        /// Why.
        #[source]
        source: lazaret_policy::PolicyError,
    },
}
