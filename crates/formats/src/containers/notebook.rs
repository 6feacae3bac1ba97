//! Notebooks of Jupyter (nbformat 4, and 3 and 1 where they differ): code cells, lines and cells that a shell runs, output that a
//! browser renders, files attached to text.

use super::decode;
use super::json::Json;
use crate::{Content, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use memchr::memmem;

/// Bytes of a notebook that are read.
const MOST: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Bytes looked through at a time.
const CHUNK: u64 = 1 << 20;
/// What every notebook has in it.
const WORDS: [&[u8]; 2] = [b"\"cells\"", b"\"cell_type\""];
/// Small letters written as numbers, which no writer of notebooks does: any word may be meant.
const HIDDEN: [&[u8]; 2] = [b"\\u006", b"\\u007"];

/// Opens notebooks; other JSON has nothing in it.
pub(super) struct Notebook;

impl Format for Notebook {
    fn id(&self) -> &'static str {
        "notebook"
    }

    fn kinds(&self) -> &'static [&'static str] {
        // What stands behind many blanks is taken for text.
        &["json", "text"]
    }

    fn summary(&self) -> &'static str {
        "Jupyter notebooks: code cells, commands for a shell, pages and scripts in output, attachments"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        if !may_be_notebook(input, parts)? {
            return Ok(());
        }
        if input.len() > MOST {
            parts.incomplete(format!("it may be a notebook, and more than {MOST} bytes are not read"));
            return Ok(());
        }
        let bytes = input.window(0, usize::try_from(MOST).unwrap_or(usize::MAX))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut notebook = Document::default();
        // What was read of one that ends early counts as well.
        let _ = notebook.read(&mut Json::new(bytes));
        notebook.hand_over(parts)
    }
}

/// Whether it may be a notebook, by the words in it.
fn may_be_notebook(input: &Content, parts: &mut Parts<'_, '_>) -> Result<bool, OpenError> {
    let mut seen = [false; 2];
    let mut at = 0;
    while at < input.len() && seen != [true; 2] {
        parts.budget().check_time().map_err(OpenError::Limit)?;
        // A little more, so that a word across the border is seen.
        let window = input.window(at, CHUNK as usize + 16)?;
        let has = |word: &[u8]| memmem::find(&window, word).is_some();
        let hidden = HIDDEN.iter().any(|start| has(start));
        for (seen, word) in seen.iter_mut().zip(WORDS) {
            *seen |= hidden || has(word);
        }
        at += CHUNK;
    }
    Ok(seen == [true; 2])
}

/// What a notebook holds, as far as it matters here.
#[derive(Default)]
struct Document {
    /// What its metadata call its language and its kernel, in small letters.
    languages: Vec<String>,
    /// The source of code cells.
    code: Vec<String>,
    /// Media type and text of output.
    output: Vec<(String, String)>,
    /// Name, media type and Base64 of files attached to cells.
    attached: Vec<(String, String, String)>,
}

impl Document {
    fn read(&mut self, json: &mut Json<'_>) -> Option<()> {
        json.object(&mut |json, name| match (&*name, json.peek()?) {
            ("cells", b'[') => self.cells(json),
            ("worksheets", b'[') => json.array(&mut |json| {
                if json.peek()? != b'{' {
                    return json.skip();
                }
                json.object(&mut |json, name| match (&*name, json.peek()?) {
                    ("cells", b'[') => self.cells(json),
                    _ => json.skip(),
                })
            }),
            ("metadata", b'{') => json.object(&mut |json, name| match (&*name, json.peek()?) {
                // The kernel's name decides what runs the code, whatever language is said to be its.
                ("kernelspec" | "language_info", b'{') => json.object(&mut |json, key| {
                    let value = json.joined()?;
                    if matches!(&*key, "language" | "name")
                        && let Some(language) = value
                    {
                        self.languages.push(language.to_ascii_lowercase());
                    }
                    Some(())
                }),
                _ => json.skip(),
            }),
            _ => json.skip(),
        })
    }

