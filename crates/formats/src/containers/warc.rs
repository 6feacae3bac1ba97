//! Archives of the web: WARC (ISO 28500:2017) and ARC, its forerunner: what servers answered, each answer as a part.

use crate::{Content, ContentReader, Format, Member, OpenError, Parts};
use lazaret_model::Role;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Bytes of a line of a header.
const MOST_LINE: u64 = 64 << 10;
/// Lines of a header.
const MOST_LINES: usize = 1000;
/// Letters of a name; addresses may be longer than any name of a file.
const MOST_NAME: usize = 200;

/// Opens archives of the web.
pub(super) struct Warc;

impl Format for Warc {
    fn id(&self) -> &'static str {
        "warc"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["warc", "arc-web"]
    }

    fn summary(&self) -> &'static str {
        "answers of servers in WARC and ARC, in chunks or compressed too"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let arc = parts.part().is("arc-web");
        let mut lines = Lines { reader: input.reader() };
        loop {
            parts.budget().check_time().map_err(OpenError::Limit)?;
            let at = lines.reader.position();
            let Some(line) = lines.line()? else { return Ok(()) };
            if line.is_empty() {
                continue;
            }
            let record = if arc { Record::of_arc(&line) } else { Record::of_warc(&line, &mut lines)? };
            let Some(record) = record else { return Err(OpenError::malformed("there is no record", at)) };
            let start = lines.reader.position();
            let block = input.slice(start, record.length);
            let cut = block.len() < record.length;
            record.open(block, cut, parts)?;
            lines.reader.seek(SeekFrom::Start(start.saturating_add(record.length)))?;
        }
    }
}

/// Reads lines.
struct Lines {
    reader: ContentReader,
}

impl Lines {
    /// The next line, without its end; none at the end.
    fn line(&mut self) -> Result<Option<String>, OpenError> {
        let at = self.reader.position();
        let mut line = Vec::new();
        self.reader.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == MOST_LINE {
            return Err(OpenError::malformed(format!("a line of a header is longer than {MOST_LINE} bytes"), at));
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Fields up to an empty line; their names are in small letters.
    fn fields(&mut self) -> Result<Vec<(String, String)>, OpenError> {
        let mut fields = Vec::new();
        while let Some(line) = self.line()?.filter(|line| !line.is_empty()) {
            if fields.len() >= MOST_LINES {
                let at = self.reader.position();
                return Err(OpenError::malformed(format!("a header has more than {MOST_LINES} lines"), at));
            }
            let (name, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(fields)
    }
}

fn field<'f>(fields: &'f [(String, String)], wanted: &str) -> &'f str {
    fields.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str())
}

/// A record's header.
struct Record {
    /// Whether its block is what a server said or was asked, with a header of its own.
    http: bool,
    address: String,
    media_type: String,
    length: u64,
}

impl Record {
    /// ISO 28500, 4: version, fields, an empty line.
    fn of_warc(line: &str, lines: &mut Lines) -> Result<Option<Self>, OpenError> {
        if !line.starts_with("WARC/") {
            return Ok(None);
        }
        let fields = lines.fields()?;
        let Ok(length) = field(&fields, "content-length").parse() else { return Ok(None) };
        let media_type = field(&fields, "content-type").to_owned();
        Ok(Some(Self {
            http: media_type.to_ascii_lowercase().starts_with("application/http"),
            address: field(&fields, "warc-target-uri").trim_matches(['<', '>']).to_owned(),
            media_type,
            length,
        }))
    }

    /// ARC 1 and 2: address, machine, date, type, others, and the length at the end of one line.
    fn of_arc(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let length = words.last()?.parse().ok()?;
        let address = (*words.first()?).to_owned();
        let media_type = words.get(3).map(|word| (*word).to_owned()).unwrap_or_default();
        (words.len() >= 5).then(|| Self { http: address.starts_with("http"), address, media_type, length })
    }

