//! What a text tells the editor that opens it: variables of Emacs (GNU Emacs manual, "Specifying File Variables") and modelines of
//! Vim (`:help modeline`). Both set options, and some options are code.

use super::ID;
use crate::Findings;
use crate::text::{cut, decode};
use lazaret_model::{Class, Family, Finding, Part, Role, Severity};

/// Lines at either end that Vim reads, by default.
const LINES: usize = 5;
/// Bytes at the end in which Emacs looks for its list: 3,000 characters.
const LIST: usize = 12_000;

/// Functions of Emacs Lisp that start programs, fetch, write or load code, or that put such names together.
const LISP: &[&str] = &[
    "shell-command",
    "call-process",
    "start-process",
    "make-process",
    "process-file",
    "start-file-process",
    "async-shell",
    "shell-execute",
    "url-retrieve",
    "url-copy-file",
    "url-insert-file",
    "load-file",
    "(load ",
    "module-load",
    "write-region",
    "append-to-file",
    "eval-buffer",
    "eval-region",
    "eval-last-sexp",
    "read-from-string",
    "(read ",
    "base64-decode",
    "byte-code",
    "(intern ",
    "(compile ",
    "eshell-command",
    "dired-do-shell",
    "make-network-process",
    "open-network-stream",
    "delete-file",
    "(term ",
    "(ansi-term ",
];
/// What a modeline of Vim begins with.
const MARKS: &[&str] = &["vim:", "vi:", "ex:", "Vim:", "vim<", "vim>", "vim="];
/// Options of Vim whose value is evaluated or is a program.
const OPTIONS: &[&str] = &[
    "fde",
    "foldexpr",
    "fdt",
    "foldtext",
    "fex",
    "formatexpr",
    "inex",
    "includeexpr",
    "inde",
    "indentexpr",
    "stl",
    "statusline",
    "ruf",
    "rulerformat",
    "titlestring",
    "iconstring",
    "tal",
    "tabline",
    "bexpr",
    "balloonexpr",
    "pexpr",
    "printexpr",
    "dex",
    "diffexpr",
    "pex",
    "patchexpr",
    "ccv",
    "charconvert",
    "opfunc",
    "operatorfunc",
    "winbar",
    "statuscolumn",
];
/// What starts programs, fetches, writes or loads code in such a value.
const VIM: &[&str] = &[
    "system(",
    "systemlist(",
    "execute(",
    "win_execute(",
    ":!",
    "source",
    "writefile(",
    "assert_fails(",
    "libcall",
    "py3eval(",
    "pyeval(",
    "pyxeval(",
    "luaeval(",
    "perleval(",
    "rubyeval(",
    "mzeval(",
    "job_start(",
    "jobstart(",
    "termopen(",
    "term_start(",
    "feedkeys(",
    "nvim_",
    "rpcrequest(",
    "delete(",
    "call system",
];

/// Whether people open such a part in an editor.
pub(super) fn wants(part: &Part) -> bool {
    part.role != Role::Body
        && (matches!(part.kind.class, Class::Text | Class::Script)
            || ["tex", "xml", "json", "postscript"].iter().any(|kind| part.is(kind)))
}

/// Looks at both ends of a text, of which `bytes` are those from `offset` on.
pub(super) fn look(part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) {
    let last = offset.saturating_add(bytes.len() as u64) >= part.size;
    let head = if offset == 0 { first_lines(bytes) } else { &[] };
    let (tail, list) = if last { (last_lines(bytes), end_of(bytes)) } else { (&[][..], &[][..]) };
    if !findings.step((head.len() + tail.len() + list.len()) as u64) {
        return;
    }
    let (head, tail) = (decode(head), decode(tail));
    // LIMIT: Emacs looks at no other lines for what stands between two `-*-`.
    let mut first = head.lines().take(2);
    let told = first
        .find_map(in_first_line)
        .or_else(|| in_list(part, &decode(list)))
        .or_else(|| head.lines().chain(tail.lines()).find_map(of_vim));
    if let Some(value) = told {
        let message = "opening the text in an editor runs what one of its lines tells the editor to";
        let found = Finding::new("hooks.editor", ID, Severity::Medium, Family::Behaviour, message);
        findings.add(found.with("value", cut(&value)).technique("T1204.002").technique("T1059"));
    }
}

/// The lines at the beginning, however long they are.
fn first_lines(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr_iter(b'\n', bytes).nth(LINES);
    bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default()
}

/// The lines at the end, however long they are.
fn last_lines(bytes: &[u8]) -> &[u8] {
    let start = memchr::memrchr_iter(b'\n', bytes.trim_ascii_end()).nth(LINES);
    bytes.get(start.unwrap_or(0)..).unwrap_or_default()
}

/// What Emacs looks at for its list.
fn end_of(bytes: &[u8]) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(LIST)..).unwrap_or_default()
}

