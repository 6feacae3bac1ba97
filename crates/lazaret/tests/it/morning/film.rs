//! A film that a player can seek in: WebM (RFC 9559), one picture again and again.

/// A picture of VP8 (RFC 6386), a key frame of 64 × 48 points in one colour.
const PICTURE: &str = "sAMAnQEqQAAwAD9xuNZjtK8rJqKoApAuCWcA1FivsErvlbFE6AAA/t4SfgP+/n39IcKvgIhUteuAAA==";
/// Pictures a second.
const RATE: u16 = 25;

/// An element whose length takes eight bytes.
fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64 | 1 << 56).to_be_bytes();
    [id, &length, content].concat()
}

fn number(id: &[u8], number: u64) -> Vec<u8> {
    element(id, &number.to_be_bytes())
}

/// A film of so many seconds, a cluster each, with an index in front.
pub fn film(seconds: u64) -> Vec<u8> {
    let picture = data_encoding::BASE64.decode(PICTURE.as_bytes()).unwrap();
    let cluster = |second: u64| {
        let mut content = number(&[0xe7], second * 1_000);
        for at in 0..RATE {
            let after = (at * 1_000 / RATE).to_be_bytes();
            content.extend(element(&[0xa3], &[&[0x81, after[0], after[1], 0x80][..], &picture].concat()));
        }
        element(&[0x1f, 0x43, 0xb6, 0x75], &content)
    };
    let info = element(
        &[0x15, 0x49, 0xa9, 0x66],
        &[
            number(&[0x2a, 0xd7, 0xb1], 1_000_000),
            element(&[0x44, 0x89], &(seconds as f64 * 1_000.0).to_be_bytes()),
            element(&[0x4d, 0x80], b"test"),
            element(&[0x57, 0x41], b"test"),
        ]
        .concat(),
    );
    let video = element(&[0xe0], &[number(&[0xb0], 64), number(&[0xba], 48)].concat());
    let track = [number(&[0xd7], 1), number(&[0x73, 0xc5], 1), number(&[0x83], 1), element(&[0x86], b"V_VP8"), video];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat()));
    // All lengths are fixed, so an index of any places is as long as the right one.
    let index = |first: u64, each: u64| {
        let points = (0..seconds).map(|second| {
            let place = [number(&[0xf7], 1), number(&[0xf1], first + second * each)].concat();
            element(&[0xbb], &[number(&[0xb3], second * 1_000), element(&[0xb7], &place)].concat())
        });
        element(&[0x1c, 0x53, 0xbb, 0x6b], &points.collect::<Vec<_>>().concat())
    };
    let seek = |at: u64| {
        let entry = [element(&[0x53, 0xab], &[0x1c, 0x53, 0xbb, 0x6b]), number(&[0x53, 0xac], at)].concat();
        element(&[0x11, 0x4d, 0x9b, 0x74], &element(&[0x4d, 0xbb], &entry))
    };
    let front = (seek(0).len() + info.len() + tracks.len()) as u64;
    let first = front + index(0, 0).len() as u64;
    let mut content = [seek(front), info, tracks, index(first, cluster(0).len() as u64)].concat();
    for second in 0..seconds {
        content.extend(cluster(second));
    }
    let header = [
        number(&[0x42, 0x86], 1),
        number(&[0x42, 0xf7], 1),
        number(&[0x42, 0xf2], 4),
        number(&[0x42, 0xf3], 8),
        element(&[0x42, 0x82], b"webm"),
        number(&[0x42, 0x87], 4),
        number(&[0x42, 0x85], 2),
    ];
    [element(&[0x1a, 0x45, 0xdf, 0xa3], &header.concat()), element(&[0x18, 0x53, 0x80, 0x67], &content)].concat()
}