    fn cells(&mut self, json: &mut Json<'_>) -> Option<()> {
        json.array(&mut |json| {
            if json.peek()? != b'{' {
                return json.skip();
            }
            let (mut runs, mut sources) = (false, Vec::new());
            json.object(&mut |json, name| match (&*name, json.peek()?) {
                ("cell_type", b'"') => {
                    runs |= json.joined()?.is_some_and(|kind| kind == "code");
                    Some(())
                }
                // Before version 4 it was `input`, and `code` in the first.
                ("source" | "input" | "code", b'"' | b'[') => {
                    sources.extend(json.joined()?);
                    Some(())
                }
                ("outputs", b'[') => self.outputs(json),
                ("attachments", b'{') => self.attachments(json),
                _ => json.skip(),
            })?;
            if runs {
                self.code.append(&mut sources);
            }
            Some(())
        })
    }

    fn outputs(&mut self, json: &mut Json<'_>) -> Option<()> {
        json.array(&mut |json| {
            if json.peek()? != b'{' {
                return json.skip();
            }
            json.object(&mut |json, name| match (&*name, json.peek()?) {
                ("data", b'{') => json.object(&mut |json, media_type| {
                    if let Some(text) = json.joined()? {
                        self.output.push((media_type, text));
                    }
                    Some(())
                }),
                // Version 3 has short names beside the rest.
                ("html", _) => self.old_output("text/html", json),
                ("javascript", _) => self.old_output("application/javascript", json),
                ("svg", _) => self.old_output("image/svg+xml", json),
                _ => json.skip(),
            })
        })
    }

    fn old_output(&mut self, media_type: &str, json: &mut Json<'_>) -> Option<()> {
        if let Some(text) = json.joined()? {
            self.output.push((media_type.to_owned(), text));
        }
        Some(())
    }

    fn attachments(&mut self, json: &mut Json<'_>) -> Option<()> {
        json.object(&mut |json, name| {
            if json.peek()? != b'{' {
                return json.skip();
            }
            json.object(&mut |json, media_type| {
                if let Some(text) = json.joined()? {
                    self.attached.push((name.clone(), media_type, text));
                }
                Some(())
            })
        })
    }

    fn hand_over(self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let python = self.languages.is_empty() || self.languages.iter().any(|language| language.contains("py"));
        let kind = if python { Some("py") } else { self.languages.iter().find_map(|language| kind_of(language)) };
        let (mut code, mut shell) = (String::new(), String::new());
        for cell in &self.code {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let magic = if python { cell_magic(cell) } else { None };
            match magic {
                Some((Some("sh"), lines)) => append(&mut shell, lines),
                Some((kind, lines)) => {
                    let member = Member::unnamed(Role::Script, "cell");
                    let member = if let Some(kind) = kind { member.of_kind(kind) } else { member };
                    parts.add_content(member, Content::from(lines.as_bytes()))?;
                }
                None => {
                    if python {
                        append(&mut shell, &commands(cell));
                    }
                    append(&mut code, cell);
                }
            }
        }
        for (name, text, kind) in [("code", code, kind), ("shell", shell, Some("sh"))] {
            if !text.trim().is_empty() {
                let member = Member::unnamed(Role::Script, name);
                let member = if let Some(kind) = kind { member.of_kind(kind) } else { member };
                parts.add_content(member, Content::from(text.into_bytes()))?;
            }
        }
        for (media_type, text) in self.output {
            add_rendered(Member::unnamed(Role::Embedded, "output"), media_type, text, parts)?;
        }
        for (name, media_type, text) in self.attached {
            add_rendered(Member::named(Role::Attachment, name), media_type, text, parts)?;
        }
        Ok(())
    }
}

fn append(all: &mut String, text: &str) {
    if !text.is_empty() {
        all.push_str(text);
        all.push('\n');
    }
}

