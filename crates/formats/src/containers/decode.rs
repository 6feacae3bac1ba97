//! Text encodings of bytes, read as leniently as the programs that open them do.

use lazaret_model::Bounded;

/// Files of one encoding that are taken out of one text.
const MOST_FILES: usize = 5000;
/// Bytes that the BinHex files of one text unpack to, in all.
const MOST_BINHEX: usize = if cfg!(test) { 64 << 10 } else { 64 << 20 };
/// What every BinHex file is announced with.
const BINHEX: &[u8] = b"with BinHex";
/// What stands for the numbers below 64 in BinHex.
const BINHEX_LETTERS: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";

/// Files within a text, and their names.
pub(super) type Files = Bounded<(String, Vec<u8>)>;

/// Base64 (RFC 4648) with anything else skipped; what follows padding goes on. Standard and URL alphabets.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (bits, held) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    out
}

/// Whether text is nothing but Base64: its alphabet, then padding; white space is allowed.
pub(super) fn is_base64(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let body = text.get(..text.len() - padding).unwrap_or_default();
    padding <= 3
        && body.len() >= 4
        && body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'\r' | b'\n'))
}

/// Hexadecimal digits, everything else skipped.
pub(super) fn hex(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for digit in text.iter().filter_map(|b| char::from(*b).to_digit(16)) {
        match high.take() {
            None => high = Some(digit),
            Some(first) => out.push((first << 4 | digit) as u8),
        }
    }
    out
}

/// Quoted-printable (RFC 2045, 6.7); what is no valid escape stands for itself.
pub(super) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            out.push(*byte);
            continue;
        }
        let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
        let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        if let (Some(high), Some(low)) = (digit(0), digit(1)) {
            out.push((high << 4 | low) as u8);
            rest = after.get(2..).unwrap_or_default();
        } else if after.get(blanks) == Some(&b'\n') {
            rest = after.get(blanks + 1..).unwrap_or_default();
        } else {
            out.push(b'=');
        }
    }
    out
}

