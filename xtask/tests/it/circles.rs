//! Files of a crate that need each other cannot be read one after the other, from the bottom up.

use super::house::root;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// A file by the names of its modules, none for the crate's own.
type Module = Vec<String>;

/// Circles that are known: the files of each, below the crate's `src`, and why it is one.
const KNOWN: &[(&str, &[&str])] = &[
    // Both sides of one protocol.
    ("attack", &["inputs", "unpack"]),
    // A worker forks children, and each is handed to what waits for it.
    ("engine", &["child", "heartbeat", "pool", "request", "sample", "seats", "warm", "worker"]),
    // A room is started with the frame, which knows the rooms.
    ("frame", &["frame", "room", "rooms"]),
    // Lists are fetched through the same connections that they decide about.
    ("gates", &["desk", "proxy/connector", "proxy/destinations", "proxy/upstream", "sites"]),
    // An answer that waits, or is one of a range, ends as any other.
    ("gates", &["proxy/answer", "proxy/ranged", "proxy/waiting"]),
    ("gates", &["icap/copies", "icap/live", "icap/session"]),
    // Rooms declare their settings, and are built from them.
    ("lazaret", &["config", "control", "rooms", "settings", "sources"]),
    // An event has its techniques, which are counted by event.
    ("store", &["ledger/events", "ledger/techniques"]),
];

#[test]
fn files_need_each_other_in_known_circles_only() {
    let mut open: BTreeSet<_> = KNOWN.iter().collect();
    for krate in std::fs::read_dir(root().join("crates")).expect("crates").map(|entry| entry.expect("a crate").path()) {
        let name = krate.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (circle, edges) in circles(files(&krate.join("src"))) {
            let known = KNOWN.iter().find(|(krate, files)| {
                *krate == name && circle.iter().all(|module| files.contains(&module.join("/").as_str()))
            });
            let known = known.unwrap_or_else(|| panic!("`{name}` has a new circle of files:\n{}", edges.join("\n")));
            open.remove(known);
        }
    }
    assert!(open.is_empty(), "no circles any more, take them out of the list: {open:?}");
}

#[test]
fn a_circle_is_seen_however_its_files_name_each_other() {
    let check = |texts: &[(&str, &str)], expected: &[&str]| {
        let module =
            |path: &str| -> Module { path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect() };
        let files = texts.iter().map(|(path, text)| (module(path), (*text).to_owned())).collect();
        let found: Vec<_> = circles(files).into_iter().map(|(circle, _)| circle).collect();
        let found: Vec<_> = found.iter().flatten().map(|module| module.join("/")).collect();
        assert_eq!(found, expected, "{texts:?}");
    };
    let lib = ("", "mod a; mod b;\npub use a::{One, two as other};\npub use b::Two;");
    check(
        &[lib, ("a", "use crate::Two;\npub struct One;"), ("b", "use crate::{\n    Error,\n    One,\n};")],
        &["a", "b"],
    );
    check(&[lib, ("a", "fn one() -> crate::b::Two {}"), ("b", "use super::a::{self, One};\na::one();")], &["a", "b"]);
    check(&[lib, ("a", "use crate::b;\nb::two();"), ("b", "fn two() { crate::other() }")], &["a", "b"]);
    // What only tests, comments and texts name, and a module and its own parts.
    check(&[lib, ("a", "use crate::Two;"), ("b", "// use crate::One;\nconst A: &str = \"crate::One\";")], &[]);
    check(&[lib, ("a", "use crate::Two;"), ("b", "#[cfg(test)]\nmod tests {\n    use crate::One;\n}")], &[]);
    check(&[lib, ("a", "mod c;\nuse c::three;\npub struct One;"), ("a/c", "use super::One;\nfn three() {}")], &[]);
}

