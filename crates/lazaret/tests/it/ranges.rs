//! Pieces of files (RFC 9110, 14): downloads are resumed and film is sought in, out of what was inspected.

use crate::gate::{Gate, LETTER, Served, Site, read_head};
use crate::passed::film;
use std::io::{Read, Write};
use std::sync::LazyLock;

const SCRIPT: &str = "Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\nWScript.Quit\r\n";
const PLAYER: [&str; 4] = ["-H", "Sec-Fetch-Dest: video", "-H", "Sec-Fetch-Mode: no-cors"];

static PROXY: LazyLock<Served> = LazyLock::new(|| Served::with("[bodies]\nmedia_bytes = 1000000\n[proxy]\n"));

fn text(len: usize) -> String {
    (0..)
        .map(|line| format!("{line}: the meeting is on Monday.\n"))
        .scan(0, |sum, line| {
            *sum += line.len();
            (*sum <= len).then_some(line)
        })
        .collect()
}

/// Answers a path with a file, or with the piece of it that is asked for.
fn ranged(
    site: &Site,
    path: &str,
    fields: &str,
    file: Vec<u8>,
    piece: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
) {
    let fields = fields.to_owned();
    site.on(path, move |head, stream| {
        let head = head.to_lowercase();
        let range = head.split("\r\nrange: bytes=").nth(1).and_then(|rest| rest.lines().next());
        let length = file.len();
        let (status, body) = match range.and_then(|range| range.split_once('-')) {
            None => ("200 OK".to_owned(), file.clone()),
            Some((first, last)) => {
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                let status = format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{length}");
                (status, piece(&file[first..=last]))
            }
        };
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n"
        );
        let _ = stream.write_all(&body);
    });
}

