//! The words that tell one language from another, and how much each is worth.
//!
//! A language needs [`super::scripts::ENOUGH`] points. Words that prose also uses are worth little and count only at
//! the start of a line; words that nothing else has are worth enough alone.

mod interpreted;
mod source;
mod windows;

/// A language that is told by its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)]
pub(super) enum Language {
    JavaScript,
    VbScript,
    PowerShell,
    Bat,
    Shell,
    Python,
    Perl,
    Ruby,
    Lua,
    Tcl,
    AppleScript,
    AutoHotkey,
    C,
    Cpp,
    Csharp,
    Java,
    Kotlin,
    Scala,
    Swift,
    Go,
    Rust,
    TypeScript,
    VbNet,
    Css,
    Sql,
    Makefile,
    Cmake,
    M4,
    Lisp,
    Vim,
    Tex,
    Troff,
    Markdown,
    Rst,
    Pascal,
    R,
    Gnuplot,
}

/// How many languages there are.
pub(super) const LANGUAGES: usize = Language::Gnuplot as usize + 1;

/// The kind of each language, in the order of [`Language`].
pub(super) const IDS: [&str; LANGUAGES] = [
    "js",
    "vbs",
    "ps1",
    "bat",
    "sh",
    "py",
    "perl",
    "ruby",
    "lua",
    "tcl",
    "applescript",
    "ahk",
    "c",
    "cpp",
    "csharp",
    "java",
    "kotlin",
    "scala",
    "swift",
    "go",
    "rust",
    "typescript",
    "visual-basic",
    "css",
    "sql",
    "makefile",
    "cmake",
    "m4",
    "lisp",
    "vim",
    "tex",
    "troff",
    "markdown",
    "rst",
    "pascal",
    "r",
    "gnuplot",
];

/// Where a word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Anywhere.
    Any,
    /// Not inside a longer word.
    Word,
    /// A name and its dot, with a member's name after it, and not inside a longer word.
    Member,
    /// At the start of a line, after blanks, and not as the start of a longer word.
    Line,
    /// At the very start of a line and before anything.
    Start,
}

/// A word and what it is worth.
pub(super) type Token = (&'static str, At, &'static [(Language, u16)]);

/// Every word.
pub(super) fn tokens() -> impl Iterator<Item = &'static Token> {
    [windows::TOKENS, interpreted::TOKENS, source::TOKENS].into_iter().flatten()
}