/// The Rust files of a crate, by module.
fn files(src: &Path) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(src.to_path_buf(), Module::new())];
    while let Some((folder, module)) = folders.pop() {
        for path in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let own: Module = module.iter().cloned().chain([name.clone()]).collect();
            if path.is_dir() {
                folders.push((path, own));
            } else if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
                let own = if module.is_empty() && name == "lib" { Module::new() } else { own };
                found.insert(own, std::fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found
}

/// Sets of files each of which needs all others of the set, with who names what. A module and what is within it count as one.
fn circles(files: BTreeMap<Module, String>) -> Vec<(BTreeSet<Module>, Vec<String>)> {
    let mut tests = BTreeSet::new();
    let mut texts = BTreeMap::new();
    for (module, text) in files {
        let (text, own) = untested(&plain(&text));
        tests.extend(own.into_iter().map(|name| module.iter().cloned().chain([name]).collect::<Module>()));
        texts.insert(module, text);
    }
    texts.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    let names: BTreeMap<_, _> =
        texts.iter().map(|(module, text)| (module.clone(), named(module, text, &texts))).collect();

    let mut needs: BTreeMap<&Module, BTreeMap<Module, String>> = BTreeMap::new();
    for (module, text) in &texts {
        let mut all: Vec<Vec<String>> =
            used(text).into_iter().filter(|(_, _, public)| !public).map(|(path, ..)| path).collect();
        all.extend(paths(text));
        for path in all {
            let known = path.first().and_then(|first| names[module].get(first));
            let absolute = absolute(module, &path, &texts)
                .or_else(|| known.map(|start| start.iter().chain(path.iter().skip(1)).cloned().collect::<Module>()));
            // A module alone is only a shorter way to write what is named later.
            let Some(absolute) = absolute.filter(|absolute| !texts.contains_key(absolute)) else { continue };
            let of = owner(&absolute, &texts, &names, 0);
            if !of.starts_with(module) && !module.starts_with(&of) {
                needs.entry(module).or_default().insert(of, absolute.join("::"));
            }
        }
    }

    let reached = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), VecDeque::from([from.clone()]));
        while let Some(module) = next.pop_front() {
            for other in needs.get(&module).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(other.clone()) {
                    next.push_back(other.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<_, _> = texts.keys().map(|module| (module, reached(module))).collect();
    let mut found: BTreeMap<BTreeSet<Module>, Vec<String>> = BTreeMap::new();
    for (module, seen) in &reach {
        let circle: BTreeSet<_> = seen.iter().filter(|other| reach[other].contains(*module)).cloned().collect();
        if circle.len() > 1 {
            let within = needs[module].iter().filter(|(other, _)| circle.contains(*other));
            let lines: Vec<_> =
                within.map(|(other, what)| format!("{} -> {}: {what}", module.join("/"), other.join("/"))).collect();
            found.entry(circle).or_default().extend(lines);
        }
    }
    found.into_iter().collect()
}

/// What a module calls what it uses, by the whole path of each.
fn named(module: &Module, text: &str, texts: &BTreeMap<Module, String>) -> BTreeMap<String, Module> {
    let uses = used(text).into_iter();
    let uses = uses.filter_map(|(path, name, _)| absolute(module, &path, texts).map(|path| (name, path)));
    uses.filter(|(name, path)| path.last().is_some_and(|last| last != "*") && name != "_").collect()
}

/// The path from the crate's root; `None` for what is not ours.
fn absolute(module: &Module, path: &[String], texts: &BTreeMap<Module, String>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let below = |base: &[String], rest: &[String]| -> Module {
        base.iter().chain(rest).filter(|name| *name != "self").cloned().collect()
    };
    match first.as_str() {
        "crate" => Some(below(&[], rest)),
        "self" => Some(below(module, rest)),
        "super" => {
            let up = path.iter().take_while(|name| *name == "super").count();
            Some(below(module.get(..module.len().checked_sub(up)?)?, &path[up..]))
        }
        _ => {
            let own = below(module, &path[..1]);
            texts.contains_key(&own).then(|| below(module, path))
        }
    }
}

/// The file that something stands in, past those that only pass it on.
fn owner(
    path: &[String],
    texts: &BTreeMap<Module, String>,
    names: &BTreeMap<Module, BTreeMap<String, Module>>,
    passed: usize,
) -> Module {
    let depth = (0..=path.len()).rev().find(|depth| texts.contains_key(&path[..*depth])).unwrap_or(0);
    let module = &path[..depth];
    let from = path.get(depth).and_then(|item| names.get(module)?.get(item));
    match from {
        Some(from) if passed < 8 && from.as_slice() != path => {
            let whole: Module = from.iter().chain(&path[depth + 1..]).cloned().collect();
            owner(&whole, texts, names, passed + 1)
        }
        _ => module.to_vec(),
    }
}

/// Every path of the `use` declarations of a text, what it is called there, and whether it is passed on.
fn used(text: &str) -> Vec<(Vec<String>, String, bool)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let before = &text[..at];
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(end) = text[at..].find(';') else { continue };
        let before = before.trim_end();
        let public = before.ends_with("pub")
            || before.ends_with(')') && before.rfind("pub(").is_some_and(|start| !before[start..].contains([';', '}']));
        let mut all = Vec::new();
        spread(&text[at + 4..at + end], &[], &mut all);
        found.extend(all.into_iter().map(|(path, name)| (path, name, public)));
    }
    found
}

