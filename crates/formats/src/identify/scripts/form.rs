//! What the lines of a text look like: code, prose, tables, keys.

/// Lines whose form is judged.
const LINES: usize = 400;

/// The lines of a text, found several times faster than the standard library finds them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]).map(move |end| {
        let line = text.get(start..end).unwrap_or_default();
        start = end + 1;
        line
    })
}

/// The form of a text's lines.
pub(super) struct Form {
    pub(super) lines: usize,
    pub(super) prose: usize,
    /// Sentences at the beginning, before anything else.
    pub(super) opening: usize,
    pub(super) most_carets: usize,
    pub(super) fences: usize,
    pub(super) semicolons: usize,
    keys: usize,
    items: usize,
    documents: usize,
    others: usize,
    /// Lines under headings, as reStructuredText has them, outside of strings and comments.
    pub(super) headings: usize,
}

impl Form {
    pub(super) fn of(text: &str) -> Self {
        let mut form = Self {
            lines: 0,
            prose: 0,
            opening: 0,
            most_carets: 0,
            fences: 0,
            semicolons: 0,
            keys: 0,
            items: 0,
            documents: 0,
            others: 0,
            headings: 0,
        };
        let mut docstring = false;
        let mut block = None;
        // Looked for once in all, since most texts have none.
        let any_caret = memchr::memchr(b'^', text.as_bytes()).is_some();
        let any_docstring = memchr::memmem::find(text.as_bytes(), b"\"\"\"").is_some();
        // LIMIT: as for words (`weigh`).
        for line in lines(text).map(str::trim).filter(|l| !l.is_empty()).take(LINES) {
            form.lines += 1;
            if any_caret {
                form.most_carets = form.most_carets.max(carets(line));
            }
            if let Some(end) = block {
                if line.contains(end) {
                    block = None;
                }
                continue;
            }
            for (start, end) in [("/*", "*/"), ("<#", "#>")] {
                if line.starts_with(start) && !line.contains(end) {
                    block = Some(end);
                }
            }
            if any_docstring && line.matches("\"\"\"").count() % 2 == 1 {
                docstring = !docstring;
                continue;
            }
            if docstring || is_comment(line) {
                continue;
            }
            form.semicolons += usize::from(line.ends_with(';'));
            form.fences += usize::from(line.starts_with("```"));
            form.headings += usize::from(is_heading(line));
            form.prose += usize::from(is_prose(line));
            if form.prose == form.lines {
                form.opening = form.prose;
            }
            let colon = memchr::memchr(b':', line.as_bytes());
            match colon.and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?))) {
                Some(("---", _)) => form.documents += 1,
                Some((key, value))
                    if !key.is_empty()
                        && key.len() < 48
                        && key.split(' ').count() <= 2
                        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_ ./'\"".contains(&b))
                        && (value.is_empty() || value.starts_with(' '))
                        && !line.ends_with([';', '{', ',']) =>
                {
                    form.keys += 1;
                }
                _ if line == "---" => form.documents += 1,
                _ if line.starts_with("- ") => form.items += 1,
                _ => form.others += 1,
            }
        }
        form
    }

    /// The text without what stands between fences, where those are the fences of a document: sentences or lists stand around
    /// them, and nothing that would make a comment or a string of those.
    pub(super) fn outside_fences(&self, text: &str) -> Option<String> {
        if self.fences < 2 {
            return None;
        }
        let (mut outside, mut within, mut plain) = (String::with_capacity(text.len()), false, 0);
        for line in lines(text) {
            if line.trim_start().starts_with("```") {
                within = !within;
            } else if !within {
                plain += usize::from(!line.trim().is_empty() && !line.starts_with('#'));
                outside.push_str(line);
            }
            outside.push('\n');
        }
        let hides =
            ["/*", "\"\"\"", "'''", "<#", "=begin", "<<", "@'", "@\""].iter().any(|mark| outside.contains(mark));
        (!within && plain > 0 && !hides).then_some(outside)
    }

    pub(super) fn yaml(&self) -> Option<&'static str> {
        let structured = self.keys + self.items;
        (self.keys >= 2 && structured >= 3 && structured >= self.others * 5 && self.prose * 3 < self.lines)
            .then_some("yaml")
    }

    /// A table has the same number of separators in its first lines.
    pub(super) fn table(&self, text: &str) -> Option<&'static str> {
        if self.lines < 3 {
            return None;
        }
        // LIMIT: the form of a table shows in its first lines.
        let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')).take(12).collect();
        [('\t', 1usize), (',', 2), (';', 2), ('|', 2)].into_iter().find_map(|(separator, least)| {
            let count = lines.first()?.matches(separator).count();
            let even =
                lines.len() >= 3 && count >= least && lines.iter().all(|l| l.matches(separator).count() == count);
            let code = lines.iter().any(|l| l.contains(['{', '}', '(']) && separator == ';');
            (even && !code).then_some("csv")
        })
    }

    /// Whether it is one line of code rather than of words.
    pub(super) fn dense(&self, text: &str) -> bool {
        // LIMIT: a proportion.
        let head: Vec<u8> = text.bytes().take(4096).collect();
        let blanks = head.iter().filter(|b| **b == b' ').count();
        blanks * 8 < head.len()
    }
}