    fn open(&self, block: Content, cut: bool, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let http = self.http || block.window(0, 7)?.starts_with(b"HTTP/1.");
        let mut media_type = self.media_type.clone();
        let (mut coding, mut chunked, mut body) = (String::new(), false, block.clone());
        if http {
            let mut lines = Lines { reader: block.reader() };
            let _ = lines.line()?;
            let fields = lines.fields()?;
            field(&fields, "content-type").clone_into(&mut media_type);
            coding = field(&fields, "content-encoding").to_ascii_lowercase();
            chunked = field(&fields, "transfer-encoding").to_ascii_lowercase().contains("chunked");
            body = block.slice(lines.reader.position(), u64::MAX);
        }
        if body.is_empty() {
            if cut {
                parts.incomplete("its last record ends early");
            }
            return Ok(());
        }
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A script of a page is judged by what it does.
        let role = if essence.ends_with("javascript") { Role::Script } else { Role::Member };
        let mut member = Member::unnamed(role, name(&self.address));
        if cut {
            member = member.incomplete("it ends early");
        }
        // What is packed is opened by what it is; only Brotli cannot be told.
        member = match &*coding {
            "br" => member.of_kind("brotli"),
            "" | "identity" if essence.contains('/') => member.declared(media_type),
            _ => member,
        };
        // Many archives keep the field though they have joined the chunks.
        if chunked && chunk_size(&mut Lines { reader: body.reader() }).is_ok_and(|size| size.is_some()) {
            let mut chunks = Chunks { lines: Lines { reader: body.reader() }, left: 0, ended: false };
            return parts.add(member, &mut chunks);
        }
        parts.add_content(member, body)
    }
}

/// The last step of an address, without what is asked for.
pub(super) fn name(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let last = path.rsplit_once('/').map_or("", |(_, last)| last);
    // LIMIT: a name for people, of which the end says what it is.
    let last = last.get(last.ceil_char_boundary(last.len().saturating_sub(MOST_NAME))..).unwrap_or_default();
    if last.is_empty() { "index".to_owned() } else { last.to_owned() }
}

/// RFC 9112, 7.1: a size in hexadecimal digits, and extensions; none where there is no size.
fn chunk_size(lines: &mut Lines) -> Result<Option<u64>, OpenError> {
    let Some(line) = lines.line()? else { return Ok(None) };
    let digits = line.split(';').next().unwrap_or_default().trim();
    Ok(u64::from_str_radix(digits, 16).ok())
}

/// A body in chunks, joined.
struct Chunks {
    lines: Lines,
    left: u64,
    ended: bool,
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.ended {
            let size = chunk_size(&mut self.lines).map_err(|error| io::Error::other(error.to_string()))?;
            match size {
                Some(0) => self.ended = true,
                Some(size) => self.left = size,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its chunks end early")),
            }
        }
        if self.ended {
            return Ok(0);
        }
        let read = self.lines.reader.by_ref().take(self.left).read(out)?;
        if read == 0 && !out.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a chunk ends early"));
        }
        self.left = self.left.saturating_sub(read as u64);
        if self.left == 0 {
            // Each chunk is followed by an end of line.
            let _ = self.lines.line().map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};
    use lazaret_model::Role;

    fn record(kind: &str, media_type: &str, block: &[u8]) -> Vec<u8> {
        let address = match kind {
            "warcinfo" => "",
            _ => "WARC-Target-URI: http://host.invalid/a/page.htm?x=1\r\n",
        };
        let length = block.len();
        let head = format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\n{address}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), block, b"\r\n\r\n"].concat()
    }

    fn answer(fields: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}\r\n");
        record("response", "application/http; msgtype=response", &[head.as_bytes(), body].concat())
    }

    fn check(records: &[Vec<u8>]) -> Recorded {
        walk(records.concat(), "site.warc")
    }

    #[test]
    fn answers_are_parts() {
        let about = record("warcinfo", "application/warc-fields", b"software: x\r\n");
        for body in [
            answer("", b"LAZARET"),
            answer("Transfer-Encoding: chunked\r\n", b"3\r\nLAZ\r\n4;x=1\r\nARET\r\n0\r\n\r\n"),
            answer("Transfer-Encoding: chunked\r\n", b"LAZARET"),
            record("resource", "text/plain", b"LAZARET"),
        ] {
            let found = check(&[about.clone(), body, answer("", b"second")]);
            assert_eq!(found.parts[0].kind.id, "warc");
            assert_eq!(found.bytes("//page.htm"), b"LAZARET");
            assert_eq!(found.bytes("//page.htm#2"), b"second");
            assert_eq!(found.part("//page.htm").declared_type.as_deref(), Some("text/plain"));
            assert!(found.complete(), "{:?}", found.parts);
        }
        let script = b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\n\r\nalert(1)".as_slice();
        let found = check(&[record("response", "application/http", script)]);
        assert_eq!(found.part("//page.htm").role, Role::Script);
    }

    #[test]
    fn the_older_form_is_read() {
        let mut arc = b"filedesc://x.arc 0.0.0.0 20260105100000 text/plain 4\n1 0\n\n".to_vec();
        let block = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nLAZARET";
        arc.extend(format!("http://host.invalid/a.txt 0.0.0.0 20260105100000 text/plain {}\n", block.len()).bytes());
        arc.extend(block);
        arc.push(b'\n');
        let found = walk(arc, "site.arc");
        assert_eq!(found.bytes("//a.txt"), b"LAZARET");
        assert!(found.complete());
    }

    #[test]
    fn what_is_cut_or_no_record_is_said() {
        let whole = answer("", b"LAZARET");
        assert!(!check(&[whole[..whole.len() - 6].to_vec()]).complete());
        assert!(!check(&[whole.clone(), b"no record\r\n".to_vec()]).complete());
        assert!(!check(&[answer("Transfer-Encoding: chunked\r\n", b"3\r\nLAZ\r\n9\r\nA")]).complete());
    }
}
