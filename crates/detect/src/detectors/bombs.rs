//! Archives built around one thing: to be opened for ever, or to have one member run.

use crate::text::cut;
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Child, Class, Family, Finding, Part, Severity};
use std::collections::{BTreeMap, HashMap};

const ID: &str = "bombs";
/// Kinds of streams that hold one file by nature.
const STREAMS: &[&str] = &[
    "gzip",
    "bzip2",
    "bzip",
    "bzip3",
    "xz",
    "lzma",
    "zstd",
    "lz4",
    "brotli",
    "zlib",
    "lzip",
    "lzop",
    "lzfse",
    "lrzip",
    "rzip",
    "snappy",
    "compress",
    "ms-compress",
    "ar",
];
/// Programs of Windows.
const PROGRAMS: &[&str] = &["pe32", "pe64"];
/// Libraries of Windows.
const LIBRARIES: &[&str] = &["pe32-dll", "pe64-dll", "cpl", "xll"];
/// Scripts that Windows runs when they are opened.
const OPENED: &[&str] = &["js", "jse", "vbs", "vbe", "wsf", "wsh", "sct", "hta", "bat", "ps1", "msc", "inf", "reg"];
/// Libraries of Windows itself that programs find beside themselves first and that nobody has a reason to ship: parts
/// of the system that are neither redistributable nor on the list of known libraries. Compiled from Microsoft's
/// documentation of the search order and from the names that public reports of side-loading give.
const SYSTEM: &[&str] = &[
    "version",
    "wtsapi32",
    "cryptbase",
    "cryptsp",
    "uxtheme",
    "winmm",
    "winmmbase",
    "userenv",
    "propsys",
    "dwmapi",
    "wininet",
    "winhttp",
    "msimg32",
    "profapi",
    "edputil",
    "secur32",
    "sspicli",
    "netapi32",
    "netutils",
    "srvcli",
    "wkscli",
    "samcli",
    "iphlpapi",
    "dnsapi",
    "rasapi32",
    "rasadhlp",
    "textshaping",
    "apphelp",
    "mscoree",
    "ntmarta",
    "windowscodecs",
    "cscapi",
    "linkinfo",
    "ntshrui",
    "wbemcomn",
    "amsi",
    "dpapi",
    "urlmon",
    "bcrypt",
    "ncrypt",
    "powrprof",
    "oleacc",
    "wldp",
    "fltlib",
    "slc",
    "sppc",
    "mpr",
    "hid",
    "credui",
    "davclnt",
    "tapi32",
    "duser",
    "dui70",
];
/// Libraries that honest programs ship and that are replaced to be loaded in their name, with the start of the names
/// of programs that they belong to.
const CARRIED: &[(&str, &[&str])] = &[
    ("dbghelp", &[]),
    ("dbgcore", &[]),
    ("dbgeng", &["windbg", "cdb"]),
    ("libvlc", &["vlc"]),
    ("libvlccore", &["vlc"]),
    ("mpclient", &["mpcmdrun", "msmpeng", "nissrv", "mpdefender"]),
    ("mpsvc", &["msmpeng"]),
    ("goopdate", &["googleupdate", "microsoftedgeupdate", "braveupdate", "updater"]),
    ("chrome_elf", &["chrome", "brave", "msedge", "opera", "vivaldi"]),
    ("msedge_elf", &["msedge"]),
    ("wsc", &["wsc"]),
    ("vntfxf32", &[]),
    ("nvsmartmax", &["nvsmart"]),
    ("hha", &["hhc"]),
    ("wwlib", &["winword"]),
    ("ppcore", &["powerpnt"]),
    ("outllib", &["outlook"]),
    ("vcruntime140_1", &[]),
    ("libcef", &[]),
    ("ffmpeg", &[]),
    ("libcurl", &[]),
    ("sqlite3", &[]),
    ("python3", &["python", "pythonw"]),
    ("log", &["bdreinit", "bdsubwiz"]),
    ("mcutil", &["mcoemcpy", "mcafee"]),
    ("rcdll", &["rc"]),
    ("tosbtkbd", &["tosbtkbd"]),
];
/// Programs and libraries of one folder that are compared with each other; their product is bounded so.
const COMPARED: usize = 500;
/// Files in a folder up to which it was packed around its program.
const FEW: usize = 6;
/// Files in an image or archive up to which a shortcut in it is its purpose.
const SMALL: usize = 50;
/// Members of one size from which nested archives are taken to be copies.
const COPIES: usize = 10;
/// Bytes of such a member; collections of tiny archives are made by people who test unpackers.
const LEAST_COPY: u64 = 16 << 10;
/// Empty members from which they are taken to be there to be counted.
const EMPTY: usize = 10_000;
/// Bytes from which a member is large beside its archive.
const LARGE: u64 = 32 << 20;
/// How much larger than its archive such a member is.
const RATIO: u64 = 100;