/// Whether it is YAML that holds commands, as descriptions of builds do: keys at the margin, and blocks of text below.
pub(super) fn holds_steps(text: &str) -> bool {
    let key = |line: &&str| {
        let name = line.split_once(':').map_or("", |(name, _)| name);
        // What Python begins a block with is none.
        !name.is_empty()
            && !matches!(name, "try" | "else" | "finally" | "except")
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'"' | b'\''))
    };
    // LIMIT: tells a description of builds from a shell script; both are judged by name where they run.
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).take(400);
    let mut margin = 0;
    let all = lines.all(|line| {
        margin += usize::from(key(&line));
        line.starts_with([' ', '\t']) || key(&line) || line.starts_with("- ") || line == "---"
    });
    all && margin >= 2
}

/// Whether it is YAML that describes builds, with a list that PowerShell cannot read, and nothing before it that would make a text of
/// the list. Whatever a line says, the names around it are none of its commands.
pub(super) fn is_pipeline(text: &str) -> bool {
    const STEPS: [&str; 12] = [
        "steps:",
        "run:",
        "- run:",
        "script:",
        "- script:",
        "before_script:",
        "build_script:",
        "test_script:",
        "install:",
        "- ps:",
        "- task:",
        "tasks:",
    ];
    if !text.lines().any(|line| STEPS.iter().any(|step| line.trim_start().starts_with(step))) || !holds_steps(text) {
        return false;
    }
    // LIMIT: what is not looked at is no part of a pipeline, and is judged by its words.
    for line in text.lines().take(LINES) {
        let plain = line.trim_start();
        if plain.starts_with('#') && !plain.starts_with("#>") {
            continue;
        }
        let item = plain.strip_prefix("- ").unwrap_or_default();
        if item.starts_with(|c: char| c.is_ascii_alphabetic()) && item.contains(':') {
            return true;
        }
        // A text, a comment or a name that begins here may end further on.
        let odd = |mark: char| !line.matches(mark).count().is_multiple_of(2);
        let opens = ["<#", "@'", "@\"", "$(", "@(", "@{"].iter().any(|mark| line.contains(mark));
        if odd('"') || odd('\'') || opens || line.ends_with('`') || line.contains("${") && !line.contains('}') {
            return false;
        }
    }
    false
}

/// Whether a text tells more than what it shows between fences: so many of its lines outside are sentences or points of a list that
/// whoever takes it for commands runs into all of them.
pub(super) fn tells(text: &str, outside: &str) -> bool {
    let some = |text: &str| lines(text).filter(|line| !line.trim().is_empty()).count();
    let sentences = lines(outside).filter(|line| {
        let line =
            line.trim().trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '*' | '+' | '.' | ' '));
        line.starts_with(char::is_alphabetic) && line.split_whitespace().take(5).count() == 5
    });
    let (told, shown) = (sentences.count(), some(text).saturating_sub(some(outside)));
    told >= 8 && told > shown
}

/// A line of one mark that stands under a heading.
fn is_heading(line: &str) -> bool {
    let mark = line.bytes().next().unwrap_or_default();
    line.len() >= 4 && matches!(mark, b'=' | b'~' | b'^' | b'+') && line.bytes().all(|byte| byte == mark)
}

