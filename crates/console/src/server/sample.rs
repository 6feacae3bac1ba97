//! One event and its sample: the tree of parts, what was found, what decided, and its bytes.

use super::events::Row;
use super::requests::attachment;
use super::session::{Allowed, May, Nothing, Shown, Signed, may};
use super::{Answer, Refused, page, parts, shown_time};
use crate::words::nested;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use lazaret_engine::Grounds;
use lazaret_model::{AuditAct, Direction, Finding, Gate, Part, ScanReport, plain};
use lazaret_store::{EventFilter, LoggedEvent, ReleaseRequest};
use serde::Deserialize;
use std::sync::Arc;

/// Parts and findings of a sample that are shown.
const MOST_SHOWN: usize = 200;
/// Parts whose decision is explained, the strictest first; each costs milliseconds.
const MOST_EXPLAINED: usize = 10;
/// Levels of parts that are indented.
const LEVELS: u32 = 8;
/// Characters of one piece of evidence.
const MOST_EVIDENCE: usize = 300;
/// Bytes of one page: in hexadecimal, and looked through for strings.
const HEX: usize = 4 << 10;
const ROW: usize = 16;
/// Least characters of a string, and most strings of a page.
const STRING: usize = 5;
const MOST_STRINGS: usize = 400;

#[derive(Template)]
#[template(path = "console/event.html")]
struct One {
    user: Option<Shown>,
    row: Row,
    parts: Vec<PartRow>,
    findings: Vec<FindingRow>,
    rulings: Vec<RulingRow>,
    /// Parts that were stopped, too.
    unexplained: usize,
    more: bool,
    elsewhere: Vec<Row>,
    /// Where it came from, as it was judged by.
    origin: Vec<(&'static str, String)>,
    requests: Vec<(ReleaseRequest, String)>,
    kept: bool,
    may_inspect: bool,
    may_forget: bool,
}

struct PartRow {
    level: u32,
    name: String,
    kind: String,
    role: &'static str,
    state: String,
    sha256: String,
}

struct FindingRow {
    severity: String,
    id: String,
    message: String,
    part: String,
    techniques: Vec<String>,
    evidence: Vec<(String, String)>,
}

/// What decided one part, and what would change that.
struct RulingRow {
    part: String,
    decision: &'static str,
    policies: Vec<(String, String)>,
    /// The facts that those ask for, with what they were.
    rests_on: Vec<(String, String)>,
    /// Another decision that the policies in force come to now.
    now: Option<&'static str>,
    changes: Vec<(&'static str, &'static str)>,
    /// What it was judged by is not known, and so not what would change it.
    unknown: bool,
}

#[derive(Template)]
#[template(path = "console/bytes.html")]
struct Bytes {
    user: Option<Shown>,
    reference: String,
    name: String,
    codings: String,
    rows: Vec<(String, String, String)>,
    strings: Vec<(String, String)>,
    from: u64,
    to: u64,
    size: u64,
    before: Option<u64>,
    after: Option<u64>,
    last: u64,
}

#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    at: String,
}

async fn event_of(console: &parts::Samples, reference: &str) -> Result<LoggedEvent, Refused> {
    let missing = Refused::Because(StatusCode::NOT_FOUND, "no event with this reference");
    console.ledger.event(&reference.to_uppercase()).await?.ok_or(missing)
}

pub(super) async fn one(
    State(console): State<parts::Samples>,
    who: Allowed<may::View>,
    Path(reference): Path<String>,
) -> Answer {
    let logged = event_of(&console, &reference).await?;
    let event = &logged.event;
    let report: Option<ScanReport> = serde_json::from_str(&event.report).ok();
    let grounds = Grounds::parse(&event.judged);
    let elsewhere = if event.sha256.is_empty() {
        Vec::new()
    } else {
        let same = EventFilter { sha256: event.sha256.clone(), ..Default::default() };
        console.ledger.events(&same, None, 20).await?
    };
    let elsewhere = elsewhere.into_iter().filter(|other| other.id != logged.id).map(Row::of).collect();
    let requests = console.ledger.requests_for(&event.reference).await?;
    let (mut parts, mut findings, mut rulings) = (Vec::new(), Vec::new(), Vec::new());
    let (mut more, mut unexplained) = (false, 0);
    if let Some(report) = report {
        more = report.parts.len() > MOST_SHOWN || report.findings.len() > MOST_SHOWN;
        parts = report.parts.iter().take(MOST_SHOWN).map(part_row).collect();
        findings = report.findings.iter().take(MOST_SHOWN).map(|finding| finding_row(&report, finding)).collect();
        unexplained = report.rulings.len().saturating_sub(MOST_EXPLAINED);
        rulings = explained(&console, report, grounds.clone()).await?;
    }
    let blob = event.content_blob.clone();
    let kept = parts::ask(&console.blobs, move |blobs| blobs.about(&blob)).await?.is_some();
    page(&One {
        user: who.shown(),
        parts,
        findings,
        rulings,
        unexplained,
        more,
        elsewhere,
        origin: grounds.as_ref().map(told_origin).unwrap_or_default(),
        requests: requests.into_iter().map(|request| (request.clone(), shown_time(request.at))).collect(),
        kept,
        may_inspect: who.may(May::Inspect),
        may_forget: who.may(May::Forget),
        row: Row::of(logged),
    })
}

