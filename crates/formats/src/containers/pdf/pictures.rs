//! Codes in the pictures of a document (8.9), and in what its pages draw of filled shapes (8.5).

use super::objects::{Object, Value};
use super::words::Said;
use super::{Document, Source};
use crate::containers::picture;
use crate::qr::{Codes, Rectangles, Rows, of_rgb};
use crate::{OpenError, Parts};

/// Pictures of one document that are looked at, the squarest first.
const MOST_PICTURES: usize = 64;
/// Bytes of the content of pages that are read.
const MOST_CONTENT: usize = 64 << 20;
/// States that are kept for `q` and `Q`, and operands of one operator.
const MOST_STATES: usize = 64;
const MOST_OPERANDS: usize = 8;

impl<'d> Document<'d> {
    /// Hands over what the codes in pictures and pages say, and what pages say of commands.
    pub(super) fn codes(&self, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut codes = Codes::default();
        self.pictures(&mut codes, parts)?;
        let mut said = self.nothing_said(parts)?;
        self.pages(&mut codes, &mut said, parts)?;
        codes.hand_over(parts)?;
        said.hand_over(parts)
    }

    fn pictures(&self, codes: &mut Codes, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let size = |object: &'d Object, key: &str| {
            let value = object.value.get(key).map(|value| self.index.direct(value));
            value.and_then(Value::integer).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
        };
        let is_picture = |object: &&'d Object| {
            let subtype = object.value.get("Subtype");
            object.stream.is_some() && subtype.is_some_and(|subtype| self.index.is_name(subtype, "Image"))
        };
        let pictures = self.index.objects.iter().filter(is_picture);
        let mut pictures: Vec<(usize, usize, &'d Object)> =
            pictures.map(|object| (size(object, "Width"), size(object, "Height"), object)).collect();
        pictures.retain(|(width, height, _)| (21..20_000).contains(width) && (21..20_000).contains(height));
        pictures.sort_by_key(|(width, height, _)| {
            let square = width.max(height) * 4 <= width.min(height) * 5;
            (!square, usize::MAX - width * height)
        });
        // LIMIT: a document may have any number of pictures; a code to be scanned is a large square one.
        for (width, height, object) in pictures.into_iter().take(MOST_PICTURES) {
            let decoded = self.read(Source::Stream(object), parts)?;
            // The filter of JPEG is left, and so is its file.
            if decoded.bytes.starts_with(&[0xff, 0xd8, 0xff]) {
                picture::look(&decoded.bytes, u64::MAX, false, codes, parts)?;
                continue;
            }
            if decoded.problem.is_some() || !parts.pictures().take(width as u64 * height as u64, false) {
                continue;
            }
            let bits = match size(object, "BitsPerComponent") {
                0 if object.value.get("ImageMask").is_some() => 1,
                0 => 8,
                bits => bits,
            };
            let palette = self.palette(object, parts)?;
            if let Some(rows) = raw(&decoded.bytes, width, height, bits, palette.as_deref()) {
                codes.look(&rows.finish(), parts)?;
            }
        }
        Ok(())
    }

    /// The brightness of the colours that an indexed picture chooses from (8.6.6.3).
    fn palette(&self, object: &'d Object, parts: &mut Parts<'_, '_>) -> Result<Option<Vec<u8>>, OpenError> {
        let space = object.value.get("ColorSpace").map(|space| self.index.direct(space));
        let Some(Value::Array(space)) = space else { return Ok(None) };
        let [name, base, highest, table] = space.as_slice() else { return Ok(None) };
        if !self.index.is_name(name, "Indexed") && !self.index.is_name(name, "I") {
            return Ok(None);
        }
        let Some(source) = self.sources(table, parts)?.into_iter().next() else { return Ok(None) };
        let table = self.read(source, parts)?.bytes;
        let colours = self.index.direct(highest).integer().and_then(|highest| usize::try_from(highest).ok());
        let colours = colours.unwrap_or(0).saturating_add(1);
        let components = match self.index.direct(base) {
            Value::Name(name) if name == "DeviceRGB" => 3,
            Value::Name(name) if name == "DeviceGray" => 1,
            _ => (table.len() / colours).clamp(1, 4),
        };
        Ok(Some(table.chunks(components).map(brightness).collect()))
    }

    fn pages(&self, codes: &mut Codes, said: &mut Said, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let mut left = MOST_CONTENT;
        for object in self.index.objects {
            let form = object.value.get("Subtype").is_some_and(|subtype| self.index.is_name(subtype, "Form"));
            let sources = match object.value.get("Contents") {
                _ if form && object.stream.is_some() => vec![Source::Stream(object)],
                Some(contents @ (Value::Reference(_) | Value::Array(_))) => self.sources(contents, parts)?,
                _ => continue,
            };
            let mut content = Vec::new();
            for source in sources {
                let Source::Stream(_) = source else { continue };
                let decoded = self.read(source, parts)?.bytes;
                let _ = parts.budget().charge_output(decoded.len() as u64);
                // LIMIT: plans and maps are drawn with so much, and no code is.
                left = left.saturating_sub(decoded.len());
                if left == 0 {
                    return Ok(());
                }
                content.extend(decoded);
                content.push(b'\n');
            }
            said.add(&content);
            if let Some(picture) = drawn(&content).picture() {
                codes.look(&picture, parts)?;
            }
        }
        Ok(())
    }
}

