//! The unit for systemd: it leaves whoever takes the service over little, and the workers what they need.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a service may be exposed by at the most, in tenths (`systemd-analyze security`; its scale goes to 100).
const MOST_EXPOSURE: &str = "--threshold=20";
/// What the engine and its workers call beside what stands in the worker's own filters: to start, to leave everything behind,
/// to close the doors, and to keep things.
const ENGINE: &[&str] = &[
    "execve",
    "unshare",
    "capset",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "memfd_create",
    "socketpair",
    // Children that are forked ahead are watched by descriptors.
    "pidfd_open",
    "clone",
    "wait4",
    "setpriority",
    "prlimit64",
    "flock",
    "fsync",
    "renameat2",
    "epoll_wait",
    "accept4",
];
/// What nothing of ours ever calls.
const FORBIDDEN: &[&str] = &["ptrace", "mount", "init_module", "reboot", "swapon", "chroot", "setuid", "bpf"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn unit() -> PathBuf {
    root().join("packaging/lazaret.service")
}

/// What `systemd-analyze` says; nothing where there is no such program, which is said.
fn analyze(arguments: &[&str]) -> Option<Output> {
    match Command::new("systemd-analyze").args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED: `systemd-analyze`: {error}; the package `systemd` has it");
            None
        }
    }
}

#[test]
fn the_unit_exposes_little() {
    let path = unit().display().to_string();
    let Some(output) = analyze(&["security", "--offline=true", MOST_EXPOSURE, &path]) else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let open: Vec<_> = text.lines().filter(|line| line.contains('✗') || line.contains("Overall")).collect();
    assert!(output.status.success(), "{}\n{}", open.join("\n"), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_unit_sets_bounds_and_masks() {
    let text = std::fs::read_to_string(unit()).unwrap();
    for key in [
        "MemoryMax=",
        "MemoryHigh=",
        "TasksMax=",
        "LimitNOFILE=",
        "UMask=0077",
        "ProtectProc=invisible",
        "ProcSubset=pid",
        "NoNewPrivileges=yes",
        "RestrictNamespaces=",
        "SystemCallArchitectures=native",
    ] {
        assert!(text.lines().any(|line| line.starts_with(key)), "`{key}`");
    }
}

/// The calls that a filter of the unit lets through, groups of systemd's replaced by what is in them.
fn allowed(groups: &HashMap<String, Vec<String>>) -> HashSet<String> {
    fn expand(groups: &HashMap<String, Vec<String>>, name: &str, depth: usize) -> HashSet<String> {
        match groups.get(name).filter(|_| depth < 8) {
            Some(members) => members.iter().flat_map(|member| expand(groups, member, depth + 1)).collect(),
            None => HashSet::from([name.to_owned()]),
        }
    }
    // As systemd does: a list of what is allowed begins with what every program needs.
    let mut allowed = expand(groups, "@default", 0);
    for line in std::fs::read_to_string(unit()).unwrap().lines() {
        let Some(list) = line.strip_prefix("SystemCallFilter=") else { continue };
        let (removes, list) = list.strip_prefix('~').map_or((false, list), |list| (true, list));
        for name in list.split_whitespace().flat_map(|name| expand(groups, name, 0)) {
            if removes {
                allowed.remove(&name);
            } else {
                allowed.insert(name);
            }
        }
    }
    allowed
}

#[test]
fn the_unit_lets_workers_make_every_call_that_they_need() {
    let Some(output) = analyze(&["syscall-filter", "--no-pager"]) else { return };
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    let mut group = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.trim();
        if line.starts_with('@') {
            group = name.to_owned();
        } else if !name.is_empty() && !name.starts_with('#') {
            groups.entry(group.clone()).or_default().push(name.to_owned());
        }
    }
    assert!(groups.contains_key("@system-service"), "{output:?}");
    let allowed = allowed(&groups);
    let source = std::fs::read_to_string(root().join("crates/engine/src/sandbox.rs")).unwrap();
    let (own, _) = source.split_once("const REFUSED").expect("the filters are there");
    let names = own.split("libc::SYS_").skip(1);
    let names: Vec<&str> =
        names.filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect();
    assert!(names.len() > 40, "{names:?}");
    let missing: Vec<_> = names.iter().chain(ENGINE).filter(|name| !allowed.contains(**name)).collect();
    assert!(missing.is_empty(), "the unit does not allow {missing:?}");
    let open: Vec<_> = FORBIDDEN.iter().filter(|name| allowed.contains(**name)).collect();
    assert!(open.is_empty(), "the unit allows {open:?}");
}

#[test]
fn the_unit_has_no_directive_that_systemd_does_not_know() {
    let path = unit().display().to_string();
    let Some(output) = analyze(&["verify", &path]) else { return };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // What it names is not installed here.
    let installed = ["/usr/bin/lazaret is not executable", "'man lazaret(1)' failed", "lazaret.service: Unit User"];
    let of_ours = text.lines().filter(|line| line.contains("lazaret.service"));
    let wrong: Vec<_> = of_ours.filter(|line| !installed.iter().any(|known| line.contains(known))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_unit_leaves_workers_the_namespaces_that_they_make() {
    let unit = std::fs::read_to_string(unit()).unwrap();
    let left = unit.lines().find_map(|line| line.strip_prefix("RestrictNamespaces=")).unwrap();
    let left: HashSet<&str> = left.split_whitespace().collect();
    let source = std::fs::read_to_string(root().join("crates/engine/src/sandbox.rs")).unwrap();
    let name = |rest: &str| rest.split(|c: char| !c.is_ascii_uppercase()).next().unwrap().to_owned();
    let made: HashSet<String> =
        source.split("UnshareFlags::").skip(1).map(name).filter(|flag| !flag.is_empty()).collect();
    assert!(made.len() >= 6, "{made:?}");
    for flag in made {
        // As systemd calls them (systemd.exec(5)).
        let named = match flag.as_str() {
            "NEWUSER" => "user",
            "NEWPID" => "pid",
            "NEWNET" => "net",
            "NEWIPC" => "ipc",
            "NEWNS" => "mnt",
            "NEWUTS" => "uts",
            other => panic!("`{other}` has no name here"),
        };
        assert!(left.contains(named), "the unit does not leave workers `{named}`");
    }
}

/// `ProcSubset=pid` hides everything in `/proc` but processes, `ProtectProc=invisible` those of others.
#[test]
fn what_the_unit_hides_in_proc_is_not_read() {
    let mut folders: Vec<PathBuf> = ["engine", "gates", "console", "store", "lazaret"]
        .map(|name| root().join("crates").join(name).join("src"))
        .into();
    let mut read = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                // Other tests stand at the end of a file.
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                read.extend(text.split("\"/proc/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
        }
    }
    assert!(read.iter().any(|path| path == "self/exe"), "workers are started by another path: {read:?}");
    let hidden: Vec<_> = read.iter().filter(|path| !path.starts_with("self/")).collect();
    assert!(hidden.is_empty(), "the unit hides {hidden:?}");
}
