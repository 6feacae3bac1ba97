//! Codes that are drawn of the shapes of SVG 1.1: `rect`, `use` and `path`.

use super::{Rectangles, brightness};

/// Adds what an element draws, if it is one of those.
pub(crate) fn element(name: &str, attributes: &[(String, String)], all: &mut Rectangles) {
    let of = |key: &str| attributes.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
    let number = |key: &str, default: f64| of(key).map_or(Some(default), length);
    let styled = |key: &str| {
        let style = of("style").unwrap_or_default().split(';').filter_map(|part| part.split_once(':'));
        style.filter(|(own, _)| own.trim() == key).map(|(_, value)| value.trim()).next_back().or_else(|| of(key))
    };
    // Black where nothing is said (11.3).
    let fill = styled("fill").map_or(Some(0), brightness).unwrap_or(0);
    match name {
        "rect" | "use" => {
            let default = if name == "use" { 1.0 } else { 0.0 };
            let (x, y) = (number("x", 0.0), number("y", 0.0));
            if let (Some(x), Some(y), Some(width), Some(height)) =
                (x, y, number("width", default), number("height", default))
            {
                all.add((x, y), (x + width, y + height), fill);
            }
        }
        "path" => {
            let Some(data) = of("d") else { return };
            let stroke =
                styled("stroke").filter(|stroke| *stroke != "none").map(|stroke| brightness(stroke).unwrap_or(0));
            let filled = styled("fill") != Some("none");
            let width = styled("stroke-width").and_then(length).unwrap_or(1.0);
            path(
                data,
                if filled && stroke.is_none() { Some(fill) } else { None },
                stroke.map(|value| (value, width)),
                all,
            );
        }
        _ => {}
    }
}

/// A length without its unit, which is the same for all.
fn length(text: &str) -> Option<f64> {
    text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').parse().ok()
}

/// The subpaths of path data (8.3), filled as the rectangles around them, or level strokes as the rectangles that they are.
fn path(data: &str, fill: Option<u8>, stroke: Option<(u8, f64)>, all: &mut Rectangles) {
    let (mut at, mut start) = ((0.0_f64, 0.0_f64), (0.0, 0.0));
    let mut shape: Option<[(f64, f64); 2]> = None;
    let mut command = 'M';
    let mut numbers: Vec<f64> = Vec::new();
    for token in tokens(data) {
        match token {
            Token::Command(letter) => {
                numbers.clear();
                command = letter;
                if letter.eq_ignore_ascii_case(&'z') {
                    close(&mut shape, fill, all);
                    at = start;
                }
                continue;
            }
            Token::Number(number) => numbers.push(number),
        }
        let relative = command.is_ascii_lowercase();
        let base = if relative { at } else { (0.0, 0.0) };
        let upper = command.to_ascii_uppercase();
        let needed = match upper {
            'H' | 'V' => 1,
            'M' | 'L' | 'T' => 2,
            'S' | 'Q' => 4,
            'C' => 6,
            'A' => 7,
            _ => return,
        };
        if numbers.len() < needed {
            continue;
        }
        let last = |back: usize| numbers.iter().rev().nth(back).copied().unwrap_or(0.0);
        let to = match upper {
            'H' => (base.0 + last(0), at.1),
            'V' => (at.0, base.1 + last(0)),
            _ => (base.0 + last(1), base.1 + last(0)),
        };
        numbers.clear();
        if upper == 'M' {
            close(&mut shape, fill, all);
            start = to;
            shape = Some([to; 2]);
            // Further pairs are lines (8.3.2).
            command = if relative { 'l' } else { 'L' };
        } else {
            if let (Some((value, width)), true) = (stroke, at.1 == to.1) {
                all.add((at.0, at.1 - width / 2.0), (to.0, to.1 + width / 2.0), value);
            }
            let [from, end] = shape.get_or_insert([at; 2]);
            *from = (from.0.min(to.0), from.1.min(to.1));
            *end = (end.0.max(to.0), end.1.max(to.1));
        }
        at = to;
    }
    close(&mut shape, fill, all);
}

/// Fills the rectangle around a subpath.
fn close(shape: &mut Option<[(f64, f64); 2]>, fill: Option<u8>, all: &mut Rectangles) {
    if let (Some([from, to]), Some(fill)) = (shape.take(), fill) {
        all.add(from, to, fill);
    }
}

enum Token {
    Command(char),
    Number(f64),
}

/// Letters and numbers, which may stand without anything between them: `M4 4h1v1`, `1.5.5`, `3-2`.
fn tokens(data: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut number = String::new();
    let end = |number: &mut String, tokens: &mut Vec<Token>| {
        tokens.extend(number.parse().ok().map(Token::Number));
        number.clear();
    };
    for c in data.chars() {
        match c {
            '0'..='9' => number.push(c),
            '.' if !number.contains('.') => number.push(c),
            'e' | 'E' if !number.is_empty() => number.push(c),
            '-' | '+' if number.ends_with(['e', 'E']) => number.push(c),
            '-' | '+' | '.' => {
                end(&mut number, &mut tokens);
                number.push(c);
            }
            c => {
                end(&mut number, &mut tokens);
                if c.is_ascii_alphabetic() {
                    tokens.push(Token::Command(c));
                }
            }
        }
    }
    end(&mut number, &mut tokens);
    tokens
}
