//! `lazaret library import`.

use crate::cli::{Common, Import};
use crate::config::Config;
use crate::display;
use crate::failure::Failure;
use lazaret_attack::{ImportOptions, Outcome, domain_title, import, size};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) async fn run(common: &Common, options: &Import) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let library = super::open(&config, &super::data(common)).await?;
    let paths: Vec<PathBuf> = options.sources.iter().map(PathBuf::from).collect();
    let bar = super::bar(paths.iter().map(|path| size(path)).sum(), "{bar:24} {percent} %  {elapsed}  {wide_msg}");
    bar.enable_steady_tick(Duration::from_millis(200));
    let read = Arc::new(AtomicU64::new(0));
    let wanted =
        ImportOptions { paths, release: options.release, domain: options.domain.clone(), source: String::new() };
    let mut refused = 0;
    let counted = Arc::clone(&read);
    import(&library, wanted, read, |outcome| {
        bar.set_position(counted.load(Ordering::Relaxed));
        refused += usize::from(matches!(outcome, Outcome::Refused { .. }));
        bar.suspend(|| tell(&outcome, options.json));
    })
    .await?;
    bar.finish_and_clear();
    Ok(ExitCode::from(if refused > 0 { 2 } else { 0 }))
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
            anstream::println!("{domain} {name} ({feed}): {objects} objects, {new} of them not seen before");
            for note in release.notes.lines() {
                display::remark(&format!("{domain} {name} ({feed}): {note}"));
            }
        }
        Outcome::There(release) => {
            let domain = domain_title(&release.domain);
            anstream::println!("{domain} {} ({}): was there already, with the same bytes", release.name, release.feed);
        }
        Outcome::Skipped(name) => {
            display::remark(&format!("`{}` is not named as a bundle is, and was left out", display::plain(name)))
        }
        Outcome::Refused { name, error } => {
            let why = crate::failure::told(error);
            if json {
                anstream::println!("{}", serde_json::json!({ "state": "refused", "source": name, "reason": why }));
            }
            display::complain(&format!(
                "`{}`: nothing of it was imported: {}",
                display::plain(name),
                display::plain(&why)
            ));
        }
    }
}