/// Comments of any script, and lines whose text is printed.
fn is_comment(line: &str) -> bool {
    const MARKS: &[&str] =
        &["//", "#", "'", "::", ";", "*", "/*", "--", "%", "<!--", "<#", "\"", "@rem", "rem ", "echo ", "title "];
    // Letters start few of them.
    if line.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() && !b"rRtTeE".contains(&b)) {
        return false;
    }
    MARKS.iter().any(|mark| line.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark)))
}

/// A sentence: at least five words outside quotes, nearly all of letters, and nothing that only code has.
fn is_prose(line: &str) -> bool {
    const STATEMENTS: &[&str] = &[
        "dim ",
        "set ",
        "if ",
        "for ",
        "call ",
        "const ",
        "private ",
        "public ",
        "function ",
        "sub ",
        "end ",
        "do ",
        "loop ",
        "while ",
        "select ",
        "case ",
        "on error",
        "option ",
        "redim ",
        "with ",
        "class ",
        "exit ",
        "elseif ",
        "next ",
    ];
    let bytes = line.as_bytes();
    if bytes.len() < 20 || bytes.last().is_some_and(|last| b";{}\\^_".contains(last)) {
        return false;
    }
    let first = bytes.first().map_or(0, u8::to_ascii_lowercase);
    let statement = |start: &&str| bytes.get(..start.len()).is_some_and(|l| l.eq_ignore_ascii_case(start.as_bytes()));
    if STATEMENTS.iter().filter(|start| start.as_bytes().first() == Some(&first)).any(statement) {
        return false;
    }
    let (mut words, mut plain) = (0usize, 0usize);
    let (mut quoted, mut start, mut letters) = (false, 0, true);
    // One pass: what a byte is decides, and words are cut where blanks and quotes are.
    for (at, byte) in bytes.iter().chain(b" ").enumerate() {
        #[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
        let sort = SORTS[usize::from(*byte)];
        match sort {
            Sort::Letter => {}
            Sort::Other => letters = false,
            Sort::Code if quoted => letters = false,
            // Code shows in its marks, so most of its lines end here; quotes may hold any.
            Sort::Code => return false,
            Sort::Blank | Sort::Quote => {
                if at > start && !quoted {
                    words += 1;
                    // Most words are nothing but letters; the rest is worth a closer look.
                    plain += usize::from(letters || line.get(start..at).is_some_and(is_word));
                }
                (start, letters) = (at + 1, true);
                quoted ^= sort == Sort::Quote;
            }
        }
    }
    words >= 5 && plain * 10 >= words * 7
}

/// A word with punctuation around it, or with letters of other alphabets.
fn is_word(word: &str) -> bool {
    let core = word.trim_matches(|c: char| ".,:;!?()'`*_-\u{2019}\u{201c}\u{201d}".contains(c));
    !core.is_empty() && core.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '-' | '\u{2019}'))
}

/// What a byte is to a sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Letter,
    Blank,
    Quote,
    /// Marks that code has and prose does not.
    Code,
    Other,
}

/// The sort of every byte.
const SORTS: [Sort; 256] = {
    let mut sorts = [Sort::Other; 256];
    let mut left: &mut [Sort] = &mut sorts;
    let mut byte = 0u8;
    while let [sort, rest @ ..] = left {
        *sort = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Sort::Letter,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => Sort::Blank,
            b'"' => Sort::Quote,
            b'{' | b'}' | b'=' | b'$' | b'<' | b'>' | b'|' | b'\\' | b'[' | b']' | b'&' | b'^' | b'%' | b'@' | b'+' => {
                Sort::Code
            }
            _ => Sort::Other,
        };
        byte = byte.wrapping_add(1);
        left = rest;
    }
    sorts
};

/// Carets between letters, which only the command processor drops.
fn carets(line: &str) -> usize {
    if memchr::memchr(b'^', line.as_bytes()).is_none() {
        return 0;
    }
    line.as_bytes()
        .windows(3)
        .filter(|w| matches!(w, [a, b'^', c] if a.is_ascii_alphabetic() && c.is_ascii_alphabetic()))
        .count()
}
