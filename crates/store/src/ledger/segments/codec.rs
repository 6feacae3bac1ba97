//! What a segment keeps of its events, as bytes: the values of a column together, repeating ones once, and all of it compressed
//! (zstd, RFC 8878). Every length is bounded, and whatever the bytes are, reading them ends in events or in [`Damage`].

use self::bytes::{Reader, Strings, opened, put_number, put_signed, put_strings, sealed};
use crate::ledger::{Event, LoggedEvent};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

mod bytes;

/// The form of what is written here, the first byte of everything.
const VERSION: u8 = 1;
/// Events of one segment.
pub(super) const MOST_EVENTS: usize = 4_096;
/// Bytes of all texts of a segment's events.
pub(super) const MOST_BYTES: usize = 16 << 20;
/// Bytes of a SHA-256.
const SHA256: usize = 32;
/// Begins what an event was judged by where it is not written by its other fields; JSON has no control characters.
const VERBATIM: char = '\u{1f}';

/// Why bytes of a segment cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage(pub(super) &'static str);

/// Columns whose values repeat, in the order in which they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Gate,
    Direction,
    Person,
    Client,
    Host,
    Domain,
    Kind,
    Class,
    Verdict,
    Policy,
    Codings,
}

impl Column {
    const ALL: [Self; 11] = [
        Self::Gate,
        Self::Direction,
        Self::Person,
        Self::Client,
        Self::Host,
        Self::Domain,
        Self::Kind,
        Self::Class,
        Self::Verdict,
        Self::Policy,
        Self::Codings,
    ];
    /// Those whose values say by [`entry`] whether a segment need be read.
    const LISTED: [Self; 6] = [Self::Gate, Self::Person, Self::Client, Self::Host, Self::Domain, Self::Kind];

    fn of(self, event: &Event) -> &str {
        match self {
            Self::Gate => &event.gate,
            Self::Direction => &event.direction,
            Self::Person => &event.person,
            Self::Client => &event.client,
            Self::Host => &event.host,
            Self::Domain => &event.domain,
            Self::Kind => &event.kind,
            Self::Class => &event.class,
            Self::Verdict => &event.verdict,
            Self::Policy => &event.policy,
            Self::Codings => &event.codings,
        }
    }
}

/// What a segment keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Hashes of the values that its events are filtered by.
    pub(super) entries: Vec<u8>,
    /// Hashes of the samples' SHA-256, one for each event.
    pub(super) hashes: Vec<u8>,
    /// Hashes of references.
    pub(super) quoted: Vec<u8>,
    /// Numbers, times, sizes, and columns whose values repeat.
    pub(super) keys: Vec<u8>,
    /// Everything else.
    pub(super) texts: Vec<u8>,
}

/// How many bytes an event counts for in a segment.
pub(super) fn weight(event: &Event) -> usize {
    let columns: usize = Column::ALL.iter().map(|column| column.of(event).len()).sum();
    let texts = [&event.reference, &event.address, &event.name, &event.sha256, &event.judged];
    columns + texts.iter().map(|text| text.len()).sum::<usize>()
}

/// Encodes events whose numbers rise.
pub(super) fn encode(events: &[LoggedEvent]) -> Result<Encoded, Damage> {
    let weight: usize = events.iter().map(|logged| weight(&logged.event)).sum();
    if events.is_empty() || events.len() > MOST_EVENTS || weight > MOST_BYTES / 2 {
        return Err(Damage("there are too many events for a segment"));
    }
    let each = || events.iter().map(|logged| &logged.event);
    let mut entries = Vec::new();
    for column in Column::LISTED {
        entries.extend(
            each().map(|event| column.of(event)).filter(|value| !value.is_empty()).map(|value| entry(column, value)),
        );
    }
    entries.sort_unstable();
    entries.dedup();
    let hashes = each().map(|event| sample(&event.sha256)).collect();
    let quoted = each().map(|event| hash("reference", &event.reference)).collect();
    Ok(Encoded {
        entries: list(entries),
        hashes: list(hashes),
        quoted: list(quoted),
        keys: keys(events)?,
        texts: texts(events)?,
    })
}

