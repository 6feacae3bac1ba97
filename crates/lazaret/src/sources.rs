//! Reads what the engine needs from disk: rules, hash lists, policies.

use crate::cli::{Common, EngineOptions};
use crate::config::Config;
use crate::display;
use crate::failure::Failure;
use crate::rule_files;
use lazaret_detect::{RuleSource, built_in_rules};
use lazaret_engine::{Engine, Expected, HashListFile, Settings};
use lazaret_policy::{Policies, PolicyFile, built_in_policies};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Where compiled rules are kept, below the data folder.
const CACHE: &str = "cache";
/// The data folder that is used where it exists.
pub(crate) const DEFAULT_DATA: &str = "lazaret-data";

/// An engine, and how many things were wrong with what it was given.
pub(crate) struct Started {
    pub(crate) engine: Engine,
    pub(crate) troubles: usize,
}

/// Starts an engine from configuration and options; says on standard error what was left out.
pub(crate) fn start(common: &Common, options: &EngineOptions, expected: Expected) -> Result<Started, Failure> {
    start_as(common, options, Config::load(common.config.as_deref())?, None, expected)
}

/// [`start`] with a configuration that was read already, and policies in place of those it names.
pub(crate) fn start_as(
    common: &Common,
    options: &EngineOptions,
    mut config: Config,
    instead: Option<&[PolicyFile]>,
    expected: Expected,
) -> Result<Started, Failure> {
    config.detect.rules.extend(options.rules.iter().cloned());
    config.detect.hash_lists.extend(options.hashes.iter().cloned());
    if let Some(time) = options.time_limit {
        config.limits.time_ms = time;
    }
    let clamd = match &options.clamd {
        Some(clamd) => Some(clamd.clone()),
        None if config.detect.clamd.is_empty() => None,
        None => Some(config.detect.clamd.parse().map_err(|why| Failure::new(format!("clamd: {why}")))?),
    };
    let mut troubles = Vec::new();
    let rules = rules(&config.detect.rules, &mut troubles);
    let hash_lists = found(&config.detect.hash_lists, None, &mut troubles).into_iter();
    let hash_lists = hash_lists.map(|path| HashListFile { name: display::path_text(&path), path }).collect();
    let chosen = if options.policies.is_empty() { &config.policy.policies } else { &options.policies };
    let policies = || match instead {
        Some(files) => Ok(Policies::parse(files)?),
        None => policies(chosen),
    };
    let settings = Settings {
        // Not its path: what lies there may have been replaced since, and workers must be what this process is (proc(5)).
        executable: PathBuf::from("/proc/self/exe"),
        rules,
        cache: cache(common),
        hash_lists,
        limits: config.limits,
        passwords: config.open.passwords,
        clamd,
        spool: None,
        isolation: options.isolation.map_or(config.engine.isolation, Into::into),
        expected,
    };
    let (engine, notices) = Engine::start::<Failure>(settings, policies)?;
    troubles.extend(notices.into_iter().map(|notice| notice.0));
    for trouble in &troubles {
        display::complain(trouble);
    }
    Ok(Started { engine, troubles: troubles.len() })
}

/// The policies in `paths`, or the built-in ones where there are none.
pub(crate) fn policies(paths: &[PathBuf]) -> Result<Policies, Failure> {
    if paths.is_empty() {
        return Ok(Policies::parse(&[built_in_policies()])?);
    }
    Ok(Policies::parse(&policy_files(paths)?)?)
}

/// The files of policies in `paths`.
pub(crate) fn policy_files(paths: &[PathBuf]) -> Result<Vec<PolicyFile>, Failure> {
    let mut troubles = Vec::new();
    let files = texts(paths, Some(&["cedar"]), &mut troubles);
    // Policies are refused whole: half of them might permit what the other half forbids.
    if let Some(trouble) = troubles.into_iter().next() {
        return Err(Failure::new(trouble));
    }
    if files.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| display::path(path)).collect();
        return Err(Failure::new(format!("`{}` contains no .cedar file", paths.join("`, `"))));
    }
    Ok(files.into_iter().map(|(name, text)| PolicyFile { name, text }).collect())
}

/// Where compiled rules are kept.
pub(crate) fn cache(common: &Common) -> Option<PathBuf> {
    if let Some(data) = &common.data {
        return Some(data.join(CACHE));
    }
    if Path::new(DEFAULT_DATA).is_dir() {
        return Some(Path::new(DEFAULT_DATA).join(CACHE));
    }
    // XDG Base Directory Specification: an empty variable counts as unset.
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    base.map(|base| base.join("lazaret"))
}

fn rules(paths: &[PathBuf], troubles: &mut Vec<String>) -> Vec<RuleSource> {
    let mut all = built_in_rules();
    for path in paths {
        let files = found(std::slice::from_ref(path), Some(&["yar", "yara"]), troubles);
        all.extend(rule_files::read(path, files, troubles));
    }
    all
}

/// The texts of files, and of the files with one of `extensions` in folders, sorted by name.
fn texts(paths: &[PathBuf], extensions: Option<&[&str]>, troubles: &mut Vec<String>) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for file in found(paths, extensions, troubles) {
        match fs::read(&file) {
            Ok(bytes) => texts.push((display::path_text(&file), String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => troubles.push(Failure::path(&file, error).to_string()),
        }
    }
    texts
}

/// Files, and the files with one of `extensions` in folders, sorted by name.
fn found(paths: &[PathBuf], extensions: Option<&[&str]>, troubles: &mut Vec<String>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in paths {
        match files(path, extensions) {
            Ok(files) => all.extend(files),
            Err(failure) => troubles.push(failure.to_string()),
        }
    }
    all
}

fn files(path: &Path, extensions: Option<&[&str]>) -> Result<Vec<PathBuf>, Failure> {
    let meta = fs::metadata(path).map_err(|error| Failure::path(path, error))?;
    if !meta.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry?;
        let extension = entry.path().extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        if entry.file_type().is_file() && extensions.is_none_or(|wanted| wanted.contains(&extension.as_str())) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}
