//! Objects of R ("R Internals", 1.8): what is called by itself when a workspace is restored or left, and code that runs as soon as a
//! value is asked for.
//!
//! Functions in data are every day's: only those that R calls by their names, promises that nobody asked for yet and bindings that are
//! computed are looked at, and only beside functions that start a program or fetch something.

use crate::Findings;
use crate::text::cut;
use lazaret_model::{Family, Finding, Part, Severity};
use memchr::memmem;

/// Functions that R calls when it is started in the folder of a workspace, and when it is left (`?Startup`).
const STARTS: [&str; 4] = [".First", ".Last", ".First.sys", ".Last.sys"];
/// Functions that reach the system, or the network for something that runs.
const REACHES: [&str; 10] = [
    "system",
    "system2",
    "shell",
    "shell.exec",
    "download.file",
    "pipe",
    "socketConnection",
    "dyn.load",
    "source",
    "url",
];
/// Those of them that arguments, columns and variables are called as well: only where they are called they count.
const WORDS: [&str; 4] = ["shell", "pipe", "source", "url"];
/// Functions by which others are called that are only named in a text.
const HIDES: [&str; 7] = ["eval", "parse", "do.call", "get", "match.fun", "unserialize", "sys.source"];
/// How a promise without a value continues: no value (252), and a call (6) or its compiled form (21).
const UNFORCED: [[u8; 4]; 2] = [[0, 0, 0, 252], [252, 0, 0, 0]];

/// Whether a part is data of R, which may be lines of digits without a mark.
pub(super) fn are_in(part: &Part) -> bool {
    part.is("r-data") || part.is("text") && matches!(&*part.extension(), "rds" | "rda" | "rdata")
}

/// Looks for code in data of R that runs by itself.
pub(super) fn judge(bytes: &[u8], id: &'static str, findings: &mut Findings) {
    if !findings.step(16 * bytes.len() as u64) {
        return;
    }
    let starts = STARTS.into_iter().find(|name| has_symbol(bytes, name, false));
    let what = starts.or_else(|| is_lazy(bytes).then_some("a value that is computed when it is asked for"));
    let Some(what) = what else { return };
    let hides = if starts.is_some() { &HIDES[..] } else { &[] };
    let mut reaching = REACHES.iter().chain(hides);
    let Some(called) = reaching.find(|name| has_symbol(bytes, name, WORDS.contains(name))) else { return };
    let message = "the data brings code along that R runs by itself, and that may start programs";
    let finding = Finding::new("hooks.model-code", id, Severity::Medium, Family::Behaviour, message);
    let finding = finding.with("value", cut(&format!("{what}: {called}()")));
    findings.add(finding.technique("T1204.002").technique("T1059"));
}

/// Whether the data has a symbol of this name: its type (1), that of its letters (9) and their number stand before it, in either order
/// of bytes or as lines of digits. If it has to be called, it is so where it is written first; what refers to that is a number.
fn has_symbol(bytes: &[u8], name: &str, called: bool) -> bool {
    // The head of a call (6), or of one that is kept beside its compiled form: without a tag (254), and behind a zero.
    let heads = |[kind, tag, flags]: [Option<u32>; 3]| {
        !called || flags.is_some_and(|flags| flags & 0xff == 6) || [kind, tag, flags] == [Some(6), Some(254), Some(0)]
    };
    memmem::find_iter(bytes, name.as_bytes()).any(|at| {
        let before = bytes.get(..at).unwrap_or_default();
        let numbers = before.last_chunk::<12>().map(|twelve| twelve.as_chunks::<4>().0);
        let is = |read: fn([u8; 4]) -> u32| {
            let Some([symbol, letters, length]) = numbers else { return false };
            let length = usize::try_from(read(*length)).ok();
            let number = |back: usize| {
                let end = before.len().checked_sub(12 + 4 * back)?;
                Some(read(*before.get(..end)?.last_chunk::<4>()?))
            };
            read(*symbol) == 1
                && read(*letters) & 0xff == 9
                && length == Some(name.len())
                && heads([number(2), number(1), number(0)])
        };
        let lines = || {
            let mut lines = before.strip_suffix(b"\n").unwrap_or_default().rsplit(|byte| *byte == b'\n');
            let mut number =
                || lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse::<u32>().ok());
            let (length, letters, symbol) = (number(), number(), number());
            let (flags, tag, kind) = (number(), number(), number());
            let whole = bytes.get(at + name.len()..).is_none_or(|rest| rest.is_empty() || rest.starts_with(b"\n"));
            whole
                && symbol == Some(1)
                && letters.is_some_and(|flags| flags & 0xff == 9)
                && length.and_then(|length| usize::try_from(length).ok()) == Some(name.len())
                && heads([kind, tag, flags])
        };
        is(u32::from_be_bytes) || is(u32::from_le_bytes) || lines()
    })
}

