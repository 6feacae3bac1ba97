//! Compiled third-party crates in the user's cache, so that a clean clone on the same machine does not compile them again.
//!
//! Only what comes from the registry is kept: cargo knows such a crate by name, version, checksum, features and profile, which
//! its file names are made of, and decides itself whether a file fits. What is ours is told by file times, which say nothing
//! across clones, and is compiled in each of them.
//!
//! Libraries are shared with the cache by hard links, since the compiler never writes into one that is there: it writes another
//! and renames it. Everything else is copied.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a profile's third-party files are, and where they are kept.
pub struct Cache {
    kept: PathBuf,
    built: PathBuf,
    own: Vec<String>,
    /// `name-version` of each package that is locked.
    locked: HashSet<String>,
}

/// A folder of a profile, and how its entries name the crate that they belong to.
const FOLDERS: [&str; 3] = [".fingerprint", "build", "deps"];

impl Cache {
    /// The cache below `LAZARET_CACHE`, `XDG_CACHE_HOME` or `~/.cache`, for this compiler; none where `LAZARET_CACHE` is empty
    /// or nothing says where a cache may be.
    pub fn of_the_user(root: &Path, target: &Path, profile: &str) -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let folder = match variable("LAZARET_CACHE") {
            Some(folder) if folder.as_os_str().is_empty() => return None,
            Some(folder) => folder,
            None => variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?.join("lazaret"),
        };
        Some(Self {
            kept: folder.join("third-party").join(compiler()?).join(profile),
            built: target.join(profile),
            own: packages(root),
            locked: locked(&std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default()),
        })
    }

    /// Copies what is kept and missing here; a sentence about it.
    pub fn restore(&self) -> io::Result<String> {
        let kept = self.units(&self.kept)?;
        let here = self.units(&self.built)?;
        let missing: HashSet<&String> = kept.difference(&here).collect();
        let files = self.copy(&self.kept, &self.built, |unit| missing.contains(unit))?;
        Ok(format!(
            "{} compiled third-party crates taken from `{}` ({files} files)",
            missing.len(),
            self.kept.display()
        ))
    }

    /// Replaces what is kept by what is here, where there is something here that is not kept; a sentence about it. What belongs
    /// to versions that are no longer locked is forgotten.
    pub fn keep(&self) -> io::Result<String> {
        self.sweep()?;
        let gone = self.gone()?;
        let here: HashSet<String> = self.units(&self.built)?.difference(&gone).cloned().collect();
        let kept = self.units(&self.kept)?;
        if here.is_subset(&kept) {
            return Ok(format!("`{}` has all {} compiled third-party crates", self.kept.display(), here.len()));
        }
        let fresh = self.kept.with_extension(format!("new-{}", std::process::id()));
        let old = self.kept.with_extension(format!("old-{}", std::process::id()));
        if let Err(error) = self.copy(&self.built, &fresh, |unit| here.contains(unit)) {
            let _ = std::fs::remove_dir_all(&fresh);
            return Err(error);
        }
        if self.kept.exists() {
            std::fs::rename(&self.kept, &old)?;
        }
        std::fs::rename(&fresh, &self.kept)?;
        let _ = std::fs::remove_dir_all(&old);
        Ok(format!("{} compiled third-party crates are now in `{}`", here.len(), self.kept.display()))
    }

    /// Removes what a process left behind that was ended while it replaced what is kept.
    fn sweep(&self) -> io::Result<()> {
        let Some(folder) = self.kept.parent() else { return Ok(()) };
        for entry in entries(folder)? {
            let extension = entry.extension().unwrap_or_default().to_string_lossy().into_owned();
            let process = extension.strip_prefix("new-").or_else(|| extension.strip_prefix("old-"));
            if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                std::fs::remove_dir_all(&entry)?;
            }
        }
        Ok(())
    }

    /// Units here whose sources are of a version that is not locked any more. The list of a unit's sources says so, in which a
    /// crate of the registry lies in a folder with its name and version.
    fn gone(&self) -> io::Result<HashSet<String>> {
        let mut gone = HashSet::new();
        for entry in entries(&self.built.join("deps"))? {
            let name = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let Some((_, hash)) = name.rsplit_once('-') else { continue };
            if entry.extension().is_some_and(|extension| extension == "d")
                && let Some(package) = of_registry(&std::fs::read_to_string(&entry)?)
                && !self.locked.contains(&package)
            {
                gone.insert(hash.to_owned());
            }
        }
        Ok(gone)
    }

    /// What makes a unit of work of a third-party crate: the hash that its files end in. A unit counts once cargo has written
    /// its fingerprint, which it does last.
    fn units(&self, profile: &Path) -> io::Result<HashSet<String>> {
        let mut units = HashSet::new();
        for folder in entries(&profile.join(".fingerprint"))? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((package, hash)) = name.rsplit_once('-') else { continue };
            let done =
                entries(&folder)?.iter().any(|file| file.extension().is_some_and(|extension| extension == "json"));
            if done && !self.own.iter().any(|own| own == package) {
                units.insert(hash.to_owned());
            }
        }
        Ok(units)
    }

    /// Copies every file of the units, with its time, by which cargo tells what is older than what; their number.
    fn copy(&self, from: &Path, to: &Path, of: impl Fn(&String) -> bool) -> io::Result<usize> {
        let mut files = 0;
        for folder in FOLDERS {
            for entry in entries(&from.join(folder))? {
                let stem = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let hash = stem.rsplit_once('-').map(|(_, hash)| hash.to_owned());
                if hash.is_some_and(|hash| of(&hash)) {
                    let name = entry.file_name().unwrap_or_default();
                    files += copied(&entry, &to.join(folder).join(name))?;
                }
            }
        }
        Ok(files)
    }
}

