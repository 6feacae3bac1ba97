//! Takes a sample apart, depth first: identify, show to the visitor, open, repeat for everything inside.
//!
//! Depth first means that a part's bytes are needed only until it and everything in it has been inspected, so memory
//! holds one chain of parts at a time, whatever the archive's size.

mod settled;
mod twins;

use crate::budget::limit_finding;
use crate::kinds::KindRow;
use crate::parts::{Parts, Retry, mark_incomplete};
use crate::qr::Pictures;
use crate::state::{State, TEXT_FOR_WORDS, Unread};
use crate::{
    Budget, Clock, Content, FORMATS, Format, Member, OpenError, Passwords, Spool, Visitor, extent, identify, kinds,
};
use data_encoding::HEXLOWER;
use lazaret_model::{Child, Class, ContentCoding, Family, Finding, Kind, Limits, Part, PartId, Role, Severity};
pub use settled::settle;
use sha2::Digest;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;
use twins::twin_of;

/// The kind of what nothing but the document around it gives a meaning.
const DOCUMENT_PART: &str = "document-part";
/// The kind of bytes behind pictures, sound, video and fonts that are no file.
const TRAILING_DATA: &str = "trailing-data";
/// The kind of the number by which a package is signed.
const SIGNATURE: &str = "package-signature";
/// The kind of what is too short to be any file.
const FRAGMENT: &str = "fragment";
/// Bytes that a fragment has at most. The shortest program that does anything is a DOS one of five: a far jump.
const MOST_FRAGMENT: u64 = 4;
/// Bytes of locked parts that are kept for a second attempt, in all.
const RETRY_BYTES: u64 = 64 << 20;
/// Locked parts kept for a second attempt.
const MOST_RETRIES: usize = 64;

/// What the caller lends for one walk.
pub struct Setup {
    /// What it may cost.
    pub limits: Limits,
    /// How long it has been running.
    pub clock: Clock,
    /// Where parts too large for memory go; without one they are cut at `in_memory_part_bytes`.
    pub spool: Option<Arc<dyn Spool>>,
    /// Passwords given or configured, in order.
    pub passwords: Vec<String>,
    /// Whether SHA-1 and MD5 are wanted beside SHA-256.
    pub legacy_hashes: bool,
    /// The media type that the origin declared for the sample.
    pub declared_type: Option<String>,
    /// How the bytes are packed, in the order in which that was done. They are unpacked first: the sample is what a
    /// person would save.
    pub codings: Vec<ContentCoding>,
}

/// Takes `sample` apart and tells `visitor` about every part.
///
/// `name` is what the sample is called; it is never used to tell what the sample is, only to say where things were
/// found and as a source of passwords.
pub fn walk(sample: &Content, name: &str, setup: Setup, visitor: &mut dyn Visitor) {
    walk_as(sample, name, None, setup, visitor);
}

/// [`walk`] with the sample's kind given, by id of the table of kinds, instead of identified.
///
/// For tests and fuzz targets, which must reach an opener whatever the first bytes are.
pub fn walk_as(sample: &Content, name: &str, kind: Option<&'static str>, setup: Setup, visitor: &mut dyn Visitor) {
    walk_counting(sample, name, kind, setup, visitor);
}

/// [`walk_as`]; answers how many steps it took ([`Budget::steps`]).
pub(crate) fn walk_counting(
    sample: &Content,
    name: &str,
    kind: Option<&'static str>,
    setup: Setup,
    visitor: &mut dyn Visitor,
) -> u64 {
    let mut passwords = Passwords::new(setup.passwords);
    passwords.learn_name(name);
    let mut state = State {
        budget: Budget::new(setup.limits, setup.clock, sample.len()),
        spool: setup.spool,
        spool_top: 0,
        passwords,
        unread: Vec::new(),
        unread_bytes: 0,
        worked: Vec::new(),
        visitor,
        pending: Vec::new(),
        next_id: 0,
        legacy_hashes: setup.legacy_hashes,
        retry_bytes: 0,
        pictures: Pictures::default(),
        tries: 0,
        tried_at: None,
        hidden: Vec::new(),
        twins: HashMap::new(),
    };
    let mut part = Part { id: state.next_id(), declared_type: setup.declared_type, ..Part::sample(name, 0) };
    let _ = state.budget.charge_part();
    let sample = state.unpacked(&mut part, sample.clone(), &setup.codings);
    let mut retries = Vec::new();
    state.visit(part, kind, sample, &[], &mut retries);
    state.budget.steps()
}

