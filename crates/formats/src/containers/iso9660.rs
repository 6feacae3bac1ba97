//! ISO 9660 (ECMA-119) with Joliet and Rock Ridge (SUSP, RRIP).
//!
//! One image may show different files to different systems; the union of all trees is inspected.

#[cfg(test)]
mod tests;
mod tree;

use super::bytes::{link_escapes, link_finding, u32_le};
use super::{Format, zisofs};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Family, Finding, Role, Severity};
use memchr::memmem;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tree::{File, SECTOR, Tree};

/// The opener.
pub struct Iso9660;

/// Trees that are read: a disc of many sessions has two for each.
const MOST_TREES: usize = 256;
/// Files that are listed, in all trees.
const MOST_FILES: usize = 1_000_000;
/// Sectors looked through at a time.
const CHUNK: u64 = 512;
/// Bytes from the start in which anything that looks like UDF is taken for it.
const UDF_HEAD: usize = 512 << 10;

impl Format for Iso9660 {
    fn id(&self) -> &'static str {
        "iso9660"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["iso9660"]
    }

    fn summary(&self) -> &'static str {
        "every session; primary, Joliet and Rock Ridge names; UDF file systems are recognised and not read"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut trees: Vec<Tree> = Vec::new();
        let mut roots = HashSet::new();
        let mut room = MOST_FILES;
        let mut volume_size = 0;
        let descriptors = Descriptors::find(input, parts)?;
        for at in descriptors.found {
            let descriptor = input.window(at, SECTOR as usize)?.into_owned();
            // ECMA-119, 8.4 and 8.5: the escape sequences of Joliet stand at 88. Descriptors with others have trees as well.
            let joliet = match (descriptor.first(), descriptor.get(88..91)) {
                (Some(2), Some([0x25, 0x2f, 0x40 | 0x43 | 0x45])) => true,
                (Some(1 | 2), _) => false,
                _ => continue,
            };
            volume_size = volume_size.max(u64::from(u32_le(&descriptor, 80).unwrap_or_default()) * SECTOR);
            let Some(root) = descriptor.get(156..190) else {
                parts.incomplete("a volume descriptor is cut");
                continue;
            };
            // Where it stands and how long it is; descriptors may well share a tree.
            if !roots.insert((root.get(1..18).unwrap_or_default().to_vec(), joliet)) {
                continue;
            }
            if trees.len() >= MOST_TREES {
                parts.incomplete(format!("it has more than {MOST_TREES} trees, and only so many are read"));
                break;
            }
            let tree = Tree::read(input, root, joliet, room, parts)?;
            room -= tree.files.len().min(room);
            trees.push(tree);
        }
        let head = input.window(0, UDF_HEAD)?;
        let udf = descriptors.udf || [b"NSR02", b"NSR03"].iter().any(|id| memmem::find(&head, *id).is_some());
        if trees.is_empty() {
            return Err(OpenError::malformed("there is no volume descriptor", 16 * SECTOR));
        }
        if udf {
            parts.incomplete("UDF file systems are recognised and not read");
        }
        if trees.iter().any(|tree| tree.damaged) {
            parts.incomplete("a folder is damaged or cut");
        }
        disagreements(&trees, parts);
        add_all(input, &trees, volume_size, parts)
    }
}

/// Sectors that are volume descriptors, or look like one.
struct Descriptors {
    found: Vec<u64>,
    /// One of those that every system reads announces UDF.
    udf: bool,
}

impl Descriptors {
    fn find(input: &Content, parts: &mut Parts<'_, '_>) -> Result<Self, OpenError> {
        let (mut found, mut udf) = (Vec::new(), false);
        // ECMA-167, 2/8.3: the sequence begins at sector 16 and goes on as long as its descriptors are known.
        let mut sequence = true;
        let mut at = 0;
        while at < input.len() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let window = input.window(at, (CHUNK * SECTOR) as usize)?;
            for (sector, start) in window.chunks(SECTOR as usize).zip((at..).step_by(SECTOR as usize)) {
                let id = sector.get(1..6).unwrap_or_default();
                if id == b"CD001" {
                    found.push(start);
                }
                if start >= 16 * SECTOR {
                    udf |= sequence && matches!(id, b"NSR02" | b"NSR03");
                    sequence &=
                        matches!(id, b"CD001" | b"CDW02" | b"BEA01" | b"BOOT2" | b"NSR02" | b"NSR03" | b"TEA01");
                }
            }
            at += CHUNK * SECTOR;
        }
        Ok(Self { found, udf })
    }
}

