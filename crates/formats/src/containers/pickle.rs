//! Pickles of Python (`pickletools.py`, protocols 0 to 5): what is imported when they are loaded, as one part with a name a line.
//!
//! Nothing is run. Opcodes are followed as far as it takes to know which module and name an import is of: through the memo, and
//! through strings that stand before other values. What would be computed is said to be. NumPy's own format (NEP 1) may have a
//! pickle behind its header.

use crate::{Content, ContentReader, Format, Member, OpenError, Parts, identify};
use lazaret_model::{Bounded, Role};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Read, Seek, SeekFrom};

/// Values that are held at once: those on the stack, and those that are remembered.
const MOST_VALUES: usize = if cfg!(test) { 1 << 12 } else { 1 << 21 };
/// Different imports.
const MOST_IMPORTS: usize = 10_000;
/// Bytes of a name; longer ones are of no module.
const MOST_NAME: u64 = 400;
/// Bytes of a line; nothing that a line holds is longer, but numbers may be.
const MOST_LINE: u64 = 1 << 20;
/// Pickles one behind the other, as PyTorch wrote them before it took to ZIP.
const MOST_PICKLES: usize = 64;
/// Bytes of a NumPy header that are read.
const MOST_HEADER: usize = 1 << 20;
/// What stands for an import of which the name is put together while loading.
const COMPUTED: &str = "(computed)";

/// Opens pickles, and arrays that hold one.
pub(super) struct Pickle;

impl Format for Pickle {
    fn id(&self) -> &'static str {
        "pickle"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["pickle", "numpy", "text"]
    }

    fn summary(&self) -> &'static str {
        "what a pickle of Python imports when it is loaded; the pickle behind the header of a NumPy array of objects"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if parts.part().is("numpy") {
            return array(input, parts);
        }
        // The oldest form is text, and known by its name alone.
        let named = parts.part().extension();
        if !parts.part().is("pickle") && !matches!(&*named, "pkl" | "pickle" | "joblib") {
            return Ok(());
        }
        let mut imports = Imports { list: Bounded::new("imports", MOST_IMPORTS), seen: HashSet::new() };
        let mut start = 0;
        for count in 0.. {
            if count >= MOST_PICKLES {
                parts.incomplete(format!("it has more than {MOST_PICKLES} pickles, and only so many are looked at"));
                break;
            }
            let mut machine = Machine::new(input, start, &mut imports)?;
            if let Err(stop) = machine.run(parts) {
                // Joblib puts the bytes of arrays between opcodes.
                if !machine.has_raw_arrays {
                    parts.incomplete(stop.reason()?);
                }
                break;
            }
            start = machine.at;
            // Only what begins as one of protocol 2 or later is taken for a further pickle.
            if !matches!(&*input.window(start, 2)?, [0x80, 2..=5]) {
                break;
            }
        }
        let (imports, overflow) = imports.list.into_parts();
        if let Some(reason) = overflow {
            parts.incomplete(reason);
        }
        if imports.is_empty() {
            return Ok(());
        }
        let member = Member::unnamed(Role::Script, "imports").of_kind("pickle-imports");
        parts.add_content(member, Content::from(imports.join("\n").into_bytes()))
    }
}

/// NEP 1: `\x93NUMPY`, version, length of a header, which is a dictionary of Python; objects are pickled behind it.
fn array(input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let head = input.window(0, 12)?.into_owned();
    let (start, length) = match head.get(6..) {
        Some([1, _, low, high, ..]) => (10, u64::from(u16::from_le_bytes([*low, *high]))),
        Some([2..=u8::MAX, _, a, b, c, d, ..]) => (12, u64::from(u32::from_le_bytes([*a, *b, *c, *d]))),
        _ => return Err(OpenError::malformed("the header of the array ends early", 0)),
    };
    let header = input.window(start, usize::try_from(length).unwrap_or(usize::MAX).min(MOST_HEADER))?;
    if length > MOST_HEADER as u64 {
        parts.incomplete(format!("more than {MOST_HEADER} bytes of the header of the array are not read"));
    }
    let data = input.slice(start.saturating_add(length), u64::MAX);
    let objects = has_objects(&header);
    // Numbers may begin so by chance.
    let pickled = matches!(&*data.window(0, 2)?, [0x80, 2..=5]) && identify(&data)?.kind.id == "pickle";
    if (objects || pickled) && !data.is_empty() {
        let member = Member::unnamed(Role::Embedded, "objects");
        let member = if objects { member.of_kind("pickle") } else { member };
        parts.add_content(member, data)?;
    }
    Ok(())
}