/// The files of `begin MODE NAME … end` blocks (POSIX uuencode), and their names.
pub(super) fn uuencoded(text: &[u8]) -> Files {
    let mut files = Bounded::new("uuencoded files", MOST_FILES);
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut close = |file: Option<(String, Vec<u8>)>| {
        if let Some(file) = file.filter(|(_, bytes)| !bytes.is_empty()) {
            files.push(file);
        }
    };
    let mut lines = text.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)).peekable();
    while let Some(line) = lines.next() {
        // Some programs take a line without a name, which in prose no data follows.
        let nameless = || {
            let mode = line.strip_prefix(b"begin ").filter(|mode| (3..=4).contains(&mode.len()))?;
            let begins = mode.iter().all(u8::is_ascii_digit) && lines.peek().is_some_and(|next| is_uuencoded(next));
            begins.then(|| "uuencoded".to_owned())
        };
        if let Some(name) = uuencoded_name(line).or_else(nameless) {
            // No line of data has small letters, so that a file without an end ends here.
            close(open.replace((name, Vec::new())));
            continue;
        }
        let Some((_, out)) = &mut open else { continue };
        if line == b"end" || line.is_empty() && out.is_empty() {
            close(open.take());
            continue;
        }
        let count = usize::from(line.first().copied().unwrap_or(b'`').wrapping_sub(32) & 63);
        if count == 0 {
            continue;
        }
        let start = out.len();
        for four in line.get(1..).unwrap_or_default().chunks(4) {
            let six = |at: usize| u32::from(four.get(at).copied().unwrap_or(b' ').wrapping_sub(32) & 63);
            let bits = six(0) << 18 | six(1) << 12 | six(2) << 6 | six(3);
            out.extend([(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
        }
        out.truncate(start + count.min(out.len() - start));
    }
    close(open);
    files
}

/// Whether a line is one of data in uuencode: how many bytes it holds, and four letters for three of them.
pub(super) fn is_uuencoded(line: &[u8]) -> bool {
    let Some((first, letters)) = line.split_first() else { return false };
    let bytes = usize::from(first.wrapping_sub(b' '));
    let wanted = bytes.div_ceil(3) * 4;
    // Blanks at the end may be lost, and some programs write a sum there.
    (1..=45).contains(&bytes)
        && (wanted.saturating_sub(3)..=wanted + 2).contains(&letters.len())
        && letters.iter().all(|byte| matches!(byte, b' '..=b'`'))
}

/// The name in a line that begins a file.
fn uuencoded_name(line: &[u8]) -> Option<String> {
    let mut words = line.strip_prefix(b"begin ")?.splitn(2, |b| *b == b' ');
    let mode = words.next().unwrap_or_default();
    let name = words.next().filter(|_| mode.len() >= 3 && mode.iter().all(u8::is_ascii_digit))?;
    Some(String::from_utf8_lossy(name).trim().to_owned())
}

/// The files of `begin-base64 MODE NAME … ====` blocks (POSIX uuencode, `-m`), and their names, which newer writers may encode too.
pub(super) fn begin_base64(text: &[u8]) -> Files {
    let mut files = Bounded::new("files in Base64", MOST_FILES);
    if memchr::memmem::find(text, b"begin-base64").is_none() {
        return files;
    }
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut close = |file: Option<(String, Vec<u8>)>| {
        if let Some((name, packed)) = file.filter(|(_, packed)| !packed.is_empty()) {
            files.push((name, base64(&packed)));
        }
    };
    for line in text.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)) {
        let begins = line.strip_prefix(b"begin-base64").and_then(|rest| {
            let encoded = rest.strip_prefix(b"-encoded");
            let name = uuencoded_name(&[&b"begin"[..], encoded.unwrap_or(rest)].concat())?;
            Some(if encoded.is_some() { String::from_utf8_lossy(&base64(name.as_bytes())).into_owned() } else { name })
        });
        if let Some(name) = begins {
            close(open.replace((name, Vec::new())));
        } else if line.starts_with(b"====") {
            close(open.take());
        } else if let Some((_, packed)) = &mut open {
            packed.extend(line);
        }
    }
    close(open);
    files
}

/// The files of `=ybegin … =yend` blocks (yEnc 1.3), and their names.
pub(super) fn yencoded(text: &[u8]) -> Files {
    let mut files = Bounded::new("yEnc files", MOST_FILES);
    let mut open: Option<(String, Vec<u8>)> = None;
    for line in text.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)) {
        if let Some(rest) = line.strip_prefix(b"=ybegin ") {
            let rest = String::from_utf8_lossy(rest);
            let name = rest.split_once("name=").map_or("yenc", |(_, name)| name).trim().to_owned();
            if let Some(file) = open.replace((name, Vec::new())) {
                files.push(file);
            }
        } else if line.starts_with(b"=yend") {
            if let Some(file) = open.take() {
                files.push(file);
            }
        } else if let Some((_, out)) = &mut open
            && !line.starts_with(b"=ypart ")
        {
            let mut escaped = false;
            for byte in line {
                if *byte == b'=' && !escaped {
                    escaped = true;
                    continue;
                }
                out.push(byte.wrapping_sub(42).wrapping_sub(if std::mem::take(&mut escaped) { 64 } else { 0 }));
            }
        }
    }
    if let Some(file) = open {
        files.push(file);
    }
    files
}

