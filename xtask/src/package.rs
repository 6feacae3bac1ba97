//! `cargo xtask package`: what people install, as a Debian package, as an RPM package where `rpmbuild` is there, and as an
//! archive.
//!
//! A package is a list of files, made once and laid out in a folder; Debian's and RPM's own programs, and `tar`, make the rest
//! of it. Times in it are that of the last commit.

mod licences;

use crate::{cargo, command, root, target};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const SUMMARY: &str = "inspects what people download, before they open it";
const ABOUT: &str = "A web proxy and an ICAP server that say what a file truly is, open everything that holds other files, look for signs
of malice in every part, and decide by policy what is delivered, held or blocked (ATT&CK's mitigation T1204).";
/// The one file that administrators edit.
const SETTINGS: &str = "etc/lazaret/lazaret.toml";
/// Which package has a library that the executable needs, on Debian.
const LIBRARIES: &[(&str, &str)] = &[
    ("libc.so.", "libc6"),
    ("libm.so.", "libc6"),
    ("ld-linux", "libc6"),
    ("libgcc_s.so.", "libgcc-s1"),
    ("libstdc++.so.", "libstdc++6"),
];

/// What is asked for.
struct Wish {
    executable: Option<PathBuf>,
    out: PathBuf,
    /// Compress for speed, not for size.
    quick: bool,
}

/// A file of the package, below the system's root.
struct File {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

pub fn run(arguments: &[&str]) -> ExitCode {
    let mut wish = Wish { executable: None, out: target().join("package"), quick: false };
    let mut rest = arguments;
    loop {
        rest = match rest {
            [] => break,
            ["--lazaret", file, rest @ ..] => {
                wish.executable = Some(PathBuf::from(file));
                rest
            }
            ["--out", folder, rest @ ..] => {
                wish.out = PathBuf::from(folder);
                rest
            }
            ["--quick", rest @ ..] => {
                wish.quick = true;
                rest
            }
            [other, ..] => {
                eprintln!("xtask: package: `{other}` is not an option, or lacks its value");
                return ExitCode::from(2);
            }
        };
    }
    match make(&wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: package: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(wish: &Wish) -> io::Result<()> {
    let executable = match &wish.executable {
        Some(file) => {
            fs::canonicalize(file).map_err(|error| io::Error::other(format!("`{}`: {error}", file.display())))?
        }
        None => {
            if !cargo(&["build", "--release", "--package", "lazaret", "--locked"]) {
                return Err(io::Error::other("the release could not be built"));
            }
            target().join("release/lazaret")
        }
    };
    fs::create_dir_all(&wish.out)?;
    let out = fs::canonicalize(&wish.out)?;
    let work = out.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(&work)?;
    let needs = needs(&executable)?;
    let files = files(&executable, &work)?;
    let compression: &[&str] = if wish.quick { &["-Zgzip", "-z1"] } else { &["-Zxz"] };
    deb(&files, &needs, &out, &work, compression)?;
    archive(&files, &out, &work)?;
    rpm(&files, &out, &work)?;
    fs::remove_dir_all(&work)
}

/// Everything that is installed, in order of its path.
fn files(executable: &Path, work: &Path) -> io::Result<Vec<File>> {
    let stripped = work.join("lazaret");
    said(Command::new("strip").arg("-o").arg(&stripped).arg(executable))?;
    let ask = |arguments: &[&str]| {
        said(Command::new(executable).args(arguments).current_dir(work).env_remove("LAZARET_CONFIG"))
    };
    let mut files = Vec::new();
    let mut add = |path: &str, mode, bytes| files.push(File { path: path.to_owned(), mode, bytes });
    add("usr/bin/lazaret", 0o755, fs::read(&stripped)?);
    add(SETTINGS, 0o644, settings(&ask(&["config", "defaults"])?));
    add("usr/share/man/man1/lazaret.1.gz", 0o644, gzip(&ask(&["man"])?, work)?);
    for (shell, path) in [
        ("bash", "usr/share/bash-completion/completions/lazaret"),
        ("zsh", "usr/share/zsh/vendor-completions/_lazaret"),
        ("fish", "usr/share/fish/vendor_completions.d/lazaret.fish"),
    ] {
        add(path, 0o644, ask(&["completions", shell])?);
    }
    for (from, path) in [
        ("packaging/lazaret.service", "usr/lib/systemd/system/lazaret.service"),
        ("packaging/sysusers.conf", "usr/lib/sysusers.d/lazaret.conf"),
        ("packaging/tmpfiles.conf", "usr/lib/tmpfiles.d/lazaret.conf"),
    ] {
        add(path, 0o644, fs::read(root().join(from))?);
    }
    for (folder, into) in [("policies", "usr/share/lazaret/policies"), ("docs", "usr/share/doc/lazaret/docs")] {
        for entry in fs::read_dir(root().join(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                add(&format!("{into}/{name}"), 0o644, fs::read(entry.path())?);
            }
        }
    }
    for name in ["README.md", "LIMITATIONS.md", "SECURITY.md", "CHANGELOG.md"] {
        add(&format!("usr/share/doc/lazaret/{name}"), 0o644, fs::read(root().join(name))?);
    }
    let licences = licences::of_dependencies()?;
    add("usr/share/doc/lazaret/copyright", 0o644, licences.copyright.into_bytes());
    add("usr/share/doc/lazaret/third-party-licences.txt.gz", 0o644, gzip(licences.texts.as_bytes(), work)?);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The configuration that is installed: every key stands behind a `#`, so that a default that a later version changes counts.
fn settings(defaults: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(defaults);
    let mut settings = String::from(
        "# /etc/lazaret/lazaret.toml: every key with its default, behind a `#` without a blank. What is changed here stays when\n\
         # another version is installed. `lazaret config check` says whether everything can be used.\n",
    );
    for line in text.lines().skip(1) {
        let is_key = !line.is_empty() && !line.starts_with(['#', '[']);
        let _ = writeln!(settings, "{}{line}", if is_key { "#" } else { "" });
    }
    settings.into_bytes()
}

/// What a Debian package must depend on, by the libraries that the executable names and the versions of their symbols.
fn needs(executable: &Path) -> io::Result<String> {
    let dynamic = said(Command::new("readelf").args(["--dynamic", "--version-info", "--wide"]).arg(executable))?;
    let text = String::from_utf8_lossy(&dynamic).into_owned();
    let mut packages: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| line.contains("(NEEDED)")) {
        let library = line.split(['[', ']']).nth(1).unwrap_or_default();
        let known = LIBRARIES.iter().find(|(start, _)| library.starts_with(start));
        let (_, package) =
            known.ok_or_else(|| io::Error::other(format!("`{library}` belongs to no package known here")))?;
        if !packages.contains(package) {
            packages.push(package);
        }
    }
    let versions = text.split("GLIBC_2.").skip(1);
    let minor = versions.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok()).max();
    packages.sort_unstable();
    let with_version = packages.iter().map(|package| match minor {
        Some(minor) if *package == "libc6" => format!("libc6 (>= 2.{minor})"),
        _ => (*package).to_owned(),
    });
    Ok(with_version.collect::<Vec<_>>().join(", "))
}

/// Lays files out below a folder, with their modes whatever this process's own mask is.
fn lay_out(files: &[File], folder: &Path) -> io::Result<()> {
    for file in files {
        let mut parent = folder.to_owned();
        for part in Path::new(&file.path).parent().into_iter().flat_map(Path::iter) {
            parent.push(part);
            if !parent.exists() {
                fs::create_dir(&parent)?;
                fs::set_permissions(&parent, fs::Permissions::from_mode(0o755))?;
            }
        }
        write(&folder.join(&file.path), &file.bytes, file.mode)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// An empty folder that everybody may enter.
fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn deb(files: &[File], needs: &str, out: &Path, work: &Path, compression: &[&str]) -> io::Result<()> {
    if !is_there("dpkg-deb") {
        eprintln!("xtask: package: no Debian package was made: `dpkg-deb` is not here (Debian's `dpkg` has it)");
        return Ok(());
    }
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let tree = work.join("deb");
    folder(&tree)?;
    lay_out(files, &tree)?;
    let control = tree.join("DEBIAN");
    folder(&control)?;
    let size: usize = files.iter().map(|file| file.bytes.len().div_ceil(1024)).sum();
    // Debian Policy, 5.3: one field a line, further lines of a field indented.
    let fields = format!(
        "Package: lazaret\nVersion: {VERSION}-1\nArchitecture: {architecture}\nSection: net\nPriority: optional\n\
         Maintainer: The authors of Lazaret <lazaret@lazaret.invalid>\nHomepage: https://github.com/lazaret/lazaret\n\
         Installed-Size: {size}\n\
         Depends: {needs}, systemd | systemd-sysusers, systemd | systemd-tmpfiles\n\
         Recommends: libgssapi-krb5-2\n\
         Suggests: clamav-daemon, postgresql, rspamd, squid-openssl\nDescription: {SUMMARY}\n {}\n",
        ABOUT.replace('\n', "\n ")
    );
    write(&control.join("control"), fields.as_bytes(), 0o644)?;
    write(&control.join("conffiles"), format!("/{SETTINGS}\n").as_bytes(), 0o644)?;
    let others = files.iter().filter(|file| file.path != SETTINGS).map(|file| &file.path);
    let sums = said(Command::new("md5sum").args(others).current_dir(&tree))?;
    write(&control.join("md5sums"), &sums, 0o644)?;
    for name in ["postinst", "prerm", "postrm"] {
        write(&control.join(name), &fs::read(root().join("packaging/debian").join(name))?, 0o755)?;
    }
    let package = out.join(format!("lazaret_{VERSION}-1_{architecture}.deb"));
    said(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "--build"])
            .args(compression)
            .arg(&tree)
            .arg(&package)
            .env("SOURCE_DATE_EPOCH", time()),
    )?;
    println!("{}", package.display());
    Ok(())
}

/// The same files for other systems, to be unpacked at `/`.
fn archive(files: &[File], out: &Path, work: &Path) -> io::Result<()> {
    let tree = work.join("tar");
    folder(&tree)?;
    lay_out(files, &tree)?;
    let archive = out.join(format!("lazaret-{VERSION}-{}-linux.tar.gz", std::env::consts::ARCH));
    said(
        Command::new("tar")
            .args([
                "--create",
                "--use-compress-program",
                "gzip -n",
                "--sort=name",
                "--owner=root:0",
                "--group=root:0",
                "--numeric-owner",
            ])
            .arg(format!("--mtime=@{}", time()))
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(&tree)
            .args(["etc", "usr"]),
    )?;
    println!("{}", archive.display());
    Ok(())
}

fn rpm(files: &[File], out: &Path, work: &Path) -> io::Result<()> {
    if !is_there("rpmbuild") {
        eprintln!("xtask: package: no RPM package was made: `rpmbuild` is not here (Debian's `rpm` has it)");
        return Ok(());
    }
    let (tree, top) = (work.join("rpm"), work.join("rpmbuild"));
    folder(&tree)?;
    lay_out(files, &tree)?;
    fs::create_dir(&top)?;
    let mut listed = String::new();
    for file in files {
        let mark = match file.path.as_str() {
            SETTINGS => "%config(noreplace) ",
            path if path.starts_with("usr/share/doc/") => "%doc ",
            _ => "",
        };
        let _ = writeln!(listed, "{mark}%attr({:o}, root, root) /{}", file.mode, file.path);
    }
    // What is stripped, compressed and looked into for dependencies was that already.
    let spec = format!(
        "%define debug_package %{{nil}}\n%define __os_install_post %{{nil}}\n%define _build_id_links none\n\
         Name: lazaret\nVersion: {VERSION}\nRelease: 1\nSummary: {SUMMARY}\nLicense: Apache-2.0\n\
         URL: https://github.com/lazaret/lazaret\nRequires: systemd\nRecommends: krb5-libs\n\n%description\n{ABOUT}\n\n\
         %install\ncp -a '{}/.' '%{{buildroot}}/'\n\n\
         %post\nsystemd-sysusers lazaret.conf\nsystemd-tmpfiles --create lazaret.conf\n\
         if [ -d /run/systemd/system ]; then\n    systemctl daemon-reload\n    if [ \"$1\" -gt 1 ]; then systemctl try-restart lazaret.service; fi\nfi\n\n\
         %preun\nif [ \"$1\" = 0 ] && [ -d /run/systemd/system ]; then systemctl disable --now lazaret.service; fi\n\n\
         %files\n{listed}",
        tree.display()
    );
    let path = work.join("lazaret.spec");
    fs::write(&path, spec)?;
    said(
        Command::new("rpmbuild")
            .args(["-bb", "--quiet", "--define"])
            .arg(format!("_topdir {}", top.display()))
            .arg("--define")
            .arg(format!("_rpmdir {}", out.display()))
            .args(["--define", "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"])
            .arg(&path)
            .env("SOURCE_DATE_EPOCH", time()),
    )?;
    println!("{}", out.join(format!("lazaret-{VERSION}-1.{}.rpm", std::env::consts::ARCH)).display());
    Ok(())
}

/// The time of the last commit, so that the same sources give the same package; 0 outside a repository.
fn time() -> String {
    let asked = command("git").args(["log", "-1", "--format=%ct"]).stderr(Stdio::null()).output();
    let text = asked.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "0".to_owned() } else { text }
}

fn gzip(bytes: &[u8], work: &Path) -> io::Result<Vec<u8>> {
    let plain = work.join("plain");
    fs::write(&plain, bytes)?;
    said(Command::new("gzip").args(["-9", "--no-name", "--stdout"]).arg(&plain))
}

fn is_there(program: impl AsRef<OsStr>) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// What a program writes to standard output.
fn said(command: &mut Command) -> io::Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        io::Error::other(format!("`{program}`: {error}; Debian's `binutils` and `tar` have what is used"))
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(io::Error::other(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_settings_have_every_key_and_set_none() {
        let made = settings(
            b"# lazaret.toml with every key at its default.\n\n[proxy]\n# Where.\nlisten = \"127.0.0.1:3128\"\n",
        );
        let text = String::from_utf8(made).unwrap();
        assert!(text.ends_with("\n\n[proxy]\n# Where.\n#listen = \"127.0.0.1:3128\"\n"), "{text}");
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with(['#', '['])), "{text}");
    }
}
