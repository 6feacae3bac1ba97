use super::*;

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn asked(range: &'static str) -> Option<Asked> {
    Asked::of(&headers(&[("range", range)]))
}

#[test]
fn ranges_are_cut_to_the_file_joined_and_put_in_order() {
    for (range, expected) in [
        ("bytes=0-0", &[(0, 1)][..]),
        ("bytes=0-", &[(0, 1_000)]),
        ("Bytes = 5 - 9", &[(5, 10)]),
        ("bytes=990-2000", &[(990, 1_000)]),
        ("bytes=-1", &[(999, 1_000)]),
        ("bytes=-5000", &[(0, 1_000)]),
        ("bytes=-0", &[]),
        ("bytes=1000-", &[]),
        ("bytes=99999999999999999999999-", &[]),
        ("bytes=0-99999999999999999999999", &[(0, 1_000)]),
        ("bytes=500-599,0-9", &[(0, 10), (500, 600)]),
        ("bytes=0-9,5-20,, 30-40", &[(0, 41)]),
        ("bytes=0-9,1000-1001", &[(0, 10)]),
        ("bytes=0-9,-10", &[(0, 10), (990, 1_000)]),
    ] {
        let pieces = asked(range).unwrap().pieces(1_000);
        let pieces: Vec<_> = pieces.iter().map(|piece| (piece.start, piece.end)).collect();
        assert_eq!(pieces, expected, "{range}");
    }
}

#[test]
fn what_makes_no_sense_asks_for_the_whole() {
    for range in [
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=9-5",
        "bytes=a-b",
        "bytes=+1-2",
        "lines=0-1",
        "bytes=0-1,x",
        "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32",
    ] {
        assert_eq!(asked(range), None, "{range}");
    }
    let mut twice = headers(&[("range", "bytes=0-1")]);
    twice.append(RANGE, HeaderValue::from_static("bytes=5-6"));
    assert_eq!(Asked::of(&twice), None);
}

#[test]
fn a_client_with_a_part_of_another_version_gets_the_whole() {
    let own = headers(&[("etag", "\"2\""), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    let weak = headers(&[("etag", "W/\"2\"")]);
    for (version, answer, applies) in [
        ("\"2\"", &own, true),
        ("\"1\"", &own, false),
        ("W/\"2\"", &own, false),
        ("\"2\"", &weak, false),
        ("W/\"2\"", &weak, false),
        ("Sun, 06 Nov 1994 08:49:37 GMT", &own, true),
        ("Sun, 06 Nov 1994 08:49:38 GMT", &own, false),
        ("Sun, 06 Nov 1994 08:49:37 GMT", &weak, false),
    ] {
        let asked = Asked::of(&headers(&[("range", "bytes=0-1"), ("if-range", version)])).unwrap();
        assert_eq!(asked.applies_to(answer), applies, "{version} {answer:?}");
        assert_eq!(asked.plan(answer, 10).is_some(), applies);
    }
}

#[test]
fn an_answer_says_which_bytes_it_has() {
    let typed = headers(&[("content-type", "text/plain")]);
    let one = asked("bytes=2-4").unwrap().plan(&typed, 10).unwrap();
    assert_eq!((one.status.as_u16(), &one.segments[..]), (206, &[Segment::Piece(Piece { start: 2, end: 5 })][..]));
    assert_eq!(one.fields[0].1, "bytes 2-4/10");
    let none = asked("bytes=10-").unwrap().plan(&typed, 10).unwrap();
    assert_eq!((none.status.as_u16(), none.fields[0].1.as_bytes()), (416, &b"bytes */10"[..]));
    assert!(none.segments.is_empty());
    assert_eq!(asked("bytes=0-").unwrap().plan(&typed, 0), None);
    let file: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    let plan = asked("bytes=0-3,500-501").unwrap().plan(&typed, 1_000).unwrap();
    let mut body = Vec::new();
    for segment in &plan.segments {
        match segment {
            Segment::Between(bytes) => body.extend_from_slice(bytes),
            Segment::Piece(piece) => body.extend_from_slice(&file[piece.start as usize..piece.end as usize]),
        }
    }
    assert_eq!(body.len() as u64, plan.segments.iter().map(Segment::len).sum::<u64>());
    let declared = plan.fields[0].1.to_str().unwrap();
    let border = declared.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let expected = [
        format!("--{border}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-3/1000\r\n\r\n").as_bytes(),
        &[0, 1, 2, 3],
        format!("\r\n--{border}\r\nContent-Type: text/plain\r\nContent-Range: bytes 500-501/1000\r\n\r\n").as_bytes(),
        &[244, 245],
        format!("\r\n--{border}--\r\n").as_bytes(),
    ]
    .concat();
    assert_eq!(body, expected);
}

#[test]
fn conditions_are_those_of_the_kept_copy() {
    let own = headers(&[("etag", "\"2\""), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    for (field, value, expected) in [
        ("if-match", "\"1\", \"2\"", None),
        ("if-match", "*", None),
        ("if-match", "\"1\"", Some(412)),
        ("if-match", "W/\"2\"", Some(412)),
        ("if-none-match", "W/\"2\"", Some(304)),
        ("if-none-match", "\"3\"", None),
        // BITS (MS-BPAU has it so).
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT", Some(412)),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", Some(304)),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT", None),
        ("if-modified-since", "nonsense", None),
    ] {
        let status = condition(&headers(&[(field, value)]), &own).map(|status| status.as_u16());
        assert_eq!(status, expected, "{field}: {value}");
    }
}

#[test]
fn a_site_that_sends_another_piece_is_noticed() {
    let piece = Piece { start: 5, end: 8 };
    for (status, range, expected) in [
        (206, "bytes 5-7/10", true),
        (200, "bytes 5-7/10", false),
        (206, "bytes 5-8/10", false),
        (206, "bytes 5-7/11", false),
        (206, "bytes 5-7/*", false),
        (206, "bytes 0-7/10", false),
    ] {
        let answer = headers(&[("content-range", range)]);
        assert_eq!(is_that(piece, 10, StatusCode::from_u16(status).unwrap(), &answer), expected, "{status} {range}");
    }
    assert!(!is_that(piece, 10, StatusCode::PARTIAL_CONTENT, &HeaderMap::new()));
}

#[test]
fn what_is_passed_is_cut_wherever_it_is_split() {
    let file: Vec<u8> = (0..100).collect();
    for size in [1, 7, 30, 100] {
        let mut cut = Cut::new(0, Piece { start: 20, end: 55 });
        let mut out = Vec::new();
        for chunk in file.chunks(size) {
            out.extend_from_slice(&cut.of(&Bytes::copy_from_slice(chunk)));
        }
        assert!(out == file[20..55] && cut.is_over(), "{size}");
    }
}