/// Archives and disk images by what they are made of.
pub(crate) struct Bombs;

impl Detector for Bombs {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "archives that unpack without end, hold a lone program, or a program beside a library it would load"
    }

    fn wants(&self, _part: &Part) -> bool {
        false
    }

    fn inspect(&self, _part: &Part, _bytes: &[u8], _offset: u64, _findings: &mut Findings) -> Result<(), DetectError> {
        Ok(())
    }

    fn conclude(&self, part: &Part, children: &[Child], findings: &mut Findings) {
        if !matches!(part.kind.class, Class::Archive | Class::DiskImage) || children.is_empty() {
            return;
        }
        expands(part, children, findings);
        if STREAMS.contains(&&*part.kind.id) {
            return;
        }
        copies(children, findings);
        side_loading(children, findings);
        shortcut_beside(part, children, findings);
        lone(part, children, findings);
    }
}

/// What a member is, by its bytes, or by its name where nobody could look.
fn is_program(child: &Child) -> bool {
    PROGRAMS.contains(&&*child.kind.id) || child.locked && child.name.to_ascii_lowercase().ends_with(".exe")
}

fn is_library(child: &Child) -> bool {
    LIBRARIES.contains(&&*child.kind.id) || child.locked && child.name.to_ascii_lowercase().ends_with(".dll")
}

/// Folder and name of a member, both in lower case.
fn place(name: &str) -> (String, String) {
    let name = name.replace('\\', "/").to_lowercase();
    match name.rsplit_once('/') {
        Some((folder, base)) => (folder.to_owned(), base.to_owned()),
        None => (String::new(), name),
    }
}

/// A member far larger than its archive, below the limits that end the analysis.
fn expands(part: &Part, children: &[Child], findings: &mut Findings) {
    let large = |child: &&Child| child.size >= LARGE && child.size / part.size.max(1) >= RATIO;
    let Some(child) = children.iter().filter(large).max_by_key(|child| child.size) else { return };
    let runs = matches!(child.kind.class, Class::Executable | Class::Library | Class::Script | Class::Installer);
    // Empty databases and disks compress as well as that; programs do not.
    let severity = if runs { Severity::Medium } else { Severity::Low };
    let times = child.size / part.size.max(1);
    let message = format!("one member of the kind {} is {times} times as large as the whole archive", child.kind);
    let found = structure("bomb.expands", severity, message, &child.name);
    let technique = if runs { "T1027.001" } else { "T1027.015" };
    findings.add(found.technique(technique).with("size", child.size).with("packed", part.size));
}

/// Members that are there for their number.
fn copies(children: &[Child], findings: &mut Findings) {
    let mut equal: HashMap<(&str, u64), usize> = HashMap::new();
    for child in children.iter().filter(|child| child.kind.class == Class::Archive && child.size >= LEAST_COPY) {
        let count = equal.entry((&child.kind.id, child.size)).or_default();
        *count = count.saturating_add(1);
    }
    if let Some((_, count)) = equal.iter().max_by_key(|(_, count)| **count).filter(|(_, count)| **count >= COPIES) {
        let message = format!("{count} archives of one kind and size lie in this one, as in bombs of several layers");
        findings
            .add(structure("bomb.copies", Severity::Medium, message, "").technique("T1027.015").with("count", *count));
    }
    let empty = children.iter().filter(|child| child.size == 0).count();
    if empty >= EMPTY && empty < children.len() && empty >= children.len() / 10 * 9 {
        let message = format!("{empty} of {} members are empty, which tires scanners before the rest", children.len());
        findings.add(
            structure("bomb.empty-members", Severity::Medium, message, "").technique("T1027").with("empty", empty),
        );
    }
}