/// The kind of code in a language; none where identification has to tell.
fn kind_of(language: &str) -> Option<&'static str> {
    Some(match language {
        "python" | "python3" | "ipython" => "py",
        "bash" | "sh" | "zsh" | "shell" => "sh",
        "javascript" | "js" | "node" => "js",
        "powershell" | "pwsh" => "ps1",
        "cmd" => "bat",
        "perl" => "perl",
        "ruby" => "ruby",
        _ => return None,
    })
}

/// What the first line of a cell makes of the rest: a kind, and the lines (IPython, "Cell magics").
fn cell_magic(cell: &str) -> Option<(Option<&'static str>, &str)> {
    let rest = cell.trim_start().strip_prefix("%%")?;
    let (line, lines) = rest.split_once('\n').unwrap_or((rest, ""));
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let name = if name == "script" { words.find(|word| !word.starts_with('-')).unwrap_or_default() } else { name };
    Some(match name.rsplit('/').next().unwrap_or_default() {
        "!" | "sx" | "system" => (Some("sh"), lines),
        "html" | "HTML" => (Some("html"), lines),
        "svg" | "SVG" => (None, lines),
        "python" | "python2" | "python3" | "pypy" => (Some("py"), lines),
        // Timing, capturing, writing to a file: the rest is code, or what becomes a file.
        other => match kind_of(other) {
            Some(kind) => (Some(kind), lines),
            None if matches!(other, "writefile" | "file") => (None, lines),
            None => return None,
        },
    })
}

/// The commands that lines of a cell give to a shell: `!command`, `name = !command`, `%sx command`.
fn commands(cell: &str) -> String {
    let mut all = String::new();
    let mut goes_on = false;
    for line in cell.lines() {
        let start = line.trim_start();
        let start = match start.split_once('=') {
            Some((_, right)) if right.trim_start().starts_with(['!', '%']) && !start.starts_with(['!', '%']) => {
                right.trim_start()
            }
            _ => start,
        };
        let command = if goes_on {
            Some(line)
        } else {
            let magic = ["!!", "!", "%sx ", "%system ", "%%sx "].iter().find_map(|magic| start.strip_prefix(magic));
            magic.filter(|command| !command.starts_with('='))
        };
        goes_on = false;
        if let Some(command) = command {
            goes_on = command.trim_end().ends_with('\\');
            append(&mut all, command);
        }
    }
    all
}

/// Adds what a browser renders, by its media type; binary output is Base64.
fn add_rendered(member: Member, media_type: String, text: String, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
    let lower = media_type.to_ascii_lowercase();
    let essence = lower.split(';').next().unwrap_or_default().trim();
    let (member, bytes) = match essence {
        "text/html" => (member.of_kind("html"), text.into_bytes()),
        "application/javascript" | "text/javascript" => {
            // A script of a page is judged by what it does.
            (Member { role: Role::Script, ..member }.of_kind("js-embedded"), text.into_bytes())
        }
        "image/svg+xml" => (member, text.into_bytes()),
        _ if essence.starts_with("text/") || essence.contains("json") => return Ok(()),
        // Libraries have types of their own, with text or markup under them.
        _ if essence.starts_with("application/") && !is_letters(&text) => (member, text.into_bytes()),
        _ => (member, decode::base64(text.as_bytes())),
    };
    if bytes.is_empty() {
        return Ok(());
    }
    parts.add_content(member.declared(media_type), Content::from(bytes))
}

