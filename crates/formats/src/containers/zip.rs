//! ZIP (APPNOTE 6.3.10), read as widely as any program that people open it with.
//!
//! Programs disagree about damaged and dishonest archives, and senders use that. So every central directory and every
//! local header is read, the union of members is inspected, and where two headers describe one member differently
//! both readings are.

mod entry;
mod member;
mod names;
mod structure;
#[cfg(test)]
mod tests;
mod unread;

use super::bytes::{link_escapes, link_finding};
use super::{Format, bytes};
use crate::{Content, Member, OpenError, Parts};
pub(crate) use entry::{Entry, Listed};
use lazaret_model::{Family, Finding, Role, Severity, extension};
use member::{Cipher, with_reader};
use std::io::{self, Read};
use std::sync::Arc;
pub(crate) use structure::Structure;

/// The opener.
pub struct Zip;

impl Format for Zip {
    fn id(&self) -> &'static str {
        "zip"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &[
            "zip",
            "jar",
            "apk",
            "aab",
            "ipa",
            "msix",
            "msixbundle",
            "nupkg",
            "vsix",
            "xpi",
            "mcpb",
            "crx",
            "whl",
            "epub",
            "xps",
            "kmz",
            "kra",
            "fcstd",
            "3mf",
            "iwork",
            "hwpx",
        ]
    }

    fn summary(&self) -> &'static str {
        "every method but JPEG, WavPack and PKWARE DCL; ZipCrypto and AES; disagreeing headers read both ways"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let structure = structure::read(input, parts)?;
        add_all(input, &structure, parts)
    }
}

/// Reads the structure alone, for openers of formats built on ZIP.
pub(crate) fn read_structure(input: &Content, parts: &mut Parts<'_, '_>) -> Result<Structure, OpenError> {
    structure::read(input, parts)
}

/// The first `most` bytes of a member that is not encrypted; what cannot be decoded is empty.
pub(crate) fn read_member(input: &Content, entry: &Entry, most: u64, parts: &mut Parts<'_, '_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if parts.budget().exhausted().is_some() {
        return bytes;
    }
    let _ = with_reader(input, entry, &Cipher::Plain, parts.budget(), |data| {
        let _ = data.take(most).read_to_end(&mut bytes);
    });
    // It is unpacked again to be handed over. An exhausted budget ends the walk after this part.
    let _ = parts.budget().charge_output(bytes.len() as u64);
    bytes
}

/// Hands every member over, the likeliest to hold a password first and the locked last.
pub(crate) fn add_all(input: &Content, structure: &Structure, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    if structure.members.is_empty() && structure.end_records == 0 {
        return Err(OpenError::malformed("there is neither a local header nor a central directory", 0));
    }
    report(input, structure, parts);
    parts.hint(&bytes::utf8_or_cp437(&structure.comments));
    let mut readings: Vec<(&Listed, &Entry, usize)> = Vec::new();
    for listed in &structure.members {
        readings.push((listed, &listed.entry, readings.len()));
        if let Some(other) = &listed.other {
            readings.push((listed, other, readings.len()));
        }
    }
    readings.sort_by_key(|(_, entry, index)| (rank(entry), *index));
    for (listed, entry, _) in readings {
        if entry.name.ends_with('/') && entry.compressed == 0 {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            continue;
        }
        add(input, listed, entry, parts)?;
    }
    unread::add(input, structure, parts)?;
    appended(input, structure, parts)
}

/// Texts before all, then what has bytes, then what needs a password, and empty members last: a flood of those must
/// not use up the budget before the payload's turn.
fn rank(entry: &Entry) -> u8 {
    let lower = entry.name.to_ascii_lowercase();
    let text = [".txt", ".md", ".nfo", ".htm", ".html", ".eml", ".csv", ".rtf"].iter().any(|end| lower.ends_with(end));
    match (entry.encrypted(), entry.compressed) {
        (_, 0) => 3,
        (true, _) => 2,
        (false, n) if text && n < 1 << 20 => 0,
        (false, _) => 1,
    }
}

