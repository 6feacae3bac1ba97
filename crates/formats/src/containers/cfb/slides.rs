//! Presentations of PowerPoint 97 ([MS-PPT]): the objects embedded in them, and the encryption that they lie under.

use super::rc4::{self, Key};
use crate::containers::bytes::{u16_le, u32_le};
use crate::{Content, Member, OpenError, Parts};
use lazaret_model::{Family, Finding, Role, Severity};
use std::collections::BTreeMap;
use std::io::Read as _;

/// The password with which PowerPoint protects presentations that may be read and not changed.
const DEFAULT: &str = "/01Hannes Ruescher/01";
/// 2.3.2: what `headerToken` says of a presentation that is encrypted.
const ENCRYPTED: u32 = 0xf3d1_c4df;
/// 2.13.24: types of records.
const USER_EDIT: u16 = 0x0ff5;
const PERSIST_DIRECTORY: u16 = 0x1772;
const CRYPT_SESSION: u16 = 0x2f14;
const OLE_OBJECT: u16 = 0x1011;
const INTERACTIVE: u16 = 0x0ff3;
/// 2.6.4: the action of `INTERACTIVE` that runs a program.
const RUN_PROGRAM: u8 = 2;
/// Bytes of a record's header (2.3.1).
const HEADER: usize = 8;
/// Places of objects that are followed, over all edits.
const MOST_OBJECTS: usize = 1 << 20;

/// Hands the objects of a presentation over, decrypted where a password fits.
///
/// `user` is the beginning of the stream `Current User`; `sealed` says that something else shows that it is encrypted.
pub(super) fn add_all(stream: &[u8], user: &[u8], sealed: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let layout = Layout::read(stream, user, parts)?;
    if u32_le(user, 12) != Some(ENCRYPTED) && !sealed && layout.session.is_none() {
        return add_objects(stream, parts);
    }
    match layout.decrypt(stream, parts)? {
        Some(plain) => add_objects(&plain, parts),
        None => {
            parts.lock("the presentation is encrypted, and no password at hand opens it");
            // What is not under the encryption is looked at all the same.
            add_objects(stream, parts)
        }
    }
}

/// A record's type and length (2.3.1).
fn record(stream: &[u8], at: usize) -> Option<(u16, usize)> {
    let kind = u16_le(stream, at.checked_add(2)?)?;
    let length = usize::try_from(u32_le(stream, at.checked_add(4)?)?).ok()?;
    Some((kind, length))
}

/// Where the objects are that are encrypted one by one (2.3.3 to 2.3.7).
#[derive(Debug, Default)]
struct Layout {
    /// Their identifiers, by where they begin.
    objects: BTreeMap<usize, u32>,
    /// Where the description of the encryption stands.
    session: Option<usize>,
}