impl State<'_> {
    /// Identifies a part, shows it to the visitor and opens it. Locked parts are left in `retries` for the caller.
    pub(crate) fn visit(
        &mut self,
        mut part: Part,
        kind: Option<&'static str>,
        content: Content,
        ancestors: &[String],
        retries: &mut Vec<Retry>,
    ) -> Child {
        part.size = content.len();
        if let Err(error) = self.hash(&mut part, &content) {
            mark_incomplete(&mut part, format!("the bytes could not be read: {error}"));
        }
        match kind.and_then(kinds::kind) {
            Some(row) => part.kind = row.kind(),
            None => match identify(&content) {
                Ok(identified) => {
                    part.kind = identified.kind;
                    // Printer settings, obfuscated fonts and the like: their only reader is the document's program.
                    if part.kind.is_unknown() && part.role == Role::Member && within_document(&part) {
                        part.kind = kinds::kind(DOCUMENT_PART).map_or(Kind::UNKNOWN, KindRow::kind);
                    }
                    // Cameras and editors leave notes of their own there, which nothing opens.
                    if part.kind.is_unknown() && part.role == Role::Appended && behind_media(&part) {
                        part.kind = kinds::kind(TRAILING_DATA).map_or(Kind::UNKNOWN, KindRow::kind);
                    }
                    if part.kind.is_unknown() && is_signature(&part) {
                        part.kind = kinds::kind(SIGNATURE).map_or(Kind::UNKNOWN, KindRow::kind);
                    }
                    if part.kind.is_unknown() && part.depth > 0 && part.size <= MOST_FRAGMENT {
                        part.kind = kinds::kind(FRAGMENT).map_or(Kind::UNKNOWN, KindRow::kind);
                    }
                    part.also = identified.also;
                    settle(&mut part);
                    identified.doubts.into_iter().for_each(|reason| mark_incomplete(&mut part, reason));
                }
                Err(error) => mark_incomplete(&mut part, format!("the bytes could not be read: {error}")),
            },
        }
        self.visitor.begin(&part);
        for mut finding in std::mem::take(&mut self.pending) {
            finding.part.clone_from(&part.path);
            self.visitor.finding(&part, finding);
        }
        self.learn(&part, &content);
        for reason in self.visitor.inspect(&part, &content) {
            mark_incomplete(&mut part, reason);
        }
        self.open(part, content, ancestors, HashSet::new(), retries)
    }

    /// Opens a part with every format that its kinds have, then tells the visitor that it is done.
    fn open(
        &mut self,
        mut part: Part,
        content: Content,
        ancestors: &[String],
        mut tried: HashSet<Arc<str>>,
        retries: &mut Vec<Retry>,
    ) -> Child {
        let formats: Vec<_> = FORMATS.iter().filter(|f| f.kinds().iter().any(|kind| part.is(kind))).collect();
        let before = part.incomplete.len();
        let twin = part.parent.map(|parent| (parent, twin_of(&part, &formats)));
        if let Some(child) = self.known_twin(&mut part, twin.as_ref()) {
            return child;
        }
        let mut children = Vec::new();
        let mut inner_retries = Vec::new();
        let mut locked_members = false;
        let repeats = !formats.is_empty() && ancestors.contains(&part.sha256);
        if repeats {
            mark_incomplete(&mut part, "it contains itself, so it was not opened again");
            // No packer writes an archive that is its own member; only those who want an opener to run for ever do.
            let message = "it contains itself, so that whoever opens everything in it never ends";
            let finding = Finding::new("bomb.contains-itself", "walk", Severity::Medium, Family::Structure, message);
            let mut finding = finding.technique("T1499.003").with("sha256", part.sha256.clone());
            finding.part.clone_from(&part.path);
            self.visitor.finding(&part, finding);
        }
        if !repeats {
            let mut line = ancestors.to_vec();
            line.push(part.sha256.clone());
            let mut names = HashMap::new();
            for format in formats {
                if let Some(limit) = self.budget.exhausted() {
                    let limit = limit.describe(self.budget.limits());
                    mark_incomplete(&mut part, format!("it was not opened: stopped at the limit of {limit}"));
                    break;
                }
                let mut parts = Parts {
                    state: self,
                    part: &mut part,
                    children: &mut children,
                    names: &mut names,
                    retries: &mut inner_retries,
                    tried: &mut tried,
                    ancestors: &line,
                    locked_members: &mut locked_members,
                    findings: HashMap::new(),
                };
                let result = format.open(&content, &mut parts);
                // Loops end where the budget does, and leave it to this to say so.
                let result =
                    result.and_then(|()| self.budget.exhausted().map_or(Ok(()), |limit| Err(OpenError::Limit(limit))));
                self.conclude(&mut part, *format, result, &mut locked_members);
            }
            self.hung_on(&mut part, &content, &line, &mut children, &mut inner_retries, &mut locked_members);
            self.retry(&mut inner_retries, &mut children, &line, retries);
        }
        for reason in unopened(&part) {
            mark_incomplete(&mut part, reason);
        }
        if locked_members {
            self.keep_for_retry(&part, &content, tried, retries);
        }
        self.remember_twin(&part, twin.filter(|_| !locked_members), before);
        let mut child = Child::of(&part);
        child.locked |= locked_members;
        self.visitor.end(&part, &children);
        child
    }

    /// Visits what hangs behind the end of a part, or is hidden in it, where no reader of its format would look.
    fn hung_on(
        &mut self,
        part: &mut Part,
        content: &Content,
        line: &[String],
        children: &mut Vec<Child>,
        retries: &mut Vec<Retry>,
        locked_members: &mut bool,
    ) {
        let stopped = self.budget.exhausted().is_some();
        let opened = children.iter().any(|child| child.kind.class.runs());
        let found = match extent::hung_on(part, content, opened, &mut self.budget) {
            Ok(found) => found,
            Err(error) => return mark_incomplete(part, format!("the bytes could not be read: {error}")),
        };
        if let Some(limit) = self.budget.exhausted().filter(|_| !stopped) {
            let limit = limit.describe(self.budget.limits());
            mark_incomplete(
                part,
                format!("what may hang on it was not looked for to the end: stopped at the limit of {limit}"),
            );
        }
        if found.more {
            let most = extent::MOST_HIDDEN;
            mark_incomplete(part, format!("it hides more than {most} other files, and only so many are looked at"));
        }
        if found.endless {
            let most = extent::MOST_STEPS;
            mark_incomplete(part, format!("it has more than {most} pieces, and what follows its end was not found"));
        }
        let (mut names, mut tried) = (HashMap::new(), HashSet::new());
        let (address, _) = content.origin();
        let outermost = !self.hidden.iter().any(|(own, _)| *own == address);
        if outermost {
            self.hidden.push((address, HashSet::new()));
        }
        let mut new = found.parts;
        if let Some((_, places)) = self.hidden.iter_mut().find(|(own, _)| *own == address) {
            // What had to be unpacked lies nowhere.
            new.retain(|(_, inner)| inner.origin().0 != address || places.insert(inner.origin().1));
        }
        for (name, inner) in new {
            let mut parts = Parts {
                state: self,
                part,
                children,
                names: &mut names,
                retries,
                tried: &mut tried,
                ancestors: line,
                locked_members,
                findings: HashMap::new(),
            };
            if let Err(error) = parts.add_content(Member::unnamed(Role::Appended, name), inner) {
                let reason = error.to_string();
                mark_incomplete(part, reason);
                break;
            }
        }
        if outermost {
            self.hidden.pop();
        }
    }

    fn conclude(
        &mut self,
        part: &mut Part,
        format: &dyn Format,
        result: Result<(), OpenError>,
        locked_members: &mut bool,
    ) {
        let Err(error) = result else { return };
        let own = part.kinds().find(|kind| format.kinds().contains(&&*kind.id)).and_then(|kind| kinds::kind(&kind.id));
        let name = own.map_or(format.id(), |row| row.description);
        match error {
            OpenError::Limit(limit) => {
                mark_incomplete(part, format!("stopped at the limit of {}", limit.describe(self.budget.limits())));
                let mut finding = limit_finding(limit, self.budget.limits());
                finding.part.clone_from(&part.path);
                self.visitor.finding(part, finding);
            }
            OpenError::Locked { .. } => {
                part.locked = true;
                *locked_members = true;
                mark_incomplete(part, error.to_string());
            }
            OpenError::Read(source) => mark_incomplete(part, format!("{name}: the bytes could not be read: {source}")),
            other => mark_incomplete(part, format!("{name}: {other}")),
        }
    }

    /// Opens locked children again if passwords were learned since; those that stay locked go to `outer`.
    fn retry(&mut self, inner: &mut Vec<Retry>, children: &mut [Child], ancestors: &[String], outer: &mut Vec<Retry>) {
        for retry in inner.drain(..) {
            if self.passwords().len() == retry.known || self.budget.exhausted().is_some() {
                outer.push(retry);
                continue;
            }
            self.retry_bytes = self.retry_bytes.saturating_sub(retry.content.len());
            let mut part = retry.part;
            self.visitor.withdraw_below(part.id);
            part.locked = false;
            part.complete = true;
            part.incomplete.clear();
            let id = part.id;
            let again = self.open(part, retry.content, ancestors, retry.tried, outer);
            if let Some(child) = children.iter_mut().find(|child| child.id == id) {
                *child = again;
            }
        }
    }

    fn keep_for_retry(
        &mut self,
        part: &Part,
        content: &Content,
        mut tried: HashSet<Arc<str>>,
        retries: &mut Vec<Retry>,
    ) {
        // LIMIT: what is not tried again stays locked, and says so.
        if content.as_slice().is_none()
            || self.retry_bytes + content.len() > RETRY_BYTES
            || retries.len() >= MOST_RETRIES
            || part.id == PartId(0)
        {
            return;
        }
        self.retry_bytes += content.len();
        let most = self.budget.limits().passwords as usize;
        tried.extend(self.passwords().candidates().filter(|c| !tried.contains(c)).take(most).collect::<Vec<_>>());
        retries.push(Retry { part: part.clone(), content: content.clone(), tried, known: self.passwords().len() });
    }

    fn hash(&mut self, part: &mut Part, content: &Content) -> std::io::Result<()> {
        let mut sha256 = sha2::Sha256::new();
        let mut legacy = self.legacy_hashes.then(|| (sha1::Sha1::new(), md5::Md5::new()));
        let mut reader = content.reader();
        let result = loop {
            let chunk = match reader.fill_buf() {
                Ok([]) => break Ok(()),
                Ok(chunk) => chunk,
                Err(error) => break Err(error),
            };
            sha256.update(chunk);
            if let Some((sha1, md5)) = &mut legacy {
                sha1.update(chunk);
                md5.update(chunk);
            }
            let n = chunk.len();
            reader.consume(n);
        };
        part.sha256 = HEXLOWER.encode(&sha256.finalize());
        if let Some((sha1, md5)) = legacy {
            part.sha1 = Some(HEXLOWER.encode(&sha1.finalize()));
            part.md5 = Some(HEXLOWER.encode(&md5.finalize()));
        }
        result
    }

    /// Remembers what people are meant to read, for the passwords in it.
    fn learn(&mut self, part: &Part, content: &Content) {
        if part.named {
            self.keep_unread(part.name.len(), Unread::Name(part.name.clone()));
        }
        let readable = matches!(part.kind.class, Class::Text | Class::Web) || part.role == Role::Body;
        if !readable && !part.is("xml") {
            return;
        }
        let Ok(head) = content.window(0, TEXT_FOR_WORDS) else { return };
        let head = head.to_vec();
        let is_plain = part.kind.class == Class::Text && part.kind.id != "xml";
        self.keep_unread(head.len(), if is_plain { Unread::Text(head) } else { Unread::Markup(head) });
    }
}

