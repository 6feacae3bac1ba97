//! Binary property lists (`CFBinaryPList.c` of Core Foundation, version 00): a table of offsets at the end leads to objects, which
//! refer to one another by their numbers.

use crate::{Content, OpenError, Parts};

/// References of one array or dictionary.
const MOST_REFERENCES: u64 = 1 << 20;
/// Bytes of the trailer.
const TRAILER: u64 = 32;

/// A list that can be asked for its objects.
pub(super) struct List<'c> {
    content: &'c Content,
    offset_size: u8,
    reference_size: u8,
    objects: u64,
    top: u64,
    table: u64,
}

/// An object, as far as it matters here. Where it starts, its content does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Object {
    Data {
        at: u64,
        len: u64,
    },
    /// Letters of one byte, or of two.
    Text {
        at: u64,
        len: u64,
        wide: bool,
    },
    Array {
        at: u64,
        count: u64,
    },
    Dictionary {
        at: u64,
        count: u64,
    },
    Other,
}

impl<'c> List<'c> {
    /// Reads the trailer.
    pub(super) fn new(content: &'c Content) -> Result<Self, OpenError> {
        let at = content.len().saturating_sub(TRAILER);
        let trailer = content.window(at, TRAILER as usize)?;
        let small = |place: usize| trailer.get(place).copied().filter(|size| (1..=8).contains(size));
        let number = |place: usize| trailer.get(place..place.saturating_add(8)).map(number);
        // One that holds a single value refers to nothing.
        let (Some(offset_size), Some(reference_size)) =
            (small(6), small(7).or((trailer.get(7) == Some(&0)).then_some(0)))
        else {
            return Err(OpenError::malformed("the property list has no trailer", at));
        };
        let (Some(objects), Some(top), Some(table)) = (number(8), number(16), number(24)) else {
            return Err(OpenError::malformed("the property list has no trailer", at));
        };
        let list = Self { content, offset_size, reference_size, objects, top, table };
        if list.top >= objects || table >= at || reference_size == 0 && objects > 1 {
            return Err(OpenError::malformed("the table of the property list lies outside it", at));
        }
        Ok(list)
    }

    /// The number of the object that everything else is in.
    pub(super) fn top(&self) -> u64 {
        self.top
    }

    /// The object of a number.
    pub(super) fn object(&self, object: u64) -> Result<Object, OpenError> {
        let size = u64::from(self.offset_size);
        let place =
            object.checked_mul(size).and_then(|by| by.checked_add(self.table)).filter(|_| object < self.objects);
        let Some(place) = place else { return Err(OpenError::malformed("an object is not in the table", self.table)) };
        let offset = number(&self.content.window(place, usize::from(self.offset_size))?);
        let head = self.content.window(offset, 10)?;
        let Some((marker, rest)) = head.split_first() else {
            return Err(OpenError::malformed("an object lies outside the property list", offset));
        };
        let start = offset.saturating_add(1);
        let (at, len) = match (marker & 0x0f, rest.split_first().map(|(size, rest)| (*size, rest))) {
            // A longer count is a number of its own: 0x10 and up, of 1, 2, 4 or 8 bytes.
            (0x0f, Some((size @ 0x10..=0x13, rest))) => {
                let width = 1_usize << (size & 3);
                let Some(bytes) = rest.get(..width) else { return Ok(Object::Other) };
                (start.saturating_add(1 + width as u64), number(bytes))
            }
            (0x0f, _) => return Ok(Object::Other),
            (count, _) => (start, u64::from(count)),
        };
        Ok(match marker >> 4 {
            4 => Object::Data { at, len },
            5 | 7 => Object::Text { at, len, wide: false },
            6 => Object::Text { at, len: len.saturating_mul(2), wide: true },
            0xa..=0xc => Object::Array { at, count: len },
            0xd => Object::Dictionary { at, count: len },
            _ => Object::Other,
        })
    }

    /// The bytes of data or of a text.
    pub(super) fn data(&self, object: u64) -> Result<Option<Content>, OpenError> {
        let (at, len) = match self.object(object)? {
            Object::Data { at, len } | Object::Text { at, len, .. } => (at, len),
            _ => return Ok(None),
        };
        let data = self.content.slice(at, len);
        if data.len() < len {
            return Err(OpenError::malformed("data ends behind the end of the property list", at));
        }
        Ok(Some(data))
    }

    /// A text, or its first bytes; empty for any other object.
    pub(super) fn text(&self, object: u64, most: u64) -> Result<String, OpenError> {
        let Object::Text { at, len, wide } = self.object(object)? else { return Ok(String::new()) };
        let bytes = self.content.window(at, usize::try_from(len.min(most)).unwrap_or(0))?;
        if wide {
            return Ok(encoding_rs::UTF_16BE.decode_without_bom_handling(&bytes).0.into_owned());
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The numbers of what an array holds.
    pub(super) fn array(&self, object: u64, parts: &mut Parts<'_, '_>) -> Result<Vec<u64>, OpenError> {
        let Object::Array { at, count } = self.object(object)? else { return Ok(Vec::new()) };
        self.references(at, count, parts)
    }

    /// The numbers of keys and values of a dictionary.
    pub(super) fn dictionary(&self, object: u64, parts: &mut Parts<'_, '_>) -> Result<Vec<(u64, u64)>, OpenError> {
        let Object::Dictionary { at, count } = self.object(object)? else { return Ok(Vec::new()) };
        let keys = self.references(at, count, parts)?;
        let behind = count.saturating_mul(u64::from(self.reference_size)).saturating_add(at);
        let values = self.references(behind, count, parts)?;
        Ok(keys.into_iter().zip(values).collect())
    }

    fn references(&self, at: u64, count: u64, parts: &mut Parts<'_, '_>) -> Result<Vec<u64>, OpenError> {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        if count > MOST_REFERENCES {
            parts.incomplete(format!(
                "a list in it has more than {MOST_REFERENCES} entries, and only so many are looked at"
            ));
        }
        // Objects may lie over each other.
        parts.budget().step(count.min(MOST_REFERENCES).saturating_mul(64)).map_err(OpenError::Limit)?;
        let size = u64::from(self.reference_size);
        let length = count.min(MOST_REFERENCES).saturating_mul(size);
        let bytes = self.content.window(at, usize::try_from(length).unwrap_or(0))?;
        if (bytes.len() as u64) < length {
            return Err(OpenError::malformed("a list ends behind the end of the property list", at));
        }
        Ok(bytes.chunks(usize::from(self.reference_size)).map(number).collect())
    }
}

/// A number, most significant byte first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
