//! Text on its way to a terminal: nothing that came from a sample may steer the terminal or hide what it is.

use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub(crate) use lazaret_model::plain;

/// Prints a complaint to standard error.
pub(crate) fn complain(sentence: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}lazaret:{style:#} {sentence}");
}

/// Prints a remark to standard error.
pub(crate) fn remark(sentence: &str) {
    let style = anstyle::AnsiColor::Yellow.on_default();
    anstream::eprintln!("{style}lazaret:{style:#} {sentence}");
}

/// Writes to standard output as it is; a reader that has seen enough is no error.
pub(crate) fn print(bytes: &[u8]) -> io::Result<()> {
    pardon(io::stdout().lock().write_all(bytes))
}

/// Prints JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| end(&mut out))
        .or_else(|e| pardon(Err(e)))
}

/// Prints JSON for people to read.
pub(crate) fn pretty_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| end(&mut out))
        .or_else(|e| pardon(Err(e)))
}

fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\n")?;
    out.flush()
}

fn pardon(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// A path; bytes that are not UTF-8 appear as `\xNN`.
pub(crate) fn path(path: &Path) -> String {
    plain(&path_text(path))
}

/// A path as text without loss: bytes that are not UTF-8 appear as `\xNN`.
pub(crate) fn path_text(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut out = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A number of bytes in the units of IEC 80000-13, as in the console: `1.5 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_path_that_is_not_utf_8_is_shown_without_loss() {
        let raw = std::ffi::OsStr::from_bytes(b"a\xff\xfe.zip");
        assert_eq!(path(Path::new(raw)), "a\\xff\\xfe.zip");
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!([size(0), size(1023), size(1536), size(5 << 30)], ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
    }
}