/// Whether the data has a promise that nobody asked for yet, or a binding that is computed.
fn is_lazy(bytes: &[u8]) -> bool {
    let is_code = |flags: u32| matches!(flags & 0xff, 6 | 21) && flags < 1 << 28;
    let follows = |at: usize, read: fn([u8; 4]) -> u32| {
        let flags = bytes.get(at + 4..).and_then(|rest| rest.first_chunk::<4>());
        flags.is_some_and(|flags| is_code(read(*flags)))
    };
    let [big, little] = UNFORCED;
    memmem::find_iter(bytes, &big).any(|at| follows(at, u32::from_be_bytes))
        || memmem::find_iter(bytes, &little).any(|at| follows(at, u32::from_le_bytes))
        || memmem::find_iter(bytes, b"\n252\n").any(|at| {
            let line = bytes.get(at + 5..).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
            let flags = line.and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok());
            flags.is_some_and(is_code)
        })
        // A pair (2) with a tag (bit 10), which is a symbol (1), and the mark of a computed binding (bit 27).
        || memmem::find_iter(bytes, b"\x08\0\x04\x02\0\0\0\x01").next().is_some()
        || memmem::find_iter(bytes, b"\x02\x04\0\x08\x01\0\0\0").next().is_some()
}

#[cfg(test)]
mod tests {
    use super::super::Hooks;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    fn symbol(name: &str) -> Vec<u8> {
        let length = (name.len() as u32).to_be_bytes();
        [&[0, 0, 0, 1, 0, 4, 0, 9][..], &length, name.as_bytes()].concat()
    }

    #[track_caller]
    fn check(pieces: &[&[u8]], found: bool) {
        let mut part = part("a.RData", "r-data", Class::Data);
        let head: &[u8] = b"RDX3\nX\n\0\0\0\x03";
        let bytes = [&[head][..], pieces].concat().concat();
        part.size = bytes.len() as u64;
        let expected: &[&str] = if found { &["hooks.model-code"] } else { &[] };
        assert_eq!(ids(&Hooks, &part, &bytes), expected, "{pieces:?}");
    }

    #[test]
    fn code_that_runs_by_itself_in_data_of_r_is_found() {
        let (pair, closure) = (&[0, 0, 4, 2][..], &[0, 0, 4, 3][..]);
        let call = &[0, 0, 0, 6][..];
        for name in [".First", ".Last", ".First.sys"] {
            check(&[pair, &symbol(name), closure, call, &symbol("system")], true);
            check(&[pair, &symbol(name), closure, call, &symbol("eval"), call, &symbol("parse")], true);
            check(&[pair, &symbol(name), closure, call, &symbol("options")], false);
        }
        // Functions that people keep, and texts.
        check(&[pair, &symbol("run"), closure, call, &symbol("system")], false);
        check(&[&[0, 4, 0, 9, 0, 0, 0, 6], b".First", call, &symbol("system")], false);
        check(&[pair, &symbol(".First"), closure, &[0, 4, 0, 9, 0, 0, 0, 6], b"system"], false);
        let promise = &[0, 0, 4, 5, 0, 0, 0, 253, 0, 0, 0, 252][..];
        check(&[pair, &symbol("a"), promise, call, &symbol("system")], true);
        check(&[pair, &symbol("a"), promise, call, &symbol("mean")], false);
        check(&[pair, &symbol("a"), promise, &[0, 0, 0, 14], call, &symbol("system")], false);
        // What is no more than a name of something, and what is called.
        for name in ["url", "source"] {
            check(&[pair, &symbol(name), promise, call, &symbol("mean")], false);
            check(&[pair, &symbol("a"), promise, call, &symbol(name)], true);
            let compiled = &[0, 0, 0, 6, 0, 0, 0, 254, 0, 0, 0, 0][..];
            check(&[pair, &symbol("a"), promise, call, &symbol("f"), compiled, &symbol(name)], true);
            let argument = &[0, 0, 0, 2, 0, 0, 0, 254, 0, 0, 0, 0][..];
            check(&[pair, &symbol("a"), promise, call, &symbol("f"), argument, &symbol(name)], false);
        }
        check(&[b"\n1026\n1\n262153\n6\n.First\n1027\n6\n1\n262153\n3\nurl\n"], true);
        check(&[b"\n1026\n1\n262153\n6\n.First\n1026\n1\n262153\n3\nurl\n"], false);
        check(&[&[8, 0, 4, 2], &symbol("a"), closure, call, &symbol("system2")], true);
        check(&[&[8, 0, 4, 2], &symbol("a"), closure, call, &symbol("sum")], false);
        check(&[b"\n1026\n1\n262153\n6\n.First\n1027\n6\n1\n262153\n6\nsystem\n"], true);
        check(&[b"\n1026\n1\n262153\n6\n.First\n1027\n6\n1\n262153\n3\nsum\n"], false);
    }
}