/// What the structure itself says.
fn report(input: &Content, structure: &Structure, parts: &mut Parts<'_, '_>) {
    for reason in &structure.left_out {
        parts.incomplete(*reason);
    }
    if structure.multi_volume {
        parts.incomplete("it continues in other volumes, which were not given");
    }
    if structure.directories == 0 && structure.end_records > 0 && !structure.members.is_empty() {
        parts.incomplete("its central directory is missing");
    } else if structure.end_records == 0 {
        parts.incomplete("it ends early: the end of the central directory is missing");
    }
    for listed in &structure.members {
        if !listed.differs.is_empty() {
            let other = listed.other.as_ref().map(|other| other.name.clone()).unwrap_or_default();
            let finding = finding(
                "zip.header-mismatch",
                format!(
                    "two headers describe `{}` differently ({}), so programs disagree about what it is",
                    listed.entry.name,
                    listed.differs.join(", ")
                ),
            )
            .with("name", listed.entry.name.clone())
            .with("local_name", other)
            .with("fields", listed.differs.join(","));
            parts.finding(finding);
        }
        if listed.unlisted && structure.directories > 0 {
            let finding = finding(
                "zip.unlisted-member",
                format!("`{}` is in the archive and its directory does not list it", listed.entry.name),
            )
            .with("offset", listed.entry.header_at);
            parts.finding(finding);
        }
        if let Some(unicode) = &listed.entry.unicode_name
            && listed.entry.raw_name.is_ascii()
            && *unicode != listed.entry.name
        {
            // Packers put other letters where the first name cannot have them; its extension stays what it is.
            let hides = extension(unicode) != extension(&listed.entry.name);
            let (severity, family) =
                if hides { (Severity::Medium, Family::Masquerade) } else { (Severity::Low, Family::Structure) };
            let finding = Finding::new(
                "zip.unicode-name",
                "zip",
                severity,
                family,
                format!("`{}` is also named `{unicode}`, and programs differ in which they show", listed.entry.name),
            )
            .technique("T1036")
            .with("name", listed.entry.name.clone())
            .with("unicode_name", unicode.clone());
            parts.finding(finding);
        }
    }
    if structure.directories > 1 {
        let finding = finding(
            "zip.several-directories",
            format!("it has {} central directories, and programs differ in which they read", structure.directories),
        );
        parts.finding(finding.with("directories", structure.directories));
    }
    let mut ranges: Vec<(u64, u64)> = structure
        .members
        .iter()
        .filter(|listed| listed.entry.compressed > 0 && !listed.entry.streamed)
        .map(|listed| (listed.entry.header_at, listed.entry.data_at.saturating_add(listed.entry.compressed)))
        .collect();
    ranges.sort_unstable();
    let overlaps = ranges
        .windows(2)
        .filter(|pair| matches!(pair, [(_, end), (start, _)] if start < end && *end <= input.len()))
        .count();
    if overlaps > 0 {
        let finding = finding(
            "zip.overlapping-members",
            format!("{overlaps} members share bytes with another, as in archives made to exhaust whoever opens them"),
        );
        parts.finding(finding.with("members", overlaps));
    }
}

fn finding(id: &'static str, message: String) -> Finding {
    Finding::new(id, "zip", Severity::Medium, Family::Structure, message).technique("T1027")
}

