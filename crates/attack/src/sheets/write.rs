//! Tables as files: a workbook of Excel (ECMA-376), comma-separated values (RFC 4180), and JSON.

use super::Sheet;
use crate::AttackError;
use crate::summary::cell_text;
use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::{Map, Value};

/// Characters of a cell (Excel's specifications and limits).
const MOST_CELL: usize = 32_767;
/// What a cell ends with that is longer.
const CUT: &str = " … (truncated: a cell holds no more; the bundle contains all of it)";

/// A workbook with a sheet for each table. Every cell is a text: nothing in it is calculated, followed or fetched when it is opened.
///
/// # Errors
/// When there is more than a workbook can hold.
pub fn workbook(sheets: &[Sheet]) -> Result<Vec<u8>, AttackError> {
    written(sheets).map_err(|error| AttackError::Sheet(error.to_string()))
}

fn written(sheets: &[Sheet]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let bold = Format::new().set_bold();
    for sheet in sheets {
        let page = workbook.add_worksheet();
        page.set_name(sheet.name)?;
        page.set_freeze_panes(1, 0)?;
        for (column, head) in (0_u16..).zip(sheet.head) {
            page.write_string_with_format(0, column, *head, &bold)?;
        }
        for (row, cells) in (1_u32..).zip(&sheet.rows) {
            for (column, cell) in (0_u16..).zip(cells) {
                // Never anything but a text, whatever it begins with.
                page.write_string(row, column, shortened(cell))?;
            }
        }
    }
    workbook.save_to_buffer()
}

/// A text that fits into a cell.
fn shortened(cell: &str) -> String {
    // LIMIT: the cell says that it was cut, and where the rest is.
    if cell.encode_utf16().count() <= MOST_CELL {
        return cell.to_owned();
    }
    let mut room = MOST_CELL - CUT.encode_utf16().count();
    let fits = cell.chars().take_while(|letter| {
        let taken = room.checked_sub(letter.len_utf16());
        room = taken.unwrap_or(0);
        taken.is_some()
    });
    let mut text: String = fits.collect();
    text.push_str(CUT);
    text
}

/// A table as comma-separated values. What a spreadsheet would take for a formula begins with an apostrophe.
pub fn sheet_csv(sheet: &Sheet) -> String {
    let mut out = String::new();
    let head: Vec<String> = sheet.head.iter().map(|head| (*head).to_owned()).collect();
    for row in std::iter::once(&head).chain(&sheet.rows) {
        let cells: Vec<String> = row.iter().map(|cell| cell_text(cell)).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// Tables as JSON: by name a list of rows, each with its cells by the heads of their columns; cells without text are left out.
pub fn sheets_json(sheets: &[Sheet]) -> Value {
    let row = |sheet: &Sheet, row: &Vec<String>| {
        let cells = sheet.head.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        Value::Object(cells.map(|(head, cell)| ((*head).to_owned(), cell.as_str().into())).collect())
    };
    let tables = sheets.iter().map(|sheet| {
        let rows: Vec<Value> = sheet.rows.iter().map(|cells| row(sheet, cells)).collect();
        (sheet.name.to_owned(), Value::Array(rows))
    });
    Value::Object(tables.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_a_cell_is_cut_to_its_length_and_says_so() {
        assert_eq!(shortened("=1+1"), "=1+1");
        let exact = "x".repeat(MOST_CELL);
        assert_eq!(shortened(&exact), exact);
        let cut = shortened(&"\u{1f600}".repeat(MOST_CELL));
        assert!(cut.ends_with(CUT) && cut.encode_utf16().count() <= MOST_CELL, "{}", cut.len());
    }
}
