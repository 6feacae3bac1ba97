//! RAR 1.3 to 7 (technote.txt of RAR), decoded by the `rars` crate; see docs/decisions/0002-rar.md.

mod blocks;
mod services;
#[cfg(test)]
mod tests;

use super::bytes::{link_escapes, link_finding, link_renames, utf8_or_cp437};
use super::{Format, signature};
use crate::parts::Collector;
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Limit, Role};
use rars::{
    Archive, ArchiveMember, ArchiveMemberDetail, ArchiveReadOptions, ArchiveReader, Error, ErrorKind,
    ExtractionDecision, ExtractionErrorAction,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

/// The opener.
pub struct Rar;

/// Signatures that are tried.
const MOST_STARTS: usize = 1_000;
/// Steps that it takes to derive a key: some hundred thousand rounds.
pub(super) const DERIVING: u64 = 1 << 24;
/// Bytes of a comment that is searched for passwords.
const MOST_COMMENT: u64 = 256 << 10;
/// Rounds of passwords: members of one archive may have different ones.
const MOST_ROUNDS: usize = 4;

impl Format for Rar {
    fn id(&self) -> &'static str {
        "rar"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["rar4", "rar5", "rar14"]
    }

    fn summary(&self) -> &'static str {
        "RAR 1.3 to 7: solid, PPMd, filters, named streams, comments, encrypted data and headers, behind a self-extractor; one volume at a time"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut starts = signature::find_all(input, b"Rar!\x1a\x07\0", MOST_STARTS + 1, parts)?;
        starts.extend(signature::find_all(input, b"Rar!\x1a\x07\x01\0", MOST_STARTS + 1, parts)?);
        starts.sort_unstable();
        let more = starts.len() > MOST_STARTS;
        starts.truncate(MOST_STARTS);
        if input.window(0, 4)?.starts_with(b"RE\x7e\x5e") {
            starts.insert(0, 0);
        }
        let mut first_error = None;
        // No block has fewer than seven bytes.
        let mut left = input.len() / 7 * 4 + 10_000;
        for start in starts {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let slice = input.slice(start, u64::MAX);
            match self::read(&slice, &mut left, parts) {
                Ok(Some((archive, password, damage))) => {
                    if archive.member_refs().next().is_none() && damage.is_some() {
                        first_error.get_or_insert(OpenError::malformed("it ends within its first header", start));
                        continue;
                    }
                    if let Some(damage) = damage {
                        parts.incomplete(damage);
                    }
                    return Session { archive: &archive, input: &slice, password }.add_all(parts);
                }
                Ok(None) => return Err(OpenError::Locked { tried: parts.passwords().len() }),
                Err(error) => {
                    if parts.budget().exhausted().is_some() {
                        return Err(error);
                    }
                    first_error.get_or_insert(error);
                }
            }
        }
        if more {
            parts.incomplete(format!("it has more than {MOST_STARTS} RAR signatures, and only so many are tried"));
        }
        Err(first_error.unwrap_or_else(|| OpenError::malformed("there is no RAR signature", 0)))
    }
}

type Opened = (Archive, Option<Arc<str>>, Option<String>);

/// Parses the headers; `None` when they are encrypted and no password opens them.
fn read(input: &Content, left: &mut u64, parts: &mut Parts<'_, '_>) -> Result<Option<Opened>, OpenError> {
    let view = || blocks::View { reader: input.reader(), len: input.len() };
    let error = match ArchiveReader::read_reader_with_options(view(), options(None, parts)) {
        Ok(archive) => {
            // RAR 5 closes every archive with a block. Older archives may lack it, so there only emptiness is a sign.
            let closes = archive.as_rar50().is_some() || archive.member_refs().next().is_none();
            let damage = closes && !blocks::follow(input, left, parts)?.closed;
            return Ok(Some((archive, None, damage.then(|| "it ends without the block that closes it".to_owned()))));
        }
        Err(error) => error,
    };
    if matches!(error.kind(), ErrorKind::PasswordRequired | ErrorKind::BadPassword) {
        for password in parts.passwords() {
            if !parts.may_try(&password, DERIVING)? {
                break;
            }
            let options = options(Some(&password), parts);
            if let Ok(archive) = ArchiveReader::read_reader_with_options(view(), options) {
                parts.opened_with(&password);
                return Ok(Some((archive, Some(password), None)));
            }
        }
        return Ok(None);
    }
    // Cut or damaged: headers up to there are whole, and the last member's data may be in part.
    let chain = blocks::follow(input, left, parts)?;
    if chain.blocks > 0 {
        let view = blocks::View { reader: input.reader(), len: chain.length };
        if let Ok(archive) = ArchiveReader::read_reader_with_options(view, options(None, parts)) {
            return Ok(Some((archive, None, Some(format!("it is cut or damaged: {error}")))));
        }
    }
    Err(convert(&error))
}

