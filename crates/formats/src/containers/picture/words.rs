//! Commands, scripts and programs in what stands beside the pixels: text of PNG (ISO/IEC 15948, 11.3.4), comments and application
//! data of JPEG (ITU-T T.81, B.2.4), comments of GIF 89a (24), chunks of WebP (RFC 9649), frames of ID3v2.
//!
//! Nobody reads it there, and a script that knows where to look runs it. Ordinary words are no parts.

use crate::Budget;
use flate2::{Decompress, FlushDecompress};
use lazaret_model::Bounded;

/// Bytes of text from which it may be a command.
const LEAST: usize = 32;
/// Texts of one file that are handed over.
const MOST: usize = 16;
/// Bytes that one compressed text may unpack to.
const MOST_UNPACKED: usize = 1 << 20;
/// What only those write who want it to be run, in lower case.
const COMMANDS: &[&[u8]] = &[
    b"powershell -",
    b"powershell.exe -",
    b"pwsh -",
    b"cmd /c",
    b"cmd /k",
    b"cmd.exe /c",
    b"cmd.exe /k",
    b"mshta http",
    b"mshta.exe http",
    b"mshta javascript:",
    b"mshta vbscript:",
    b"rundll32 ",
    b"regsvr32 ",
    b"| iex",
    b"|iex",
    b"iex (",
    b"iex(",
    b"invoke-expression",
    b"net.webclient",
    b"bash -c ",
    b"/bin/sh -c ",
    b"python -c ",
    b"python3 -c ",
];
/// Shells that are handed what to run, unless they are the beginning of a word.
const SHELLS: &[&[u8]] = &[b"| sh", b"|sh", b"| bash", b"|bash"];
const SCRIPTS: &[&[u8]] = &[
    b"<?php",
    b"<script",
    b"<hta:application",
    b"<%eval",
    b"wscript.shell",
    b"createobject(",
    b"#!/bin/",
    b"#!/usr/bin/",
];
/// How Base64 of a Windows program begins (`MZ` and what compilers write behind it).
const PROGRAMS: &[&[u8]] = &[b"TVqQAA", b"TVpQAA", b"TVoAAA", b"TVqAAA", b"TVpBUl"];

/// A text and whether it is a command line, else something that is told by its form.
pub(super) type Words = (Vec<u8>, bool);

/// The texts of a picture or sound that hold something to run.
///
/// Where the budget is exhausted, the rest is not looked at.
pub(super) fn find(bytes: &[u8], budget: &mut Budget) -> Bounded<Words> {
    let mut found = Bounded::new("texts with commands", MOST);
    let mut each = |text: &[u8]| {
        for run in runs(text) {
            if let Some(is_command) = weigh(&run) {
                found.push((run, is_command));
            }
        }
    };
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes, &mut each, budget),
        [0xff, 0xd8, ..] => jpeg(bytes, &mut each),
        [b'G', b'I', b'F', ..] => gif(bytes, &mut each),
        [b'I', b'D', b'3', ..] => tag(bytes, &mut each),
        [b'R', b'I', b'F', b'F', ..] => riff(bytes, &mut each),
        _ => {}
    }
    found
}

/// Runs of letters, also of UTF-16, as EXIF and ID3 write it: without the zeros between them.
fn runs(text: &[u8]) -> Vec<Vec<u8>> {
    let zeros = text.iter().filter(|byte| **byte == 0).count();
    let wide = zeros * 3 > text.len();
    let is_letter = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0x80..);
    let letters: Vec<u8> = text.iter().copied().filter(|byte| !(wide && *byte == 0)).collect();
    letters.split(|byte| !is_letter(byte)).filter(|run| run.len() >= LEAST).map(<[u8]>::to_vec).collect()
}

/// Whether a text is a command, or something else to run; none for ordinary words.
fn weigh(text: &[u8]) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let has = |marks: &[&[u8]], text: &[u8]| marks.iter().any(|mark| memchr::memmem::find(text, mark).is_some());
    let ends = |at: usize| lower.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let shell = |mark: &&[u8]| memchr::memmem::find_iter(&lower, mark).any(|at| ends(at + mark.len()));
    if has(COMMANDS, &lower) || SHELLS.iter().any(shell) {
        return Some(true);
    }
    (has(SCRIPTS, &lower) || has(PROGRAMS, text)).then_some(false)
}

fn number(bytes: &[u8], at: usize, count: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(count)?)?;
    Some(bytes.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
}