/// What decided then, and what would change that under the policies in force now, by what it was judged by then.
async fn explained(
    console: &parts::Samples,
    mut report: ScanReport,
    grounds: Option<Grounds>,
) -> Result<Vec<RulingRow>, Refused> {
    report.rulings.sort_by_key(|ruling| std::cmp::Reverse(ruling.decision));
    report.rulings.truncate(MOST_EXPLAINED);
    let engine = (console.engine)();
    let explained = tokio::task::spawn_blocking(move || {
        let explained = engine.explain(&report, grounds.as_ref()).unwrap_or_default();
        let rows = explained.into_iter().map(|explained| {
            let (ruling, unknown) = (explained.ruling, explained.now.is_none());
            let (now, changes) = explained.now.unwrap_or((ruling.decision, Vec::new()));
            RulingRow {
                part: nested(&report, &ruling.part),
                decision: ruling.decision.name(),
                policies: ruling.policies.iter().map(|policy| (policy.id.clone(), policy.title.clone())).collect(),
                rests_on: explained.rests_on.into_iter().map(|(fact, value)| (fact, plain(&value))).collect(),
                now: (now != ruling.decision).then_some(now.name()),
                changes: changes.iter().map(|change| (change.condition, change.decision.name())).collect(),
                unknown,
            }
        });
        rows.collect()
    });
    explained.await.map_err(|error| Refused::Broken(error.to_string()))
}

/// The origin in words that a person checks: what it was judged by, and nothing else.
fn told_origin(grounds: &Grounds) -> Vec<(&'static str, String)> {
    let origin = grounds.origin();
    let web = matches!(origin.gate, Gate::Proxy | Gate::Icap) && origin.direction == Direction::Download;
    let mut told = Vec::new();
    if web {
        let how = if origin.navigation { "opened or saved by a person or a program" } else { "loaded by a page" };
        told.push(("Requested as", how.to_owned()));
    }
    let mut tell = |name, value: String| {
        if !value.is_empty() {
            told.push((name, plain(&value)));
        }
    };
    tell("Page", origin.page.clone().unwrap_or_default());
    tell("Declared type", origin.declared_type.clone().unwrap_or_default());
    tell("Groups", origin.groups.join(", "));
    tell("Lists", origin.lists.join(", "));
    tell("Site known for", origin.first_seen_days.map(|days| format!("{days} days")).unwrap_or_default());
    told
}

fn part_row(part: &Part) -> PartRow {
    let mut state = vec![format!("{} bytes", part.size)];
    if part.locked {
        state.push("locked".to_owned());
    }
    if let Some(password) = &part.password {
        state.push(format!("opened with the password “{}”", plain(password)));
    }
    state.extend(part.incomplete.iter().map(|why| plain(why)));
    let also: Vec<_> = part.kinds().map(|kind| kind.id.to_string()).collect();
    PartRow {
        level: part.depth.min(LEVELS),
        name: plain(&part.name),
        kind: also.join(" and "),
        role: part.role.name(),
        state: state.join("; "),
        sha256: part.sha256.clone(),
    }
}

fn finding_row(report: &ScanReport, finding: &Finding) -> FindingRow {
    let evidence = finding.evidence.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.to_string(), plain(&text.chars().take(MOST_EVIDENCE).collect::<String>()))
    });
    FindingRow {
        severity: finding.severity.to_string(),
        id: finding.id.to_string(),
        message: plain(&finding.message),
        part: nested(report, &finding.part),
        techniques: finding.techniques.iter().map(ToString::to_string).collect(),
        evidence: evidence.collect(),
    }
}

const NOT_KEPT: Refused = Refused::Because(StatusCode::GONE, "the file is not, or no longer, in the quarantine");