/// Whether the type that a header describes, or one in it, is of objects: `O`, with or without a byte order and a size. What stands
/// behind a bracket is a field's name.
fn has_objects(header: &[u8]) -> bool {
    let quote = |byte: Option<&u8>| matches!(byte, Some(b'\'' | b'"'));
    let mut letters = memchr::memchr_iter(b'O', header);
    let is_type = letters.any(|at| {
        let before = header.get(..at).unwrap_or_default();
        let before = match before.split_last() {
            Some((b'|' | b'<' | b'>' | b'=', rest)) => rest,
            _ => before,
        };
        let Some((last, before)) = before.split_last() else { return false };
        let next = header.get(at.saturating_add(1));
        quote(Some(last))
            && matches!(before.trim_ascii_end().last(), Some(b',' | b':'))
            && (quote(next) || next.is_some_and(u8::is_ascii_digit))
    });
    is_type || memchr::memmem::find(header, b"object").is_some()
}

/// Imports, each once.
struct Imports {
    list: Bounded<String>,
    seen: HashSet<String>,
}

impl Imports {
    fn add(&mut self, import: String) {
        if self.seen.contains(&import) {
            return;
        }
        if self.list.push(import.clone()) {
            self.seen.insert(import);
        }
    }
}

/// A value, as far as it matters for imports.
#[derive(Clone, Copy)]
enum Value {
    Mark,
    /// A string: where its bytes stand.
    Text {
        at: u64,
        len: u16,
    },
    /// The class of joblib that announces bytes of an array.
    RawArray,
    Other,
}

/// Why a pickle could not be followed to its end.
enum Stop {
    Broken(&'static str, u64),
    Full,
    Error(OpenError),
}

impl Stop {
    fn reason(self) -> Result<String, OpenError> {
        match self {
            Self::Broken(what, at) => Ok(format!("the pickle cannot be followed to its end: {what} at offset {at}")),
            Self::Full => {
                Ok(format!("the pickle holds more than {MOST_VALUES} values at once, and is not followed further"))
            }
            Self::Error(error) => Err(error),
        }
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Error(error.into())
    }
}

struct Machine<'m> {
    content: &'m Content,
    reader: ContentReader,
    /// Where the next opcode stands.
    at: u64,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    imports: &'m mut Imports,
    has_raw_arrays: bool,
}

impl<'m> Machine<'m> {
    fn new(content: &'m Content, start: u64, imports: &'m mut Imports) -> Result<Self, OpenError> {
        let mut reader = content.reader();
        reader.seek(SeekFrom::Start(start))?;
        let (stack, memo) = (Vec::new(), HashMap::new());
        Ok(Self { content, reader, at: start, stack, memo, imports, has_raw_arrays: false })
    }