fn keys(events: &[LoggedEvent]) -> Result<Vec<u8>, Damage> {
    let mut plain = Vec::new();
    put_number(&mut plain, events.len() as u64);
    put_steps(&mut plain, events.iter().map(|logged| logged.id));
    put_steps(&mut plain, events.iter().map(|logged| logged.event.at));
    for logged in events {
        put_signed(&mut plain, logged.event.size);
    }
    for column in Column::ALL {
        put_values(&mut plain, &events.iter().map(|logged| column.of(&logged.event)).collect::<Vec<_>>());
    }
    let mut out = vec![VERSION];
    sealed(&mut out, &plain)?;
    Ok(out)
}

fn texts(events: &[LoggedEvent]) -> Result<Vec<u8>, Damage> {
    let each = || events.iter().map(|logged| &logged.event);
    let mut plain = Vec::new();
    let judged: Vec<String> = each().map(template).collect();
    put_values(&mut plain, &judged.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut begun, mut addresses) = (Vec::new(), Vec::new());
    let (mut named, mut names) = (Vec::new(), Vec::new());
    let (mut hashed, mut raw, mut odd) = (Vec::new(), Vec::new(), Vec::new());
    let mut places: HashMap<&str, usize> = HashMap::new();
    for event in each() {
        let (scheme, address) = without_host(event);
        begun.push(scheme);
        addresses.push(address);
        let ends = !event.name.is_empty() && event.address.ends_with(&event.name);
        put_number(&mut named, if ends { event.name.len() as u64 } else { 0 });
        if !ends {
            names.push(event.name.as_str());
        }
        let number = places.len();
        match (places.get(event.sha256.as_str()).copied(), HEXLOWER.decode(event.sha256.as_bytes())) {
            (Some(place), _) => put_number(&mut hashed, (number - place) as u64 + 1),
            (None, Ok(bytes)) if bytes.len() == SHA256 => {
                places.insert(&event.sha256, number);
                raw.extend_from_slice(&bytes);
                put_number(&mut hashed, 0);
            }
            _ => {
                odd.push(event.sha256.as_str());
                put_number(&mut hashed, 1);
            }
        }
    }
    plain.extend_from_slice(&begun);
    put_strings(&mut plain, &addresses);
    plain.extend_from_slice(&named);
    put_strings(&mut plain, &names);
    plain.extend_from_slice(&hashed);
    put_strings(&mut plain, &odd);
    let mut references = Vec::new();
    put_strings(&mut references, &each().map(|event| event.reference.as_str()).collect::<Vec<_>>());
    let mut out = vec![VERSION];
    // Apart from each other, since letters of references and bytes of hashes are as good as random.
    sealed(&mut out, &plain)?;
    sealed(&mut out, &references)?;
    sealed(&mut out, &raw)?;
    Ok(out)
}

/// What a segment's events are found by.
pub(super) struct Keys {
    ids: Vec<i64>,
    times: Vec<i64>,
    sizes: Vec<i64>,
    columns: Vec<Values>,
}

/// A column: its different values, and which of them each row has.
struct Values {
    entries: Strings,
    rows: Vec<u16>,
}

impl Values {
    fn read(reader: &mut Reader<'_>, rows: usize) -> Result<Self, Damage> {
        let entries = reader.strings_at_most(rows)?;
        let number = entries.len();
        let rows: Vec<u16> = match number {
            1 => vec![0; rows],
            2..=256 => reader.take(rows)?.iter().map(|place| u16::from(*place)).collect(),
            _ => {
                let (pairs, _) = reader.take(rows.saturating_mul(2))?.as_chunks::<2>();
                pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect()
            }
        };
        // All of them together are as many bytes as a segment may have.
        let mut bytes = 0_usize;
        for place in &rows {
            let text = entries.get(usize::from(*place)).ok_or(Damage("a value is missing"))?;
            bytes = bytes.saturating_add(text.len());
        }
        if bytes > MOST_BYTES {
            return Err(Damage("its texts are too long"));
        }
        Ok(Self { entries, rows })
    }

    fn get(&self, row: usize) -> Option<&str> {
        self.entries.get(usize::from(*self.rows.get(row)?))
    }

