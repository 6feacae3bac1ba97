//! Text encodings of bytes, read as leniently as the programs that open them do.

/// Base64 (RFC 4648) with anything else skipped; stops at padding. Standard and URL alphabets.
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
            b'=' => break,
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
pub(super) fn uuencoded(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut lines = text.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix(b"begin ") else { continue };
        let mut words = rest.splitn(2, |b| *b == b' ');
        let mode = words.next().unwrap_or_default();
        let Some(name) = words.next().filter(|_| mode.len() >= 3 && mode.iter().all(u8::is_ascii_digit)) else {
            continue;
        };
        let mut out = Vec::new();
        for line in lines.by_ref() {
            let count = usize::from(line.first().copied().unwrap_or(b'`').wrapping_sub(32) & 63);
            if line == b"end" || line.is_empty() && out.is_empty() {
                break;
            }
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
        if !out.is_empty() {
            files.push((String::from_utf8_lossy(name).trim().to_owned(), out));
        }
        if files.len() >= 1000 {
            break;
        }
    }
    files
}

/// The files of `=ybegin … =yend` blocks (yEnc 1.3), and their names.
pub(super) fn yencoded(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    for line in text.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)) {
        if let Some(rest) = line.strip_prefix(b"=ybegin ") {
            let rest = String::from_utf8_lossy(rest);
            let name = rest.split_once("name=").map_or("yenc", |(_, name)| name).trim().to_owned();
            open = Some((name, Vec::new()));
        } else if line.starts_with(b"=yend") {
            files.extend(open.take());
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
    files.extend(open);
    files
}

/// The data fork of a BinHex 4.0 file (RFC 1741, appendix A), and its name.
pub(super) fn binhex(text: &[u8]) -> Option<(String, Vec<u8>)> {
    const ALPHABET: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
    let mark = memchr::memmem::find(text, b"with BinHex")?;
    let rest = text.get(mark..)?;
    let start = memchr::memmem::find(rest, b"\n:").or_else(|| memchr::memmem::find(rest, b"\r:"))?;
    let (mut bits, mut held) = (0u32, 0u32);
    let mut packed = Vec::new();
    for byte in rest.get(start + 2..)? {
        if *byte == b':' {
            break;
        }
        let Some(value) = ALPHABET.iter().position(|a| a == byte) else { continue };
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            packed.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // Runs: the byte before 0x90 is repeated; a count of zero means 0x90 itself.
    let mut out: Vec<u8> = Vec::new();
    let mut bytes = packed.into_iter();
    while let Some(byte) = bytes.next() {
        match (byte, out.last().copied()) {
            (0x90, last) => match bytes.next() {
                Some(0) | None => out.push(0x90),
                Some(count) => out.extend(std::iter::repeat_n(last.unwrap_or(0), usize::from(count).saturating_sub(1))),
            },
            (byte, _) => out.push(byte),
        }
        if out.len() > 64 << 20 {
            break;
        }
    }
    let name_len = usize::from(*out.first()?);
    let name = String::from_utf8_lossy(out.get(1..1 + name_len)?).into_owned();
    // Name, version, type, creator, flags, two lengths, a checksum.
    let header = 1 + name_len + 1 + 4 + 4 + 2;
    let size = u32::from_be_bytes(out.get(header..header + 4)?.try_into().ok()?) as usize;
    let data = out.get(header + 10..)?;
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
        assert_eq!(uuencoded(b"text\nbegin 644 a.txt\n#3$%:\n`\nend\n"), [("a.txt".into(), b"LAZ".to_vec())]);
        let line: Vec<u8> = b"LAZ".iter().map(|b| b + 42).collect();
        let yenc = [b"=ybegin line=128 size=3 name=a.txt\r\n", line.as_slice(), b"\r\n=yend size=3\r\n"].concat();
        assert_eq!(yencoded(&yenc), [("a.txt".into(), b"LAZ".to_vec())]);
        assert_eq!(data_address(b"data:text/html;base64,TEFa"), Some(("text/html".into(), b"LAZ".to_vec())));
        assert_eq!(data_address(b"DATA:,a%20b"), Some((String::new(), b"a b".to_vec())));
        assert_eq!(binhex(b"(This file must be converted with BinHex 4.0)\n:"), None);
    }
}