/// The bytes in quarantine, a page at a time.
pub(super) async fn bytes(
    State(console): State<parts::Samples>,
    who: Allowed<may::Inspect>,
    Path(reference): Path<String>,
    Query(place): Query<Place>,
) -> Answer {
    let event = event_of(&console, &reference).await?.event;
    let blob = event.content_blob.clone();
    let (size, _) = parts::ask(&console.blobs, move |blobs| blobs.about(&blob)).await?.ok_or(NOT_KEPT)?;
    let wrong = Refused::Because(StatusCode::BAD_REQUEST, "an offset must be a number, such as 4096 or 0x1000");
    let last = size.saturating_sub(1) / HEX as u64 * HEX as u64;
    let at = parsed_place(&place.at).ok_or(wrong)?.min(last) / ROW as u64 * ROW as u64;
    let blob = event.content_blob.clone();
    let piece = parts::ask(&console.blobs, move |blobs| blobs.piece(&blob, at, HEX)).await?.ok_or(NOT_KEPT)?;
    let to = at + piece.len() as u64;
    let detail = format!("{}, bytes {at} to {to}", event.reference);
    console.ledger.note(&who.user.name, AuditAct::SampleViewed, &detail).await?;
    page(&Bytes {
        user: who.shown(),
        reference: event.reference.clone(),
        name: plain(&event.name),
        codings: event.codings.clone(),
        rows: hexadecimal(&piece, at),
        strings: strings(&piece, at),
        from: at,
        to,
        size,
        before: (at > 0).then(|| at.saturating_sub(HEX as u64)),
        after: (to < size).then_some(to),
        last,
    })
}

/// A place as people write it: decimal, or hexadecimal after `0x`; nothing is the beginning.
fn parsed_place(text: &str) -> Option<u64> {
    match text.trim() {
        "" => Some(0),
        text => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
    }
}

/// Rows of a place, sixteen bytes, and the same as text.
fn hexadecimal(bytes: &[u8], from: u64) -> Vec<(String, String, String)> {
    let rows = bytes.chunks(ROW).zip((from..).step_by(ROW));
    rows.map(|(row, at)| {
        let half = |half: &[u8]| half.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let digits = row.chunks(ROW / 2).map(half);
        let digits = digits.collect::<Vec<_>>().join("  ");
        let text = row.iter().map(|byte| if matches!(byte, 0x20..=0x7e) { char::from(*byte) } else { '.' }).collect();
        (format!("{at:08x}"), digits, text)
    })
    .collect()
}

/// Printable text in bytes, with its place: single bytes (ASCII) and pairs (UTF-16, little end first).
fn strings(bytes: &[u8], from: u64) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let is_text = |byte: u8| matches!(byte, 0x20..=0x7e | b'\t');
    for width in [1, 2] {
        let mut at = 0;
        while at < bytes.len() && found.len() < MOST_STRINGS {
            let mut text = String::new();
            let mut end = at;
            while let Some(unit) = bytes.get(end..end + width) {
                if !is_text(unit[0]) || unit.get(1).is_some_and(|high| *high != 0) {
                    break;
                }
                text.push(char::from(unit[0]));
                end += width;
            }
            if text.len() >= STRING {
                let place = from + at as u64;
                found.push((place, text));
                at = end;
            } else {
                at += 1;
            }
        }
    }
    found.sort();
    found.into_iter().map(|(place, text)| (format!("{place:08x}"), plain(&text))).collect()
}

/// The sample, locked up for analysts.
pub(super) async fn packed(
    State(console): State<parts::Samples>,
    who: Allowed<may::Inspect>,
    Path(reference): Path<String>,
    _: Signed<Nothing>,
) -> Answer {
    let event = event_of(&console, &reference).await?.event;
    let (blobs, control) = (console.blobs.clone(), Arc::clone(&console.control));
    let (blob, name) = (event.content_blob.clone(), event.name.clone());
    let packed = tokio::task::spawn_blocking(move || -> Result<_, Refused> {
        let file = blobs.fetch(&blob)?.ok_or(NOT_KEPT)?;
        control.pack(&name, file).map_err(|error| Refused::Broken(error.to_string()))
    });
    let archive = packed.await.map_err(|error| Refused::Broken(error.to_string()))??;
    console.ledger.note(&who.user.name, AuditAct::SampleExported, &event.reference).await?;
    attachment(&format!("{}.zip", event.reference), "application/zip", None, archive, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_rows_and_never_as_markup_of_their_own() {
        let rows = hexadecimal(b"<script>alert(1)</script>\x00\xff", 0x20);
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0],
            ("00000020".into(), "3c 73 63 72 69 70 74 3e  61 6c 65 72 74 28 31 29".into(), "<script>alert(1)".into())
        );
        assert_eq!(rows[1].2, "</script>..");
    }

    #[test]
    fn strings_of_both_widths_are_found_with_their_places() {
        let mut bytes = b"\x00\x01abcd\x00cmd.exe /c\xff".to_vec();
        bytes.extend("https://x".encode_utf16().flat_map(u16::to_le_bytes));
        let found = strings(&bytes, 0x100);
        assert_eq!(found, [("00000107".into(), "cmd.exe /c".into()), ("00000112".into(), "https://x".into())]);
    }

    #[test]
    fn a_place_is_decimal_or_hexadecimal() {
        assert_eq!((parsed_place(""), parsed_place("4096"), parsed_place("0x1000")), (Some(0), Some(4096), Some(4096)));
        assert_eq!((parsed_place("-1"), parsed_place("x")), (None, None));
    }
}
