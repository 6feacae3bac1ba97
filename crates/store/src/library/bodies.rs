//! How texts are packed: the first version of an object as it is, later ones as what differs from it (zstd, RFC 8878, with
//! the first version as a raw dictionary).

use super::{Library, as_json};
use crate::StoreError;
use sqlx::Row;
use std::collections::HashMap;
use zstd::zstd_safe::{CCtx, DCtx, compress_bound, get_error_name};

/// Higher levels win little on texts of a kilobyte.
const LEVEL: i32 = 4;
/// Bytes of a text.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// Packs texts, with the same tables for all of them.
pub(super) struct Packer(CCtx<'static>);

impl Packer {
    pub(super) fn new() -> Self {
        Self(CCtx::create())
    }

    /// A text as what differs from another one, which may be empty. The length comes first.
    ///
    /// # Errors
    /// When it is too large.
    pub(super) fn pack(&mut self, text: &[u8], root: &[u8]) -> Result<Vec<u8>, StoreError> {
        let length = u32::try_from(text.len()).ok().filter(|length| *length as usize <= MOST_BYTES);
        let Some(length) = length else {
            return Err(StoreError::DamagedLibrary("a text is too large".to_owned()));
        };
        let mut packed = vec![0; compress_bound(text.len())];
        let done = self.0.compress_using_dict(&mut packed[..], text, root, LEVEL).map_err(broken)?;
        let mut out = Vec::with_capacity(done + 4);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&packed[..done]);
        Ok(out)
    }
}

/// The text that was packed.
///
/// # Errors
/// When it is damaged.
pub(super) fn unpack(packed: &[u8], root: &[u8]) -> Result<Vec<u8>, StoreError> {
    unpack_with(&mut DCtx::create(), packed, root)
}

fn unpack_with(context: &mut DCtx<'static>, packed: &[u8], root: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::DamagedLibrary("a text has another length than noted".to_owned());
    let (length, packed) = packed.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MOST_BYTES {
        return Err(damaged());
    }
    let mut text = vec![0; length];
    let done = context.decompress_using_dict(&mut text[..], packed, root).map_err(broken)?;
    if done != length {
        return Err(damaged());
    }
    Ok(text)
}

fn broken(code: usize) -> StoreError {
    StoreError::DamagedLibrary(get_error_name(code).to_owned())
}

/// Numbers, each as its difference from the one before (LEB128 of the zigzag form), packed.
pub(super) fn pack_numbers(numbers: &[i64]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(numbers.len() * 2);
    let mut before = 0_i64;
    for number in numbers {
        let step = number.wrapping_sub(before);
        before = *number;
        let mut rest = ((step << 1) ^ (step >> 63)).cast_unsigned();
        while rest >= 0x80 {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    Packer::new().pack(&bytes, &[])
}

pub(super) fn unpack_numbers(packed: &[u8]) -> Result<Vec<i64>, StoreError> {
    let (mut numbers, mut before, mut value, mut shift) = (Vec::new(), 0_i64, 0_u64, 0);
    for byte in unpack(packed, &[])? {
        if shift > 63 {
            return Err(StoreError::DamagedLibrary("a list of versions is damaged".to_owned()));
        }
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let step = (value >> 1).cast_signed() ^ -((value & 1).cast_signed());
            before = before.wrapping_add(step);
            numbers.push(before);
            (value, shift) = (0, 0);
        }
    }
    Ok(numbers)
}

/// Numbers that are asked for at once.
const BATCH: usize = 2_000;

/// The exact texts of versions.
pub(super) async fn read(library: &Library, versions: &[i64]) -> Result<HashMap<i64, Vec<u8>>, StoreError> {
    let mut texts = HashMap::with_capacity(versions.len());
    let statement = format!(
        "SELECT b.version, b.root, b.body FROM {} AS asked JOIN attack_bodies b ON b.version = asked.value",
        library.numbers("$1")
    );
    for asked in versions.chunks(BATCH) {
        let packed = packed(library, &statement, asked).await?;
        let mut missing: Vec<i64> = packed
            .iter()
            .filter(|(id, root, _)| root != id && !texts.contains_key(root))
            .map(|(_, root, _)| *root)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        let mut context = DCtx::create();
        let mut roots = HashMap::new();
        for (id, _, body) in self::packed(library, &statement, &missing).await? {
            roots.insert(id, unpack_with(&mut context, &body, &[])?);
        }
        // Roots among those that were asked for come first: others rest on them.
        for (id, root, body) in &packed {
            if id == root {
                texts.insert(*id, unpack_with(&mut context, body, &[])?);
            }
        }
        for (id, root, body) in &packed {
            if id != root {
                let under = roots.get(root).or_else(|| texts.get(root));
                let under = under.ok_or_else(|| StoreError::DamagedLibrary(format!("version {root} is missing")))?;
                let text = unpack_with(&mut context, body, under)?;
                texts.insert(*id, text);
            }
        }
    }
    Ok(texts)
}

async fn packed(library: &Library, statement: &str, ids: &[i64]) -> Result<Vec<(i64, i64, Vec<u8>)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).bind(as_json(ids)).fetch_all(&library.read).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}
