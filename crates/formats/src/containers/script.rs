//! Scripts and command lines: what they carry encoded (PowerShell `-EncodedCommand`, Base64, byte arrays, and Microsoft
//! Script Encoder in `encoder`).

use super::{encoder, literals};
use crate::{Content, Format, Member, OpenError, Parts, encoding, identify};
use lazaret_model::Role;
use std::collections::HashSet;

/// Bytes of a script that are read.
const MOST: u64 = 32 << 20;

/// Opens scripts.
pub(super) struct Script;

impl Format for Script {
    fn id(&self) -> &'static str {
        "script"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["js", "js-embedded", "vbs", "ps1", "bat", "command-line", "vba", "jse", "vbe", "sh", "py", "php"]
    }

    fn summary(&self) -> &'static str {
        "encoded commands, Base64 and byte arrays in scripts; encoded JScript and VBScript; nothing is executed"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        let kind = parts.part().kind.id.clone();
        for encoded in encoder::blocks(&text) {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            match encoded {
                Ok(script) => {
                    let id = if kind == "vbe" || encoder::looks_basic(&script) { "vbs" } else { "js" };
                    let member = Member::unnamed(Role::Payload, "decoded").of_kind(id);
                    parts.add_content(member, Content::from(script.into_bytes()))?;
                }
                Err(reason) => parts.incomplete(reason),
            }
        }
        if matches!(&*kind, "ps1" | "bat" | "command-line" | "js" | "js-embedded" | "vbs" | "vba" | "sh") {
            for command in encoded_commands(&text) {
                let member = Member::unnamed(Role::Payload, "encoded-command").of_kind("ps1");
                parts.add_content(member, Content::from(command.into_bytes()))?;
            }
        }
        if kind == "bat"
            && let Some(inner) = behind_a_batch_header(&text)
        {
            let member = Member::unnamed(Role::Script, "powershell").of_kind("ps1");
            parts.add_content(member, Content::from(inner.as_bytes()))?;
        }
        parts.budget().check_time().map_err(OpenError::Limit)?;
        let payloads = literals::payloads(&text, parts.budget());
        if let Some(reason) = payloads.incomplete {
            parts.incomplete(reason);
        }
        for payload in payloads.found {
            // LIMIT: a few bytes that are no file of any kind are numbers or keys; nothing that runs is so short and unknown.
            if payload.len() < SHORT && identify(&Content::from(payload.as_slice()))?.kind.is_unknown() {
                continue;
            }
            parts.add_content(Member::unnamed(Role::Payload, "payload"), Content::from(payload))?;
        }
        Ok(())
    }
}

/// Bytes below which what nobody knows is no file.
const SHORT: usize = 64;

/// What `-EncodedCommand`, in any abbreviation, is given: Base64 of UTF-16 (about_PowerShell_exe).
fn encoded_commands(text: &str) -> Vec<String> {
    let plain = text.replace('^', "");
    let mut commands: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    let words = plain.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '(' | ')' | '`'));
    let mut asked = false;
    for word in words {
        if word.is_empty() {
            continue;
        }
        if asked && word.len() >= 8 && super::decode::is_base64(word.as_bytes()) {
            let bytes = super::decode::base64(word.as_bytes());
            let (command, ..) = encoding_rs::UTF_16LE.decode(&bytes);
            let command = command.into_owned();
            // Options of other programs begin alike; what PowerShell runs is written in its own letters.
            let letters = command.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphanumeric));
            if letters && known.insert(command.clone()) {
                commands.push(command);
            }
        }
        let option = word.trim_start_matches(['-', '/', '\u{2013}', '\u{2014}', '\u{2015}']).to_ascii_lowercase();
        asked = option.len() < word.len()
            && (option == "ec" || !option.is_empty() && "encodedcommand".starts_with(&option));
    }
    commands
}

/// A command file whose rest is PowerShell: `<# :` opens a comment there and is a redirection here.
fn behind_a_batch_header(text: &str) -> Option<&str> {
    let start = text.trim_start();
    let rest = start.strip_prefix("<#")?;
    rest.split_once("#>").map(|(_, script)| script.trim()).filter(|script| !script.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::testing::walk_with;
    use lazaret_model::Limits;

    #[track_caller]
    fn check(script: &str, kind: &'static str, name: &str, expected: &[u8]) {
        let found = walk_with(script.as_bytes(), "x", Some(kind), &[], Limits::default());
        assert_eq!(found.bytes(name), expected);
    }

    /// Base64 of UTF-16 of `Write-Host LAZARET`.
    const ENCODED: &str = "VwByAGkAdABlAC0ASABvAHMAdAAgAEwAQQBaAEEAUgBFAFQA";

    #[test]
    fn encoded_commands_are_read() {
        for line in [
            "powershell -enc X",
            "powershell.exe -NoP -w hidden -EncodedCommand \"X\"",
            "p^owershell /e X",
            "pwsh -ec X",
        ] {
            check(&line.replace('X', ENCODED), "command-line", "encoded-command", b"Write-Host LAZARET");
        }
        check(&format!("s.Run('powershell -e {ENCODED}')"), "js", "encoded-command", b"Write-Host LAZARET");
    }

    #[test]
    fn payloads_in_literals_are_found() {
        check("x = atob('TEFaQVJFVC1NQVJLRVI=');", "js", "payload", b"LAZARET-MARKER");
        let batch = "<# :\r\n@echo off\r\npowershell -f %0\r\n#>\r\nWrite-Host LAZARET\r\n";
        check(batch, "bat", "powershell", b"Write-Host LAZARET");
    }

    #[test]
    fn an_encoded_script_that_cannot_be_read_is_not_complete() {
        let found = walk_with(&b"#@~^AAAA"[..], "x.jse", Some("jse"), &[], Limits::default());
        assert!(!found.part("x.jse").complete);
    }
}
