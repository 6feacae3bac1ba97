//! Which part of the inspection says which techniques of ATT&CK: a table, so that whoever asks what stands for a technique need not
//! run anything. A test holds it together with the sources.

use lazaret_model::TechniqueId;
use serde::Serialize;

/// A part of the inspection that says of what it finds which techniques it is a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Emitter {
    /// What it is.
    pub by: By,
    /// Its name: a detector's or opener's id, a file of rules, or a step of the pipeline.
    pub name: &'static str,
    /// The techniques, by their ids.
    pub techniques: &'static [&'static str],
}

/// What an [`Emitter`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A detector.
    Detector,
    /// What opens a format.
    Opener,
    /// A file of YARA rules that comes with Lazaret.
    Rules,
    /// A step of the pipeline.
    Pipeline,
}

impl By {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Opener => "opener",
            Self::Rules => "YARA rules",
            Self::Pipeline => "pipeline",
        }
    }
}

impl Emitter {
    /// Its techniques that are this one, or that one of is a sub-technique of the other.
    pub fn kin_of(&self, technique: &TechniqueId) -> Vec<&'static str> {
        self.techniques.iter().copied().filter(|id| TechniqueId::from(*id).is_kin(technique)).collect()
    }
}

/// All of them. What a site's own rules say is not among them.
pub static EMITTERS: &[Emitter] = &[
    row(By::Detector, "bombs", &["T1027", "T1027.001", "T1027.015", "T1204.002", "T1553.005", "T1574.001"]),
    row(By::Detector, "clipboard", &["T1204.004"]),
    row(
        By::Detector,
        "documents",
        &["T1059", "T1187", "T1203", "T1204.002", "T1221", "T1559", "T1559.001", "T1559.002"],
    ),
    row(By::Detector, "hooks", &["T1059", "T1059.006", "T1195.002", "T1204.002", "T1546.018"]),
    row(By::Detector, "instructions", &["T1027.018", "T1059", "T1204", "T1204.002"]),
    row(By::Detector, "macros", &["T1059.005", "T1105", "T1137", "T1204.002"]),
    row(By::Detector, "masquerade", &["T1036", "T1036.002", "T1036.007", "T1036.008"]),
    row(By::Detector, "pages", &["T1027.006", "T1027.017", "T1187", "T1204.001", "T1204.004", "T1528", "T1539"]),
    row(By::Detector, "pdfs", &["T1059.007", "T1187", "T1204.001", "T1204.002"]),
    row(
        By::Detector,
        "programs",
        &["T1027.001", "T1027.002", "T1027.009", "T1036.001", "T1055", "T1105", "T1137.006", "T1218.002", "T1553.002"],
    ),
    row(By::Detector, "schemes", &["T1187", "T1204.001", "T1204.002"]),
    row(
        By::Detector,
        "scripts",
        &[
            "T1027.010",
            "T1059",
            "T1059.001",
            "T1059.003",
            "T1059.004",
            "T1059.005",
            "T1059.006",
            "T1059.007",
            "T1105",
            "T1218.005",
            "T1562.001",
            "T1564.003",
        ],
    ),
    row(
        By::Detector,
        "settings",
        &[
            "T1047",
            "T1053.005",
            "T1059",
            "T1059.004",
            "T1098.004",
            "T1127.001",
            "T1176.001",
            "T1176.002",
            "T1195.001",
            "T1195.002",
            "T1204.002",
            "T1204.003",
            "T1543.001",
            "T1543.002",
            "T1546",
            "T1546.003",
            "T1546.004",
            "T1574.014",
        ],
    ),
    row(
        By::Detector,
        "shortcuts",
        &[
            "T1027",
            "T1027.009",
            "T1027.012",
            "T1047",
            "T1053.005",
            "T1059",
            "T1059.001",
            "T1059.002",
            "T1059.003",
            "T1059.004",
            "T1059.005",
            "T1059.006",
            "T1059.007",
            "T1059.010",
            "T1105",
            "T1127.001",
            "T1140",
            "T1187",
            "T1197",
            "T1202",
            "T1204.001",
            "T1204.002",
            "T1216.002",
            "T1218",
            "T1218.001",
            "T1218.002",
            "T1218.003",
            "T1218.004",
            "T1218.005",
            "T1218.007",
            "T1218.008",
            "T1218.009",
            "T1218.010",
            "T1218.011",
            "T1218.013",
            "T1559.002",
        ],
    ),
    row(By::Opener, "bytes", &["T1027"]),
    row(By::Opener, "calendar", &["T1204.002"]),
    row(By::Opener, "cfb", &["T1204.002", "T1559.001", "T1559.002"]),
    row(By::Opener, "iso9660", &["T1027", "T1553.005", "T1564.001"]),
    row(By::Opener, "lnk", &["T1036"]),
    row(By::Opener, "mail", &["T1027", "T1187", "T1204.002"]),
    row(By::Opener, "odf", &["T1137", "T1203", "T1204.002"]),
    row(By::Opener, "ooxml", &["T1137", "T1187", "T1204.002", "T1221", "T1559.001", "T1559.002"]),
    row(By::Opener, "outlook", &["T1137.003", "T1137.004", "T1137.005", "T1187", "T1204.002"]),
    row(By::Opener, "rtf", &["T1187", "T1203"]),
    row(By::Opener, "vba", &["T1564.007"]),
    row(By::Opener, "zip", &["T1027", "T1036"]),
    row(By::Rules, "carried", &["T1027.003", "T1027.013"]),
    row(By::Rules, "eicar", &["T1204.002"]),
    row(By::Pipeline, "clamd", &["T1204.002"]),
    row(By::Pipeline, "hashes", &["T1204.002"]),
    row(By::Pipeline, "budget", &["T1027"]),
    row(By::Pipeline, "together", &["T1204.004"]),
    row(By::Pipeline, "walk", &["T1499.003"]),
];

