//! Taking a release out of the library again.

use crate::AttackError;
use crate::names::{Feed, Number, domain_title};
use lazaret_store::{Library, Release, Removed};

/// Takes a release of a domain out, and everything that nothing else holds. Without a feed the release has to be in one alone.
///
/// # Errors
/// When there is none, when two feeds have it, or when the database does not answer.
pub async fn remove(
    library: &Library,
    domain: &str,
    number: Number,
    feed: Option<Feed>,
) -> Result<(Release, Removed), AttackError> {
    let is_wanted = |release: &Release| {
        release.domain == domain
            && release.place == number.place()
            && feed.is_none_or(|feed| feed.name() == release.feed)
    };
    let mut found = library.releases().await?.into_iter().filter(is_wanted);
    let title = domain_title(domain);
    let nothing = || {
        let feed = feed.map_or_else(String::new, |feed| format!(" in {feed}"));
        AttackError::Unknown(format!(
            "there is no release {number} of {title}{feed}; `lazaret library releases` lists the imported ones"
        ))
    };
    let release = found.next().ok_or_else(nothing)?;
    if let Some(other) = found.next() {
        let (one, other) = (release.feed, other.feed);
        return Err(AttackError::Unknown(format!(
            "{one} and {other} both have {title} {number}; choose one with `--feed`"
        )));
    }
    match library.remove(&release).await? {
        Some(removed) => Ok((release, removed)),
        None => Err(nothing()),
    }
}
