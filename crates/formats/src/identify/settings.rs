//! Settings and shortcuts as text, calendars, tables: what shows in the form of its first lines.

use super::mails;
use super::probe::Probe;
use crate::containers::{cms, encoder};
use memchr::memmem;

pub(super) fn look(text: &str, probe: &Probe<'_>) -> Option<&'static str> {
    let mail = || mails::look(text, probe);
    first_words(text).or_else(|| sections(text)).or_else(|| rdp(text)).or_else(mail).or_else(|| json(text))
}

/// A desktop entry, which may follow an interpreter line.
pub(super) fn entry(text: &str) -> Option<&'static str> {
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).take(1);
    lines.any(|line| line == "[Desktop Entry]").then_some("desktop")
}

/// A SYLK table whose first record says something else than who wrote it. Tables of prices begin with a column called so as well: a
/// record of a cell or a name follows.
fn is_sylk(text: &str) -> bool {
    let mut records = text.split(['\r', '\n']);
    let begins = records.next().is_some_and(|first| first == "ID" || first.starts_with("ID;"));
    let cell = |line: &str| {
        let place = line.strip_prefix("C;").and_then(|rest| rest.strip_prefix(['X', 'Y']));
        let number = place.and_then(|place| place.split(';').next()).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && line.matches(';').count() > 1
    };
    begins && records.any(|line| cell(line) || line.starts_with("NN;N"))
}

/// Formats that announce themselves in their first line.
fn first_words(text: &str) -> Option<&'static str> {
    let start = text.trim_start();
    // LIMIT: longer than any word in the table.
    let lower: String = start.chars().take(64).collect::<String>().to_ascii_lowercase();
    const FIRST: &[(&str, &str)] = &[
        ("windows registry editor version", "reg"),
        ("regedit4", "reg"),
        ("id;p", "slk"),
        ("xlodbc\n", "dqy"),
        ("xlodbc\r", "dqy"),
        ("querytype=oledb", "dqy"),
        ("querytype=olap", "dqy"),
        ("begin:vcard", "vcard"),
        ("begin:vcalendar", "ics"),
        ("%!ps-adobefont", "type1"),
        ("%!fonttype1", "type1"),
        ("%!ps", "postscript"),
        ("%pdf-", "pdf"),
        ("startfontmetrics", "afm"),
        ("startfont 2.", "bdf"),
        ("# disk descriptorfile", "vmdk"),
        ("diff --git ", "diff"),
        ("index: ", "diff"),
        ("-----begin pgp public", "pgp-key"),
        ("-----begin pgp private", "pgp-key"),
        ("-----begin pgp signature", "pgp-signature"),
        ("-----begin pgp", "pgp-message"),
        ("-----begin openssh", "ssh-key"),
        ("-----begin pkcs7", "pkcs7"),
        ("-----begin pkcs #7", "pkcs7"),
        ("-----begin pkcs#7", "pkcs7"),
        ("-----begin cms", "pkcs7"),
        ("-----begin ", "pem"),
        ("---- begin ssh2", "ssh-key"),
        ("ssh-rsa aaaa", "ssh-key"),
        ("ssh-ed25519 aaaa", "ssh-key"),
        ("ecdsa-sha2-nistp", "ssh-key"),
        ("webvtt", "vtt"),
        ("#extm3u", "m3u"),
        ("[playlist]", "pls"),
        ("#@~^", "jse"),
        ("<?php", "php"),
        ("begin-base64", "uuencode"),
        ("=ybegin ", "yenc"),
        ("(this file must be converted with binhex", "binhex"),
        ("# this is a shell archive", "shar"),
        ("\\documentclass", "tex"),
        ("\\input texinfo", "texinfo"),
        ("\\documentstyle", "tex"),
    ];
    if let Some((_, id)) = FIRST.iter().find(|(word, _)| lower.starts_with(word)) {
        return Some(match *id {
            "jse" => encoded_script(text),
            // What is signed in clear is text, and looked at as such.
            "pgp-message" if lower.starts_with("-----begin pgp signed") => return None,
            // `Index: ` also starts prose.
            "diff" if lower.starts_with("index") && !text.contains("\n+++ ") => return None,
            id => id,
        });
    }
    if is_sylk(start) {
        return Some("slk");
    }
    if cms::is_encoded(start) {
        return Some("pkcs7");
    }
    if let Some(rest) = lower.strip_prefix("begin ")
        && rest
            .get(..4)
            .is_some_and(|mode| mode.trim_end().bytes().all(|b| matches!(b, b'0'..=b'7')) && mode.trim().len() >= 3)
        && uuencoded(start)
    {
        return Some("uuencode");
    }
    // MS-XLS web query: WEB, 1, then an address.
    let mut lines = start.lines().map(str::trim);
    if lines.next().is_some_and(|l| l.eq_ignore_ascii_case("web"))
        && lines.next().is_some_and(|l| l.parse::<u32>().is_ok())
        && lines.next().is_some_and(|l| l.contains("://") || l.starts_with("\\\\"))
    {
        return Some("iqy");
    }
    // ClickOnce references are one UTF-16 line: address#name.application, ….
    if start.starts_with("http")
        && start.lines().count() <= 2
        && start.contains(".application#")
        && start.contains("culture=")
    {
        return Some("appref-ms");
    }
    if (start.starts_with("--- ") && start.contains("\n+++ ")) && start.contains("\n@@ ") {
        return Some("diff");
    }
    // LIMIT: encoded scripts run by their name, which policy goes by.
    if memmem::find(start.get(..4096).unwrap_or(start).as_bytes(), b"#@~^").is_some()
        && start.contains("==")
        && start.contains("^#~@")
    {
        return Some(encoded_script(text));
    }
    None
}

