//! What one walk knows and has spent: the budget, the spool, the passwords. The parts of an opener hand over to it, the walk drives it.

use crate::budget::limit_finding;
use crate::content::Spooled;
use crate::qr::Pictures;
use crate::{Budget, Content, Member, Passwords, Spool, Visitor, encoding};
use lazaret_model::{Finding, Limit, PartId};
use reading::without_tags;
use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

mod reading;

/// Bytes read from an opener at a time.
const CHUNK: usize = 64 << 10;
/// Bytes of a text that are searched for passwords.
pub(crate) const TEXT_FOR_WORDS: usize = 256 << 10;
/// Bytes of names and texts that wait for somebody to need a password.
const MOST_UNREAD: usize = 4 << 20;

/// Everything that is shared by one walk.
pub(crate) struct State<'v> {
    pub(crate) budget: Budget,
    pub(crate) spool: Option<Arc<dyn Spool>>,
    pub(crate) spool_top: u64,
    pub(crate) passwords: Passwords,
    /// Where passwords may stand, in order: looked at when one is needed, which is seldom.
    pub(crate) unread: Vec<Unread>,
    pub(crate) unread_bytes: usize,
    pub(crate) worked: Vec<Arc<str>>,
    pub(crate) visitor: &'v mut dyn Visitor,
    /// Findings about a part that is still being read.
    pub(crate) pending: Vec<Finding>,
    pub(crate) next_id: u32,
    pub(crate) legacy_hashes: bool,
    pub(crate) retry_bytes: u64,
    pub(crate) pictures: Pictures,
    /// What trying passwords has cost, in steps, and when the last one was tried.
    pub(crate) tries: u64,
    pub(crate) tried_at: Option<Duration>,
    /// Places at which something hidden was handed over, by what the bytes are a range of: what is hidden in a part that is hidden
    /// itself was found from outside.
    pub(crate) hidden: Vec<(usize, HashSet<u64>)>,
    /// Members that were opened, by their parents.
    pub(crate) twins: HashMap<PartId, HashMap<Twin, Opened>>,
}

/// Something that people read, and that may announce a password.
pub(crate) enum Unread {
    Name(String),
    Text(Vec<u8>),
    Markup(Vec<u8>),
}

/// What decides what opening a member of some parent gives: its bytes, kinds and role, and of its name what openers go by.
pub(crate) type Twin = [u8; 32];

/// What opening a member gave.
#[derive(Default)]
pub(crate) struct Opened {
    /// How often members of the parent that are alike were opened.
    pub(crate) times: u32,
    pub(crate) macros: bool,
    pub(crate) incomplete: Vec<String>,
}

impl State<'_> {
    pub(crate) fn next_id(&mut self) -> PartId {
        let id = PartId(self.next_id);
        self.next_id += 1;
        id
    }

    pub(crate) fn remember(&mut self, password: &Arc<str>) {
        if !self.worked.contains(password) {
            self.worked.push(password.clone());
        }
    }

    /// Passwords to try.
    pub(crate) fn passwords(&mut self) -> &Passwords {
        self.unread_bytes = 0;
        for unread in self.unread.drain(..) {
            match unread {
                Unread::Name(name) => self.passwords.learn_name(&name),
                Unread::Text(bytes) => self.passwords.learn_text(&encoding::decode(&bytes)),
                Unread::Markup(bytes) => self.passwords.learn_text(&without_tags(&encoding::decode(&bytes))),
            }
        }
        &self.passwords
    }

    pub(crate) fn keep_unread(&mut self, len: usize, unread: Unread) {
        self.unread_bytes += len + size_of::<Unread>();
        self.unread.push(unread);
        // LIMIT: they are read at once instead of later.
        if self.unread_bytes > MOST_UNREAD {
            self.passwords();
        }
    }

    /// Remembers a text that is no part, for the passwords in it.
    pub(crate) fn hint(&mut self, text: &str) {
        let text = text.get(..text.floor_char_boundary(TEXT_FOR_WORDS)).unwrap_or_default().trim();
        if !text.is_empty() {
            self.keep_unread(text.len(), Unread::Text(text.as_bytes().to_vec()));
        }
    }

    /// Reads a member of what is at `path` into memory, or into the spool once it is large.
    pub(crate) fn read(&mut self, path: &str, member: &mut Member, data: &mut dyn Read) -> Content {
        let (most, in_memory) = (self.budget.limits().part_bytes, self.budget.limits().in_memory_part_bytes);
        let base = self.spool_top;
        let mut memory = Vec::new();
        let mut spooled = 0u64;
        let mut total = 0u64;
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = match data.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    member.incomplete.push(format!("it ends early or is damaged: {error}"));
                    break;
                }
            };
            let Some(bytes) = chunk.get(..n) else {
                member.incomplete.push("it is damaged: its decoder counts more bytes than it was asked for".to_owned());
                break;
            };
            if total + n as u64 > most {
                self.stopped(path, member, Limit::PartSize);
                break;
            }
            total += n as u64;
            memory.extend_from_slice(bytes);
            if memory.len() as u64 > in_memory {
                let Some(spool) = self.spool.clone() else {
                    self.stopped(path, member, Limit::Memory);
                    break;
                };
                if let Err(error) = spool.write_all_at(&memory, base + spooled) {
                    member.incomplete.push(format!("the spool could not take it: {error}"));
                    total = spooled;
                    memory.clear();
                    break;
                }
                spooled += memory.len() as u64;
                memory.clear();
                memory.shrink_to(in_memory as usize);
            }
            if let Err(limit) = self.budget.charge_output(n as u64) {
                self.stopped(path, member, limit);
                break;
            }
        }
        if spooled == 0 {
            return memory.into();
        }
        let Some(spool) = self.spool.clone() else { return memory.into() };
        if !memory.is_empty()
            && let Err(error) = spool.write_all_at(&memory, base + spooled)
        {
            member.incomplete.push(format!("the spool could not take it: {error}"));
            total = spooled;
        }
        self.spool_top = base + total;
        Content::stored(Arc::new(Spooled(spool)), base, total)
    }

    fn stopped(&mut self, path: &str, member: &mut Member, limit: Limit) {
        let limits = self.budget.limits();
        member.incomplete.push(format!("stopped at the limit of {}", limit.describe(limits)));
        let mut finding = limit_finding(limit, limits);
        finding.part = path.to_owned();
        self.pending.push(finding);
    }
}
