//! Everything about an incident in one archive, for whoever works on it elsewhere: `incident.json`, its events, a report that
//! prints, its samples locked up, and the hashes of all of that.

use super::events::Row;
use super::table::line;
use super::{Refused, shown_time};
use crate::Packer;
use askama::Template;
use lazaret_model::{Deed, Note, plain};
use lazaret_store::{Blobs, IncidentFile, Ledger, LoggedEvent, Met, StoreError, digest_of_open, now};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Seek, Write};

/// The schema of `incident.json`.
const SCHEMA: &str = "lazaret.incident/1";
/// Events about one thing, and rows of the report.
const MOST_EVENTS: i64 = 10_000;
const MOST_ROWS: usize = 500;
/// Samples, and bytes of them in all.
const MOST_SAMPLES: usize = 100;
const MOST_SAMPLE_BYTES: u64 = 1 << 30;

/// Whether samples are in an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// Each in an archive of its own that opens with the password `infected`.
    Locked,
    /// None of them: whoever exports may not take samples away.
    LeftOut,
}

/// Why an incident cannot be exported.
#[derive(Debug)]
pub enum DossierError {
    /// It is not there, or the ledger does not answer.
    Store(StoreError),
    /// Its report cannot be written.
    Report(askama::Error),
    /// The archive cannot be written.
    Write(io::Error),
}

impl fmt::Display for DossierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => f.write_str("cannot look up the incident's scope"),
            Self::Report(_) => f.write_str("cannot write the incident report"),
            Self::Write(_) => f.write_str("cannot write the incident archive"),
        }
    }
}

impl std::error::Error for DossierError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Report(error) => Some(error),
            Self::Write(error) => Some(error),
        }
    }
}

impl From<StoreError> for DossierError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for DossierError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<DossierError> for Refused {
    fn from(error: DossierError) -> Self {
        match error {
            DossierError::Store(error) => error.into(),
            DossierError::Report(error) => error.into(),
            DossierError::Write(error) => Self::Broken(format!("an incident could not be exported: {error}")),
        }
    }
}

#[derive(Template)]
#[template(path = "dossier.html")]
struct Report<'a> {
    file: &'a IncidentFile,
    title: String,
    opened: String,
    closed: String,
    exported: String,
    left_out: &'a [String],
    acts: Vec<(Deed, String, String)>,
    people: Vec<(Met, String, String)>,
    notes: Vec<(Note, String)>,
    rows: Vec<Row>,
    events_more: usize,
}

/// An incident with everything that goes into its export but the samples' bytes.
pub struct Dossier {
    file: IncidentFile,
    events: Vec<LoggedEvent>,
    met: Vec<Met>,
    samples: Samples,
    /// What is not in it, and why.
    left_out: Vec<String>,
}

impl Dossier {
    /// Looks everything up.
    ///
    /// # Errors
    /// When there is no such incident, or the ledger does not answer.
    pub async fn gather(ledger: &Ledger, reference: &str, samples: Samples) -> Result<Self, DossierError> {
        let file = ledger.incident(reference).await?;
        let subjects: Vec<_> = file.scope.iter().map(|entry| entry.subject.clone()).collect();
        let found = ledger.look_back(&subjects, MOST_EVENTS).await?;
        let mut left_out = Vec::new();
        if found.more {
            left_out.push(format!(
                "further events: only the newest {MOST_EVENTS} for each item in scope, and 50,000 in total, were \
                    searched"
            ));
        }
        if samples == Samples::LeftOut {
            left_out.push("samples: the person who exported this is not allowed to download samples".to_owned());
        }
        Ok(Self { file, events: found.events, met: found.met, samples, left_out })
    }

    /// The incident's reference.
    pub fn reference(&self) -> &str {
        &self.file.incident.reference
    }

