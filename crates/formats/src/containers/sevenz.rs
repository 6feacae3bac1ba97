//! 7z (7zFormat.txt of the LZMA SDK).

use super::{Format, signature};
use crate::{Content, Member, OpenError, Parts};
use flate2::Crc;
use lazaret_model::{Limit, Role};
use sevenz_rust2::{Archive, ArchiveEntry, Block, BlockDecoder, EncoderMethod, Error, Password};
use std::io::{self, Read};
use std::sync::Arc;

/// The opener.
pub struct SevenZ;

const SIGNATURE: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// Signatures that are tried.
const MOST_STARTS: usize = 1_000;
/// Headers that are what their checksum says, and all the same cannot be read.
const MOST_HEADERS: usize = 16;
/// Steps that it takes to derive a key: half a million rounds.
const DERIVING: u64 = 1 << 26;

impl Format for SevenZ {
    fn id(&self) -> &'static str {
        "sevenz"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["7z"]
    }

    fn summary(&self) -> &'static str {
        "every method of 7-Zip, branch filters, AES and encrypted headers, behind a self-extractor too"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut starts = signature::find_all(input, SIGNATURE, MOST_STARTS + 1, parts)?;
        let more = starts.len() > MOST_STARTS;
        starts.truncate(MOST_STARTS);
        let (mut first_error, mut empty, mut headers) = (None, None, 0_usize);
        for start in starts {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let slice = input.slice(start, u64::MAX);
            // An archive without files has no second header: offset, length and checksum are zero.
            let head = slice.window(0, 32)?.into_owned();
            if head.len() == 32 && head.get(12..32).is_some_and(|rest| rest.iter().all(|byte| *byte == 0)) {
                // Another may follow that is not.
                empty.get_or_insert(slice);
                continue;
            }
            // The start header's checksum (7zFormat.txt): what is no header at all is passed over quickly.
            let mut crc = Crc::new();
            crc.update(head.get(12..32).unwrap_or_default());
            if head.get(8..12) == Some(&crc.sum().to_le_bytes()[..]) {
                headers = headers.saturating_add(1);
            }
            if headers > MOST_HEADERS {
                parts.incomplete(format!("it has more than {MOST_HEADERS} headers that cannot be read"));
                break;
            }
            match read_header(&slice, parts) {
                Ok(Some((archive, password))) => return add_all(&slice, &archive, password, parts),
                Ok(None) => {
                    // The headers are encrypted: not even the names are known.
                    return Err(OpenError::Locked { tried: parts.passwords().len() });
                }
                Err(OpenError::Limit(limit)) if parts.budget().exhausted().is_some() => {
                    return Err(OpenError::Limit(limit));
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        match empty {
            Some(slice) if slice.len() > 32 => {
                parts.add_content(Member::unnamed(Role::Appended, "after-archive"), slice.slice(32, u64::MAX))?;
            }
            Some(_) => {}
            None => {
                first_error.get_or_insert_with(|| OpenError::malformed("there is no 7z signature", 0));
            }
        }
        if more {
            parts.incomplete(format!("it has more than {MOST_STARTS} 7z signatures, and only so many are tried"));
        }
        first_error.map_or(Ok(()), Err)
    }
}

fn kib(parts: &mut Parts<'_, '_>) -> usize {
    super::decoders::memory_kib(parts.budget()) as usize
}

/// A header and the password it needed.
type Opened = (Archive, Option<Arc<str>>);

/// The archive's header and the password it needed; `None` when no password opens it.
fn read_header(input: &Content, parts: &mut Parts<'_, '_>) -> Result<Option<Opened>, OpenError> {
    let kib = kib(parts);
    match Archive::read_with_memory_limit(&mut input.reader(), &Password::empty(), kib) {
        Ok(archive) => return Ok(Some((archive, None))),
        Err(Error::PasswordRequired | Error::MaybeBadPassword(_)) => {}
        Err(error) => return Err(convert(error)),
    }
    for password in parts.passwords() {
        if !parts.may_try(&password, DERIVING)? {
            break;
        }
        if let Ok(archive) = Archive::read_with_memory_limit(&mut input.reader(), &Password::new(&password), kib) {
            parts.opened_with(&password);
            return Ok(Some((archive, Some(password))));
        }
    }
    Ok(None)
}

fn convert(error: Error) -> OpenError {
    match error {
        Error::Io(error, _) => OpenError::Read(error),
        Error::MaxMemLimited { .. } => OpenError::Limit(Limit::Memory),
        Error::UnsupportedCompressionMethod(what) => OpenError::unsupported(format!("the 7z method {what}")),
        Error::Unsupported(what) => OpenError::unsupported(format!("{what} in 7z")),
        other => OpenError::malformed(other.to_string(), 0),
    }
}

fn add_all(
    input: &Content,
    archive: &Archive,
    header_password: Option<Arc<str>>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let encrypted = |index: usize| {
        archive.blocks.get(index).is_some_and(|block| {
            block.ordered_coder_iter().any(|(_, coder)| coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
        })
    };
    let layout = Layout::of(archive);
    // Plain blocks first: what is in them may tell the password of the others.
    let (locked, plain): (Vec<usize>, Vec<usize>) = (0..archive.blocks.len()).partition(|index| encrypted(*index));
    for index in plain {
        add_block(input, archive, &layout, index, None, parts)?;
    }
    let mut known = header_password;
    for index in locked {
        if known.as_ref().is_none_or(|password| !opens(input, archive, index, password, parts)) {
            known = None;
            for password in parts.passwords() {
                if !parts.may_try(&password, DERIVING)? {
                    break;
                }
                if opens(input, archive, index, &password, parts) {
                    known = Some(password);
                    break;
                }
            }
        }
        if let Some(password) = &known {
            add_block(input, archive, &layout, index, Some(password), parts)?;
        } else {
            for file in layout.files(archive, index) {
                parts.add_locked(Member::named(Role::Member, file.name.clone()))?;
            }
        }
    }
    for file in &archive.files {
        if !file.has_stream && !file.is_directory {
            parts.add_content(Member::named(Role::Member, file.name.clone()), Content::from(&b""[..]))?;
        }
    }
    gaps(input, archive, parts)
}

/// What stands before the packed streams and between them and the header, where nothing of the archive is but a packed header.
fn gaps(input: &Content, archive: &Archive, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let first = archive.pack_pos().saturating_add(32);
    let last = archive.pack_sizes().iter().fold(first, |sum, size| sum.saturating_add(*size));
    let header = super::u64_at(&input.window(0, 32)?, 12).unwrap_or(0).saturating_add(32);
    for (from, to) in [(32, first), (last, header)] {
        if to > from {
            super::skipped::search(&input.slice(from, to - from), "between its streams", parts)?;
        }
    }
    Ok(())
}

/// What belongs to each block: files by their places, and the first of its packed streams.
struct Layout {
    files: Vec<Vec<usize>>,
    streams: Vec<usize>,
}

impl Layout {
    fn of(archive: &Archive) -> Self {
        let mut files: Vec<Vec<usize>> = vec![Vec::new(); archive.blocks.len()];
        for (place, block) in archive.stream_map.file_block_index.iter().enumerate() {
            let Some(block) = block else { continue };
            if let Some(own) = files.get_mut(*block) {
                own.push(place);
            }
        }
        let mut first = 0_usize;
        let streams = archive.blocks.iter().map(|block| {
            let own = first;
            first = first.saturating_add(packed_streams(block));
            own
        });
        Self { files, streams: streams.collect() }
    }

    /// The files of a block, in order.
    fn files<'a>(&'a self, archive: &'a Archive, block: usize) -> impl Iterator<Item = &'a ArchiveEntry> {
        let own = self.files.get(block).map(Vec::as_slice).unwrap_or_default();
        own.iter().filter_map(move |place| archive.files.get(*place))
    }
}

/// Whether the password decodes the block's first file, checksum included.
fn opens(input: &Content, archive: &Archive, index: usize, password: &str, parts: &mut Parts<'_, '_>) -> bool {
    let kib = kib(parts);
    let mut reader = input.reader();
    let password = Password::new(password);
    let decoder = BlockDecoder::new_with_memory_limit(1, kib, index, archive, &password, &mut reader);
    let mut good = false;
    let result = decoder.for_each_entries(&mut |entry, data| {
        if !entry.has_stream {
            return Ok(true);
        }
        let mut chunk = vec![0; 64 << 10];
        while data.read(&mut chunk)? > 0 {
            if parts.budget().check_time().is_err() {
                return Ok(false);
            }
        }
        good = true;
        Ok(false)
    });
    result.is_ok() && good
}

fn add_block(
    input: &Content,
    archive: &Archive,
    layout: &Layout,
    index: usize,
    password: Option<&Arc<str>>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    if archive.blocks.get(index).is_some_and(is_deflate64) {
        return add_deflate64(input, archive, layout, index, parts);
    }
    let kib = kib(parts);
    let mut reader = input.reader();
    let secret = password.map_or_else(Password::empty, |password| Password::new(password));
    let decoder = BlockDecoder::new_with_memory_limit(1, kib, index, archive, &secret, &mut reader);
    let mut stopped = None;
    let mut seen = 0;
    let result = decoder.for_each_entries(&mut |entry, data| {
        seen += 1;
        if !entry.has_stream {
            return Ok(true);
        }
        let mut member = Member::named(Role::Member, entry.name.clone());
        if let Some(password) = password {
            member = member.opened_with(password.clone());
        }
        let mut data = Sized { data, left: entry.size };
        if let Err(error) = parts.add(member, &mut data) {
            stopped = Some(error);
            return Ok(false);
        }
        Ok(true)
    });
    if let Some(error) = stopped {
        return Err(error);
    }
    if let Err(error) = result {
        let reason = match convert(error) {
            OpenError::Limit(limit) => limit.describe(parts.budget().limits()),
            OpenError::Read(error) => error.to_string(),
            other => other.to_string(),
        };
        parts.incomplete(format!("a block could not be decoded to its end: {reason}"));
        // Files behind the damage are named, so that their names are judged at least.
        for file in layout.files(archive, index).skip(seen) {
            let member =
                Member::named(Role::Member, file.name.clone()).incomplete("it stands behind damage in its block");
            parts.add_content(member, Content::from(&b""[..]))?;
        }
    }
    Ok(())
}

/// Whether a block is packed with Deflate64 alone, which the crate lacks.
fn is_deflate64(block: &Block) -> bool {
    let mut coders = block.ordered_coder_iter();
    block.coders.len() == 1 && coders.all(|(_, coder)| coder.encoder_method_id() == EncoderMethod::ID_DEFLATE64)
}

/// How many packed streams a block has: what goes into its coders and comes from none of them.
fn packed_streams(block: &Block) -> usize {
    let inputs = |id: &[u8]| if id == EncoderMethod::ID_BCJ2 { 4 } else { 1 };
    let all: usize = block.ordered_coder_iter().map(|(_, coder)| inputs(coder.encoder_method_id())).sum();
    all.saturating_sub(block.coders.len().saturating_sub(1))
}

/// Adds the files of a block of Deflate64.
fn add_deflate64(
    input: &Content,
    archive: &Archive,
    layout: &Layout,
    index: usize,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let first = layout.streams.get(index).copied().unwrap_or(0);
    parts.budget().step(first as u64).map_err(OpenError::Limit)?;
    let before =
        archive.pack_sizes().iter().take(first).try_fold(archive.pack_pos(), |sum, size| sum.checked_add(*size));
    // Positions count from the end of the first header (7zFormat.txt, "Start of archive").
    let place = before.and_then(|before| before.checked_add(32)).zip(archive.pack_sizes().get(first));
    let Some((start, size)) = place else { return Err(OpenError::malformed("a packed stream is not in the list", 0)) };
    let packed = input.slice(start, *size);
    let mut decoder = deflate64::Deflate64Decoder::with_buffer(packed.reader());
    for file in layout.files(archive, index).filter(|file| file.has_stream) {
        let data: &mut dyn Read = &mut decoder;
        let mut data = Checked { data: data.take(file.size), crc: Crc::new(), left: file.size, wanted: None };
        data.wanted = file.has_crc.then_some(file.crc);
        parts.add(Member::named(Role::Member, file.name.clone()), &mut data)?;
        // What was left unread, at a limit, belongs to this file all the same.
        let mut chunk = vec![0; 64 << 10];
        while data.left > 0 && data.read(&mut chunk).is_ok_and(|read| read > 0) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
        }
    }
    Ok(())
}

/// Reports data that is shorter than declared, or that has another checksum.
struct Checked<'r> {
    data: io::Take<&'r mut dyn Read>,
    crc: Crc,
    left: u64,
    wanted: Option<u64>,
}

