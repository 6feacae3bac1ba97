//! The configuration in force, to read.

use super::rooms::{RoomRow, rows};
use super::session::{Allowed, Shown, may};
use super::{Answer, page, parts};
use crate::{ShownSetting, ShownTable};
use askama::Template;
use axum::extract::State;
use lazaret_model::plain;

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Settings {
    user: Option<Shown>,
    version: &'static str,
    /// The tables that are read again at SIGHUP, by name.
    reread: String,
    tables: Vec<Table>,
    rooms: Vec<RoomRow>,
}

/// A table of settings as the page shows it.
struct Table {
    name: String,
    about: Vec<Piece>,
    settings: Vec<(ShownSetting, Vec<Piece>)>,
}

/// A piece of a text, in which what stands between backticks is a name of something.
struct Piece {
    is_name: bool,
    words: String,
}

impl Table {
    fn of(table: ShownTable) -> Self {
        let row = |mut setting: ShownSetting| {
            setting.value = plain(&setting.value);
            let meaning = pieces(&setting.meaning);
            (setting, meaning)
        };
        Self { name: table.name, about: pieces(&table.about), settings: table.settings.into_iter().map(row).collect() }
    }
}

/// A text in pieces; none where there is no text.
fn pieces(text: &str) -> Vec<Piece> {
    let all = text.split('`').enumerate().map(|(at, words)| Piece { is_name: at % 2 == 1, words: words.to_owned() });
    all.filter(|piece| !piece.words.is_empty()).collect()
}

pub(super) async fn show(State(console): State<parts::Running>, who: Allowed<may::ReadSettings>) -> Answer {
    let tables = console.control.settings();
    let reread: Vec<_> = tables.iter().filter(|table| table.is_reread).map(|table| table.name.as_str()).collect();
    let reread = reread.join(", ");
    page(&Settings {
        user: who.shown(),
        version: env!("CARGO_PKG_VERSION"),
        reread,
        tables: tables.into_iter().map(Table::of).collect(),
        rooms: rows(&console.rooms),
    })
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn names_in_what_a_setting_means_are_told_from_its_words() {
        let told = |text| pieces(text).into_iter().map(|piece| (piece.is_name, piece.words)).collect::<Vec<_>>();
        let (words, name) = ((false, "a room of ".to_owned()), (true, "lazaret serve".to_owned()));
        assert_eq!(told("a room of `lazaret serve`"), [words.clone(), name.clone()]);
        assert_eq!(told("`lazaret serve`a room of "), [name, words]);
        assert!(pieces("").is_empty());
    }
}
