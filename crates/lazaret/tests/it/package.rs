//! What people install: made from this executable, put into an empty system, used, put there again and taken away.

use crate::gate::{LETTER, executable};
use crate::icap::SCRIPT;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What must be in it beside documentation.
const FILES: [&str; 12] = [
    "etc/lazaret/lazaret.toml",
    "usr/bin/lazaret",
    "usr/lib/systemd/system/lazaret.service",
    "usr/lib/sysusers.d/lazaret.conf",
    "usr/lib/tmpfiles.d/lazaret.conf",
    "usr/share/bash-completion/completions/lazaret",
    "usr/share/doc/lazaret/copyright",
    "usr/share/doc/lazaret/third-party-licences.txt.gz",
    "usr/share/fish/vendor_completions.d/lazaret.fish",
    "usr/share/lazaret/policies/default.cedar",
    "usr/share/man/man1/lazaret.1.gz",
    "usr/share/zsh/vendor-completions/_lazaret",
];
const SETTINGS: &str = "etc/lazaret/lazaret.toml";
/// What systemd misses in a system that has nothing but this package.
const MISSED: [&str; 2] = ["sysinit.target not found", "Command /bin/kill is not executable"];

/// The maintainers' tool of this build.
fn xtask() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_lazaret")).with_file_name("xtask");
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        let built = build.args(["build", "--package", "xtask", "--locked"]).status().unwrap();
        assert!(built.success() && program.exists(), "`cargo build --package xtask` makes no `{}`", program.display());
    }
    program
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command says, which must succeed.
fn said(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Files and folders in an archive as `tar` lists them, mode and owner first: the files.
fn listed(list: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for line in list.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (mode, owner, path) = (words[0], words[1], words[5].trim_start_matches("./"));
        assert!(owner == "root/root" || owner == "0/0", "{line}");
        let expected = match path {
            _ if line.starts_with('d') => "drwxr-xr-x",
            "usr/bin/lazaret" => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert_eq!(mode, expected, "{line}");
        if !line.starts_with('d') {
            files.insert(path.to_owned());
        }
    }
    files
}

/// An empty system that packages can be installed into.
struct System {
    folder: tempfile::TempDir,
}

impl System {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["info", "updates", "triggers"] {
            fs::create_dir_all(folder.path().join("var/lib/dpkg").join(part)).unwrap();
        }
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("var/lib/dpkg/status"), "").unwrap();
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn dpkg(&self, arguments: &[&str]) -> String {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.folder.path().display()));
        // What it depends on is this machine's; its scripts are told of the other root instead of being run inside it.
        dpkg.args(["--force-depends", "--force-script-chrootless", "--log=/dev/null"]);
        said(dpkg.args(arguments))
    }

    /// The installed executable, with the installed settings and a data folder of its own.
    fn lazaret(&self, data: &Path) -> Command {
        let mut command = Command::new(self.path("usr/bin/lazaret"));
        command.env("LAZARET_CONFIG", self.path(SETTINGS)).env("LAZARET_DATA", data).current_dir(data);
        command
    }
}

#[test]
fn the_packages_install_run_keep_settings_and_leave_data_behind() {
    let out = tempfile::tempdir().unwrap();
    let made = said(
        Command::new(xtask())
            .args(["package", "--quick", "--lazaret"])
            .arg(executable())
            .arg("--out")
            .arg(out.path())
            .env("LC_ALL", "C"),
    );
    let packages: Vec<&str> = made.lines().collect();
    let of = |end: &str| packages.iter().find(|path| path.ends_with(end)).copied();
    let (deb, archive) = (of(".deb").expect("dpkg-deb is here"), of(".tar.gz").unwrap());
    let files = listed(&said(Command::new("dpkg-deb").arg("--contents").arg(deb)));
    for file in FILES {
        assert!(files.contains(file), "`{file}` is missing: {files:?}");
    }
    let others: Vec<_> = files.iter().filter(|file| !FILES.contains(&file.as_str())).collect();
    let documents = ["usr/share/doc/lazaret/", "usr/share/lazaret/policies/"];
    assert!(others.iter().all(|file| documents.iter().any(|folder| file.starts_with(folder))), "{others:?}");
    assert_eq!(listed(&said(Command::new("tar").args(["--list", "--verbose", "--file"]).arg(archive))), files);
    match of(".rpm") {
        Some(rpm) => {
            let list = said(Command::new("rpm").args(["--query", "--list", "--package"]).arg(rpm));
            let list: BTreeSet<String> = list.lines().map(|path| path.trim_start_matches('/').to_owned()).collect();
            assert_eq!(list, files);
        }
        None => eprintln!("SKIPPED: no RPM package: Debian's package `rpm` has `rpmbuild`"),
    }
    let control = said(Command::new("dpkg-deb").arg("--field").arg(deb));
    assert!(control.contains("\nDepends: libc6 (>= 2.") && control.contains("systemd-sysusers"), "{control}");
    installed(deb);
}

