//! Files written as text: uuencode and its Base64 form (POSIX `uuencode`), yEnc 1.3, BinHex 4.0 (RFC 1741), and what stands between
//! `-----BEGIN` and `-----END` (RFC 7468), whatever the label says: `certutil -decode` does not read it.

use super::decode;
use crate::{Content, Format, Member, OpenError, Parts, identify};
use lazaret_model::{Bounded, Class, Role};
use std::io;

/// Bytes of a text that are read.
const MOST: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Bytes looked through at a time.
const CHUNK: u64 = 1 << 20;
/// Blocks of one text; lists of authorities have some hundred.
const MOST_BLOCKS: usize = 5000;
/// Letters of Base64 from which a text that is nothing else is decoded.
const ENOUGH: usize = 64;
/// Kinds that are told by two or three bytes.
const BY_CHANCE: &[&str] = &["com", "prg", "coff-object", "zlib", "lzma", "tga", "compress"];
/// What announces something in a text.
const MARKS: [&[u8]; 2] = [b"-----BEGIN ", b"begin-base64"];

/// Opens them.
pub(super) struct Encoded;

impl Format for Encoded {
    fn id(&self) -> &'static str {
        "encoded"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            "uuencode",
            "yenc",
            "binhex",
            "pem",
            "text",
            // Texts of some form, between whose lines a file may stand.
            "markdown",
            "rst",
            "troff",
            "pod",
            "csv",
            "ini",
            "yaml",
            "toml",
            "po",
            "sql",
            "subtitles",
        ]
    }

    fn summary(&self) -> &'static str {
        "uuencode, yEnc, BinHex; files in the armor of certificates, or in Base64 alone"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let own = ["uuencode", "yenc", "binhex"].into_iter().find(|kind| parts.part().is(kind));
        let kind = own.map_or_else(|| parts.part().kind.id.clone(), Into::into);
        let bare = kind == "text" && is_bare(&input.window(0, CHUNK as usize)?);
        let announced = matches!(&*kind, "uuencode" | "yenc" | "binhex" | "pem");
        if !announced && !bare && !announces(input, parts)? {
            return Ok(());
        }
        let bytes = super::text_of(input, MOST, parts)?;
        let mut reasons = Vec::new();
        let lists = match &*kind {
            "uuencode" => vec![decode::uuencoded(&bytes), decode::begin_base64(&bytes)],
            "yenc" => vec![decode::yencoded(&bytes)],
            "binhex" => {
                let (files, cut) = decode::binhexed(&bytes);
                reasons.extend(cut);
                vec![files]
            }
            // `uudecode` reads over whatever stands in front.
            _ if !announced && begins_file(&bytes) => vec![decode::uuencoded(&bytes), decode::begin_base64(&bytes)],
            _ => vec![decode::begin_base64(&bytes)],
        };
        let mut count = 0_usize;
        for list in lists {
            let (files, overflow) = list.into_parts();
            reasons.extend(overflow);
            count = count.saturating_add(files.len());
            for (name, bytes) in files {
                parts.add_content(Member::named(Role::Member, name), Content::from(bytes))?;
            }
        }
        reasons.into_iter().for_each(|reason| parts.incomplete(reason));
        if count == 0 && matches!(&*kind, "uuencode" | "yenc" | "binhex") {
            parts.incomplete("nothing in it can be decoded");
        }
        if bare {
            return add_bare(&bytes, parts);
        }
        // Guides and settings show and hold keys of any sort.
        if announced || kind == "text" { armored(&bytes, parts) } else { Ok(()) }
    }
}

/// Whether a text announces something.
fn announces(input: &Content, parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut at = 0;
    while at < input.len() {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        // A little more, so that lines across the border are seen.
        let window = input.window(at, CHUNK as usize + 512)?;
        if MARKS.iter().any(|mark| memchr::memmem::find(&window, mark).is_some()) || begins_file(&window) {
            return Ok(true);
        }
        at += CHUNK;
    }
    Ok(false)
}

/// Whether a file in uuencode begins somewhere: a line with its mode, perhaps a name, and one of data behind it, which no prose is.
fn begins_file(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"begin ").any(|at| {
        if at.checked_sub(1).is_some_and(|before| text.get(before) != Some(&b'\n')) {
            return false;
        }
        let mut lines = text.get(at + 6..).unwrap_or_default().splitn(3, |byte| *byte == b'\n');
        let (name, data) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let mode = name.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        (3..=4).contains(&mode)
            && matches!(name.get(mode), None | Some(b' ' | b'\r'))
            && decode::is_uuencoded(data.trim_ascii_end())
    })
}