fn png(bytes: &[u8], each: &mut dyn FnMut(&[u8]), budget: &mut Budget) {
    let mut at = 8_usize;
    while let (Some(length), Some(kind)) = (number(bytes, at, 4), bytes.get(at + 4..at + 8)) {
        let start = at + 8;
        let data = bytes.get(start..).and_then(|rest| rest.get(..length).or(Some(rest))).unwrap_or_default();
        match kind {
            b"tEXt" | b"eXIf" => each(data),
            // A name, its end, and how it is packed (11.3.3.3).
            b"iCCP" => each(&unpacked(after_zeros(data, 1).get(1..).unwrap_or_default(), budget)),
            b"IHDR" | b"PLTE" | b"IDAT" | b"fdAT" | b"fcTL" | b"tRNS" => {}
            // A keyword, its end, and how it is packed.
            b"zTXt" => each(&unpacked(after_zeros(data, 1).get(1..).unwrap_or_default(), budget)),
            b"iTXt" => {
                let rest = after_zeros(data, 1);
                let text = after_zeros(rest.get(2..).unwrap_or_default(), 2);
                if rest.first() == Some(&1) { each(&unpacked(text, budget)) } else { each(text) }
            }
            b"IEND" => return,
            // Chunks of a program's own.
            _ => each(data),
        }
        let Some(next) = start.checked_add(length).and_then(|end| end.checked_add(4)) else { return };
        at = next;
    }
}

/// What follows so many zeros.
fn after_zeros(bytes: &[u8], count: usize) -> &[u8] {
    bytes.splitn(count + 1, |byte| *byte == 0).nth(count).unwrap_or_default()
}

fn unpacked(bytes: &[u8], budget: &mut Budget) -> Vec<u8> {
    // LIMIT: a text of a picture; commands are shorter by far.
    let mut out = Vec::with_capacity(MOST_UNPACKED.min(bytes.len().saturating_mul(1024)));
    if budget.exhausted().is_none() {
        let _ = Decompress::new(true).decompress_vec(bytes, &mut out, FlushDecompress::Finish);
        // An exhausted budget ends the walk after this part.
        let _ = budget.charge_output(out.len() as u64);
        let _ = budget.step(8 * out.len() as u64);
    }
    out
}

fn jpeg(bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
    let mut at = 2_usize;
    while let (Some(0xff), Some(marker)) = (bytes.get(at), bytes.get(at + 1)) {
        match marker {
            0xff => {
                at += 1;
                continue;
            }
            0x01 | 0xd0..=0xd8 => {
                at += 2;
                continue;
            }
            // The picture itself, or its end.
            0xda | 0xd9 => return,
            _ => {}
        }
        let Some(length) = number(bytes, at + 2, 2) else { return };
        let end = at + 2 + length.max(2);
        if matches!(marker, 0xe0..=0xef | 0xfe) {
            each(bytes.get(at + 4..end.min(bytes.len())).unwrap_or_default());
        }
        at = end;
    }
}

fn gif(bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let Some(mut at) = bytes.get(10).map(|flags| 13_usize + table(*flags)) else { return };
    loop {
        let comment = match (bytes.get(at), bytes.get(at + 1)) {
            (Some(0x21), Some(label)) => {
                at += 2;
                matches!(label, 0xfe | 0xff)
            }
            (Some(0x2c), _) => {
                let Some(flags) = bytes.get(at + 9) else { return };
                // The table, and the byte that says how wide codes are.
                at += 11 + table(*flags);
                false
            }
            _ => return,
        };
        let mut text = Vec::new();
        loop {
            let Some(length) = bytes.get(at).map(|length| usize::from(*length)) else { return };
            let block = bytes.get(at + 1..at + 1 + length).unwrap_or_default();
            at += 1 + length;
            if length == 0 {
                break;
            }
            if comment {
                text.extend_from_slice(block);
            }
        }
        each(&text);
    }
}

/// Chunks of WebP (RFC 9649, 2.3) that are no pixels.
fn riff(bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
    let mut at = 12_usize;
    while let (Some(kind), Some(length)) = (bytes.get(at..at + 4), bytes.get(at + 4..at + 8)) {
        let length = length.iter().rev().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
        let start = at + 8;
        let data = bytes.get(start..).and_then(|rest| rest.get(..length).or(Some(rest))).unwrap_or_default();
        if !matches!(kind, b"VP8 " | b"VP8L" | b"VP8X" | b"ALPH" | b"ANIM" | b"ANMF") {
            each(data);
        }
        let Some(next) = start.checked_add(length).and_then(|end| end.checked_add(length & 1)) else { return };
        at = next;
    }
}

/// The frames of a tag (ID3v2.3 and 2.4, 3): each text is told with whatever describes it.
fn tag(bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
    let small = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        Some(bytes.iter().fold(0_usize, |number, byte| (number << 7) | usize::from(byte & 0x7f)))
    };
    let (Some(size), Some(version)) = (small(6), bytes.get(3)) else { return };
    let end = size.saturating_add(10).min(bytes.len());
    let mut at = 10_usize;
    while at + 10 < end {
        let length = if *version >= 4 { small(at + 4) } else { number(bytes, at + 4, 4) };
        let Some(length) = length.filter(|length| *length > 0) else { return };
        let last = at.saturating_add(10).saturating_add(length).min(end);
        // Pictures and other files have openers of their own.
        if !matches!(bytes.get(at..at + 4), Some(b"APIC" | b"GEOB" | b"PRIV")) {
            each(bytes.get(at + 10..last).unwrap_or_default());
        }
        at = last;
    }
}
