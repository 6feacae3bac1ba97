//! What is announced about the length of a body is what is sent, whatever a site says (RFC 9112, 6.3).

use crate::gate::{LETTER, Served, Site, read_head};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A body that goes on with an answer of its own, for whoever believes that the first one ended before.
const SPLIT: &str = "helloHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nevil";

fn length_of(head: &str) -> Option<usize> {
    head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|length| length.parse().unwrap())
}

/// Asks on a connection that stays open; the head in lower case, and the body as that head frames it.
fn ask(stream: &mut TcpStream, site: &Site, path: &str) -> (String, Vec<u8>) {
    write!(stream, "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/plain\r\n\r\n", site.url(path), site.address).unwrap();
    let head = read_head(stream).to_lowercase();
    let chunked = head.contains("\r\ntransfer-encoding: chunked");
    assert!(chunked != length_of(&head).is_some(), "one framing, and not two: {head}");
    let mut body = vec![0; length_of(&head).unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    if !chunked {
        return (head, body);
    }
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&chunk[..size]);
    }
    (head, body)
}

#[test]
fn an_answer_cannot_be_split_into_two() {
    let served = Served::with("");
    let site = Site::plain();
    for (path, fields) in [
        ("/before.txt", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("/behind.txt", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("/larger.txt", "Transfer-Encoding: chunked\r\nContent-Length: 33907\r\n"),
    ] {
        site.on(path, move |_, stream| {
            let size = SPLIT.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}Connection: close\r\n\r\n{size:x}\r\n{SPLIT}\r\n0\r\n\r\n"
            );
        });
    }
    site.page("/letter.txt", "Content-Type: text/plain\r\n", LETTER);
    let mut kept = served.connect();
    for path in ["/before.txt", "/behind.txt", "/larger.txt"] {
        let (head, body) = ask(&mut kept, &site, path);
        assert!(head.starts_with("http/1.1 200") && body == SPLIT.as_bytes(), "{path}: {head}");
        // The next answer on the connection is the next answer.
        let (head, body) = ask(&mut kept, &site, "/letter.txt");
        assert!(head.starts_with("http/1.1 200") && body == LETTER.as_bytes(), "{path}: {head}");
    }
}

#[test]
fn what_is_framed_oddly_or_is_a_piece_is_not_passed_on() {
    let served = Served::with("");
    let site = Site::plain();
    let chunked = format!("{:x}\r\n{LETTER}\r\n0\r\n\r\n", LETTER.len());
    for (number, (fields, body)) in [
        ("Transfer-Encoding: gzip, chunked\r\n", chunked.as_str()),
        ("Transfer-Encoding: chunked, identity\r\n", LETTER),
        ("Transfer-Encoding: identity\r\n", LETTER),
        ("Transfer-Encoding: xchunked\r\n", LETTER),
        ("Content-Length: 5\r\nContent-Length: 42\r\n", LETTER),
        ("Content-Range: bytes 0-41/100\r\nContent-Length: 42\r\n", LETTER),
        ("Content-Type: multipart/byteranges; boundary=x\r\nContent-Length: 42\r\n", LETTER),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Connection: close\r\n\r\n{body}");
        site.on(&format!("/{number}.txt"), move |_, stream| {
            let _ = stream.write_all(answer.as_bytes());
        });
        let fetched = served.curl(&[&site.url(&format!("/{number}.txt"))]);
        assert_eq!(fetched.status, 502, "{fields}: {fetched:?}");
    }
    // What calls itself a piece and says that it is all of the file is the file, whatever its length is.
    site.on("/lie.txt", |_, stream| {
        let size = SPLIT.len();
        let _ = write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/5\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{SPLIT}"
        );
    });
    let fetched = served.curl(&[&site.url("/lie.txt")]);
    assert!(fetched.status == 200 && !fetched.headers.contains("content-range"), "{fetched:?}");
    assert_eq!((fetched.body.len(), length_of(&fetched.headers)), (SPLIT.len(), Some(SPLIT.len())));
}

#[test]
fn a_gateway_is_given_the_true_length() {
    let served = Served::with("");
    let request = "GET http://files.example/a.txt HTTP/1.1\r\nHost: files.example\r\n\r\n";
    let ask = |fields: &str| {
        let mut stream = served.icap();
        let response = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}\r\n");
        let (at, end) = (request.len(), request.len() + response.len());
        write!(
            stream,
            "RESPMOD icap://gate.example/respmod ICAP/1.0\r\nHost: gate.example\r\nAllow: 204\r\nConnection: close\r\n\
             Encapsulated: req-hdr=0, res-hdr={at}, res-body={end}\r\n\r\n{request}{response}{:x}\r\n{SPLIT}\r\n0\r\n\r\n",
            SPLIT.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let length = SPLIT.len();
    // What fits goes back as it came.
    for fields in [String::new(), format!("Content-Length: {length}\r\n")] {
        assert!(ask(&fields).starts_with("ICAP/1.0 204"), "{fields}");
    }
    for fields in
        ["Content-Length: 5\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: x\r\n"]
    {
        let answer = ask(fields);
        assert!(answer.starts_with("ICAP/1.0 200") && answer.contains(SPLIT), "{fields}: {answer}");
        let head = answer.split("HTTP/1.1 200 OK").nth(1).unwrap().split("\r\n\r\n").next().unwrap();
        assert!(head.contains(&format!("Content-Length: {length}")) && !head.contains("Transfer"), "{fields}: {head}");
    }
}
