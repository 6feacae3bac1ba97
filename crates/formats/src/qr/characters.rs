//! Codes that are drawn with characters: block elements (Unicode, U+2580 to U+259F), or two characters of any sort.

use super::Luma;

/// Lines from which they may be a code: half blocks show two rows of modules each.
const LEAST_LINES: usize = 11;
/// Characters of a line, blanks at its end aside, from which it may be a code's.
const LEAST_LENGTH: usize = 8;
/// Lines of one drawing, and characters of a line: two for each module of the largest code, and a border.
const MOST: usize = 400;
/// Pixels for a quarter of a character.
const QUARTER: usize = 2;
/// White quarters around the drawing.
const BORDER: usize = 8;

/// Whether a text has block elements at all.
pub(crate) fn draws(text: &[u8]) -> bool {
    // In UTF-8, blocks begin with the first two bytes, large squares with the other two.
    [[0xe2, 0x96], [0xe2, 0xac]].iter().any(|start| memchr::memmem::find(text, start).is_some())
}

/// The pictures that lines of a text show.
pub(crate) fn pictures_of(text: &str) -> Vec<Luma> {
    let mut pictures = Vec::new();
    let mut group: Vec<Vec<char>> = Vec::new();
    let mut sort = Sort::None;
    for line in text.lines().chain(std::iter::once("")) {
        let line = line.trim_end();
        // Most lines of most texts.
        let own = if is_written(line) { Some(Sort::None) } else { None };
        // LIMIT: longer lines are no drawing of a code.
        let line: Vec<char> = if own.is_some() { Vec::new() } else { line.chars().take(MOST + 1).collect() };
        let own = own.unwrap_or_else(|| sort_of(&line));
        // White lines above and below belong to no drawing.
        if own != Sort::None && (own == sort || group.is_empty()) && group.len() < MOST {
            sort = own;
            group.push(line);
            continue;
        }
        if group.len() >= LEAST_LINES {
            pictures.extend(show(&group));
        }
        group.clear();
        sort = own;
        if own != Sort::None {
            group.push(line);
        }
    }
    pictures
}

/// Whether a line is of three ASCII characters or more, blanks aside, and of none that blocks begin with: nothing is drawn so.
fn is_written(line: &str) -> bool {
    let mut seen = [0; 2];
    let several = line.bytes().filter(|byte| *byte != b' ').any(|byte| match &mut seen {
        _ if !byte.is_ascii() => false,
        [first, second] if *first == byte || *second == byte => false,
        [first, _] if *first == 0 => {
            *first = byte;
            false
        }
        [_, second] if *second == 0 => {
            *second = byte;
            false
        }
        _ => true,
    });
    several && memchr::memchr(0xe2, line.as_bytes()).is_none()
}

/// What a line is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    None,
    Blocks,
    Letters,
}

fn sort_of(line: &[char]) -> Sort {
    // LIMIT: no code is wider, and what it is part of is no drawing.
    if line.len() > MOST || line.len() < LEAST_LENGTH {
        return Sort::None;
    }
    if line.iter().any(|c| is_block(*c)) {
        let drawn = line.iter().filter(|c| is_block(**c) || is_blank(**c)).count();
        // Something may stand before it, such as a quote's mark or a border.
        return if drawn * 10 >= line.len() * 9 { Sort::Blocks } else { Sort::None };
    }
    let Some(first) = line.iter().find(|c| !is_blank(**c)) else { return Sort::None };
    let mut other = None;
    for c in line.iter().filter(|c| **c != *first && !is_blank(**c)) {
        if *other.get_or_insert(*c) != *c {
            return Sort::None;
        }
    }
    // A line of one letter is a rule between paragraphs, or the upper edge of a corner: it needs company.
    Sort::Letters
}

const fn is_block(c: char) -> bool {
    matches!(c, '\u{2580}'..='\u{259f}' | '\u{25a0}' | '\u{25a1}' | '\u{2b1b}' | '\u{2b1c}')
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2002}' | '\u{2003}' | '\u{2007}' | '\u{3000}' | '\u{2800}')
}

/// Which quarters of its place a character fills: at the upper left, upper right, lower left and lower right.
fn quarters(c: char, ink: Option<char>) -> [bool; 4] {
    match c {
        '\u{2580}' => [true, true, false, false],
        '\u{2584}' => [false, false, true, true],
        '\u{258c}' => [true, false, true, false],
        '\u{2590}' => [false, true, false, true],
        '\u{2588}' | '\u{2592}' | '\u{2593}' | '\u{25a0}' | '\u{2b1b}' => [true; 4],
        '\u{2596}' => [false, false, true, false],
        '\u{2597}' => [false, false, false, true],
        '\u{2598}' => [true, false, false, false],
        '\u{2599}' => [true, false, true, true],
        '\u{259a}' => [true, false, false, true],
        '\u{259b}' => [true, true, true, false],
        '\u{259c}' => [true, true, false, true],
        '\u{259d}' => [false, true, false, false],
        '\u{259e}' => [false, true, true, false],
        '\u{259f}' => [false, true, true, true],
        // Eighths from below and from the left: what is more than half counts as full.
        '\u{2585}'..='\u{2587}' | '\u{2589}'..='\u{258b}' => [true; 4],
        c => [ink == Some(c); 4],
    }
}

/// A drawing in the shapes its modules may have: a character is about twice as high as wide, and emoji are square.
fn show(lines: &[Vec<char>]) -> Vec<Luma> {
    let ink = lines.iter().flatten().copied().find(|c| !is_blank(*c) && !is_block(*c));
    let blocks = lines.iter().flatten().any(|c| is_block(*c));
    let ink = ink.filter(|_| !blocks);
    let width = lines.iter().map(Vec::len).max().unwrap_or(0);
    let shape = |high: usize| {
        let place = |quarter: usize, by: usize| (quarter + BORDER) * QUARTER * by;
        let mut picture = Luma::white(place(width * 2 + BORDER, 1), place(lines.len() * 2 + BORDER, high))?;
        for (row, line) in lines.iter().enumerate() {
            for (column, c) in line.iter().enumerate() {
                for (quarter, filled) in quarters(*c, ink).into_iter().enumerate() {
                    if filled {
                        let (x, y) = (place(column * 2 + quarter % 2, 1), place(row * 2 + quarter / 2, high));
                        picture.paint(x, y, QUARTER, QUARTER * high, 0);
                    }
                }
            }
        }
        Some(picture)
    };
    [2, 1].into_iter().filter_map(shape).collect()
}

#[cfg(test)]
mod tests {
    use super::pictures_of;

    #[test]
    fn what_ends_a_line_belongs_to_no_drawing() {
        for end in ["", " ", "\t", "\r", " \t\u{b}\u{c}", "\u{a0}"] {
            let drawing = format!("##..##..##..{end}\n..##..##..##{end}\n").repeat(6);
            assert_eq!(pictures_of(&drawing).len(), 2, "{end:?}");
        }
        assert!(pictures_of(&"a line of prose\t\n".repeat(12)).is_empty());
    }
}
