//! What others wrote that is part of the executable, under which licences, with their texts.

use crate::cargo_command;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

/// How files that hold a licence or a notice begin, in capitals.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

pub(super) struct Licences {
    /// Debian's file `copyright`: whose what is, and each dependency with its licence.
    pub(super) copyright: String,
    /// The texts, each once with those that come with it.
    pub(super) texts: String,
}

/// A crate from the registry.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Dependency {
    name: String,
    version: String,
    licence: String,
    repository: String,
}

pub(super) fn of_dependencies() -> io::Result<Licences> {
    let output = cargo_command()
        .args(["tree", "--package", "lazaret", "--edges", "normal", "--prefix", "none", "--locked", "--offline"])
        .args(["--format", "{p}|{l}|{r}"])
        // Nothing is compiled, so there is nothing to be measured (`meter.rs`).
        .env_remove("RUSTC_WRAPPER")
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "`cargo tree` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    let dependencies: BTreeSet<Dependency> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(dependency).collect();
    if dependencies.is_empty() {
        return Err(io::Error::other("`cargo tree` named no dependency"));
    }
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for dependency in &dependencies {
        let found = texts_of(dependency)?;
        if found.is_empty() {
            without.push(format!("{} ({})", dependency.name, dependency.licence));
        }
        for text in found {
            texts.entry(text).or_default().push(format!("{} {}", dependency.name, dependency.version));
        }
    }
    Ok(Licences { copyright: copyright(&dependencies), texts: together(&texts, &without) })
}

/// A line of `cargo tree`: `NAME vVERSION`, for macros with a remark, for ours with a path; then licence and repository.
fn dependency(line: &str) -> Option<Dependency> {
    // Behind those that stood there before.
    let mut cells = line.trim_end_matches(" (*)").split('|');
    let (package, licence) = (cells.next()?, cells.next()?);
    if package.contains("(/") {
        return None;
    }
    let mut words = package.split(' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned());
    Some(Dependency {
        name,
        version,
        licence: licence.to_owned(),
        repository: cells.next().unwrap_or_default().to_owned(),
    })
}

/// The texts that come with a crate's source.
fn texts_of(dependency: &Dependency) -> io::Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry/src")).filter(|sources| sources.is_dir()) else {
        return Ok(Vec::new());
    };
    for index in fs::read_dir(sources)? {
        let folder = index?.path().join(format!("{}-{}", dependency.name, dependency.version));
        if !folder.is_dir() {
            continue;
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
            if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
                files.push(path);
            }
        }
        files.sort();
        let mut texts = Vec::new();
        for path in files {
            let bytes = fs::read(path)?;
            texts.push(String::from_utf8_lossy(&bytes).trim().replace('\r', ""));
        }
        return Ok(texts);
    }
    Ok(Vec::new())
}

/// Debian's machine-readable form, 1.0.
fn copyright(dependencies: &BTreeSet<Dependency>) -> String {
    let mut text = String::from(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Lazaret\n\
         Source: https://github.com/lazaret/lazaret\nComment:\n The executable has these crates of others in it. Their licences' \
         texts and notices are in\n /usr/share/doc/lazaret/third-party-licences.txt.gz.\n .\n",
    );
    for Dependency { name, version, licence, repository } in dependencies {
        let _ = writeln!(text, " {name} {version}: {licence} {repository}");
    }
    text.push_str(
        "\nFiles: *\nCopyright: The authors of Lazaret\nLicense: Apache-2.0\n On Debian systems the text is in \
         /usr/share/common-licenses/Apache-2.0.\n",
    );
    text
}

fn together(texts: &BTreeMap<String, Vec<String>>, without: &[String]) -> String {
    let mut all = String::from("Licences and notices of what others wrote that is part of Lazaret.\n");
    if !without.is_empty() {
        let _ =
            writeln!(all, "\nWithout a text of their own (the licence's name stands for it): {}.", without.join(", "));
    }
    let line = "=".repeat(100);
    for (text, crates) in texts {
        let _ = write!(all, "\n{line}\n{}\n{line}\n\n{text}\n", crates.join(", "));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_told_from_what_is_ours() {
        let of =
            |line: &str| dependency(line).map(|found| format!("{}|{}|{}", found.name, found.version, found.licence));
        assert_eq!(of("serde v1.0.2|MIT OR Apache-2.0|https://x (*)").unwrap(), "serde|1.0.2|MIT OR Apache-2.0");
        assert_eq!(of("derive v2.1.0 (proc-macro)|MIT|").unwrap(), "derive|2.1.0|MIT");
        assert_eq!(of("lazaret-model v0.1.0 (/src/crates/model)|Apache-2.0|https://x"), None);
        assert_eq!(of(""), None);
    }
}
