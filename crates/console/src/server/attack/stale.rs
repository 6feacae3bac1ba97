//! Takes that a release made stale: an event for each, once.

use super::LibraryPages;
use lazaret_attack::{AttackError, Catalog, TakeError, is_stale, look, take_about, why_stale};
use lazaret_model::AuditAct;
use lazaret_store::Ledger;

/// In whose name: no person did it.
const WHO: &str = "lazaret";

impl LibraryPages {
    /// A number that every import changes: takes may be stale since.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub async fn generation(&self) -> Result<i64, AttackError> {
        Ok(self.catalog.releases().await?.0)
    }

    /// Writes an event for every published take that does not hold any more, once for each of its revisions, whichever process
    /// sees it first. How many there were.
    ///
    /// # Errors
    /// When the library cannot be read, or the ledger does not answer.
    pub async fn tell_stale(&self, ledger: &Ledger) -> Result<usize, TakeError> {
        let library = self.catalog.library();
        let mut told = 0;
        for published in library.published_takes().await? {
            let (id, revision) = (published.id, published.revision);
            if !is_stale(&self.catalog, id).await? {
                // The release was removed again; another one may make it stale once more.
                if published.is_told {
                    library.forget_stale(id, revision).await?;
                }
                continue;
            }
            if published.is_told || !library.tell_stale(id, revision).await? {
                continue;
            }
            if let Err(error) = note(&self.catalog, ledger, id).await {
                library.forget_stale(id, revision).await?;
                return Err(error);
            }
            told += 1;
        }
        Ok(told)
    }
}

/// Says which take, about what, and what changed.
async fn note(catalog: &Catalog, ledger: &Ledger, id: i64) -> Result<(), TakeError> {
    let take = catalog.library().take(id).await?.ok_or(TakeError::Missing(id))?;
    let newest = match look(catalog, id).await {
        Ok((_, checked)) => format!(" {}", checked.current.release),
        Err(_) => String::new(),
    };
    let (about, why) = (take_about(catalog, &take).await?, why_stale(catalog, id).await?);
    let detail = format!("{id}: {} ({about} in {}{newest}). {why}", take.title, take.domain);
    ledger.note(WHO, AuditAct::TakeStale, &detail).await?;
    Ok(())
}
