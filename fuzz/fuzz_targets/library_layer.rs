//! What is read as a layer is written as one, and read again as the same.

#![no_main]
#![allow(clippy::expect_used, reason = "a fuzzer learns by panics")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(layers) = lazaret_attack::read_layers(data) else { return };
    for layer in layers {
        for mark in &layer.marks {
            let _ = layer.color(mark);
        }
        let text = serde_json::to_vec(layer.json()).expect("a layer can be written");
        let again = lazaret_attack::read_layers(&text).expect("what was written can be read");
        assert_eq!(again.first(), Some(&layer));
    }
});
