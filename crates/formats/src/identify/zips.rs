//! ZIP and what is built on it (PKWARE APPNOTE, ECMA-376 part 2, OpenDocument 1.3 part 2, EPUB OCF).

use super::probe::{Found, Probe, has, has_any_case, u16_at, u32_at, u64_at};
use flate2::{Decompress, FlushDecompress};
use std::borrow::Cow;

/// Bytes of the tail searched for the end record: its own 22 and the longest comment.
const TAIL: usize = (64 << 10) + 22;
/// Bytes of the central directory that are read: beyond them an archive has more members than are opened.
const DIRECTORY: usize = 32 << 20;
/// Bytes of a member that are unpacked.
const MEMBER: usize = 64 << 10;
/// End records in a file's tail that are believed.
const MOST_ENDS: usize = 16;

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    if !matches!(
        probe.head(),
        [b'P', b'K', 3, 4, ..]
            | [b'P', b'K', 5, 6, ..]
            | [b'P', b'K', b'0', b'0', b'P', b'K', ..]
            | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..]
    ) {
        return;
    }
    match Directory::find(probe) {
        Some(directory) => found.add(subtype(probe, &directory)),
        None => found.add("zip"),
    }
}

/// The kind of a ZIP whose end record is in the tail although the file starts as something else.
pub(super) fn at_the_end(probe: &Probe<'_>) -> Option<&'static str> {
    // Programs differ in which end record they believe: one that leads nowhere hides no other.
    Directory::all(probe)
        .into_iter()
        .find(|directory| directory.opens(probe))
        .map(|directory| subtype(probe, &directory))
}

/// Where such a ZIP begins and ends, with its comment.
pub(super) fn place(probe: &Probe<'_>) -> Option<(u64, u64)> {
    // Drawings and themes of old documents are small packages of nothing but XML, often in pieces.
    let only_xml = |directory: &Directory| directory.names().all(|name| ends(name, b".xml") || ends(name, b".rels"));
    // Such a package may also stand behind an archive, as its comment.
    Directory::all(probe).into_iter().filter(|directory| !only_xml(directory)).find_map(|directory| {
        let start = directory.places(probe).min()?;
        Some((start, directory.end))
    })
}

/// One member, as the directory describes it.
struct Member {
    name: Vec<u8>,
    method: u16,
    packed: u32,
    header: u64,
}

struct Directory {
    members: Vec<Member>,
    /// How far the archive's beginning lies behind the file's, by the end record.
    shift: u64,
    /// Where the end record ends.
    end: u64,
}

impl Directory {
    fn find(probe: &Probe<'_>) -> Option<Self> {
        Self::at_end(probe).filter(|d| !d.members.is_empty()).or_else(|| Self::from_local_headers(probe))
    }

    /// By the last end record that leads to a directory (APPNOTE 4.3.16), tolerant of data before the archive.
    fn at_end(probe: &Probe<'_>) -> Option<Self> {
        let (tail_start, tail) = probe.tail(TAIL);
        Self::of_tail(probe, tail_start, &tail).next()
    }

    /// By every end record that leads to a directory, the last first.
    fn all(probe: &Probe<'_>) -> Vec<Self> {
        let (tail_start, tail) = probe.tail(TAIL);
        let mut all: Vec<Self> = Self::of_tail(probe, tail_start, &tail).take(MOST_ENDS + 1).collect();
        if all.len() > MOST_ENDS {
            probe.doubt("it has more than 16 ends of archives, and only so many tell what it is");
            all.truncate(MOST_ENDS);
        }
        all
    }

    fn of_tail(probe: &Probe<'_>, tail_start: u64, tail: &[u8]) -> impl Iterator<Item = Self> {
        memchr::memmem::rfind_iter(tail, b"PK\x05\x06").filter_map(move |at| {
            let end = tail_start.checked_add(at as u64)?;
            Self::by_end_record(probe, tail.get(at..)?, end).filter(|directory| !directory.members.is_empty())
        })
    }

    fn by_end_record(probe: &Probe<'_>, record: &[u8], end: u64) -> Option<Self> {
        let mut size = u64::from(u32_at(record, 12)?);
        let mut stated = u64::from(u32_at(record, 16)?);
        let mut directory_end = end;
        if size == 0xffff_ffff || stated == 0xffff_ffff {
            // APPNOTE 4.3.15: the locator of the zip64 end record is right before.
            let locator = probe.at(end.checked_sub(20)?, 20);
            let record_at = u64_at(&locator, 8).filter(|_| locator.starts_with(b"PK\x06\x07"))?;
            let record = probe.at(record_at, 56);
            (size, stated, directory_end) = (u64_at(&record, 40)?, u64_at(&record, 48)?, record_at);
        }
        let start = directory_end.checked_sub(size)?;
        let begins = |at: u64| probe.at(at, 4).starts_with(b"PK\x01\x02");
        let (at, shift, least) = match start {
            start if begins(start) => (start, start.saturating_sub(stated), 0),
            _ if begins(stated) => (stated, 0, 1 << 20),
            _ => return None,
        };
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(DIRECTORY);
        if size > DIRECTORY as u64 {
            probe.doubt("its directory is larger than 32 MiB, and only so much tells what it is");
        }
        let mut members = parse(&probe.at(at, wanted.max(least)), shift);
        // Some programs go by the stated place alone: a length that is too small hides no member from them.
        // LIMIT: names beyond it tell no kind; the opener reads the whole of every directory.
        if at != stated && begins(stated) {
            members.extend(parse(&probe.at(stated, 1 << 20), 0));
        }
        let comment = u16_at(record, 20).unwrap_or_default();
        Some(Self { members, shift, end: (end + 22 + u64::from(comment)).min(probe.len()) })
    }

    /// Where members stand that the directory tells truly. Letters that look like an archive's end have none.
    fn places(&self, probe: &Probe<'_>) -> impl Iterator<Item = u64> {
        self.members.iter().filter_map(|member| {
            // By the place of the directory, or as it is stated.
            let places = [member.header, member.header.wrapping_sub(self.shift)];
            places.into_iter().find(|at| probe.at(*at, 4).starts_with(b"PK\x03\x04"))
        })
    }

    fn opens(&self, probe: &Probe<'_>) -> bool {
        self.places(probe).next().is_some()
    }

    /// By the local headers in the head, for what is cut off (APPNOTE 4.3.7).
    fn from_local_headers(probe: &Probe<'_>) -> Option<Self> {
        let head = probe.head();
        let mut members = Vec::new();
        for at in memchr::memmem::find_iter(head, b"PK\x03\x04") {
            let header = head.get(at..)?;
            let (Some(method), Some(packed), Some(name_len)) =
                (u16_at(header, 8), u32_at(header, 18), u16_at(header, 26))
            else {
                break;
            };
            let Some(name) = header.get(30..30 + usize::from(name_len)) else { break };
            members.push(Member { name: name.to_vec(), method, packed, header: at as u64 });
        }
        (!members.is_empty()).then_some(Self { members, shift: 0, end: head.len() as u64 })
    }

    fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.members.iter().map(|m| m.name.as_slice())
    }

    fn any(&self, test: impl Fn(&[u8]) -> bool) -> bool {
        self.names().any(test)
    }

    fn has(&self, name: &[u8]) -> bool {
        self.any(|n| n.eq_ignore_ascii_case(name))
    }

    /// The start of a member's bytes, unpacked.
    fn read(&self, probe: &Probe<'_>, name: &[u8]) -> Option<Vec<u8>> {
        let member = self.members.iter().find(|m| m.name.eq_ignore_ascii_case(name))?;
        let local = probe.at(member.header, 30);
        if !local.starts_with(b"PK\x03\x04") {
            return None;
        }
        let skip = 30 + u64::from(u16_at(&local, 26)?) + u64::from(u16_at(&local, 28)?);
        let packed = match usize::try_from(member.packed).ok()? {
            0 | 0xffff_ffff => MEMBER,
            // LIMIT: content types beyond it are told by the names of members.
            size => size.min(MEMBER),
        };
        let bytes: Cow<'_, [u8]> = probe.at(member.header.checked_add(skip)?, packed);
        if member.method == 0 {
            return Some(bytes.into_owned());
        }
        let mut out = Vec::with_capacity(MEMBER);
        let _ = Decompress::new(false).decompress_vec(&bytes, &mut out, FlushDecompress::Sync);
        Some(out)
    }
}