const fn row(by: By, name: &'static str, techniques: &'static [&'static str]) -> Emitter {
    Emitter { by, name, techniques }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    /// What a file in the sources belongs to.
    fn place(path: &str) -> Option<(By, String)> {
        let first = |rest: &str| rest.split(['/', '.']).next().unwrap().to_owned();
        if path.contains("/tests")
            || path.contains("testing")
            || path.contains("test_part")
            || path.contains("emitters")
        {
            return None;
        }
        for (by, folder) in [
            (By::Detector, "detect/src/detectors/"),
            (By::Opener, "formats/src/containers/"),
            (By::Rules, "detect/rules/"),
            (By::Pipeline, "detect/src/"),
            (By::Pipeline, "formats/src/"),
            (By::Pipeline, "engine/src/"),
        ] {
            if let Some(rest) = path.strip_prefix(folder) {
                return Some((by, first(rest)));
            }
        }
        None
    }

    /// Ids of techniques that stand in a text between quotes.
    fn ids(text: &str) -> BTreeSet<String> {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let quoted = code.split('"').map(|piece| TechniqueId(piece.to_owned().into()));
        quoted.filter(TechniqueId::is_well_formed).map(|id| id.0.into_owned()).collect()
    }

    fn gather(folder: &Path, crates: &Path, found: &mut BTreeMap<(By, String), BTreeSet<String>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, crates, found);
            } else if let Some(place) = place(&path.strip_prefix(crates).unwrap().to_string_lossy())
                && path.extension().is_some_and(|end| end == "rs" || end == "yar")
            {
                let ids = ids(&std::fs::read_to_string(&path).unwrap());
                if !ids.is_empty() {
                    found.entry(place).or_default().extend(ids);
                }
            }
        }
    }

    #[test]
    fn whoever_asks_what_stands_for_a_technique_hears_what_the_sources_say() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = BTreeMap::new();
        for folder in ["detect/src", "detect/rules", "formats/src", "engine/src"] {
            gather(&crates.join(folder), &crates, &mut found);
        }
        let table: BTreeMap<_, _> = EMITTERS
            .iter()
            .map(|row| {
                let ids: BTreeSet<_> = row.techniques.iter().map(|id| (*id).to_owned()).collect();
                ((row.by, row.name.to_owned()), ids)
            })
            .collect();
        assert_eq!(table, found);
    }

    #[test]
    fn a_technique_has_what_says_its_sub_techniques_and_a_sub_technique_what_says_its_technique() {
        let row = row(By::Detector, "one", &["T1204.002", "T1059", "T1059.001"]);
        assert_eq!(row.kin_of(&"T1204".into()), ["T1204.002"]);
        assert_eq!(row.kin_of(&"T1059.007".into()), ["T1059"]);
        assert!(row.kin_of(&"T1204.001".into()).is_empty());
    }
}
