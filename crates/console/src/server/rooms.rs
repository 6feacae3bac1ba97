//! `/rooms/…`: pages of rooms. A room says what there is to see, and this makes a page of it; who may look is asked here.

use super::extract::Path;
use super::session::{Shown, SignedIn};
use super::{Answer, Refused, page, parts};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use lazaret_frame::{Health, RoomError, Rooms, Section, Started};
use lazaret_model::plain;

#[derive(Template)]
#[template(path = "console/room.html")]
struct RoomPage {
    user: Option<Shown>,
    title: String,
    /// How the room is, in a word and a line; the latter may be empty.
    health: &'static str,
    is_well: bool,
    line: String,
    sections: Vec<Section>,
}

/// How a room is, for a list of all.
pub(super) struct RoomRow {
    pub(super) title: &'static str,
    pub(super) name: &'static str,
    pub(super) health: &'static str,
    pub(super) is_well: bool,
    pub(super) line: String,
}

/// The pages that rooms have: addresses, what the ways to them are called, and the action that somebody needs.
pub(super) fn pages(rooms: &Rooms) -> Vec<(String, &'static str, &'static str)> {
    rooms.pages().into_iter().map(|(room, page)| (format!("/rooms/{room}"), page.name, page.needs)).collect()
}

/// How the rooms are that run.
pub(super) fn rows(rooms: &Rooms) -> Vec<RoomRow> {
    let row = |started: Started| {
        let health = rooms.health(&started);
        RoomRow {
            title: started.room.title(),
            name: started.room.name(),
            health: health.name(),
            is_well: matches!(health, Health::Well(_)),
            line: plain(health.line()),
        }
    };
    rooms.all().into_iter().map(row).collect()
}

pub(super) async fn show(State(console): State<parts::Running>, who: SignedIn, Path(name): Path<String>) -> Answer {
    const NOTHING: Refused = Refused::Because(StatusCode::NOT_FOUND, "page not found");
    let started = console.rooms.named(&name).ok_or(NOTHING)?;
    let entry = started.room.page().ok_or(NOTHING)?;
    who.needs_one_of(&[entry.needs])?;
    let view = started.running.show().await?;
    let health = console.rooms.health(&started);
    page(&RoomPage {
        user: who.shown(),
        title: started.room.title().to_owned(),
        health: health.name(),
        is_well: matches!(health, Health::Well(_)),
        line: plain(health.line()),
        sections: view.sections.into_iter().map(readable).collect(),
    })
}

/// A section without what would change how the rest of the page is read.
fn readable(section: Section) -> Section {
    let all = |texts: Vec<String>| texts.iter().map(|text| plain(text)).collect::<Vec<_>>();
    Section {
        heading: plain(&section.heading),
        text: plain(&section.text),
        facts: section.facts.iter().map(|(name, value)| (plain(name), plain(value))).collect(),
        head: all(section.head),
        rows: section.rows.into_iter().map(all).collect(),
    }
}

impl From<RoomError> for Refused {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Store(error) => error.into(),
            error => Self::broken(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_room_shows_cannot_turn_the_page_around() {
        let odd = "a\u{202e}b".to_owned();
        let section = Section {
            heading: odd.clone(),
            text: odd.clone(),
            facts: vec![(odd.clone(), odd.clone())],
            head: vec![odd.clone()],
            rows: vec![vec![odd]],
        };
        let Section { heading, text, facts, head, rows } = readable(section);
        let facts = facts.into_iter().flat_map(|(name, value)| [name, value]);
        let shown = [heading, text].into_iter().chain(facts).chain(head).chain(rows.into_iter().flatten());
        assert_eq!(shown.collect::<Vec<_>>(), vec!["a\\u{202e}b"; 6]);
    }

    #[test]
    fn a_page_is_text_whatever_a_room_says() {
        let page = RoomPage {
            user: None,
            title: "Bell".to_owned(),
            health: "impaired",
            is_well: false,
            line: "late <b>".to_owned(),
            sections: vec![Section {
                heading: "<h1>".to_owned(),
                head: vec!["Person".to_owned()],
                rows: vec![vec!["<script>".to_owned()]],
                facts: vec![("Rings".to_owned(), "3 & more".to_owned())],
                ..Section::default()
            }],
        };
        let page = page.render().unwrap();
        for text in ["late &#60;b&#62;", "&#60;h1&#62;", "&#60;script&#62;", "3 &#38; more", "impaired"] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }
}
