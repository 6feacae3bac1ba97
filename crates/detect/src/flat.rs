//! Settings as names and values: JSON with comments, YAML, TOML and sections, each told to its caller one value at a time.
//!
//! Editors forgive: comments, trailing commas, a mark at the beginning, escapes in names, names that come twice. So does this,
//! since what an editor reads over must not hide what it then runs.

use std::collections::HashMap;
use std::rc::Rc;

/// Names that lead to a value, from the outside in; places in a list are `*`.
pub(crate) type Path = [String];

/// Names inside each other beyond which a value is passed over: nothing that reads settings nests as deep.
const MOST_DEPTH: usize = 64;

/// Tells `each` every value of JSON with comments (`jsonc`), as written and with escapes resolved.
pub(crate) fn json(text: &str, each: &mut dyn FnMut(&Path, &str)) {
    let mut reader = Json { rest: text.trim_start_matches('\u{feff}'), path: Vec::new(), open: Vec::new(), deeper: 0 };
    reader.read(each);
}

/// Reads on whatever comes: what makes no sense is passed over, as editors do.
struct Json<'j> {
    rest: &'j str,
    path: Vec<String>,
    /// What is open, each with whether it is an object, and whether its name is on the path.
    open: Vec<(bool, bool)>,
    /// Levels beyond the deepest that is followed.
    deeper: usize,
}

impl Json<'_> {
    fn read(&mut self, each: &mut dyn FnMut(&Path, &str)) {
        while let Some(first) = self.rest.chars().next() {
            let after = self.rest.get(first.len_utf8()..).unwrap_or_default();
            match first {
                '{' | '[' => {
                    self.rest = after;
                    self.enter(first == '{');
                }
                '}' | ']' => {
                    self.rest = after;
                    self.leave();
                }
                ',' => {
                    self.rest = after;
                    self.forget_name();
                }
                '"' | '\'' => {
                    let text = self.string(first);
                    self.text(text, each);
                }
                '/' if after.starts_with('/') => {
                    self.rest = after.split_once(['\n', '\r']).map_or("", |(_, rest)| rest);
                }
                '/' if after.starts_with('*') => {
                    self.rest = after.split_once("*/").map_or("", |(_, rest)| rest);
                }
                c if c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_' | '$') => {
                    let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "-+._$".contains(c)));
                    let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                    let word = word.to_owned();
                    self.rest = rest;
                    self.text(word, each);
                }
                _ => self.rest = after,
            }
        }
    }

    /// A name where a colon follows it in an object, else a value.
    fn text(&mut self, text: String, each: &mut dyn FnMut(&Path, &str)) {
        if self.deeper > 0 {
            return;
        }
        let mut ahead = self.rest.trim_start();
        while let Some(comment) = ahead.strip_prefix("/*") {
            ahead = comment.split_once("*/").map_or("", |(_, rest)| rest).trim_start();
        }
        match (ahead.strip_prefix(':'), self.open.last().copied()) {
            (Some(rest), Some((true, _))) => {
                self.rest = rest;
                self.forget_name();
                self.path.push(text);
                if let Some(last) = self.open.last_mut() {
                    last.1 = true;
                }
            }
            _ => each(&self.path, &text),
        }
    }

    fn enter(&mut self, object: bool) {
        // LIMIT: nothing that reads settings nests as deep, so that nothing runs from there.
        if self.deeper > 0 || self.open.len() >= MOST_DEPTH {
            self.deeper += 1;
            return;
        }
        self.open.push((object, false));
        if !object {
            self.path.push("*".to_owned());
        }
    }

    fn leave(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        self.forget_name();
        if let Some((false, _)) = self.open.pop() {
            self.path.pop();
        }
    }

    fn forget_name(&mut self) {
        if self.deeper == 0
            && let Some((true, named)) = self.open.last_mut()
            && std::mem::take(named)
        {
            self.path.pop();
        }
    }

    /// The text up to the quote, escapes resolved (RFC 8259, section 7).
    fn string(&mut self, quote: char) -> String {
        let mut out = String::new();
        let mut units: Vec<u16> = Vec::new();
        let mut chars = self.rest.char_indices().skip(1);
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                end = at + 1;
                break;
            }
            if c != '\\' {
                flush(&mut units, &mut out);
                out.push(c);
                continue;
            }
            let c = chars.next().map_or('\\', |(_, c)| c);
            if c == 'u' {
                let digits: String = chars.clone().map(|(_, c)| c).take(4).collect();
                if let Ok(unit) = u16::from_str_radix(&digits, 16)
                    && digits.len() == 4
                {
                    units.push(unit);
                    chars.nth(3);
                    continue;
                }
            }
            flush(&mut units, &mut out);
            out.push(match c {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                c => c,
            });
        }
        flush(&mut units, &mut out);
        self.rest = self.rest.get(end..).unwrap_or_default();
        out
    }
}