/// Hands one reading of one member over.
fn add(input: &Content, listed: &Listed, entry: &Entry, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let name = match &entry.unicode_name {
        Some(unicode) if !entry.raw_name.is_ascii() => unicode.clone(),
        _ => entry.name.clone(),
    };
    let of_hangul = parts.part().is("hwpx");
    let described = |name: &str| {
        // Scripts of a Hangul document are its own, and are judged by what they do.
        let script = of_hangul && name.get(..8).is_some_and(|folder| folder.eq_ignore_ascii_case("Scripts/"));
        let mut member = if script {
            Member::named(Role::Script, name).of_kind("js-embedded")
        } else {
            Member::named(Role::Member, name)
        };
        if listed.headless {
            member = member.incomplete("its local header is missing");
        }
        if entry.elsewhere {
            member = member.incomplete("it begins in another volume");
        }
        if entry.data_at.saturating_add(entry.compressed) > input.len() {
            member = member.incomplete("the archive ends before it does");
        }
        member
    };
    let member = described(&name);
    if let Some(what) = member::unsupported(entry.true_method()) {
        if entry.encrypted() && entry.true_method() == 99 {
            return parts.add_locked(member);
        }
        return parts.add_content(member.incomplete(what), input.slice(entry.data_at, entry.compressed));
    }
    let (cipher, member) = match choose(input, entry, parts)? {
        Choice::Plain => (Cipher::Plain, member),
        Choice::Password(password) => (Cipher::Password(password.clone()), member.opened_with(password)),
        Choice::Locked => return parts.add_locked(member),
    };
    emit(input, entry, &cipher, member, parts)?;
    // Programs that heed the Unicode path show another name for the same bytes (4.6.9).
    if let Some(unicode) = entry.unicode_name.as_ref().filter(|unicode| **unicode != name) {
        emit(input, entry, &cipher, described(unicode), parts)?;
    }
    Ok(())
}

fn emit(
    input: &Content,
    entry: &Entry,
    cipher: &Cipher,
    member: Member,
    parts: &mut Parts<'_, '_>,
) -> Result<(), OpenError> {
    if entry.mode & 0o170_000 == 0o120_000 {
        let mut target = Vec::new();
        let _ = with_reader(input, entry, cipher, parts.budget(), |data| data.take(4096).read_to_end(&mut target));
        let target = bytes::utf8_or_cp437(&target);
        if link_escapes(&entry.name, &target) {
            parts.finding(link_finding("zip", &entry.name, &target));
        }
    }
    if matches!(cipher, Cipher::Plain) && entry.method == 0 && !entry.streamed {
        // Stored bytes need no copy; only the check costs a pass.
        let raw = input.slice(entry.data_at, entry.compressed);
        parts.budget().step(raw.len()).map_err(OpenError::Limit)?;
        let mut check = super::decoders::Checked::new(raw.reader(), Some(entry.crc), Some(entry.size));
        let member = match io::copy(&mut check, &mut io::sink()) {
            Err(error) if raw.len() == entry.compressed => {
                member.incomplete(format!("it ends early or is damaged: {error}"))
            }
            _ => member,
        };
        return parts.add_content(member, raw);
    }
    // The budget is needed both by the decoder and by the part, so limits are copied for the former.
    let decoder_budget = parts.budget().for_decoder();
    let mut held = Some(member);
    let result = with_reader(input, entry, cipher, &decoder_budget, |data| match held.take() {
        Some(member) => parts.add(member, data),
        None => Ok(()),
    });
    match (result, held) {
        (Ok(added), _) => added,
        (Err(error), Some(member)) => {
            // Not even a first byte could be decoded.
            let reason = match error {
                OpenError::Limit(limit) => limit.describe(parts.budget().limits()),
                other => other.to_string(),
            };
            parts.add_content(member.incomplete(format!("it could not be decoded: {reason}")), Content::from(&b""[..]))
        }
        (Err(error), None) => Err(error),
    }
}

enum Choice {
    Plain,
    Password(Arc<str>),
    Locked,
}

