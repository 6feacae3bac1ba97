//! What is not handed over by the console while an incident keeps it back, whoever approved it.

use super::{Refused, parts};
use axum::http::StatusCode;
use lazaret_engine::Grounds;
use lazaret_model::{ActKind, Measure, ScanReport};
use lazaret_store::Event;
use std::net::IpAddr;

/// Refuses a release, where an incident blocks the file or its site, or revoked it. `people` are those who would have it.
pub(super) async fn release(
    console: &parts::Releases,
    event: &Event,
    report: Option<&ScanReport>,
    people: &[&str],
) -> Result<(), Refused> {
    let measures = console.ledger.measures().await?;
    let of_release = |measure: &&Measure| match &measure.act.kind {
        ActKind::BlockHash | ActKind::RevokeHash => has_hash(&measure.act.value, event, report),
        ActKind::BlockSite => is_from(console, &measure.act.value, event),
        ActKind::RevokePerson => is_one_of(&measure.act.value, event, people),
        // That is what somebody approved it for.
        ActKind::HoldPerson | ActKind::HoldGroup | ActKind::HoldClient | ActKind::Room(_) => false,
    };
    measures.iter().find(of_release).map_or(Ok(()), refused)
}

/// The same for what nobody approved: a person opened it with its password. What is held for them is so here as well.
pub(super) async fn unlocking(
    console: &parts::Releases,
    event: &Event,
    report: &ScanReport,
    people: &[&str],
    client: &str,
) -> Result<(), Refused> {
    release(console, event, Some(report), people).await?;
    let measures = console.ledger.measures().await?;
    let groups = Grounds::parse(&event.judged).map(|grounds| grounds.origin().groups.clone()).unwrap_or_default();
    let is_client = |value: &str| {
        let same = |other: &str| match (value.parse::<IpAddr>(), other.parse::<IpAddr>()) {
            (Ok(one), Ok(other)) => one.to_canonical() == other.to_canonical(),
            _ => false,
        };
        same(client) || same(&event.client)
    };
    let holds = |measure: &&Measure| match &measure.act.kind {
        ActKind::HoldPerson => is_one_of(&measure.act.value, event, people),
        ActKind::HoldGroup => groups.contains(&measure.act.value),
        ActKind::HoldClient => is_client(&measure.act.value),
        _ => false,
    };
    measures.iter().find(holds).map_or(Ok(()), refused)
}

fn refused(measure: &Measure) -> Result<(), Refused> {
    let incident = &measure.incident;
    Err(Refused::Said(
        StatusCode::FORBIDDEN,
        format!(
            "this file belongs to security incident {incident}; it is not released until the containment is undone \
                there"
        ),
    ))
}

/// Whether a hash is that of a file, of what was kept of it, or of something in it.
fn has_hash(hash: &str, event: &Event, report: Option<&ScanReport>) -> bool {
    let known: Option<ScanReport> = if report.is_some() { None } else { serde_json::from_str(&event.report).ok() };
    let report = report.or(known.as_ref());
    let in_it = |report: &ScanReport| report.sha256 == hash || report.parts.iter().any(|part| part.sha256 == hash);
    event.sha256 == hash || event.content_blob == hash || report.is_some_and(in_it)
}

fn is_from(console: &parts::Releases, site: &str, event: &Event) -> bool {
    let address = event.host.parse::<std::net::IpAddr>().map(|address| address.to_canonical().to_string());
    if event.host == site || event.domain == site || address.is_ok_and(|address| address == site) {
        return true;
    }
    // As at the gates: what is nobody's own, such as a public suffix, stands for itself alone.
    let below = event.host.strip_suffix(site).is_some_and(|rest| rest.ends_with('.'));
    below && console.control.standing(site).is_ok_and(|standing| standing.domain.is_some())
}

fn is_one_of(person: &str, event: &Event, people: &[&str]) -> bool {
    let same = |other: &str| !other.trim().is_empty() && other.trim().to_lowercase() == person.to_lowercase();
    same(&event.person) || people.iter().any(|other| same(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_own_hash_and_by_that_of_what_was_kept() {
        let (own, kept) = ("ab".repeat(32), "cd".repeat(32));
        let event = Event { sha256: own.clone(), content_blob: kept.clone(), ..Event::default() };
        assert!(has_hash(&own, &event, None) && has_hash(&kept, &event, None));
        assert!(!has_hash(&"ef".repeat(32), &event, None));
    }

    #[test]
    fn a_person_is_known_however_their_name_is_written_and_nobody_is_no_person() {
        let event = Event { person: "Ada".to_owned(), ..Event::default() };
        assert!(is_one_of("ada", &event, &[]) && is_one_of("bert", &event, &["", " Bert "]));
        assert!(!is_one_of("ada", &Event::default(), &["", "bert"]));
    }
}
