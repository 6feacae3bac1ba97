//! Places that a file points at, gathered once each.

use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;

/// Places handed over for one file.
const MOST: usize = 200;

/// What a place is called where its opener says nothing else.
const LINK: &str = "link";

/// Places in the order they were met, each with what it is to the file.
#[derive(Default)]
pub(super) struct Links(Vec<(&'static str, String)>);

impl Links {
    /// Adds a place, unless it is empty or known.
    pub(super) fn add(&mut self, place: &str) {
        self.add_as(LINK, place);
    }

    /// Adds a place with what it is to the file: detectors weigh a shortcut's `target` and `icon` differently.
    pub(super) fn add_as(&mut self, name: &'static str, place: &str) {
        let place = place.trim().trim_end_matches('\0');
        let known = |(_, known): &(_, String)| known == place;
        if !place.is_empty() && place != "#" && self.0.len() <= MOST && !self.0.iter().any(known) {
            self.0.push((name, place.chars().take(8192).collect()));
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
        if self.0.len() > MOST {
            parts.incomplete(format!("only the first {MOST} links are listed"));
        }
        for (name, place) in self.0.into_iter().take(MOST) {
            let member = Member::unnamed(Role::Link, name).of_kind("url-target");
            parts.add_content(member, Content::from(place.into_bytes()))?;
        }
        Ok(())
    }
}
