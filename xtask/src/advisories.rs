//! Whether a dependency has a hole that is known: by the copy of the RustSec database that cargo-deny keeps in cargo's own folder.
//! Where there is no network, the copy that is there counts and its age is said; where there is none, that nothing was checked.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How old a copy may be before another one is fetched.
pub const FRESH: Duration = Duration::from_secs(86_400);
/// Seconds that fetching one may take.
pub const FETCHING: &str = "60";

/// The folder that cargo-deny keeps its copies in.
pub fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cargo = variable("CARGO_HOME").or_else(|| Some(variable("HOME")?.join(".cargo")))?;
    Some(cargo.join("advisory-dbs"))
}

/// How long ago the newest copy in a folder was fetched; none where there is no copy.
pub fn age(folder: &Path, now: SystemTime) -> Option<Duration> {
    let copies = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path().join(".git"));
    // What was cloned and never fetched again has no FETCH_HEAD (git-fetch(1)).
    let fetched = |copy: PathBuf| {
        let meta = std::fs::metadata(copy.join("FETCH_HEAD")).or_else(|_| std::fs::metadata(copy.join("HEAD")));
        meta.and_then(|meta| meta.modified()).ok()
    };
    let newest = copies.filter_map(fetched).max()?;
    Some(now.duration_since(newest).unwrap_or_default())
}

/// What is said about a copy of some age.
pub fn said(age: Option<Duration>) -> String {
    match age.map(|age| age.as_secs() / 86_400) {
        None => "NOT CHECKED: there is no copy of the RustSec database, and none can be fetched; with a network, `cargo deny \
                 fetch db` makes one"
            .to_owned(),
        Some(days @ 0..30) => format!("the copy of the RustSec database is {days} days old"),
        Some(days) => format!("the copy of the RustSec database is OLD, {days} days: what is newer was not looked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_what_was_checked_is_said_and_so_is_that_nothing_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(age(folder.path(), SystemTime::now()), None);
        assert_eq!(age(&folder.path().join("nowhere"), SystemTime::now()), None);
        assert!(said(None).starts_with("NOT CHECKED"));
        let git = folder.path().join("advisory-db-0123/.git");
        std::fs::create_dir_all(&git).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let later = SystemTime::now() + Duration::from_secs(40 * 86_400);
        let old = age(folder.path(), later).unwrap();
        assert!(old >= Duration::from_secs(39 * 86_400), "{old:?}");
        assert!(said(Some(old)).contains("OLD, "), "{}", said(Some(old)));
        assert_eq!(said(age(folder.path(), SystemTime::now())), "the copy of the RustSec database is 0 days old");
    }
}
