//! Published takes that an import makes stale.

use crate::display::plain;
use crate::failure::Failure;
use lazaret_attack::{Catalog, StaleTake, domain_title, stale_takes};
use lazaret_store::Library;
use std::collections::HashSet;

/// What was stale before an import.
pub(super) struct Before {
    library: Library,
    /// Numbers of takes.
    stale: HashSet<i64>,
}

impl Before {
    /// Looks at the library as it is.
    pub(super) async fn look(library: &Library) -> Result<Self, Failure> {
        let stale = found(library).await?.into_iter().map(|stale| stale.take.id).collect();
        Ok(Self { library: library.clone(), stale })
    }

    /// Prints what is stale since.
    pub(super) async fn tell(self, json: bool) -> Result<(), Failure> {
        for stale in found(&self.library).await?.iter().filter(|stale| !self.stale.contains(&stale.take.id)) {
            let StaleTake { take, about, why } = stale;
            if json {
                let object = serde_json::json!({
                    "state": "stale", "take": take.id, "title": take.title, "object": take.object, "id": about.id,
                    "name": about.name, "feed": take.feed, "domain": take.domain, "reason": why,
                });
                anstream::println!("{object}");
            } else {
                let (number, title, about) = (take.id, plain(&take.title), plain(&about.to_string()));
                let (domain, feed, why) = (domain_title(&take.domain), &take.feed, plain(why));
                anstream::println!("take {number} is stale now: {about} ({domain}, {feed}): {title}: {why}");
            }
        }
        Ok(())
    }
}

/// Releases are read for it, and forgotten again: an import needs the memory.
async fn found(library: &Library) -> Result<Vec<StaleTake>, Failure> {
    Ok(stale_takes(&Catalog::new(library.clone())).await?)
}
