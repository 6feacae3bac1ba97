//! OLE compound files by what their directory holds (MS-CFB).

use super::probe::{Found, Probe, has, u16_at, u32_at};

/// Directory sectors that are read: as many hold 260,000 entries of the larger sort.
const MOST_SECTORS: usize = 8192;
/// Sectors that continue the header's list of the allocation table's own.
const MOST_CONTINUED: usize = 4096;
/// Said where not the whole directory was read.
const MORE: &str = "its directory is longer than what was read to tell what it is";
/// CLSIDs of the root entry of installer packages, patches and transforms: 000C1084, 000C1086, 000C1082.
const INSTALLER: [&[u8]; 3] = [
    b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
    b"\x86\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
    b"\x82\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
];

/// CLSID of the root entry of word processor documents of Works from version 5 on: 0EA45AB2.
const WORKS: &[u8] = b"\xb2\x5a\xa4\x0e\x0a\x9e\xd1\x11\xa4\x07\x00\xc0\x4f\xb9\x32\xba";

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    if !probe.head().starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return;
    }
    // A header alone takes 512 bytes: less is the mark without a file, as programs have it that look for such files.
    if probe.sees_all() && probe.len() < 512 {
        return;
    }
    found.add(subtype(&directory(probe)));
}

/// The directory's sectors, in order, as far as the allocation table can be followed (MS-CFB 2.3, 2.6).
fn directory(probe: &Probe<'_>) -> Vec<u8> {
    let head = probe.head();
    let shift = u16_at(head, 30).filter(|shift| matches!(shift, 9 | 12)).unwrap_or(9);
    let size = 1usize << shift;
    let sector = |number: u32| (u64::from(number) + 1) << shift;
    let mut all = Vec::new();
    let mut continued = None;
    let mut next = u32_at(head, 48).unwrap_or(u32::MAX);
    let sectors = probe.len() >> shift;
    for count in 0..=MOST_SECTORS {
        // A chain of more sectors than there are goes round in a circle, and has been read.
        if count as u64 > sectors {
            break;
        }
        if count == MOST_SECTORS {
            probe.doubt(MORE);
            break;
        }
        // MS-CFB 2.1: numbers from 0xFFFFFFFA on are not sectors.
        if next >= 0xffff_fffa {
            break;
        }
        let bytes = probe.at(sector(next), size);
        if bytes.is_empty() {
            break;
        }
        all.extend_from_slice(&bytes);
        // The allocation table's own sectors: the first 109 are listed in the header (2.2), the others in sectors of their own (2.5).
        let (table, entry) = (next as usize / (size / 4), next as usize % (size / 4));
        let table = match table.checked_sub(109) {
            None => u32_at(head, 76 + 4 * table),
            Some(further) => {
                let list = continued.get_or_insert_with(|| continued_list(probe, head, size, sector));
                list.get(further).copied()
            }
        };
        let Some(table) = table else { break };
        let Some(follow) = u32_at(&probe.at(sector(table).saturating_add(4 * entry as u64), 4), 0) else { break };
        next = follow;
    }
    all
}

/// The numbers of the allocation table's sectors beyond the first 109 (2.5), each sector of them ending with the next.
fn continued_list(probe: &Probe<'_>, head: &[u8], size: usize, sector: impl Fn(u32) -> u64) -> Vec<u32> {
    let (mut list, mut next) = (Vec::new(), u32_at(head, 68).unwrap_or(u32::MAX));
    let sectors = probe.len() / size as u64;
    for count in 0..=MOST_CONTINUED {
        // As above.
        if next >= 0xffff_fffa || count as u64 > sectors {
            break;
        }
        if count == MOST_CONTINUED {
            probe.doubt(MORE);
            break;
        }
        let bytes = probe.at(sector(next), size);
        let mut numbers: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let Some(last) = numbers.pop() else { break };
        list.extend(numbers);
        next = last;
    }
    list
}

fn subtype(directory: &[u8]) -> &'static str {
    let mut id = None;
    let mut rank = 0;
    for (index, entry) in directory.chunks_exact(128).enumerate() {
        let clsid = entry.get(80..96).unwrap_or_default();
        if index == 0 && INSTALLER.contains(&clsid) {
            return "msi";
        }
        if index == 0 && clsid == WORKS {
            (id, rank) = (Some("works-ole"), 4);
        }
        let len = usize::from(u16_at(entry, 64).unwrap_or(0)).min(64).saturating_sub(2);
        let name = entry.get(..len).unwrap_or_default();
        // Installer tables have names of characters from U+3800 to U+4840 ("Windows Installer streams").
        let encoded = name.chunks_exact(2).next().is_some_and(|c| u16_at(c, 0) == Some(0x4840));
        let ascii: Vec<u8> =
            name.as_chunks::<2>().0.iter().map(|[low, high]| if *high == 0 { *low } else { b'?' }).collect();
        let (this, weight) = match ascii.as_slice() {
            _ if encoded => ("msi", 9),
            b"EncryptedPackage" => ("ooxml-encrypted", 8),
            n if n.starts_with(b"__properties_version1") || n.starts_with(b"__nameid_version") => ("msg", 7),
            b"WordDocument" => ("doc", 6),
            b"Workbook" | b"Book" | b"WORKBOOK" | b"BOOK" => ("xls", 6),
            b"PowerPoint Document" => ("ppt", 6),
            b"VisioDocument" => ("vsd", 6),
            b"Quill" => ("pub", 5),
            n if n.ends_with(b"HwpSummaryInformation") => ("hwp", 5),
            b"StarWriterDocument"
            | b"StarCalcDocument"
            | b"StarDrawDocument"
            | b"StarDrawDocument3"
            | b"StarMathDocument"
            | b"StarChartDocument" => ("staroffice", 5),
            b"PerfectOffice_MAIN" => ("perfectoffice", 5),
            b"ISolidWorksInformation" | b"swXmlContents" => ("solidworks", 5),
            b"MatOST" => ("works-ole", 4),
            b"Props" | b"   114" => ("mpp", 1),
            b"Catalog" => ("thumbs-db", 2),
            n if n.len() > 4 && has(n, b"256_") => ("thumbs-db", 2),
            _ => continue,
        };
        // What comes first in the directory wins among documents that embed each other at this level.
        if weight > rank {
            (id, rank) = (Some(this), weight);
        }
    }
    id.unwrap_or("cfb")
}
