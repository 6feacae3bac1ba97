//! Recordings of instruments, runs of simulations, and tables and pictures of older programs: told by numbers that fit each other.

use super::probe::{Probe, be32_at, u16_at, u32_at};

/// Values of MessagePack that are read.
const MOST_VALUES: usize = 1024;
/// Lists and maps in each other that are followed.
const MOST_DEPTH: usize = 64;
/// Bytes below which nothing is told by MessagePack: a few bytes are a map of something by chance.
const LEAST_MESSAGE: u64 = 24;

/// What bytes are that are no text.
pub(super) fn kind(probe: &Probe<'_>) -> Option<&'static str> {
    let head = probe.head();
    match () {
        () if inventory(head) => Some("sphinx-inventory"),
        () if asdf(head) => Some("asdf"),
        // CHARMM: a Fortran record of 84 bytes, and what is in it.
        () if trajectory(head) => Some("dcd"),
        () if gromacs(head) => Some("gromacs"),
        () if seed(head) => Some("miniseed"),
        () if sac(probe) => Some("sac"),
        () if segy(head) => Some("segy"),
        () if analyze(probe) => Some("analyze"),
        () if mgh(probe) => Some("mgh"),
        () if cells(head) => Some("affymetrix"),
        () if strings(probe) => Some("strfile"),
        () if msp(head) => Some("msp"),
        () if dib(probe) => Some("dib"),
        // Blender `datafiles`: triangles of three points and three colours.
        () if head.starts_with(b"VCO\0") && probe.len() >= 26 && (probe.len() - 8).is_multiple_of(18) => {
            Some("blender-icon")
        }
        () if resources(probe) => Some("resource-fork"),
        () if marc(head) => Some("marc"),
        () if tex_font(probe) => Some("tex-font"),
        () if message(probe) => Some("msgpack"),
        () => None,
    }
}

fn be16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}

/// Sphinx, `util/inventory.py`, version 2: four lines that say what it is, and zlib.
fn inventory(head: &[u8]) -> bool {
    // LIMIT: the names of a project and its version are short.
    let mut lines = head.get(..1024).unwrap_or(head).splitn(5, |byte| *byte == b'\n');
    let mut next = |start: &[u8]| lines.next().is_some_and(|line| line.starts_with(start));
    next(b"# Sphinx inventory version 2")
        && next(b"# Project: ")
        && next(b"# Version: ")
        && next(b"# The remainder of this file is compressed using zlib.")
        && next(b"\x78")
}

/// Advanced Scientific Data Format: two lines of its own, and YAML.
fn asdf(head: &[u8]) -> bool {
    let mut lines = head.get(..256).unwrap_or(head).split(|byte| *byte == b'\n');
    let mut next = |start: &[u8]| lines.next().is_some_and(|line| line.starts_with(start));
    next(b"#ASDF 1.") && next(b"#ASDF_STANDARD 1.") && next(b"%YAML 1.")
}

/// CHARMM and NAMD: a Fortran record of 84 bytes that begins with what it is about, and ends in its length again.
fn trajectory(head: &[u8]) -> bool {
    let framed = |number: fn(&[u8], usize) -> Option<u32>| number(head, 0) == Some(84) && number(head, 88) == Some(84);
    matches!(head.get(4..8), Some(b"CORD" | b"VELD")) && (framed(u32_at) || framed(be32_at))
}

/// GROMACS: coordinates (`xtc`, `trr`, `tng`), energies (`edr`) and what a run is made of (`tpr`), most in XDR (RFC 4506).
fn gromacs(head: &[u8]) -> bool {
    let number = |at: usize| be32_at(head, at);
    match number(0) {
        // The number of atoms stands before and behind step, time and box.
        Some(1995 | 2023) => number(4).is_some_and(|atoms| atoms > 0) && number(4) == number(52),
        Some(1993) => head.get(4..24) == Some(b"\0\0\0\x0d\0\0\0\x0cGMX_trn_file"),
        Some(0xffff_26fd) => matches!(number(4), Some(1..=10)),
        // A text has its length with and without the NUL at its end.
        Some(length @ 9..=64) if number(4) == Some(length - 1) => head.get(8..16) == Some(b"VERSION "),
        _ => head.get(40..53) == Some(b"GENERAL INFO\0") && head.get(16..24) == Some(&[0; 8]),
    }
}

