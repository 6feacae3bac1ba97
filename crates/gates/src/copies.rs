//! Copies of what was inspected, kept for a while: whoever resumes a download or seeks in film gets pieces of the very bytes that
//! were judged.

use crate::Exchange;
use crate::exchange::text;
use crate::range::{Asked, has_validator, strong};
use crate::spool::Spooled;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, COOKIE, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, SET_COOKIE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, VARY,
};
use http::{HeaderMap, Method};
use lazaret_model::Origin;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a copy is used without asking the site whether it changed, for whom it was fetched.
const FRESH: Duration = Duration::from_secs(10);
/// How long a copy is kept of which the site says that nobody should keep it, or that cannot be told from a later version.
const SHORT: Duration = Duration::from_secs(60);
/// Copies at once; beyond them the oldest goes.
const MOST: usize = 1_000;
/// The parts of the spool and of memory that copies may take, whatever is set: what is under way needs the rest.
const SPOOL_PART: u64 = 8;
const MEMORY_PART: u64 = 16;

/// Where a copy stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    address: String,
    /// Whose it is; nobody's in particular where the site gives the same to everybody.
    whose: Option<Whose>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Whose {
    client: Option<IpAddr>,
    person: Option<String>,
    /// Who the site takes the client for.
    secrets: Vec<Vec<u8>>,
}

/// Under which keys a request finds copies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    own: Key,
    /// Where everybody's are: not for who shows the site who they are.
    shared: Option<Key>,
}

/// A copy.
#[derive(Clone)]
pub(crate) struct KeptCopy {
    /// The answer's fields, as they are passed on.
    pub(crate) headers: HeaderMap,
    /// All of it, or the inspected beginning of film or sound.
    pub(crate) body: Spooled,
    /// Bytes of all of it.
    pub(crate) whole: u64,
    /// The site gives pieces.
    pub(crate) has_pieces: bool,
    /// What it was judged by: where it came from, for whom, and which engine and policies.
    pub(crate) origin: Origin,
    pub(crate) judged_by: String,
    /// When the site last said that it is still so.
    pub(crate) checked: Instant,
}

impl KeptCopy {
    /// Whether it may be used without asking the site.
    pub(crate) fn is_fresh_for(&self, exchange: &Exchange) -> bool {
        let same = self.origin.client == exchange.client && self.origin.person == exchange.person;
        let unversioned = !has_validator(&self.headers);
        same && (unversioned || self.checked.elapsed() < FRESH)
    }

    /// Whether it is all of the file.
    pub(crate) fn is_all(&self) -> bool {
        self.body.len() == self.whole
    }

    /// Whether what is asked for can be given out of it: all of it is there, or the one piece is in the beginning or can be had from
    /// the site.
    pub(crate) fn serves(&self, asked: &Asked) -> bool {
        let piece = || asked.one(self.whole).filter(|_| asked.applies_to(&self.headers));
        self.is_all() || piece().is_some_and(|piece| piece.end <= self.body.len() || self.has_pieces)
    }

    /// Makes a request one that asks whether this is still so (RFC 9110, 13.1).
    pub(crate) fn ask_whether_changed(&self, request: &mut HeaderMap) {
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
            request.remove(name);
        }
        if let Some(tag) = strong(&self.headers) {
            request.insert(IF_NONE_MATCH, tag.clone());
        } else if let Some(date) = self.headers.get(LAST_MODIFIED) {
            request.insert(IF_MODIFIED_SINCE, date.clone());
        }
    }
}

impl Place {
    /// Where copies are that may answer a request; none of other requests than GET.
    pub(crate) fn of(exchange: &Exchange, headers: &HeaderMap) -> Option<Self> {
        if exchange.method != Method::GET {
            return None;
        }
        let address = exchange.uri.to_string();
        let fields = [AUTHORIZATION, COOKIE];
        let secrets: Vec<_> =
            fields.iter().flat_map(|name| headers.get_all(name)).map(|value| value.as_bytes().to_vec()).collect();
        let is_known = !secrets.is_empty();
        let whose = Whose { client: exchange.client, person: exchange.person.clone(), secrets };
        let shared = (!is_known).then(|| Key { address: address.clone(), whose: None });
        Some(Self { own: Key { address, whose: Some(whose) }, shared })
    }