/// Entries of a folder; none where it does not exist.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The folder of the registry's sources, `name-version`, that a list of sources (a `.d` file) is about.
fn of_registry(sources: &str) -> Option<String> {
    let (_, below) = sources.split_once("/registry/src/")?;
    below.split('/').nth(1).map(str::to_owned)
}

/// `name-version` of each package of a lock file.
fn locked(lock: &str) -> HashSet<String> {
    let field = |package: &str, name: &str| {
        package
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(" = ")?.trim_matches('"').to_owned()))
    };
    let packages = lock.split("[[package]]").skip(1);
    packages.filter_map(|package| Some(format!("{}-{}", field(package, "name")?, field(package, "version")?))).collect()
}

/// Copies a file, or a folder with everything below it; libraries are linked where the file system can.
fn copied(from: &Path, to: &Path) -> io::Result<usize> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        let mut files = 0;
        for entry in entries(from)? {
            files += copied(&entry, &to.join(entry.file_name().unwrap_or_default()))?;
        }
        return Ok(files);
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let library = from.extension().is_some_and(|extension| extension == "rlib" || extension == "rmeta");
    if library && std::fs::hard_link(from, to).is_ok() {
        return Ok(1);
    }
    let time = std::fs::metadata(from)?.modified()?;
    std::fs::copy(from, to)?;
    std::fs::File::options().append(true).open(to)?.set_modified(time)?;
    Ok(1)
}

/// The compiler's version with its commit, fit for a folder's name.
fn compiler() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let commit = field("commit-hash:").and_then(|hash| hash.get(..9)).unwrap_or("unknown");
    Some(format!("{}-{commit}-{}", field("release:")?, field("host:")?))
}

/// The names of our own packages.
fn packages(root: &Path) -> Vec<String> {
    let others = ["xtask", "xtask/corpus", "xtask/gate", "xtask/many", "fuzz"];
    let mut manifests: Vec<PathBuf> = others.iter().map(|folder| root.join(folder)).collect();
    manifests.extend(entries(&root.join("crates")).unwrap_or_default());
    let name = |folder: &PathBuf| {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("name = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    manifests.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn third_party_crates_are_kept_and_our_own_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = |built: &str| Cache {
            kept: folder.path().join("cache/debug"),
            built: folder.path().join(built),
            own: vec!["lazaret-model".to_owned()],
            locked: locked("[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\n"),
        };
        let file = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("a/.fingerprint/serde-0a1b/lib-serde.json", "{}");
        file("a/deps/libserde-0a1b.rlib", "serde");
        file("a/deps/serde-0a1b.d", "a: /home/a/.cargo/registry/src/index-1/serde-1.0.2/src/lib.rs");
        file("a/build/ring-77/out/code.o", "object");
        file("a/.fingerprint/ring-77/run-build-script.json", "{}");
        // Of a version that is not locked any more.
        file("a/.fingerprint/serde-0c0d/lib-serde.json", "{}");
        file("a/deps/libserde-0c0d.rlib", "old");
        file("a/deps/serde-0c0d.d", "a: /home/a/.cargo/registry/src/index-1/serde-1.0.1/src/lib.rs");
        // Not finished: no fingerprint yet.
        file("a/.fingerprint/half-99/invoked.timestamp", "");
        file("a/deps/libhalf-99.rlib", "half");
        file("a/.fingerprint/lazaret-model-55/lib.json", "{}");
        file("a/deps/liblazaret_model-55.rlib", "ours");
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let library = folder.path().join("a/deps/libserde-0a1b.rlib");
        fs::File::options().append(true).open(&library).unwrap().set_modified(old).unwrap();
        // Left behind by a process that was ended: no process has this number.
        file("cache/debug.new-4194304/deps/libserde-0a1b.rlib", "half");
        assert!(cache("a").keep().unwrap().starts_with("2 compiled"));
        assert_eq!(fs::read_dir(folder.path().join("cache")).unwrap().count(), 1);
        assert!(cache("a").keep().unwrap().contains("has all 2"));
        assert!(cache("b").restore().unwrap().starts_with("2 compiled"));
        let restored = folder.path().join("b/deps/libserde-0a1b.rlib");
        assert_eq!(fs::metadata(&restored).unwrap().modified().unwrap(), old);
        assert_eq!(fs::read(restored).unwrap(), b"serde");
        assert!(folder.path().join("b/build/ring-77/out/code.o").is_file());
        for ours in [
            "b/deps/liblazaret_model-55.rlib",
            "b/.fingerprint/lazaret-model-55",
            "b/deps/libhalf-99.rlib",
            "b/deps/libserde-0c0d.rlib",
        ] {
            assert!(!folder.path().join(ours).exists(), "{ours}");
        }
        // What is compiled anew, which the compiler renames into its place, does not change what is kept.
        file("b/deps/fresh", "fresh");
        fs::rename(folder.path().join("b/deps/fresh"), folder.path().join("b/deps/libserde-0a1b.rlib")).unwrap();
        assert_eq!(fs::read(folder.path().join("cache/debug/deps/libserde-0a1b.rlib")).unwrap(), b"serde");
        // What is there already stays as it is.
        file("b/deps/libserde-0a1b.rlib", "newer");
        assert!(cache("b").restore().unwrap().starts_with("0 compiled"));
        assert_eq!(fs::read(folder.path().join("b/deps/libserde-0a1b.rlib")).unwrap(), b"newer");
    }

    #[test]
    fn every_package_of_ours_is_known() {
        let names = packages(&crate::root());
        for name in ["lazaret", "lazaret-formats", "xtask", "corpus", "gate", "many", "fuzz"] {
            assert!(names.iter().any(|own| own == name), "{name}: {names:?}");
        }
    }
}