/// miniSEED (SEED 2.4, chapter 8): a number, a mark, names of six, two, three and two letters, and a time.
fn seed(head: &[u8]) -> bool {
    let number = head.get(..6).is_some_and(|digits| digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b' '));
    let mark = matches!(head.get(6..8), Some([b'D' | b'R' | b'Q' | b'M', b' ' | 0]));
    let name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    let named = head.get(8..20).is_some_and(|names| names.iter().all(name));
    let when = |number: fn(&[u8], usize) -> Option<u16>| {
        number(head, 20).is_some_and(|year| (1900..2200).contains(&year))
            && number(head, 22).is_some_and(|day| (1..=366).contains(&day))
    };
    let clock = matches!(head.get(24..26), Some([0..=23, 0..=59]));
    number && mark && named && clock && (when(be16_at) || when(u16_at))
}

/// SAC (IRIS, "SAC Data File Format"): 632 bytes of header, the version in it, and one or two numbers for each point.
fn sac(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let fits = |number: fn(&[u8], usize) -> Option<u32>| {
        let Some(points) = number(head, 316).map(u64::from) else { return false };
        let footer = match number(head, 304) {
            Some(6) => 0,
            Some(7) => 176,
            _ => return false,
        };
        probe.sees_all() && points > 0 && [4, 8].iter().any(|each| probe.len() == 632 + footer + each * points)
    };
    fits(u32_at) || fits(be32_at)
}

/// SEG-Y (SEG 2002, revision 1): 3,200 letters in EBCDIC or ASCII that begin with `C`, and a header with the form of the numbers.
fn segy(head: &[u8]) -> bool {
    let titled =
        matches!(head, [0xc3, 0x40 | 0xf0, 0x40 | 0xf0 | 0xf1, ..] | [b'C', b' ' | b'0', b' ' | b'0' | b'1', ..]);
    let some = |at: usize| be16_at(head, at).is_some_and(|number| number > 0);
    titled && some(3216) && some(3220) && matches!(be16_at(head, 3224), Some(1..=16))
}

/// Analyze 7.5: 348 bytes, which is what the first four say, and a letter that is always the same.
fn analyze(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    probe.len() == 348 && (u32_at(head, 0) == Some(348) || be32_at(head, 0) == Some(348)) && head.get(38) == Some(&b'r')
}

/// FreeSurfer `mgh`: version 1, four lengths, a type of number, and as many numbers behind 284 bytes.
fn mgh(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let lengths = [4, 8, 12, 16].map(|at| be32_at(head, at).filter(|length| (1..1 << 16).contains(length)));
    let volume = lengths.into_iter().try_fold(1_u64, |all, length| all.checked_mul(u64::from(length?)));
    let width = match be32_at(head, 20) {
        Some(0) => 1,
        Some(1 | 3) => 4,
        Some(4 | 10) => 2,
        _ => return false,
    };
    let fits = |volume: u64| volume.checked_mul(width).is_some_and(|bytes| bytes.saturating_add(284) <= probe.len());
    be32_at(head, 0) == Some(1) && be16_at(head, 28) == Some(1) && (!probe.sees_all() || volume.is_some_and(fits))
}

/// Affymetrix `CEL`, version 4: as many cells as columns times rows.
fn cells(head: &[u8]) -> bool {
    let number = |at: usize| u32_at(head, at).map(u64::from);
    let (Some(columns), Some(rows), Some(cells)) = (number(8), number(12), number(16)) else { return false };
    number(0) == Some(64) && number(4) == Some(4) && cells > 0 && columns.checked_mul(rows) == Some(cells)
}

/// `strfile(8)`: places of so many texts, and one more, behind 24 bytes.
fn strings(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let (Some(1 | 2), Some(count)) = (be32_at(head, 0), be32_at(head, 4)) else { return false };
    let longest = be32_at(head, 8).zip(be32_at(head, 12)).is_some_and(|(longest, shortest)| longest >= shortest);
    let ends = head.get(20).is_some_and(u8::is_ascii_graphic) && head.get(21..24) == Some(&[0; 3]);
    count > 0 && longest && ends && probe.sees_all() && probe.len() == 24 + 4 * (u64::from(count) + 1)
}

