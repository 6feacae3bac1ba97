//! A STIX bundle as a stream (STIX 2.1, 8): its objects one by one, exactly as they are written, and the text around them.
//!
//! Only the outermost braces are read here; whether an object is JSON is for those who parse it. What surrounds the objects,
//! the **skeleton**, is kept with a byte 0 in the place of each object, so that the file can be put together again.

use crate::AttackError;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::Read;

/// Bytes that are asked for at once.
const CHUNK: usize = 256 << 10;
/// Bytes of an object. The largest of the official ones has 60 KB.
pub const MOST_OBJECT: usize = 16 << 20;
const HUGE: &str = "an object larger than 16 MiB begins here; no ATT&CK object is that large";
/// Bytes of a bundle.
pub(crate) const MOST_BUNDLE: u64 = 2 << 30;
/// Objects of a bundle.
const MOST_OBJECTS: u64 = 1_000_000;
/// Bytes around the objects.
const MOST_SKELETON: usize = 32 << 20;

/// Splits a bundle.
pub struct Splitter<R> {
    reader: R,
    buffer: Vec<u8>,
    /// What of the buffer was read.
    filled: usize,
    /// What of it was dealt with.
    at: usize,
    /// The place of the buffer's first byte in the bundle.
    base: u64,
    objects: u64,
    hash: Sha256,
    skeleton: Vec<u8>,
    state: State,
}

/// What some programs put before a text in UTF-8. JSON has none; whoever reads may pass over it (RFC 8259, 8.1).
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Marked,
    Members,
    Elements,
    Done,
}

/// An object as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its exact bytes.
    pub text: &'a [u8],
    /// Where it begins in the bundle.
    pub offset: u64,
    /// How many came before it.
    pub index: u64,
}

/// What is known when all objects were met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The bundle's id.
    pub id: String,
    /// `2.0` where the bundle says so; STIX 2.1 says it in each object.
    pub spec_version: Option<String>,
    /// SHA-256 of the bundle's bytes.
    pub sha256: [u8; 32],
    /// The bundle's bytes.
    pub bytes: u64,
    /// The text around the objects, each of them replaced by a byte 0.
    pub skeleton: Vec<u8>,
}

