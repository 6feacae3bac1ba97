//! Compiled rules on disk, so that starting does not mean compiling.
//!
//! The key is a hash of this build's fingerprint and of every rule's name and text: a changed file is another key, so
//! a stale entry cannot be used. Entries are written under another name and renamed; one that does not load is made anew.

use data_encoding::HEXLOWER;
use lazaret_detect::{Compiled, RuleError, RuleSource, compile, rules_fingerprint};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Compiled rules as a worker takes them.
pub(crate) struct CachedRules {
    pub(crate) file: File,
    pub(crate) len: u64,
    pub(crate) errors: Vec<RuleError>,
    /// Why the cache could not be used, if so; the rules are there all the same.
    pub(crate) trouble: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    len: u64,
    /// SHA-256 of the rules, lower-case hexadecimal: a machine that lost power may have kept a file of zeros.
    sha256: String,
    errors: Vec<(String, usize, usize, String)>,
}

/// Entries that are kept; older ones are deleted.
const MOST_ENTRIES: usize = 8;

/// Rules from the cache, or compiled and put there.
pub(crate) fn rules(sources: &[RuleSource], folder: Option<&Path>) -> Result<CachedRules, crate::EngineError> {
    let key = key(sources);
    if let Some(found) = folder.and_then(|folder| read(folder, &key)) {
        return Ok(found);
    }
    let compiled = compile(sources)?;
    let stored =
        folder.map(|folder| write(folder, &key, &compiled).map_err(|error| format!("`{}`: {error}", folder.display())));
    let len = compiled.bytes.len() as u64;
    let (file, trouble) = match stored {
        Some(Ok(file)) => (file, None),
        other => {
            let memory = crate::system::sealed(&compiled.bytes)
                .map_err(|source| crate::EngineError::Start { step: "cannot keep the rules in memory", source })?;
            let trouble = other.and_then(Result::err);
            let trouble = trouble.map(|why| {
                format!(
                    "the compiled rules could not be cached, so every start will compile them: \
                    {why}"
                )
            });
            (File::from(memory), trouble)
        }
    };
    Ok(CachedRules { file, len, errors: compiled.errors, trouble })
}

/// A hash of all rules, in hexadecimal.
pub(crate) fn key(sources: &[RuleSource]) -> String {
    fn add(source: &RuleSource, hash: &mut Sha256) {
        for text in [&source.name, &source.text] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update((source.included.len() as u64).to_le_bytes());
        source.included.iter().for_each(|included| add(included, hash));
    }
    let mut hash = Sha256::new();
    hash.update(rules_fingerprint());
    sources.iter().for_each(|source| add(source, &mut hash));
    HEXLOWER.encode(&hash.finalize())
}

fn paths(folder: &Path, key: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("rules-{key}.yarc")), folder.join(format!("rules-{key}.json")))
}

fn read(folder: &Path, key: &str) -> Option<CachedRules> {
    let (rules, meta) = paths(folder, key);
    let meta: Meta = serde_json::from_slice(&fs::read(meta).ok()?).ok()?;
    let mut file = File::open(rules).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 != meta.len || HEXLOWER.encode(&Sha256::digest(&bytes)) != meta.sha256 {
        return None;
    }
    file.rewind().ok()?;
    let errors = meta.errors.into_iter();
    let errors = errors.map(|(source, line, column, message)| RuleError { source, line, column, message }).collect();
    Some(CachedRules { file, len: meta.len, errors, trouble: None })
}

fn write(folder: &Path, key: &str, compiled: &Compiled) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let (rules, meta) = paths(folder, key);
    let errors = compiled.errors.iter();
    let errors = errors.map(|e| (e.source.clone(), e.line, e.column, e.message.clone())).collect();
    let sha256 = HEXLOWER.encode(&Sha256::digest(&compiled.bytes));
    let text = serde_json::to_vec(&Meta { len: compiled.bytes.len() as u64, sha256, errors })?;
    for (path, bytes) in [(&rules, compiled.bytes.as_slice()), (&meta, text.as_slice())] {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.persist(path).map_err(|error| error.error)?;
    }
    trim(folder, "yarc", MOST_ENTRIES);
    File::open(rules)
}

/// Deletes the oldest entries with an extension past a number of them.
pub(crate) fn trim(folder: &Path, extension: &str, most: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|own| own == extension))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    let surplus = entries.len().saturating_sub(most);
    for (_, path) in entries.into_iter().take(surplus) {
        let _ = fs::remove_file(path.with_extension("json"));
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<RuleSource> {
        vec![RuleSource { name: "a.yar".into(), text: text.into(), included: Vec::new() }]
    }

    #[test]
    fn a_second_start_reads_what_the_first_compiled() {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources("rule a { condition: true } rule b { condition: nonsense }");
        let first = rules(&sources, Some(folder.path())).unwrap();
        let cached = read(folder.path(), &key(&sources)).expect("the entry is there");
        assert_eq!((first.len, first.errors.len()), (cached.len, 1));
        assert_eq!(cached.errors, first.errors);
        assert_eq!(first.trouble, None);
    }

    #[test]
    fn a_changed_rule_and_a_damaged_entry_are_compiled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let sources_one = sources("rule a { condition: true }");
        rules(&sources_one, Some(folder.path())).unwrap();
        assert!(read(folder.path(), &key(&sources("rule b { condition: true }"))).is_none());
        let (file, _) = paths(folder.path(), &key(&sources_one));
        let whole = fs::read(&file).unwrap();
        for damaged in [b"short".to_vec(), vec![0; whole.len()]] {
            fs::write(&file, damaged).unwrap();
            assert!(read(folder.path(), &key(&sources_one)).is_none());
        }
        assert!(rules(&sources_one, Some(folder.path())).unwrap().len > 5);
    }

    #[test]
    fn a_cache_that_cannot_be_written_costs_time_and_nothing_else() {
        let cached = rules(&sources("rule a { condition: true }"), Some(Path::new("/proc/nowhere"))).unwrap();
        assert!(cached.len > 0);
        assert!(cached.trouble.unwrap().contains("/proc/nowhere"));
    }
}