    fn place(&self, value: &str) -> Option<u16> {
        (0..self.entries.len())
            .find(|place| self.entries.get(*place) == Some(value))
            .and_then(|place| u16::try_from(place).ok())
    }
}

impl Keys {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut sections = Reader::new(bytes);
        sections.version(VERSION)?;
        let plain = opened(&mut sections)?;
        let mut reader = Reader::new(&plain);
        let rows = reader.size(MOST_EVENTS)?;
        let ids = steps(&mut reader, rows)?;
        let times = steps(&mut reader, rows)?;
        let sizes = (0..rows).map(|_| reader.signed()).collect::<Result<_, _>>()?;
        let columns = Column::ALL.iter().map(|_| Values::read(&mut reader, rows)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { ids, times, sizes, columns })
    }

    /// Its rows, with numbers and times of the events.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = (usize, i64, i64)> {
        self.ids.iter().zip(&self.times).enumerate().map(|(row, (id, at))| (row, *id, *at))
    }

    /// Rows that have these values.
    pub(super) fn having(&self, wanted: &[(Column, &str)]) -> Vec<bool> {
        let mut fit = vec![true; self.ids.len()];
        for (column, value) in wanted {
            let Some(values) = self.columns.get(*column as usize) else { continue };
            let place = values.place(value);
            for (fit, row) in fit.iter_mut().zip(&values.rows) {
                *fit &= Some(*row) == place;
            }
        }
        fit
    }

    fn text(&self, column: Column, row: usize) -> Result<String, Damage> {
        let text = self.columns.get(column as usize).and_then(|values| values.get(row));
        Ok(text.ok_or(MISSING)?.to_owned())
    }
}

const MISSING: Damage = Damage("a row is missing");

/// Where the SHA-256 of a row is.
#[derive(Debug, Clone, Copy)]
enum Hashed {
    Raw(usize),
    Odd(usize),
}

/// What a segment's events are shown with.
pub(super) struct Texts {
    judged: Values,
    begun: Vec<u8>,
    addresses: Strings,
    /// Bytes of each name at the end of its address; 0 for one of `names`.
    named: Vec<usize>,
    names: Strings,
    hashed: Vec<Hashed>,
    raw: Vec<u8>,
    odd: Strings,
    references: Strings,
    /// Which of `names` each row has.
    places: Vec<usize>,
}

impl Texts {
    pub(super) fn decode(bytes: &[u8], keys: &Keys) -> Result<Self, Damage> {
        let rows = keys.ids.len();
        let mut sections = Reader::new(bytes);
        sections.version(VERSION)?;
        let (plain, references, raw) = (opened(&mut sections)?, opened(&mut sections)?, opened(&mut sections)?);
        sections.end()?;
        let mut reader = Reader::new(&plain);
        let judged = Values::read(&mut reader, rows)?;
        let begun = reader.take(rows)?.to_vec();
        let addresses = reader.strings(rows)?;
        let named: Vec<usize> = (0..rows).map(|_| reader.size(MOST_BYTES)).collect::<Result<_, _>>()?;
        let (mut places, mut number) = (Vec::with_capacity(rows), 0);
        for bytes in &named {
            places.push(number);
            number += usize::from(*bytes == 0);
        }
        let names = reader.strings(number)?;
        let (mut hashed, mut known, mut strange) = (Vec::with_capacity(rows), 0_usize, 0_usize);
        for _ in 0..rows {
            hashed.push(match reader.size(MOST_EVENTS + 1)? {
                0 => {
                    known += 1;
                    Hashed::Raw(known - 1)
                }
                1 => {
                    strange += 1;
                    Hashed::Odd(strange - 1)
                }
                back => Hashed::Raw(known.checked_sub(back - 1).ok_or(Damage("a hash is missing"))?),
            });
        }
        let odd = reader.strings(strange)?;
        reader.end()?;
        let mut reader = Reader::new(&references);
        let references = reader.strings(rows)?;
        reader.end()?;
        if raw.len() != known * SHA256 {
            return Err(Damage("a hash is missing"));
        }
        Ok(Self { judged, begun, addresses, named, names, hashed, raw, odd, references, places })
    }

