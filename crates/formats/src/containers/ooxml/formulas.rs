//! Formulas of cells: the commands and places in them, the libraries that they call, and what they fetch.

use super::{Found, fields};

impl Found {
    /// What a formula asks another program or another machine for, and where a link leads that it calculates.
    pub(in crate::containers) fn formula(&mut self, formula: &str) {
        if !formula.contains(['|', '(']) {
            return;
        }
        if let Some((program, topic)) = fields::dde(formula) {
            self.command(format!("{program} {topic}"));
        }
        let upper = formula.to_ascii_uppercase();
        let link = upper.find("HYPERLINK(").and_then(|at| formula.get(at..)?.split('"').nth(1));
        link.into_iter().for_each(|place| self.clicked.add_unusual(place));
        // One tells as much as many: they differ in their arguments alone.
        let library = |name: &str| calls(&upper, name, |arguments| arguments.starts_with('"'));
        if self.library.is_none()
            && (["CALL", "REGISTER.ID", "REGISTER"].iter().any(|name| library(name)) || asks_afar(&upper))
        {
            self.library = Some(formula.to_owned());
        }
        if self.fetched.is_none() && calls(&upper, "WEBSERVICE", |_| true) {
            self.fetched = Some(formula.to_owned());
        }
    }
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
    use super::{asks_afar, calls};

    #[test]
    fn functions_that_call_a_library_or_ask_another_machine_are_told_from_texts_and_other_names() {
        let library = |formula: &str| calls(formula, "CALL", |arguments| arguments.starts_with('"'));
        assert!(library("1+CALL(\"KERNEL32\",\"WINEXEC\")") && library("_XLFN.CALL( \"A\")"));
        for formula in ["MYCALL(\"A\")", "CALL(A1,B1)", "\"CALL(\"&A1", "CALL", "A.CALL(\"A\")"] {
            assert!(!library(formula), "{formula}");
        }
        assert!(asks_afar("RTD(\"A.B\",\"HOST.INVALID\",\"C\")") && asks_afar("RTD(\"A.B\";A1;\"C\")"));
        assert!(!asks_afar("RTD(\"A.B\",,\"C\")") && !asks_afar("RTD(\"A.B\",\"\",\"C\")"));
    }
}