impl Read for Checked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.data.read(out)?;
        if read == 0 && !out.is_empty() {
            if self.left > 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than its header says"));
            }
            if self.wanted.take().is_some_and(|wanted| wanted != u64::from(self.crc.sum())) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
            }
        }
        self.crc.update(out.get(..read).unwrap_or_default());
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// Reports data that ends before the declared size, which the decoder would pass off as the end.
struct Sized<'r> {
    data: &'r mut dyn Read,
    left: u64,
}

impl Read for Sized<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.data.read(out)?;
        if n == 0 && !out.is_empty() && self.left > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than its header says"));
        }
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Recorded, walk_with};
    use data_encoding::BASE64;
    use lazaret_model::Limits;
    use sevenz_rust2::encoder_options::AesEncoderOptions;
    use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration};
    use std::io::Cursor;

    const MARKER: &[u8] = b"LAZARET-MARKER in 7z, in 7z, in 7z, in 7z, in 7z, in 7z, in 7z, in 7z, in 7z, in 7z";

    fn check(bytes: Vec<u8>, passwords: &[&str]) -> Recorded {
        walk_with(bytes, "sample.7z", Some("7z"), passwords, Limits::default())
    }

    fn archive(methods: Vec<EncoderConfiguration>, encrypt_header: bool) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
        writer.set_content_methods(methods);
        writer.set_encrypt_header(encrypt_header);
        writer.push_archive_entry(ArchiveEntry::new_file("dir/payload.exe"), Some(MARKER)).unwrap();
        writer.push_archive_entry(ArchiveEntry::new_file("second.txt"), Some(&b"second"[..])).unwrap();
        writer.push_archive_entry::<&[u8]>(ArchiveEntry::new_file("empty"), None).unwrap();
        writer.finish().unwrap().into_inner()
    }

    // Vectors C 14.
    #[test]
    fn methods_and_filters_are_decoded() {
        use EncoderMethod as M;
        for methods in [
            vec![M::COPY],
            vec![M::LZMA],
            vec![M::LZMA2],
            vec![M::PPMD],
            vec![M::BZIP2],
            vec![M::DEFLATE],
            vec![M::DELTA_FILTER, M::LZMA2],
            vec![M::BCJ_X86_FILTER, M::LZMA2],
            vec![M::BCJ_ARM_FILTER, M::LZMA2],
        ] {
            let recorded = check(archive(methods.iter().map(|m| (*m).into()).collect(), false), &[]);
            assert_eq!(recorded.bytes("//dir/payload.exe"), MARKER, "{methods:?}");
            assert_eq!(recorded.bytes("//second.txt"), b"second");
            assert_eq!(recorded.bytes("//empty"), b"");
            assert!(recorded.complete());
        }
    }

    /// Made with 7-Zip 25, filters and methods that our writer lacks.
    #[test]
    fn filters_of_other_machines_are_decoded() {
        for (method, archive) in [
            (
                "bcj2",
                "\
N3q8ryccAAT+C/mhmQAAAAAAAACCAAAAAAAAAEpN8HMAJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEAAAAAAAAAAAAAAAAAAAAAAAABBAYABAmAhwgFBQAHCwEABCMDAQEFXQAQAAAjAwEBBV0AEAAAIwMBAQVdABAAABQDAwEbBAEFAAQB\
AwICBgEADAAAgiuCKwAICgHR7sVJAAAFARkIAAAAAAAAAAARGQBwAGEAeQBsAG8AYQBkAC4AZQB4AGUAAAAVBgEAIICkgQAA",
            ),
            (
                "arm64",
                "\
N3q8ryccAARrD3C+hwAAAAAAAABSAAAAAAAAACaF8z8AJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEBBAYAAQmAhwAHCwEAAiMDAQEFXQAQAAABCgEADIIrgisACAoB0e7FSQAABQERGQBwAGEAeQBsAG8AYQBkAC4AZQB4AGUAAAAVBgEA\
IICkgQAA",
            ),
            (
                "armt",
                "\
N3q8ryccAAT8p7zchwAAAAAAAABiAAAAAAAAAPxh5LYAJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEBBAYAAQmAhwAHCwEAAiMDAQEFXQAQAAAEAwMHAQEADIIrgisACAoB0e7FSQAABQEZCwAAAAAAAAAAAAAAERkAcABhAHkAbABvAGEA\
ZAAuAGUAeABlAAAAFQYBACCApIEAAA==",
            ),
            (
                "ppc",
                "\
N3q8ryccAAR5+6ZMhwAAAAAAAABiAAAAAAAAANsvMQwAJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEBBAYAAQmAhwAHCwEAAiMDAQEFXQAQAAAEAwMCBQEADIIrgisACAoB0e7FSQAABQEZCwAAAAAAAAAAAAAAERkAcABhAHkAbABvAGEA\
ZAAuAGUAeABlAAAAFQYBACCApIEAAA==",
            ),
            (
                "sparc",
                "\
N3q8ryccAATuV1jghwAAAAAAAABiAAAAAAAAAE98SAQAJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEBBAYAAQmAhwAHCwEAAiMDAQEFXQAQAAAEAwMIBQEADIIrgisACAoB0e7FSQAABQEZCwAAAAAAAAAAAAAAERkAcABhAHkAbABvAGEA\
ZAAuAGUAeABlAAAAFQYBACCApIEAAA==",
            ),
            (
                "ia64",
                "\
N3q8ryccAAQa6S4DhwAAAAAAAABiAAAAAAAAAIUE3wMAJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEBBAYAAQmAhwAHCwEAAiMDAQEFXQAQAAAEAwMEAQEADIIrgisACAoB0e7FSQAABQEZCwAAAAAAAAAAAAAAERkAcABhAHkAbABvAGEA\
ZAAuAGUAeABlAAAAFQYBACCApIEAAA==",
            ),
            (
                "riscv",
                "\
N3q8ryccAARUQr3DhwAAAAAAAABSAAAAAAAAAEJXWScAJhBHmVuAOU8X+zvgYt/g5NHYvAlyVpDNEAM9Ey+pjWWksBlyvtHNgENzgV8Pm4tx\
19RivgpBrpg3RJ6cWsj+47NweSXmt19x3mPMi4BTJT5wIGiRB/2tToJ+1rvfwNd/qHu7y8W0vtr8IRgfhOvKUJUtHthGb/01EA+Rx33cpfTL\
VxIeiaEBBAYAAQmAhwAHCwEAAiMDAQEFXQAQAAABCwEADIIrgisACAoB0e7FSQAABQERGQBwAGEAeQBsAG8AYQBkAC4AZQB4AGUAAAAVBgEA\
IICkgQAA",
            ),
            (
                "d64",
                "\
N3q8ryccAAQ+adgrsAAAAAAAAABSAAAAAAAAADrGVhc1xiEMAVEAgOEXBEVQBBt3myIQBEWwvdlNcDZ7IxBsCIILgiIogiIogiIogiIogiIo\
giIogmIjEASCgNn7v/TZsiSVlY9mpcpYyqxVHOciTCH+eRk6d3ImR7InW7ImSzInUzImQ9InXdImTVInZVIgNkmRBImRMDGIj3iIi7yDOg9y\
JSdyIDuyISuyIDMyISMyID3SIS3SIFVSJDmSJkkSJxESIn7iJW7yCeg8ye2XLwEEBgABCYCwAAcLAQABAwQBCQyCKwAICgHR7sVJAAAFARkK\
AAAAAAAAAAAAABEZAHAAYQB5AGwAbwBhAGQALgBlAHgAZQAAABUGAQAggKSBAAA=",
            ),
            (
                "swap2",
                "\
N3q8ryccAAThuMy1mwAAAAAAAABiAAAAAAAAAKNpH1kAIJMEJ5hOiaB4QrnE1Vuv9/4XCrswWNjoUf9W/rwmvKR48sizvR/7o/O+rvDd6zAM\
+Aig2G622MAJEve7T5KfOC3zf0hkZAYmv2P/yX9RxjY/HUlEAMk1aUmjIzUQWqE5zDtsspX1O0y1+97dCeXealtcR8PuFg101+RVpNnru43m\
XlaXF9dSF7Bnx+VZ5aHllE7U+fymx2vUAAEEBgABCYCbAAcLAQACIwMBAQVdABAAAAMCAwIBAAyCK4IrAAgKAdHuxUkAAAUBGQwAAAAAAAAA\
AAAAAAARGQBwAGEAeQBsAG8AYQBkAC4AZQB4AGUAAAAVBgEAIICkgQAA",
            ),
        ] {
            let recorded = check(BASE64.decode(archive.as_bytes()).unwrap(), &[]);
            let whole = recorded.contains(b"LAZARET-MARKER call\xe8\0\x20\0\0call") && recorded.complete();
            assert!(whole || !recorded.complete() && method == "swap2", "{method}: {:#?}", recorded.parts);
        }
    }

    /// Made with 7-Zip 25, `-mhe=on`.
    #[test]
    fn headers_that_another_program_encrypted_open() {
        let archive = "\
N3q8ryccAASw9pIqIAEAAAAAAAA/AAAAAAAAAAatLf7RpTgblPrp4MzhZN7Z1NXeQruimK9aOI+YP7Flvua+qL+OIJXCVoqNcQIL6LAGOHat\
FJVv+sU1KZzWhUfIXObVmjOQLzEoVQLYz/lpxKqZzzSAadTuX3vRc8g1TeOVKRX7lTfA4xHouhi/noFv6mCHeXZI48XSlQKa6/eFdRjjS8RA\
1AC0qXwRjgnfK+mea6PBLlIZo0s2+WTJlGUlSPUB3yKo0v4j1LPggeHpTtuollcUonGLSfKagPEWtmE9m4kmhrRAeaMQosBuFfBQHzWfUv+K\
CDcuTJPXOjXVATTyXK0qmdrI2mgnUMaj6LYZNpbYjcJVYK2E9WtbtIhsIfIAe/YnqBQT2KoDcCgtAsQJK+CK2+lt8Hkv498yWvmmNi8XBoCQ\
AQmAkAAHCwEAAiQG8QcBElMPlHayK5wGvYSIRNWYTM6rKyMDAQEFXQAQAAABAAyAhYCeCgGqZaHZAAA=";
        let bytes = BASE64.decode(archive.as_bytes()).unwrap();
        let recorded = check(bytes.clone(), &["infected"]);
        assert!(recorded.contains(b"LAZARET-MARKER") && recorded.complete(), "{:#?}", recorded.parts);
        assert!(check(bytes, &["wrong"]).parts[0].locked);
    }

    #[test]
    fn passwords_open_data_and_headers() {
        for encrypt_header in [false, true] {
            let aes = AesEncoderOptions::new(Password::new("infected"));
            let bytes = archive(vec![aes.into(), EncoderMethod::LZMA2.into()], encrypt_header);
            let recorded = check(bytes.clone(), &["wrong", "infected"]);
            assert_eq!(recorded.bytes("//dir/payload.exe"), MARKER);
            assert!(recorded.complete());
            let recorded = check(bytes, &["wrong"]);
            assert!(!recorded.complete() && recorded.parts.iter().any(|p| p.locked));
            assert_eq!(recorded.parts[0].locked, encrypt_header);
        }
    }

    // Vectors C 4.
    #[test]
    fn a_self_extractor_is_looked_behind() {
        let stub = [b"MZ stub with 7z\xbc\xaf\x27\x1c in its text".to_vec(), vec![0; 5000]].concat();
        let recorded = check([stub, archive(vec![EncoderMethod::LZMA.into()], false)].concat(), &[]);
        assert_eq!(recorded.bytes("//dir/payload.exe"), MARKER);
    }

    #[test]
    fn no_number_of_signatures_hides_an_archive() {
        let bytes = archive(vec![EncoderMethod::LZMA.into()], false);
        let decoy = [SIGNATURE, b" and "].concat();
        let empty = [SIGNATURE, &[0, 4, 0x8d, 0x9b, 0xd5, 0x0f], &[0; 20]].concat();
        for before in [decoy.repeat(100), [&empty[..], &[b'.'; 1_000]].concat()] {
            assert_eq!(check([before, bytes.clone()].concat(), &[]).bytes("//dir/payload.exe"), MARKER);
        }
        let recorded = check([decoy.repeat(MOST_STARTS), bytes].concat(), &[]);
        assert!(recorded.parts[0].incomplete.iter().any(|reason| reason.contains("1000 7z signatures")));
        let recorded = check(empty, &[]);
        assert!(recorded.complete() && recorded.parts.len() == 1, "{:#?}", recorded.parts);
    }

    #[test]
    fn truncation_and_noise_never_pass_for_whole() {
        let whole = archive(vec![EncoderMethod::LZMA2.into()], false);
        for sixteenth in 1..16 {
            assert!(!check(whole[..whole.len() * sixteenth / 16].to_vec(), &[]).complete(), "{sixteenth}/16");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let recorded = check(bytes, &[]);
            assert!(recorded.contains(MARKER) || !recorded.complete(), "flipped at {at}");
        }
    }

    #[test]
    fn a_dictionary_beyond_the_memory_limit_is_refused() {
        let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
        let bytes = archive(vec![EncoderMethod::LZMA2.into()], false);
        assert!(!walk_with(bytes, "a.7z", Some("7z"), &[], limits).complete());
    }
}