/// Microsoft Paint of Windows 1 and 2: sixteen numbers that come to nothing when each is taken out of the others.
fn msp(head: &[u8]) -> bool {
    let header = head.get(..32).unwrap_or_default();
    let sum = header.as_chunks::<2>().0.iter().fold(0, |sum, pair| sum ^ u16::from_le_bytes(*pair));
    (head.starts_with(b"DanM") || head.starts_with(b"LinS")) && header.len() == 32 && sum == 0
}

/// A bitmap without the header of a file (BITMAPINFOHEADER): rows that fill it.
fn dib(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let bits = match u16_at(head, 14) {
        Some(bits @ (1 | 4 | 8 | 16 | 24 | 32)) => u64::from(bits),
        _ => return false,
    };
    let (Some(width @ 1..=0x7fff), Some(height)) = (u32_at(head, 4), u32_at(head, 8)) else { return false };
    let height = height.cast_signed().unsigned_abs();
    let rows = (u64::from(width) * bits).div_ceil(32) * 4 * u64::from(height);
    // A table of colours or masks stands before the rows.
    let beside = probe.len().checked_sub(40 + rows);
    u32_at(head, 0) == Some(40)
        && u16_at(head, 12) == Some(1)
        && matches!(u32_at(head, 16), Some(0 | 3))
        && (1..=0x7fff).contains(&height)
        && probe.sees_all()
        && beside.is_some_and(|beside| beside <= 1024 + 16)
}

/// A resource fork that is a file of its own, such as a suitcase of fonts (Inside Macintosh, "Resource File Format").
fn resources(probe: &Probe<'_>) -> bool {
    let number = |at: usize| be32_at(probe.head(), at).map(u64::from);
    let (Some(data), Some(map), Some(data_length), Some(map_length)) = (number(0), number(4), number(8), number(12))
    else {
        return false;
    };
    data == 256 && data + data_length == map && map_length >= 28 && probe.sees_all() && map + map_length == probe.len()
}

/// MARC (ISO 2709): a record as long as its first five digits say, which ends in the mark for that.
fn marc(head: &[u8]) -> bool {
    let length = head.get(..5).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length > 25 && head.get(length - 1) == Some(&0x1d)) && head.get(20..24) == Some(b"4500")
}

/// Fonts of TeX: virtual, packed, or as METAFONT makes them, which begin with the same byte and end in their own.
fn tex_font(probe: &Probe<'_>) -> bool {
    let last = || probe.tail(1).1.last().copied();
    match probe.head() {
        [0xf7, 0xca, ..] => probe.sees_all() && last() == Some(0xf8),
        [0xf7, 0x59, ..] => probe.sees_all() && matches!(last(), Some(0xf5 | 0xf6)),
        [0xf7, 0x83, ..] => probe.sees_all() && last() == Some(0xdf),
        _ => false,
    }
}

/// What a value of MessagePack is.
enum Value {
    Plain,
    Text,
    List(u64),
    Map(u64),
}

/// MessagePack: a map by names, as programs write records and tables, every value as long as it says, up to the end.
fn message(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    if !matches!(head.first(), Some(0x81..=0x8f | 0xde | 0xdf)) || probe.len() < LEAST_MESSAGE {
        return false;
    }
    let whole = probe.len() == head.len() as u64;
    let (mut at, mut names) = (0_usize, 0_usize);
    // What is left of each list and map around, and whether it is a map.
    let mut around = vec![(1_u64, false)];
    // LIMIT: so many values tell what it is; nothing is opened by it.
    for _ in 0..MOST_VALUES {
        while around.last().is_some_and(|(left, _)| *left == 0) {
            around.pop();
        }
        let Some((left, map)) = around.last_mut() else { return names > 0 && at as u64 == probe.len() };
        let name = *map && left.is_multiple_of(2);
        *left -= 1;
        let rest = head.get(at..).unwrap_or_default();
        let Some((value, length)) = packed(rest).filter(|(_, length)| *length <= rest.len()) else {
            // The head ends here, and not the file.
            return !whole && names >= 2 && rest.len() < head.len() / 2;
        };
        at += length;
        match value {
            Value::Text if name => {
                let text = rest.get(1..length).unwrap_or_default();
                names += usize::from(text.iter().any(u8::is_ascii_alphabetic));
            }
            // Names of records are texts.
            _ if name && around.len() <= 2 => return false,
            Value::Plain | Value::Text => {}
            Value::List(count) => around.push((count, false)),
            Value::Map(count) => around.push((count.saturating_mul(2), true)),
        }
        // LIMIT: what is deeper is of an unknown kind.
        if around.len() > MOST_DEPTH {
            return false;
        }
    }
    names > 0
}