/// Whether a text is Base64, in lines or not.
fn is_letters(text: &str) -> bool {
    decode::is_base64(&text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use lazaret_model::Role;

    fn check(cells: &str) -> Recorded {
        let json = format!(
            r#"{{"cells": [{cells}], "metadata": {{"kernelspec": {{"name": "python3", "language": "python"}}}}, "nbformat": 4}}"#
        );
        walk(json.as_bytes(), "a.ipynb")
    }

    #[test]
    fn code_commands_output_and_attachments_are_parts() {
        for (cell, part, kind, text) in [
            (r#"{"cell_type": "code", "source": ["import os\n", "x = 1"]}"#, "//code", "py", "import os\nx = 1\n"),
            (r#"{"source": "import os", "cell_type": "code"}"#, "//code", "py", "import os\n"),
            (r#"{"cell_type": "code", "source": "a = 1\n!echo LAZARET"}"#, "//shell", "sh", "echo LAZARET\n\n"),
            (r#"{"cell_type": "code", "source": "x = !echo LAZARET"}"#, "//shell", "sh", "echo LAZARET\n\n"),
            (r#"{"cell_type": "code", "source": "%%bash\necho LAZARET"}"#, "//shell", "sh", "echo LAZARET\n"),
            (
                r#"{"cell_type": "code", "source": "%%script --no-raise bash\necho LAZARET"}"#,
                "//shell",
                "sh",
                "echo LAZARET\n",
            ),
            (r#"{"cell_type": "code", "source": "%%javascript\nalert(1)"}"#, "//cell", "js", "alert(1)"),
            (
                r#"{"cell_type": "code", "outputs": [{"data": {"text/html": ["<b>", "LAZARET</b>"], "text/plain": "x"}}]}"#,
                "//output",
                "html",
                "<b>LAZARET</b>",
            ),
            (
                r#"{"cell_type": "code", "outputs": [{"data": {"application/javascript": "alert(1)"}}]}"#,
                "//output",
                "js-embedded",
                "alert(1)",
            ),
            (
                r#"{"cell_type": "code", "outputs": [{"data": {"application/x-load.v0": "<div id=\"a\">LAZARET</div>"}}]}"#,
                "//output",
                "html",
                "<div id=\"a\">LAZARET</div>",
            ),
            (
                r#"{"cell_type": "code", "outputs": [{"data": {"application/x-load.v0": "QGVjaG8gb2ZmDQpl Y2hvIExBWkFSRVQNCg=="}}]}"#,
                "//output",
                "bat",
                "@echo off\r\necho LAZARET\r\n",
            ),
            (
                r#"{"cell_type": "markdown", "attachments": {"a.txt": {"image/png": "TEFaQVJFVA=="}}}"#,
                "//a.txt",
                "text",
                "LAZARET",
            ),
            (r#"{"cell_type": "code", "so\u0075rce": "import os"}"#, "//code", "py", "import os\n"),
        ] {
            let found = check(cell);
            assert_eq!(String::from_utf8_lossy(found.bytes(part)), text, "{cell}");
            assert_eq!(found.part(part).kind.id, kind, "{cell}");
            assert!(found.complete() && found.parts[0].kind.id == "json", "{cell}");
        }
    }

    #[test]
    fn old_notebooks_and_odd_forms_are_read() {
        let cell = r#"{"cell_type": "code", "input": "import os", "outputs": [{"html": "<b>x</b>"}]}"#;
        for json in [
            format!(r#"{{"worksheets": [{{"cells": [{cell}]}}], "nbformat": 3}}"#),
            format!(r#"{{"x": NaN, "y": -Infinity, "worksheets": [{{"cells": [{cell}]}}]}}"#),
            format!("{}{{\"worksheets\": [{{\"cells\": [{cell}]}}]}}", " ".repeat(70_000)),
            format!(r#"{{"x": "{}", "worksheets": [{{"cells": [{cell}]}}]}}"#, "A".repeat(70_000)),
        ] {
            let found = walk(json.as_bytes(), "a.ipynb");
            assert_eq!(found.bytes("//code"), b"import os\n");
            assert_eq!(found.bytes("//output"), b"<b>x</b>");
            assert_eq!(found.part("//code").role, Role::Script);
        }
    }

    #[test]
    fn other_documents_have_nothing_in_them_and_long_ones_say_so() {
        let cells = r#"{"cells": 3, "a": {"cell_type": "neuron", "source": "import os"}}"#;
        let found = walk(cells.as_bytes(), "cells.json");
        assert!(found.parts.len() == 1 && found.complete());
        let long = format!(r#"{{"cells": [{{"cell_type": "code"}}]{}}}"#, " ".repeat(super::MOST as usize));
        assert!(!walk(long.as_bytes(), "a.ipynb").complete());
    }
}
