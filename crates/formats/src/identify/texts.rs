//! Text: whether it is markup, settings, a script, source code, data or prose.

use super::probe::{Found, Probe};
use super::prolog::{self, JUDGED, Reading};
use super::{magic, markup, scripts, settings};
use crate::containers::{cms, openpgp};
use crate::encoding::{Encoding, decode_as};

/// Bytes of a project that are read as markup, and those in which what it builds is looked for.
const MARKUP: usize = 2 << 20;
const PROJECT: usize = if cfg!(test) { 4 << 20 } else { 64 << 20 };

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    let Some(encoding) = probe.encoding() else { return };
    // LIMIT: the same bytes as the head that identification is given.
    let text = decode_as(head.get(..JUDGED).unwrap_or(head), encoding);
    // A byte-order mark kept as a character would hide the first word.
    let text = text.trim_start_matches('\u{feff}');
    let further = prolog::further(probe, encoding, text, Reading::Loose);
    let begun = further.as_deref().unwrap_or(text);
    judge(begun, encoding, probe, found);
    // What a build runs may stand behind all of its files.
    if found.first() == Some("xml") && probe.len() > head.len() as u64 && markup::is_project(begun) {
        if probe.len() > PROJECT as u64 {
            probe.doubt("it is a project of more than 64 MiB, and only so much tells what it builds");
        }
        // LIMIT: scripts of pages further on are found by those who open markup (`containers/html.rs`).
        let bytes = probe.at(0, MARKUP);
        let id = markup::look(decode_as(&bytes, encoding).trim_start_matches('\u{feff}'), found);
        id.into_iter().for_each(|id| found.add(id));
        if markup::runs_when_built(decode_as(&probe.at(0, PROJECT), encoding).as_bytes()) {
            found.add("msbuild");
        }
    }
    if text.trim_start().starts_with('<') {
        let further = prolog::further(probe, encoding, text, Reading::Exact);
        markup::for_xml(text, further.as_deref()).into_iter().for_each(|id| found.add(id));
    }
}

/// Adds what a text is, from where it begins.
fn judge(text: &str, encoding: Encoding, probe: &Probe<'_>, found: &mut Found) {
    let head = probe.head();
    let id = markup::look(text, found)
        .or_else(|| settings::entry(text))
        .or_else(|| scripts::shebang(text))
        .or_else(|| settings::look(text, probe))
        .or_else(|| if encoding == Encoding::Utf8 { magic::in_text(head) } else { None })
        // Text that is signed in clear is called a message by others.
        .filter(|id| *id != "pgp-message" || !openpgp::is_clear(text));
    if let Some(id) = id {
        found.add(id);
        scripts::dangerous(text, found);
        messages(text, found);
        return;
    }
    scripts::look(text, probe.len(), found);
    if found.is_empty() {
        found.add("text");
    }
    messages(text, found);
}

/// Messages in armor that stand in a text, perhaps behind other lines, which their programs skip. Source code and pages have
/// them as examples.
fn messages(text: &str, found: &mut Found) {
    if openpgp::is_clear(text) {
        found.add("pgp-message");
    }
    if !matches!(found.first(), Some("text" | "markdown" | "csv" | "ini" | "yaml")) || !text.contains("-----BEGIN ") {
        return;
    }
    if openpgp::is_in_text(text) {
        found.add("pgp-message");
    }
    if cms::is_in_text(text) {
        found.add("pkcs7");
    }
}