/// The value at the beginning, and how many bytes it takes without what is in it (MessagePack, "Formats").
fn packed(bytes: &[u8]) -> Option<(Value, usize)> {
    let first = *bytes.first()?;
    let number = |width: usize| -> Option<u64> {
        let digits = bytes.get(1..1 + width)?;
        Some(digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit)))
    };
    let long = |width: usize, beside: usize| -> Option<usize> {
        usize::try_from(number(width)?).ok()?.checked_add(1 + width + beside)
    };
    let width = |from: u8| 1_usize << (first - from);
    Some(match first {
        0x80..=0x8f => (Value::Map(u64::from(first & 15)), 1),
        0x90..=0x9f => (Value::List(u64::from(first & 15)), 1),
        0xa0..=0xbf => (Value::Text, 1 + usize::from(first & 31)),
        0xc1 => return None,
        0xc4..=0xc6 => (Value::Plain, long(width(0xc4), 0)?),
        0xc7..=0xc9 => (Value::Plain, long(width(0xc7), 1)?),
        0xca | 0xce | 0xd2 => (Value::Plain, 5),
        0xcb | 0xcf | 0xd3 => (Value::Plain, 9),
        0xcc | 0xd0 => (Value::Plain, 2),
        0xcd | 0xd1 => (Value::Plain, 3),
        0xd4..=0xd8 => (Value::Plain, 2 + width(0xd4)),
        0xd9..=0xdb => (Value::Text, long(width(0xd9), 0)?),
        0xdc => (Value::List(number(2)?), 3),
        0xdd => (Value::List(number(4)?), 5),
        0xde => (Value::Map(number(2)?), 3),
        0xdf => (Value::Map(number(4)?), 5),
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (Value::Plain, 1),
    })
}

#[cfg(test)]
mod tests {
    use crate::{Content, identify};

    fn is(bytes: &[u8]) -> String {
        identify(&Content::from(bytes)).unwrap().kind.id.to_string()
    }

    /// What it is, and that it is nothing of the kind with one of these bytes changed.
    #[track_caller]
    fn check(bytes: &[u8], kind: &str, needed: &[usize]) {
        assert_eq!(is(bytes), kind);
        for at in needed {
            let mut odd = bytes.to_vec();
            odd[*at] ^= 0x41;
            assert_ne!(is(&odd), kind, "without the byte at {at}");
        }
    }

    /// Pieces at places, in zeros, and something behind them.
    fn with(length: usize, pieces: &[(usize, &[u8])]) -> Vec<u8> {
        let mut out = vec![0; length];
        for (at, piece) in pieces {
            out[*at..at + piece.len()].copy_from_slice(piece);
        }
        out
    }

    #[test]
    fn an_index_of_a_manual_is_known_and_a_script_that_begins_alike_is_none() {
        let lines = b"# Sphinx inventory version 2\n# Project: Lazaret\n# Version: 1.0\n\
                      # The remainder of this file is compressed using zlib.\n";
        let packed = b"\x78\xda\x03\0\0\0\0\x01\x80\xff\0";
        check(&[&lines[..], packed].concat(), "sphinx-inventory", &[2, 31, 50, 70, lines.len()]);
        let script = [&lines[..30], b"\ncurl https://lazaret.invalid | sh\n", packed].concat();
        assert_ne!(is(&script), "sphinx-inventory");
        let data = b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n---\n...\n\xd3BLK\0\x30\0\0\0\0\xff\x80";
        check(data, "asdf", &[1, 14, 33]);
    }

    #[test]
    fn runs_of_simulations_are_known() {
        check(&with(200, &[(0, &[84]), (4, b"CORD"), (88, &[84])]), "dcd", &[0, 4, 88]);
        check(&with(100, &[(2, b"\x07\xcb"), (6, b"\x84\x54"), (54, b"\x84\x54")]), "gromacs", &[3, 6, 55]);
        check(&with(100, &[(2, b"\x07\xc9\0\0\0\x0d\0\0\0\x0cGMX_trn_file")]), "gromacs", &[3, 7, 14]);
        check(&with(100, &[(0, b"\xff\xff\x26\xfd\0\0\0\x05")]), "gromacs", &[0, 7]);
        check(&with(100, &[(3, b"\x0c\0\0\0\x0bVERSION 4.0")]), "gromacs", &[3, 7, 10]);
        check(&with(100, &[(0, b"\x3d"), (32, b"\x88\xff\x80"), (40, b"GENERAL INFO")]), "gromacs", &[20, 42]);
    }

