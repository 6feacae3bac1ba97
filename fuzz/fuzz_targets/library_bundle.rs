//! A bundle that is read to its end is put together again to the byte, and every object is where it says.

#![no_main]
#![allow(clippy::expect_used, reason = "a fuzzer learns by panics")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut splitter = lazaret_attack::Splitter::new(data);
    let mut pieces = Vec::new();
    loop {
        match splitter.next_object() {
            Ok(Some(piece)) => {
                let offset = usize::try_from(piece.offset).expect("an offset in memory");
                assert_eq!(data.get(offset..offset + piece.text.len()), Some(piece.text));
                let _ = lazaret_attack::parse(piece.text);
                pieces.push(piece.text.to_vec());
            }
            Ok(None) => break,
            Err(_) => return,
        }
    }
    let Ok(frame) = splitter.frame() else { return };
    let mut between = frame.skeleton.split(|byte| *byte == 0);
    let mut again = between.next().unwrap_or_default().to_vec();
    for piece in pieces {
        again.extend(piece);
        again.extend(between.next().expect("a place for every object"));
    }
    assert!(between.next().is_none() && again == data);
});
