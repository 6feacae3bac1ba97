//! Sets of hosts that come with Lazaret and can be passed uninspected: `policies/bypass-sets.toml`.

use crate::failure::Failure;
use serde::Deserialize;

const SETS: &str = include_str!("../../../policies/bypass-sets.toml");

/// A set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BypassSet {
    /// What `proxy.bypass_sets` calls it.
    pub(crate) name: String,
    /// What is in it, and why.
    pub(crate) about: String,
    /// Its hosts.
    #[serde(default, rename = "host")]
    pub(crate) hosts: Vec<SetHost>,
}

/// A host of a set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetHost {
    /// Its name as in `proxy.bypass`: with a dot in front it is a domain and everything below it.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sets {
    set: Vec<BypassSet>,
}

/// The sets with these names.
pub(crate) fn sets(names: &[String]) -> Result<Vec<BypassSet>, Failure> {
    let wrong = |why: String| Failure::new(format!("`proxy.bypass_sets`: {why}"));
    let all = toml::from_str::<Sets>(SETS).map_err(|error| wrong(error.to_string()))?.set;
    let chosen = names.iter().map(|name| {
        let known = || all.iter().map(|set| format!("`{}`", set.name)).collect::<Vec<_>>().join(", ");
        let set = all.iter().find(|set| set.name == *name).cloned();
        set.ok_or_else(|| wrong(format!("there is no set `{name}`; the sets are {}", known())))
    });
    chosen.collect()
}

/// The names of all hosts of some sets.
pub(crate) fn hosts(sets: &[BypassSet]) -> impl Iterator<Item = String> {
    sets.iter().flat_map(|set| &set.hosts).map(|host| host.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_gates::{ProxySettings, names_host};
    use std::collections::BTreeSet;

    fn all() -> Vec<BypassSet> {
        toml::from_str::<Sets>(SETS).unwrap().set
    }

    #[test]
    fn every_set_says_what_it_is_for_and_every_host_whose_it_is() {
        let names: Vec<_> = all().iter().map(|set| set.name.clone()).collect();
        assert_eq!(names, ["os-updates", "conferencing", "banking-and-health"]);
        let mut hosts = BTreeSet::new();
        for set in all() {
            assert!(set.about.ends_with('.'), "{set:?}");
            for host in &set.hosts {
                let bare = host.name.strip_prefix('.').unwrap_or(&host.name);
                let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                assert!(bare.split('.').all(|label| !label.is_empty() && label.chars().all(letters)), "{host:?}");
                // A whole registry, or a name without a domain, is nobody's own.
                assert!(bare.split('.').count() >= 2 && !host.reason.is_empty(), "{host:?}");
                assert!(hosts.insert(host.name.clone()), "{host:?} stands there twice");
            }
        }
        assert!(hosts.len() > 15, "{hosts:?}");
    }

    #[test]
    fn a_set_names_hosts_by_their_labels() {
        let updates: Vec<String> = hosts(&sets(&["os-updates".to_owned()]).unwrap()).collect();
        for (host, passed) in [
            ("download.windowsupdate.com", true),
            ("au.v4.download.windowsupdate.com", true),
            ("FE2.update.microsoft.com", true),
            ("evilwindowsupdate.com", false),
            ("download.evilwindowsupdate.com", false),
            ("windowsupdate.com.evil.example", false),
            ("windowsupdate.com-evil.example", false),
            ("microsoft.com", false),
            ("www.microsoft.com", false),
            ("gdmf.apple.com", true),
            ("x.gdmf.apple.com", false),
            ("www.apple.com", false),
            ("us04web.zoom.us", false),
        ] {
            assert_eq!(names_host(&updates, host), passed, "{host}");
        }
    }

    #[test]
    fn what_is_passed_where_nobody_sets_anything_are_updates_of_systems_alone() {
        let usual = sets(&ProxySettings::default().bypass_sets).unwrap();
        assert_eq!(usual.iter().map(|set| set.name.as_str()).collect::<Vec<_>>(), ["os-updates"]);
        assert!(sets(&[]).unwrap().is_empty());
        let error = sets(&["os-update".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`os-update`") && error.contains("`os-updates`, `conferencing`"), "{error}");
    }
}