fn uuencoded(text: &str) -> bool {
    text.lines().nth(1).is_some_and(|line| {
        let expected = line.bytes().next().map_or(0, |b| usize::from(b.wrapping_sub(32) & 63));
        line.len() > expected && expected > 0 || line == "`" || line.is_empty()
    })
}

/// Encoded scripts do not say their language; JScript is the commoner, and a marked one may say.
fn encoded_script(text: &str) -> &'static str {
    // LIMIT: tells which of two languages it is; both are judged alike.
    let lower = text.get(..4096).unwrap_or(text).to_ascii_lowercase();
    if let Some(basic) = encoder::is_basic(text.as_bytes()) {
        return if basic { "vbe" } else { "jse" };
    }
    if lower.contains("vbscript.encode") || lower.contains("'**start encode**") { "vbe" } else { "jse" }
}

/// Whether any line starts with a bracket, as every section does.
fn has_header(text: &str) -> bool {
    memchr::memchr_iter(b'[', text.as_bytes()).any(|at| {
        let before = text.get(..at).unwrap_or_default();
        let before = before.trim_end_matches(|c: char| c.is_whitespace() && c != '\n');
        before.is_empty() || before.ends_with('\n')
    })
}

/// Settings in sections, and the shortcuts that are written so.
fn sections(text: &str) -> Option<&'static str> {
    if !has_header(text) {
        return None;
    }
    let mut headers: Vec<String> = Vec::new();
    let (mut pairs, mut quoted, mut others, mut lines) = (0u32, 0u32, 0u32, 0u32);
    let mut keys: Vec<String> = Vec::new();
    let mut before = 0u32;
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        lines += 1;
        if line.starts_with([';', '#']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            if line.contains(']') {
                headers.push(header.to_ascii_lowercase());
            } else if headers.is_empty() {
                others += 1;
            }
            continue;
        }
        match line.split_once('=') {
            Some((key, value))
                if !key.is_empty() && key.len() < 80 && !key.contains(['(', '{', ';', '$', '<', '"']) =>
            {
                pairs += 1;
                if value.trim_start().starts_with(['"', '[', '{'])
                    || matches!(value.trim(), "true" | "false")
                    || value.trim().parse::<i64>().is_ok()
                {
                    quoted += u32::from(key.ends_with(' '));
                }
                keys.push(key.trim().to_ascii_lowercase());
            }
            _ => others += 1,
        }
        if headers.is_empty() {
            before += 1;
        }
    }
    let any = |name: &str| headers.iter().any(|h| h == name);
    let key = |name: &str| keys.iter().any(|k| k == name);
    if any("internetshortcut") {
        let pinned = any("monitoreditem") || headers.iter().any(|h| h.starts_with("{a7af692e"));
        return Some(if pinned { "website" } else { "url" });
    }
    // Nothing but comments may come before (Desktop Entry Specification, "Group headers"); manuals quote such files.
    if before == 0 && (any("desktop entry") || any("kde desktop entry")) {
        return Some("desktop");
    }
    if any("shell") && (key("command") || key("iconfile")) && before == 0 {
        return Some("scf");
    }
    if any("theme")
        && (any("control panel\\desktop") || any("visualstyles") || any("masterthemeselector") || key("displayname"))
        && before == 0
    {
        return Some("theme");
    }
    if any("wfclient") && any("applicationservers") {
        return Some("ica");
    }
    if any("scriptfile") && key("path") && before == 0 {
        return Some("wsh");
    }
    if any("version")
        && key("signature")
        && (any("defaultinstall")
            || any("manufacturer")
            || any("strings")
            || any("sourcedisksnames")
            || headers.iter().any(|h| h.starts_with("defaultinstall")))
        || any("version") && text.to_ascii_lowercase().contains("\"$chicago$\"")
    {
        return Some("inf");
    }
    if headers.is_empty() || before > pairs / 4 + 2 || lines < 2 {
        return None;
    }
    if others * 4 > pairs + headers.len() as u32 {
        return None;
    }
    Some(if pairs > 0 && quoted * 10 >= pairs * 7 { "toml" } else { "ini" })
}

