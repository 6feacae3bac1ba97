//! One folder of a cabinet: blocks that are decoded one after another ([MS-CAB] 2.4).

use crate::Content;
use crate::containers::bytes::{u16_le, u32_le};
use lzxd::{Lzxd, WindowSize};
use std::io::{self, Read};

/// Bytes that one block unpacks to, at most.
const BLOCK: usize = 32 << 10;

/// Where a folder's blocks are and how they are compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder {
    pub(super) start: u64,
    pub(super) blocks: u16,
    pub(super) method: u16,
    pub(super) reserve: u64,
}

enum Method {
    Stored,
    /// The last block's output, which the next one may copy from.
    MsZip(Vec<u8>),
    Lzx(Box<Lzxd>),
}

impl Folder {
    /// What cannot be read of it.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        match self.method & 15 {
            0 | 1 => None,
            2 => Some("Quantum compression is recognised and not opened"),
            3 if window(self.method).is_some() => None,
            _ => Some("its compression is unknown"),
        }
    }

    /// A reader from the first block.
    pub(super) fn reader(&self, input: &Content) -> FolderReader {
        let method = match (self.method & 15, window(self.method)) {
            (1, _) => Method::MsZip(Vec::new()),
            (3, Some(window)) => Method::Lzx(Box::new(Lzxd::new(window))),
            _ => Method::Stored,
        };
        FolderReader {
            input: input.clone(),
            start: self.start,
            at: self.start,
            left: self.blocks,
            reserve: self.reserve,
            method,
            block: Vec::new(),
            used: 0,
            position: 0,
            fault: None,
        }
    }
}

fn window(method: u16) -> Option<WindowSize> {
    Some(match method >> 8 & 31 {
        15 => WindowSize::KB32,
        16 => WindowSize::KB64,
        17 => WindowSize::KB128,
        18 => WindowSize::KB256,
        19 => WindowSize::KB512,
        20 => WindowSize::MB1,
        21 => WindowSize::MB2,
        22 => WindowSize::MB4,
        23 => WindowSize::MB8,
        24 => WindowSize::MB16,
        25 => WindowSize::MB32,
        _ => return None,
    })
}

/// The unpacked bytes of a folder.
pub(super) struct FolderReader {
    input: Content,
    start: u64,
    at: u64,
    left: u16,
    reserve: u64,
    method: Method,
    block: Vec<u8>,
    used: usize,
    /// Bytes read so far.
    pub(super) position: u64,
    /// What is wrong although it decodes.
    pub(super) fault: Option<&'static str>,
}

impl FolderReader {
    /// Where the blocks that were read so far begin and end.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.start, self.at)
    }

    fn next_block(&mut self) -> io::Result<()> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let header = self.input.window(self.at, 8)?.into_owned();
        let (Some(checksum), Some(packed), Some(unpacked)) =
            (u32_le(&header, 0), u16_le(&header, 4), u16_le(&header, 6))
        else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the cabinet ends early"));
        };
        let data = self.input.window(self.at + 8 + self.reserve, packed.into())?;
        if data.len() < usize::from(packed) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the cabinet ends early"));
        }
        if checksum != 0 && checksum != sum(header.get(4..8).unwrap_or_default(), sum(&data, 0)) {
            self.fault = Some("a block's checksum is wrong");
        }
        self.at += 8 + self.reserve + u64::from(packed);
        self.left -= 1;
        self.used = 0;
        match &mut self.method {
            Method::Stored => self.block = data.into_owned(),
            Method::MsZip(history) => {
                // [MS-MCI] 2.1: a signature, then DEFLATE that may copy from the block before. The history is given
                // to the decoder as a stored block.
                let deflated = data.strip_prefix(b"CK").ok_or_else(|| invalid("a block has no signature".into()))?;
                let len = history.len() as u16;
                let mut input = Vec::with_capacity(history.len() + deflated.len() + 5);
                input.push(0);
                input.extend_from_slice(&len.to_le_bytes());
                input.extend_from_slice(&(!len).to_le_bytes());
                input.extend_from_slice(history);
                input.extend_from_slice(deflated);
                let mut out = Vec::with_capacity(history.len() + BLOCK);
                let most = (history.len() + BLOCK) as u64;
                let mut decoder = flate2::bufread::DeflateDecoder::new(&input[..]).take(most);
                let result = decoder.read_to_end(&mut out);
                if out.len() as u64 == most && matches!(decoder.get_mut().read(&mut [0]), Ok(1)) {
                    self.fault = Some("a block unpacks to more than 32 KiB");
                }
                self.block = out.split_off(history.len().min(out.len()));
                if let Err(error) = result {
                    self.fault = Some("a block could not be decoded to its end");
                    if self.block.is_empty() {
                        return Err(error);
                    }
                }
                history.clone_from(&self.block);
            }
            Method::Lzx(decoder) => {
                let block =
                    decoder.decompress_next(&data, unpacked.into()).map_err(|error| invalid(error.to_string()))?;
                self.block = block.to_vec();
            }
        }
        if self.block.len() != usize::from(unpacked) {
            self.fault = Some("a block has another length than its header says");
        }
        Ok(())
    }
}

/// The checksum of [MS-CAB] 3.1: words exclusive-ored, the rest most significant byte first.
fn sum(data: &[u8], seed: u32) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let folded = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    folded ^ rest.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

impl Read for FolderReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.used >= self.block.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.next_block()?;
        }
        let rest = self.block.get(self.used..).unwrap_or_default();
        let n = rest.len().min(out.len());
        if let (Some(slot), Some(bytes)) = (out.get_mut(..n), rest.get(..n)) {
            slot.copy_from_slice(bytes);
        }
        self.used += n;
        self.position += n as u64;
        Ok(n)
    }
}
