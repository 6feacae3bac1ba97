//! SYLK tables (Microsoft, "SYLK File Format"): formulas of cells and names, and the macros of Excel 4 that a table may be made of.

use crate::containers::ooxml::{Found, fields};

/// What a table of this form asks of others is told as that of any workbook.
const BY: &str = "shortcut";
/// Functions that only sheets of macros have and that start something or write files; what has one is such a sheet to Excel.
const MACRO_FUNCTIONS: &[&str] =
    &["EXEC", "CALL", "REGISTER", "FOPEN", "FWRITE", "FWRITELN", "FORMULA", "RUN", "SEND.KEYS", "INITIATE"];

/// What the records of a table do.
pub(super) struct Table {
    pub(super) found: Found,
    /// Formulas that are commands, and lines that lead elsewhere.
    pub(super) commands: Vec<String>,
    pub(super) places: Vec<String>,
}

/// Reads the records of a table, one a line.
pub(super) fn read(text: &str) -> Table {
    let mut table = Table { found: Found::new(BY), commands: Vec::new(), places: Vec::new() };
    let (mut names, mut sheet, mut macros) = (String::new(), String::new(), false);
    // Programs of the first Macintosh end lines with a carriage return alone.
    for line in text.split(['\r', '\n']).map(str::trim_start) {
        let record = parts_of(line);
        let kind = record.first().map(String::as_str).unwrap_or_default().trim().to_ascii_uppercase();
        let field = |letter: char| record.iter().skip(1).find_map(|field| field.strip_prefix(letter));
        let formula = field('E').or_else(|| field('e'));
        match &*kind {
            // `O;E` says that it is a sheet of macros.
            "O" => macros |= formula == Some(""),
            "NN" => {
                let name = field('N').or_else(|| field('n')).unwrap_or_default();
                let formula = formula.unwrap_or_default();
                macros |= name.to_ascii_lowercase().starts_with("auto_") || is_macro(formula);
                table.found.named_formula(name, formula);
                names.push_str(&format!("{name}: ={formula}\n"));
            }
            _ => {
                // Those of one cell, and of several.
                let formulas = record.iter().skip(1).filter_map(|field| field.strip_prefix(['E', 'e', 'M', 'm']));
                for formula in formulas.filter(|formula| formula.contains(['(', '!', '|'])) {
                    macros |= is_macro(formula);
                    table.found.formula(formula);
                    if fields::dde(formula).is_none() {
                        table.commands.push(formula.to_owned());
                    }
                    sheet.push_str(&format!("={formula}\n"));
                }
                // Macros put commands together of what other cells hold.
                let value = field('K').filter(|value| value.starts_with('"'));
                value.into_iter().for_each(|value| sheet.push_str(&format!("{value}\n")));
            }
        }
        if line.contains("http://") || line.contains("https://") || line.contains("\\\\") {
            table.places.push(line.to_owned());
        }
    }
    if macros {
        table.found.sheet("macro-sheet", names + &sheet);
    }
    table
}

/// The fields of a record; a semicolon within one is written twice.
fn parts_of(line: &str) -> Vec<String> {
    line.replace(";;", "\0").split(';').map(|field| field.replace('\0', ";")).collect()
}

/// Whether a formula has such a function outside of its texts, with blanks before its arguments or none.
fn is_macro(formula: &str) -> bool {
    let upper = formula.to_ascii_uppercase();
    upper.split('"').step_by(2).any(|code| {
        let called = |at: usize, name: &str| {
            let before = code.get(..at).unwrap_or_default();
            let behind = code.get(at + name.len()..).unwrap_or_default();
            !before.ends_with(|c: char| c.is_alphanumeric()) && behind.trim_start_matches(' ').starts_with('(')
        };
        MACRO_FUNCTIONS.iter().any(|function| code.match_indices(function).any(|(at, name)| called(at, name)))
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::walk;

    #[test]
    fn macros_of_a_table_are_handed_over_and_tables_of_prices_have_none() {
        for (records, expected) in [
            (
                "O;E\r\nNN;NAuto_open;ER101C1;KOut Flank;F\r\nC;X1;Y101;K0;EEXEC(\"calc\")\r\n",
                "Auto_open: =R101C1\n=EXEC(\"calc\")\n",
            ),
            ("NN;NAuto_open;ER1C1\rC;X1;Y1;K0;ECALL(\"a;;b\")\r", "Auto_open: =R1C1\n=CALL(\"a;b\")\n"),
            ("NN;Na;EEXEC(\"calc\")\n", "a: =EXEC(\"calc\")\n"),
            ("C;X1;Y1;K0;EREGISTER(\"a\",\"b\")\n", "=REGISTER(\"a\",\"b\")\n"),
            ("C;X1;Y1;R2;C2;K0;MEXEC(\"calc\")\n", "=EXEC(\"calc\")\n"),
            ("C;X1;Y1;K0;ERUN (R1C2)\n", "=RUN (R1C2)\n"),
        ] {
            let found = walk(format!("ID;PWXL;N;E\n{records}E\n").as_bytes(), "prices.slk");
            assert!(found.parts[0].macros, "{records}");
            assert_eq!(found.part("//macro-sheet").kind.id, "excel4-macro");
            assert_eq!(String::from_utf8_lossy(found.bytes("//macro-sheet")), expected);
        }
        let prices = "ID;PWXL;N;E\r\nC;X3;Y1;K0;EIF(R1C1,\"to run(a)\",\"call (b)\")\r\nNN;NPrices;ER1C1:R9C2\r\nO;L;D;V0;K47;G100 0.001\r\nC;X1;Y1;K\"call (a);; b\"\r\nC;X2;Y1;K3;ESUM(R1C1,2)\r\nE\r\n";
        let found = walk(prices.as_bytes(), "prices.slk");
        assert!(!found.parts[0].macros && found.findings.is_empty(), "{:?}", found.findings);
    }

    #[test]
    fn formulas_that_ask_a_program_or_a_library_are_told() {
        for (records, id) in [
            ("C;X1;Y1;K0;Ecmd|'/c calc'!A0", "ooxml.dde"),
            ("NN;Na;Ecmd|'/c calc'!A0", "ooxml.dde"),
            ("C;X1;Y1;R2;C2;K0;Mcmd|'/c calc'!A0", "ooxml.dde"),
            ("C;X1;Y1;K0;ECALL(\"kernel32\",\"WinExec\",\"JFJ\",\"calc\",1)", "ooxml.library-formula"),
            ("C;X1;Y1;K0;EWEBSERVICE(\"https://host.invalid/\")", "ooxml.web-formula"),
        ] {
            let found = walk(format!("ID;PWXL\r\n{records}\r\nE\r\n").as_bytes(), "prices.slk");
            assert!(found.findings.iter().any(|finding| finding.id == id), "{records}: {:?}", found.findings);
        }
    }
}