fn flush(units: &mut Vec<u16>, out: &mut String) {
    if !units.is_empty() {
        out.push_str(&String::from_utf16_lossy(units));
        units.clear();
    }
}

/// Values that aliases of one text may stand for, and bytes of them and of the names that lead to them.
const MOST_REPEATED: usize = 200_000;
const MOST_REPEATED_BYTES: usize = 64 << 20;

/// Tells `each` every value of YAML 1.2; what an alias stands for is told where it stands, and what is merged (`<<`) beside the rest.
///
/// # Errors
/// Where it is no YAML, or its aliases stand for too much, what is wrong; values before have been told.
pub(crate) fn yaml(text: &str, each: &mut dyn FnMut(&Path, &str)) -> Result<(), String> {
    use saphyr_parser::{Event, Parser};
    let (open, anchors) = (Vec::new(), HashMap::new());
    let mut reader = Yaml { path: Vec::new(), open, anchors, repeated: 0, bytes: 0 };
    for event in Parser::new_from_str(text) {
        match event.map_err(|error| error.to_string())?.0 {
            Event::Scalar(value, _, anchor, _) => {
                if anchor != 0 {
                    reader.anchors.insert(anchor, Rc::new(vec![(Vec::new(), Rc::from(&*value))]));
                }
                if reader.waits_for_name() {
                    reader.path.push(value.into_owned());
                } else {
                    reader.tell(&value, each)?;
                    reader.done();
                }
            }
            Event::MappingStart(anchor, _) => reader.enter(true, anchor),
            Event::SequenceStart(anchor, _) => reader.enter(false, anchor),
            Event::MappingEnd | Event::SequenceEnd => reader.leave(),
            Event::Alias(anchor) => {
                let values = reader.anchors.get(&anchor).cloned().unwrap_or_default();
                if reader.waits_for_name() {
                    let name = values.first().map(|(_, value)| value.to_string()).unwrap_or_default();
                    reader.repeat(name.len())?;
                    reader.path.push(name);
                    continue;
                }
                let depth = reader.path.len();
                for (path, value) in values.iter() {
                    reader.repeat(path.iter().map(String::len).sum::<usize>() + value.len())?;
                    reader.path.extend_from_slice(path);
                    reader.tell(value, each)?;
                    // LIMIT: back to where the alias stands.
                    reader.path.truncate(depth);
                }
                reader.done();
            }
            _ => {}
        }
    }
    Ok(())
}

/// Values with the names that lead to them.
type Values = Vec<(Vec<String>, Rc<str>)>;

/// What is being read.
struct Yaml {
    path: Vec<String>,
    open: Vec<Node>,
    /// What anchors stand for.
    anchors: HashMap<usize, Rc<Values>>,
    /// Values told for aliases, and kept for anchors, and their bytes.
    repeated: usize,
    bytes: usize,
}

/// A mapping or a sequence that is being read.
struct Node {
    mapping: bool,
    /// Whether the next thing is a name.
    waits: bool,
    /// Whether it is a name itself, which then is passed over.
    is_name: bool,
    /// Its anchor, if it has one, how long the path was, and what was told in it.
    anchor: Option<(usize, usize, Values)>,
}

