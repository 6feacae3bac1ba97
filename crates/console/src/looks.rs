//! What can be told about how pages look without a browser: colours that can be read, tables that stay in their place.

use std::collections::BTreeMap;
use std::path::Path;

const STYLES: [(&str, &str); 2] = [
    ("style.css", include_str!("../templates/console/style.css")),
    ("base.html", include_str!("../templates/base.html")),
];
/// Colours that words are written in, and those that they stand on. `base.html` has no `--good`.
const INKS: [&str; 6] = ["ink", "soft", "sign", "held", "link", "good"];
const PAPERS: [&str; 2] = ["paper", "card"];
/// WCAG 2.2, 1.4.3: the least contrast of text.
const LEAST: f64 = 4.5;

/// The colours of a style, light ones first, then dark ones.
fn palettes(style: &str) -> Vec<BTreeMap<&str, &str>> {
    let roots = style.split(":root {").skip(1).filter_map(|rest| rest.split('}').next());
    roots
        .map(|root| root.split(';').filter_map(|pair| pair.trim().strip_prefix("--")?.split_once(": ")).collect())
        .collect()
}

/// WCAG 2.2: relative luminance of `#rgb` or `#rrggbb`.
fn luminance(colour: &str) -> f64 {
    let digits: Vec<u32> = colour.trim_start_matches('#').chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    let channel = |at: usize| {
        let value = match digits.len() {
            3 => digits[at] * 17,
            6 => digits[at * 2] * 16 + digits[at * 2 + 1],
            _ => panic!("`{colour}` is not a colour"),
        };
        let part = f64::from(value) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_of_words_can_be_read_on_every_ground_by_day_and_by_night() {
    assert!((contrast("#000", "#ffffff") - 21.0).abs() < 0.01 && contrast("#c98a12", "#fff") < 3.0);
    for (file, style) in STYLES {
        let palettes = palettes(style);
        assert_eq!(palettes.len(), 2, "{file}: a light and a dark one");
        for (palette, when) in palettes.iter().zip(["by day", "by night"]) {
            let inks: Vec<_> = INKS.iter().filter_map(|ink| Some((ink, palette.get(ink)?))).collect();
            assert!(inks.len() >= 5, "{file}, {when}: {palette:?}");
            for (ink, colour) in inks {
                for paper in PAPERS {
                    let contrast = contrast(colour, palette[paper]);
                    assert!(contrast >= LEAST, "{file}, {when}: --{ink} on --{paper} has {contrast:.2}");
                }
            }
        }
    }
    // Both say the same colour for the same state.
    let [console, stopped] = STYLES.map(|(_, style)| palettes(style));
    for (console, stopped) in console.iter().zip(&stopped) {
        assert_eq!((console["held"], console["sign"]), (stopped["held"], stopped["sign"]));
    }
}

/// Every template below a folder, with its text.
fn templates(folder: &Path, all: &mut Vec<(String, String)>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            templates(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_table_is_wider_than_its_page() {
    let mut all = Vec::new();
    templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut all);
    let mut tables = 0;
    for (file, text) in &all {
        for (at, _) in text.match_indices("<table") {
            let holder = text[..at].ends_with("<div class=\"scroll\">") || text[..at].ends_with("<div class=\"wide\">");
            assert!(holder, "{file}: a table at {at} stands in nothing that scrolls by itself");
            tables += 1;
        }
    }
    assert!(tables > 20, "{tables}");
    let (_, style) = STYLES[0];
    for holder in [".scroll { overflow-x: auto; }", ".wide { overflow-x: auto; }"] {
        assert!(style.contains(holder), "{holder}");
    }
    // Cells that stand below each other on a phone say which column they are.
    let (_, rows) = all.iter().find(|(file, _)| file.ends_with("console/rows.html")).unwrap();
    let script = include_str!("../templates/console/live.js");
    for name in rows.split("<th scope=\"col\">").skip(1).filter_map(|rest| rest.split('<').next()) {
        assert!(rows.contains(&format!("data-label=\"{name}\"")), "{name}");
        assert!(script.contains(&format!("\"{name}\"")), "live.js: {name}");
    }
}