/// Central directory headers (APPNOTE 4.3.12).
fn parse(bytes: &[u8], shift: u64) -> Vec<Member> {
    let mut members = Vec::new();
    let mut rest = bytes;
    while rest.starts_with(b"PK\x01\x02") {
        let fields = (
            u16_at(rest, 10),
            u32_at(rest, 20),
            u16_at(rest, 28),
            u16_at(rest, 30),
            u16_at(rest, 32),
            u32_at(rest, 42),
        );
        let (Some(method), Some(packed), Some(name_len), Some(extra_len), Some(comment_len), Some(header)) = fields
        else {
            break;
        };
        let name_end = 46 + usize::from(name_len);
        let Some(name) = rest.get(46..name_end) else { break };
        members.push(Member { name: name.to_vec(), method, packed, header: u64::from(header).saturating_add(shift) });
        rest = rest.get(name_end + usize::from(extra_len) + usize::from(comment_len)..).unwrap_or_default();
    }
    members
}

fn subtype(probe: &Probe<'_>, directory: &Directory) -> &'static str {
    if extends_office(probe, directory) {
        return "oxt";
    }
    if directory.has(b"mimetype")
        && let Some(media_type) = directory.read(probe, b"mimetype")
        && let Some(id) = by_mimetype(&media_type)
    {
        return id;
    }
    if directory.has(b"AndroidManifest.xml") {
        return "apk";
    }
    if directory.has(b"BundleConfig.pb") && directory.has(b"base/manifest/AndroidManifest.xml") {
        return "aab";
    }
    if directory.has(b"[Content_Types].xml")
        || directory.any(|n| n.eq_ignore_ascii_case(b"_rels/.rels"))
        || directory.any(|n| starts(n, b"word/") || starts(n, b"xl/workbook") || starts(n, b"ppt/presentation"))
    {
        return open_packaging(probe, directory).unwrap_or("zip");
    }
    if let Some(id) = extension(probe, directory) {
        return id;
    }
    // FreeCAD, "File Format FCStd": how it is built, and numbers and shapes beside it that only FreeCAD reads.
    if directory.has(b"Document.xml")
        && directory.read(probe, b"Document.xml").is_some_and(|xml| has(&xml, b"<Document SchemaVersion="))
    {
        return "fcstd";
    }
    by_members(directory).unwrap_or("zip")
}

/// Extensions of LibreOffice (OpenOffice.org Developer's Guide, "Extensions"): a description, or a manifest with parts that no document has.
fn extends_office(probe: &Probe<'_>, directory: &Directory) -> bool {
    const PARTS: [&[u8]; 8] = [
        b"vnd.sun.star.basic-library",
        b"vnd.sun.star.dialog-library",
        b"vnd.sun.star.uno-component",
        b"vnd.sun.star.uno-typelibrary",
        b"vnd.sun.star.configuration-data",
        b"vnd.sun.star.configuration-schema",
        b"vnd.sun.star.framework-script",
        b"vnd.sun.star.package-bundle",
    ];
    let says = |name: &[u8], words: &[&[u8]]| {
        directory.has(name) && directory.read(probe, name).is_some_and(|xml| words.iter().any(|word| has(&xml, word)))
    };
    says(b"description.xml", &[b"http://openoffice.org/extensions/description/2006"])
        || says(b"META-INF/manifest.xml", &PARTS)
}

/// Extensions of agents (MCPB, formerly DXT: `manifest.json`, "server") and of browsers (WebExtensions, "manifest_version").
fn extension(probe: &Probe<'_>, directory: &Directory) -> Option<&'static str> {
    if !directory.has(b"manifest.json") {
        return None;
    }
    let manifest = directory.read(probe, b"manifest.json")?;
    let says = |word: &[u8]| has(&manifest, word);
    if says(b"\"mcp_config\"") || says(b"\"dxt_version\"") || says(b"\"mcpb_version\"") {
        return Some("mcpb");
    }
    says(b"\"manifest_version\"").then_some("xpi")
}

fn by_members(directory: &Directory) -> Option<&'static str> {
    if directory.has(b"META-INF/mozilla.rsa")
        || directory.has(b"install.rdf")
        || directory.has(b"manifest.json")
            && directory.any(|n| starts(n, b"_locales/") || ends(n, b"background.js") || starts(n, b"_metadata/"))
    {
        return Some("xpi");
    }
    if directory.has(b"META-INF/MANIFEST.MF") {
        return Some("jar");
    }
    // Since 2013 its parts are archives of their own program; before, one was XML.
    if directory.any(|n| starts(n, b"Index/") && ends(n, b".iwa"))
        || directory.has(b"Index.zip") && directory.any(|n| starts(n, b"Metadata/"))
        || directory.has(b"index.apxl")
        || directory.has(b"index.apxl.gz")
        || directory.has(b"index.xml") && directory.has(b"buildVersionHistory.plist")
    {
        return Some("iwork");
    }
    if directory.any(|n| ends(n, b".dist-info/WHEEL")) {
        return Some("whl");
    }
    if directory.any(|n| starts(n, b"Payload/") && has(n, b".app/")) {
        return Some("ipa");
    }
    let only_kml = directory.members.len() == 1 && directory.any(|n| ends(n, b".kml"));
    if only_kml || directory.has(b"doc.kml") {
        return Some("kmz");
    }
    if directory.any(|n| ends(n, b".nuspec") && !n.contains(&b'/')) {
        return Some("nupkg");
    }
    if directory.any(|n| ends(n, b".class")) {
        return Some("jar");
    }
    None
}

/// `mimetype` is the first member of an OpenDocument or EPUB file (OpenDocument 1.3 part 2, 3.3).
fn by_mimetype(media_type: &[u8]) -> Option<&'static str> {
    const TYPES: &[(&[u8], &str)] = &[
        (b"application/vnd.oasis.opendocument.text-template", "ott"),
        (b"application/vnd.oasis.opendocument.text-master", "odm"),
        (b"application/vnd.oasis.opendocument.text", "odt"),
        (b"application/vnd.oasis.opendocument.spreadsheet-template", "ots"),
        (b"application/vnd.oasis.opendocument.spreadsheet", "ods"),
        (b"application/vnd.oasis.opendocument.presentation-template", "otp"),
        (b"application/vnd.oasis.opendocument.presentation", "odp"),
        (b"application/vnd.oasis.opendocument.graphics", "odg"),
        (b"application/vnd.oasis.opendocument.formula", "odf"),
        (b"application/vnd.oasis.opendocument.base", "odb"),
        (b"application/vnd.oasis.opendocument.database", "odb"),
        (b"application/vnd.sun.xml.", "sxw"),
        (b"application/epub+zip", "epub"),
        (b"application/hwp+zip", "hwpx"),
        (b"application/x-krita", "kra"),
    ];
    let media_type = media_type.trim_ascii_start();
    TYPES.iter().find(|(prefix, _)| media_type.starts_with(prefix)).map(|(_, id)| *id)
}

