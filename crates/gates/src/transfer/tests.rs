use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Feeds a machine until it waits, with everything passed; gives what went on and the windows that were inspected.
fn run(transfer: &mut Transfer, now: Duration) -> Result<(Vec<u8>, Vec<Bytes>), Step> {
    let (mut out, mut windows) = (Vec::new(), Vec::new());
    loop {
        match transfer.step(now) {
            Step::Wait => return Ok((out, windows)),
            Step::Pass(bytes) => out.extend_from_slice(&bytes),
            Step::Inspect { window, .. } => {
                windows.push(window);
                out.extend_from_slice(&transfer.passed(now));
            }
            end @ (Step::Leave | Step::Reset(_)) => return Err(end),
        }
    }
}

#[test]
fn text_goes_on_after_it_was_inspected_together_with_what_stands_before_it() {
    let mut transfer = Transfer::new(Mode::Text);
    transfer.came(b"data: one\n\n");
    let (out, windows) = run(&mut transfer, ms(0)).unwrap();
    assert_eq!((&out[..], &windows[..]), (&b"data: one\n\n"[..], &[Bytes::from_static(b"data: one\n\n")][..]));
    transfer.came(b"data: two\n\n");
    assert_eq!(transfer.step(ms(50)), Step::Wait, "it waits a moment for more");
    let (out, windows) = run(&mut transfer, ms(250)).unwrap();
    assert_eq!((&out[..], &windows[0][..]), (&b"data: two\n\n"[..], &b"data: one\n\ndata: two\n\n"[..]));
    // What ends waits for nothing.
    transfer.came(b"bye");
    transfer.end();
    assert_eq!(run(&mut transfer, ms(260)).unwrap().0, b"bye");
    assert!(transfer.is_over());
}

#[test]
fn however_slow_inspections_are_text_goes_on_within_a_second() {
    let mut transfer = Transfer::new(Mode::Text);
    transfer.came(b"one");
    assert!(matches!(transfer.step(ms(0)), Step::Inspect { .. }));
    transfer.passed(ms(5_000));
    transfer.came(b"two");
    assert_eq!(transfer.step(ms(5_500)), Step::Wait);
    assert!(matches!(transfer.step(ms(5_600)), Step::Inspect { .. }));
}

#[test]
fn windows_overlap_and_begin_with_a_line() {
    let mut transfer = Transfer::new(Mode::Text);
    let line = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    let lines = line.repeat(WHOLE / line.len() + 1);
    transfer.came(&lines);
    let mut sent = run(&mut transfer, ms(0)).unwrap().0;
    sent.extend(run(&mut transfer, ms(1_000)).unwrap().0);
    transfer.came(b"the end\n");
    let (out, windows) = run(&mut transfer, ms(2_000)).unwrap();
    sent.extend(out);
    assert!(sent == [&lines[..], b"the end\n"].concat(), "what goes on is what came");
    let last = windows.last().unwrap();
    assert!(last.starts_with(line) && last.ends_with(b"the end\n"));
    assert!(last.len() <= OVERLAP + 8 && last.len() > OVERLAP / 2, "{}", last.len());
}

#[test]
fn what_is_no_text_is_a_file_and_once_some_went_on_it_is_judged_whole() {
    let mut transfer = Transfer::new(Mode::Text);
    transfer.came(b"PK\x03\x04\x14\0");
    assert_eq!(transfer.step(ms(0)), Step::Leave);
    let mut transfer = Transfer::new(Mode::Text);
    transfer.came(b"data: one\n\n");
    run(&mut transfer, ms(0)).unwrap();
    transfer.came(b"MZ\0\0");
    assert_eq!(run(&mut transfer, ms(1_000)).unwrap().0, b"");
    transfer.came(b" and text");
    assert_eq!(run(&mut transfer, ms(2_000)).unwrap().0, b"");
    transfer.end();
    assert_eq!(
        transfer.step(ms(2_000)),
        Step::Inspect { window: Bytes::from_static(b"data: one\n\nMZ\0\0 and text"), packed: false }
    );
    let mut transfer = Transfer::new(Mode::Text);
    transfer.came(b"data: one\n\n");
    run(&mut transfer, ms(0)).unwrap();
    transfer.came(&vec![0; MOST_WITHHELD + 1]);
    assert!(matches!(transfer.step(ms(1_000)), Step::Reset(_)));
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect()
}

