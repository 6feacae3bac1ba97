//! `lazaret library`: every release of ATT&CK.

mod coverage;
mod diff;
mod history;
mod import;
mod layer;
mod releases;
mod search;
mod show;
mod stale;
mod sync;
mod takes;

use crate::cli::{Common, Library, Which};
use crate::config::Config;
use crate::failure::Failure;
use crate::folder::LIBRARY;
use indicatif::{ProgressBar, ProgressStyle};
use lazaret_attack::{AttackError, Catalog, Choice, Found, official_path};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(common: &Common, command: &Library) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Library::Import(options) => import::run(common, options).await,
            Library::Sync(options) => sync::run(common, options).await,
            Library::Releases { json } => releases::list(common, *json).await,
            Library::Show(options) => show::run(common, options).await,
            Library::Search(options) => search::run(common, options).await,
            Library::History(options) => history::run(common, options).await,
            Library::Diff(options) => diff::run(common, options).await,
            Library::Coverage(options) => coverage::run(common, options).await,
            Library::Takes(command) => takes::run(common, command).await,
            Library::Layer(options) => layer::run(common, options).await,
            Library::Export(options) => releases::export(common, options).await,
            Library::Remove(options) => releases::remove(common, options).await,
            Library::Verify { json } => releases::verify(common, *json).await,
        }
    })
}

pub(crate) fn data(common: &Common) -> PathBuf {
    crate::folder::named(common)
}

/// Where the library is that is configured, or the usual one in the data folder.
pub(crate) fn address(config: &Config, data: &Path) -> String {
    match config.library.address.as_str() {
        "" => format!("sqlite:{}", data.join(LIBRARY).display()),
        address => address.to_owned(),
    }
}

/// Opens it.
pub(crate) async fn open(config: &Config, data: &Path) -> Result<lazaret_store::Library, Failure> {
    if config.library.address.is_empty() {
        crate::folder::make(data)?;
    }
    Ok(lazaret_store::Library::open(&address(config, data)).await?)
}

/// The library, to read from it: whoever asks leaves no empty one behind.
async fn existing(common: &Common) -> Result<lazaret_store::Library, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = data(common);
    if config.library.address.is_empty() && !data.join(LIBRARY).exists() {
        return Err(Failure::new(format!(
            "no library in `{}` yet; import one with `lazaret library import`, or name the data folder with `--data`",
            crate::display::path(&data)
        )));
    }
    open(&config, &data).await
}

async fn catalog(common: &Common) -> Result<Catalog, Failure> {
    Ok(Catalog::new(existing(common).await?))
}

fn choice(which: &Which) -> Choice {
    Choice { feed: which.feed, domain: which.domain.clone(), release: which.release }
}

/// An entry by what somebody typed: an id, or an address with its section. `None` when there is none, which was said.
async fn find(catalog: &Catalog, typed: &str, choice: &Choice) -> Result<Option<Found>, Failure> {
    let address = typed.split_once("://").map_or(typed, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let found = match official_path(address.trim_start_matches('/')).filter(|_| address.contains('/')) {
        Some((section, id)) => catalog.find(Some(section), &id, choice).await,
        None => catalog.find(None, typed, choice).await,
    };
    match found {
        Ok(found) => Ok(Some(found)),
        Err(AttackError::Unknown(sentence)) => {
            crate::display::complain(&sentence);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a file says, or standard input.
fn text_of(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(file).map_err(|error| Failure::path(file, error))
}

/// A bar on a terminal, nothing elsewhere.
fn bar(all: u64, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(all);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