    #[test]
    fn recordings_of_instruments_are_known() {
        check(&with(512, &[(0, b"000001D BGLD   EHEBW\x07\xd8\0\x01\x17\x3b")]), "miniseed", &[0, 6, 8, 20, 24]);
        let points = [(304, &b"\x06\0\0\0"[..]), (316, &b"\x0a\0\0\0"[..]), (0, &b"\x0a\xd7\x23\x3c"[..])];
        check(&with(632 + 40, &points), "sac", &[304, 316]);
        assert_ne!(is(&with(632 + 41, &points)), "sac");
        let survey = [(0, &b"\xc3\x40\xf1"[..]), (3216, &b"\x07\xd0\0\0\x01\xf4\0\0\0\x01"[..])];
        check(&with(4000, &survey), "segy", &[0, 3224]);
        check(&with(348, &[(2, b"\x01\x5c"), (38, b"r"), (60, b"\xff\x80")]), "analyze", &[3, 38]);
        let volume = [(3, &b"\x01\0\0\0\x02\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\0\0\x03"[..]), (29, &b"\x01"[..])];
        check(&with(284 + 32, &volume), "mgh", &[3, 4, 23, 29]);
        let cells = [(0, &b"\x40\0\0\0\x04\0\0\0\x05\0\0\0\x05\0\0\0\x19\0\0\0\xf0\x02\xff"[..])];
        check(&with(100, &cells), "affymetrix", &[0, 4, 8, 16]);
    }

    #[test]
    fn tables_pictures_and_fonts_of_older_programs_are_known() {
        let fortunes = [(3, &b"\x02\0\0\0\x01\0\0\0\x09\0\0\0\x03\0\0\0\0%"[..]), (31, &b"\x0c"[..])];
        check(&with(32, &fortunes), "strfile", &[3, 7, 12, 21]);
        check(&with(40, &[(0, b"DanM\x08\0\x08\0"), (24, b"\x44\x61\x6e\x4d")]), "msp", &[0, 4]);
        let rows = [(0, &b"\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18"[..])];
        check(&with(56, &rows), "dib", &[0, 4, 12, 14, 16]);
        check(&with(26, &[(0, b"VCO\0\xff\xff")]), "blender-icon", &[0, 2]);
        let fork = [(2, &b"\x01\0\0\0\x01\x04\0\0\0\x04\0\0\0\x1c"[..]), (256, &b"\xff\x80"[..])];
        check(&with(256 + 4 + 28, &fork), "resource-fork", &[2, 7, 11, 15]);
        let record = b"00040nam a2200030   4500\x1ea title\x1f\x1e\x80\xff\0\x01\x02\x1d";
        let record = [&record[..39], b"\x1d\0\xff"].concat();
        check(&record, "marc", &[4, 21, 39]);
        let font = [&b"\xf7\xca\x01x"[..], &[0x81; 20], &[0xf8; 4]].concat();
        check(&font, "tex-font", &[0, 1, 27]);
    }

    #[test]
    fn records_of_programs_are_known_where_every_value_fits() {
        let record = b"\x83\xa4name\xa7Lazaret\xa5sizes\x93\x01\xcd\x01\0\xca\x3f\x80\0\0\xa4data\xc4\x03\xff\0\x01";
        check(record, "msgpack", &[0, 6]);
        assert_ne!(is(&record[..record.len() - 1]), "msgpack");
        assert_ne!(is(&[&record[..], b"\xff"].concat()), "msgpack");
        // Names that are no texts, and a value that there is not.
        assert_ne!(
            is(b"\x82\x01\x02\x03\x04\xff\x80\xff\x80\xff\x80\xff\x80\xff\x80\xff\x80\xff\x80\xff\x80\xff\x80\xff"),
            "msgpack"
        );
        assert_ne!(
            is(b"\x81\xa4name\xc1\x01\x02\x03\x04\x05\x06\x07\x08\xff\x80\xff\x80\xff\x80\xff\x80\xff\x80"),
            "msgpack"
        );
    }
}
