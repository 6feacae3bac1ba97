//! What fuzz targets begin with: the stand-ins, by the parser that each belongs to, and small inputs for parsers that have none.

use super::{attack, decode, stored_paths};
use std::path::Path;

/// Bytes of the largest seed: a fuzzer learns nothing from the zeros of larger stand-ins.
const MOST: usize = 1 << 20;
/// Bytes of the largest that kinds are told from.
const MOST_HEAD: usize = 64 << 10;
/// A hash that lists of hashes are written with.
const HASH: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// Writes seeds of every fuzz target below a folder, and says how many.
///
/// # Errors
/// When a file cannot be read or written; the text names it.
pub fn unpack(root: &Path, folder: &Path) -> Result<usize, String> {
    let mut count = 0;
    let mut write = |target: &str, name: &str, bytes: &[u8]| {
        let place = folder.join(target);
        let path = place.join(name);
        let written = std::fs::create_dir_all(&place).and_then(|()| std::fs::write(&path, bytes));
        written.map_err(|error| format!("`{}`: {error}", path.display()))?;
        count += 1;
        Ok::<(), String>(())
    };
    for path in stored_paths(root) {
        let stored = std::fs::read(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        let (_, bytes) = decode(&stored).ok_or_else(|| format!("`{}` is not a stand-in", path.display()))?;
        let id = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let prefix = if path.starts_with(root.join("crates/detect")) { "detect" } else { "open" };
        if bytes.len() <= MOST {
            write(&format!("{prefix}_{id}"), &name, &bytes)?;
        }
        if bytes.len() <= MOST_HEAD {
            write("identify", &format!("{id}-{name}"), &bytes)?;
            write("identify_head", &format!("{id}-{name}"), &bytes)?;
        }
    }
    for (target, seeds) in written() {
        for (number, bytes) in seeds.iter().enumerate() {
            write(target, &format!("seed-{number}"), bytes)?;
        }
    }
    Ok(count)
}

/// Inputs of parsers that no stand-in is for.
fn written() -> [(&'static str, Vec<Vec<u8>>); 6] {
    let text = |text: &str| text.as_bytes().to_vec();
    let lists = [
        format!("# known bad\n{HASH}  a.exe\n{}\n{}\n", &HASH[..40], &HASH[..32]),
        format!("\"sha256_hash\",\"signature\"\n\"{HASH}\",\"Family\"\n"),
        format!("{{\"Event\":{{\"info\":\"x\",\"Attribute\":[{{\"value\":\"a|{HASH}\",\"comment\":\"y\"}}]}}}}"),
    ];
    // Nothing changed, and the number of hashes changed.
    let compiled = lists.iter().flat_map(|list| {
        let whole = [&[0][..], list.as_bytes()].concat();
        [whole, [&[1, 16, 0, 9][..], list.as_bytes()].concat()]
    });
    let block = [198, 51, 100, 7, 192, 0, 2, 1, 0xc7, 0x38, 1, 0xbb];
    let version2 = |command: u8, family: u8, block: &[u8]| {
        let length = (block.len() as u16).to_be_bytes();
        [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, block].concat()
    };
    let bundle = attack::bundle(&[
        attack::technique(),
        attack::mitigation(),
        attack::relation(1, "mitigates", attack::MITIGATION, attack::TECHNIQUE),
    ]);
    let layer = "{\"name\":\"x\",\"domain\":\"enterprise-attack\",\"versions\":{\"layer\":\"4.5\"},\
                 \"techniques\":[{\"techniqueID\":\"T1204\",\"score\":1,\"color\":\"#ff0000\",\"comment\":\"y\"}]}";
    [
        (
            "balancer_header",
            vec![
                text("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\nGET / HTTP/1.1\r\n"),
                text("PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n"),
                text("PROXY UNKNOWN\r\n"),
                version2(0x21, 0x11, &block),
                version2(0x21, 0x11, &[&block[..], &[2, 0, 9], b"a.example", &[3, 0, 4, 0, 0, 0, 0]].concat()),
                version2(0x20, 0, &[]),
            ],
        ),
        ("hashes_text", lists.iter().map(|list| text(list)).collect()),
        ("hashes_compiled", compiled.collect()),
        (
            "rules_includes",
            vec![text("include \"a.yar\" include \"b.yar\" // c\n/* \ninclude \"d\" */\nrule e { condition: true }\n")],
        ),
        ("library_bundle", vec![bundle]),
        ("library_layer", vec![text(layer)]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fuzz_target_begins_with_seeds() {
        let (root, folder) = (crate::root(), tempfile::tempdir().unwrap());
        let number = unpack(&root, folder.path()).unwrap();
        let mut targets = 0;
        for entry in std::fs::read_dir(root.join("fuzz/fuzz_targets")).unwrap() {
            let path = entry.unwrap().path();
            let target = path.file_stem().unwrap().to_str().unwrap();
            let seeds = std::fs::read_dir(folder.path().join(target)).map_or(0, Iterator::count);
            assert!(seeds > 0, "`{target}` has none");
            targets += 1;
        }
        assert!(number > targets, "{number} seeds of {targets}");
    }
}
