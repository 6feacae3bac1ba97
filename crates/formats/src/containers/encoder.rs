//! Microsoft Script Encoder: `#@~^`, six characters of length and `==`, the text, six of checksum and `==^#~@`.
//!
//! A character is replaced by one of three others; which of them, a sequence of 64 says.

/// For each position, modulo 64, the column of [`COLUMNS`] that was used.
const SEQUENCE: &[u8; 64] = b"0120121221210212021200122102122100212120200120210212001220012021";

/// What characters 32 to 127 stand for, by column; `<`, `>` and `@` are never written.
#[rustfmt::skip]
const COLUMNS: [&[u8; 96]; 3] = [
    b".GzVBj/&IA42[vrC89pEhqO\x09bD#uJ~J^@wJa]\x22KoN;LPg*}tT+-,0nkf5%!dMRc?{x)(sY3\x7fmUS|:_eFX1ilZH'\x5c=$y7`Q 6",
    b"-uR`q^I\x5cb})6 |z\x7fkc3+hQfv1dTCL:L~LE,*t'7DyY/o&rj9{?8wgSG4x]0#Z[lHUpi.L!$NP\x09Vs5aKX;W\x22mM%(FJ2A=_OBe",
    b"20!)[83=X:5e9\x5cVsfNEkbYx^}JmqA`AS@B'Hru17MR\x22TjGd- \x7f.L]~loytC&v%$+(#A4\x09*D?w;UiacPgQIOFh|6pnz/_KZ,W",
];
/// What a tab stands for, by column.
const TAB: &[u8; 3] = b"\x57\x6e\x7b";

/// Whether the first encoded block at the start of some bytes is VBScript (true) or JScript (false); none where the
/// bytes do not begin with one. Both are encoded alike, and the encoding does not say which it is.
pub(crate) fn is_basic(head: &[u8]) -> Option<bool> {
    let body = head.strip_prefix(b"#@~^").filter(|rest| rest.get(6..8) == Some(b"=="))?.get(8..)?;
    // LIMIT: only tells which of two languages it is; both are judged alike.
    let body: String = body.iter().take(4096).map(|byte| char::from(*byte)).collect();
    let body = body.split("==^#~@").next().unwrap_or_default();
    Some(looks_basic(&decode(body)))
}

/// Words that only VBScript has, to tell what an encoded script was.
pub(super) fn looks_basic(script: &str) -> bool {
    let lower = script.to_ascii_lowercase();
    !lower.contains(';')
        && ["dim ", "set ", "end sub", "msgbox", "createobject("].iter().any(|word| lower.contains(word))
}

/// The decoded blocks of a text, or why one could not be decoded.
pub(super) fn blocks(text: &str) -> Vec<Result<String, String>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut without_length = false;
    while let Some((_, after)) = rest.split_once("#@~^") {
        let Some(body) = after.get(8..).filter(|_| after.get(6..8) == Some("==")) else {
            // Once is enough: one may begin in every four characters.
            if !std::mem::replace(&mut without_length, true) {
                found.push(Err("an encoded script has no length and is not decoded".to_owned()));
            }
            rest = after;
            continue;
        };
        let end = body.find("==^#~@");
        // The checksum has six characters before the end, which need not be those of a checksum.
        let len = end.map_or(body.len(), |end| body.floor_char_boundary(end.saturating_sub(6)));
        if end.is_none() {
            found.push(Err("an encoded script ends early".to_owned()));
        }
        found.push(Ok(decode(body.get(..len).unwrap_or_default())));
        rest = end.and_then(|end| body.get(end + 6..)).unwrap_or_default();
    }
    found
}

fn decode(encoded: &str) -> String {
    let plain =
        encoded.replace("@&", "\n").replace("@#", "\r").replace("@*", ">").replace("@!", "<").replace("@$", "@");
    let mut position = 0usize;
    let mut out = String::with_capacity(plain.len());
    for character in plain.chars() {
        let Ok(byte) = u8::try_from(character) else {
            out.push(character);
            continue;
        };
        let column = SEQUENCE.get(position % 64).map_or(0, |digit| usize::from(digit - b'0'));
        position += usize::from(byte < 128);
        let plain = matches!(byte, b'<' | b'>' | b'@') || !(byte == 9 || (32..128).contains(&byte));
        out.push(if plain { character } else { char::from(original(byte, column)) });
    }
    out
}

fn original(byte: u8, column: usize) -> u8 {
    let value = match byte.checked_sub(32) {
        Some(index) => COLUMNS.get(column).and_then(|values| values.get(usize::from(index))),
        None => TAB.get(column),
    };
    value.copied().unwrap_or(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes by the inverse of the columns.
    fn encode(text: &str) -> String {
        let body: String = text
            .bytes()
            .enumerate()
            .map(|(at, byte)| {
                let column = usize::from(SEQUENCE[at % 64] - b'0');
                let usable = |code: &u8| !matches!(code, b'<' | b'>' | b'@') && original(*code, column) == byte;
                char::from((9..10).chain(32..128).find(usable).expect("every character has a code"))
            })
            .collect();
        format!("#@~^AAAAAA=={body}AAAAAA==^#~@")
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let text = "MsgBox \"LAZARET\" ' and then enough text to go round the sequence of sixty-four columns once";
        assert_eq!(blocks(&encode(text)), [Ok(text.to_owned())]);
        // The first characters of every encoded `MsgBox`.
        assert_eq!(decode("\\ko$K6"), "MsgBox");
        assert!(matches!(blocks("#@~^AA")[..], [Err(_)]));
        assert!(matches!(blocks("#@~^AAAAAA==\\ko")[..], [Err(_), Ok(_)]));
    }

    #[test]
    fn no_number_of_blocks_and_no_odd_checksum_hides_one() {
        let many = encode("x = 1").repeat(150) + &encode("LAZARET");
        assert_eq!(blocks(&many).last(), Some(&Ok("LAZARET".to_owned())));
        assert_eq!(blocks(&("#@~^".repeat(150) + &encode("LAZARET")))[1..], [Ok("LAZARET".to_owned())]);
        let odd = encode("LAZARET").replace("AAAAAA==^#~@", "\u{e9}AAAAA==^#~@");
        assert!(matches!(&blocks(&odd)[..], [Ok(script)] if script.starts_with("LAZARET")));
    }
}
