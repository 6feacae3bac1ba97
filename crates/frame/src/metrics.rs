//! What rooms measured, in the text format of Prometheus, version 0.0.4.

use std::fmt::Write as _;

/// What a family of measures counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// Something that only grows.
    Counter,
    /// Something that is so and so much now.
    Gauge,
}

/// Measures of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Their name, such as `lazaret_bell_rings_total`: `lazaret_`, the room's name, `_`, and letters, digits and `_`.
    pub name: &'static str,
    /// What is measured, a sentence.
    pub help: &'static str,
    /// Of what kind it is.
    pub measured: Measured,
    /// Labels with their values, and how much it is.
    pub samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Family {
    /// A family with one measure and no labels.
    pub fn one(name: &'static str, help: &'static str, measured: Measured, value: f64) -> Self {
        Self { name, help, measured, samples: vec![(Vec::new(), value)] }
    }

    /// Whether its name is one that a room may give: `lazaret_`, the room's own name with `_` for dashes, `_`, and more.
    pub(crate) fn is_of(&self, room: &str) -> bool {
        let own = self.name.strip_prefix("lazaret_").and_then(|rest| rest.strip_prefix(&*room.replace('-', "_")));
        let own = own.and_then(|rest| rest.strip_prefix('_'));
        own.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    }

    /// Writes it after what is there.
    pub(crate) fn write(&self, text: &mut String) {
        let kind = match self.measured {
            Measured::Counter => "counter",
            Measured::Gauge => "gauge",
        };
        let _ = writeln!(text, "# HELP {} {}", self.name, self.help);
        let _ = writeln!(text, "# TYPE {} {kind}", self.name);
        for (labels, value) in &self.samples {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{}{labels} {value}", self.name);
        }
    }
}

/// A label's value as it is written: a backslash, a quotation mark and a line feed have another form.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_written_as_prometheus_reads_it() {
        let mut text = String::new();
        Family::one("lazaret_bell_rings_total", "How often it rang.", Measured::Counter, 3.0).write(&mut text);
        let labels = vec![("person", "Ada \"A\" \\ L.\n".to_owned()), ("bell", "one".to_owned())];
        let family =
            Family { samples: vec![(labels, 0.5)], ..Family::one("lazaret_bell", "Loud.", Measured::Gauge, 0.0) };
        family.write(&mut text);
        assert_eq!(
            text,
            "# HELP lazaret_bell_rings_total How often it rang.\n# TYPE lazaret_bell_rings_total counter\n\
             lazaret_bell_rings_total 3\n# HELP lazaret_bell Loud.\n# TYPE lazaret_bell gauge\n\
             lazaret_bell{person=\"Ada \\\"A\\\" \\\\ L.\\n\",bell=\"one\"} 0.5\n"
        );
    }
}
