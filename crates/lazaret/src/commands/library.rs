//! `lazaret library`: every release of ATT&CK.

mod import;
mod releases;

use crate::cli::{Common, Library};
use crate::config::Config;
use crate::failure::Failure;
use crate::sources;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The library's file in the data folder.
pub(crate) const LIBRARY: &str = "library.sqlite";

pub(crate) fn run(common: &Common, command: &Library) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Library::Import(options) => import::run(common, options).await,
            Library::Releases { json } => releases::list(common, *json).await,
            Library::Verify { json } => releases::verify(common, *json).await,
        }
    })
}

fn data(common: &Common) -> PathBuf {
    common.data.clone().unwrap_or_else(|| PathBuf::from(sources::DEFAULT_DATA))
}

/// Opens the library that is configured, or the usual one in the data folder.
pub(crate) async fn open(config: &Config, data: &Path) -> Result<lazaret_store::Library, Failure> {
    if !config.library.address.is_empty() {
        return Ok(lazaret_store::Library::open(&config.library.address).await?);
    }
    std::fs::create_dir_all(data).map_err(|error| Failure::path(data, error))?;
    Ok(lazaret_store::Library::open(&format!("sqlite:{}", data.join(LIBRARY).display())).await?)
}

/// The library, to read from it: whoever asks leaves no empty one behind.
async fn existing(common: &Common) -> Result<lazaret_store::Library, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let data = data(common);
    if config.library.address.is_empty() && !data.join(LIBRARY).exists() {
        return Err(Failure::new(format!(
            "there is no library in `{}` yet; import one with `lazaret library import`, or say where it is with `--data`",
            crate::display::path(&data)
        )));
    }
    open(&config, &data).await
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
