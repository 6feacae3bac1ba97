//! How a program is built, what it imports, and whether it is still what was signed.

mod authenticode;
mod certificate;
mod filler;
mod image;
#[cfg(test)]
mod samples;

use crate::text::cut;
use crate::{DetectError, Detector, Findings, Reads};
use image::{Image, Section};
use lazaret_model::{Family, Finding, Part, Severity};

const ID: &str = "programs";
/// Kinds in the PE format.
const WINDOWS: &[&str] = &["pe32", "pe64", "pe32-dll", "pe64-dll", "cpl", "xll", "sys", "efi"];
/// Kinds in the ELF and Mach-O formats.
const OTHERS: &[&str] = &["elf-executable", "elf-shared-object", "appimage", "macho", "macho-dylib", "macho-universal"];
/// Bits a byte from which code is taken to be compressed or encrypted; machine code has 5 to 6.7.
const DENSE: f64 = 7.2;
/// Bytes of code below which entropy says nothing.
const LEAST_CODE: usize = 4096;
/// Of the code, how much must be dense, in a hundred.
const MOST_OF_IT: usize = 80;
/// Bytes whose entropy is taken, over all sections; sections may overlap.
const MOST_MEASURED: usize = 64 << 20;
/// Bytes of filler that no linker leaves; a window that a detector is shown is as large.
const MUCH_FILLER: usize = 16 << 20;
/// Start of a file in which UPX leaves its mark in formats without section names.
const MARK: usize = 4096;
/// Names that packers give their sections, in lower case, and whether honest programs are often packed by it.
const PACKERS: &[(&str, &str, bool)] = &[
    ("upx0", "UPX", true),
    ("upx1", "UPX", true),
    ("upx!", "UPX", true),
    (".aspack", "ASPack", true),
    (".adata", "ASPack", true),
    (".asprotect", "ASProtect", false),
    (".vmp0", "VMProtect", false),
    (".vmp1", "VMProtect", false),
    (".vmp2", "VMProtect", false),
    (".themida", "Themida", false),
    (".winlice", "WinLicense", false),
    (".petite", "Petite", true),
    ("mpress1", "MPRESS", true),
    ("mpress2", "MPRESS", true),
    (".mpress1", "MPRESS", true),
    (".nsp0", "NsPack", false),
    (".nsp1", "NsPack", false),
    ("nsp0", "NsPack", false),
    ("nsp1", "NsPack", false),
    (".enigma1", "Enigma Protector", false),
    (".enigma2", "Enigma Protector", false),
    ("pec1", "PECompact", true),
    ("pec2", "PECompact", true),
    ("pecompact2", "PECompact", true),
    (".rlpack", "RLPack", false),
    (".yp", "Yoda's Protector", false),
    (".svkp", "SVK Protector", false),
    (".taz", "PESpin", false),
    ("fsg!", "FSG", false),
    (".boom", "The Boomerang", false),
    (".packed", "RLPack", false),
    ("pelock", "PELock", false),
    ("kkrunchy", "kkrunchy", true),
    ("_winzip_", "WinZip self-extractor", true),
];
/// Functions by which memory is made, filled and run in another process; one of each makes injection.
const INJECTION: [&[&str]; 3] = [
    &[
        "virtualallocex",
        "virtualallocexnuma",
        "ntallocatevirtualmemory",
        "zwallocatevirtualmemory",
        "ntmapviewofsection",
    ],
    &["writeprocessmemory", "ntwritevirtualmemory", "zwwritevirtualmemory", "ntmapviewofsection"],
    &[
        "createremotethread",
        "createremotethreadex",
        "ntcreatethreadex",
        "rtlcreateuserthread",
        "queueuserapc",
        "ntqueueapcthread",
        "setthreadcontext",
        "ntsetcontextthread",
    ],
];
/// Functions that save a file from the network in one call, and those that start a program.
const FETCH: &[&str] =
    &["urldownloadtofilea", "urldownloadtofilew", "urldownloadtocachefilea", "urldownloadtocachefilew"];
const START: &[&str] = &[
    "shellexecutea",
    "shellexecutew",
    "shellexecuteexa",
    "shellexecuteexw",
    "winexec",
    "createprocessa",
    "createprocessw",
];
/// Exports by which another program runs a library when somebody opens it, who runs it, and the technique.
const ADD_INS: &[(&str, &str, &str)] = &[
    ("CPlApplet", "the control panel", "T1218.002"),
    ("xlAutoOpen", "Excel", "T1137.006"),
    ("wdAutoOpen", "Word", "T1137.006"),
    ("ExchEntryPoint", "Outlook", "T1137.006"),
];

/// Programs and libraries of Windows, Linux and macOS.
pub(crate) struct Programs;

impl Detector for Programs {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "packed or padded programs, imports for injection or fetching, programs changed after they were signed"
    }

    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn wants(&self, part: &Part) -> bool {
        WINDOWS.iter().chain(OTHERS).any(|kind| part.is(kind))
    }

    fn inspect(&self, part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        padded(part, bytes, offset, findings);
        if offset > 0 {
            return Ok(());
        }
        let Some(image) = Image::read(bytes) else { return Ok(()) };
        if let Some(what) = image.more {
            findings.incomplete(format!("it has more {what} than are looked at"));
        }
        packed(&image, bytes, findings);
        pieces(&image, findings);
        imports(&image, findings);
        add_in(&image, findings);
        if image.windows && part.complete {
            authenticode::inspect(bytes, bytes.len() as u64 == part.size, findings);
        }
        Ok(())
    }
}

fn structure(id: &'static str, severity: Severity, message: impl Into<String>) -> Finding {
    Finding::new(id, ID, severity, Family::Structure, message)
}

