//! Equations as the old Equation Editor keeps them (MTEF versions 1 to 3, as MathType's SDK describes it), read as strictly as the
//! editor should have: it copies names and tables to places of a fixed size, and runs what overflows them (CVE-2017-11882,
//! CVE-2018-0798, CVE-2018-0802).

/// Characters of a typeface's name in a `LOGFONT`, its end included.
const FACE: usize = 32;
/// Rows or columns whose separators, of two bits each, fit in the eight bytes that the editor has for them.
const MOST_LINES: u8 = 30;
/// Lists in lists; templates of templates of that depth fit on no paper.
const MOST_DEPTH: u32 = 64;

/// What is wrong with an equation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It overflows what the editor has room for.
    Overflow(&'static str),
    /// It is no equation that the editor writes.
    Odd(&'static str),
}

/// Reads the stream `Equation Native`, a header of 28 bytes and the equation, or what earlier versions put into `\1Ole10Native`, the
/// equation alone.
pub(super) fn check(stream: &[u8]) -> Result<(), Fault> {
    if stream.is_empty() {
        return Ok(());
    }
    let headed = stream.starts_with(&[28, 0, 0, 0, 2, 0]);
    let equation = stream.get(if headed { 28 } else { 0 }..);
    let Some((&[version, _platform, _product, _major, _minor], records)) =
        equation.and_then(|rest| rest.split_first_chunk())
    else {
        return Err(Fault::Odd("it ends in its header"));
    };
    match version {
        3 => list(&mut Reader { rest: records, wide: true }, 0),
        // Characters had one byte at first.
        1 | 2 => match list(&mut Reader { rest: records, wide: true }, 0) {
            Err(Fault::Odd(_)) => list(&mut Reader { rest: records, wide: false }, 0),
            other => other,
        },
        _ => Err(Fault::Odd("its version is none that the editor reads")),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Whether characters have two bytes.
    wide: bool,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, count: usize) -> Result<(), Fault> {
        self.rest = self.rest.get(count..).ok_or(Fault::Odd("it ends in a record"))?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.rest.split_first().ok_or(Fault::Odd("it ends in a record"))?;
        self.rest = rest;
        Ok(*first)
    }

    /// A displacement: two bytes, or both 128 and two numbers of two bytes.
    fn nudge(&mut self, flags: u8) -> Result<(), Fault> {
        if flags & 8 != 0 {
            let (x, y) = (self.byte()?, self.byte()?);
            self.skip(if (x, y) == (128, 128) { 4 } else { 0 })?;
        }
        Ok(())
    }

    fn ruler(&mut self, flags: u8) -> Result<(), Fault> {
        if flags & 2 == 0 {
            return Ok(());
        }
        if self.byte()? & 0x0f != 7 {
            return Err(Fault::Odd("a ruler is missing"));
        }
        let stops = self.byte()?;
        self.skip(3 * usize::from(stops))
    }

    fn name(&mut self) -> Result<&'a [u8], Fault> {
        let end = self.rest.iter().position(|byte| *byte == 0);
        let length = end.unwrap_or(self.rest.len());
        if length >= FACE {
            return Err(Fault::Overflow("the name of a typeface is longer than the editor has room for"));
        }
        let name = self.rest.get(..length).unwrap_or_default();
        self.skip(length + 1)?;
        Ok(name)
    }
}

