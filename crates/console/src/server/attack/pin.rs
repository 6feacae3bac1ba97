//! Reading one release: what somebody chose to read goes with every link of a page, and one line says so.

use super::{Where, encoded, with};
use axum::http::Uri;
use lazaret_attack::{AttackError, SECTIONS};

/// Pages that can be read in a release, beside the sections.
const PAGES: [&str; 3] = ["/attack/matrix", "/attack/search", "/attack/layers"];
/// What programs can read in a release.
const DATA: &str = "/api/v1/attack/objects/";
/// What stands before the one link that leads out of the release.
const LEAVE: &str = "class=\"leave\" ";

/// The release that somebody chose, with the feed and domain that they chose with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) release: String,
    pub(super) feed: String,
    pub(super) domain: String,
    /// Where the same is in the newest release.
    pub(super) leave: String,
}

impl Pin {
    /// What somebody chose; none where they chose no release.
    ///
    /// # Errors
    /// When there cannot be such a release, feed or domain.
    pub(super) fn of(asked: &Where, uri: &Uri) -> Result<Option<Self>, AttackError> {
        let choice = asked.choice()?;
        let Some(release) = choice.release else { return Ok(None) };
        Ok(Some(Self {
            release: release.to_string(),
            feed: choice.feed.map(|feed| feed.name().to_owned()).unwrap_or_default(),
            domain: choice.domain.unwrap_or_default(),
            leave: with(uri, &[("release", "")]),
        }))
    }

    /// An address with what was chosen, where it leads to something that can be read in a release.
    pub(super) fn link(&self, address: &str) -> String {
        self.linked(address, "&")
    }

    /// The same with what a query's parts are separated by.
    fn linked(&self, address: &str, and: &str) -> String {
        // `&#38;` has a number sign in it, and is no fragment.
        let mut signs = address.match_indices('#').map(|(at, _)| at);
        let at = signs.find(|at| !address[..*at].ends_with('&')).unwrap_or(address.len());
        let (place, fragment) = address.split_at(at);
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let has = |name: &str| {
            let pairs = query.split('&').map(|pair| pair.trim_start_matches("amp;").trim_start_matches("#38;"));
            pairs.filter_map(|pair| pair.split_once('=')).any(|(known, _)| known == name)
        };
        if !is_read_in_a_release(path) || has("release") {
            return address.to_owned();
        }
        let mut out = place.to_owned();
        for (name, value) in [("release", &self.release), ("feed", &self.feed), ("domain", &self.domain)] {
            if !value.is_empty() && !has(name) {
                out.push_str(if out.contains('?') { and } else { "?" });
                out.push_str(&format!("{name}={}", encoded(value)));
            }
        }
        out.push_str(fragment);
        out
    }

    /// A page whose links stay in the release. Text has no quotes of its own on a page: what looks like a link is one.
    pub(super) fn carried(&self, page: &str) -> String {
        const HREF: &str = "href=\"";
        let mut out = String::with_capacity(page.len() + page.len() / 8);
        let mut rest = page;
        while let Some(at) = rest.find(HREF) {
            let (before, after) = rest.split_at(at + HREF.len());
            let (address, behind) = after.split_at(after.find('"').unwrap_or(after.len()));
            out.push_str(before);
            if before.ends_with(&format!("{LEAVE}{HREF}")) {
                out.push_str(address);
            } else {
                out.push_str(&self.linked(address, "&amp;"));
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }
}

fn is_read_in_a_release(path: &str) -> bool {
    let first = path.strip_prefix('/').map_or("", |path| path.split('/').next().unwrap_or_default());
    SECTIONS.iter().any(|section| section.path == first) || PAGES.contains(&path) || path.starts_with(DATA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> Pin {
        Pin { release: "11.0-beta".to_owned(), feed: "stix-2.1".to_owned(), ..Pin::default() }
    }

    #[test]
    fn links_stay_in_the_release_that_was_chosen() {
        for (address, kept) in [
            ("/techniques/T1204/002", "/techniques/T1204/002?release=11.0-beta&feed=stix-2.1"),
            ("/groups?domain=mobile#top", "/groups?domain=mobile&release=11.0-beta&feed=stix-2.1#top"),
            ("/attack/matrix", "/attack/matrix?release=11.0-beta&feed=stix-2.1"),
            ("/techniques/T1?feed=stix-2.0", "/techniques/T1?feed=stix-2.0&release=11.0-beta"),
            (
                "/api/v1/attack/objects/tool--0a/layer",
                "/api/v1/attack/objects/tool--0a/layer?release=11.0-beta&feed=stix-2.1",
            ),
            ("/techniques/T1?release=9.0", "/techniques/T1?release=9.0"),
            ("/attack", "/attack"),
            ("/attack/changes?from=1.0&to=2.0", "/attack/changes?from=1.0&to=2.0"),
            ("/events", "/events"),
            ("#history", "#history"),
            ("https://attack.mitre.org/techniques/T1204", "https://attack.mitre.org/techniques/T1204"),
        ] {
            assert_eq!(pin().link(address), kept);
        }
    }

    #[test]
    fn every_link_of_a_page_is_kept_but_the_one_that_leaves() {
        let page = "<a href=\"/groups/G1\">a</a><a class=\"leave\" href=\"/groups/G2\">b</a>\
                    <a href=\"/tactics?domain=x&#38;feed=y#z\">c</a> href=&#34;/groups/G3";
        assert_eq!(
            pin().carried(page),
            "<a href=\"/groups/G1?release=11.0-beta&amp;feed=stix-2.1\">a</a><a class=\"leave\" href=\"/groups/G2\">b</a>\
             <a href=\"/tactics?domain=x&#38;feed=y&amp;release=11.0-beta#z\">c</a> href=&#34;/groups/G3"
        );
    }
}
