//! Kinds that begin with no mark, or one that is too short, and whose numbers must fit each other instead.

use super::probe::{Probe, has, u16_at, u32_at, u64_at};
use crate::encoding;

/// Bytes of an info file's first lines.
const PREFACE: usize = 512;
/// Bytes of a name.
const NAME: usize = 255;
/// Bytes at the end of a gallery's theme in which its mark stands.
const TAIL: usize = 1024;

/// What bytes are that are no text.
pub(super) fn kind(probe: &Probe<'_>) -> Option<&'static str> {
    let head = probe.head();
    match () {
        () if dicom(head) => Some("dcm"),
        () if stl(probe) => Some("stl-binary"),
        () if edf(head) => Some("edf"),
        () if cff(head) => Some("cff"),
        () if safetensors(probe) => Some("safetensors"),
        () if pipe(head) => Some("gimp-pipe"),
        () if character_map(head) => Some("bcmap"),
        () if theme(probe) => Some("gallery-theme"),
        () if memo(probe) => Some("dbt"),
        () if info(head) => Some("texinfo"),
        () => None,
    }
}

/// DICOM without its preamble, as older devices write it (PS3.5, 7.1): tags that ascend, each perhaps with the code of how its value
/// is written, a length, and the value.
fn dicom(head: &[u8]) -> bool {
    elements(head, u16::from_le_bytes, u32::from_le_bytes) || elements(head, u16::from_be_bytes, u32::from_be_bytes)
}

fn elements(head: &[u8], short: fn([u8; 2]) -> u16, long: fn([u8; 4]) -> u32) -> bool {
    let short = |at: usize| head.get(at..)?.first_chunk().map(|bytes| short(*bytes));
    let long = |at: usize| head.get(at..)?.first_chunk().map(|bytes| long(*bytes));
    let (mut at, mut last) = (0, None);
    // LIMIT: so many tell; the rest is for whoever shows it.
    for _ in 0..4 {
        let Some(tag) = short(at).zip(short(at + 2)) else { return false };
        let group = matches!(tag.0, 2 | 8 | 0x10 | 0x20) && (last.is_some() || tag.0 <= 8);
        if !group || last.is_some_and(|last| tag <= last) {
            return false;
        }
        let (skip, length) = match head.get(at + 4..at + 6) {
            Some(b"OB" | b"OW" | b"OF" | b"SQ" | b"UN" | b"UT") => (12, long(at + 8)),
            Some([b'A'..=b'Z', b'A'..=b'Z']) => (8, short(at + 6).map(u32::from)),
            _ => (8, long(at + 4)),
        };
        // 7.1.1: values are of even length.
        let Some(length) = length.filter(|length| length % 2 == 0 && *length <= 1 << 16) else { return false };
        (at, last) = (at + skip + length as usize, Some(tag));
    }
    true
}

/// Stereolithography, binary: 80 bytes that say anything, a number, and so many triangles of 50 bytes up to the end.
fn stl(probe: &Probe<'_>) -> bool {
    let triangles = u32_at(probe.head(), 80).unwrap_or(0);
    probe.sees_all() && triangles > 0 && probe.len() == 84 + 50 * u64::from(triangles)
}

/// EDF (Kemp et al. 1992): version 0, two texts of 80 bytes, a date, a time, and the header's length, 256 bytes for each signal and
/// once more.
fn edf(head: &[u8]) -> bool {
    let number = |from: usize, to: usize| std::str::from_utf8(head.get(from..to)?).ok()?.trim_end().parse::<u32>().ok();
    let written = head.get(168..184).is_some_and(|when| {
        let dots = [2, 5, 10, 13].iter().all(|at| when.get(*at) == Some(&b'.'));
        dots && when.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    });
    let lengths = number(184, 192).zip(number(252, 256));
    head.starts_with(b"0       ")
        && written
        && lengths.is_some_and(|(header, signals)| signals < 10_000 && header == 256 * (signals + 1))
}

/// Compact Font Format (Adobe TN 5176, 5 to 8): version 1.0, an index of one name, and an index of one dictionary.
fn cff(head: &[u8]) -> bool {
    let [1, 0, skip @ 4..=u8::MAX, 1..=4, ..] = head else { return false };
    let at = usize::from(*skip);
    let index = head.get(at..).unwrap_or_default();
    let [0, 1, size @ 1..=4, rest @ ..] = index else { return false };
    let size = usize::from(*size);
    let offset = |from: usize| {
        let bytes = rest.get(from..from + size)?;
        Some(bytes.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (Some(1), Some(end @ 2..=128)) = (offset(0), offset(size)) else { return false };
    let Some((name, rest)) = rest.get(2 * size..).and_then(|rest| rest.split_at_checked(end - 1)) else { return false };
    name.iter().all(u8::is_ascii_graphic) && rest.starts_with(b"\0\x01")
}

/// safetensors: the length of a header, and the header, which is JSON that says how each tensor is stored.
fn safetensors(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let Some(length) = u64_at(head, 0).filter(|length| (2..100 << 20).contains(length)) else { return false };
    let header = head.get(8..).unwrap_or_default();
    let header = header.get(..usize::try_from(length).unwrap_or(usize::MAX).min(header.len())).unwrap_or_default();
    let whole = header.len() as u64 == length;
    (!probe.sees_all() || length + 8 <= probe.len())
        && header.starts_with(b"{\"")
        && has(header, b"\"dtype\"")
        && (!whole || header.trim_ascii_end().ends_with(b"}"))
}

/// GIMP `devel-docs/gih.txt`: a name, a line that says how many brushes there are and how they are chosen, and the brushes.
fn pipe(head: &[u8]) -> bool {
    // LIMIT: GIMP takes no longer names.
    let line = |from: usize| head.get(from..)?.iter().take(NAME).position(|byte| *byte == b'\n').map(|at| from + at);
    let Some((name, second)) = line(0).and_then(|name| Some((name, line(name + 1)?))) else { return false };
    let chosen = head.get(name + 1..second).unwrap_or_default();
    let brush = head.get(second + 1..).unwrap_or_default();
    chosen.first().is_some_and(u8::is_ascii_digit) && has(chosen, b" ncells:") && brush.get(20..24) == Some(b"GIMP")
}

/// PDF.js `external/bcmaps`: what sort of map it is and whether it is vertical, and a first entry that is a remark.
fn character_map(head: &[u8]) -> bool {
    let [0..=7, 0xe0, length @ 16..=127, rest @ ..] = head else { return false };
    let readable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
    rest.get(..usize::from(*length)).is_some_and(|remark| remark.iter().all(readable)) && has(head, b"Copyright")
}

/// LibreOffice `galtheme.cxx`: a version, a name, how many objects, and behind them a mark.
fn theme(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let [1..=4, 0, length, 0, rest @ ..] = head else { return false };
    let named = rest.get(..usize::from(*length)).is_some_and(|name| name.iter().all(|byte| *byte >= b' '));
    let objects = u32_at(rest, usize::from(*length)).is_some_and(|objects| objects < 1 << 16);
    // LIMIT: behind the objects, of which there may be none, and in front of what is reserved.
    let marked = || has(head, b"GALRESRV") || has(&probe.tail(TAIL).1, b"GALRESRV");
    *length > 0 && named && objects && marked()
}

/// dBASE memo: the number of the next block that is free, nothing else in the first 512 bytes but a length of blocks and a name, and
/// as many blocks as that ("Xbase File Format").
fn memo(probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let next = u64::from(u32_at(head, 0).unwrap_or(0));
    let block = match u16_at(head, 20) {
        Some(0) => 512,
        Some(length) if length % 64 == 0 => u64::from(length),
        _ => return false,
    };
    let zeros = |from: usize, to: usize| head.get(from..to).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
    // The last block need not be full.
    let ends = probe.sees_all() && next > 1 && (next - 1) * block < probe.len() && probe.len() <= (next + 1) * block;
    ends && zeros(4, 8) && zeros(24, 512) && matches!(head.get(16), Some(0 | 3))
}

/// Info, as `makeinfo` writes it: what it is called and made of, nodes behind control characters, and pictures in control characters
/// that no other text has.
fn info(head: &[u8]) -> bool {
    // LIMIT: both stand in the first lines.
    let preface = head.get(..PREFACE).unwrap_or(head);
    let nodes = has(head, b"\n\x1f\nFile: ") || has(head, b"\n\x1f\nIndirect:\n");
    if !preface.starts_with(b"This is ") || !has(preface, b"produced by") || !nodes {
        return false;
    }
    let marked =
        memchr::memchr_iter(0, head).all(|at| matches!(head.get(at + 1..at + 3), Some(b"\x08[" | b"\x08]") | None));
    let plain: Vec<u8> = head.iter().copied().filter(|byte| !matches!(byte, 0 | 8 | 0x1f | 0x7f)).collect();
    marked && encoding::of(&plain).is_some()
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

    #[test]
    fn pictures_of_devices_are_told_by_tags_that_ascend() {
        let values: [(&[u8], &[u8]); 4] = [
            (b"\x08\0\x05\0CS\x0a\0", b"ISO_IR 100"),
            (b"\x08\0\x12\0DA\x08\0", b"20240131"),
            (b"\x08\0\x13\0TM\x06\0", b"101112"),
            (b"\x10\0\x10\0PN\x08\0", b"Doe^Jane"),
        ];
        let explicit: Vec<u8> = values.iter().flat_map(|(tag, value)| [*tag, *value].concat()).collect();
        check(&explicit, "dcm", &[0, 6, 18, 52]);
        let implicit: Vec<u8> = values
            .iter()
            .flat_map(|(tag, value)| [&tag[..4], &(value.len() as u32).to_le_bytes(), *value].concat())
            .collect();
        check(&implicit, "dcm", &[0, 4, 18]);
        let other = |tag: &[u8]| [tag[1], tag[0], tag[3], tag[2], tag[4], tag[5], tag[7], tag[6]];
        let big: Vec<u8> = values.iter().flat_map(|(tag, value)| [&other(tag)[..], *value].concat()).collect();
        check(&big, "dcm", &[1, 7]);
        let preamble = [&[0; 128][..], b"DICM\x02\0\0\0UL\x04\0\0\0\0\0"].concat();
        check(&preamble, "dcm", &[129]);
    }

    #[test]
    fn a_solid_has_as_many_triangles_as_it_says() {
        let solid = [&b"made by hand"[..], &[0; 68], &2_u32.to_le_bytes(), &[0x3f; 100]].concat();
        check(&solid, "stl-binary", &[80]);
        assert_ne!(is(&solid[..183]), "stl-binary");
    }

    #[test]
    fn biosignals_have_a_date_and_a_header_for_each_signal() {
        let mut header = b"0       ".to_vec();
        header.extend([b' '; 160]);
        header.extend(b"31.01.2410.11.12512     ");
        header.resize(252, b' ');
        header.extend(b"1   ");
        header.resize(512, b' ');
        header.extend([0, 1, 0, 2]);
        check(&header, "edf", &[0, 170, 184, 252]);
    }

    #[test]
    fn a_bare_font_has_one_name_and_one_dictionary() {
        let font = b"\x01\0\x04\x02\0\x01\x01\x01\x08Lazaret\0\x01\x01\x01\x03\xf8\x10";
        check(font, "cff", &[0, 1, 5, 7, 8, 10, 17]);
    }

    #[test]
    fn weights_of_models_begin_with_what_they_are() {
        let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header, &[0x3f; 8]].concat();
        check(&bytes, "safetensors", &[0, 7, 8, 16]);
    }

    #[test]
    fn brushes_and_galleries_are_known() {
        let brush = b"\0\0\0\x1d\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\x01GIMP\0\0\0\x0ax\0\x80";
        check(&[&b"Wilber\n1 ncells:1 step:100\n"[..], brush].concat(), "gimp-pipe", &[9, 48]);
        let mut theme = b"\x04\0\x06\0Arrows\x02\0\0\0\x01\0\0\x06\0dd2040".to_vec();
        theme.extend(b"GALRESRV");
        theme.extend([0; 200]);
        check(&theme, "gallery-theme", &[0, 1, 13, 30]);
    }

    #[test]
    fn character_maps_begin_with_a_remark() {
        let remark = b"Copyright 1990-2009 Adobe\nAll rights reserved.\n";
        let map = [&[3, 0xe0, remark.len() as u8][..], remark, b"\xe1\x06RKSJ-H\xa0\x05\x81"].concat();
        check(&map, "bcmap", &[0, 1, 3]);
    }

    #[test]
    fn texts_of_a_table_fill_the_blocks_that_it_counts() {
        let mut memo = vec![0; 512];
        memo[0] = 3;
        memo[16] = 3;
        memo.extend([&b"A text of the first record.\x1a\x1a"[..], &[0; 600]].concat());
        check(&memo, "dbt", &[0, 5, 16, 100]);
    }

    #[test]
    fn info_pages_with_pictures_are_texts() {
        let page = b"This is a.info, produced by makeinfo from a.texi.\n\n\x1f\nFile: a.info,  Node: Top\n\nA\n\0\x08[image src=\"a.png\"\0\x08]\nEnd.\n";
        check(page, "texinfo", &[5, 26, 54]);
        // The list of the files and nodes of a long manual.
        let nodes = "Node: a\x7f12\nRef: b\x7f34\n".repeat(20);
        let list = format!(
            "This is a.info, produced by makeinfo from a.texi.\n\n\x1f\nIndirect:\na.info-1: 120\n\x1f\nTag Table:\n{nodes}\x1f\nEnd Tag Table\n"
        );
        check(list.as_bytes(), "texinfo", &[5, 26, 54]);
        let text = b"This is a.info, produced by makeinfo from a.texi.\n\n\x1f\nFile: a.info,  Node: Top\n\n\0\x01\x02\xff\x80\n";
        assert_ne!(is(text), "texinfo");
    }
}