impl Layout {
    /// Follows the edits from the last one back to the first.
    fn read(stream: &[u8], user: &[u8], parts: &mut Parts<'_, '_>) -> Result<Self, OpenError> {
        let mut layout = Self::default();
        let mut session = None;
        let mut edit = u32_le(user, 16);
        let mut seen = 0_usize;
        while let Some(at) = edit.and_then(|at| usize::try_from(at).ok()) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let Some((USER_EDIT, length)) = record(stream, at) else { break };
            let field = |place: usize| u32_le(stream, at.saturating_add(HEADER).saturating_add(place));
            // 2.3.3: only encrypted presentations have the last field.
            if length >= 32 && session.is_none() {
                session = field(28);
            }
            let directory = field(12).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
            if !layout.directory(stream, directory, &mut seen) {
                parts.incomplete(format!("it has more than {MOST_OBJECTS} objects, and only so many are looked at"));
                break;
            }
            // Each edit stands behind the one before it.
            edit = field(8).filter(|last| *last > 0 && usize::try_from(*last).is_ok_and(|last| last < at));
        }
        let place = layout.objects.iter().find(|(_, id)| Some(**id) == session).map(|(at, _)| *at);
        layout.session = place.filter(|at| record(stream, *at).is_some_and(|(kind, _)| kind == CRYPT_SESSION));
        Ok(layout)
    }

    /// The places of one edit's objects (2.3.4 and 2.3.5); false where there are too many.
    fn directory(&mut self, stream: &[u8], at: usize, seen: &mut usize) -> bool {
        let Some((PERSIST_DIRECTORY, length)) = record(stream, at) else { return true };
        let mut at = at.saturating_add(HEADER);
        let end = at.saturating_add(length).min(stream.len());
        while at < end {
            let Some(word) = u32_le(stream, at) else { break };
            at = at.saturating_add(4);
            for next in 0..word >> 20 {
                let Some(place) = u32_le(stream, at).filter(|_| at < end) else { break };
                at = at.saturating_add(4);
                *seen = seen.saturating_add(1);
                // LIMIT: the document stays locked, and says so.
                if *seen > MOST_OBJECTS {
                    return false;
                }
                if let Ok(place) = usize::try_from(place) {
                    self.objects.entry(place).or_insert((word & 0xf_ffff).saturating_add(next));
                }
            }
        }
        true
    }

    /// The stream with every object decrypted, by the first password that fits.
    fn decrypt(&self, stream: &[u8], parts: &mut Parts<'_, '_>) -> Result<Option<Vec<u8>>, OpenError> {
        let Some(session) = self.session else { return Ok(None) };
        let Some((_, length)) = record(stream, session) else { return Ok(None) };
        let start = session.saturating_add(HEADER);
        let end = start.saturating_add(length).min(stream.len());
        // The description is the one of workbooks, which have a number before it ([MS-XLS] 2.4.117).
        let description = [&[1, 0][..], stream.get(start..end).unwrap_or_default()].concat();
        let Some(key) = rc4::unlock(&description, &[DEFAULT, super::encrypted::DEFAULT], parts)? else {
            return Ok(None);
        };
        let mut plain = stream.to_vec();
        let mut objects = self.objects.iter().peekable();
        while let Some((at, id)) = objects.next() {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            // No object reaches into the next one, so that every byte is decrypted once.
            let limit = objects.peek().map_or(stream.len(), |(next, _)| **next);
            if *at != session {
                decrypt_object(&mut plain, *at, limit, *id, &key);
            }
        }
        Ok(Some(plain))
    }
}

/// Decrypts one record in place, its header as well; its identifier is the number of its block (2.3.7).
fn decrypt_object(plain: &mut [u8], at: usize, limit: usize, id: u32, key: &Key) {
    let Some(mut header) = plain.get(at..at.saturating_add(HEADER)).map(<[u8]>::to_vec) else { return };
    key.block(id).apply(&mut header);
    let length = u32_le(&header, 4).and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    let end = at.saturating_add(HEADER).saturating_add(length).min(limit).min(plain.len());
    if let Some(object) = plain.get_mut(at..end) {
        key.block(id).apply(object);
    }
}