    /// Follows opcodes up to the one that stops.
    fn run(&mut self, parts: &mut Parts<'_, '_>) -> Result<(), Stop> {
        let mut steps = 0_u32;
        loop {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(4096) {
                parts.budget().check_time().map_err(|limit| Stop::Error(OpenError::Limit(limit)))?;
            }
            let [opcode] = self.bytes()?;
            if opcode == b'.' {
                return Ok(());
            }
            self.step(opcode)?;
            if self.stack.len() > MOST_VALUES || self.memo.len() > MOST_VALUES {
                return Err(Stop::Full);
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            // MARK; what takes everything down to one: POP_MARK, TUPLE, LIST, DICT, APPENDS, SETITEMS, ADDITEMS, FROZENSET, OBJ.
            b'(' => self.stack.push(Value::Mark),
            b'1' | b'e' | b'u' | 0x90 => self.pop_mark(),
            b't' | b'l' | b'd' | 0x91 | b'o' => {
                self.pop_mark();
                self.push(Value::Other);
            }
            // POP, APPEND, BUILD; SETITEM.
            b'0' | b'a' | b'b' => self.pop(1),
            b's' => self.pop(2),
            // DUP.
            b'2' => {
                let top = self.stack.last().copied().unwrap_or(Value::Other);
                self.push(top);
            }
            // Numbers and texts as lines: FLOAT, INT, LONG; PERSID.
            b'F' | b'I' | b'L' | b'P' => {
                self.line()?;
                self.push(Value::Other);
            }
            // STRING, in quotes, and UNICODE.
            b'S' => {
                let (at, len) = self.line()?;
                self.text(at.saturating_add(1), len.saturating_sub(2));
            }
            b'V' => {
                let (at, len) = self.line()?;
                self.text(at, len);
            }
            // BININT, BININT1, BININT2, BINFLOAT; NONE, NEWTRUE, NEWFALSE, EMPTY_*, NEXT_BUFFER.
            b'J' => self.skip_and_push(4)?,
            b'K' => self.skip_and_push(1)?,
            b'M' => self.skip_and_push(2)?,
            b'G' => self.skip_and_push(8)?,
            b'N' | 0x88 | 0x89 | b'}' | b']' | b')' | 0x8f | 0x97 => self.push(Value::Other),
            // BINPERSID, TUPLE1, READONLY_BUFFER take one value and give one.
            b'Q' | 0x85 | 0x98 => self.replace(1),
            b'R' | 0x81 | 0x86 => self.reduce(2),
            0x87 => self.replace(3),
            0x92 => self.reduce(3),
            // Strings and bytes with their length: SHORT_BINSTRING, BINSTRING, BINBYTES, BINUNICODE and others.
            b'U' | 0x8c => {
                let len = self.number::<1>()?;
                self.read_text(len)?;
            }
            b'T' | b'X' => {
                let len = self.number::<4>()?;
                self.read_text(len)?;
            }
            0x8d => {
                let len = self.number::<8>()?;
                self.read_text(len)?;
            }
            b'C' | 0x8a => {
                let len = self.number::<1>()?;
                self.skip_and_push(len)?;
            }
            b'B' | 0x8b => {
                let len = self.number::<4>()?;
                self.skip_and_push(len)?;
            }
            0x8e | 0x96 => {
                let len = self.number::<8>()?;
                self.skip_and_push(len)?;
            }
            // GLOBAL and INST: module and name, a line each.
            b'c' | b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let value = self.import(Some(module), Some(name))?;
                if opcode == b'i' {
                    self.pop_mark();
                }
                self.push(if opcode == b'i' { Value::Other } else { value });
            }
            // STACK_GLOBAL: two strings.
            0x93 => {
                let (name, module) = (self.stack.pop(), self.stack.pop());
                let text =
                    |value| if let Some(Value::Text { at, len }) = value { Some((at, u64::from(len))) } else { None };
                let value = self.import(text(module), text(name))?;
                self.push(value);
            }
            // EXT1, EXT2, EXT4: a number that a program has registered.
            0x82 => self.extension::<1>()?,
            0x83 => self.extension::<2>()?,
            0x84 => self.extension::<4>()?,
            // PUT, BINPUT, LONG_BINPUT, MEMOIZE; GET, BINGET, LONG_BINGET.
            b'p' => {
                let key = self.decimal()?;
                self.keep(key);
            }
            b'q' => {
                let key = self.number::<1>()?;
                self.keep(key);
            }
            b'r' => {
                let key = self.number::<4>()?;
                self.keep(key);
            }
            0x94 => self.keep(self.memo.len() as u64),
            b'g' => {
                let key = self.decimal()?;
                self.fetch(key);
            }
            b'h' => {
                let key = self.number::<1>()?;
                self.fetch(key);
            }
            b'j' => {
                let key = self.number::<4>()?;
                self.fetch(key);
            }
            // PROTO and FRAME.
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,
            _ => return Err(Stop::Broken("there is no such opcode", self.at.saturating_sub(1))),
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Stop::Broken("it ends early", self.at),
            _ => Stop::from(error),
        })?;
        self.at = self.at.saturating_add(N as u64);
        Ok(bytes)
    }

    /// A number of so many bytes, least significant first.
    fn number<const N: usize>(&mut self) -> Result<u64, Stop> {
        let bytes = self.bytes::<N>()?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn skip(&mut self, len: u64) -> Result<(), Stop> {
        let next = self.at.checked_add(len).filter(|next| *next <= self.content.len());
        let Some(next) = next else { return Err(Stop::Broken("it ends early", self.at)) };
        self.reader.seek(SeekFrom::Start(next))?;
        self.at = next;
        Ok(())
    }

    fn skip_and_push(&mut self, len: u64) -> Result<(), Stop> {
        self.skip(len)?;
        self.push(Value::Other);
        Ok(())
    }

    /// Where a line begins and how long it is, without its end.
    fn line(&mut self) -> Result<(u64, u64), Stop> {
        let start = self.at;
        let mut line = Vec::new();
        self.reader.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(Stop::Broken("a line has no end", start));
        }
        let len = line.len() as u64;
        self.at = start.saturating_add(len).saturating_add(1);
        Ok((start, len - u64::from(line.last() == Some(&b'\r'))))
    }

    /// The number that a line holds.
    fn decimal(&mut self) -> Result<u64, Stop> {
        let (at, len) = self.line()?;
        let text = self.content.window(at, usize::try_from(len.min(20)).unwrap_or(20))?;
        let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
        number.ok_or(Stop::Broken("a place in the memo is no number", at))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self, count: usize) {
        // LIMIT: a stack that is popped.
        self.stack.truncate(self.stack.len().saturating_sub(count));
    }

    fn pop_mark(&mut self) {
        while self.stack.pop().is_some_and(|value| !matches!(value, Value::Mark)) {}
    }

    fn replace(&mut self, count: usize) {
        self.pop(count);
        self.push(Value::Other);
    }

    /// A call: the result is unknown, but where joblib is called the bytes of an array follow.
    fn reduce(&mut self, count: usize) {
        let called = self.stack.len().checked_sub(count).and_then(|at| self.stack.get(at));
        self.has_raw_arrays |= matches!(called, Some(Value::RawArray));
        self.replace(count);
    }

    fn text(&mut self, at: u64, len: u64) {
        // LIMIT: a longer text names no module, and what is imported by it is told as computed.
        let len = u16::try_from(len).ok().filter(|len| u64::from(*len) <= MOST_NAME);
        self.push(len.map_or(Value::Other, |len| Value::Text { at, len }));
    }

    fn read_text(&mut self, len: u64) -> Result<(), Stop> {
        let at = self.at;
        self.skip(len)?;
        self.text(at, len);
        Ok(())
    }

    fn keep(&mut self, key: u64) {
        let value = self.stack.last().copied().unwrap_or(Value::Other);
        // Python's own numbers are smaller; what is fetched by a larger one is nothing that is known.
        if let Ok(key) = u32::try_from(key) {
            self.memo.insert(key, value);
        }
    }

    fn fetch(&mut self, key: u64) {
        let value = u32::try_from(key).ok().and_then(|key| self.memo.get(&key)).copied();
        self.push(value.unwrap_or(Value::Other));
    }

    fn extension<const N: usize>(&mut self) -> Result<(), Stop> {
        let number = self.number::<N>()?;
        self.imports.add(format!("(extension) {number}"));
        self.push(Value::Other);
        Ok(())
    }

    /// Notes an import of which module and name stand at these places.
    fn import(&mut self, module: Option<(u64, u64)>, name: Option<(u64, u64)>) -> Result<Value, Stop> {
        let (module, name) = (self.identifier(module)?, self.identifier(name)?);
        let import = match (module, name) {
            (Some(module), Some(name)) => format!("{module} {name}"),
            _ => COMPUTED.to_owned(),
        };
        let raw = import.starts_with("joblib.numpy_pickle ");
        self.imports.add(import);
        Ok(if raw { Value::RawArray } else { Value::Other })
    }

    /// The name that stands somewhere, if it is one: letters, digits and dots.
    fn identifier(&self, place: Option<(u64, u64)>) -> Result<Option<String>, Stop> {
        // LIMIT: as above.
        let Some((at, len)) = place.filter(|(_, len)| (1..=MOST_NAME).contains(len)) else { return Ok(None) };
        let text = self.content.window(at, usize::try_from(len).unwrap_or(0))?;
        let plain = text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'<' | b'>'));
        Ok(plain.then(|| text.iter().map(|byte| char::from(*byte)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk, walk_with};
    use lazaret_model::Limits;

    fn check(bytes: &[u8]) -> Recorded {
        walk_with(bytes, "model.pkl", Some("pickle"), &[], Limits::default())
    }

    #[test]
    fn imports_are_followed_through_memo_and_stack() {
        for (bytes, expected) in [
            (&b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04echo\x94\x85\x94R."[..], "posix system"),
            (b"\x80\x02cos\nsystem\nq\x00X\x04\0\0\0echoq\x01\x85q\x02R.", "os system"),
            // The strings are kept, dropped, and fetched much later.
            (b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940(NN1h\x00h\x01\x93)R.", "posix system"),
            (b"(S'echo'\nios\nsystem\n.", "os system"),
            (b"\x80\x02X\x02\0\0\0osp5\n0Vsystem\np6\n0g5\ng6\n\x93.", "os system"),
            // A module's name that a call gives.
            (b"\x80\x04cbuiltins\nstr\n)R\x8c\x06system\x93.", "builtins str\n(computed)"),
            (b"\x80\x02\x82\x07.", "(extension) 7"),
            // PyTorch's old form: several, one behind the other.
            (b"\x80\x02K\x01.\x80\x02cos\nsystem\n.raw", "os system"),
        ] {
            let found = check(bytes);
            assert_eq!(String::from_utf8_lossy(found.bytes("//imports")), expected, "{bytes:?}");
            assert!(found.complete(), "{bytes:?} {:?}", found.parts[0].incomplete);
        }
        let oldest = walk(&b"cos\nsystem\n(S'echo'\ntR."[..], "model.pkl");
        assert_eq!(oldest.bytes("//imports"), b"os system");
        let plain = check(b"\x80\x04\x95\x07\0\0\0\0\0\0\0]\x94(K\x01e.");
        assert!(plain.parts.len() == 1 && plain.complete());
    }

    #[test]
    fn what_cannot_be_followed_is_said() {
        for bytes in [&b"\x80\x04\xff."[..], b"\x80\x04X\xff\xff\xff\x7fos.", b"\x80\x02cos\nsys"] {
            assert!(!check(bytes).complete(), "{bytes:?}");
        }
        let deep = [&b"\x80\x02"[..], &b"N".repeat(super::MOST_VALUES + 1), b"."].concat();
        assert!(!check(&deep).complete());
    }

    #[test]
    fn raw_arrays_of_joblib_are_no_fault() {
        let bytes =
            b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\x00)\x81q\x01}b\xff\xfe\xfd raw bytes of an array.";
        let found = check(bytes);
        assert_eq!(found.bytes("//imports"), b"joblib.numpy_pickle NumpyArrayWrapper");
        assert!(found.complete());
    }

    #[test]
    fn arrays_of_objects_hold_a_pickle() {
        let array = |kind: &str, data: &[u8]| {
            let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (1,), }}\n");
            let length = (header.len() as u16).to_le_bytes();
            [&b"\x93NUMPY\x01\0"[..], &length, header.as_bytes(), data].concat()
        };
        let found = walk(array("|O", b"\x80\x04cos\nsystem\n."), "a.npy");
        assert_eq!(found.bytes("//objects//imports"), b"os system");
        let honest = walk(array("<f8", &[0; 8]), "a.npy");
        assert!(honest.parts.len() == 1 && honest.complete());
    }
}
