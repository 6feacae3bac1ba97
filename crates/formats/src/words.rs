//! Reasons for people. Libraries speak in values of their own types; where such a text becomes a reason, it is said in words.

use std::borrow::Cow;

/// Parts of the names that libraries give to errors.
const STEMS: &[&str] = &[
    "Bad",
    "Checksum",
    "Corrupt",
    "Data",
    "Eof",
    "Err",
    "Exceeded",
    "Fail",
    "Invalid",
    "Io",
    "Malformed",
    "Mismatch",
    "Missing",
    "NotFound",
    "Other",
    "Overflow",
    "Range",
    "Unexpected",
    "Unknown",
    "Unsupported",
    "Verification",
];

/// What errors of libraries mean to whoever waits for the file, by words in them; the first that fits counts.
const MEANINGS: &[(&[&str], &str)] = &[
    (&["checksum", "crc", "verification"], "a checksum is wrong"),
    (&["password", "decrypt"], "the password does not fit"),
    (&["eof", "end of", "fill whole", "truncated", "too short"], "it ends early"),
    (&["memory", "dictionary too"], "unpacking it would need more memory than is allowed"),
    (&["unsupported", "not supported", "unimplemented", "unknown method"], "it is packed in a way that is not read"),
    (&["range", "offset", "position"], "it points at places that it does not have"),
    (&["os error", "permission", "storage"], "this machine could not read or write it"),
];
/// What they mean where no word tells.
const DAMAGED: &str = "its data are damaged";

/// A reason in plain words. What somebody named stands in backticks, and stays as it is.
pub(crate) fn plain(reason: &str) -> Cow<'_, str> {
    if !reason.split(": ").any(is_code) {
        return Cow::Borrowed(reason);
    }
    let mut said: Vec<&str> = Vec::new();
    for piece in reason.split(": ") {
        let piece = if is_code(piece) { meaning(piece) } else { piece };
        if said.last() != Some(&piece) {
            said.push(piece);
        }
    }
    // What is said in general adds nothing to what is said of it.
    if said.iter().any(|piece| MEANINGS.iter().any(|(_, meaning)| meaning == piece)) {
        said.retain(|piece| *piece != DAMAGED);
    }
    Cow::Owned(said.join(": "))
}

/// Whether a piece of a reason reads like a value in a program: `Other("x")`, `UnexpectedEof`, `io::Error`, `os error 5`.
fn is_code(piece: &str) -> bool {
    if piece.contains('`') {
        return false;
    }
    let called = piece.as_bytes().windows(2).any(|pair| matches!(pair, [b'A'..=b'Z' | b'a'..=b'z', b'(' | b'{']));
    called
        || piece.contains(['{', '}', '"'])
        || piece.contains("::")
        || piece.contains("(os error")
        || piece.split(|c: char| !c.is_ascii_alphanumeric()).any(is_name)
}

/// Whether a word is one of several that are written as one, and an error's.
fn is_name(word: &str) -> bool {
    let humps = word.as_bytes().windows(2).filter(|pair| matches!(pair, [b'a'..=b'z', b'A'..=b'Z'])).count();
    word.starts_with(|c: char| c.is_ascii_uppercase()) && humps > 0 && STEMS.iter().any(|stem| word.contains(stem))
}

/// What an error of a library means to whoever waits for the file.
fn meaning(piece: &str) -> &'static str {
    let lower = piece.to_ascii_lowercase();
    let found = MEANINGS.iter().find(|(words, _)| words.iter().any(|word| lower.contains(word)));
    found.map_or(DAMAGED, |(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn errors_of_libraries_are_said_in_words() {
        for (reason, said) in [
            (
                r#"7-Zip archive: Other("next header offset out of range")"#,
                "7-Zip archive: it points at places that it does not have",
            ),
            (
                "it ends early or is damaged: ChecksumVerificationFailed",
                "it ends early or is damaged: a checksum is wrong",
            ),
            (r#"it is cut: Io(Custom { kind: UnexpectedEof, error: "x" })"#, "it is cut: it ends early"),
            (
                "cannot write to the spool: No space left on device (os error 28)",
                "cannot write to the spool: this machine could not read or write it",
            ),
        ] {
            assert_eq!(plain(reason), said);
        }
    }

    #[test]
    fn what_is_in_words_stays() {
        for reason in [
            "compression method 97 (WavPack) is recognised and not opened",
            "`Invoice(1) UnexpectedEof.txt` was not opened: 16 levels deep",
            "Word 97 document: there is no compound file header",
            "OpenDocument text is recognised and not opened",
            "OneNote section: there is no header",
            "stopped at the limit of 64 MiB (one part)",
        ] {
            assert_eq!(plain(reason), reason);
        }
    }
}
