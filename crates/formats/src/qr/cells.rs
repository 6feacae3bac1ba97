//! Codes that are drawn of the cells of a table, dark and light by their colours or classes.

use super::Luma;

/// Rows and cells of one row that are kept: the largest code has 177, and a border.
const MOST: usize = 400;
/// Rows from which a table may be a code.
const LEAST: usize = 21;
/// Pixels of a module.
const MODULE: usize = 4;
/// White modules around the code.
const BORDER: usize = 4;

/// The cells of a table.
#[derive(Default)]
pub(crate) struct Cells {
    rows: Vec<Vec<u8>>,
    /// Classes in the order they were met: nobody says here which one is dark, and a code is found either way.
    classes: Vec<String>,
}

impl Cells {
    /// Begins a row.
    pub(crate) fn row(&mut self) {
        // An empty one draws nothing.
        if self.rows.last().is_some_and(Vec::is_empty) {
            return;
        }
        // LIMIT: what is larger is no code.
        if self.rows.len() < MOST {
            self.rows.push(Vec::new());
        }
    }

    /// Adds a cell by its attributes: as many columns wide as it says.
    pub(crate) fn cell(&mut self, attributes: &[(String, String)]) {
        let of = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let style = of("style").and_then(background);
        let colour = style.or_else(|| of("bgcolor").and_then(brightness));
        let value = match (colour, of("class")) {
            (Some(colour), _) => colour,
            (None, Some(class)) => self.class(class),
            (None, None) => u8::MAX,
        };
        // LIMIT: no code is wider.
        let columns = of("colspan").and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(1).clamp(1, MOST);
        let Some(row) = self.rows.last_mut() else { return };
        // LIMIT: as above.
        let free = MOST.saturating_sub(row.len());
        row.extend(std::iter::repeat_n(value, columns.min(free)));
    }

    fn class(&mut self, class: &str) -> u8 {
        let known = self.classes.iter().position(|known| known == class);
        let place = known.unwrap_or(self.classes.len());
        // LIMIT: a code has two classes; more are a table like any other.
        if known.is_none() && self.classes.len() < 8 {
            self.classes.push(class.to_owned());
        }
        if place == 0 { u8::MAX } else { 0 }
    }

    /// What the cells show, if they may be a code: on light paper and, where only classes tell them apart, on dark.
    pub(crate) fn pictures(&self) -> Vec<Luma> {
        let width = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        if self.rows.len() < LEAST || width < LEAST {
            return Vec::new();
        }
        let papers: &[u8] = if self.classes.is_empty() { &[u8::MAX] } else { &[u8::MAX, 0] };
        papers.iter().filter_map(|paper| self.picture(width, *paper)).collect()
    }

    fn picture(&self, width: usize, paper: u8) -> Option<Luma> {
        let side = |modules: usize| (modules + 2 * BORDER) * MODULE;
        let mut picture = Luma::white(side(width), side(self.rows.len()))?;
        picture.paint(0, 0, side(width), side(self.rows.len()), paper);
        for (y, row) in self.rows.iter().enumerate() {
            for (x, value) in row.iter().enumerate() {
                picture.paint((x + BORDER) * MODULE, (y + BORDER) * MODULE, MODULE, MODULE, *value);
            }
        }
        Some(picture)
    }
}

/// The brightness of the background that a style sets.
fn background(style: &str) -> Option<u8> {
    let mut found = None;
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        if matches!(property.trim().to_ascii_lowercase().as_str(), "background" | "background-color") {
            // The shorthand names a picture and places as well.
            found = brightness(value).or_else(|| value.split_whitespace().find_map(brightness)).or(found);
        }
    }
    found
}

/// The brightness of a colour as pages write it (CSS Color 4, 5 and 6.1): the names that codes are drawn with, `#…`, `rgb(…)`.
pub(crate) fn brightness(colour: &str) -> Option<u8> {
    let colour = colour.trim().trim_end_matches("!important").trim().to_ascii_lowercase();
    let named = match colour.as_str() {
        "black" | "navy" | "darkblue" | "maroon" | "darkgreen" | "midnightblue" | "indigo" => Some(0),
        "white" | "snow" | "ivory" | "transparent" | "none" | "whitesmoke" | "ghostwhite" => Some(u8::MAX),
        _ => None,
    };
    if named.is_some() {
        return named;
    }
    if let Some(inner) = colour.strip_prefix("rgb(").or_else(|| colour.strip_prefix("rgba(")) {
        let mut numbers = inner.trim_end_matches(')').split([',', ' ', '/']).filter(|part| !part.is_empty());
        let mut next = || numbers.next().and_then(|part| part.trim().parse::<f64>().ok());
        return Some(of_rgb([next()?, next()?, next()?].map(|value| value.clamp(0.0, 255.0) as u8)));
    }
    // Old pages leave the number sign out.
    let digits = colour.strip_prefix('#').unwrap_or(&colour);
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let digit = |at: usize, by: u8| {
        let text = digits.get(at..=at)?;
        u8::from_str_radix(text, 16).ok()?.checked_mul(by)
    };
    match digits.len() {
        3 | 4 => Some(of_rgb([digit(0, 17)?, digit(1, 17)?, digit(2, 17)?])),
        6 | 8 => {
            let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            Some(of_rgb([pair(0)?, pair(2)?, pair(4)?]))
        }
        _ => None,
    }
}

/// The brightness of red, green and blue, about as people see it.
pub(crate) fn of_rgb([red, green, blue]: [u8; 3]) -> u8 {
    let sum = u32::from(red) * 2 + u32::from(green) * 5 + u32::from(blue);
    u8::try_from(sum / 8).unwrap_or(u8::MAX)
}
