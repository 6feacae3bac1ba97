//! Which events are wanted, and how the table is asked for them.

/// Stands for every decision that stops something.
const STOPPED: &str = "stopped";
/// Events that a search for a text reads at most: one after the other, and those that an index picks, which lie apart. More
/// would keep people waiting.
const SEARCHED: i64 = 10_000;
const SEARCHED_APART: i64 = 2_500;
/// How far clocks of processes at one ledger may differ, in milliseconds.
const SKEW: i64 = 3_600_000;

/// Which events are wanted. Empty texts stand for any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Decision name; `stopped` for whatever is not `deliver`.
    pub decision: String,
    /// Registered domain.
    pub domain: String,
    /// Host name.
    pub host: String,
    /// Person.
    pub person: String,
    /// SHA-256 of the sample.
    pub sha256: String,
    /// Kind id.
    pub kind: String,
    /// Gate name.
    pub gate: String,
    /// Address of the asking machine.
    pub client: String,
    /// Not before this time, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Before this time, in milliseconds since 1970.
    pub to: Option<i64>,
    /// A piece of name, address or reference; looked for in the newest events only.
    pub text: String,
    /// Only those that are in quarantine.
    pub quarantined: bool,
    /// A technique of ATT&CK, by its id; those about its sub-techniques are about it.
    pub technique: String,
}

impl EventFilter {
    /// How many events a search for a text reads.
    pub(super) fn searched(&self) -> i64 {
        let all = Self { text: self.text.clone(), ..Self::default() };
        if *self == all { SEARCHED } else { SEARCHED_APART }
    }

    /// Where events are looked for, and by what they are in order: those about a technique one after the other by its own table, so that
    /// the newest of many are found as fast as the only one.
    pub(super) fn from(&self) -> (&'static str, &'static str) {
        if self.technique.is_empty() { ("events", "id") } else { ("event_techniques CROSS JOIN events", "event") }
    }

    /// The condition in SQL, without the text, and the values from `$2` on; `$1` is the number to stay below.
    pub(super) fn condition(&self) -> (String, Vec<String>) {
        let mut conditions = vec!["id < $1".to_owned()];
        let mut values = Vec::new();
        if self.decision == STOPPED {
            // As in the index of the migration `0002_console`.
            conditions.push("decision IN ('hold', 'block')".to_owned());
        }
        let decision = if self.decision == STOPPED { "" } else { &self.decision };
        for (column, value) in [
            ("decision", decision),
            ("domain", &self.domain),
            ("host", &self.host),
            ("person", &self.person),
            ("sha256", &self.sha256),
            ("kind", &self.kind),
            ("gate", &self.gate),
            ("client", &self.client),
        ] {
            if !value.is_empty() {
                values.push(value.to_owned());
                conditions.push(format!("{column} = ${}", values.len() + 1));
            }
        }
        if !self.technique.is_empty() {
            values.push(self.technique.clone());
            conditions.push(format!("technique = ${} AND id = event AND event < $1", values.len() + 1));
        }
        if self.quarantined {
            conditions.push("content_blob > ''".to_owned());
        }
        // The numbers of events rise with their times, but for differences of clocks where several processes write: by the index
        // on times the number is found from where on, or up to where, events are read at all. That is the wider one of two, those of
        // the events on both sides of a time: where few events are in the table, or some were recorded late, either may be far off.
        if let Some(from) = self.from {
            let (from, early) = (from.max(0), from.saturating_sub(SKEW).max(0));
            conditions.push(format!(
                "at >= {from} AND id >= (SELECT MIN(id) FROM (\
                 SELECT COALESCE((SELECT id FROM events WHERE at < {early} ORDER BY at DESC LIMIT 1), 0) AS id UNION ALL \
                 SELECT id FROM (SELECT id FROM events WHERE at >= {early} ORDER BY at LIMIT 1) AS later) AS near)"
            ));
        }
        if let Some(to) = self.to {
            let (to, late) = (to.max(0), to.saturating_add(SKEW).max(0));
            conditions.push(format!(
                "at < {to} AND id <= (SELECT MAX(id) FROM (\
                 SELECT COALESCE((SELECT id FROM events WHERE at >= {late} ORDER BY at LIMIT 1), {}) AS id UNION ALL \
                 SELECT id FROM (SELECT id FROM events WHERE at < {late} ORDER BY at DESC LIMIT 1) AS earlier) AS near)",
                i64::MAX
            ));
        }
        (conditions.join(" AND "), values)
    }
}

/// A text in which LIKE sees no wildcards.
pub(super) fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '%' | '_' | '!') { vec!['!', c] } else { vec![c] }).collect()
}
