//! Reads files of YARA rules, with those that they include.
//!
//! A name in `include "x.yar"` is looked for beside the file that includes it, then in the folder that is configured. What lies
//! outside of that folder is not read. A file that another one includes is compiled with it, and not once more by itself.

mod includes;

use crate::display;
use crate::failure::Failure;
use includes::split;
use lazaret_detect::RuleSource;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that include each other, one in the next.
const DEEPEST: usize = 16;

/// The files of one configured folder, or of a file's own.
struct Set<'a> {
    root: PathBuf,
    texts: BTreeMap<PathBuf, Text>,
    /// Each file that includes others, with those.
    includes: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    troubles: &'a mut Vec<String>,
}

struct Text {
    name: String,
    /// Without its includes, of which the lines are left empty.
    rules: String,
    includes: Vec<(usize, String)>,
}

/// Sources of the `files` that were found at a configured `path`.
pub(crate) fn read(path: &Path, files: Vec<PathBuf>, troubles: &mut Vec<String>) -> Vec<RuleSource> {
    let root = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let Ok(root) = fs::canonicalize(root) else {
        troubles.extend(files.iter().map(|file| format!("`{}` cannot be read", display::path(file))));
        return Vec::new();
    };
    let mut set = Set { root, texts: BTreeMap::new(), includes: BTreeMap::new(), troubles };
    let mut own = Vec::new();
    for file in files {
        match fs::canonicalize(&file) {
            Ok(place) if set.load(&place, &display::path_text(&file)) => own.push(place),
            Ok(_) => {}
            Err(error) => set.troubles.push(Failure::path(&file, error).to_string()),
        }
    }
    let sources: Vec<_> = own.into_iter().map(|place| (set.source(&place, &mut Vec::new()), place)).collect();
    let included: BTreeSet<&PathBuf> = set.includes.values().flatten().collect();
    let (mut known, mut all) = (BTreeSet::new(), Vec::new());
    // Those that nobody includes come first; of those in a circle one is left, which includes the others.
    let (alone, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(|(_, place)| !included.contains(place));
    for (source, place) in alone.into_iter().chain(others) {
        if known.contains(&place) {
            continue;
        }
        set.reach(place, &mut known);
        all.extend(source);
    }
    all
}

impl Set<'_> {
    /// Reads a file, unless that was done; whether it could be read.
    fn load(&mut self, place: &Path, name: &str) -> bool {
        if self.texts.contains_key(place) {
            return true;
        }
        match fs::read(place) {
            Ok(bytes) => {
                let (rules, includes) = split(&String::from_utf8_lossy(&bytes));
                self.texts.insert(place.to_owned(), Text { name: name.to_owned(), rules, includes });
                true
            }
            Err(error) => {
                self.troubles.push(Failure::path(place, error).to_string());
                false
            }
        }
    }

    /// Adds a file and whatever it includes.
    fn reach(&self, place: PathBuf, known: &mut BTreeSet<PathBuf>) {
        let mut next = vec![place];
        while let Some(place) = next.pop() {
            next.extend(
                self.includes.get(&place).into_iter().flatten().filter(|other| !known.contains(*other)).cloned(),
            );
            known.insert(place);
        }
    }

    /// A file with what it includes. `within` are the files that include it, one in the next: what would include itself is left out.
    fn source(&mut self, place: &Path, within: &mut Vec<PathBuf>) -> Option<RuleSource> {
        let text = self.texts.get(place)?;
        let (name, text, includes) = (text.name.clone(), text.rules.clone(), text.includes.clone());
        within.push(place.to_owned());
        let mut included = Vec::new();
        for (line, wanted) in includes {
            match self.find(place, &wanted) {
                Ok(other) if within.contains(&other) => {}
                Ok(_) if within.len() >= DEEPEST => {
                    let why = format!("`{name}` line {line}: more than {DEEPEST} files include each other");
                    self.troubles.push(why);
                }
                Ok(other) => {
                    self.includes.entry(place.to_owned()).or_default().insert(other.clone());
                    let shown = other.strip_prefix(&self.root).unwrap_or(&other);
                    let shown = display::path_text(shown);
                    included.extend(self.load(&other, &shown).then(|| self.source(&other, within)).flatten());
                }
                Err(why) => {
                    let trouble = format!("`{name}` line {line}: `{wanted}` cannot be included: {why}");
                    if !self.troubles.contains(&trouble) {
                        self.troubles.push(trouble);
                    }
                }
            }
        }
        within.pop();
        Some(RuleSource { name, text, included })
    }

    fn find(&self, place: &Path, wanted: &str) -> Result<PathBuf, String> {
        let beside = place.parent().unwrap_or(&self.root).join(wanted);
        let found = fs::canonicalize(beside).or_else(|_| fs::canonicalize(self.root.join(wanted)));
        let found = found.map_err(|error| error.to_string())?;
        if found.starts_with(&self.root) { Ok(found) } else { Err("it is outside the rules folder".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        /// Each source as its name, with those that it includes in brackets, and what was wrong.
        fn read(&self, below: &str, files: &[&str]) -> (Vec<String>, Vec<String>) {
            fn shown(source: &RuleSource) -> String {
                let name = source.name.rsplit('/').next().unwrap().to_owned();
                let included: Vec<_> = source.included.iter().map(shown).collect();
                if included.is_empty() { name } else { format!("{name}[{}]", included.join(" ")) }
            }
            let path = self.0.path().join(below);
            let files = files.iter().map(|file| path.join(file)).collect();
            let mut troubles = Vec::new();
            let sources = read(&path, files, &mut troubles);
            (sources.iter().map(shown).collect(), troubles)
        }
    }

    #[test]
    fn what_is_included_is_compiled_with_who_includes_it_and_not_by_itself() {
        let folder = Folder::new(&[
            (
                "set/index.yar",
                "include \"./a.yar\"\n  include \"sub/b.yar\" include \"c.yar\"\nrule index { condition: a }\n",
            ),
            ("set/a.yar", "rule a { condition: true }"),
            ("set/sub/b.yar", "include \"d.yar\"\ninclude \"c.yar\""),
            ("set/sub/d.yar", "rule d { condition: true }"),
            ("set/c.yar", "rule c { condition: true }"),
            (
                "set/own.yar",
                "/* \ninclude \"a.yar\"\n*/ // include \"a.yar\"\nrule own { strings: $a = \"include /*\" condition: $a }",
            ),
        ]);
        let all = ["index.yar", "a.yar", "c.yar", "own.yar", "sub/b.yar", "sub/d.yar"];
        let (sources, troubles) = folder.read("set", &all);
        assert_eq!(sources, ["index.yar[a.yar b.yar[d.yar c.yar] c.yar]", "own.yar"]);
        assert_eq!(troubles, Vec::<String>::new());
        let mut troubles = Vec::new();
        let sources =
            read(&folder.0.path().join("set/index.yar"), vec![folder.0.path().join("set/index.yar")], &mut troubles);
        let compiled = lazaret_detect::compile(&sources).unwrap();
        assert_eq!((compiled.rules, compiled.errors, troubles), (4, Vec::new(), Vec::new()));
    }

    #[test]
    fn an_error_keeps_its_line() {
        let (rules, includes) =
            split("include \"a\" // first\n\nrule x { condition: nonsense }\n  include  \"b\"\nend");
        assert_eq!(rules, "// first\n\nrule x { condition: nonsense }\n\nend");
        assert_eq!(includes, [(1, "a".to_owned()), (4, "b".to_owned())]);
    }

    #[test]
    fn what_is_missing_outside_or_in_a_circle_is_named_and_the_rest_is_kept() {
        let folder = Folder::new(&[
            ("set/a.yar", "include \"../secret.yar\"\ninclude \"gone.yar\"\nrule a { condition: true }"),
            ("set/b.yar", "include \"c.yar\"\nrule b { condition: true }"),
            ("set/c.yar", "include \"b.yar\"\nrule c { condition: true }"),
            ("secret.yar", "rule secret { condition: true }"),
        ]);
        let (sources, troubles) = folder.read("set", &["a.yar"]);
        assert_eq!(sources, ["a.yar"]);
        assert!(troubles[0].contains("line 1: `../secret.yar` cannot be included: it is outside"), "{troubles:?}");
        assert!(troubles[1].contains("line 2: `gone.yar` cannot be included: No such file"), "{troubles:?}");
        let (sources, troubles) = folder.read("set", &["b.yar", "c.yar"]);
        assert_eq!((sources, troubles), (vec!["b.yar[c.yar]".to_owned()], Vec::new()));
    }
}