/// Reports files that only some of the trees show.
fn disagreements(trees: &[Tree], parts: &mut Parts<'_, '_>) {
    // In how many trees each extent is.
    let mut shown: HashMap<(u64, u64), usize> = HashMap::new();
    for tree in trees {
        let files: HashSet<(u64, u64)> = tree.files.iter().filter(|f| f.size > 0).map(|f| (f.at, f.size)).collect();
        files.into_iter().for_each(|file| *shown.entry(file).or_default() += 1);
    }
    let hidden: Vec<&File> = trees
        .iter()
        .flat_map(|tree| &tree.files)
        .filter(|file| shown.get(&(file.at, file.size)).is_some_and(|count| *count < trees.len()))
        .collect();
    if hidden.is_empty() {
        return;
    }
    let names: BTreeSet<&str> = hidden.iter().map(|file| &*file.path).take(8).collect();
    let finding = Finding::new(
        "iso.hidden-tree",
        "iso9660",
        Severity::Medium,
        Family::Structure,
        format!("the image shows different files to different systems; only some see {} of them", hidden.len()),
    )
    .technique("T1553.005")
    .with("names", names.into_iter().collect::<Vec<_>>().join(", "));
    parts.finding(finding);
}

fn add_all(input: &Content, trees: &[Tree], volume_size: u64, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    // By extent: the names it has, the best first. Windows prefers Joliet, others Rock Ridge.
    let mut extents: BTreeMap<(u64, u64), Vec<&File>> = BTreeMap::new();
    let mut empty: BTreeSet<&str> = BTreeSet::new();
    for tree in trees {
        for file in &tree.files {
            if let Some(target) = &file.link
                && link_escapes(&file.path, target)
            {
                parts.finding(link_finding("iso9660", &file.path, target));
            }
            if file.size > 0 {
                extents.entry((file.at, file.size)).or_default().push(file);
            } else if file.link.is_none() {
                empty.insert(&file.path);
            }
        }
    }
    let hidden: BTreeSet<&str> =
        trees.iter().flat_map(|tree| &tree.files).filter(|file| file.hidden).map(|file| &*file.path).collect();
    if !hidden.is_empty() {
        let message = format!("{} files of the image are marked as hidden", hidden.len());
        let finding = Finding::new("iso.hidden-files", "iso9660", Severity::Low, Family::Structure, message);
        let names: Vec<_> = hidden.into_iter().take(8).collect();
        parts.finding(finding.technique("T1564.001").with("names", names.join(", ")));
    }
    let mut beyond = 0;
    for ((at, size), mut files) in extents {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        files.sort_by_key(|file| (!file.joliet, !file.rock_ridge));
        let compressed = files.iter().find_map(|file| file.compressed);
        // The short names of the primary tree are another form of the same name.
        let named: Vec<&File> = files.iter().copied().filter(|file| file.joliet || file.rock_ridge).collect();
        let mut shown: Vec<&File> = if named.is_empty() { files } else { named };
        let mut seen = BTreeSet::new();
        shown.retain(|file| seen.insert(&*file.path));
        beyond += u32::from(volume_size > 0 && at.saturating_add(size) > volume_size);
        for file in shown {
            let data = input.slice(at, size);
            let mut member = Member::named(Role::Member, file.path.clone());
            if data.len() < size {
                member = member.incomplete("the image ends before it does");
            }
            if file.pieces {
                member = member.incomplete("it is in several pieces, of which this is one");
            }
            if let Some((words, shift)) = compressed
                && let Some(reason) = zisofs::disagreement(&data.window(0, 16)?, words, shift)
            {
                member = member.incomplete(reason);
            }
            parts.add_content(member, data)?;
        }
    }
    for path in empty {
        parts.add_content(Member::named(Role::Member, path), Content::from(&b""[..]))?;
    }
    if beyond > 0 {
        let finding = Finding::new(
            "iso.beyond-volume",
            "iso9660",
            Severity::Medium,
            Family::Structure,
            format!("{beyond} files lie beyond the size that the image says it has"),
        );
        parts.finding(finding.technique("T1027").with("files", beyond));
    }
    Ok(())
}