/// A program beside a library that it would load instead of the system's.
fn side_loading(children: &[Child], findings: &mut Findings) {
    let mut folders: BTreeMap<String, Vec<(String, &Child)>> = BTreeMap::new();
    for child in children {
        let (folder, base) = place(&child.name);
        folders.entry(folder).or_default().push((base, child));
    }
    for members in folders.values() {
        let programs: Vec<_> =
            // LIMIT: programs that are not compared can only excuse a library; fewer excuse fewer.
            members.iter().filter(|(_, child)| is_program(child)).map(|(base, _)| &**base).take(COMPARED).collect();
        let Some(program) = programs.first() else { continue };
        let few = members.len() <= FEW;
        for (base, child) in members.iter().filter(|(_, child)| is_library(child)) {
            let name = base.rsplit_once('.').map_or(&**base, |(name, _)| name);
            let carried = CARRIED.iter().find(|(library, _)| *library == name);
            let at_home = |owners: &[&str]| programs.iter().any(|p| owners.iter().any(|owner| p.starts_with(owner)));
            let severity = match carried {
                _ if SYSTEM.contains(&name) && few => Severity::High,
                _ if SYSTEM.contains(&name) => Severity::Medium,
                // Where it belongs, only its bytes could tell whether it was replaced.
                Some((_, owners)) if at_home(owners) => continue,
                Some((_, owners)) if few && !owners.is_empty() => Severity::Medium,
                Some(_) => Severity::Low,
                None => continue,
            };
            let message = format!("`{program}` would load `{base}`, which lies beside it, instead of the system's");
            let found = structure("archive.side-loading", severity, cut(&message), &child.name);
            findings.add(found.technique("T1574.001").with("program", cut(program)));
        }
    }
}

/// A shortcut that lies beside what it would run.
fn shortcut_beside(part: &Part, children: &[Child], findings: &mut Findings) {
    let Some(shortcut) = children.iter().find(|child| child.kind.id == "lnk") else { return };
    let runs = |child: &&Child| {
        is_program(child)
            || is_library(child)
            || OPENED.contains(&&*child.kind.id)
            || child.kind.class == Class::Installer
    };
    let Some(program) = children.iter().find(runs) else { return };
    let image = part.kind.class == Class::DiskImage;
    let severity = match children.len() <= SMALL {
        true if image => Severity::High,
        true => Severity::Medium,
        false => Severity::Low,
    };
    let holder = if image { "image" } else { "archive" };
    let message = format!("the {holder} holds a shortcut beside a file of the kind {}", program.kind);
    let found = structure("archive.shortcut-beside-program", severity, message, &shortcut.name);
    let found = found.technique(if image { "T1553.005" } else { "T1204.002" });
    findings.add(found.with("program", cut(&program.name)));
}

/// Nothing in it but what runs.
fn lone(part: &Part, children: &[Child], findings: &mut Findings) {
    let [child] = children else { return };
    let image = part.kind.class == Class::DiskImage;
    let severity = match child.kind.class {
        Class::Shortcut if child.kind.id == "url-target" => return,
        Class::Shortcut => Severity::Medium,
        Class::Script if OPENED.contains(&&*child.kind.id) => Severity::Medium,
        Class::Executable | Class::Installer if image => Severity::Medium,
        Class::Executable | Class::Installer => Severity::Low,
        _ => return,
    };
    let holder = if image { "image" } else { "archive" };
    let message = format!("the {holder} holds nothing but one file of the kind {}", child.kind);
    let found = structure("archive.lone-program", severity, message, &child.name).technique("T1204.002");
    findings.add(if image { found.technique("T1553.005") } else { found });
}

fn structure(id: &'static str, severity: Severity, message: String, value: &str) -> Finding {
    let found = Finding::new(id, ID, severity, Family::Structure, message);
    if value.is_empty() { found } else { found.with("name", cut(value)) }
}

#[cfg(test)]
mod tests {
    use super::Bombs;
    use crate::detectors::test_part::{check_container, part};
    use lazaret_model::{Class, Kind};

    /// A member given as `name kind`, with a size of one byte.
    fn member(text: &str) -> (&str, Kind, u64) {
        let (name, kind) = text.split_once(' ').expect("name and kind");
        let (id, class) = match kind {
            "exe" => ("pe64", Class::Executable),
            "dll" => ("pe64-dll", Class::Library),
            "elf" => ("elf-executable", Class::Executable),
            "msi" => ("msi", Class::Installer),
            "lnk" => ("lnk", Class::Shortcut),
            "js" => ("js", Class::Script),
            "py" => ("py", Class::Script),
            "pdf" => ("pdf", Class::Document),
            _ => ("text", Class::Text),
        };
        (name, Kind::new(id, class, "application/octet-stream"), 1)
    }

    #[track_caller]
    fn check(kind: &'static str, class: Class, members: &[&str], expected: &[&str]) {
        let mut holder = part(kind);
        holder.kind = Kind::new(kind, class, "application/octet-stream");
        let members: Vec<_> = members.iter().map(|text| member(text)).collect();
        check_container(&Bombs, &holder, &members, expected);
    }

