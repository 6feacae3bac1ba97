//! Why a room cannot do its work.

use lazaret_model::SettingError;
use lazaret_store::StoreError;
use thiserror::Error;

/// Why a room does not start, or has no answer.
#[derive(Debug, Error)]
pub enum RoomError {
    /// Its settings cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The ledger does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another program listens where it should.
    #[error("`{address}` is in use by another program; stop it, or set `{key}` to another port")]
    InUse {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: String,
    },
    /// Nobody can listen there.
    #[error("`{key}`: `{address}` is not an address with a port")]
    NoAddress {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: String,
    },
    /// It cannot listen where it should.
    #[error("`{key}`: `{address}`: {why}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: String,
        /// Why not, as the system says it.
        why: std::io::Error,
    },
    /// It needs something that whoever serves does not offer.
    #[error("this room needs `{0}`, which is not available")]
    NotOffered(&'static str),
    /// Something of its own went wrong.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl RoomError {
    /// Something of a room's own that went wrong.
    pub fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(error))
    }
}