fn options<'p>(password: Option<&'p str>, parts: &mut Parts<'_, '_>) -> ArchiveReadOptions<'p> {
    let limits = parts.budget().limits();
    let mut options = ArchiveReadOptions::with_optional_password(password.map(str::as_bytes))
        .with_max_reader_workspace_bytes(limits.memory_bytes / 2)
        .with_rar50_dictionary_size_limit(limits.memory_bytes / 2)
        .with_max_header_bytes(32 << 20)
        .with_max_header_count(u64::from(limits.parts).saturating_mul(2));
    options.rar50_buffered_decode_limit = Some(8 << 20);
    options
}

fn convert(error: &Error) -> OpenError {
    match error.kind() {
        ErrorKind::ResourceLimit => OpenError::Limit(Limit::Memory),
        ErrorKind::UnsupportedFormat | ErrorKind::UnsupportedFeature => OpenError::unsupported(error.to_string()),
        ErrorKind::Io => OpenError::Read(io::Error::other(error.to_string())),
        _ => OpenError::malformed(error.to_string(), 0),
    }
}

/// The bytes of one member on their way from the decoder.
#[derive(Clone)]
struct Sink(Rc<RefCell<Option<Collector>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.borrow_mut().as_mut() {
            Some(collector) => collector.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A member that is being decoded.
struct Pending {
    index: usize,
    member: Member,
    sink: Sink,
}

struct Session<'a> {
    archive: &'a Archive,
    /// The bytes of the archive, from its signature on.
    input: &'a Content,
    password: Option<Arc<str>>,
}

impl Session<'_> {
    fn add_all(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        // Comments first: people write passwords there.
        services::comments(self.archive, options(self.password.as_deref(), parts), parts)?;
        let members: Vec<ArchiveMember> = self.archive.members().collect();
        let split = members.iter().any(|m| m.meta.is_split_before || m.meta.is_split_after);
        if split {
            parts.incomplete("it continues in other volumes, which were not given");
        }
        for member in &members {
            if let ArchiveMemberDetail::Rar50Plus { redirection: Some(link), .. } = &member.detail {
                let (name, target) = (name(member), utf8_or_cp437(&link.target_name));
                // Hard links and file copies (types 4 and 5) count from the top.
                let from = if link.redirection_type >= 4 { "x" } else { &name };
                if link_escapes(from, &target) {
                    parts.finding(link_finding("rar", &name, &target));
                }
                if link_renames(&name, &target) {
                    parts.add(Member::named(Role::Member, name), &mut target.as_bytes())?;
                }
            }
        }
        let wanted = |member: &ArchiveMember| !member.meta.is_directory && !member.meta.is_redirection;
        let solid = self.archive.is_solid();
        let mut left: HashSet<usize> =
            members.iter().enumerate().filter(|(_, m)| wanted(m)).map(|(index, _)| index).collect();
        let encrypted: Vec<usize> =
            members.iter().enumerate().filter(|(_, m)| wanted(m) && m.meta.is_encrypted).map(|(i, _)| i).collect();
        if !encrypted.is_empty() {
            self.hint(parts);
        }
        // Without a password: everything that needs none. In a solid archive only what stands before an encrypted
        // member can be had.
        if self.password.is_none() && encrypted.len() < left.len() {
            let plain = |member: &ArchiveMember| !member.meta.is_encrypted;
            self.pass(None, &plain, solid, &mut left, parts)?;
        }
        let mut known = self.password.clone();
        for _ in 0..MOST_ROUNDS {
            let Some(first) = encrypted.iter().copied().find(|index| left.contains(index)) else { break };
            if known.is_none() {
                for password in parts.passwords() {
                    if !parts.may_try(&password, DERIVING)? {
                        break;
                    }
                    if self.opens(&password, first, solid, parts) {
                        known = Some(password);
                        break;
                    }
                }
            }
            let Some(password) = known.take() else { break };
            self.pass(Some(&password), &|_| true, solid, &mut left, parts)?;
        }
        // What is still left had no password, or stood behind damage.
        for (index, member) in members.iter().enumerate() {
            if !left.contains(&index) {
                continue;
            }
            let described = Member::named(Role::Member, name(member));
            if member.meta.is_split_before || member.meta.is_split_after {
                let described = described.incomplete("it continues in another volume, which was not given");
                parts.add_content(described, Content::from(&b""[..]))?;
            } else if member.meta.is_encrypted {
                parts.add_locked(described)?;
            } else {
                let described = described.incomplete("it could not be reached: what stands before it does not decode");
                parts.add_content(described, Content::from(&b""[..]))?;
            }
        }
        services::streams(self.archive, self.input, self.password.as_ref(), parts)
    }

    /// The archive's comment may tell the password. One that cannot be read is no more than a guess less.
    fn hint(&self, parts: &mut Parts<'_, '_>) {
        let limits = options(self.password.as_deref(), parts);
        if let Ok(Some(comment)) = self.archive.comment_with_options(limits.with_max_member_output_bytes(MOST_COMMENT))
        {
            parts.hint(&utf8_or_cp437(&comment));
        }
    }

    /// Whether the password decodes a member, checksum included.
    fn opens(&self, password: &str, wanted: usize, solid: bool, parts: &mut Parts<'_, '_>) -> bool {
        let mut index = 0;
        let options = options(Some(password), parts);
        let result = self.archive.extract_with_control(options, |member| {
            let this = index;
            index += 1;
            let skippable = member.meta.is_directory || member.meta.is_redirection;
            Ok(match this.cmp(&wanted) {
                std::cmp::Ordering::Greater => ExtractionDecision::Stop,
                std::cmp::Ordering::Less if skippable || !solid => ExtractionDecision::Skip,
                _ => ExtractionDecision::Extract(Box::new(io::sink())),
            })
        });
        result.is_ok()
    }

    /// Decodes members in order and hands them over, each once the next begins.
    fn pass(
        &self,
        password: Option<&Arc<str>>,
        wanted: &dyn Fn(&ArchiveMember) -> bool,
        solid: bool,
        left: &mut HashSet<usize>,
        parts: &mut Parts<'_, '_>,
    ) -> Result<(), OpenError> {
        let options = options(password.map(|password| &**password), parts);
        let state = RefCell::new((parts, left, None::<Pending>, Ok(()), 0usize));
        let decide = |member: &ArchiveMember| {
            let mut borrowed = state.borrow_mut();
            let (parts, left, pending, outcome, index) = &mut *borrowed;
            let this = *index;
            *index += 1;
            deliver(pending.take(), None, left, parts, outcome);
            if outcome.is_err() {
                return Ok(ExtractionDecision::Stop);
            }
            let meta = &member.meta;
            let skip = if solid && !meta.is_directory && !meta.is_redirection {
                ExtractionDecision::Stop
            } else {
                ExtractionDecision::Skip
            };
            if meta.is_directory || meta.is_redirection || meta.is_split_before || meta.is_split_after {
                return Ok(skip);
            }
            if meta.is_encrypted && password.is_none() {
                return Ok(skip);
            }
            if !wanted(member) || !left.contains(&this) {
                // Solid members build on this one's data.
                return Ok(if solid { ExtractionDecision::Extract(Box::new(io::sink())) } else { skip });
            }
            let mut described = Member::named(Role::Member, name(member));
            if let Some(password) = password.filter(|_| meta.is_encrypted) {
                described = described.opened_with(password.clone());
            }
            let sink = Sink(Rc::new(RefCell::new(Some(parts.collector()))));
            *pending = Some(Pending { index: this, member: described, sink: sink.clone() });
            Ok(ExtractionDecision::Extract(Box::new(sink)))
        };
        let on_error = |_: &ArchiveMember, error: &Error| {
            let mut borrowed = state.borrow_mut();
            let (parts, left, pending, outcome, _) = &mut *borrowed;
            deliver(pending.take(), Some(error), left, parts, outcome);
            Ok(if outcome.is_ok() { ExtractionErrorAction::Continue } else { ExtractionErrorAction::Abort })
        };
        let result = self.archive.extract_with_control_and_errors(options, decide, on_error);
        let (parts, left, pending, mut outcome, _) = state.into_inner();
        deliver(pending, result.as_ref().err(), left, parts, &mut outcome);
        outcome?;
        if let Err(error) = result {
            parts.incomplete(format!("decoding stopped: {error}"));
        }
        Ok(())
    }
}

/// Hands a decoded member over, unless it failed for want of another password.
fn deliver(
    pending: Option<Pending>,
    error: Option<&Error>,
    left: &mut HashSet<usize>,
    parts: &mut Parts<'_, '_>,
    outcome: &mut Result<(), OpenError>,
) {
    let Some(Pending { index, mut member, sink }) = pending else { return };
    let Some(collector) = sink.0.borrow_mut().take() else { return };
    if outcome.is_err() {
        return;
    }
    if let Some(error) = error {
        let no_password = matches!(error.kind(), ErrorKind::BadPassword | ErrorKind::PasswordRequired);
        if no_password && member.password.is_some() {
            return;
        }
        member = member.incomplete(format!("it ends early or is damaged: {error}"));
    }
    left.remove(&index);
    *outcome = parts.add_collected(member, collector);
}

fn name(member: &ArchiveMember) -> String {
    let decoded = member.decoded_name(None);
    utf8_or_cp437(decoded.as_deref().unwrap_or(&member.meta.name))
}