/// Whether the beginning of a text is Base64 and nothing else.
fn is_bare(head: &[u8]) -> bool {
    head.len() >= ENOUGH && decode::is_base64(head)
}

/// A text that is nothing but Base64: a part where what it decodes to is known. Keys and tokens are written so as well.
fn add_bare(text: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    if !decode::is_base64(text) {
        return Ok(());
    }
    let content = Content::from(decode::base64(text));
    let kind = identify(&content)?.kind;
    // Lists of words are written in the same letters, and decode to what begins like anything.
    if matches!(kind.class, Class::Unknown | Class::Text | Class::Data | Class::Audio) || BY_CHANCE.contains(&&*kind.id)
    {
        return Ok(());
    }
    parts.add_content(Member::unnamed(Role::Payload, "decoded"), content)
}

/// Blocks in armor: those of which the content is not what the label says are parts.
fn armored(text: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut found = Bounded::new("blocks in armor", MOST_BLOCKS);
    let mut open: Option<(String, Vec<u8>, bool)> = None;
    let mut lines = 0_u32;
    for line in text.split(|byte| *byte == b'\n') {
        lines = lines.wrapping_add(1);
        if lines.is_multiple_of(4096) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
        let line = line.trim_ascii();
        if let Some(label) = line.strip_prefix(b"-----BEGIN ") {
            // One that does not end, ends here.
            add_block(open.take(), &mut found)?;
            let label = String::from_utf8_lossy(label.strip_suffix(b"-----").unwrap_or(label)).to_ascii_uppercase();
            // What is signed or encrypted has openers of its own.
            let other = ["PGP ", "PKCS7", "PKCS #7", "CMS"].iter().any(|own| label.starts_with(own));
            open = (!other).then(|| (label, Vec::new(), false));
        } else if line.starts_with(b"-----END ") {
            add_block(open.take(), &mut found)?;
        } else if let Some((_, body, encrypted)) = &mut open {
            // RFC 1421, 4.6: fields of a header, in keys that are encrypted the old way.
            if line.contains(&b':') {
                *encrypted |= line.starts_with(b"Proc-Type:") || line.starts_with(b"DEK-Info:");
            } else {
                body.extend(line);
            }
        }
    }
    add_block(open, &mut found)?;
    let (found, overflow) = found.into_parts();
    if let Some(reason) = overflow {
        parts.incomplete(reason);
    }
    for (label, content) in found {
        parts.add_content(Member::unnamed(Role::Payload, label.to_ascii_lowercase().replace(' ', "-")), content)?;
    }
    Ok(())
}

/// Keeps a block that is not what its label says.
fn add_block(block: Option<(String, Vec<u8>, bool)>, found: &mut Bounded<(String, Content)>) -> io::Result<()> {
    let Some((label, body, encrypted)) = block else { return Ok(()) };
    let bytes = decode::base64(&body);
    if bytes.is_empty() || bytes.starts_with(b"openssh-key-v1\0") {
        return Ok(());
    }
    let whole = is_whole_der(&bytes);
    let content = Content::from(bytes);
    let kind = identify(&content)?.kind;
    let honest = match &*kind.id {
        "der" | "pkcs12" => whole,
        // Ciphertext, and keys of forms that are not known; no certificate is one, but those of Nebula, which are no DER.
        "unknown" => encrypted || !label.contains("CERTIFICATE") || label.contains("NEBULA"),
        _ => false,
    };
    if !honest {
        found.push((label, content));
    }
    Ok(())
}

