//! `lazaret library sync`: what a collection index offers and the library has not.

use super::import::{self, Wanted};
use super::stale::Before;
use crate::cli::{Common, Sync};
use crate::config::Config;
use crate::display::{self, plain};
use crate::failure::Failure;
use lazaret_attack::{CollectionIndex, Feed, domain_title};
use lazaret_gates::Fetcher;
use std::io::{Read, Seek};
use std::process::ExitCode;

/// Bytes of an index.
const MOST_INDEX: u64 = 16 << 20;

pub(crate) async fn run(common: &Common, options: &Sync) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let address = options.index.clone().unwrap_or_else(|| config.library.index.clone());
    if address.is_empty() {
        return Err(Failure::new("no index: set `library.index` or use `--index`"));
    }
    let fetcher = Fetcher::new(&config.proxy)?;
    let mut file = tempfile::tempfile()?;
    fetcher.save(&address, &mut file, MOST_INDEX, |_, _| {}).await?;
    file.rewind()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let index = CollectionIndex::read(&text).map_err(|error| Failure::new(format!("`{address}`: {error}")))?;
    let library = super::open(&config, &super::data(common)).await?;
    let there = library.releases().await?;
    let has = |domain: &str, name: &str| {
        there
            .iter()
            .any(|release| release.feed == Feed::Stix21.name() && release.domain == domain && release.name == name)
    };
    let mut wanted = Vec::new();
    for collection in &index.collections {
        if !options.domain.is_empty() && !options.domain.contains(&collection.domain) {
            continue;
        }
        let most = if options.newest { 1 } else { usize::MAX };
        for version in collection.versions.iter().take(most) {
            let name = version.number.to_string();
            if has(&collection.domain, &name) {
                continue;
            }
            if options.dry_run {
                let title = domain_title(&collection.domain);
                anstream::println!("{title} {name}: {}", plain(&version.address));
                continue;
            }
            wanted.push(Wanted {
                address: version.address.clone(),
                domain: Some(collection.domain.clone()),
                release: Some(version.number),
            });
        }
    }
    for left_out in &index.left_out {
        display::remark(&format!("skipped in the index: {}", plain(left_out)));
    }
    if wanted.is_empty() {
        if !options.dry_run {
            display::remark("every release in the index is already imported");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let before = Before::look(&library).await?;
    let status = import::fetched(&library, &fetcher, wanted, options.json).await?;
    before.tell(options.json).await?;
    Ok(status)
}
