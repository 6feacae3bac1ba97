//! Which function a name belongs to (ECMA-262, 9.1): short names stand for something else in each function of a library, and
//! their texts are not to be joined.

use super::{Reader, Token, Value};
use std::collections::{BTreeMap, HashMap};
use std::mem;

/// Bytes of a list of parameters; a longer one is taken for none, and its names for those around it.
const MOST_PARAMETERS: usize = 512;
/// Words whose brackets hold no parameters, though a block follows them.
const CONDITIONS: [&[u8]; 14] = [
    b"if", b"for", b"while", b"switch", b"with", b"foreach", b"elseif", b"elif", b"until", b"unless", b"match",
    b"using", b"lock", b"declare",
];

/// What names stood for outside of the functions that are being read.
#[derive(Default)]
pub(super) struct Scopes<'t> {
    /// Braces that are open.
    depth: usize,
    /// Parameters of an arrow whose body begins with the next brace.
    awaited: Option<Vec<&'t [u8]>>,
    open: Vec<Scope<'t>>,
    /// The words before this place: the last, and whether `function` is one of the two.
    word: Option<&'t [u8]>,
    named: bool,
    /// Brackets that are open.
    brackets: Vec<Bracket<'t>>,
    /// The pair that was closed last, with nothing behind it.
    pair: Option<(Bracket<'t>, usize)>,
}

/// A bracket with the word before it.
#[derive(Clone, Copy)]
struct Bracket<'t> {
    word: Option<&'t [u8]>,
    function: bool,
    at: usize,
}

/// A function, or a block with names of its own, that is being read.
struct Scope<'t> {
    depth: usize,
    function: bool,
    /// Names of its own, with what they stood for before.
    outside: BTreeMap<&'t [u8], Option<Value>>,
}

impl<'t> Scope<'t> {
    fn hide(&mut self, name: &'t [u8], variables: &mut HashMap<&'t [u8], Value>) {
        self.outside.entry(name).or_insert_with(|| variables.remove(name));
    }
}

impl<'t> Reader<'t, '_> {
    /// Notes what a token says of functions.
    pub(super) fn follow(&mut self, token: &Token<'t>) {
        let scopes = &mut self.scopes;
        match token {
            Token::Mark(b'(') => {
                let (word, function) = (scopes.word.take(), std::mem::take(&mut scopes.named));
                scopes.brackets.push(Bracket { word, function, at: self.at });
                scopes.pair = None;
            }
            Token::Mark(b')') => scopes.pair = scopes.brackets.pop().map(|bracket| (bracket, self.at)),
            Token::Mark(b'\n' | b'{') => {}
            Token::Word(word) => {
                scopes.named = *word == b"function" || scopes.named && scopes.word == Some(b"function");
                (scopes.word, scopes.pair) = (Some(*word), None);
            }
            // Of a generator.
            Token::Mark(b'*') if scopes.named => {}
            _ => (scopes.word, scopes.named, scopes.pair) = (None, false, None),
        }
    }

    /// Whether the brace that was just read begins the body of a function, with its parameters; of `catch`, the body is a block.
    fn parameters(&mut self) -> Option<(Vec<&'t [u8]>, bool)> {
        let (bracket, end) = self.scopes.pair.take()?;
        // A call may stand before a block, but on a line of its own.
        let between = self.text.get(end..self.at.saturating_sub(1))?;
        if !bracket.function && !between.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return None;
        }
        let word = bracket.word?;
        if !bracket.function && CONDITIONS.iter().any(|condition| word.eq_ignore_ascii_case(condition)) {
            return None;
        }
        // LIMIT: whose parameters are too long has its names joined with those around it, as any script had before.
        let list = self.text.get(bracket.at..end.saturating_sub(1)).filter(|list| list.len() <= MOST_PARAMETERS)?;
        // An exhausted budget shows where tokens are read.
        let _ = self.budget.step(list.len() as u64);
        Some((names(list), word != b"catch"))
    }

    /// Notes the parameters before an arrow, whose `=` was read, where a block follows it; whether it is an arrow.
    pub(super) fn arrow_begins(&mut self) -> bool {
        let Some(body) = self.text.get(self.at..).and_then(|rest| rest.strip_prefix(b">")) else { return false };
        if body.trim_ascii_start().first() == Some(&b'{') {
            let end = self.at.saturating_sub(1);
            // LIMIT: whose parameters are not found has its names joined with those around it.
            let before = self.text.get(end.saturating_sub(MOST_PARAMETERS)..end).unwrap_or_default().trim_ascii_end();
            let _ = self.budget.step(before.len() as u64);
            let list = match before.strip_suffix(b")") {
                Some(list) => memchr::memrchr(b'(', list).and_then(|open| list.get(open + 1..)),
                None => before.rsplit(|b| !is_name(*b)).next(),
            };
            self.scopes.awaited = list.map(names);
        }
        self.at += 1;
        true
    }

    /// A name that the function has of its own, or with `let` and `const` the block.
    pub(super) fn declared(&mut self, word: &[u8]) {
        let before = self.text.get(..self.at.saturating_sub(word.len())).unwrap_or_default();
        let rest = self.text.get(self.at..).unwrap_or_default().trim_ascii_start();
        let length = rest.iter().take_while(|b| is_name(**b)).count();
        let Some(name) = rest.get(..length).filter(|name| !name.is_empty()) else { return };
        let depth = self.scopes.depth;
        let open = &mut self.scopes.open;
        let scope = if word == b"var" {
            open.iter_mut().rfind(|scope| scope.function)
        } else if depth == 0 || before.trim_ascii_end().ends_with(b"(") {
            // LIMIT: what a loop declares in its head ends with the loop; it is joined with what is around it.
            None
        } else {
            if open.last().is_none_or(|scope| scope.depth < depth) {
                open.push(Scope { depth, function: false, outside: BTreeMap::new() });
            }
            open.last_mut()
        };
        if let Some(scope) = scope {
            scope.hide(name, &mut self.variables);
        }
    }

    pub(super) fn brace_opens(&mut self) {
        self.scopes.depth += 1;
        let arrow = self.scopes.awaited.take().map(|parameters| (parameters, true));
        if let Some((parameters, function)) = arrow.or_else(|| self.parameters()) {
            let mut scope = Scope { depth: self.scopes.depth, function, outside: BTreeMap::new() };
            for name in parameters {
                scope.hide(name, &mut self.variables);
            }
            self.scopes.open.push(scope);
        }
    }

    /// What a function put together is decoded when it ends.
    pub(super) fn brace_closes(&mut self) {
        let ends = self.scopes.open.pop_if(|scope| scope.depth == self.scopes.depth);
        self.scopes.depth = self.scopes.depth.saturating_sub(1);
        for (name, outside) in ends.map(|scope| scope.outside).unwrap_or_default() {
            let inside = match outside {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(name),
            };
            if let Some(inside) = inside {
                self.consider(&inside, false);
            }
        }
    }

    /// What names of functions that never end stood for outside.
    pub(super) fn hidden(&mut self) -> Vec<Value> {
        let open = mem::take(&mut self.scopes.open);
        open.into_iter().flat_map(|scope| scope.outside).filter_map(|(_, value)| value).collect()
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// Names of parameters, whatever they are by default.
fn names(list: &[u8]) -> Vec<&[u8]> {
    let name = |one: &'_ [u8]| one.trim_ascii().iter().take_while(|b| is_name(**b)).count();
    let all = list.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    all.filter_map(|one| one.get(..name(one))).filter(|one| !one.is_empty()).collect()
}