    pub(super) fn sha256(&self, row: usize) -> Result<String, Damage> {
        match self.hashed.get(row).ok_or(MISSING)? {
            Hashed::Raw(place) => {
                let bytes = place.checked_mul(SHA256).and_then(|from| self.raw.get(from..from.checked_add(SHA256)?));
                Ok(HEXLOWER.encode(bytes.ok_or(MISSING)?))
            }
            Hashed::Odd(place) => Ok(self.odd.get(*place).ok_or(MISSING)?.to_owned()),
        }
    }

    pub(super) fn reference(&self, row: usize) -> Result<&str, Damage> {
        self.references.get(row).ok_or(MISSING)
    }

    /// The event of a row, without what it was judged by. Its report is empty: it was delivered.
    pub(super) fn event(&self, keys: &Keys, row: usize) -> Result<LoggedEvent, Damage> {
        let host = keys.text(Column::Host, row)?;
        let rest = self.addresses.get(row).ok_or(MISSING)?;
        let address = match self.begun.get(row).ok_or(MISSING)? {
            0 => rest.to_owned(),
            1 => format!("https://{host}{rest}"),
            2 => format!("http://{host}{rest}"),
            _ => return Err(Damage("an address begins with something unknown")),
        };
        let name = match *self.named.get(row).ok_or(MISSING)? {
            0 => self.names.get(*self.places.get(row).ok_or(MISSING)?).ok_or(MISSING)?.to_owned(),
            bytes => {
                let name = address.len().checked_sub(bytes).and_then(|from| address.get(from..));
                name.ok_or(Damage("a name is not in its address"))?.to_owned()
            }
        };
        let event = Event {
            at: *keys.times.get(row).ok_or(MISSING)?,
            reference: self.reference(row)?.to_owned(),
            gate: keys.text(Column::Gate, row)?,
            direction: keys.text(Column::Direction, row)?,
            person: keys.text(Column::Person, row)?,
            client: keys.text(Column::Client, row)?,
            host,
            domain: keys.text(Column::Domain, row)?,
            address,
            name,
            sha256: self.sha256(row)?,
            size: *keys.sizes.get(row).ok_or(MISSING)?,
            kind: keys.text(Column::Kind, row)?,
            class: keys.text(Column::Class, row)?,
            verdict: keys.text(Column::Verdict, row)?,
            decision: super::DELIVERED.to_owned(),
            policy: keys.text(Column::Policy, row)?,
            codings: keys.text(Column::Codings, row)?,
            ..Event::default()
        };
        Ok(LoggedEvent { id: *keys.ids.get(row).ok_or(MISSING)?, event })
    }

    /// What the event of a row was judged by.
    pub(super) fn judged(&self, row: usize, event: &Event) -> Result<String, Damage> {
        let text = self.judged.get(row).ok_or(MISSING)?;
        if let Some(verbatim) = text.strip_prefix(VERBATIM) {
            return Ok(verbatim.to_owned());
        }
        let (fields, size) = (fields(event), event.size.to_string());
        let mut out = String::with_capacity(text.len() * 2);
        for letter in text.chars() {
            match letter {
                SIZE => out.push_str(&size),
                letter if letter < ' ' => {
                    let field = fields.iter().find(|(mark, _)| *mark == letter);
                    out.push_str(field.ok_or(Damage("a field is unknown"))?.1);
                }
                letter => out.push(letter),
            }
            if out.len() > MOST_BYTES {
                return Err(Damage("its texts are too long"));
            }
        }
        Ok(out)
    }
}

/// Stands for an event's size in what it was judged by.
const SIZE: char = '\u{8}';

/// Fields of an event that are repeated in what it was judged by, each with what stands for it there.
fn fields(event: &Event) -> [(char, &str); 7] {
    [
        ('\u{1}', &event.host),
        ('\u{2}', &event.domain),
        ('\u{3}', &event.client),
        ('\u{4}', &event.person),
        ('\u{5}', &event.name),
        ('\u{6}', &event.kind),
        ('\u{7}', &event.class),
    ]
}