impl Yaml {
    fn tell(&mut self, value: &str, each: &mut dyn FnMut(&Path, &str)) -> Result<(), String> {
        // YAML 1.1, "Merge Key Language-Independent Type": as if it stood beside the rest.
        if self.path.iter().any(|name| name == "<<") {
            let beside: Vec<String> = self.path.iter().filter(|name| *name != "<<").cloned().collect();
            each(&beside, value);
        } else {
            each(&self.path, value);
        }
        if self.open.iter().all(|node| node.anchor.is_none()) {
            return Ok(());
        }
        let (shared, mut kept): (Rc<str>, _) = (Rc::from(value), 0);
        for node in &mut self.open {
            if let Some((_, depth, values)) = &mut node.anchor {
                let path = self.path.get(*depth..).unwrap_or_default().to_vec();
                self.repeated += 1;
                kept += path.iter().map(String::len).sum::<usize>() + value.len();
                values.push((path, Rc::clone(&shared)));
                // LIMIT: `within` says so.
                if self.repeated > MOST_REPEATED {
                    break;
                }
            }
        }
        self.bytes += kept;
        self.within()
    }

    /// Counts a value that an alias stands for.
    fn repeat(&mut self, bytes: usize) -> Result<(), String> {
        self.repeated += 1;
        self.bytes += bytes;
        self.within()
    }

    fn within(&self) -> Result<(), String> {
        if self.repeated > MOST_REPEATED || self.bytes > MOST_REPEATED_BYTES {
            return Err(format!("its aliases stand for more than {MOST_REPEATED} values, or for much longer ones"));
        }
        Ok(())
    }

    /// Whether the next thing is a name; what follows it is then its value.
    fn waits_for_name(&mut self) -> bool {
        self.open.last_mut().is_some_and(|node| std::mem::take(&mut node.waits))
    }

    fn enter(&mut self, mapping: bool, anchor: usize) {
        let is_name = self.waits_for_name();
        if is_name {
            self.path.push(String::new());
        }
        let anchor = (anchor != 0).then(|| (anchor, self.path.len(), Vec::new()));
        self.open.push(Node { mapping, waits: mapping, is_name, anchor });
        if !mapping {
            self.path.push("*".to_owned());
        }
    }

    fn leave(&mut self) {
        let Some(node) = self.open.pop() else { return };
        if !node.mapping {
            self.path.pop();
        }
        if let Some((anchor, _, values)) = node.anchor {
            self.anchors.insert(anchor, Rc::new(values));
        }
        if !node.is_name {
            self.done();
        }
    }

    /// A value has been read.
    fn done(&mut self) {
        if let Some(node) = self.open.last_mut().filter(|node| node.mapping) {
            node.waits = true;
            self.path.pop();
        }
    }
}

/// Tells `each` every value of TOML 1.0.
///
/// # Errors
/// Where it is no TOML, what is wrong.
pub(crate) fn toml(text: &str, each: &mut dyn FnMut(&Path, &str)) -> Result<(), String> {
    fn walk(value: &toml::Value, path: &mut Vec<String>, each: &mut dyn FnMut(&Path, &str)) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    path.push(name.clone());
                    walk(value, path, each);
                    path.pop();
                }
            }
            toml::Value::Array(values) => {
                path.push("*".to_owned());
                values.iter().for_each(|value| walk(value, path, each));
                path.pop();
            }
            toml::Value::String(text) => each(path, text),
            other => each(path, &other.to_string()),
        }
    }
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    walk(&toml::Value::Table(table), &mut Vec::new(), each);
    Ok(())
}