/// Whether the bytes are one sequence of DER (X.690, 8.1) and nothing behind it.
fn is_whole_der(bytes: &[u8]) -> bool {
    let (head, length) = match bytes {
        [0x30, 0x80, ..] => return true,
        [0x30, length @ 0..=0x7f, ..] => (2, usize::from(*length)),
        [0x30, 0x81, length, ..] => (3, usize::from(*length)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        [0x30, 0x83, a, b, c, ..] => (5, u32::from_be_bytes([0, *a, *b, *c]) as usize),
        _ => return false,
    };
    bytes.len() == length.saturating_add(head)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use data_encoding::BASE64;

    fn check(text: &str) -> Recorded {
        walk(text.as_bytes(), "a.txt")
    }

    fn armor(label: &str, content: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(content))
    }

    /// A sequence of one sequence of an integer.
    const DER: &[u8] = b"\x30\x82\x00\x07\x30\x82\x00\x03\x02\x01\x05";

    #[test]
    fn encoded_files_are_parts() {
        for text in [
            "begin 644 a.exe\n'3$%:05)%5\n`\nend\n",
            "begin-base64 644 a.exe\nTEFaQVJFVA==\n====\n",
            "see below\nbegin-base64 644 a.exe\nTEFaQVJFVA==\n====\n",
        ] {
            let found = check(text);
            assert_eq!(found.bytes("//a.exe"), b"LAZARET", "{text}");
            assert!(found.complete(), "{text} {:?}", found.parts);
        }
    }

    #[test]
    fn armor_is_opened_where_the_label_lies() {
        let script = b"@echo off\r\necho LAZARET\r\n";
        let zip = crate::testing::build::crc_less_zip(&[("a.txt", b"LAZARET")]);
        let program = crate::testing::build::pe(true, 2, 3, &[]);
        for (label, content) in [
            ("CERTIFICATE", &script[..]),
            ("CERTIFICATE", &b"0;\r\nnew ActiveXObject('WScript.Shell').Run('echo LAZARET');\r\n"[..]),
            ("PRIVATE KEY", &zip[..]),
            ("X509 CRL", &program[..]),
            ("CERTIFICATE", &b"\xf1\x02\xe3\x99 LAZARET that nobody knows \x00\x01\x02\x03\x04"[..]),
            ("CERTIFICATE", &[DER, b"echo LAZARET"].concat()[..]),
        ] {
            let end = label.to_ascii_lowercase().replace(' ', "-");
            assert_eq!(check(&armor(label, content)).bytes(&format!("//{end}")), content, "{label}");
            let behind = format!("Dear customer,\nplease find the file below.\n{}", armor(label, content));
            assert_eq!(check(&behind).bytes(&format!("//{end}")), content, "{label}");
        }
    }

    #[test]
    fn honest_armor_has_nothing_in_it() {
        let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n8f+Sq+Cf\nkqk=\n-----END RSA PRIVATE KEY-----\n";
        for text in [
            armor("CERTIFICATE", DER).repeat(50),
            armor("PRIVATE KEY", DER) + &armor("CERTIFICATE", DER),
            armor("OPENSSH PRIVATE KEY", b"openssh-key-v1\0\0\0\0\x04none"),
            encrypted.to_owned(),
        ] {
            let found = check(&text);
            assert!(found.parts.len() == 1 && found.complete(), "{text} {:?}", found.parts);
        }
    }

    #[test]
    fn files_in_uuencode_are_found_behind_any_text() {
        let prose = "The harbour office keeps the books.\n".repeat(3_000);
        for front in [prose.as_str(), "\n\n", "These are words of a letter.\n"] {
            let found = check(&format!("{front}begin 644 a.txt\n#3$%:\n`\nend\n"));
            assert_eq!(found.bytes("//a.txt"), b"LAZ");
        }
        // Without a name, and in texts of some form.
        for front in
            [prose.as_str(), "# Books\n\n* one\n* two\n\n## More\n\n* three\n", "[books]\none = 1\ntwo = 2\n\n"]
        {
            for begin in ["begin 644", "begin 644 ", "begin 644 a.txt"] {
                let found = check(&format!("{front}{begin}\n#3$%:\n`\nend\n"));
                assert!(found.parts.len() == 2 && found.complete(), "{front} {begin} {:?}", found.parts);
            }
        }
        for honest in ["In 1812 they\nbegin 644 miles from home\nand walk on.\n", "begin 7 times\n#3$%:\n"] {
            let found = check(&format!("{prose}{honest}"));
            assert!(found.parts.len() == 1 && found.complete(), "{honest} {:?}", found.parts);
        }
    }

    #[test]
    fn base64_alone_is_decoded_where_it_is_known() {
        let program = crate::testing::build::pe(true, 2, 3, &[]);
        assert_eq!(check(&BASE64.encode(&program)).bytes("//decoded"), program);
        let token = BASE64.encode(&(0..96_u32).map(|at| ((at * 37 % 251) | 0x80) as u8).collect::<Vec<_>>());
        assert_eq!(check(&token).parts.len(), 1);
        let long = format!("{}{}", " ".repeat(super::MOST as usize), armor("CERTIFICATE", b"echo LAZARET"));
        assert!(!check(&long).complete());
        assert!(check(&"prose. ".repeat(super::MOST as usize / 6)).complete());
    }
}
