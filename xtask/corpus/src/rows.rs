//! The stand-ins, one file for what belongs together.

mod archives;
mod honest;
mod images;
mod mails;
mod names;
mod office;
mod pages;
mod polyglots;
mod programs;
mod scripts;
mod shortcuts;
mod zips;

use super::Standin;

pub(super) fn all() -> Vec<Standin> {
    let groups = [
        programs::all(),
        shortcuts::all(),
        scripts::all(),
        office::all(),
        pages::all(),
        images::all(),
        archives::all(),
        zips::all(),
        names::all(),
        mails::all(),
        polyglots::all(),
        honest::all(),
    ];
    groups.into_iter().flatten().collect()
}
