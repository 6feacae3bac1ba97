//! Mail (RFC 5322, MIME RFC 2045–2049).

/// A message with a text and attachments given as head lines and encoded bodies.
pub fn message(text: &str, attachments: &[(&str, &str)]) -> Vec<u8> {
    let mut out = String::from(
        "From: a@sender.invalid\r\nTo: b@reader.invalid\r\nSubject: Documents\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.invalid>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"border\"\r\n\r\nThis is MIME.\r\n",
    );
    out.push_str("--border\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
    out.push_str(text);
    for (head, body) in attachments {
        out.push_str("\r\n--border\r\n");
        out.push_str(head);
        out.push_str("\r\n\r\n");
        out.push_str(body);
    }
    out.push_str("\r\n--border--\r\n");
    out.into_bytes()
}

/// The head lines of an attachment in base64.
pub fn attached(name: &str) -> String {
    format!(
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"{name}\""
    )
}

/// A message with one attachment in base64.
pub fn with_attachment(text: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    message(text, &[(&attached(name), &super::base64_lines(bytes))])
}

/// `uuencode` (POSIX.1-2017).
pub fn uuencode(name: &str, bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value == 0 { b'`' } else { value + 32 });
    let mut out = format!("begin 644 {name}\r\n");
    for line in bytes.chunks(45) {
        out.push(digit(line.len() as u8));
        for three in line.chunks(3) {
            let [a, b, c] = [three[0], *three.get(1).unwrap_or(&0), *three.get(2).unwrap_or(&0)];
            for value in [a >> 2, (a & 3) << 4 | b >> 4, (b & 15) << 2 | c >> 6, c & 63] {
                out.push(digit(value));
            }
        }
        out.push_str("\r\n");
    }
    out + "`\r\nend\r\n"
}

/// yEnc 1.3.
pub fn yenc(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("=ybegin line=128 size={} name={name}\r\n", bytes.len()).into_bytes();
    for line in bytes.chunks(64) {
        for byte in line {
            let code = byte.wrapping_add(42);
            if matches!(code, 0 | 10 | 13 | b'=') {
                out.extend([b'=', code.wrapping_add(64)]);
            } else {
                out.push(code);
            }
        }
        out.extend(b"\r\n");
    }
    out.extend(format!("=yend size={}\r\n", bytes.len()).bytes());
    out
}
