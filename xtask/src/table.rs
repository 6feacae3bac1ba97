//! The table of what the checks took.

use crate::meter::Record;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// A step of the checks, or what a step is made of.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    /// How often: crates, links, tests. None for a step.
    pub count: Option<usize>,
    /// From beginning to end; of what runs beside others, the sum of all.
    pub wall: Duration,
    pub cpu: Duration,
}

/// Steps with what they are made of.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<(Row, Vec<Row>)>,
}

impl Table {
    /// A step that ended, and what was written down while it ran.
    pub fn step(&mut self, name: &str, wall: Duration, cpu: Duration, records: &[Record]) {
        let step = Row { name: name.to_owned(), count: None, wall, cpu };
        self.rows.push((step, parts(cpu, records)));
    }

    /// The table as Markdown, with a line for all steps together.
    pub fn markdown(&self) -> String {
        let mut out = String::from("| step | number | seconds | CPU seconds |\n|---|---:|---:|---:|\n");
        let mut line = |name: &str, row: &Row| {
            let count = row.count.map(|count| count.to_string()).unwrap_or_default();
            let (wall, cpu) = (row.wall.as_secs_f64(), row.cpu.as_secs_f64());
            let _ = writeln!(out, "| {name} | {count} | {wall:.1} | {cpu:.1} |");
        };
        let mut all = Row { name: String::new(), count: None, wall: Duration::ZERO, cpu: Duration::ZERO };
        for (step, parts) in &self.rows {
            line(&format!("**{}**", step.name), step);
            for part in parts {
                line(&format!("– {}", part.name), part);
            }
            all.wall += step.wall;
            all.cpu += step.cpu;
        }
        line("**all**", &all);
        out
    }
}

/// What a step is made of: crates and links by whose they are, tests by program, and what is left of its processor time.
fn parts(cpu: Duration, records: &[Record]) -> Vec<Row> {
    let mut kinds: BTreeMap<(u8, String), Row> = BTreeMap::new();
    let mut add = |place: u8, name: &str, wall: Duration, cpu: Duration| {
        let row = Row { name: name.to_owned(), count: Some(0), wall: Duration::ZERO, cpu: Duration::ZERO };
        let row = kinds.entry((place, name.to_owned())).or_insert(row);
        row.count = row.count.map(|count| count + 1);
        row.wall += wall;
        row.cpu += cpu;
    };
    for record in records {
        match record.kind.as_str() {
            "third-party" => add(0, "third-party crates", record.wall, record.cpu),
            "third-party link" => add(1, "their links: build scripts and macros", record.wall, record.cpu),
            "own" => add(2, "own crates", record.wall, record.cpu),
            "link" => add(3, "own links", record.wall, record.cpu),
            _ => {
                let program = record.name.split(' ').next().unwrap_or_default();
                add(4, &format!("tests of {program}"), record.wall, record.cpu);
            }
        }
    }
    // A compiler's time holds that of the linker that it started.
    for (whole, link) in [(0, 1), (2, 3)] {
        let of = |place: u8| kinds.iter().find(|((at, _), _)| *at == place).map(|(_, row)| (row.wall, row.cpu));
        let Some((wall, cpu)) = of(link) else { continue };
        for ((_, _), row) in kinds.iter_mut().filter(|((at, _), _)| *at == whole) {
            row.wall = row.wall.saturating_sub(wall);
            row.cpu = row.cpu.saturating_sub(cpu);
        }
    }
    let mut rows: Vec<Row> = kinds.into_values().collect();
    if !rows.is_empty() {
        let left = cpu.saturating_sub(rows.iter().map(|row| row.cpu).sum());
        rows.push(Row {
            name: "the rest: cargo, C code, rustdoc".to_owned(),
            count: None,
            wall: Duration::ZERO,
            cpu: left,
        });
    }
    rows
}

/// The tests that took longest, longest first.
pub fn slowest(records: &[Record], most: usize) -> String {
    let mut tests: Vec<&Record> = records.iter().filter(|record| record.kind == "test").collect();
    tests.sort_by_key(|record| std::cmp::Reverse(record.wall));
    let mut out = String::from("| slowest tests | seconds | CPU seconds |\n|---|---:|---:|\n");
    for test in tests.into_iter().take(most) {
        let (wall, cpu) = (test.wall.as_secs_f64(), test.cpu.as_secs_f64());
        let _ = writeln!(out, "| {} | {wall:.1} | {cpu:.1} |", test.name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, name: &str, wall: u64, cpu: u64) -> Record {
        Record { kind: kind.into(), name: name.into(), wall: Duration::from_secs(wall), cpu: Duration::from_secs(cpu) }
    }

    #[test]
    fn a_step_is_told_apart_into_what_it_is_made_of() {
        let mut table = Table::default();
        table.step("spelling", Duration::from_secs(1), Duration::from_secs(1), &[]);
        let records = [
            record("third-party", "serde", 10, 9),
            record("own", "it", 8, 7),
            record("link", "it", 3, 2),
            record("test", "lazaret::it a::b", 5, 1),
            record("test", "lazaret::it c", 6, 2),
        ];
        table.step("tests", Duration::from_secs(20), Duration::from_secs(25), &records);
        let text = table.markdown();
        for line in [
            "| **spelling** |  | 1.0 | 1.0 |",
            "| **tests** |  | 20.0 | 25.0 |",
            "| – third-party crates | 1 | 10.0 | 9.0 |",
            "| – own crates | 1 | 5.0 | 5.0 |",
            "| – own links | 1 | 3.0 | 2.0 |",
            "| – tests of lazaret::it | 2 | 11.0 | 3.0 |",
            "| – the rest: cargo, C code, rustdoc |  | 0.0 | 6.0 |",
            "| **all** |  | 21.0 | 26.0 |",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        assert!(slowest(&records, 1).ends_with("| lazaret::it c | 6.0 | 2.0 |\n"));
    }
}
