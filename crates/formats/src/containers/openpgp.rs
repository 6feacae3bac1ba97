//! OpenPGP messages (RFC 9580, RFC 4880), binary and in armor.
//!
//! Literal data is a part, with the name that it states. Packed packets are a part of their own, which is opened in turn, so that
//! its depth and size count as everywhere. Keys and signatures have nothing inside.

mod armor;
mod first;
mod packets;
#[cfg(test)]
mod tests;

use super::bytes::utf8_or_cp437;
use super::decoders::{Codec, decoder};
use super::{Format, streams};
use crate::{Content, Member, OpenError, Parts};
pub(crate) use armor::{is_clear, is_in_text};
pub(crate) use first::first_packet;
use lazaret_model::Role;
use packets::{Body, Length, Packet};
use std::io::{BufReader, Read};

/// The opener.
pub struct OpenPgp;

/// What names of messages end in.
const SUFFIXES: &[&str] = &[".gpg", ".pgp", ".asc", ".sig"];
/// 5.9: the name of what is to be shown and not saved.
const CONSOLE: &[u8] = b"_CONSOLE";

impl Format for OpenPgp {
    fn id(&self) -> &'static str {
        "openpgp"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["pgp-message", "pgp-binary", "pgp-key", "pgp-signature"]
    }

    fn summary(&self) -> &'static str {
        "literal, signed and packed data, binary or in armor; encrypted data stays locked"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // Armor is ASCII, and every packet begins with a byte that is not.
        let binary = input.window(0, 1)?.first().is_some_and(|byte| *byte >= 0x80);
        let packed = parts.part().is("pgp-binary") && !parts.part().is("pgp-message");
        if binary || packed { open_packets(input, parts) } else { armor::open(input, parts) }
    }
}

/// Opens packets one after another, and hands over what follows them.
fn open_packets(input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut reader = input.reader();
    let mut at = 0;
    while let Some(packet) = Packet::read(&mut reader, at, input.len(), parts)? {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        match packet.tag {
            // Session keys, and what is encrypted with them (5.1, 5.3, 5.7, 5.13, 5.16).
            1 | 3 | 9 | 18 | 20 => parts.lock("it is encrypted with OpenPGP, and is not opened"),
            8 => packed(input, &packet, parts)?,
            11 => literal(input, &packet, parts)?,
            // Signatures, keys, markers, trust, names, checksums, padding, and what everybody may use for tests (5).
            2 | 4..=7 | 10 | 12..=14 | 17 | 19 | 21 | 60..=63 => {}
            tag => parts.incomplete(format!("an OpenPGP packet of the unknown type {tag} is not opened")),
        }
        at = packet.end;
        if at > input.len() {
            parts.incomplete("its last packet ends early");
            return Ok(());
        }
    }
    let rest = at.saturating_add(input.blank(at)?);
    if rest >= input.len() && at > 0 {
        return Ok(());
    }
    if at == 0 {
        return Err(OpenError::malformed("there is no OpenPGP packet", 0));
    }
    parts.add_content(Member::unnamed(Role::Appended, "after-the-end"), input.slice(rest, u64::MAX))
}

/// Literal data (5.9): format, length of the name, name, time, content.
fn literal(input: &Content, packet: &Packet, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut body = Body::new(input.reader(), packet);
    let named = (|| {
        let (mut fixed, mut time) = ([0; 2], [0; 4]);
        body.read_exact(&mut fixed)?;
        let [_, length] = fixed;
        let mut name = vec![0; usize::from(length)];
        body.read_exact(&mut name)?;
        body.read_exact(&mut time)?;
        Ok::<_, std::io::Error>(name)
    })();
    let Ok(name) = named else {
        parts.incomplete("its literal data ends within its header");
        return Ok(());
    };
    let member = if name.is_empty() || name == CONSOLE {
        Member::unnamed(Role::Stream, streams::stem(&parts.part().name, SUFFIXES))
    } else {
        Member::named(Role::Stream, utf8_or_cp437(&name))
    };
    if matches!(packet.length, Length::Piece(_)) {
        return parts.add(member, &mut body);
    }
    let at = body.position();
    let member = if packet.end > input.len() { member.incomplete("the message ends before it does") } else { member };
    parts.add_content(member, input.slice(at, packet.end.saturating_sub(at)))
}

/// Packed packets (5.6): the algorithm, then the data.
fn packed(input: &Content, packet: &Packet, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut body = Body::new(input.reader(), packet);
    let mut algorithm = [0];
    if body.read_exact(&mut algorithm).is_err() {
        parts.incomplete("its packed data ends within its header");
        return Ok(());
    }
    let [algorithm] = algorithm;
    let codec = match algorithm {
        0 => Codec::Store,
        1 => Codec::Deflate,
        2 => Codec::Zlib,
        3 => Codec::Bzip2,
        _ => return Err(OpenError::unsupported(format!("data packed with the unknown algorithm {algorithm}"))),
    };
    let budget = parts.budget().for_decoder();
    let mut data = decoder(codec, Box::new(BufReader::new(body)), None, &budget)?;
    // Under the message's own name, so that what is inside is called after it.
    let name = Some(parts.part().name.clone()).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "packets".to_owned());
    parts.add(Member::unnamed(Role::Stream, name).of_kind("pgp-binary"), &mut data)
}