/// The kinds of a part that hold files and that nothing here opens, as reasons. Each counts, whichever was recognised first.
fn unopened(part: &Part) -> Vec<String> {
    let opened = |id: &str| FORMATS.iter().any(|format| format.kinds().contains(&id));
    let rows = part.kinds().filter_map(|kind| kinds::kind(&kind.id)).filter(|row| row.container && part.size > 0);
    let reason = |row: &KindRow| match row.id {
        // What somebody can ask for instead.
        "pst" | "dbx" => {
            format!("{} can hold thousands of mails and is not opened: ask for the mails themselves", row.description)
        }
        _ => format!("{} is recognised and not opened", row.description),
    };
    rows.filter(|row| !opened(row.id)).map(reason).collect()
}

/// Whether a part hangs behind a picture, sound, video, font or data.
fn behind_media(part: &Part) -> bool {
    let parent = part.within.last().and_then(|id| kinds::kind(id));
    parent
        .is_some_and(|row| matches!(row.class, Class::Image | Class::Audio | Class::Video | Class::Font | Class::Data))
}

/// Whether a part is the signature in front of a package or an index of Alpine Linux ("Apk spec", "v2"): a number of RSA, called after
/// its key.
fn is_signature(part: &Part) -> bool {
    let called = part.name.starts_with(".SIGN.RSA.") || part.name.starts_with(".SIGN.RSA256.");
    let in_tar = part.within.last().is_some_and(|id| id == "tar");
    part.role == Role::Member
        && in_tar
        && called
        && part.name.ends_with(".rsa.pub")
        && matches!(part.size, 256 | 384 | 512)
}

fn within_document(part: &Part) -> bool {
    part.within.iter().filter_map(|id| kinds::kind(id)).any(|row| row.class == Class::Document)
}

#[cfg(test)]
mod tests;
