//! Any text as a file of rules: without its includes it has as many lines, so that errors keep their places, and what has no
//! include stays as it is.

#![no_main]

// The file itself instead of the executable, which is no library.
#[path = "../../crates/lazaret/src/rule_files/includes.rs"]
mod includes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (rules, found) = includes::split(&text);
    let lines = |text: &str| text.split_inclusive('\n').count();
    assert_eq!(lines(&rules), lines(&text));
    assert!(found.is_sorted_by_key(|(line, _)| *line));
    for (line, name) in &found {
        assert!((1..=lines(&text)).contains(line) && !name.is_empty() && !name.contains(['"', '\n']), "{line}: {name}");
    }
    if found.is_empty() {
        assert_eq!(rules, text);
    }
});
