//! `lazaret demo`: a harmless site with a stand-in for every vector and ordinary files, to try a gate with.

use crate::cli::{Common, Demo};
use crate::config::Config;
use crate::display;
use crate::failure::Failure;
use flate2::read::DeflateDecoder;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Folder, file name without extension and bytes of each stored stand-in.
const STANDINS: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/standins.rs"));
/// How stand-ins are stored; `xtask/corpus` writes them so.
const MARK: &[u8] = b"LAZARET STAND-IN 1\n";
const TURN: u8 = 0xa5;

/// Stand-ins, beside those whose name begins with `h-`, that are what they seem and are delivered: what they are like is
/// reported, not stopped.
const HARMLESS: [&str; 10] = [
    "a28-a-skill-that-fetches-and-runs",
    "a28-instructions-that-fetch-and-run",
    "a28-rules-of-an-editor-that-decode-and-run",
    "a23-a-text-that-quotes-the-test-file",
    "a32-a-picture-of-a-qr-code",
    "a32-a-text-that-draws-a-qr-code",
    "a36-a-list-of-packages-from-an-index-without-tls",
    "a36-a-source-of-packages-without-tls",
    "b8-a-device-of-windows",
    "c13-30-000-members-inspected-whole",
];

/// Connections served at once.
const MOST_CONNECTIONS: usize = 64;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const MOST_HEAD: u64 = 16 << 10;
/// How long a proxy on this machine may take to take a connection.
const GREETING: Duration = Duration::from_secs(1);

/// Something to fetch.
struct File {
    path: String,
    /// What it would be saved as.
    name: String,
    media_type: &'static str,
    bytes: Vec<u8>,
    ordinary: bool,
}