/// Takes the braces of a `use` apart.
fn spread(tree: &str, before: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    let path = |text: &str| -> Vec<String> {
        let own = text.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        before.iter().cloned().chain(own).collect()
    };
    if let Some((start, inner)) = tree.split_once('{') {
        let start = path(start);
        let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
        let (mut depth, mut from) = (0, 0);
        for (at, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    spread(&inner[from..at], &start, found);
                    from = at + 1;
                }
                _ => {}
            }
        }
        spread(&inner[from..], &start, found);
    } else if !tree.is_empty() {
        let (tree, name) = tree.split_once(" as ").map_or((tree, None), |(tree, name)| (tree, Some(name.trim())));
        let mut path = path(tree);
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
        found.push((path, name));
    }
}

/// Paths of two names or more outside of `use` declarations.
fn paths(text: &str) -> Vec<Vec<String>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let end = rest[start..].find(|c: char| !is_name(c) && c != ':').map_or(rest.len(), |end| start + end);
        let (before, whole) = (&rest[..start], &rest[start..end]);
        rest = &rest[end..];
        if whole == "use" {
            rest = rest.split_once(';').map_or("", |(_, rest)| rest);
        } else if whole.contains("::") && !before.ends_with(':') {
            // Generics and macros begin where a name ends.
            found.push(
                whole
                    .split("::")
                    .take_while(|name| !name.is_empty())
                    .map(|name| name.trim_matches(':').to_owned())
                    .collect(),
            );
        }
    }
    found
}

/// Code without comments, texts and letters.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let within_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let raw = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r').filter(|_| !within_name);
        let hashes = raw.map_or(0, |raw| raw.bytes().take_while(|byte| *byte == b'#').count());
        let raw = raw.filter(|raw| raw[hashes..].starts_with('"'));
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            past(rest, "*/")
        } else if let Some(raw) = raw {
            let start = rest.len() - raw.len() + hashes + 1;
            start + past(&rest[start..], &format!("\"{}", "#".repeat(hashes)))
        } else if c == '"' {
            let mut escaped = false;
            let mut ends = |c: char| {
                let end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                end
            };
            rest[1..].find(&mut ends).map_or(rest.len(), |end| end + 2)
        } else if c == '\'' {
            letter(rest)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skipped..];
    }
    out
}

/// Where a text goes on behind the first `end`.
fn past(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

/// How many bytes a letter in quotes takes; of a lifetime, the quote alone.
fn letter(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            // What is escaped may be a quote.
            letters.next();
            letters.find(|(_, c)| *c == '\'').map_or(text.len(), |(at, _)| at + 1)
        }
        Some(_) => letters.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

/// Code without what only tests compile, and the names of modules that do.
fn untested(text: &str) -> (String, Vec<String>) {
    let (mut out, mut modules, mut rest) = (String::new(), Vec::new(), text);
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at + "#[cfg(test)]".len()..];
        let (brace, end) = (item.find('{').unwrap_or(item.len()), item.find(';').unwrap_or(item.len()));
        if end < brace {
            let name = item[..end].trim().rsplit("mod ").next().unwrap_or_default();
            modules.push(name.to_owned());
            rest = &item[(end + 1).min(item.len())..];
            continue;
        }
        let mut depth = 0;
        let close = item.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            *c == '}' && depth == 0
        });
        rest = close.map_or("", |(close, _)| &item[close + 1..]);
    }
    out.push_str(rest);
    (out, modules)
}