/// The brightness of a colour of one, three or four components (8.6.4).
fn brightness(components: &[u8]) -> u8 {
    match *components {
        [grey] => grey,
        [red, green, blue] => of_rgb([red, green, blue]),
        [cyan, magenta, yellow, black] => {
            let light = u32::from(255 - of_rgb([cyan, magenta, yellow])) * u32::from(255 - black) / 255;
            u8::try_from(light).unwrap_or(u8::MAX)
        }
        _ => u8::MAX,
    }
}

/// Rows of samples (8.9.5.2) as brightness; how many components a pixel has is told by how many bytes there are.
fn raw(bytes: &[u8], width: usize, height: usize, bits: usize, palette: Option<&[u8]>) -> Option<Rows> {
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return None;
    }
    let row_of = |components: usize| width.checked_mul(components)?.checked_mul(bits).map(|bits| bits.div_ceil(8));
    let fits = |components: &usize| {
        row_of(*components).and_then(|row| row.checked_mul(height)).is_some_and(|all| all <= bytes.len())
    };
    let most = if palette.is_some() { 1 } else { 4 };
    let components = [4, 3, 1].into_iter().filter(|components| *components <= most).find(fits).unwrap_or(1);
    let mut rows = Rows::new(width, height)?;
    // LIMIT: as many rows as the picture has.
    for row in bytes.chunks(row_of(components)?.max(1)).take(height) {
        if bits == 8 && components > 1 {
            rows.push(row.chunks(components).map(brightness));
            continue;
        }
        if components > 1 {
            return None;
        }
        let each = 8 / bits;
        let highest = (1_usize << bits) - 1;
        let sample = |at: usize| {
            let byte = usize::from(row.get(at / each).copied().unwrap_or(u8::MAX));
            let value = (byte >> (8 - bits * (at % each + 1))) & highest;
            let own = palette.and_then(|palette| palette.get(value)).copied();
            own.unwrap_or_else(|| u8::try_from(value * 255 / highest).unwrap_or(u8::MAX))
        };
        rows.push((0..width).map(sample));
    }
    Some(rows)
}

/// A transformation of coordinates (8.3.3).
type Matrix = [f64; 6];

fn through([a, b, c, d, e, f]: Matrix, (x, y): (f64, f64)) -> (f64, f64) {
    (a * x + c * y + e, b * x + d * y + f)
}

/// What a content stream is at.
#[derive(Clone, Copy)]
struct State {
    matrix: Matrix,
    fill: u8,
}

/// The filled shapes of a content stream (8.5.3), each as the rectangle around it.
fn drawn(content: &[u8]) -> Rectangles {
    let mut all = Rectangles::default();
    let mut state = State { matrix: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], fill: 0 };
    let mut states = Vec::new();
    let mut operands: Vec<f64> = Vec::new();
    // Shapes of the path, and the one that is being added to, as opposite corners.
    let mut shapes: Vec<[(f64, f64); 2]> = Vec::new();
    let mut open: Option<[(f64, f64); 2]> = None;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b']' | b'(' | b')' | b'<' | b'>');
    for word in content.split(ends).filter(|word| !word.is_empty()) {
        if let Some(number) = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok()) {
            // LIMIT: no operator takes more.
            if operands.len() >= MOST_OPERANDS {
                operands.remove(0);
            }
            operands.push(number);
            continue;
        }
        match (word, operands.as_slice()) {
            // LIMIT: deeper ones are drawn where the last one was.
            (b"q", _) if states.len() >= MOST_STATES => {}
            (b"q", _) => states.push(state),
            (b"Q", _) => state = states.pop().unwrap_or(state),
            (b"cm", [.., a, b, c, d, e, f]) => {
                let [oa, ob, oc, od, ..] = state.matrix;
                let (e, f) = through(state.matrix, (*e, *f));
                state.matrix = [a * oa + b * oc, a * ob + b * od, c * oa + d * oc, c * ob + d * od, e, f];
            }
            (b"g" | b"sc" | b"scn", [grey]) => state.fill = shade([*grey; 3]),
            (b"rg" | b"sc" | b"scn", [red, green, blue]) => state.fill = shade([*red, *green, *blue]),
            (b"k" | b"sc" | b"scn", [cyan, magenta, yellow, black]) => {
                state.fill = shade([cyan, magenta, yellow].map(|ink| (1.0 - ink) * (1.0 - black)));
            }
            (b"re", [.., x, y, width, height]) => {
                let to = (x + width, y + height);
                shapes.push([through(state.matrix, (*x, *y)), through(state.matrix, to)]);
            }
            (b"m", [.., x, y]) => {
                shapes.extend(open.take());
                open = Some([through(state.matrix, (*x, *y)); 2]);
            }
            (b"l" | b"c" | b"v" | b"y", [.., x, y]) => {
                let (x, y) = through(state.matrix, (*x, *y));
                if let Some([from, to]) = &mut open {
                    *from = (from.0.min(x), from.1.min(y));
                    *to = (to.0.max(x), to.1.max(y));
                }
            }
            (b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*", _) => {
                shapes.extend(open.take());
                for [from, to] in shapes.drain(..) {
                    // Rows count upwards on a page.
                    all.add((from.0, -from.1), (to.0, -to.1), state.fill);
                }
            }
            (b"n" | b"s" | b"S", _) => {
                shapes.clear();
                open = None;
            }
            _ => {}
        }
        operands.clear();
    }
    all
}

/// The brightness of red, green and blue between 0 and 1.
fn shade(colour: [f64; 3]) -> u8 {
    of_rgb(colour.map(|value| (value.clamp(0.0, 1.0) * 255.0) as u8))
}
