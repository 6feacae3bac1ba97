//! What stands in a RAR archive beside its members: comments, and named streams of files (RAR 5.0 archive format, "Service header" and
//! "Service data record"; technote.txt of RAR 4, blocks 0x7a and 0x77).
//!
//! `unrar` writes a named stream under the name of the file before it, so that the name of a stream is one of a member, and may climb.

use crate::containers::bytes::{u16_le, u32_le, utf8_or_cp437, utf16_le};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::Role;
use rars::{Archive, ArchiveReadOptions, ErrorKind, rar15_40, rar50};
use std::io::Write;
use std::sync::Arc;

/// Named streams of one file that are looked at.
const MOST_STREAMS: usize = 64;
/// Bytes of a comment; RAR itself writes no more than 256 KiB.
const MOST_COMMENT: u64 = 1 << 20;
/// Bytes of the record in which a writer names itself.
const MOST_PRODUCER: u64 = 256;
/// Records that hold nothing which anybody opens: access rights, owners, copies of headers, recovery data, signatures, attributes.
const HARMLESS: &[&[u8]] = &[b"ACL", b"UOW", b"QO", b"RR", b"AV", b"EA2", b"EABE"];
/// The block by which RAR 2 kept what later has a service header, and its number for a named stream.
const OLD_SERVICE: (u8, u16) = (0x77, 0x105);

/// One service header.
enum Service<'a> {
    Five(&'a rar50::Archive, &'a rar50::FileHeader),
    Four(&'a rar15_40::Archive, &'a rar15_40::FileHeader),
    /// A block of RAR 2: where its header begins.
    Old(u64),
    /// A block of a type that neither we nor the decoder know.
    Unknown,
}

impl Service<'_> {
    fn name(&self) -> &[u8] {
        match self {
            Self::Five(_, header) => &header.name,
            Self::Four(_, header) => &header.name,
            Self::Old(_) | Self::Unknown => b"",
        }
    }

    fn is_encrypted(&self) -> bool {
        match self {
            Self::Five(_, header) => header.encrypted,
            Self::Four(_, header) => header.is_encrypted(),
            Self::Old(_) | Self::Unknown => false,
        }
    }

    fn is_split(&self) -> bool {
        match self {
            Self::Five(_, header) => header.is_split_before() || header.is_split_after(),
            Self::Four(_, header) => header.is_split_before() || header.is_split_after(),
            Self::Old(_) | Self::Unknown => false,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Five(_, header) => header.unpacked_size,
            Self::Four(_, header) => header.unp_size,
            Self::Old(_) | Self::Unknown => 0,
        }
    }

    /// Why the decoder is not asked: the memory that the header wants for it.
    fn too_large(&self, memory: u64) -> Option<String> {
        let Self::Five(_, header) = self else { return None };
        if header.is_stored() {
            return None;
        }
        match header.decoded_compression_info() {
            Ok(info) if info.dictionary_size <= memory => None,
            Ok(info) => Some(format!("it needs a dictionary of {} bytes", info.dictionary_size)),
            Err(error) => Some(format!("it cannot be unpacked: {error}")),
        }
    }

    fn unpack(&self, password: Option<&[u8]>, out: &mut impl Write) -> rars::Result<()> {
        match self {
            Self::Five(archive, header) => header.write_to(archive, password, out),
            Self::Four(archive, header) => header.write_to(archive, password, out),
            Self::Old(_) | Self::Unknown => Ok(()),
        }
    }

    /// Unpacks it and hands it over.
    fn add(&self, mut member: Member, known: Option<&Arc<str>>, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let memory = parts.budget().limits().memory_bytes / 2;
        let why = self.too_large(memory);
        let why = why.or_else(|| self.is_split().then(|| "it continues in another volume".to_owned()));
        if let Some(why) = why {
            return parts.add_content(member.incomplete(why), Content::from(&b""[..]));
        }
        let candidates: Vec<Option<Arc<str>>> = if self.is_encrypted() {
            known.cloned().into_iter().chain(parts.passwords()).map(Some).collect()
        } else {
            vec![None]
        };
        for password in candidates {
            match &password {
                Some(password) if !parts.may_try(password, super::DERIVING)? => break,
                Some(_) => {}
                None => parts.budget().check_time().map_err(OpenError::Limit)?,
            }
            let mut collector = parts.collector();
            let result = self.unpack(password.as_deref().map(str::as_bytes), &mut collector);
            if let Err(error) = result {
                let wrong = matches!(error.kind(), ErrorKind::BadPassword | ErrorKind::PasswordRequired);
                if wrong && password.is_some() {
                    continue;
                }
                member = member.incomplete(format!("it ends early or is damaged: {error}"));
            }
            if let Some(password) = password {
                member = member.opened_with(password);
            }
            return parts.add_collected(member, collector);
        }
        parts.add_locked(member)
    }
}

