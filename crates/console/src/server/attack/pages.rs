//! What the pages of the library read from.

use lazaret_attack::{AttackError, Catalog, Search};

/// The library, as pages read from it.
pub struct LibraryPages {
    pub(super) catalog: Catalog,
    pub(super) search: Search,
}

impl LibraryPages {
    /// Pages of a catalogue, with a search through it.
    pub fn new(catalog: Catalog, search: Search) -> Self {
        Self { catalog, search }
    }

    /// Reads the newest releases into memory and makes the search's index, so that the first readers need not wait.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub async fn prepare(&self) -> Result<(), AttackError> {
        if self.catalog.releases().await?.1.is_empty() {
            return Ok(());
        }
        self.catalog.prepare().await?;
        self.search.prepare(&self.catalog).await
    }
}