impl<R: Read> Splitter<R> {
    /// A splitter for what is read from `reader`.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK],
            filled: 0,
            at: 0,
            base: 0,
            objects: 0,
            hash: Sha256::new(),
            skeleton: Vec::new(),
            state: State::Start,
        }
    }

    /// The next object; `None` after the last one.
    ///
    /// # Errors
    /// When it cannot be read, is no bundle, or is larger than a bundle may be.
    pub fn next_object(&mut self) -> Result<Option<Piece<'_>>, AttackError> {
        loop {
            let byte = self.after_space()?;
            match (self.state, byte) {
                (State::Start | State::Marked, Some(b'{')) => {
                    self.keep(1)?;
                    self.state = State::Members;
                }
                (State::Start, Some(0xef)) if self.is_first() && self.is_marked()? => {
                    self.keep(BYTE_ORDER_MARK.len())?;
                    self.state = State::Marked;
                }
                (State::Start | State::Marked, _) => return Err(self.wrong("a bundle must begin with `{`")),
                (State::Members, Some(b'"')) => self.member()?,
                (State::Members | State::Elements, Some(b',')) => self.keep(1)?,
                (State::Members, Some(b'}')) => {
                    self.keep(1)?;
                    self.state = State::Done;
                }
                (State::Members, Some(_)) => return Err(self.wrong("the bundle's next member is expected here")),
                (State::Elements, Some(b'{')) => {
                    let length = self.balanced()?;
                    if length > MOST_OBJECT {
                        return Err(self.wrong(HUGE));
                    }
                    let (begin, offset, index) = (self.at, self.base + self.at as u64, self.objects);
                    self.at += length;
                    self.objects += 1;
                    if self.objects > MOST_OBJECTS {
                        return Err(self.wrong("the bundle has more than a million objects"));
                    }
                    self.skeleton.push(0);
                    return Ok(Some(Piece { text: &self.buffer[begin..begin + length], offset, index }));
                }
                (State::Elements, Some(b']')) => {
                    self.keep(1)?;
                    self.state = State::Members;
                }
                (State::Elements, Some(_)) => return Err(self.wrong("an object is expected here")),
                (State::Members | State::Elements, None) => {
                    return Err(self.wrong("the bundle ends here, before its last brace"));
                }
                (State::Done, None) => return Ok(None),
                (State::Done, Some(_)) => return Err(self.wrong("there is data after the bundle's last brace")),
            }
        }
    }

    /// What surrounds the objects, when they were all met.
    ///
    /// # Errors
    /// When it is not what surrounds a bundle's objects.
    pub fn frame(self) -> Result<Frame, AttackError> {
        /// STIX 2.1, 8; STIX 2.0, part 1, 5.
        #[derive(Deserialize)]
        struct Outer {
            #[serde(rename = "type")]
            kind: String,
            id: Option<String>,
            spec_version: Option<String>,
            #[serde(default)]
            objects: Option<Vec<u8>>,
        }
        let bytes = self.base + self.at as u64;
        let place = |reason: String| AttackError::Bundle { offset: bytes, objects: self.objects, reason };
        let skeleton = self.skeleton.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.skeleton);
        let text: Vec<u8> = skeleton.iter().map(|byte| if *byte == 0 { b'0' } else { *byte }).collect();
        let outer: Outer =
            serde_json::from_slice(&text).map_err(|error| place(format!("what surrounds the objects: {error}")))?;
        if outer.kind != "bundle" {
            return Err(place(format!("the type is `{}`, not `bundle`", shortened(&outer.kind))));
        }
        let listed = outer.objects.unwrap_or_default().len() as u64;
        if listed == 0 {
            return Err(place("the bundle has no objects".to_owned()));
        }
        // INVARIANT: every place in the skeleton has its object.
        if listed != self.objects {
            return Err(place(format!("the bundle lists {listed} objects, but contains {}", self.objects)));
        }
        Ok(Frame {
            id: outer.id.unwrap_or_default(),
            spec_version: outer.spec_version,
            sha256: self.hash.finalize().into(),
            bytes,
            skeleton: self.skeleton,
        })
    }

    /// Whether nothing came before what is looked at.
    fn is_first(&self) -> bool {
        self.base == 0 && self.at == 0
    }

    /// Whether a byte order mark begins here.
    fn is_marked(&mut self) -> Result<bool, AttackError> {
        while self.filled - self.at < BYTE_ORDER_MARK.len() && self.fill()? {}
        Ok(self.buffer[self.at..self.filled].starts_with(BYTE_ORDER_MARK))
    }

    /// One member of the bundle: the list of objects is entered, anything else is kept as it is.
    fn member(&mut self) -> Result<(), AttackError> {
        let length = self.string()?;
        // A name can be written with escapes (RFC 8259, 8.3), and is the same name.
        let Ok(name) = serde_json::from_slice::<String>(&self.buffer[self.at..self.at + length]) else {
            return Err(self.wrong("the name of a member is not a string"));
        };
        let is_objects = name == "objects";
        self.keep(length)?;
        if self.after_space()? != Some(b':') {
            return Err(self.wrong("a colon is expected here"));
        }
        self.keep(1)?;
        match self.after_space()? {
            Some(b'[') if is_objects => {
                self.keep(1)?;
                self.state = State::Elements;
                return Ok(());
            }
            Some(_) if is_objects => return Err(self.wrong("the bundle's `objects` is not a list")),
            _ => {}
        }
        let length = match self.after_space()? {
            Some(b'{' | b'[') => self.balanced()?,
            Some(b'"') => self.string()?,
            Some(_) => self.scalar()?,
            None => return Err(self.wrong("the bundle ends here, before its last brace")),
        };
        self.keep(length)
    }

    /// The next byte that is no white space (RFC 8259, 2).
    fn after_space(&mut self) -> Result<Option<u8>, AttackError> {
        loop {
            if self.at == self.filled && !self.fill()? {
                return Ok(None);
            }
            match self.buffer[self.at] {
                b' ' | b'\t' | b'\n' | b'\r' => self.keep(1)?,
                byte => return Ok(Some(byte)),
            }
        }
    }

    /// Length of the object or list that begins here.
    fn balanced(&mut self) -> Result<usize, AttackError> {
        let (mut length, mut depth, mut quoted) = (0, 0_usize, false);
        loop {
            let seen = &self.buffer[self.at + length..self.filled];
            let mut place = 0;
            while place < seen.len() {
                if quoted {
                    match memchr::memchr2(b'"', b'\\', &seen[place..]) {
                        None => place = seen.len(),
                        Some(step) if seen[place + step] == b'"' => {
                            quoted = false;
                            place += step + 1;
                        }
                        // The escaped byte may not be there yet.
                        Some(step) if place + step + 1 < seen.len() => place += step + 2,
                        Some(step) => {
                            place += step;
                            break;
                        }
                    }
                    continue;
                }
                match seen[place] {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return Ok(length + place + 1);
                        }
                    }
                    _ => {}
                }
                place += 1;
            }
            length += place;
            self.more(length)?;
        }
    }

    /// Length of the string that begins here, its quotes included.
    fn string(&mut self) -> Result<usize, AttackError> {
        let mut length = 1;
        loop {
            let seen = &self.buffer[(self.at + length).min(self.filled)..self.filled];
            match memchr::memchr2(b'"', b'\\', seen) {
                Some(step) if seen[step] == b'"' => return Ok(length + step + 1),
                Some(step) if step + 1 < seen.len() => length += step + 2,
                Some(step) => {
                    length += step;
                    self.more(length)?;
                }
                None => {
                    length += seen.len();
                    self.more(length)?;
                }
            }
        }
    }

    /// Length of the number or word that begins here.
    fn scalar(&mut self) -> Result<usize, AttackError> {
        let mut length = 0;
        loop {
            let seen = &self.buffer[self.at + length..self.filled];
            let end = seen.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
            match end {
                Some(0) if length == 0 => return Err(self.wrong("a value is expected here")),
                Some(step) => return Ok(length + step),
                None => {
                    length += seen.len();
                    self.more(length)?;
                }
            }
        }
    }

    /// Reads more while something is under way that began at `self.at`.
    fn more(&mut self, length: usize) -> Result<(), AttackError> {
        if length > MOST_OBJECT {
            return Err(self.wrong(HUGE));
        }
        if self.fill()? { Ok(()) } else { Err(self.wrong("what begins here does not end")) }
    }

    /// Reads more; `false` at the end. What was not dealt with stays.
    fn fill(&mut self) -> Result<bool, AttackError> {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.base += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = loop {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => {
                    break other
                        .map_err(|source| AttackError::Read { offset: self.base + self.filled as u64, source })?;
                }
            }
        };
        self.hash.update(&self.buffer[self.filled..self.filled + read]);
        self.filled += read;
        if self.base + self.filled as u64 > MOST_BUNDLE {
            return Err(self.wrong("the bundle is larger than 2 GiB"));
        }
        Ok(read > 0)
    }

    /// Puts bytes into the skeleton.
    fn keep(&mut self, length: usize) -> Result<(), AttackError> {
        let text = &self.buffer[self.at..self.at + length];
        if text.contains(&0) {
            return Err(self.wrong("a NUL byte, which is not allowed in JSON"));
        }
        self.skeleton.extend_from_slice(text);
        self.at += length;
        if self.skeleton.len() > MOST_SKELETON {
            return Err(self.wrong("too much data around the objects"));
        }
        Ok(())
    }

    fn wrong(&self, reason: &str) -> AttackError {
        AttackError::Bundle { offset: self.base + self.at as u64, objects: self.objects, reason: reason.to_owned() }
    }
}