/// What an event was judged by, without what its other fields say already: so written, it is the same for many.
fn template(event: &Event) -> String {
    let is_plain = |text: &str| !text.contains(|letter: char| letter < ' ');
    if !is_plain(&event.judged) {
        return format!("{VERBATIM}{}", event.judged);
    }
    let mut text = event.judged.clone();
    for (mark, value) in fields(event) {
        if !value.is_empty() && is_plain(value) {
            text = text.replace(&format!("\"{value}\""), &format!("\"{mark}\""));
        }
    }
    text.replace(&format!("\"size\":{}", event.size), &format!("\"size\":{SIZE}"))
}

/// How an address begins, and the rest of it behind the host.
fn without_host(event: &Event) -> (u8, &str) {
    for (begun, scheme) in [(1, "https://"), (2, "http://")] {
        let rest = event.address.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(event.host.as_str()));
        if let Some(rest) = rest {
            return (begun, rest);
        }
    }
    (0, &event.address)
}

/// Numbers, each as its difference from the one before.
fn put_steps(out: &mut Vec<u8>, numbers: impl Iterator<Item = i64>) {
    let mut before = 0_i64;
    for number in numbers {
        put_signed(out, number.wrapping_sub(before));
        before = number;
    }
}

fn steps(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<i64>, Damage> {
    let mut before = 0_i64;
    let mut step = || -> Result<i64, Damage> {
        before = before.wrapping_add(reader.signed()?);
        Ok(before)
    };
    (0..rows).map(|_| step()).collect()
}

/// A column: its different values, and which of them each row has.
fn put_values(out: &mut Vec<u8>, values: &[&str]) {
    let (mut places, mut entries): (HashMap<&str, usize>, Vec<&str>) = Default::default();
    let rows: Vec<usize> = values
        .iter()
        .map(|&value| {
            *places.entry(value).or_insert_with(|| {
                entries.push(value);
                entries.len() - 1
            })
        })
        .collect();
    put_number(out, entries.len() as u64);
    put_strings(out, &entries);
    for place in rows {
        // A place is below `MOST_EVENTS`.
        let [low, high] = u16::try_from(place).unwrap_or(u16::MAX).to_le_bytes();
        match entries.len() {
            1 => {}
            2..=256 => out.push(low),
            _ => out.extend_from_slice(&[low, high]),
        }
    }
}

/// By what a segment is known to have a value in a column, or not to.
pub(super) fn entry(column: Column, value: &str) -> [u8; 4] {
    hash(column_name(column), value)
}

fn column_name(column: Column) -> &'static str {
    match column {
        Column::Gate => "gate",
        Column::Person => "person",
        Column::Client => "client",
        Column::Host => "host",
        Column::Domain => "domain",
        Column::Kind => "kind",
        _ => "",
    }
}

/// The beginning of a hash that is the same in every process: enough to tell most values apart, and to look for the rest.
pub(super) fn hash(column: &str, value: &str) -> [u8; 4] {
    beginning(column, value)
}

/// The same of a sample. How often one was seen is told by it alone, and whoever makes a file must not be able to choose one that counts
/// as another, which takes minutes with 32 bits.
pub(super) fn sample(sha256: &str) -> [u8; 8] {
    beginning("sha256", sha256)
}

fn beginning<const N: usize>(column: &str, value: &str) -> [u8; N] {
    let digest = Sha256::new().chain_update(column).chain_update([0_u8]).chain_update(value).finalize();
    digest.first_chunk().copied().unwrap_or([0; N])
}

/// Hashes in their order.
fn list<const N: usize>(mut hashes: Vec<[u8; N]>) -> Vec<u8> {
    hashes.sort_unstable();
    std::iter::once(VERSION).chain(hashes.into_iter().flatten()).collect()
}

/// How often a hash is in a list of as long ones.
pub(super) fn times<const N: usize>(list: &[u8], hash: &[u8; N]) -> usize {
    let (hashes, _) = list.get(1..).unwrap_or_default().as_chunks::<N>();
    let start = hashes.partition_point(|other| other < hash);
    hashes.iter().skip(start).take_while(|other| *other == hash).count()
}

#[cfg(test)]
mod tests;