/// The data forks of BinHex 4.0 files (RFC 1741, appendix A), and their names; why there may be more, if there may.
pub(super) fn binhexed(text: &[u8]) -> (Files, Option<String>) {
    let mut files = Bounded::new("BinHex files", MOST_FILES);
    let mut left = MOST_BINHEX;
    let mut rest = text;
    while let Some(mark) = memchr::memmem::find(rest, BINHEX) {
        rest = rest.get(mark + BINHEX.len()..).unwrap_or_default();
        // The data stands between a colon that begins a line and another one.
        let before = |at: usize| at.checked_sub(1).and_then(|before| rest.get(before));
        let start = memchr::memchr_iter(b':', rest).find(|at| matches!(before(*at), Some(b'\r' | b'\n')));
        let Some(start) = start else { break };
        let body = rest.get(start + 1..).unwrap_or_default();
        // A file without an end ends where the next one is announced.
        let body = body.get(..memchr::memmem::find(body, BINHEX).unwrap_or(body.len())).unwrap_or_default();
        let body = body.get(..memchr::memchr(b':', body).unwrap_or(body.len())).unwrap_or_default();
        rest = rest.get(start + 1 + body.len()..).unwrap_or_default();
        let bytes = without_runs(&binhex_bytes(body), left);
        if let Some(file) = data_fork(&bytes) {
            files.push(file);
        }
        match left.checked_sub(bytes.len()) {
            Some(more) => left = more,
            None => return (files, Some(format!("its BinHex files unpack to more than {MOST_BINHEX} bytes"))),
        }
    }
    (files, None)
}

/// Characters of six bits each as bytes; others are skipped.
fn binhex_bytes(text: &[u8]) -> Vec<u8> {
    let (mut bits, mut held) = (0u32, 0u32);
    let mut packed = Vec::new();
    for byte in text {
        let Some(value) = BINHEX_LETTERS.iter().position(|a| a == byte) else { continue };
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            packed.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    packed
}

/// Runs undone: the byte before 0x90 is repeated; a count of zero means 0x90 itself. Ends soon after `most` bytes.
fn without_runs(packed: &[u8], most: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut bytes = packed.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, out.last().copied()) {
            (0x90, last) => match bytes.next() {
                Some(0) | None => out.push(0x90),
                Some(count) => out.extend(std::iter::repeat_n(last.unwrap_or(0), usize::from(count).saturating_sub(1))),
            },
            (byte, _) => out.push(byte),
        }
        if out.len() > most {
            break;
        }
    }
    out
}

/// The data fork of a BinHex file, and the file's name.
fn data_fork(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let name_len = usize::from(*bytes.first()?);
    let name = String::from_utf8_lossy(bytes.get(1..1 + name_len)?).into_owned();
    // Name, version, type, creator, flags, two lengths, a checksum.
    let header = 1 + name_len + 1 + 4 + 4 + 2;
    let size = u32::from_be_bytes(bytes.get(header..header + 4)?.try_into().ok()?) as usize;
    let data = bytes.get(header + 10..)?;
    Some((name, data.get(..size).unwrap_or(data).to_vec()))
}