/// Whether the member is encrypted in truth, and with what.
fn choose(input: &Content, entry: &Entry, parts: &mut Parts<'_, '_>) -> Result<Choice, OpenError> {
    let strong = entry.flags & 0x2041 == 0x0041;
    if !entry.encrypted() {
        if entry.compressed < 12 || verify(input, entry, &Cipher::Plain, parts)? != Check::Broken {
            return Ok(Choice::Plain);
        }
        // The flag is clear and the bytes make no sense: perhaps they are encrypted all the same.
        for password in parts.passwords() {
            if !parts.may_try(&password, cost(entry))? {
                break;
            }
            let cipher = Cipher::Password(password.clone());
            if verify(input, entry, &cipher, parts)? == Check::Good {
                parts.finding(finding(
                    "zip.hidden-encryption",
                    format!("`{}` is encrypted although its header says that it is not", entry.name),
                ));
                return Ok(Choice::Password(password));
            }
        }
        return Ok(Choice::Plain);
    }
    if entry.method != 99 && verify(input, entry, &Cipher::Plain, parts)? == Check::Good {
        parts.finding(finding(
            "zip.false-encryption",
            format!("`{}` is marked as encrypted and is not, which hides it from programs that believe it", entry.name),
        ));
        return Ok(Choice::Plain);
    }
    if strong {
        // PKWARE's strong encryption (7.2) is not read.
        return Ok(Choice::Locked);
    }
    let mut likely = None;
    for password in parts.passwords() {
        if !parts.may_try(&password, cost(entry))? {
            break;
        }
        let cipher = Cipher::Password(password.clone());
        match verify(input, entry, &cipher, parts)? {
            Check::Good => return Ok(Choice::Password(password)),
            Check::WrongChecksum if likely.is_none() => likely = Some(password),
            _ => {}
        }
    }
    // It decodes to the end and only the checksum is wrong: 7-Zip unpacks that with a warning, so it is looked at.
    match likely {
        Some(password) if entry.method != 0 => Ok(Choice::Password(password)),
        _ => Ok(Choice::Locked),
    }
}

/// Steps that it takes to try a password: WinZip's encryption derives its key in a thousand rounds.
fn cost(entry: &Entry) -> u64 {
    if entry.method == 99 { 1 << 20 } else { 1 << 14 }
}

#[derive(Debug, PartialEq, Eq)]
enum Check {
    Good,
    WrongChecksum,
    Broken,
}

/// Decodes without keeping anything. Plain members that are large are trusted: the pass would cost as much again.
fn verify(input: &Content, entry: &Entry, cipher: &Cipher, parts: &mut Parts<'_, '_>) -> Result<Check, OpenError> {
    if matches!(cipher, Cipher::Plain) && !entry.encrypted() {
        // An honest member is decoded once only; a cheap look at its first bytes is enough.
        let outcome = with_reader(input, entry, cipher, &parts.budget().for_decoder(), |data| {
            let mut start = [0; 512];
            data.read(&mut start).is_ok()
        });
        return Ok(if outcome.unwrap_or(false) { Check::Good } else { Check::Broken });
    }
    let budget = parts.budget().for_decoder();
    let most = budget.limits().part_bytes;
    let mut timer = || parts.budget().check_time().is_ok();
    let outcome = with_reader(input, entry, cipher, &budget, |data| {
        let mut chunk = vec![0; 64 << 10];
        let mut total = 0u64;
        loop {
            match data.read(&mut chunk) {
                Ok(0) => return Check::Good,
                Ok(n) => total += n as u64,
                Err(error) if error.to_string() == "the checksum is wrong" => return Check::WrongChecksum,
                Err(_) => return Check::Broken,
            }
            if total > most || !timer() {
                return Check::WrongChecksum;
            }
        }
    });
    parts.budget().check_time().map_err(OpenError::Limit)?;
    // A stream without a known checksum that decodes proves nothing unless it is compressed.
    Ok(match outcome.unwrap_or(Check::Broken) {
        Check::Good if entry.streamed && entry.true_method() == 0 => Check::Broken,
        check => check,
    })
}

/// Bytes before the first header, where the file is a ZIP first of all; after the last record, where it begins as one.
fn appended(input: &Content, structure: &Structure, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let zip = parts.part().kind.id == "zip";
    if structure.members.is_empty() {
        return Ok(());
    }
    if zip && structure.first > 0 && structure.first < input.len() && structure.first != 4 {
        parts.add_content(Member::unnamed(Role::Appended, "before-archive"), input.slice(0, structure.first))?;
    }
    let begins = zip || input.window(0, 2)?.as_ref() == b"PK";
    if begins && structure.last < input.len() && structure.end_records > 0 {
        let rest = input.slice(structure.last, u64::MAX);
        if !super::padding::only_zeros(&rest, parts)? {
            parts.add_content(Member::unnamed(Role::Appended, "after-archive"), rest)?;
        }
    }
    Ok(())
}
