//! `lazaret library import`.

use super::stale::Before;
use crate::cli::{Common, Import};
use crate::config::Config;
use crate::display;
use crate::failure::Failure;
use crate::unpacking::Sandboxed;
use lazaret_attack::{AttackError, ImportOptions, Number, Outcome, domain_title, import, size};
use lazaret_gates::Fetcher;
use lazaret_store::Library;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes that are fetched from one address.
const MOST_FETCHED: u64 = 2 << 30;
const BAR: &str = "{bar:24} {percent} %  {elapsed}  {wide_msg}";

/// A bundle at an address.
pub(crate) struct Wanted {
    pub(crate) address: String,
    pub(crate) domain: Option<String>,
    pub(crate) release: Option<Number>,
}

pub(crate) async fn run(common: &Common, options: &Import) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let library = super::open(&config, &super::data(common)).await?;
    let (addresses, files): (Vec<_>, Vec<_>) = options.sources.iter().partition(|source| is_address(source));
    let paths: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let before = Before::look(&library).await?;
    let mut refused = 0;
    if !paths.is_empty() {
        let wanted =
            ImportOptions { paths, release: options.release, domain: options.domain.clone(), source: String::new() };
        refused += read(&library, wanted, options.json, None).await?;
    }
    if !addresses.is_empty() {
        let fetcher = Fetcher::new(&config.proxy)?;
        let wanted = addresses.into_iter().map(|address| Wanted {
            address: address.clone(),
            domain: options.domain.clone(),
            release: options.release,
        });
        let status = fetched(&library, &fetcher, wanted.collect(), options.json).await?;
        refused += usize::from(status != ExitCode::SUCCESS);
    }
    before.tell(options.json).await?;
    Ok(ExitCode::from(if refused > 0 { 2 } else { 0 }))
}

fn is_address(source: &str) -> bool {
    source.starts_with("https://") || source.starts_with("http://")
}

/// Imports files, and tells of each bundle, of one that was fetched by its address. How many were refused.
async fn read(
    library: &Library,
    wanted: ImportOptions,
    json: bool,
    fetched: Option<(&Path, &str)>,
) -> Result<usize, Failure> {
    let bar = super::bar(wanted.paths.iter().map(|path| size(path)).sum(), BAR);
    bar.enable_steady_tick(Duration::from_millis(200));
    let counted = Arc::new(AtomicU64::new(0));
    // The bar moves within a bundle as well: the largest takes seconds.
    let moving = {
        let (bar, counted) = (bar.clone(), Arc::clone(&counted));
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(200));
            loop {
                tick.tick().await;
                bar.set_position(counted.load(Ordering::Relaxed));
            }
        })
    };
    let mut refused = 0;
    let done = import(library, wanted, Arc::new(Sandboxed), counted, |outcome| {
        refused += usize::from(matches!(outcome, Outcome::Refused { .. }));
        let outcome = named(outcome, fetched);
        bar.suspend(|| tell(&outcome, json));
    })
    .await;
    moving.abort();
    bar.finish_and_clear();
    done?;
    Ok(refused)
}

/// Fetches bundles one after the other and imports each.
pub(crate) async fn fetched(
    library: &Library,
    fetcher: &Fetcher,
    wanted: Vec<Wanted>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let folder = tempfile::tempdir()?;
    let mut refused = 0;
    for one in wanted {
        // The name says which release it is, where the bundle does not.
        let name = one.address.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let name: String =
            name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-._".contains(*letter)).collect();
        let path = folder.path().join(if name.is_empty() { "bundle.json" } else { &name });
        let bar = super::bar(0, "{bar:24} {bytes} of {total_bytes}  {wide_msg}");
        bar.set_message(display::plain(&one.address));
        let mut file = std::fs::File::create(&path).map_err(|error| Failure::path(&path, error))?;
        let saved = fetcher.save(&one.address, &mut file, MOST_FETCHED, |have, all| {
            bar.set_length(all.unwrap_or(have));
            bar.set_position(have);
        });
        let saved = saved.await;
        bar.finish_and_clear();
        if let Err(why) = saved {
            let why = why.to_string();
            refused += 1;
            if json {
                let object = serde_json::json!({ "state": "refused", "source": one.address, "reason": why });
                anstream::println!("{object}");
            }
            display::complain(&display::plain(&why));
            continue;
        }
        let wanted = ImportOptions {
            paths: vec![path.clone()],
            release: one.release,
            domain: one.domain,
            source: one.address.clone(),
        };
        refused += read(library, wanted, json, Some((path.as_path(), one.address.as_str()))).await?;
        std::fs::remove_file(&path).map_err(|error| Failure::path(&path, error))?;
    }
    Ok(ExitCode::from(if refused > 0 { 2 } else { 0 }))
}

/// An outcome that names where a bundle was fetched from, and not the file that it was saved to for a moment.
fn named(outcome: Outcome, fetched: Option<(&Path, &str)>) -> Outcome {
    let Some((path, address)) = fetched else { return outcome };
    let saved = path.display().to_string();
    let renamed = |name: String| match name.strip_prefix(&saved) {
        Some(inner) => format!("{address}{inner}"),
        None => name,
    };
    match outcome {
        Outcome::Skipped { name, reason } => Outcome::Skipped { name: renamed(name), reason },
        Outcome::Refused { name, error } => {
            let error = match error {
                AttackError::File { path, source } => AttackError::File { path: renamed(path), source },
                AttackError::Cut { path, source } => AttackError::Cut { path: renamed(path), source },
                AttackError::Unpacker { path, why } => AttackError::Unpacker { path: renamed(path), why },
                other => other,
            };
            Outcome::Refused { name: renamed(name), error }
        }
        other => other,
    }
}

fn tell(outcome: &Outcome, json: bool) {
    match outcome {
        Outcome::Imported { release, new } if json => {
            let object = serde_json::json!({ "state": "imported", "new_versions": new, "release": release });
            anstream::println!("{object}");
        }
        Outcome::There(release) if json => {
            anstream::println!("{}", serde_json::json!({ "state": "there", "release": release }));
        }
        Outcome::Imported { release, new } => {
            let domain = domain_title(&release.domain);
            let (name, feed, objects) = (&release.name, &release.feed, release.objects);
            anstream::println!("{domain} {name} ({feed}): {objects} objects, {new} of them new");
            for note in release.notes.lines() {
                display::remark(&format!("{domain} {name} ({feed}): {note}"));
            }
        }
        Outcome::There(release) => {
            let domain = domain_title(&release.domain);
            anstream::println!("{domain} {} ({}): already imported, identical", release.name, release.feed);
        }
        Outcome::Skipped { name, reason } => {
            display::remark(&format!("`{}` was skipped: {reason}", display::plain(name)))
        }
        Outcome::Refused { name, error } => {
            let why = crate::failure::told(error);
            if json {
                anstream::println!("{}", serde_json::json!({ "state": "refused", "source": name, "reason": why }));
            }
            // Of an archive something may have been imported.
            let nothing = match error {
                AttackError::Cut { .. } | AttackError::Unpacker { .. } => "",
                _ => "nothing was imported from it: ",
            };
            display::complain(&format!("`{}`: {nothing}{}", display::plain(name), display::plain(&why)));
        }
    }
}