/// Office and everything else on Open Packaging (ECMA-376 part 2), by the content type of the main part. Macros count
/// whether the types or only the names speak of them: Office's own check is not ours to guess.
fn open_packaging(probe: &Probe<'_>, directory: &Directory) -> Option<&'static str> {
    let types = directory.read(probe, b"[Content_Types].xml").unwrap_or_default().to_ascii_lowercase();
    let macros = has(&types, b"vbaproject") || directory.any(|n| has_any_case(n, b"vbaproject"));
    // Part of the main content type, the kind, the kind with macros.
    const MAIN: &[(&[u8], &str, &str)] = &[
        (b"ms-word.document.macroenabled.main", "docm", "docm"),
        (b"ms-word.template.macroenabledtemplate.main", "dotm", "dotm"),
        (b"wordprocessingml.template.main", "dotx", "dotm"),
        (b"wordprocessingml.document.main", "docx", "docm"),
        (b"ms-excel.sheet.binary.macroenabled.main", "xlsb", "xlsb"),
        (b"ms-excel.sheet.macroenabled.main", "xlsm", "xlsm"),
        (b"ms-excel.template.macroenabled.main", "xltm", "xltm"),
        (b"ms-excel.addin.macroenabled.main", "xlam", "xlam"),
        (b"spreadsheetml.template.main", "xltx", "xltm"),
        (b"spreadsheetml.sheet.main", "xlsx", "xlsm"),
        (b"ms-powerpoint.presentation.macroenabled.main", "pptm", "pptm"),
        (b"ms-powerpoint.slideshow.macroenabled.main", "ppsm", "ppsm"),
        (b"ms-powerpoint.template.macroenabled.main", "potm", "potm"),
        (b"ms-powerpoint.addin.macroenabled.main", "ppam", "ppam"),
        (b"presentationml.slideshow.main", "ppsx", "ppsm"),
        (b"presentationml.template.main", "potx", "potm"),
        (b"presentationml.presentation.main", "pptx", "pptm"),
        (b"visio.drawing.macroenabled.main", "vsdm", "vsdm"),
        (b"visio.drawing.main", "vsdx", "vsdm"),
    ];
    if let Some((_, plain, with_macros)) = MAIN.iter().find(|(part, ..)| has(&types, part)) {
        return Some(if macros { with_macros } else { plain });
    }
    let other = if directory.has(b"AppxMetadata/AppxBundleManifest.xml") {
        "msixbundle"
    } else if directory.has(b"AppxManifest.xml") {
        "msix"
    } else if directory.has(b"extension.vsixmanifest") {
        "vsix"
    } else if directory.any(|n| ends(n, b".nuspec")) {
        "nupkg"
    } else if has(&types, b"xps-fixeddocument") || has(&types, b"oxps") || directory.any(|n| ends(n, b".fdseq")) {
        "xps"
    } else if has(&types, b"3dmanufacturing") {
        "3mf"
    } else if directory.any(|n| starts(n, b"word/")) {
        if macros { "docm" } else { "docx" }
    } else if directory.any(|n| starts(n, b"xl/")) {
        if macros { "xlsm" } else { "xlsx" }
    } else if directory.any(|n| starts(n, b"ppt/")) {
        if macros { "pptm" } else { "pptx" }
    } else if directory.has(b"META-INF/MANIFEST.MF") {
        "jar"
    } else {
        "ooxml"
    };
    Some(other)
}

fn starts(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|n| n.eq_ignore_ascii_case(prefix))
}

fn ends(name: &[u8], suffix: &[u8]) -> bool {
    name.len().checked_sub(suffix.len()).and_then(|at| name.get(at..)).is_some_and(|n| n.eq_ignore_ascii_case(suffix))
}
