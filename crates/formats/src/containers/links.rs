//! Places that a file points at, gathered once each.

use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Bounded, Role};
use std::collections::HashSet;
use std::rc::Rc;

/// Places handed over for one file, each as a part.
const MOST: usize = 5000;

/// What a place is called where its opener says nothing else.
const LINK: &str = "link";

/// Places in the order they were met, each with what it is to the file.
pub(super) struct Links {
    places: Bounded<(&'static str, Rc<str>)>,
    known: HashSet<(&'static str, Rc<str>)>,
}

impl Default for Links {
    fn default() -> Self {
        Self { places: Bounded::new("links", MOST), known: HashSet::new() }
    }
}

impl Links {
    /// Adds a place, unless it is empty or known.
    pub(super) fn add(&mut self, place: &str) {
        self.add_as(LINK, place);
    }

    /// Adds a place with what it is to the file: detectors weigh a shortcut's `target` and `icon` differently.
    pub(super) fn add_as(&mut self, name: &'static str, place: &str) {
        let place = place.trim().trim_end_matches('\0');
        if place.is_empty() || place == "#" {
            return;
        }
        let place: (&'static str, Rc<str>) = (name, Rc::from(place));
        if !self.known.contains(&place) && self.places.push(place.clone()) {
            self.known.insert(place);
        }
    }

    /// Adds a place only if following it leaves the web: another protocol, a share, a local file.
    pub(super) fn add_unusual(&mut self, place: &str) {
        let place = place.trim();
        let scheme = place.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let usual = matches!(
            scheme.as_deref(),
            None | Some("http" | "https" | "mailto" | "tel" | "about" | "blob" | "cid" | "urn")
        );
        let odd_relative = scheme.as_ref().is_some_and(|s| s.contains(['/', '?', '#', ' ']) || s.is_empty());
        if place.starts_with("\\\\") || !usual && !odd_relative {
            self.add(place);
        }
    }

    /// Hands every place over as a part; says so where there were more.
    pub(super) fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let (places, overflow) = self.places.into_parts();
        if let Some(reason) = overflow {
            parts.incomplete(reason);
        }
        for (name, place) in places {
            let member = Member::unnamed(Role::Link, name).of_kind("url-target");
            parts.add_content(member, Content::from(place.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    fn page(links: usize) -> String {
        let links: String = (0..links).map(|at| format!("<a href='odd:{at}'>x</a>")).collect();
        format!("<html>{links}<a href='odd:LAZARET-MARKER'>x</a></html>")
    }

    #[test]
    fn no_ordinary_number_of_links_hides_one() {
        let found = walk_with(page(300).as_bytes(), "page", Some("html"), &[], Limits::default());
        assert_eq!(found.bytes("//link#301"), b"odd:LAZARET-MARKER");
        assert!(found.complete());
    }

    #[test]
    fn links_beyond_the_limit_are_said_to_be_left_out() {
        let limits = Limits { parts: 20, ..Limits::default() };
        for (links, said) in [(super::MOST - 1, false), (super::MOST, true)] {
            let found = walk_with(page(links).as_bytes(), "page", Some("html"), &[], limits.clone());
            let reason = "it has more than 5000 links, and only so many are looked at";
            assert_eq!(found.parts[0].incomplete.iter().any(|given| given == reason), said, "{links}");
        }
    }

    #[test]
    fn a_long_place_is_whole() {
        let page = format!("<html><a href='odd:{}LAZARET-MARKER'>x</a></html>", "a".repeat(10_000));
        let found = walk_with(page.as_bytes(), "page", Some("html"), &[], Limits::default());
        assert!(found.bytes("//link").ends_with(b"LAZARET-MARKER"));
    }

    #[test]
    fn a_place_may_be_two_things_to_a_file() {
        let text = "[InternetShortcut]\r\nURL=\\\\host.invalid\\a\r\nIconFile=\\\\host.invalid\\a\r\n";
        let found = walk_with(text.as_bytes(), "x.url", Some("url"), &[], Limits::default());
        for name in ["//target", "//icon"] {
            assert_eq!(found.bytes(name), b"\\\\host.invalid\\a");
        }
    }
}