    /// Where a copy of an answer goes, and how long it stays at the most.
    fn of_answer(&self, headers: &HeaderMap) -> (Key, Option<Duration>) {
        let control = text(headers, CACHE_CONTROL.as_str());
        let says =
            |word: &str| control.split(',').any(|one| one.split('=').next().is_some_and(|one| one.trim() == word));
        let vary = text(headers, VARY.as_str());
        let varies = vary.split(',').map(str::trim).any(|one| !matches!(one, "" | "accept-encoding" | "range"));
        let private = says("private") || says("no-store") || varies || headers.contains_key(SET_COOKIE);
        let is_short = says("no-store") || !has_validator(headers);
        let key = self.shared.clone().filter(|_| !private && !is_short).unwrap_or_else(|| self.own.clone());
        (key, is_short.then_some(SHORT))
    }
}

/// The copies that are kept.
pub(crate) struct Copies {
    kept: Mutex<HashMap<Key, Entry>>,
    most: u64,
    most_memory: u64,
    time: Duration,
}

struct Entry {
    copy: KeptCopy,
    since: Instant,
    until: Instant,
}

impl Copies {
    /// At most `bytes` of copies for so long, of a spool and of memory of so many bytes.
    pub(crate) fn new(bytes: u64, time: Duration, spool: u64, memory: u64) -> Self {
        let most = bytes.min(spool / SPOOL_PART);
        Self { kept: Mutex::default(), most, most_memory: most.min(memory / MEMORY_PART), time }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy that may answer a request.
    pub(crate) fn find(&self, place: &Place) -> Option<(Key, KeptCopy)> {
        let now = Instant::now();
        let kept = self.kept();
        let keys = [Some(&place.own), place.shared.as_ref()];
        let found = keys.into_iter().flatten().find_map(|key| kept.get_key_value(key).filter(|(_, it)| it.until > now));
        found.map(|(key, entry)| (key.clone(), entry.copy.clone()))
    }

    /// Keeps a copy; the oldest go where there is no room. Says how long it stays, where it does.
    pub(crate) fn keep(&self, place: &Place, copy: KeptCopy) -> Option<Duration> {
        let (key, time) = place.of_answer(&copy.headers);
        let time = time.map_or(self.time, |time| time.min(self.time));
        let most = if matches!(copy.body, Spooled::Memory(_)) { self.most_memory } else { self.most };
        if time.is_zero() || copy.body.len() > most {
            return None;
        }
        let (now, copy) = (Instant::now(), KeptCopy { body: copy.body.at_rest(), ..copy });
        let mut kept = self.kept();
        kept.remove(&key);
        kept.retain(|_, entry| entry.until > now);
        while !has_room(&kept, &copy.body, [self.most, self.most_memory]) {
            let oldest = kept.iter().min_by_key(|(_, entry)| entry.since).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            kept.remove(&oldest);
        }
        kept.insert(key, Entry { copy, since: now, until: now + time });
        Some(time)
    }

    /// Notes that the site said anew that a copy is good.
    pub(crate) fn confirm(&self, key: &Key) {
        if let Some(entry) = self.kept().get_mut(key) {
            entry.copy.checked = Instant::now();
        }
    }

    /// Notes by what a copy was judged last.
    pub(crate) fn judged(&self, key: &Key, origin: Origin, judged_by: String) {
        if let Some(entry) = self.kept().get_mut(key) {
            (entry.copy.origin, entry.copy.judged_by) = (origin, judged_by);
        }
    }

    /// Forgets what is over.
    pub(crate) fn forget(&self) {
        let now = Instant::now();
        self.kept().retain(|_, entry| entry.until > now);
    }
}

/// Whether one more fits beside what is kept.
fn has_room(kept: &HashMap<Key, Entry>, body: &Spooled, [most, most_memory]: [u64; 2]) -> bool {
    let in_memory = |body: &Spooled| matches!(body, Spooled::Memory(_));
    let bytes = |only: bool| -> u64 {
        let all = kept.values().map(|entry| &entry.copy.body).chain([body]);
        all.filter(|body| !only || in_memory(body)).map(Spooled::len).sum()
    };
    kept.len() < MOST && bytes(false) <= most && (!in_memory(body) || bytes(true) <= most_memory)
}

/// The fields of an answer without those that say how its body was sent.
pub(crate) fn lasting(headers: &HeaderMap) -> HeaderMap {
    let mut lasting = headers.clone();
    for name in [ACCEPT_RANGES, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        lasting.remove(name);
    }
    lasting.remove("keep-alive");
    lasting
}

/// Whether a site says that it gives pieces (RFC 9110, 14.3).
pub(crate) fn gives_pieces(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT_RANGES).is_some_and(|field| field.as_bytes().eq_ignore_ascii_case(b"bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};
    use lazaret_model::Gate;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn place(client: u8, fields: &[(&'static str, &'static str)]) -> Place {
        let client = Some(IpAddr::from([192, 0, 2, client]));
        let uri = "http://a.example/film.mp4".parse().unwrap();
        let exchange = Exchange::of(Gate::Proxy, client, Method::GET, uri, &headers(fields));
        Place::of(&exchange, &headers(fields)).unwrap()
    }

    fn copy(fields: &[(&'static str, &'static str)], len: usize) -> KeptCopy {
        KeptCopy {
            headers: headers(fields),
            body: Spooled::Memory(Bytes::from(vec![7; len])),
            whole: len as u64,
            has_pieces: false,
            origin: Origin::default(),
            judged_by: String::new(),
            checked: Instant::now(),
        }
    }

    fn copies(bytes: u64) -> Copies {
        Copies::new(bytes, Duration::from_secs(300), bytes * SPOOL_PART, bytes * MEMORY_PART)
    }

    #[test]
    fn what_is_meant_for_one_is_given_to_nobody_else() {
        let tag = ("etag", "\"1\"");
        let cookie = ("cookie", "a=1");
        for (request, answer, shared) in [
            (&[][..], &[tag][..], true),
            (&[], &[tag, ("cache-control", "public, max-age=60"), ("vary", "Accept-Encoding")], true),
            (&[], &[tag, ("cache-control", "max-age=5, Private")], false),
            (&[], &[tag, ("cache-control", "no-store")], false),
            (&[], &[tag, ("set-cookie", "a=1")], false),
            (&[], &[tag, ("vary", "origin")], false),
            (&[], &[], false),
            (&[cookie], &[tag], false),
            (&[("authorization", "Basic eA==")], &[tag], false),
        ] {
            let copies = copies(1_000);
            assert!(copies.keep(&place(1, request), copy(answer, 10)).is_some());
            assert!(copies.find(&place(1, request)).is_some(), "{answer:?}");
            assert_eq!(copies.find(&place(2, request)).is_some(), shared, "{request:?} {answer:?}");
            if !request.is_empty() {
                assert!(copies.find(&place(1, &[("cookie", "a=2")])).is_none());
            }
        }
    }

    #[test]
    fn copies_are_bounded_and_the_oldest_goes_first() {
        let tag = [("etag", "\"1\""), ("cache-control", "private")];
        let copies = copies(100);
        assert!(copies.keep(&place(1, &[]), copy(&tag, 101)).is_none());
        for client in 1..=4 {
            assert!(copies.keep(&place(client, &[]), copy(&tag, 40)).is_some());
        }
        let there: Vec<_> = (1..=4).filter(|client| copies.find(&place(*client, &[])).is_some()).collect();
        assert_eq!(there, [3, 4]);
        let none = Copies::new(100, Duration::ZERO, 1_000, 1_000);
        assert!(none.keep(&place(1, &[]), copy(&tag, 1)).is_none(), "nothing is kept where nothing is to be");
    }
}