/// Variables of Emacs between two `-*-`.
fn in_first_line(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("-*-")?;
    let (variables, _) = rest.split_once("-*-")?;
    evaluated(&variables.to_lowercase())
}

/// The list of variables of Emacs at the end.
fn in_list(part: &Part, text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let (_, list) = lower.rsplit_once("local variables:")?;
    let (list, behind) = list.split_once("end:").unwrap_or((list, ""));
    // What writes about such lists goes on behind its example.
    let prose = part.is("markdown") || part.is("rst");
    if prose && behind.lines().filter(|line| line.chars().any(char::is_alphanumeric)).count() > 1 {
        return None;
    }
    evaluated(list)
}

/// What variables in lower case have evaluated, where that starts something.
fn evaluated(variables: &str) -> Option<String> {
    let code = variables.match_indices("eval").find_map(|(at, word)| {
        let behind = variables.get(at + word.len()..)?;
        behind.trim_start_matches([' ', '\t']).strip_prefix(':')
    })?;
    LISP.iter().any(|word| code.contains(word)).then(|| code.to_owned())
}

/// A modeline of Vim with an option whose value starts something.
fn of_vim(line: &str) -> Option<String> {
    let options = MARKS.iter().find_map(|mark| {
        line.match_indices(mark).find_map(|(at, _)| {
            // A word that only ends so is no mark.
            let before = line.get(..at)?.chars().next_back();
            before.is_none_or(char::is_whitespace).then(|| line.get(at + mark.len()..)).flatten()
        })
    })?;
    let evaluates = OPTIONS.iter().any(|option| {
        options.match_indices(option).any(|(at, _)| {
            let before = options.get(..at).and_then(|text| text.chars().next_back());
            let behind = options.get(at + option.len()..).unwrap_or_default();
            before.is_none_or(|c| c.is_whitespace() || c == ':')
                && behind.trim_start_matches(['+', '^', '-']).starts_with('=')
        })
    });
    let plain: String = options.chars().filter(|c| *c != '\\').collect::<String>().to_lowercase();
    (evaluates && VIM.iter().any(|word| plain.contains(word))).then(|| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[track_caller]
    fn check(name: &str, kind: &'static str, text: &str, expected: &[&str]) {
        let mut part = part(name, kind, Class::Text);
        part.size = text.len() as u64;
        assert_eq!(ids(&Settings, &part, text.as_bytes()), expected, "{name}: {text}");
    }

    #[test]
    fn a_text_that_has_its_editor_run_something_is_found_however_long_its_lines_are() {
        let long = "a".repeat(40_000);
        for text in [
            "/* -*- mode: c; eval: (shell-command \"echo\") -*- */\nint a;\n".to_owned(),
            "#!/bin/sh\n# -*- eval: (call-process \"echo\") -*-\n".to_owned(),
            format!("{long}\n# Local Variables:\n# mode: text\n# eval: (progn\n#   (start-process \"a\" nil \"echo\"))\n# End:\n"),
            "a\n; Local Variables:\n; eval: (funcall (intern (concat \"shell-\" \"command\")) \"echo\")\n; End:\n\nmore\n"
                .to_owned(),
            ":!echo||\" vi:fen:fdm=expr:fde=assert_fails(\"source\\!\\ \\%\"):fdl=0:fdt=\"\n".to_owned(),
            "# vim: set stl=%{system('echo')}:\n".to_owned(),
            format!("{long} vim: set foldexpr=execute('\\:!echo') :\nb\n"),
            format!("{}# vim: set inde=libcall('a','b',1):\n", "line\n".repeat(5_000)),
        ] {
            check("a.txt", "text", &text, &["hooks.editor"]);
        }
    }

    #[test]
    fn what_people_tell_their_editors_is_left_alone() {
        for (kind, text) in [
            ("c", "/* -*- mode: c; c-basic-offset: 4; eval: (outline-minor-mode 1) -*- */\n"),
            ("lisp", ";; Local Variables:\n;; eval: (put 'a 'lisp-indent-function 1)\n;; End:\n"),
            ("text", "a\n# vim: set ts=8 sw=4 tw=0 et :\n"),
            ("vim", "\" vim:set fdm=expr fde=getline(v\\:lnum)=~'^\\\\s*$':\n"),
            (
                "text",
                "A modeline such as `vim: set fde=...` may call system(), and an editor reads it.\nText: eval: shell-command\n",
            ),
            (
                "markdown",
                "Emacs runs this:\n\n    ;; Local Variables:\n    ;; eval: (shell-command \"echo\")\n    ;; End:\n\nSo be careful.\nAsk before.\n",
            ),
            ("text", "middle\n1\n2\n3\n4\n5\n6\n# vim: set fde=system('a'):\n1\n2\n3\n4\n5\n6\n7\n8\n"),
        ] {
            check("a.txt", kind, text, &[]);
        }
    }
}