/// The member that a service header follows.
struct Host {
    /// Its place among the members; none is 0.
    number: usize,
    name: String,
}

type Each<'e> = &'e mut dyn FnMut(&mut Parts<'_, '_>, &Service<'_>, &Host) -> Result<(), OpenError>;

/// Gives every service header to `each`, with the member before it.
fn each_service(archive: &Archive, parts: &mut Parts<'_, '_>, each: Each<'_>) -> Result<(), OpenError> {
    let mut host = Host { number: 0, name: String::new() };
    match archive {
        Archive::Rar50Plus(archive) => {
            for block in &archive.blocks {
                parts.budget().check_time().map_err(OpenError::Limit)?;
                match block {
                    rar50::Block::File(file) => {
                        host = Host { number: host.number.saturating_add(1), name: utf8_or_cp437(&file.name) };
                    }
                    rar50::Block::Service(service) => each(parts, &Service::Five(archive, service), &host)?,
                    rar50::Block::Unknown(_) => each(parts, &Service::Unknown, &host)?,
                    _ => {}
                }
            }
        }
        Archive::Rar15To40(archive) => {
            for block in &archive.blocks {
                parts.budget().check_time().map_err(OpenError::Limit)?;
                match block {
                    rar15_40::Block::File(file) => {
                        host = Host { number: host.number.saturating_add(1), name: utf8_or_cp437(&file.name) };
                    }
                    rar15_40::Block::NewSub(service) => each(parts, &Service::Four(archive, &service.file), &host)?,
                    rar15_40::Block::Unknown(block) if block.head_type == OLD_SERVICE.0 => {
                        each(parts, &Service::Old(block.offset as u64), &host)?;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Adds comments that need no password: people write there what opens the rest.
pub(super) fn comments(
    archive: &Archive,
    options: ArchiveReadOptions<'_>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    each_service(archive, parts, &mut |parts, service, _| {
        if service.name() == b"CMT" && !service.is_encrypted() {
            return service.add(comment(), None, parts);
        }
        Ok(())
    })?;
    // Before RAR 3 a comment had a block of its own.
    let old = match archive {
        Archive::Rar50Plus(_) => false,
        Archive::Rar15To40(archive) => archive.blocks.iter().any(|block| matches!(block, rar15_40::Block::Comment(_))),
        _ => true,
    };
    if !old {
        return Ok(());
    }
    match archive.comment_with_options(options.with_max_member_output_bytes(MOST_COMMENT)) {
        Ok(Some(text)) if !text.is_empty() => parts.add_content(comment(), Content::from(text)),
        Ok(_) => Ok(()),
        Err(error) => {
            parts.incomplete(format!("its comment cannot be read: {error}"));
            Ok(())
        }
    }
}

fn comment() -> Member {
    Member::unnamed(Role::Body, "comment").of_kind("text")
}

/// Adds named streams of files, and says what else there is that nobody knows.
pub(super) fn streams(
    archive: &Archive,
    input: &Content,
    password: Option<&Arc<str>>,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    let mut of_one = (0, 0);
    each_service(archive, parts, &mut |parts, service, host| {
        let old = if let Service::Old(at) = service { old_stream(input, *at)? } else { None };
        match service {
            Service::Old(_) if old.is_none() => return Ok(()),
            Service::Unknown => {
                parts.incomplete("it has a block of an unknown type, which is not opened");
                return Ok(());
            }
            _ => {}
        }
        let is_stream = old.is_some() || service.name() == b"STM";
        if is_stream {
            of_one = if of_one.0 == host.number { (of_one.0, of_one.1 + 1) } else { (host.number, 1) };
            if of_one.1 > MOST_STREAMS {
                let why = "named streams, and only so many are looked at";
                parts.incomplete(format!("a file in it has more than {MOST_STREAMS} {why}"));
                return Ok(());
            }
        }
        if let Some(stream) = old {
            let member = Member::named(Role::Member, stream_name(&host.name, &stream.name));
            return match stream.content {
                Some(content) => parts.add_content(member, content),
                None => {
                    let member = member.incomplete("a packed stream of RAR 2 is recognised and not opened");
                    parts.add_content(member, Content::from(&b""[..]))
                }
            };
        }
        match service.name() {
            b"STM" => {
                let name = match service {
                    Service::Five(_, header) => header.service_data.as_deref().map(utf8_or_cp437),
                    Service::Four(archive, header) if !archive.main.has_encrypted_headers() => {
                        name_of_four(input, header)?
                    }
                    _ => None,
                };
                let name = stream_name(&host.name, &name.unwrap_or_else(|| "stream".to_owned()));
                service.add(Member::named(Role::Member, name), password, parts)
            }
            b"CMT" if service.is_encrypted() => service.add(comment(), password, parts),
            b"CMT" => Ok(()),
            b"RARS" if service.size() <= MOST_PRODUCER => Ok(()),
            name if HARMLESS.contains(&name) => Ok(()),
            _ => {
                parts.incomplete("it has a service record of an unknown type");
                service.add(Member::unnamed(Role::Embedded, "service-record"), password, parts)
            }
        }
    })
}

/// A stream's name as `unrar` writes it: that of the file, a colon, that of the stream.
fn stream_name(host: &str, stream: &str) -> String {
    let colon = if stream.starts_with(':') { "" } else { ":" };
    format!("{host}{colon}{stream}")
}

/// The name of a stream of RAR 3 and 4: UTF-16 behind the header's fields, name and salt.
fn name_of_four(input: &Content, header: &rar15_40::FileHeader) -> Result<Option<String>, OpenError> {
    const LARGE: u16 = 0x100;
    const SALT: u16 = 0x400;
    let bytes = input.window(header.block.offset as u64, usize::from(header.block.head_size))?;
    let Some(name) = u16_le(&bytes, 26) else { return Ok(None) };
    let large = if header.block.flags & LARGE != 0 { 8 } else { 0 };
    let salt = if header.block.flags & SALT != 0 { 8 } else { 0 };
    let name = bytes.get(32 + large + usize::from(name) + salt..).map(utf16_le);
    Ok(name.filter(|name| !name.is_empty()))
}

/// A named stream of RAR 2.
struct OldStream {
    name: String,
    /// Its bytes, where they are stored as they are.
    content: Option<Content>,
}

/// Reads the block at `at` as a named stream of RAR 2; none where it is another record.
fn old_stream(input: &Content, at: u64) -> Result<Option<OldStream>, OpenError> {
    let head = input.window(at, 26)?;
    if u16_le(&head, 11) != Some(OLD_SERVICE.1) {
        return Ok(None);
    }
    let (Some(size), Some(packed), Some(length)) = (u16_le(&head, 5), u32_le(&head, 7), u16_le(&head, 24)) else {
        return Err(OpenError::malformed("a named stream ends within its header", at));
    };
    let name = input.window(at.saturating_add(26), usize::from(length))?;
    let stored = head.get(19) == Some(&0x30);
    let content = stored.then(|| input.slice(at.saturating_add(u64::from(size)), u64::from(packed)));
    Ok(Some(OldStream { name: utf8_or_cp437(&name), content }))
}

#[cfg(test)]
mod tests;