/// OLE objects and VBA projects in a presentation (2.10.34: ExOleObjStg), and whether something in it runs a program.
fn add_objects(stream: &[u8], parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let mut at = 0usize;
    let mut runs_program = false;
    while let (Some(head), Some((kind, length))) = (u16_le(stream, at), record(stream, at)) {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let body = at.saturating_add(HEADER);
        // Version 15 marks a container; its records follow at once. The description of the encryption has none.
        if head & 15 == 15 && kind != CRYPT_SESSION {
            at = body;
            continue;
        }
        at = body.saturating_add(length);
        // Two numbers of four bytes stand before the action (2.6.4).
        runs_program |= kind == INTERACTIVE && length == 16 && stream.get(body.saturating_add(8)) == Some(&RUN_PROGRAM);
        if kind != OLE_OBJECT {
            continue;
        }
        let data = stream.get(body..at.min(stream.len())).unwrap_or_default();
        let mut member = Member::unnamed(Role::Embedded, "ole-object");
        if at > stream.len() {
            member = member.incomplete("the presentation ends before it does");
        }
        if head >> 4 == 1 {
            // Whoever has as many bytes as it says reads no further, and some writers leave the end out ([MS-PPT] 2.10.37).
            let size = u32_le(data, 0).unwrap_or_default();
            let zlib = flate2::read::ZlibDecoder::new(data.get(4..).unwrap_or_default());
            parts.add(member, &mut zlib.take(u64::from(size)))?;
        } else {
            parts.add_content(member, Content::from(data))?;
        }
    }
    if runs_program {
        let message = "a click or a move over something on a slide runs a program";
        let finding = Finding::new("ooxml.program-action", "cfb", Severity::High, Family::Behaviour, message);
        parts.finding(finding.technique("T1204.002"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::cfb::rc4::tests::sealed;
    use crate::containers::cfb::tests::build;
    use crate::testing::{Recorded, walk_with};
    use lazaret_model::Limits;

    const MARKER: &[u8] = b"LAZARET-MARKER in a presentation";

    fn record(version: u16, kind: u16, body: &[u8]) -> Vec<u8> {
        [&version.to_le_bytes()[..], &kind.to_le_bytes(), &(body.len() as u32).to_le_bytes(), body].concat()
    }

    /// `Current User` and `PowerPoint Document`, which holds one object.
    fn presentation(password: &str) -> (Vec<u8>, Vec<u8>) {
        let (description, key) = sealed(password, Some(16));
        let mut object = record(0, OLE_OBJECT, MARKER);
        key.block(1).apply(&mut object);
        let session = record(15, CRYPT_SESSION, &description[2..]);
        let places = [0x0020_0001, 0, object.len() as u32].map(u32::to_le_bytes).concat();
        let directory = record(0, PERSIST_DIRECTORY, &places);
        let directory_at = (object.len() + session.len()) as u32;
        let edit = record(0, USER_EDIT, &[0, 0, 0, directory_at, 1, 2, 0, 2].map(u32::to_le_bytes).concat());
        let user = [20, ENCRYPTED, directory_at + directory.len() as u32].map(u32::to_le_bytes).concat();
        (record(0, 0x0ff6, &user), [object, session, directory, edit].concat())
    }

    fn check(streams: &[(&str, &[u8])], passwords: &[&str]) -> Recorded {
        walk_with(build(streams), "offer.ppt", Some("ppt"), passwords, Limits::default())
    }

    #[test]
    fn an_encrypted_presentation_opens_with_its_password_or_is_locked() {
        for (password, given) in [("infected", &["wrong", "infected"][..]), (DEFAULT, &[])] {
            let (user, document) = presentation(password);
            let recorded = check(&[("/Current User", &user), ("/PowerPoint Document", &document)], given);
            assert_eq!(recorded.bytes("//ole-object"), MARKER);
            assert!(recorded.complete() && recorded.parts[0].password.as_deref() == Some(password));
        }
        let (user, document) = presentation("infected");
        let locked: [&[(&str, &[u8])]; 3] = [
            &[("/Current User", &user), ("/PowerPoint Document", &document)],
            &[("/Current User", &user), ("/PowerPoint Document", b"x")],
            &[("/EncryptedSummary", b"x"), ("/PowerPoint Document", b"x")],
        ];
        for streams in locked {
            let recorded = check(streams, &["wrong"]);
            assert!(recorded.parts[0].locked && !recorded.parts[0].complete, "{:#?}", recorded.parts);
        }
    }

    #[test]
    fn a_presentation_that_is_not_encrypted_is_complete() {
        let document = record(0, OLE_OBJECT, MARKER);
        let user = record(0, 0x0ff6, &[20, 0xe391_c05f, 0].map(u32::to_le_bytes).concat());
        let recorded = check(&[("/Current User", &user), ("/PowerPoint Document", &document)], &[]);
        assert_eq!(recorded.bytes("//ole-object"), MARKER);
        assert!(recorded.complete(), "{:#?}", recorded.parts);
    }

    #[test]
    fn a_slide_of_powerpoint_97_that_runs_a_program_is_reported_and_one_that_leads_to_a_slide_is_not() {
        for (action, reported) in [(RUN_PROGRAM, true), (3, false), (4, false)] {
            let action = record(0, INTERACTIVE, &[0, 0, 0, 0, 1, 0, 0, 0, action, 0, 0, 0, 0, 0, 0, 0]);
            let document = record(15, 0x03ee, &record(15, 0x0ff2, &action));
            let user = record(0, 0x0ff6, &[20, 0xe391_c05f, 0].map(u32::to_le_bytes).concat());
            let recorded = check(&[("/Current User", &user), ("/PowerPoint Document", &document)], &[]);
            assert_eq!(recorded.findings.iter().any(|finding| finding.id == "ooxml.program-action"), reported);
        }
    }
}
