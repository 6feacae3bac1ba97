//! What detectors found, in the languages that they do not speak themselves: a sentence for each id. English pages have the
//! detector's own sentence, which names what it saw; so does the console.

mod built;
mod does;

use crate::Language;

/// An id, with its sentences in German, French and Spanish.
type Row = (&'static str, [&'static str; 3]);

/// The sentence for a finding's id in a language; none in English, and for ids that are not known.
pub(crate) fn sentence(language: Language, id: &str) -> Option<&'static str> {
    let place = language.index().checked_sub(1)?;
    let (_, sentences) = rows().find(|(known, _)| *known == id)?;
    sentences.get(place).copied()
}

fn rows() -> impl Iterator<Item = &'static Row> {
    built::ROWS.iter().chain(does::ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    /// Every source of a folder that is no test's.
    fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                sources(&path, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !name.starts_with("test") {
                all.push(path);
            }
        }
    }

    /// The text that a quoted piece begins with, where it has the form of an id: `group.what-it-is`.
    fn id(rest: &str) -> Option<&str> {
        let id = rest.split('"').next()?;
        let (group, what) = id.split_once('.')?;
        let word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        (!group.is_empty() && !what.is_empty() && word(group) && word(what)).then_some(id)
    }

    /// Ids of findings in the sources of detectors, openers and the engine: what is made into a finding, and whatever is written
    /// like an id of a group that there is.
    fn found() -> BTreeSet<String> {
        let groups: BTreeSet<&str> = rows().filter_map(|(id, _)| id.split_once('.')).map(|(group, _)| group).collect();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = Vec::new();
        for name in ["detect", "formats", "engine"] {
            sources(&crates.join(name).join("src"), &mut files);
        }
        assert!(files.len() > 100, "{}", files.len());
        let mut found = BTreeSet::new();
        for text in files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()) {
            // Tests at the end of a file name files and findings that there are not.
            let text = text.split("\nmod tests {").next().unwrap();
            for rest in text.split('"') {
                found.extend(id(rest).filter(|id| groups.contains(id.split('.').next().unwrap())).map(str::to_owned));
            }
            for rest in text.split("Finding::new(").skip(1) {
                found.extend(rest.trim_start().strip_prefix('"').and_then(id).map(str::to_owned));
            }
        }
        found
    }

    #[test]
    fn every_finding_has_its_sentence_in_every_language() {
        let found = found();
        assert!(found.len() > 100, "{found:?}");
        for id in &found {
            for language in [Language::German, Language::French, Language::Spanish] {
                let sentence = sentence(language, id);
                let sentence = sentence.unwrap_or_else(|| panic!("`{id}` is missing in texts/findings: {language:?}"));
                assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{language:?}: {id}");
            }
        }
        // The engine's own has no group.
        let stale: Vec<_> =
            rows().map(|(id, _)| *id).filter(|id| *id != "analysis-failed" && !found.contains(*id)).collect();
        assert!(stale.is_empty(), "nothing finds {stale:?} any more");
        assert_eq!(rows().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), rows().count(), "an id stands there twice");
    }

    #[test]
    fn english_pages_have_the_detectors_own_sentences() {
        assert_eq!(sentence(Language::English, "macros.downloads"), None);
        assert_eq!(sentence(Language::German, "macros.downloads"), Some("Das Makro lädt etwas aus dem Netz"));
        assert_eq!(sentence(Language::German, "nobodys.finding"), None);
    }
}