/// `%xx` escapes as the bytes they stand for.
pub(super) fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match digits.filter(|_| *byte == b'%').and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(value) => {
                out.push(value);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

/// The bytes of a `data:` address (RFC 2397) and its media type.
pub(super) fn data_address(address: &[u8]) -> Option<(String, Vec<u8>)> {
    let address = address.trim_ascii();
    let rest = address.get(..5).filter(|s| s.eq_ignore_ascii_case(b"data:")).and_then(|_| address.get(5..))?;
    let comma = memchr::memchr(b',', rest)?;
    let (head, body) = (rest.get(..comma)?, rest.get(comma + 1..)?);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let media_type = head.split(';').next().unwrap_or_default().trim().to_owned();
    let body = percent(body);
    Some((media_type, if head.contains("base64") { base64(&body) } else { body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_read_leniently() {
        assert_eq!(base64(b"TEFa\r\n!QVJF VA=="), b"LAZARET");
        assert!(is_base64(b"TEFaQVJFVA==") && !is_base64(b"two words"));
        assert_eq!(hex(b"4c 41\n5a"), b"LAZ");
        let uuencoded = uuencoded(b"text\nbegin 644 a.txt\n#3$%:\n`\nend\n");
        assert_eq!(uuencoded.as_slice(), [("a.txt".into(), b"LAZ".to_vec())]);
        let line: Vec<u8> = b"LAZ".iter().map(|b| b + 42).collect();
        let yenc = [b"=ybegin line=128 size=3 name=a.txt\r\n", line.as_slice(), b"\r\n=yend size=3\r\n"].concat();
        assert_eq!(yencoded(&yenc).as_slice(), [("a.txt".into(), b"LAZ".to_vec())]);
        assert_eq!(data_address(b"data:text/html;base64,TEFa"), Some(("text/html".into(), b"LAZ".to_vec())));
        assert_eq!(data_address(b"DATA:,a%20b"), Some((String::new(), b"a b".to_vec())));
        assert!(binhexed(b"(This file must be converted with BinHex 4.0)\n:").0.is_empty());
    }

    /// A BinHex file as its text.
    fn binhex(name: &str, data: &[u8]) -> String {
        let mut bytes = [&[name.len() as u8][..], name.as_bytes(), &[0; 11]].concat();
        bytes.extend((data.len() as u32).to_be_bytes().iter().chain(&[0; 6]).chain(data));
        let six = |three: &[u8]| {
            let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
            [18, 12, 6, 0].map(|by| char::from(BINHEX_LETTERS[(bits >> by & 63) as usize]))
        };
        let text: String = bytes.chunks(3).flat_map(six).collect();
        format!("(This file must be converted with BinHex 4.0)\n\n:{text}")
    }

    #[test]
    fn bytes_behind_padding_are_decoded() {
        assert_eq!(base64(b"TEE=WkE=UkVU"), b"LAZARET");
        assert_eq!(base64(b"TA==\r\nQVpBUkVU===="), b"LAZARET");
    }

    #[test]
    fn no_number_of_files_and_none_without_an_end_hides_one() {
        let last = ("last".to_owned(), b"LAZ".to_vec());
        let uu = format!("{}begin 644 last\n#3$%:\n", "begin 644 a\n#3$%:\n".repeat(1500));
        assert_eq!(uuencoded(uu.as_bytes()).as_slice()[1500], last);
        let lines = |name: &str| format!("=ybegin line=128 size=3 name={name}\nvkx\n");
        let files = yencoded((lines("a").repeat(1500) + &lines("last")).as_bytes());
        assert_eq!((files.as_slice().len(), &*files.as_slice()[1500].0), (1501, "last"));
        let (files, cut) = binhexed((binhex("a", b"data") + "\n" + &binhex("last", b"LAZ") + ":").as_bytes());
        assert_eq!((&files.as_slice()[1], cut), (&last, None));
    }

    #[test]
    fn files_of_the_base64_form_are_decoded() {
        let text = b"see\nbegin-base64 644 a.txt\nTEFa\r\nQVJFVA==\n====\nbegin-base64-encoded 644 Yi50eHQ=\nTEFa\n";
        let found = begin_base64(text);
        let file = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        assert_eq!(found.as_slice(), [file("a.txt", b"LAZARET"), file("b.txt", b"LAZ")]);
        assert!(begin_base64(b"begin-base64 is a word").is_empty());
    }

    #[test]
    fn what_is_left_out_is_said() {
        let uu = "begin 644 a\n#3$%:\nend\n".repeat(MOST_FILES + 1);
        assert_eq!(
            uuencoded(uu.as_bytes()).overflow().as_deref(),
            Some("it has more than 5000 uuencoded files, and only so many are looked at")
        );
        let yenc = "=ybegin name=a\nvk\n=yend\n".repeat(MOST_FILES + 1);
        assert!(yencoded(yenc.as_bytes()).overflow().is_some());
        let large = binhex("a", &[b'x'; MOST_BINHEX]) + ":\n" + &binhex("last", b"LAZ") + ":";
        let (files, cut) = binhexed(large.as_bytes());
        assert!(cut.is_some() && files.as_slice().len() == 1);
    }
}