/// A text from a file, short enough for a sentence.
pub(crate) fn shortened(text: &str) -> String {
    let short: String = text.chars().take(60).map(|letter| if letter.is_control() { '�' } else { letter }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a few bytes at once, so that every boundary falls everywhere.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let some = self.0.len().min(self.1).min(buffer.len());
            buffer[..some].copy_from_slice(&self.0[..some]);
            self.0 = &self.0[some..];
            Ok(some)
        }
    }

    fn split(text: &str, step: usize) -> Result<(Vec<String>, Frame), AttackError> {
        let mut splitter = Splitter::new(Trickle(text.as_bytes(), step));
        let mut pieces = Vec::new();
        while let Some(piece) = splitter.next_object()? {
            assert_eq!(&text.as_bytes()[piece.offset as usize..][..piece.text.len()], piece.text);
            pieces.push(String::from_utf8_lossy(piece.text).into_owned());
        }
        Ok((pieces, splitter.frame()?))
    }

    fn refused(text: &str) -> String {
        let errors: Vec<_> = [1, 7, 100_000].map(|step| split(text, step).unwrap_err().to_string()).into();
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        errors[0].clone()
    }

    #[test]
    fn objects_come_as_they_are_written() {
        let text = "{ \"type\": \"bundle\", \"x\": [1, {\"objects\": []}, \"]\\\"\"], \"objects\" : [\n  {\"a\": \"}\\\\\\\"{\"},\r\n{ } ],\"id\":\"bundle--1\" }\n";
        for step in [1, 2, 3, 5, 100_000] {
            let (pieces, frame) = split(text, step).unwrap();
            assert_eq!(pieces, ["{\"a\": \"}\\\\\\\"{\"}", "{ }"]);
            assert_eq!(frame.id, "bundle--1");
            assert_eq!(frame.bytes, text.len() as u64);
            assert_eq!(frame.sha256, <[u8; 32]>::from(Sha256::digest(text)));
            let mut pieces = pieces.iter();
            let again: String =
                String::from_utf8(frame.skeleton).unwrap().chars().fold(String::new(), |mut all, letter| {
                    if letter == '\0' {
                        all.push_str(pieces.next().unwrap())
                    } else {
                        all.push(letter)
                    }
                    all
                });
            assert_eq!(again, text);
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused_with_its_place() {
        assert_eq!(refused(""), "byte 0, after 0 objects: a bundle must begin with `{`");
        assert_eq!(refused("[]"), "byte 0, after 0 objects: a bundle must begin with `{`");
        assert!(
            refused("{\"type\":\"bundle\",\"objects\":[{},{\"a\":1")
                .starts_with("byte 31, after 1 objects: what begins here")
        );
        assert!(refused("{\"type\":\"bundle\",\"objects\":[{},7]}").contains("byte 31, after 1 objects: an object is"));
        assert!(refused("{\"type\":\"bundle\",\"objects\":[{}]").contains("ends here"));
        assert!(refused("{\"type\":\"bundle\",\"objects\":[{}{}]}").contains("what surrounds the objects"));
        assert!(refused("{\"type\":\"bundle\",\"objects\":[{}]}}").contains("there is data after"));
        assert!(refused("{\"type\":\"relationship\",\"objects\":[{}]}").contains("`relationship`, not `bundle`"));
        assert!(refused("{\"type\":\"bundle\",\"objects\":[]}").contains("no objects"));
        assert!(refused("{\"type\":\"bundle\",\"objects\":{}}").contains("is not a list"));
        assert!(refused("{\"type\":\"bundle\",\"objects\":[{}],\"objects\":[{}]}").contains("duplicate field"));
        assert!(refused("{\"type\":\"bundle\",\"id\":\"bundle--1\"}").contains("the bundle has no objects"));
    }

    #[test]
    fn a_byte_order_mark_before_the_bundle_is_passed_over_and_kept() {
        let text = "\u{feff}{\"type\":\"bundle\",\"objects\":[{\"a\":1}]}";
        for step in [1, 2, 100_000] {
            let (pieces, frame) = split(text, step).unwrap();
            assert_eq!(pieces, ["{\"a\":1}"]);
            assert!(frame.skeleton.starts_with(BYTE_ORDER_MARK) && frame.bytes == text.len() as u64);
        }
        for text in ["\u{feff}", " \u{feff}{}", "\u{feff}\u{feff}{}", "\u{feff}[]"] {
            assert!(refused(text).contains("a bundle must begin with `{`"), "{text:?}");
        }
    }

    #[test]
    fn a_name_that_is_written_with_escapes_is_the_same_name() {
        let text = r#"{"type":"bundle","\u006fbjects":[{"a":1},{}]}"#;
        for step in [1, 7, 100_000] {
            let (pieces, frame) = split(text, step).unwrap();
            assert_eq!(pieces, ["{\"a\":1}", "{}"]);
            assert_eq!(frame.skeleton, b"{\"type\":\"bundle\",\"\\u006fbjects\":[\0,\0]}");
        }
        assert!(refused(r#"{"type":"bundle","\u006fbjects":[0,0]}"#).contains("an object is expected here"));
        assert!(refused(r#"{"type":"bundle","\u006fbjects":[{}],"objects":[{}]}"#).contains("duplicate field"));
        assert!(
            refused(r#"{"type":"bundle","a\x":1,"objects":[{}]}"#).contains("the name of a member is not a string")
        );
    }

    #[test]
    fn an_object_may_be_larger_than_what_is_read_at_once_but_not_huge() {
        let large = format!("{{\"type\":\"bundle\",\"objects\":[{{\"d\":\"{}\"}}]}}", "x".repeat(CHUNK * 3));
        assert_eq!(split(&large, 100_000).unwrap().0[0].len(), CHUNK * 3 + 8);
        let huge = format!("{{\"type\":\"bundle\",\"objects\":[{{\"d\":\"{}\"}}]}}", "x".repeat(MOST_OBJECT + 1));
        assert!(split(&huge, 100_000).unwrap_err().to_string().contains("larger than 16 MiB begins here"));
    }
}
