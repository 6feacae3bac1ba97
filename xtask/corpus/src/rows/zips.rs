//! C1–C11: ZIP archives with lies in their records.

use crate::Standin;
use crate::build::archive::{deflate, tar};
use crate::build::zip::{self, Entry, deflated, stored};
use crate::build::{eicar, put};
use ::zip::CompressionMethod;

const ZIP: &str = "formats/zip";
const NAME: &str = "a.com";

pub(super) fn all() -> Vec<Standin> {
    let new = |row, name, what, bytes| Standin::new(row, ZIP, name, what, bytes);
    let payload = || deflated(NAME, &eicar());
    let one = |entry: Entry| zip::archive(&[entry]);
    let decoy = || stored("readme.txt", b"nothing to see");
    let long = [eicar(), b" ".repeat(20)].concat();
    let mut all = vec![
        new("C1", "name.zip", "another name in the local header", one(Entry { name: b"a.txt".to_vec(), ..payload() }))
            .payload("")
            .finds("zip.header-mismatch"),
        new("C1", "size.zip", "another size in the directory", one(Entry { compressed: 5, size: 5, ..payload() }))
            .payload(""),
        new("C1", "method.zip", "another method in the directory", one(Entry { method: 0, ..payload() }))
            .payload("")
            .finds("zip.header-mismatch"),
        new(
            "C1",
            "local-method.zip",
            "another method in the local header",
            one(Entry { local_method: 0, ..payload() }),
        )
        .payload("")
        .finds("zip.header-mismatch"),
        new("C1", "flags.zip", "an encryption flag in one header only", one(Entry { flags: 1, ..payload() }))
            .payload("")
            .finds("zip.header-mismatch"),
        new("C2", "two.zip", "two directories", two_directories()).payload(NAME).finds("zip.several-directories"),
        new(
            "C2",
            "comment.zip",
            "an end of a directory in the comment",
            zip::with_comment(&[payload()], &zip::end(0, 0, 0, b"")),
        )
        .payload(NAME),
        new("C2", "ends.zip", "two ends of the directory", [one(payload()), zip::end(0, 0, 0, b"")].concat())
            .payload(NAME),
        new(
            "C2",
            "hidden.zip",
            "a member that no directory lists",
            zip::archive(&[decoy(), Entry { listed: false, ..payload() }]),
        )
        .payload(NAME)
        .finds("zip.unlisted-member"),
        new("C3", "first.zip", "a payload in the first of two", [one(payload()), one(decoy())].concat()).payload(NAME),
        new("C3", "second.zip", "a payload in the second of two", [one(decoy()), one(payload())].concat())
            .payload(NAME),
        new(
            "C3",
            "third.zip",
            "a payload in the middle of three",
            [one(decoy()), one(payload()), one(decoy())].concat(),
        )
        .payload(NAME),
        new(
            "C5",
            "zip64.zip",
            "ZIP64 sizes that lie",
            one(Entry { compressed: u32::MAX, size: u32::MAX, extra: zip64(&[1 << 40, 1 << 40]), ..payload() }),
        )
        .payload(""),
        new("C5", "locator.zip", "a ZIP64 locator that leads nowhere", locator()).payload(NAME),
        new(
            "C6",
            "flagged.zip",
            "plain data that claims to be encrypted",
            one(Entry { flags: 1, local_flags: 1, ..payload() }),
        )
        .payload(NAME)
        .finds("zip.false-encryption"),
        new("C6", "unflagged.zip", "encrypted data that claims to be plain", unflagged()).blocked(),
        new(
            "C7",
            "descriptor.zip",
            "sizes that follow the data",
            one(Entry { flags: 8, local_flags: 8, descriptor: true, ..payload() }),
        )
        .payload(NAME),
        new(
            "C7",
            "stream.zip",
            "sizes that follow the data, without a directory",
            Entry { flags: 8, local_flags: 8, descriptor: true, ..payload() }.local(),
        )
        .payload(NAME),
        new("C7", "overlap.zip", "overlapping members", overlapping()).finds("limit.ratio").held(),
    ];
    let method = |name, what, bytes| new("C8", name, what, bytes).payload(NAME);
    all.extend([
        method("bzip2.zip", "bzip2 in ZIP", zip::written(NAME, &eicar(), CompressionMethod::Bzip2)),
        method("lzma.zip", "LZMA in ZIP", zip::lzma(NAME, &eicar())),
        method("xz.zip", "xz in ZIP", zip::written(NAME, &eicar(), CompressionMethod::Xz)),
        method("ppmd.zip", "PPMd in ZIP", zip::written(NAME, &eicar(), CompressionMethod::Ppmd)),
        method(
            "zstd.zip",
            "zstd in ZIP",
            zip::archive(&[zip::with_method(NAME, &eicar(), 93, crate::build::archive::zstd(&eicar()))]),
        ),
        // A block that is stored looks the same in both.
        method(
            "deflate64.zip",
            "deflate64 in ZIP",
            zip::archive(&[zip::with_method(NAME, &eicar(), 9, stored_block(&eicar()))]),
        ),
        method("shrink.zip", "shrink in ZIP", zip::archive(&[zip::with_method(NAME, &eicar(), 1, shrink(&eicar()))])),
        new(
            "C8",
            "jpeg.zip",
            "a method that nobody reads",
            zip::archive(&[zip::with_method(NAME, &eicar(), 96, eicar())]),
        )
        .incomplete("method")
        .blocked(),
        new("C8", "wavpack.zip", "WavPack in ZIP", zip::archive(&[zip::with_method(NAME, &eicar(), 97, eicar())]))
            .incomplete("method")
            .blocked(),
        new("C9", "crc.zip", "a wrong checksum", one(Entry { crc: 7, ..payload() })).payload(NAME),
        new("C9", "cut.zip", "an archive without its directory", {
            let mut bytes = zip::archive(&[payload(), decoy()]);
            bytes.truncate(bytes.len() - 120);
            bytes
        })
        .payload(NAME),
        new("C9", "cut-member.zip", "a last member that is cut", {
            let entry = stored(NAME, &long);
            let bytes = entry.local();
            bytes[..bytes.len() - 15].to_vec()
        })
        .payload(NAME)
        .incomplete(""),
        new(
            "C10",
            "twice.zip",
            "one name twice, the payload first",
            zip::archive(&[payload(), Entry { name: NAME.into(), local_name: NAME.into(), ..decoy() }]),
        )
        .payload(NAME),
        new(
            "C10",
            "twice-last.zip",
            "one name twice, the payload last",
            zip::archive(&[Entry { name: NAME.into(), local_name: NAME.into(), ..decoy() }, payload()]),
        )
        .payload(""),
        new("C11", "unicode.zip", "another name in the Unicode field", unicode()).finds("zip.unicode-name").payload(""),
        new("C4", "sfx.exe", "a ZIP behind a program", [crate::build::program::exe(), one(payload())].concat())
            .payload(NAME),
        new(
            "C25",
            "tar.zip",
            "a tar in a ZIP in a tar",
            tar(&[("inner.zip", &zip::of(&[("inner.tar", &tar(&[(NAME, &eicar())]))]))]),
        )
        .payload(NAME),
    ]);
    all
}