#[test]
fn film_goes_on_until_something_else_begins() {
    let beginning = noise(10_000);
    for (foreign, breaks) in [
        (&b"Rar!\x1a\x07\x01\x00"[..], true),
        (b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\0\x10\0\0\0\0", true),
        (b"\x7fELF\x02\x01\x01\0", true),
        (&[b'a'; 300_000], true),
        (b"PK\x05\x06", false),
        (b"StreamTitle='a song';", false),
    ] {
        for split in [1, foreign.len() / 2, foreign.len()] {
            let mut transfer = Transfer::new(Mode::Media(0));
            transfer.came(&beginning);
            let (mut out, windows) = run(&mut transfer, ms(0)).unwrap();
            assert!(windows == [Bytes::from(beginning.clone())] && out == beginning);
            let (mut broken, mut all) = (false, beginning.clone());
            let (one, other) = foreign.split_at(split);
            for piece in [&noise(500)[..], one, other, &noise(500)] {
                all.extend_from_slice(piece);
                transfer.came(piece);
                match run(&mut transfer, ms(1)) {
                    Ok((more, windows)) => {
                        assert!(windows.is_empty());
                        out.extend(more);
                    }
                    Err(_) => {
                        broken = true;
                        break;
                    }
                }
            }
            assert_eq!(broken, breaks, "{} bytes, split at {split}", foreign.len());
            assert!(all.starts_with(&out) && (!broken || foreign.len() > 1_000 || out.len() <= beginning.len() + 500));
            if !broken {
                transfer.end();
                out.extend(run(&mut transfer, ms(2)).unwrap().0);
                assert!(out == all);
            }
        }
    }
}

#[test]
fn who_tunes_in_within_a_frame_is_not_stopped_for_it() {
    let mut transfer = Transfer::new(Mode::Media(100));
    transfer.came(&noise(1_000));
    let (out, windows) = run(&mut transfer, ms(0)).unwrap();
    assert!(out == noise(1_000) && windows[0] == noise(1_000)[100..]);
}

const PICTURE: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9";

#[test]
fn pictures_go_on_one_by_one_when_they_are_whole() {
    let border = border("multipart/x-mixed-replace;boundary=--frame").unwrap();
    assert_eq!(border, b"--frame");
    for fields in
        ["Content-Type: image/jpeg", &format!("Content-Type: image/jpeg\r\nContent-Length: {}", PICTURE.len())]
    {
        let one = [format!("--frame\r\n{fields}\r\n\r\n").as_bytes(), PICTURE, b"\r\n"].concat();
        let mut transfer = Transfer::new(Mode::Pictures(border.clone()));
        let all = one.repeat(3);
        let (mut out, mut windows) = (Vec::new(), Vec::new());
        for (number, byte) in all.iter().enumerate() {
            transfer.came(&[*byte]);
            let (more, looked) = run(&mut transfer, ms(number as u64 / 100)).unwrap();
            out.extend(more);
            windows.extend(looked);
        }
        assert!(all.starts_with(&out) && out.len() >= one.len() * 2 - 2, "{fields}: {}", out.len());
        assert_eq!(windows, [Bytes::from_static(PICTURE)], "one a second is enough");
        transfer.came(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 6\r\n\r\n");
        transfer.came(b"MZ\x90\0\x03\0");
        assert!(matches!(run(&mut transfer, ms(500)), Err(Step::Reset(_))), "{fields}");
    }
    let mut other = Transfer::new(Mode::Pictures(border.clone()));
    other.came(b"--frame\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(other.step(ms(0)), Step::Leave);
    let mut none = Transfer::new(Mode::Pictures(border));
    none.came(&noise(5_000));
    assert_eq!(none.step(ms(0)), Step::Leave);
}

fn message(flags: u8, bytes: &[u8]) -> Vec<u8> {
    [&[flags][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

#[test]
fn messages_are_inspected_without_their_frames_and_go_on_with_them() {
    let mut transfer = Transfer::new(Mode::Messages);
    let large = noise(10_000);
    let all = [
        message(0, b"\x08\x01one"),
        message(0, b""),
        message(0, b"\x08\x01two"),
        message(1, &large),
        message(0x80, b"grpc-status: 0\r\n"),
    ]
    .concat();
    let (mut out, mut windows) = (Vec::new(), Vec::new());
    for half in [&all[..8], &all[8..]] {
        transfer.came(half);
        let (more, looked) = run(&mut transfer, ms(0)).unwrap();
        out.extend(more);
        windows.extend(looked);
    }
    assert!(out == all && !transfer.is_over());
    assert_eq!(windows.len(), 3);
    assert!(
        windows[0] == b"\x08\x01one\x08\x01two"[..] && windows[1] == large && windows[2] == b"grpc-status: 0\r\n"[..]
    );
    let mut cut = Transfer::new(Mode::Messages);
    cut.came(&message(0, b"whole")[..7]);
    assert_eq!(cut.step(ms(0)), Step::Wait);
    cut.end();
    assert!(matches!(cut.step(ms(0)), Step::Reset(_)));
    let mut odd = Transfer::new(Mode::Messages);
    odd.came(b"<html><body></body></html>");
    assert!(matches!(odd.step(ms(0)), Step::Reset(_) | Step::Leave));
    let mut huge = Transfer::new(Mode::Messages);
    huge.came(&[0, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(huge.step(ms(0)), Step::Reset(_)));
}