/// Tells `each` every value of a file in sections, as Git reads it (`git-config`, "Syntax"): `[a "b"]` is two names, and a name alone
/// is `true`.
pub(crate) fn sections(text: &str, each: &mut dyn FnMut(&Path, &str)) {
    let mut path: Vec<String> = Vec::new();
    let text = text.trim_start_matches('\u{feff}').replace("\\\r\n", "").replace("\\\n", "");
    for line in text.lines() {
        let mut line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let (header, after) = header.split_once(']').unwrap_or((header, ""));
            path = match header.split_once([' ', '\t']) {
                Some((name, sub)) => vec![name.to_owned(), sub.trim().trim_matches('"').to_owned()],
                None => header.split('.').map(str::to_owned).collect(),
            };
            line = after.trim();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, "true"), |(name, value)| (name.trim(), value.trim()));
        path.push(name.to_owned());
        each(&path, value.trim_matches('"'));
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(read: impl FnOnce(&mut dyn FnMut(&Path, &str))) -> String {
        let mut all = Vec::new();
        read(&mut |path, value| all.push(format!("{}={value}", path.join("."))));
        all.join(" ")
    }

    #[test]
    fn json_is_read_as_editors_read_it() {
        for (text, expected) in [
            (r#"{"a": {"b": [1, "x", {"c": true}]}, "d": null}"#, "a.b.*=1 a.b.*=x a.b.*.c=true d=null"),
            ("\u{feff}{ // one\n \"a\" /* two */ : 1, /* three */ \"b\": [2,], }", "a=1 b.*=2"),
            (r#"{"run\u004fn": "folder\u004fpen", "\ud83d\ude00": "a\"\n"}"#, "runOn=folderOpen 😀=a\"\n"),
            (r#"{"a": 1, "a": 2}"#, "a=1 a=2"),
            (r#"{a: 'b', "c": {"d": "e"}, "f": "never ends"#, "a=b c.d=e f=never ends"),
            (r#"[{"a": 1}, {"b": 2}]"#, "*.a=1 *.b=2"),
        ] {
            assert_eq!(joined(|each| json(text, each)), expected, "{text}");
        }
        // Damage leads somewhere, and ends.
        for text in [r#"{"a": {]}, "b": 2}"#, "}}]]", "{:,:,[}", "\"", "{\"a\":", "\\u12", "{\"\\u12\": 1}"] {
            joined(|each| json(text, each));
        }
        let deep = format!("{}{{\"a\": 1}}{}, {{\"b\": 2}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(joined(|each| json(&deep, each)).contains("b=2"));
    }

    #[test]
    fn yaml_toml_and_sections_are_read() {
        let read = |text: &str| joined(|each| yaml(text, each).unwrap());
        assert_eq!(read("a:\n  b: [1, x]\n  c: |\n    two\nd: {e: f}\n"), "a.b.*=1 a.b.*=x a.c=two\n d.e=f");
        assert_eq!(read("- a: &x 1\n  b: *x\n- c: 2\n"), "*.a=1 *.b=1 *.c=2");
        assert_eq!(read("a: &x {b: 1, c: [2]}\nd: *x\n"), "a.b=1 a.c.*=2 d.b=1 d.c.*=2");
        assert_eq!(
            read("a: &x {b: 1, c: [2, 3]}\nd: {<<: *x, e: 2}\n"),
            "a.b=1 a.c.*=2 a.c.*=3 d.b=1 d.c.*=2 d.c.*=3 d.e=2"
        );
        let laughs: String = (0..30)
            .map(|at| {
                format!(
                    "a{at}: &a{at} [{}]\n",
                    if at == 0 { "1".to_owned() } else { format!("*a{0}, *a{0}, *a{0}, *a{0}", at - 1) }
                )
            })
            .collect();
        assert!(yaml(&laughs, &mut |_, _| {}).is_err_and(|problem| problem.contains("aliases")));
        let long = format!("- &a {}\n{}", "b".repeat(100_000), "- *a\n".repeat(1_000));
        let mut told = 0;
        assert!(yaml(&long, &mut |_, value| told += value.len()).is_err_and(|problem| problem.contains("longer")));
        assert!(told <= MOST_REPEATED_BYTES + 100_000, "{told}");
        assert_eq!(read("? [k]\n: v\nb: 1\n"), ".*=k =v b=1");
        assert!(yaml("a: [", &mut |_, _| {}).is_err());
        let read = |text: &str| joined(|each| toml(text, each).unwrap());
        assert_eq!(read("[a.b]\nc = [1, 'x']\n[[d]]\ne = true\n"), "a.b.c.*=1 a.b.c.*=x d.*.e=true");
        assert!(toml("a = ", &mut |_, _| {}).is_err());
        let read = |text: &str| joined(|each| sections(text, each));
        assert_eq!(
            read("x = 1\n[core]\n\tfsmonitor = \"./run \\\n now\"\n# no\n[filter \"lfs\"] clean = a\nbare\n"),
            "x=1 core.fsmonitor=./run  now filter.lfs.clean=a filter.lfs.bare=true"
        );
    }
}
