//! The stand-ins, one file for what belongs together.

mod archives;
mod data;
mod flat;
mod homes;
mod honest;
mod images;
mod limits;
mod lures;
mod mails;
mod names;
mod office;
mod pages;
mod polyglots;
mod programs;
mod scripts;
mod settings;
mod shortcuts;
mod unasked;
mod zips;

use super::Standin;

/// What makes stand-ins, and of which rows: nobody who asks for one row waits for the archives of hundreds of megabytes of
/// another one.
type Group = (&'static [&'static str], fn() -> Vec<Standin>);

const GROUPS: [Group; 26] = [
    (&["A1", "A2", "A10", "A20", "A24", "A25"], programs::all),
    (&["A3", "A4", "A5"], shortcuts::all),
    (&["A6", "A7", "C24"], scripts::all),
    (&["A8", "A9", "A11", "A12", "C19", "C20"], office::all),
    (&["A13", "A16", "A17", "A18"], pages::all),
    (&["A14", "A15", "A22", "C17", "C18"], images::all),
    (&["A19"], archives::encrypted),
    (&["A21"], archives::hooks),
    (&["A23"], archives::known),
    (&["C14"], archives::rars_and_7z),
    (&["C15"], archives::streams),
    (&["C16"], archives::tars),
    (&["A20", "C12", "C13"], archives::nested),
    (&["C25"], archives::padded),
    (&["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C25"], zips::all),
    (&["B1", "B2", "B3", "B4", "B5", "B8"], names::all),
    (&["B7", "C21", "C22", "H"], mails::all),
    (&["C4", "C23"], polyglots::all),
    (&["A21", "A27", "A28", "A29", "A30", "A34", "C26"], settings::all),
    (&["A17", "A18", "A26", "A31", "A33"], lures::all),
    (&["A13", "A16", "C4", "C19", "C21", "C28", "C29", "H"], limits::all),
    (&["H"], honest::all),
    (&["A32", "H"], data::all),
    (&["A8", "A9", "A13", "H"], flat::all),
    (&["A9", "A11", "A18", "A36", "A37", "H"], homes::all),
    (&["A8", "A9", "A13", "A17", "A18", "A30", "A33", "A36", "A37", "H"], unasked::all),
];

pub(super) fn all() -> Vec<Standin> {
    GROUPS.iter().flat_map(|(_, make)| make()).collect()
}

/// Those of one row.
pub(super) fn of(row: &str) -> Vec<Standin> {
    let groups = GROUPS.iter().filter(|(rows, _)| rows.contains(&row));
    groups.flat_map(|(_, make)| make()).filter(|standin| standin.row == row).collect()
}

#[cfg(test)]
mod tests {
    use super::GROUPS;
    use std::collections::BTreeSet;

    #[test]
    fn a_group_makes_the_rows_that_it_is_said_to_make() {
        for (rows, make) in GROUPS {
            let made: BTreeSet<&str> = make().iter().map(|standin| standin.row).collect();
            assert_eq!(made, rows.iter().copied().collect());
        }
    }
}
