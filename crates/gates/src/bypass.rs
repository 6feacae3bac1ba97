//! Hosts whose TLS connections are passed uninspected beside those of `proxy.bypass`: those of the sets that come with Lazaret, and
//! those that an administrator names while the process runs.

use crate::settings::names_host;
use std::sync::{Arc, PoisonError, RwLock};

/// Their names, as in `proxy.bypass`.
#[derive(Debug, Default)]
pub(crate) struct Bypassed(RwLock<Arc<Vec<String>>>);

impl Bypassed {
    /// Puts others in the place of all.
    pub(crate) fn replace(&self, names: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    pub(crate) fn has(&self, host: &str) -> bool {
        let names = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        names_host(&names, host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_is_what_was_named_last_and_nothing_that_only_ends_alike() {
        let bypassed = Bypassed::default();
        assert!(!bypassed.has("windowsupdate.com"));
        bypassed.replace(vec![".windowsupdate.com".to_owned(), "updates.example".to_owned()]);
        for (host, passed) in [
            ("windowsupdate.com", true),
            ("download.windowsupdate.com", true),
            ("DL.Delivery.WindowsUpdate.com", true),
            ("evilwindowsupdate.com", false),
            ("windowsupdate.com.evil.example", false),
            (".windowsupdate.com", false),
            ("updates.example", true),
            ("www.updates.example", false),
            ("", false),
        ] {
            assert_eq!(bypassed.has(host), passed, "{host}");
        }
        bypassed.replace(Vec::new());
        assert!(!bypassed.has("updates.example"));
    }
}