/// Records up to the end of their list, or of the equation for the outermost.
fn list(reader: &mut Reader<'_>, depth: u32) -> Result<(), Fault> {
    if depth > MOST_DEPTH {
        return Err(Fault::Odd("its parts lie too deep in each other"));
    }
    loop {
        if reader.rest.is_empty() && depth == 0 {
            return Ok(());
        }
        let tag = reader.byte()?;
        let flags = tag >> 4;
        match tag & 0x0f {
            0 => return Ok(()),
            1 => {
                reader.nudge(flags)?;
                reader.skip(if flags & 4 != 0 { 2 } else { 0 })?;
                reader.ruler(flags)?;
                if flags & 1 == 0 {
                    list(reader, depth + 1)?;
                }
            }
            2 => {
                reader.nudge(flags)?;
                reader.skip(if reader.wide { 3 } else { 2 })?;
                if flags & 2 != 0 {
                    list(reader, depth + 1)?;
                }
            }
            3 => {
                reader.nudge(flags)?;
                reader.skip(3)?;
                list(reader, depth + 1)?;
            }
            4 => {
                reader.nudge(flags)?;
                reader.skip(2)?;
                reader.ruler(flags)?;
                list(reader, depth + 1)?;
            }
            5 => {
                reader.nudge(flags)?;
                reader.skip(3)?;
                let (rows, columns) = (reader.byte()?, reader.byte()?);
                if rows > MOST_LINES || columns > MOST_LINES {
                    return Err(Fault::Overflow("a table has more rows or columns than the editor has room for"));
                }
                let bytes = |lines: u8| (usize::from(lines) + 1).div_ceil(4);
                reader.skip(bytes(rows) + bytes(columns))?;
                list(reader, depth + 1)?;
            }
            6 => {
                reader.nudge(flags)?;
                reader.skip(1)?;
            }
            7 => {
                let stops = reader.byte()?;
                reader.skip(3 * usize::from(stops))?;
            }
            8 => {
                reader.skip(2)?;
                reader.name()?;
            }
            9 => match reader.byte()? {
                101 => reader.skip(2)?,
                100 => reader.skip(3)?,
                _ => reader.skip(1)?,
            },
            10..=14 => {}
            _ => return Err(Fault::Odd("it has a record of a type that the editor does not write")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Fault, check};

    /// A stream whose equation has these records.
    pub(crate) fn equation(records: &[u8]) -> Vec<u8> {
        let mut out = vec![28, 0, 0, 0, 2, 0, 0x96, 0xc1];
        out.extend((records.len() as u32 + 5).to_le_bytes());
        out.extend([0; 16]);
        out.extend([3, 1, 1, 3, 0]);
        out.extend(records);
        out
    }

    /// x squared over y, in a pile, with fonts and sizes.
    const FRACTION: &[u8] = &[
        0x0a, 0x08, 0x81, 0x00, b'T', b'i', b'm', b'e', b's', 0, 0x04, 1, 1, 0x01, 0x03, 14, 0, 0, 0x01, 0x12, 0x83,
        b'x', 0, 0x03, 15, 0, 0, 0x0b, 0x01, 0x02, 0x88, b'2', 0, 0, 0x11, 0, 0, 0x01, 0x22, 0x83, b'y', 0, 0x06, 2, 0,
        0, 0, 0, 0, 0,
    ];

    #[test]
    fn an_equation_as_the_editor_writes_it_is_sound() {
        assert_eq!(check(&equation(FRACTION)), Ok(()));
        assert_eq!(check(&equation(&[])), Ok(()));
        assert_eq!(check(b""), Ok(()));
        // A table of two rows with its separators, a size in points, a displacement of each sort.
        let table = [
            0x09, 101, 0, 3, 0x85, 1, 2, 1, 1, 1, 2, 2, 0, 0, 0x01, 0x82, 128, 128, 1, 0, 1, 0, 0x83, b'a', 0, 0, 0x11,
            0, 0,
        ];
        assert_eq!(check(&equation(&table)), Ok(()));
    }

    #[test]
    fn an_equation_of_an_early_version_has_no_header_and_short_characters() {
        let early =
            [2, 0, 0, 3, 0, 0x0a, 0x01, 0x12, 0x83, b'F', 0x02, 0x86, b'=', 0x03, 3, 0, 0, 0x01, 0x02, 0x88, b'1', 0];
        assert_eq!(check(&[&early[..], &[0x02, 0x96, b'[', 0, 0, 0]].concat()), Ok(()));
        let face = [&[2, 0, 0, 3, 0, 0x08, 0, 0][..], &[b'A'; 40]].concat();
        assert!(matches!(check(&face), Err(Fault::Overflow(_))));
    }

    #[test]
    fn what_overflows_the_editor_is_told_from_what_is_merely_odd() {
        let face = |length: usize| [&[0x0a, 0x08, 0x5a, 0x5a][..], &vec![b'A'; length], &[0, 0]].concat();
        assert_eq!(check(&equation(&face(31))), Ok(()));
        assert!(matches!(check(&equation(&face(32))), Err(Fault::Overflow(_))));
        // Without an end, as exploits have it.
        assert!(matches!(check(&equation(&[&[0x08, 0, 0][..], &[b'A'; 48]].concat())), Err(Fault::Overflow(_))));
        // In a list of a template as well.
        assert!(matches!(
            check(&equation(&[&[0x01, 0x03, 14, 0, 0][..], &face(44)].concat())),
            Err(Fault::Overflow(_))
        ));
        let rows = [&[0x05, 1, 1, 1, 200, 2][..], &[0; 60]].concat();
        assert!(matches!(check(&equation(&rows)), Err(Fault::Overflow(_))));
        for odd in [&b"MZ\x90\0\x03\0"[..], &equation(FRACTION)[..40], &equation(&[0x0f]), &equation(&[0x03, 1])] {
            assert!(matches!(check(odd), Err(Fault::Odd(_))), "{odd:x?}");
        }
        let mut version = equation(FRACTION);
        version[28] = 5;
        assert!(matches!(check(&version), Err(Fault::Odd(_))));
    }

    #[test]
    fn depth_ends_in_an_answer() {
        assert!(matches!(check(&equation(&[0x01; 100_000])), Err(Fault::Odd(_))));
    }
}