#[test]
fn pieces_are_cut_out_of_a_file_that_was_fetched_and_inspected_once() {
    let site = Site::plain();
    let file = text(5_000);
    site.page("/list.txt", "Content-Type: text/plain\r\nETag: \"1\"\r\n", file.clone());
    let ask = |range: &str, fields: &[&str]| {
        PROXY.curl(&[&["--range", range][..], fields, &[&site.url("/list.txt")]].concat())
    };
    let length = file.len();
    let first = ask("0-3", &[]);
    assert_eq!((first.status, first.text().as_str()), (206, &file[..4]), "{first:?}");
    assert!(first.headers.contains(&format!("content-range: bytes 0-3/{length}")), "{}", first.headers);
    assert!(first.headers.contains("accept-ranges: bytes") && first.headers.contains("etag: \"1\""));
    let last = ask("-10", &[]);
    assert_eq!((last.status, last.text().as_str()), (206, &file[length - 10..]));
    let rest = ask("4000-", &["-H", "If-Range: \"1\""]);
    assert_eq!((rest.status, rest.text().as_str()), (206, &file[4_000..]));
    let several = ask("0-3,2000-2009", &[]);
    assert!(several.status == 206 && several.headers.contains("content-type: multipart/byteranges; boundary="));
    assert!(!several.headers.contains("content-range"), "{}", several.headers);
    for (range, part) in [("0-3", &file[..4]), ("2000-2009", &file[2_000..2_010])] {
        let part = format!("Content-Range: bytes {range}/{length}\r\n\r\n{part}\r\n--");
        assert!(several.text().contains(&part), "{}", several.text());
    }
    let none = ask("9999999-", &[]);
    assert!(none.status == 416 && none.headers.contains(&format!("content-range: bytes */{length}")), "{none:?}");
    let old = ask("0-3", &["-H", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"]);
    assert_eq!(old.status, 206, "there is no date to compare it with");
    assert_eq!(site.asked().len(), 1, "{:?}", site.asked());
    // Whoever has a part of another version gets the whole of this one.
    let other = ask("0-3", &["-H", "If-Range: \"0\""]);
    assert_eq!((other.status, other.text()), (200, file.clone()));
    let head = PROXY.curl(&["--head", &site.url("/list.txt")]);
    assert!(head.headers.contains("accept-ranges: bytes"), "{}", head.headers);
    // Somebody else's session is nobody's business.
    let asked = site.asked().len();
    assert_eq!(ask("0-3", &["-H", "Cookie: a=1"]).status, 206);
    assert_eq!(site.asked().len(), asked + 1);
}

#[test]
fn a_large_download_is_resumed_without_fetching_it_again_as_long_as_it_is_the_same() {
    let site = Site::plain();
    let file = text(3_000_000);
    site.page("/large.csv", "Content-Type: text/csv\r\nETag: \"1\"\r\n", file.clone());
    let url = site.url("/large.csv");
    let whole = PROXY.curl(&[&url]);
    assert!(whole.status == 200 && whole.text() == file, "{}", whole.status);
    let rest = PROXY.curl(&["--range", "1500000-", "-H", "If-Range: \"1\"", &url]);
    assert!(rest.status == 206 && rest.text() == file[1_500_000..], "{}", rest.status);
    assert_eq!(site.asked().len(), 1);
    // The site has another one now.
    let newer = text(3_100_000);
    site.page("/large.csv", "Content-Type: text/csv\r\nETag: \"2\"\r\n", newer.clone());
    let rest = PROXY.curl(&["--range", "1500000-", "-H", "If-Range: \"2\"", &url]);
    assert!(rest.status == 206 && rest.text() == newer[1_500_000..], "{}", rest.status);
    assert!(site.asked()[1].to_lowercase().contains("if-none-match: \"1\""), "{:?}", site.asked());
    // Where nothing is kept, it is fetched again, and is the same.
    let forgetful = Served::with("[bodies]\nkept_seconds = 0\n[proxy]\n");
    for (number, range) in ["100-200", "3000000-"].into_iter().enumerate() {
        let (start, end) = range.split_once('-').unwrap();
        let end = end.parse().map_or(newer.len(), |last: usize| last + 1);
        let piece = forgetful.curl(&["--range", range, &url]);
        assert!(piece.status == 206 && piece.text() == newer[start.parse().unwrap()..end], "{range}");
        assert_eq!(site.asked().len(), 3 + number);
    }
}

#[test]
fn a_file_that_may_not_pass_is_stopped_however_little_of_it_is_asked_for() {
    let site = Site::plain();
    site.page("/run.vbs", "ETag: \"1\"\r\n", SCRIPT);
    for range in ["0-3", "-1", "5-6,80-81"] {
        let piece = PROXY.curl(&["--range", range, &site.url("/run.vbs")]);
        assert!(piece.status == 403 && !piece.headers.contains("content-range"), "{range}: {piece:?}");
    }
}

/// Who resumes a download that takes long to come is sent the beginning of the piece, and never of the file.
#[test]
fn who_waits_for_a_piece_is_sent_the_beginning_of_that_piece() {
    let proxy = Served::with("patience_seconds = 1\n");
    let site = Site::plain();
    let noise: Vec<u8> = (0..100_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let file = [&b"\x89PNG\r\n\x1a\n"[..], &noise].concat();
    let gate = Gate::closed();
    let (waiting, sent) = (gate.clone(), file.clone());
    site.on("/large.png", move |_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", sent.len());
        let _ = stream.write_all(&sent[..300_000]);
        let _ = stream.flush();
        waiting.pass();
        let _ = stream.write_all(&sent[300_000..]);
    });
    let mut stream = proxy.connect();
    let (url, address) = (site.url("/large.png"), site.address);
    write!(stream, "GET {url} HTTP/1.1\r\nHost: {address}\r\nRange: bytes=200000-\r\nConnection: close\r\n\r\n")
        .unwrap();
    let head = read_head(&mut stream).to_lowercase();
    assert!(head.starts_with("http/1.1 206") && head.contains("content-range: bytes 200000-"), "{head}");
    let mut body = vec![0; 8];
    stream.read_exact(&mut body).unwrap();
    gate.open();
    stream.read_to_end(&mut body).unwrap();
    assert!(body == file[200_000..], "{} bytes", body.len());
}

#[test]
fn a_player_can_seek_in_film_that_is_too_long_to_be_inspected_whole() {
    let site = Site::plain();
    let (typed, whole) = ("Content-Type: video/mp4\r\nETag: \"1\"\r\n", film(b""));
    ranged(&site, "/film.mp4", typed, whole.clone(), <[u8]>::to_vec);
    let length = whole.len();
    let ask = |path: &str, range: &str| PROXY.curl(&[&PLAYER[..], &["--range", range, &site.url(path)]].concat());
    let all = ask("/film.mp4", "0-");
    assert!(all.status == 206 && all.body == whole, "{} {}", all.status, all.body.len());
    assert!(all.headers.contains(&format!("content-range: bytes 0-{}/{length}", length - 1)), "{}", all.headers);
    // What is in the inspected beginning is not asked for again.
    let beginning = ask("/film.mp4", "100-199");
    assert!(beginning.status == 206 && beginning.body == whole[100..200]);
    assert_eq!(site.asked().len(), 1);
    let sought = ask("/film.mp4", "2500000-");
    assert!(sought.status == 206 && sought.body == whole[2_500_000..], "{} {}", sought.status, sought.body.len());
    assert!(site.asked()[1].to_lowercase().contains(&format!("range: bytes=2500000-{}", length - 1)));
    // A player that begins in the middle, at a site that gives no pieces.
    site.page("/plain.mp4", typed, whole.clone());
    let sought = ask("/plain.mp4", "2500000-2500999");
    assert!(sought.status == 206 && sought.body == whole[2_500_000..2_501_000], "{}", sought.status);
}

#[test]
fn a_piece_of_film_that_is_something_else_is_stopped() {
    let site = Site::plain();
    let (typed, whole) = ("Content-Type: video/mp4\r\nETag: \"1\"\r\n", film(b""));
    let program = std::fs::read("/proc/self/exe").unwrap();
    ranged(&site, "/program.mp4", typed, whole.clone(), move |piece| program[..piece.len()].to_vec());
    ranged(&site, "/archive.mp4", typed, whole.clone(), |piece| {
        let mut piece = piece.to_vec();
        piece[100_000..100_008].copy_from_slice(b"Rar!\x1a\x07\x01\x00");
        piece
    });
    let ask = |path: &str, range: &str| PROXY.curl(&[&PLAYER[..], &["--range", range, &site.url(path)]].concat());
    for path in ["/program.mp4", "/archive.mp4"] {
        assert_eq!(ask(path, "0-1").status, 206, "{path}");
        let piece = ask(path, "2500000-");
        assert!(piece.status == 403 || piece.exit != 0 && piece.body.len() < 100_000, "{path}: {}", piece.body.len());
    }
    // A file of another kind is never given in pieces that were not inspected, whatever it is declared as.
    ranged(&site, "/letter.mp4", typed, LETTER.repeat(50_000).into_bytes(), <[u8]>::to_vec);
    let whole = ask("/letter.mp4", "1500000-1500009");
    assert!(!site.asked().last().unwrap().to_lowercase().contains("\r\nrange:"), "{whole:?}");
}

#[test]
fn a_gateway_resumes_out_of_what_was_inspected_before() {
    let served = Served::with("");
    let file = text(2_000_000);
    let head = |range: &str| format!("GET http://files.example/a.csv HTTP/1.1\r\nHost: files.example\r\n{range}\r\n");
    let (request, response) = (
        head(""),
        format!("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n", file.len()),
    );
    let mut stream = served.icap();
    write!(
        stream,
        "RESPMOD icap://x/respmod ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nEncapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{request}{response}{:x}\r\n{file}\r\n0\r\n\r\n",
        request.len(),
        request.len() + response.len(),
        file.len()
    )
    .unwrap();
    assert!(read_head(&mut stream).starts_with("ICAP/1.0 204"));
    let resumed = head("Range: bytes=1999000-\r\nIf-Range: \"1\"\r\n");
    write!(stream, "REQMOD icap://x/reqmod ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nConnection: close\r\nEncapsulated: req-hdr=0, null-body={}\r\n\r\n{resumed}", resumed.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 206 Partial Content\r\n"), "{answer}");
    assert!(answer.contains(&file[1_999_000..]) && answer.contains("content-range: bytes 1999000-"), "{answer}");
}