    #[test]
    fn libraries_beside_programs_are_weighed_by_their_names() {
        let many: Vec<_> = (0..20).map(|n| format!("app/{n}.txt text")).collect();
        let among = |members: &[&'static str]| -> Vec<String> {
            members.iter().map(ToString::to_string).chain(many.iter().cloned()).collect()
        };
        let high = &["archive.side-loading high"][..];
        for (members, expected) in [
            (vec!["a.exe exe".to_owned(), "VERSION.dll dll".to_owned()], high),
            (vec!["x/a.exe exe".to_owned(), "X\\wtsapi32.dll dll".to_owned(), "b.txt text".to_owned()], high),
            (among(&["app/a.exe exe", "app/version.dll dll"]), &["archive.side-loading medium"]),
            (among(&["app/a.exe exe", "app/libvlc.dll dll"]), &["archive.side-loading low"]),
            (among(&["app/vlc.exe exe", "app/libvlc.dll dll"]), &[]),
            (vec!["a.exe exe".to_owned(), "libvlc.dll dll".to_owned()], &["archive.side-loading medium"]),
            (vec!["a.exe exe".to_owned(), "sub/version.dll dll".to_owned()], &[]),
            (vec!["a.exe exe".to_owned(), "own.dll dll".to_owned()], &[]),
            (vec!["a.exe exe".to_owned(), "version.dll text".to_owned()], &[]),
            (vec!["a.txt text".to_owned(), "version.dll dll".to_owned()], &[]),
        ] {
            let members: Vec<_> = members.iter().map(String::as_str).collect();
            check("zip", Class::Archive, &members, expected);
        }
    }

    #[test]
    fn what_holds_one_thing_to_run_is_found() {
        for (kind, class, members, expected) in [
            ("zip", Class::Archive, &["a.exe exe"][..], &["archive.lone-program low"][..]),
            ("zip", Class::Archive, &["a.js js"], &["archive.lone-program medium"]),
            ("7z", Class::Archive, &["a.lnk lnk"], &["archive.lone-program medium"]),
            ("iso9660", Class::DiskImage, &["a.exe exe"], &["archive.lone-program medium"]),
            ("zip", Class::Archive, &["a.py py"], &[]),
            ("zip", Class::Archive, &["a.pdf pdf"], &[]),
            ("zip", Class::Archive, &["a.exe exe", "readme.txt text"], &[]),
            ("gzip", Class::Archive, &["a elf"], &[]),
            ("docx", Class::Document, &["a.exe exe"], &[]),
        ] {
            check(kind, class, members, expected);
        }
    }

    #[test]
    fn shortcuts_beside_programs_are_found() {
        let many: Vec<_> = (0..60).map(|n| format!("{n}.txt text")).collect();
        let large: Vec<_> = ["a.lnk lnk", "a.dll dll"].into_iter().chain(many.iter().map(String::as_str)).collect();
        for (kind, class, members, expected) in [
            ("iso9660", Class::DiskImage, &["a.lnk lnk", "x/a.dll dll"][..], "archive.shortcut-beside-program high"),
            ("zip", Class::Archive, &["a.lnk lnk", "a.js js"], "archive.shortcut-beside-program medium"),
            ("iso9660", Class::DiskImage, &large, "archive.shortcut-beside-program low"),
        ] {
            check(kind, class, members, &[expected]);
        }
        check("zip", Class::Archive, &["a.lnk lnk", "a.pdf pdf"], &[]);
    }

    #[test]
    fn archives_made_to_be_unpacked_for_ever_are_found() {
        let mut zip = part("zip");
        (zip.kind, zip.size) = (Kind::new("zip", Class::Archive, "application/zip"), 100_000);
        let of = |class, size| ("m", Kind::new("k", class, "application/octet-stream"), size);
        let (program, data) = (Class::Executable, Class::Data);
        for (members, expected) in [
            (vec![of(program, 64 << 20), of(Class::Text, 1)], &["bomb.expands medium"][..]),
            (vec![of(data, 64 << 20), of(Class::Text, 1)], &["bomb.expands low"]),
            (vec![of(program, 5 << 20), of(Class::Text, 1)], &[]),
            (vec![of(Class::Archive, 50_000); 16], &["bomb.copies medium"]),
            (vec![of(Class::Archive, 500); 16], &[]),
            ((0..16).map(|n| of(Class::Archive, 50_000 + n)).collect(), &[]),
            ([vec![of(data, 0); 10_000], vec![of(data, 1)]].concat(), &["bomb.empty-members medium"]),
            ([vec![of(data, 0); 10_000], vec![of(data, 1); 5_000]].concat(), &[]),
        ] {
            check_container(&Bombs, &zip, &members, expected);
        }
    }
}