    /// Writes the archive, and says what is not in it and why, as the archive does. Blocks.
    ///
    /// # Errors
    /// When something cannot be read or written.
    pub fn write(mut self, blobs: &dyn Blobs, packer: &dyn Packer) -> Result<(File, Vec<String>), DossierError> {
        let mut members = self.packed_samples(blobs, packer)?;
        let events: String = self.events.iter().map(line).collect();
        let report = self.report().map_err(DossierError::Report)?;
        let told = format!("{:#}\n", self.told());
        for (name, text) in [("incident.json", &told), ("events.jsonl", &events), ("report.html", &report)] {
            members.push((name.to_owned(), written(packer, text)?));
        }
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut sums = String::new();
        for (name, file) in &mut members {
            sums += &format!("{}  {name}\n", digest_of_open(file)?.sha256);
            file.rewind()?;
        }
        members.push(("SHA256SUMS".to_owned(), written(packer, &sums)?));
        Ok((packer.bundle(members)?, self.left_out))
    }

    /// Locks up what the quarantine has of it, each content once.
    fn packed_samples(&mut self, blobs: &dyn Blobs, packer: &dyn Packer) -> Result<Vec<(String, File)>, DossierError> {
        let mut members = Vec::new();
        if self.samples == Samples::LeftOut {
            return Ok(members);
        }
        let mut contents: BTreeMap<&str, &str> = BTreeMap::new();
        for LoggedEvent { event, .. } in self.events.iter().filter(|logged| !logged.event.content_blob.is_empty()) {
            contents.entry(&event.content_blob).or_insert(&event.name);
        }
        let (mut bytes, mut gone, mut beyond) = (0_u64, 0_usize, 0_usize);
        for (blob, name) in contents {
            let Some((size, _)) = blobs.about(blob)? else {
                gone += 1;
                continue;
            };
            if members.len() >= MOST_SAMPLES || bytes.saturating_add(size) > MOST_SAMPLE_BYTES {
                beyond += 1;
                continue;
            }
            match blobs.fetch(blob) {
                Ok(Some(content)) => members.push((format!("samples/{blob}.zip"), packer.pack(name, content)?)),
                // One that is lost is no reason to go without the others.
                Ok(None) | Err(StoreError::Damaged(_)) => gone += 1,
                Err(error) => return Err(error.into()),
            }
            bytes = bytes.saturating_add(size);
        }
        if gone > 0 {
            self.left_out.push(format!("{gone} samples that are no longer in the quarantine, or are damaged there"));
        }
        if beyond > 0 {
            self.left_out.push(format!(
                "{beyond} samples: an export contains at most {MOST_SAMPLES} samples and {} MiB",
                MOST_SAMPLE_BYTES >> 20
            ));
        }
        Ok(members)
    }

    fn told(&self) -> serde_json::Value {
        json!({
            "schema": SCHEMA,
            "exported_at": now(),
            "incident": self.file,
            "met": self.met,
            "events": self.events.len(),
            "left_out": self.left_out,
        })
    }

    fn report(&self) -> Result<String, askama::Error> {
        let incident = &self.file.incident;
        let time = |at: i64| if at == 0 { String::new() } else { shown_time(at) };
        let report = Report {
            title: plain(&incident.title),
            opened: shown_time(incident.opened_at),
            closed: time(incident.closed_at),
            exported: shown_time(now()),
            left_out: &self.left_out,
            acts: self.file.acts.iter().map(|deed| (deed.clone(), shown_time(deed.at), time(deed.undone_at))).collect(),
            people: self.met.iter().map(|met| (met.clone(), shown_time(met.first), shown_time(met.last))).collect(),
            notes: self.file.notes.iter().map(|note| (note.clone(), shown_time(note.at))).collect(),
            rows: self.events.iter().take(MOST_ROWS).cloned().map(Row::of).collect(),
            events_more: self.events.len().saturating_sub(MOST_ROWS),
            file: &self.file,
        };
        report.render()
    }
}

/// A text as a file that is read from its beginning.
fn written(packer: &dyn Packer, text: &str) -> io::Result<File> {
    let mut file = packer.file()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}