/// Installs the package, uses it, installs it again, and takes it away.
fn installed(deb: &str) {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return eprintln!("SKIPPED: only root can install a package with a user of its own, also into another root");
    }
    let (system, work) = (System::new(), tempfile::tempdir().unwrap());
    system.dpkg(&["--install", deb]);
    assert_eq!(system.dpkg(&["--verify"]), "", "files differ from their sums");
    // Who it runs as, and who may read what.
    let users = fs::read_to_string(system.path("etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("lazaret:")).unwrap_or_else(|| panic!("{users}"));
    let numbers: Vec<u32> = user.split(':').skip(2).take(2).map(|number| number.parse().unwrap()).collect();
    assert!(user.ends_with("/nologin"), "{user}");
    let state = |path: &str| {
        let meta = fs::metadata(system.path(path)).unwrap();
        (meta.mode() & 0o7777, meta.uid(), meta.gid())
    };
    assert_eq!(state("var/lib/lazaret"), (0o700, numbers[0], numbers[1]));
    assert_eq!(state(SETTINGS), (0o640, 0, numbers[1]));
    // It works, with the settings that came with it.
    let data = work.path();
    let version = said(system.lazaret(data).arg("--version"));
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    said(system.lazaret(data).args(["config", "check"]));
    said(system.lazaret(data).arg("doctor"));
    for (name, text, status) in [("letter.txt", LETTER, 0), ("invoice.pdf.vbs", SCRIPT, 1)] {
        fs::write(data.join(name), text).unwrap();
        let output = run(system.lazaret(data).args(["scan", name]));
        assert_eq!(output.status.code(), Some(status), "{name}: {output:?}");
    }
    // Documentation and completions.
    let unpacked = |path: &str| said(Command::new("gzip").args(["--decompress", "--stdout"]).arg(system.path(path)));
    assert!(unpacked("usr/share/man/man1/lazaret.1.gz").contains(".TH"));
    let licences = unpacked("usr/share/doc/lazaret/third-party-licences.txt.gz");
    assert!(licences.contains("Permission is hereby granted, free of charge"), "{licences:.2000}");
    let copyright = fs::read_to_string(system.path("usr/share/doc/lazaret/copyright")).unwrap();
    assert!(copyright.contains("\n serde ") && !copyright.contains("lazaret-model"), "{copyright}");
    said(Command::new("bash").arg("-n").arg(system.path("usr/share/bash-completion/completions/lazaret")));
    let root = format!("--root={}", system.folder.path().display());
    match Command::new("systemd-analyze").args(["verify", "--man=no", &root, "lazaret.service"]).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let ours = text.lines().filter(|line| line.contains("lazaret"));
            let wrong: Vec<_> = ours.filter(|line| !MISSED.iter().any(|missed| line.contains(missed))).collect();
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
        Err(error) => eprintln!("SKIPPED: `systemd-analyze`: {error}; the package `systemd` has it"),
    }
    // What was changed stays when it is installed again, and what was kept stays when it is purged.
    fs::write(system.path(SETTINGS), "[proxy]\nlisten = \"127.0.0.1:3129\"\n").unwrap();
    fs::write(system.path("var/lib/lazaret/ledger.sqlite"), "kept").unwrap();
    system.dpkg(&["--install", deb]);
    assert!(fs::read_to_string(system.path(SETTINGS)).unwrap().contains("3129"));
    assert_eq!(state(SETTINGS), (0o640, 0, numbers[1]));
    system.dpkg(&["--remove", "lazaret"]);
    assert!(!system.path("usr/bin/lazaret").exists() && system.path(SETTINGS).exists());
    let told = system.dpkg(&["--purge", "lazaret"]);
    assert!(told.contains("/var/lib/lazaret is kept"), "{told}");
    assert!(!system.path(SETTINGS).exists() && system.path("var/lib/lazaret/ledger.sqlite").exists());
}
