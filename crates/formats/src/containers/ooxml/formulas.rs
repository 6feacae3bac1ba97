//! Formulas of cells: the commands and places in them, the libraries that they call, and what they fetch.

use super::{Found, fields};
use crate::containers::shares::is_share;
use crate::containers::xml::{Token, tokens, unescape};

/// Elements whose text is a formula.
const FORMULAS: &[&str] = &["f", "formula", "formula1", "formula2", "calculatedColumnFormula", "totalsRowFormula"];

impl Found {
    /// What a formula asks another program or another machine for, and where a link leads that it calculates.
    pub(in crate::containers) fn formula(&mut self, formula: &str) {
        if !formula.contains(['|', '(', '\'']) {
            return;
        }
        self.books(formula);
        if let Some((program, topic)) = fields::dde(formula) {
            self.command(format!("{program} {topic}"));
        }
        let upper = formula.to_ascii_uppercase();
        let link = upper.find("HYPERLINK(").and_then(|at| formula.get(at..)?.split('"').nth(1));
        link.into_iter().for_each(|place| self.clicked.add_unusual(place));
        // One tells as much as many: they differ in their arguments alone.
        if self.library.is_none() && (runs(&upper) || asks_afar(&upper)) {
            self.library = Some(formula.to_owned());
        }
        if self.fetched.is_none() && (calls(&upper, "WEBSERVICE", |_| true) || calls(&upper, "IMAGE", is_made_up)) {
            self.fetched = Some(formula.to_owned());
        }
    }

    /// Formulas of cells and tables, of what is marked and what may be entered (ECMA-376-1, 18.3.1.40 and .43, 18.5.1.1).
    pub(super) fn formulas(&mut self, text: &str) {
        let mut inside = false;
        for token in tokens(text) {
            match token {
                Token::Open(name, _) if FORMULAS.contains(&name) => inside = true,
                // What has no text of its own has no end either.
                Token::Open("c" | "v" | "is" | "t", _) => inside = false,
                Token::Close(name) if FORMULAS.contains(&name) => inside = false,
                Token::Text(formula) if inside => self.formula(&unescape(formula)),
                _ => {}
            }
        }
    }

    /// A formula of a binary workbook that calls a library or starts a program.
    pub(super) fn calls_library(&mut self, formula: String) {
        self.library.get_or_insert(formula);
    }

    /// Workbooks elsewhere that a formula takes values of: `'\\\\host\\share\\[book.xlsx]sheet'!cell`.
    pub(in crate::containers) fn books(&mut self, formula: &str) {
        for rest in formula.match_indices('\'').filter_map(|(at, _)| formula.get(at + 1..)) {
            let target = rest.split(['[', '\'']).next().unwrap_or_default();
            let web = ["http:", "https:"]
                .iter()
                .any(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
            // Two slashes are a remark more often than a share.
            if web || is_share(target) && !target.trim_start().starts_with("//") {
                self.outside("externalLinkPath", target.to_owned(), "workbook");
            }
        }
    }

    /// What a name stands for, which may be a formula: those that start by themselves, and functions that only macros may call.
    pub(in crate::containers) fn named_formula(&mut self, name: &str, formula: &str) {
        self.formula(formula);
        let starts = name.to_ascii_lowercase().starts_with("auto_");
        let upper = formula.to_ascii_uppercase();
        let called = |function: &str| calls(&upper, function, |arguments| starts || arguments.starts_with('"'));
        if self.library.is_none() && ["EXEC", "CALL"].iter().any(|function| called(function)) {
            self.library = Some(formula.to_owned());
        }
    }
}

/// Whether a formula calls a library or starts a program. Those that are Excel's own do whatever cells name what they call; others,
/// which only macros may call, somebody may have given to a function of a module.
fn runs(upper: &str) -> bool {
    ["CALL", "REGISTER.ID"].iter().any(|name| calls(upper, name, |arguments| !arguments.starts_with(')')))
        || ["REGISTER", "EXEC"].iter().any(|name| calls(upper, name, |arguments| arguments.starts_with('"')))
}

/// Whether the address that is the first argument is put together of a text and of what else the sheet holds.
fn is_made_up(arguments: &str) -> bool {
    if ["CONCAT", "TEXTJOIN"].iter().any(|function| arguments.starts_with(function)) {
        return true;
    }
    let address = arguments.strip_prefix('"').filter(|text| text.starts_with("HTTP"));
    let behind = address.and_then(|address| address.split_once('"')).map(|(_, behind)| behind.trim_start());
    behind.is_some_and(|behind| behind.starts_with('&'))
}

/// Whether a formula asks an object on another machine for data: the second argument of `RTD` names one.
fn asks_afar(upper: &str) -> bool {
    calls(upper, "RTD", |arguments| {
        let server = arguments.split([',', ';']).nth(1).unwrap_or_default();
        !server.trim_matches([' ', '"', ')']).is_empty()
    })
}

/// Whether a formula in capitals calls a function with such arguments, outside of its texts.
fn calls(upper: &str, name: &str, fits: impl Fn(&str) -> bool) -> bool {
    let (mut quotes, mut last) = (0, 0);
    upper.match_indices(name).any(|(at, _)| {
        let between = upper.get(last..at).unwrap_or_default();
        quotes += between.matches('"').count();
        last = at;
        let before = upper.get(..at).unwrap_or_default();
        let whole = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'))
            || ["_XLFN.", "_XLWS.", "COM.MICROSOFT."].iter().any(|prefix| before.ends_with(prefix));
        let arguments = upper.get(at + name.len()..).and_then(|rest| rest.trim_start().strip_prefix('('));
        whole && quotes % 2 == 0 && arguments.is_some_and(|arguments| fits(arguments.trim_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::{asks_afar, calls, is_made_up, runs};

    #[test]
    fn functions_that_call_a_library_or_ask_another_machine_are_told_from_texts_and_other_names() {
        let library = |formula: &str| calls(formula, "CALL", |arguments| arguments.starts_with('"'));
        assert!(library("1+CALL(\"KERNEL32\",\"WINEXEC\")") && library("_XLFN.CALL( \"A\")"));
        for formula in ["MYCALL(\"A\")", "CALL(A1,B1)", "\"CALL(\"&A1", "CALL", "A.CALL(\"A\")"] {
            assert!(!library(formula), "{formula}");
        }
        for formula in ["CALL(A1,B1)", "1+REGISTER.ID($A$1,B1)", "IF(1,EXEC(\"A\"),0)", "REGISTER (\"A\")"] {
            assert!(runs(formula), "{formula}");
        }
        for formula in ["CALL()", "EXEC(A1)", "REGISTER(A1)", "\"CALL(A1)\"", "EXECUTE(\"A\")", "'CALL'!A1"] {
            assert!(!runs(formula), "{formula}");
        }
        assert!(is_made_up("\"HTTPS://HOST.INVALID/?\"&A1)") && is_made_up("CONCAT(\"HTTPS://HOST.INVALID/\",A1))"));
        assert!(!is_made_up("\"HTTPS://HOST.INVALID/A.PNG\",\"A & B\")") && !is_made_up("A1)"));
        assert!(asks_afar("RTD(\"A.B\",\"HOST.INVALID\",\"C\")") && asks_afar("RTD(\"A.B\";A1;\"C\")"));
        assert!(!asks_afar("RTD(\"A.B\",,\"C\")") && !asks_afar("RTD(\"A.B\",\"\",\"C\")"));
    }
}