/// Remote desktop files are lines of `name:type:value` with types s, i and b.
fn rdp(text: &str) -> Option<&'static str> {
    let mut typed = 0;
    let mut address = false;
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut fields = line.splitn(3, ':');
        let (Some(name), Some(kind), Some(_)) = (fields.next(), fields.next(), fields.next()) else { return None };
        if !matches!(kind, "s" | "i" | "b") || name.contains(['=', '{', '(']) {
            return None;
        }
        typed += 1;
        address |= matches!(
            name.to_ascii_lowercase().as_str(),
            "full address"
                | "alternate full address"
                | "screen mode id"
                | "remoteapplicationprogram"
                | "drivestoredirect"
                | "alternate shell"
                | "username"
        );
    }
    (typed >= 1 && address).then_some("rdp")
}

/// JSON (RFC 8259): nothing but its tokens, up to the end or to where the head ends.
fn json(text: &str) -> Option<&'static str> {
    let start = text.trim();
    if !start.starts_with(['{', '[']) {
        return None;
    }
    let bytes = start.as_bytes();
    let (mut at, mut depth, mut values, mut documents) = (0usize, 0i32, 0usize, 0usize);
    let mut last = 0u8;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth < 0 {
                    return None;
                }
                if depth == 0 {
                    documents += 1;
                }
            }
            b'"' => {
                let mut end = at + 1;
                loop {
                    match bytes.get(end) {
                        Some(b'"') => break,
                        Some(b'\\') => end += 2,
                        Some(b'\n') => return None,
                        Some(_) => end += 1,
                        // Cut off inside a string, of which the first may be longer than the head.
                        None => {
                            let begun = values > 2 || matches!(last, b'{' | b':') || last == b',' && values > 0;
                            return (begun && text.len() > 60_000).then_some("json");
                        }
                    }
                }
                if !matches!(last, 0 | b'{' | b'[' | b',' | b':' | b'}') {
                    return None;
                }
                values += 1;
                at = end;
            }
            b',' | b':' => {
                if matches!(last, b'{' | b'[' | 0) && byte == b':' {
                    return None;
                }
            }
            // Python writes and reads the last two.
            b't' | b'f' | b'n' | b'N' | b'I' => {
                let word = ["true", "false", "null", "NaN", "Infinity"]
                    .iter()
                    .find(|w| bytes.get(at..).is_some_and(|r| r.starts_with(w.as_bytes())))?;
                at += word.len() - 1;
                values += 1;
            }
            b'0'..=b'9' | b'-' => {
                while bytes.get(at + 1).is_some_and(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
                    at += 1;
                }
                values += 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            _ => return None,
        }
        last = byte;
        at += 1;
    }
    if depth != 0 && text.len() < 60_000 {
        return None;
    }
    Some(if documents > 1 { "ndjson" } else { "json" })
}