fn zip64(values: &[u64]) -> Vec<u8> {
    let mut out = vec![1, 0];
    out.extend((8 * values.len() as u16).to_le_bytes());
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    out
}

fn two_directories() -> Vec<u8> {
    let (payload, decoy) = (deflated(NAME, &eicar()), stored("readme.txt", b"nothing to see"));
    let mut out = payload.local();
    let at = out.len() as u32;
    out.extend(decoy.local());
    for (entry, place) in [(&payload, 0), (&decoy, at)] {
        let start = out.len() as u32;
        let directory = entry.central(place);
        out.extend(&directory);
        out.extend(zip::end(1, directory.len() as u32, start, b""));
    }
    out
}

fn locator() -> Vec<u8> {
    let entry = deflated(NAME, &eicar());
    let mut out = entry.local();
    let start = out.len() as u32;
    let directory = entry.central(0);
    out.extend(&directory);
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((1u64 << 50).to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(zip::end(1, directory.len() as u32, start, b""));
    out
}

fn unflagged() -> Vec<u8> {
    let mut bytes = zip::zip_crypto(NAME, &eicar(), "Zq9-nowhere-told");
    put(&mut bytes, 6, &[0, 0]);
    let at = bytes.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
    put(&mut bytes, at + 8, &[0, 0]);
    bytes
}

/// Every member of the directory is the same stretch of the file.
fn overlapping() -> Vec<u8> {
    let kernel =
        zip::Entry { size: 8 << 20, ..zip::with_method("0", &vec![0; 8 << 20], 8, deflate(&vec![0; 8 << 20])) };
    let mut out = kernel.local();
    let start = out.len() as u32;
    let directory: Vec<u8> =
        (0..250).flat_map(|index| Entry { name: index.to_string().into(), ..kernel.clone() }.central(0)).collect();
    out.extend(&directory);
    out.extend(zip::end(250, directory.len() as u32, start, b""));
    out
}

fn unicode() -> Vec<u8> {
    let mut extra = vec![0x75, 0x70];
    let other = b"invoice.pdf";
    extra.extend((5 + other.len() as u16).to_le_bytes());
    extra.push(1);
    extra.extend(zip::crc32(NAME.as_bytes()).to_le_bytes());
    extra.extend(other);
    zip::archive(&[Entry { extra, ..deflated(NAME, &eicar()) }])
}

fn stored_block(plain: &[u8]) -> Vec<u8> {
    let length = plain.len() as u16;
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), plain].concat()
}

/// Codes of nine bits, every byte its own (APPNOTE 5.1).
fn shrink(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in plain {
        bits |= u32::from(*byte) << count;
        count += 9;
        while count >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    out.push(bits as u8);
    out
}
