//! Excel workbooks as one XML file (XML Spreadsheet of Excel 2002 and 2003). Nothing is embedded in one, and its formulas can ask
//! other programs and other machines for data.

use super::Format;
use super::ooxml::Found;
use super::shares::is_remote;
use super::xml::{Token, attribute, is_whole, tokens, unescape, values};
use crate::{Content, OpenError, Parts, encoding};

/// The opener.
pub(super) struct SpreadsheetMl;

/// Bytes of a workbook that are read.
const MOST: u64 = 128 << 20;

impl Format for SpreadsheetMl {
    fn id(&self) -> &'static str {
        "spreadsheetml"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["excel-xml"]
    }

    fn summary(&self) -> &'static str {
        "macro sheets, DDE, and workbooks elsewhere"
    }

    fn open(&self, input: &Content, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        let bytes = super::text_of(input, MOST, parts)?;
        let text = encoding::decode(&bytes);
        parts.budget().step(4 * text.len() as u64).map_err(OpenError::Limit)?;
        if !is_whole(&text) {
            parts.incomplete("it ends before its last element does");
        }
        let mut found = Found::new("ooxml");
        let read = Workbook::default().read(&text, &mut found, parts);
        found.tell(parts);
        read?;
        found.hand_over(parts)
    }
}

#[derive(Default)]
struct Workbook {
    /// Names for cells, a line each; among them those that start macros.
    names: String,
    starts: bool,
    sheet: Sheet,
    /// Those that were read.
    sheets: Vec<Sheet>,
    /// The element whose text counts.
    within: &'static str,
}

#[derive(Default)]
struct Sheet {
    name: String,
    formulas: String,
    macros: bool,
}

impl Workbook {
    fn read(mut self, text: &str, found: &mut Found, parts: &mut Parts<'_, '_>) -> Result<(), OpenError> {
        for (index, token) in tokens(text).enumerate() {
            if index % 1024 == 0 {
                parts.budget().check_time().map_err(OpenError::Limit)?;
            }
            match token {
                Token::Open("Worksheet", attributes) => {
                    self.end_of_sheet();
                    self.sheet.name = attribute(attributes, "Name").unwrap_or_default();
                }
                Token::Close("Worksheet") => self.end_of_sheet(),
                Token::Open("Cell", attributes) if attributes.contains("Formula") => {
                    for formula in values(attributes, "Formula") {
                        self.sheet.formulas.push_str(&formula);
                        self.sheet.formulas.push('\n');
                        asks(&formula, found);
                        found.formula(&formula);
                    }
                }
                Token::Open("NamedRange", attributes) => {
                    let name = attribute(attributes, "Name").unwrap_or_default();
                    let refers = attribute(attributes, "RefersTo").unwrap_or_default();
                    asks(&refers, found);
                    found.named_formula(name.trim_start_matches("_xlnm."), &refers);
                    // The built-in names that start macros of Excel 4 begin so.
                    self.starts |= name.trim_start_matches("_xlnm.").to_ascii_lowercase().starts_with("auto_");
                    self.names.push_str(&format!("{name}: {refers}\n"));
                }
                Token::Open("WorksheetType", _) => self.within = "WorksheetType",
                Token::Open("Path", _) => self.within = "Path",
                Token::Text(text) => match std::mem::take(&mut self.within) {
                    "WorksheetType" => self.sheet.macros |= text.to_ascii_lowercase().contains("macro"),
                    "Path" => book(&unescape(text), found),
                    _ => {}
                },
                Token::Open(..) | Token::Close(_) => {}
            }
        }
        self.end_of_sheet();
        // Macro sheets are told by their type, or by a name that starts one.
        let starts = self.starts;
        for sheet in self.sheets.into_iter().filter(|sheet| sheet.macros || starts) {
            found.sheet(&sheet.name, std::mem::take(&mut self.names) + &sheet.formulas);
        }
        Ok(())
    }

    fn end_of_sheet(&mut self) {
        let sheet = std::mem::take(&mut self.sheet);
        if !sheet.formulas.is_empty() {
            self.sheets.push(sheet);
        }
    }
}

/// A workbook that formulas refer to, or the program and topic of a DDE link, with a bar between them.
fn book(path: &str, found: &mut Found) {
    match path.split_once(['|', '\u{3}']) {
        Some((service, topic)) => found.command(format!("{service} {topic}")),
        None if is_remote(path) => found.outside("externalLinkPath", path.to_owned(), "workbook"),
        None => {}
    }
}

/// What a formula asks another program or another machine for.
fn asks(formula: &str, found: &mut Found) {
    // program|'topic'!item, outside of quoted texts.
    let mut quoted = false;
    for (at, c) in formula.char_indices() {
        quoted ^= c == '"';
        if c != '|' || quoted {
            continue;
        }
        let (before, after) = (formula.get(..at).unwrap_or_default(), formula.get(at + 1..).unwrap_or_default());
        let service =
            before.rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).next().unwrap_or_default();
        if let (false, Some((topic, _))) = (service.is_empty(), after.split_once('!')) {
            found.command(format!("{service} {}", topic.trim_matches('\'')));
        }
        // LIMIT: one link asks as much as many.
        break;
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Recorded, walk};

    #[track_caller]
    fn check(body: &str) -> Recorded {
        let text = format!(
            "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n<Workbook \
             xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\" \
             xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\">{body}</Workbook>\n"
        );
        let recorded = walk(text.as_bytes(), "prices.xml");
        assert_eq!(recorded.parts[0].kind.id, "excel-xml");
        assert!(!walk(&text.as_bytes()[..text.len() - 4], "prices.xml").complete());
        recorded
    }

    fn sheet(formula: &str) -> String {
        format!("<Worksheet ss:Name=\"a\"><Table><Row><Cell ss:Formula=\"{formula}\"/></Row></Table></Worksheet>")
    }

    #[test]
    fn prices_are_whole() {
        for formula in ["=SUM(R[-1]C:R[-4]C)", "=IF(A1=&quot;a|b!&quot;,1,2)", "='[other.xls]Sheet 1'!A1"] {
            let recorded = check(&sheet(formula));
            assert!(recorded.complete() && recorded.findings.is_empty(), "{formula}: {:?}", recorded.parts);
            assert!(!recorded.parts[0].macros);
        }
    }

    #[test]
    fn a_formula_that_asks_a_program_or_a_share_is_told() {
        let recorded = check(&sheet("=cmd|'/c calc'!A0"));
        assert!(recorded.findings.iter().any(|finding| finding.id == "ooxml.dde"));
        assert_eq!(recorded.bytes("//dde"), b"cmd /c calc");
        for body in [
            sheet("='\\\\host.invalid\\a\\[b.xls]c'!A1"),
            "<x:SupBook><x:Path>\\\\host.invalid\\a\\b.xls</x:Path></x:SupBook>".to_owned(),
        ] {
            assert!(check(&body).findings.iter().any(|finding| finding.id == "ooxml.external-image"), "{body}");
        }
    }

    #[test]
    fn a_macro_sheet_is_a_macro() {
        let body = format!(
            "<Names><NamedRange ss:Name=\"Auto_Open\" ss:RefersTo=\"=a!R1C1\"/></Names>{}",
            sheet("=EXEC(&quot;calc&quot;)")
        );
        let recorded = check(&body);
        assert!(recorded.parts[0].macros);
        assert_eq!(recorded.part("//a").kind.id, "excel4-macro");
        assert!(recorded.bytes("//a").ends_with(b"=EXEC(\"calc\")\n"));
    }
}
