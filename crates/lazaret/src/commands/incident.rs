//! `lazaret incident`: respond without a browser.

use crate::cli::{By, Common, Incident, OpenIncident, StateOption};
use crate::config::Config;
use crate::failure::Failure;
use crate::packing::SpoolPacker;
use crate::{display, folder, record};
use lazaret_console::{Dossier, Samples};
use lazaret_model::{Act, ActKind, AuditAct, IncidentState, Subject, SubjectKind};
use lazaret_policy::Permissions;
use lazaret_store::{BlobFolder, IncidentFile, Ledger, NewIncident, Retrospect};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

/// Who is noted where nobody says who they are.
const NOBODY: &str = "lazaret incident";
/// The permission that somebody needs who says who they are.
const PERMISSION: &str = "manage-incidents";
/// Incidents that are listed, and events about one thing that are looked back at.
const MOST_LISTED: i64 = 10_000;
const MOST_BACK: i64 = 10_000;

pub(crate) fn run(common: &Common, command: &Incident) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = folder::named(common);
    // A mistyped `--data` leaves no empty ledger behind.
    if config.ledger.address.is_empty() && !data.join(record::LEDGER).exists() {
        return Err(Failure::path(
            &data.join(record::LEDGER),
            "no ledger found; name the data folder of `lazaret serve` with `--data`",
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let ledger = record::open(&config, &data).await?;
        match command {
            Incident::Open(options) => open(&ledger, options).await?,
            Incident::List { state, json } => list(&ledger, *state, *json).await?,
            Incident::Show { reference, json } => show(&ledger, reference, *json).await?,
            Incident::Act { reference, act, value, by } => {
                let act = Act::offered(act, value)?;
                let who = allowed(&ledger, by).await?;
                let number = ledger.act(reference, &act, &who).await?;
                anstream::println!("{number}");
            }
            Incident::Undo { reference, number, by } => {
                let who = allowed(&ledger, by).await?;
                ledger.undo_act(reference, *number, &who).await?;
            }
            Incident::Note { reference, text, by } => {
                let who = allowed(&ledger, by).await?;
                ledger.note_incident(reference, text, &who).await?;
            }
            Incident::Close { reference, conclusion, by } => {
                let who = allowed(&ledger, by).await?;
                ledger.close_incident(reference, conclusion, &who).await?;
            }
            Incident::Export { reference, file, without_samples, by } => {
                let who = allowed(&ledger, by).await?;
                let samples = if *without_samples { Samples::LeftOut } else { Samples::Locked };
                export(&ledger, &data, reference, file, samples, &who).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn open(ledger: &Ledger, options: &OpenIncident) -> Result<(), Failure> {
    let OpenIncident { title, hashes, sites, people, clients, techniques, contain, by } = options;
    let mut scope = Vec::new();
    for (kind, values) in [
        (SubjectKind::Hash, hashes),
        (SubjectKind::Site, sites),
        (SubjectKind::Person, people),
        (SubjectKind::Client, clients),
        (SubjectKind::Technique, techniques),
    ] {
        for value in values {
            scope.push(Subject::parse(kind, value)?);
        }
    }
    let who = allowed(ledger, by).await?;
    let new = NewIncident { title: title.clone(), scope: scope.clone(), who: who.clone() };
    let opened = ledger.open_incident(&new).await?;
    if *contain {
        for subject in scope {
            let kind = match subject.kind {
                SubjectKind::Hash => ActKind::BlockHash,
                SubjectKind::Site => ActKind::BlockSite,
                _ => continue,
            };
            ledger.act(&opened.reference, &Act { kind, value: subject.value }, &who).await?;
        }
    }
    anstream::println!("{}", opened.reference);
    Ok(())
}

async fn list(ledger: &Ledger, state: Option<StateOption>, json: bool) -> Result<(), Failure> {
    let state = state.map(|state| match state {
        StateOption::Open => IncidentState::Open,
        StateOption::Closed => IncidentState::Closed,
    });
    let incidents = ledger.incidents(state, MOST_LISTED).await?;
    if json {
        display::json(&incidents)?;
        return Ok(());
    }
    for incident in &incidents {
        anstream::println!(
            "{}  {:<6}  {}  {}",
            incident.reference,
            incident.state.name(),
            time_of(incident.opened_at),
            display::plain(&incident.title)
        );
    }
    Ok(())
}

async fn show(ledger: &Ledger, reference: &str, json: bool) -> Result<(), Failure> {
    let file = ledger.incident(reference).await?;
    let subjects: Vec<_> = file.scope.iter().map(|entry| entry.subject.clone()).collect();
    let found = ledger.look_back(&subjects, MOST_BACK).await?;
    if json {
        let events: Vec<_> = found.events.iter().map(|logged| &logged.event.reference).collect();
        display::json(
            &serde_json::json!({ "incident": file, "met": found.met, "events": events, "more": found.more }),
        )?;
        return Ok(());
    }
    tell(&file, &found);
    Ok(())
}

fn tell(file: &IncidentFile, found: &Retrospect) {
    let incident = &file.incident;
    anstream::println!("{}  {}", incident.reference, display::plain(&incident.title));
    anstream::println!("opened  {} by {}", time_of(incident.opened_at), display::plain(&incident.opened_by));
    if incident.state == IncidentState::Closed {
        anstream::println!("closed  {} by {}", time_of(incident.closed_at), display::plain(&incident.closed_by));
        anstream::println!("        {}", display::plain(&incident.conclusion));
    }
    for entry in &file.scope {
        anstream::println!("about   {:<9}  {}", entry.subject.kind.name(), display::plain(&entry.subject.value));
    }
    for deed in &file.acts {
        let state = if deed.is_in_force() { "in force".to_owned() } else { format!("undone by {}", deed.undone_by) };
        anstream::println!(
            "act     {:<4}  {}  {}  {}, {}",
            deed.id,
            time_of(deed.at),
            display::plain(&deed.act.to_string()),
            display::plain(&deed.who),
            display::plain(&state)
        );
    }
    for met in &found.met {
        let person = if met.person.is_empty() { "-" } else { &met.person };
        anstream::println!(
            "met     {}  {}  {} times, {} delivered, last {}",
            display::plain(person),
            display::plain(&met.client),
            met.number,
            met.delivered,
            time_of(met.last)
        );
    }
    for note in &file.notes {
        anstream::println!(
            "note    {}  {}: {}",
            time_of(note.at),
            display::plain(&note.who),
            display::plain(&note.text)
        );
    }
    let more = if found.more { ", and more that were not searched" } else { "" };
    anstream::println!("events  {}{more}", found.events.len());
}

async fn export(
    ledger: &Ledger,
    data: &Path,
    reference: &str,
    path: &Path,
    samples: Samples,
    who: &str,
) -> Result<(), Failure> {
    let dossier = Dossier::gather(ledger, reference, samples).await?;
    let name = dossier.reference().to_owned();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::path(path, error))?;
    let written = tokio::task::block_in_place(|| -> Result<_, Failure> {
        let blobs = BlobFolder::open(&data.join("quarantine"))?;
        // The spool is that of a process, which may not be there.
        let spool = data.join("spool").is_dir().then_some(data);
        let (mut archive, left_out) = dossier.write(&blobs, &SpoolPacker::new(spool))?;
        std::io::copy(&mut archive, &mut file)?;
        file.sync_all()?;
        Ok(left_out)
    });
    let left_out = match written {
        Ok(left_out) => left_out,
        Err(failure) => {
            // Half of it is nothing that anybody should take for all.
            let _ = std::fs::remove_file(path);
            return Err(failure);
        }
    };
    ledger.note(who, AuditAct::IncidentExported, &name).await?;
    for line in left_out {
        display::complain(&format!("not included: {line}"));
    }
    Ok(())
}

/// Who acts; refuses whoever is no user of the console, or whose role does not allow it.
async fn allowed(ledger: &Ledger, by: &By) -> Result<String, Failure> {
    let Some(name) = &by.name else { return Ok(NOBODY.to_owned()) };
    let user = ledger.user(name).await?.filter(|user| !user.disabled);
    let user = user.ok_or_else(|| Failure::new(format!("no console user `{}`", display::plain(name))))?;
    if !Permissions::built_in()?.of(&user.role).contains(PERMISSION) {
        let name = display::plain(name);
        return Err(Failure::new(format!("the role `{}` of `{name}` does not allow this: `{PERMISSION}`", user.role)));
    }
    Ok(user.name)
}

/// RFC 3339.
fn time_of(at: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000));
    let time = time.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!("{}T{:02}:{:02}:{:02}Z", time.date(), time.hour(), time.minute(), time.second())
}
