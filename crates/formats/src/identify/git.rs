//! What Git sends to whoever fetches over HTTP: packets with their lengths (gitprotocol-common, "pkt-line Format"), and in them a pack
//! (gitprotocol-pack, "Packfile Data"). Whatever else begins so and is not made of packets up to its end is none.

use super::probe::{Found, Probe};

/// Packets of one answer that are followed; Git makes them of 64 KiB.
const MOST_PACKETS: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// How a pack begins (gitformat-pack): one of version 2 or 3.
const PACKS: [&[u8]; 2] = [b"PACK\0\0\0\x02", b"PACK\0\0\0\x03"];
/// Bytes of a packet's length and of the band in which it is.
const LENGTH: usize = 4;
/// Bytes that a line before the pack has at most: a word and a hash.
const LINE: usize = 256;

pub(super) fn look(probe: &Probe<'_>, found: &mut Found) {
    if probe.head().get(..LENGTH).and_then(length).is_none() {
        return;
    }
    let (mut at, mut in_pack) = (0_u64, false);
    for packet in 0.. {
        if at == probe.len() {
            break;
        }
        if packet == MOST_PACKETS {
            probe.doubt("it has more packets of Git than are followed");
            break;
        }
        let line = probe.at(at, LENGTH + LINE);
        // An answer to whoever asks for no bands has the pack behind its lines as it is.
        if !in_pack && packet > 0 && is_pack(&line) {
            in_pack = true;
            break;
        }
        let Some(size) = line.get(..LENGTH).and_then(length) else { return };
        let payload = line.get(LENGTH..usize::from(size).clamp(LENGTH, line.len().max(LENGTH))).unwrap_or_default();
        match payload.first() {
            // A mark between sections, or the end.
            None => {}
            Some(1) if in_pack => {}
            Some(1) if payload.get(1..).is_some_and(is_pack) => in_pack = true,
            // What it tells while it works, and why it failed.
            Some(2 | 3) => {}
            Some(_) if !in_pack && usize::from(size) <= LENGTH + LINE && is_line(payload) => {}
            Some(_) => return,
        }
        at += u64::from(size).max(LENGTH as u64);
        if at > probe.len() {
            // Of a beginning alone the last packet may be cut off.
            if probe.sees_all() {
                return;
            }
            break;
        }
    }
    if in_pack {
        found.add("git-fetch");
    }
}

fn is_pack(bytes: &[u8]) -> bool {
    PACKS.iter().any(|pack| bytes.starts_with(pack))
}

/// The length of a packet with these four digits, which counts them; 0 to 2 are marks.
fn length(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok().filter(|size| !matches!(size, 3 | 4))
}

/// What is said before a pack: which commits both sides have, and what follows.
fn is_line(payload: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"NAK",
        b"ACK ",
        b"shallow ",
        b"unshallow ",
        b"acknowledgments",
        b"ready",
        b"shallow-info",
        b"wanted-refs",
        b"packfile-uris",
        b"packfile",
    ];
    // Hashes of the commits that were asked for, with their names.
    let wanted = payload.get(..40).is_some_and(|hash| hash.iter().all(u8::is_ascii_hexdigit));
    let one = payload.strip_suffix(b"\n").unwrap_or(payload);
    (wanted || WORDS.iter().any(|word| one.starts_with(word))) && one.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use crate::{Content, identify};

    fn packet(payload: &[u8]) -> Vec<u8> {
        [format!("{:04x}", payload.len() + 4).as_bytes(), payload].concat()
    }

    fn kind(bytes: &[u8]) -> String {
        identify(&Content::from(bytes)).unwrap().kind.id.to_string()
    }

    const PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\x01\x9e\x0e";

    #[test]
    fn a_pack_that_is_fetched_is_told_by_its_packets() {
        let band = |number: u8, bytes: &[u8]| packet(&[&[number], bytes].concat());
        let pack = [band(2, b"Counting objects"), band(1, PACK), band(1, &[0x91; 3_000]), b"0000".to_vec()].concat();
        for front in [
            packet(b"NAK\n"),
            packet(b"packfile\n"),
            [packet(b"acknowledgments\n"), packet(b"ready\n"), b"0001".to_vec(), packet(b"packfile\n")].concat(),
            [packet(b"shallow 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"), b"0000".to_vec(), packet(b"NAK\n")].concat(),
        ] {
            assert_eq!(kind(&[&front[..], &pack].concat()), "git-fetch");
            // What hangs behind it, stands in front of it, or is cut off, makes it something else.
            assert_ne!(kind(&[&front[..], &pack, b"MZ and more"].concat()), "git-fetch");
            assert_ne!(kind(&[&front[..], &packet(b"\x01MZ\x90\0"), &pack].concat()), "git-fetch");
            assert_ne!(kind(&[&front[..], &pack[..pack.len() - 100]].concat()), "git-fetch");
        }
        assert_eq!(kind(&[&packet(b"NAK\n")[..], PACK].concat()), "git-fetch");
        assert_ne!(kind(&packet(b"NAK\n")), "git-fetch");
        assert_ne!(kind(&[packet(b"NAK\ncalc.exe\n"), pack.clone()].concat()), "git-fetch");
        let many = [packet(b"NAK\n"), band(1, PACK), band(2, b".").repeat(2_000)].concat();
        assert_eq!(identify(&Content::from(&many[..])).unwrap().doubts.len(), 1);
    }
}