pub(crate) fn run(common: &Common, options: &Demo) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let listener = TcpListener::bind(&options.listen).map_err(|error| {
        Failure::new(format!("`{}`: {error}; choose another address with --listen", options.listen))
    })?;
    let address = listener.local_addr()?;
    let files = Arc::new(files());
    let proxy = Proxy::of(&config.proxy.listen);
    let said = proxy.said(&config.proxy.listen);
    // curl asks for the password.
    let name = if config.proxy.authentication { " -U NAME" } else { "" };
    display::remark(&format!("serving {} harmless files at http://{address}/", files.len()));
    display::remark(&said);
    let standin = files
        .iter()
        .find(|file| file.path.contains("double-extension"))
        .or_else(|| files.iter().find(|file| !file.ordinary));
    for file in files.iter().find(|file| file.ordinary).into_iter().chain(standin) {
        display::remark(&format!("  curl -x {}{name} http://{address}{}", proxy.address(), file.path));
    }
    display::remark(&format!("or open http://{address}/ in a browser that uses the proxy; press Ctrl-C to stop"));
    let busy = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        // Whoever comes to a full house is turned away.
        if busy.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            busy.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (files, busy) = (Arc::clone(&files), Arc::clone(&busy));
        std::thread::spawn(move || {
            let _ = answer(stream, &files);
            busy.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// The proxy that the configuration has, as it is reached from this machine.
#[derive(Debug, PartialEq, Eq)]
enum Proxy {
    /// There is none.
    Off,
    /// Its address is known only once it was started.
    Somewhere,
    At(SocketAddr),
}

impl Proxy {
    fn of(listen: &str) -> Self {
        if listen.is_empty() {
            return Self::Off;
        }
        match listen.to_socket_addrs().ok().and_then(|mut found| found.next()) {
            Some(address) if address.port() != 0 => {
                let ip = match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
                    IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
                    ip => ip,
                };
                Self::At(SocketAddr::new(ip, address.port()))
            }
            _ => Self::Somewhere,
        }
    }

    /// What stands behind `-x`.
    fn address(&self) -> String {
        match self {
            Self::At(address) => format!("http://{address}"),
            Self::Off | Self::Somewhere => "PROXY".to_owned(),
        }
    }

    /// What is to be known, or done, before anything is tried.
    fn said(&self, listen: &str) -> String {
        match self {
            Self::At(address) if TcpStream::connect_timeout(address, GREETING).is_ok() => {
                format!("the proxy is at {address}; try:")
            }
            Self::At(address) => {
                format!(
                    "no proxy is listening on {address} (`proxy.listen`): start `lazaret serve` in another terminal, \
                        then try:"
                )
            }
            Self::Somewhere => {
                format!(
                    "`proxy.listen` is `{listen}`: replace PROXY with the address that `lazaret serve` prints, and try:"
                )
            }
            Self::Off => {
                "`proxy.listen` is empty, so `lazaret serve` runs no proxy: replace PROXY with a proxy that uses its \
                    ICAP server, and try:"
                    .to_owned()
            }
        }
    }
}

fn answer(stream: TcpStream, files: &[File]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&stream).take(MOST_HEAD)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut stream = &stream;
    if method != "GET" && method != "HEAD" {
        return stream.write_all(
            b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let index;
    let (status, media_type, name, body) = match files.iter().find(|file| file.path == path) {
        Some(file) => ("200 OK", file.media_type, Some(&file.name), file.bytes.as_slice()),
        None if path == "/" => {
            index = page(files);
            ("200 OK", "text/html; charset=utf-8", None, index.as_bytes())
        }
        None => ("404 Not Found", "text/plain; charset=utf-8", None, &b"file not found\n"[..]),
    };
    let disposition =
        name.map(|name| format!("Content-Disposition: attachment; filename*=UTF-8''{}\r\n", encoded(name)));
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n",
        body.len(),
        disposition.unwrap_or_default()
    )?;
    if method == "GET" { stream.write_all(body) } else { Ok(()) }
}

fn page(files: &[File]) -> String {
    let mut page = String::from(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Lazaret demo</title>\
         <h1>Harmless files for trying out a gate</h1>",
    );
    for (title, ordinary) in [("Ordinary files", true), ("Harmless stand-ins for malicious files", false)] {
        let _ = write!(page, "<h2>{title}</h2><ul>");
        for file in files.iter().filter(|file| file.ordinary == ordinary) {
            let _ = write!(page, "<li><a href=\"{0}\">{0}</a></li>", file.path);
        }
        page.push_str("</ul>");
    }
    page
}

fn files() -> Vec<File> {
    let ordinary = |name: &str, media_type, bytes: &[u8]| File {
        path: format!("/ordinary/{name}"),
        name: name.to_owned(),
        media_type,
        bytes: bytes.to_vec(),
        ordinary: true,
    };
    let letter = b"Dear customer,\nthe meeting is on Monday.\n";
    let table = b"name,number\nAnna,1\nKarl,2\n";
    let pixel = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let page = b"<!DOCTYPE html><html lang=\"en\"><title>News</title><p>Nothing has happened today.</p></html>\n";
    let mut files = vec![
        ordinary("letter.txt", "text/plain; charset=utf-8", letter),
        ordinary("table.csv", "text/csv", table),
        ordinary("news.html", "text/html; charset=utf-8", page),
        ordinary("pixel.gif", "image/gif", pixel),
        ordinary("letter.txt.gz", "application/gzip", &gzip(letter)),
        ordinary("data.json", "application/json", b"{\"greeting\": \"hello\", \"numbers\": [1, 2, 3]}\n"),
    ];
    files.extend(STANDINS.iter().filter_map(|(folder, file, stored)| {
        let (name, bytes) = decode(stored)?;
        let ordinary = file.starts_with("h-") || HARMLESS.contains(file);
        let path = format!("/{}/{folder}/{file}", if ordinary { "ordinary" } else { "stand-ins" });
        Some(File { path, name, media_type: "application/octet-stream", bytes, ordinary })
    }));
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Name and bytes of a stored stand-in.
fn decode(stored: &[u8]) -> Option<(String, Vec<u8>)> {
    let turned: Vec<u8> = stored.strip_prefix(MARK)?.iter().map(|byte| byte ^ TURN).collect();
    let mut plain = Vec::new();
    DeflateDecoder::new(turned.as_slice()).read_to_end(&mut plain).ok()?;
    let (length, rest) = plain.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (name, bytes) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    Some((name.rsplit(['/', '\\']).next()?.to_owned(), bytes.to_vec()))
}

fn encoded(name: &str) -> String {
    name.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_is_named_as_this_machine_reaches_it() {
        for (listen, address) in [
            ("127.0.0.1:3128", "http://127.0.0.1:3128"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("127.0.0.1:0", "PROXY"),
            ("nonsense", "PROXY"),
            ("", "PROXY"),
        ] {
            assert_eq!(Proxy::of(listen).address(), address, "{listen}");
        }
        assert!(Proxy::of("").said("").contains("ICAP"));
    }

    #[test]
    fn every_stored_stand_in_can_be_fetched() {
        let files = files();
        assert!(STANDINS.len() > 300 && files.len() > STANDINS.len());
        assert!(HARMLESS.iter().all(|harmless| STANDINS.iter().any(|(_, file, _)| file == harmless)));
        let mut paths: Vec<_> = files.iter().map(|file| &file.path).collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), files.len(), "two files have one path");
        assert!(
            paths.iter().all(|path| path.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'<')),
            "{paths:?}"
        );
    }
}