fn padded(part: &Part, window: &[u8], offset: u64, findings: &mut Findings) {
    const PADDED: &str = "program.padded";
    let Some(period) = filler::of(window) else { return };
    // One window says it; those that follow say the same.
    if findings.list().iter().any(|finding| finding.id == PADDED) {
        return;
    }
    let mebibytes = window.len() >> 20;
    // No honest program of those measured held even half as much.
    let severity = if window.len() >= MUCH_FILLER { Severity::High } else { Severity::Medium };
    let message = format!("{mebibytes} MiB of the program repeat the same {period} bytes and are there for their size");
    let found = structure(PADDED, severity, message).technique("T1027.001");
    findings.add(found.with("offset", offset).with("filler", window.len()).with("size", part.size));
}

/// Code that is unpacked when it runs.
fn packed(image: &Image<'_>, bytes: &[u8], findings: &mut Findings) {
    let lower = |section: &Section<'_>| section.name.to_ascii_lowercase();
    let by_name = image.sections.iter().find_map(|s| PACKERS.iter().find(|(name, ..)| *name == lower(s)));
    let marked = || memchr::memmem::find(bytes.get(..MARK.min(bytes.len())).unwrap_or_default(), b"UPX!").is_some();
    if let Some((_, packer, usual)) = by_name.or_else(|| PACKERS.first().filter(|_| !image.windows && marked())) {
        let severity = if *usual { Severity::Low } else { Severity::Medium };
        let found = structure("program.packer", severity, format!("the program is packed with {packer}"));
        findings.add(found.technique("T1027.002").with("packer", *packer));
        return;
    }
    if !image.imports_little || image.managed {
        return;
    }
    let (mut code, mut dense, mut highest) = (0_usize, 0_usize, 0.0_f64);
    for section in image.sections.iter().filter(|section| section.runs) {
        if code.saturating_add(section.bytes.len()) > MOST_MEASURED {
            break;
        }
        code = code.saturating_add(section.bytes.len());
        let bits = filler::entropy(section.bytes);
        if bits >= DENSE {
            dense = dense.saturating_add(section.bytes.len());
            highest = highest.max(bits);
        }
    }
    if code >= LEAST_CODE && dense / 100 >= code / 100 * MOST_OF_IT / 100 && dense > 0 {
        let imports = image.imports.len();
        let message = format!(
            "its code has {highest:.1} bits of information a byte and imports {imports} functions, as if it were packed"
        );
        let found = structure("program.packed", Severity::Medium, message).technique("T1027.002");
        findings.add(found.with("entropy", format!("{highest:.2}")).with("code", code).with("imports", imports));
    }
}

/// Sections and where it starts.
fn pieces(image: &Image<'_>, findings: &mut Findings) {
    if image.sections.is_empty() {
        let message = if image.windows { "the program has no sections" } else { "the program maps nothing of itself" };
        findings
            .add(structure("program.no-sections", Severity::Low, message).technique("T1027.002").with("sections", 0));
        return;
    }
    let both = image.sections.iter().find(|section| section.writes && section.runs);
    if let Some(section) = both {
        let name = cut(&section.name);
        let message = format!("its section `{name}` may be both written and run");
        let found = structure("program.writable-code", Severity::Low, message).technique("T1027.002");
        findings.add(found.with("section", name));
    }
    let Some(entry) = image.entry.filter(|_| image.windows) else { return };
    let holds = |s: &&Section<'_>| entry >= s.address && entry - s.address < s.length;
    match image.sections.iter().find(holds) {
        None => {
            let message = "the program starts outside of its sections";
            let found = structure("program.odd-entry", Severity::Medium, message).technique("T1027.002");
            findings.add(found.with("entry", entry));
        }
        Some(section) if image.sections.len() > 1 && section.writes && is_last(image, section) => {
            let message = format!("the program starts in its last section, `{}`, which may be written", section.name);
            let found = structure("program.odd-entry", Severity::Low, message).technique("T1027.002");
            findings.add(found.with("entry", entry).with("section", cut(&section.name)));
        }
        Some(_) => {}
    }
}

fn is_last(image: &Image<'_>, section: &Section<'_>) -> bool {
    image.sections.iter().all(|other| other.address <= section.address)
}

/// Sets of imported functions that do one thing together.
fn imports(image: &Image<'_>, findings: &mut Findings) {
    let one_of = |names: &[&str]| image.imports.iter().find(|import| names.contains(&import.as_str()));
    let behaviour = |id, message, technique, names: &[&String]| {
        let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
        let found = Finding::new(id, ID, Severity::Medium, Family::Behaviour, message);
        found.technique(technique).with("imports", names.join(", "))
    };
    let [makes, fills, runs] = INJECTION.map(one_of);
    if let (Some(makes), Some(fills), Some(runs)) = (makes, fills, runs) {
        let message = "the program imports what it takes to put code into another process and run it there";
        findings.add(behaviour("program.injects", message, "T1055", &[makes, fills, runs]));
    }
    if let (Some(fetch), Some(start)) = (one_of(FETCH), one_of(START)) {
        let message = "the program imports what it takes to save a file from the network and start it";
        findings.add(behaviour("program.download-and-run", message, "T1105", &[fetch, start]));
    }
}

fn add_in(image: &Image<'_>, findings: &mut Findings) {
    let known = ADD_INS.iter().find(|(export, ..)| image.exports.iter().any(|name| name == export));
    if let Some((export, host, technique)) = known {
        let message = format!("the library is one that {host} runs as soon as it is opened");
        let found = Finding::new("program.add-in", ID, Severity::Low, Family::Behaviour, message);
        findings.add(found.technique(technique).with("export", *export));
    }
}

#[cfg(test)]
mod tests;
