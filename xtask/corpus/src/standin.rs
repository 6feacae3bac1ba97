//! A stand-in and what is expected of it.

use serde_json::Value;
use std::fmt;

/// One thing that the answer of `lazaret scan --json` must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The sample is of this kind, first or also.
    Kind(&'static str),
    /// A part whose path ends so is of this kind, first or also.
    Part(&'static str, &'static str),
    /// A finding with this id.
    Finding(&'static str),
    /// A finding about a part whose path ends so.
    FindingAt(&'static str, &'static str),
    /// A technique that some finding names.
    Technique(&'static str),
    /// A part that is encrypted and was not opened.
    Locked,
    /// A part that was opened with this password.
    Password(&'static str),
    /// A part that is incomplete for a reason that has these words.
    Incomplete(&'static str),
    /// Nothing is incomplete.
    Complete,
    /// The verdict on the sample.
    Verdict(&'static str),
    /// The decision on the sample.
    Decision(&'static str),
}

impl Expect {
    /// Whether an answer says so.
    pub fn holds(&self, report: &Value) -> bool {
        let parts = || report["parts"].as_array().into_iter().flatten();
        let findings = || report["findings"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is = |part: &Value, kind: &str| {
            part["kind"]["id"] == kind || part["also"].as_array().into_iter().flatten().any(|also| also["id"] == kind)
        };
        match *self {
            Self::Kind(kind) => parts().next().is_some_and(|part| is(part, kind)),
            Self::Part(end, kind) => parts().any(|part| text(&part["path"]).ends_with(end) && is(part, kind)),
            Self::Finding(id) => findings().any(|finding| finding["id"] == id),
            Self::FindingAt(end, id) => {
                findings().any(|finding| finding["id"] == id && text(&finding["part"]).ends_with(end))
            }
            Self::Technique(id) => {
                findings().any(|finding| finding["techniques"].as_array().into_iter().flatten().any(|own| own == id))
            }
            Self::Locked => parts().any(|part| part["locked"] == true),
            Self::Password(password) => parts().any(|part| part["password"] == password),
            Self::Incomplete(words) => parts().any(|part| {
                part["incomplete"].as_array().into_iter().flatten().any(|reason| text(reason).contains(words))
            }),
            Self::Complete => report["complete"] == true,
            Self::Verdict(verdict) => report["verdict"] == verdict,
            Self::Decision(decision) => report["decision"] == decision,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "is {kind}"),
            Self::Part(end, kind) => write!(f, "{end} is {kind}"),
            Self::Finding(id) => f.write_str(id),
            Self::FindingAt(end, id) => write!(f, "{id} at {end}"),
            Self::Technique(id) => write!(f, "[{id}]"),
            Self::Locked => f.write_str("locked"),
            Self::Password(password) => write!(f, "opened with {password}"),
            Self::Incomplete("") => f.write_str("incomplete"),
            Self::Incomplete(words) => write!(f, "incomplete: {words}"),
            Self::Complete => f.write_str("complete"),
            Self::Verdict(name) | Self::Decision(name) => f.write_str(name),
        }
    }
}

/// A harmless file that stands for a vector.
#[derive(Debug, Clone)]
pub struct Standin {
    /// The row of `docs/vectors.md`, such as `A3`.
    pub row: &'static str,
    /// `formats/<id>` or `detect/<id>`: what it proves.
    pub folder: &'static str,
    /// The name under which it is scanned.
    pub name: String,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether the bytes differ each time they are made, because something in them is drawn by lot.
    pub salted: bool,
    /// What a scan must say.
    pub expect: Vec<Expect>,
}

impl Standin {
    /// A stand-in of which nothing is expected yet.
    pub fn new(row: &'static str, folder: &'static str, name: &str, what: &'static str, bytes: Vec<u8>) -> Self {
        Self { row, folder, name: name.to_owned(), what, bytes, salted: false, expect: Vec::new() }
    }

    /// Where it is stored, from the root of the repository.
    pub fn path(&self) -> String {
        let slug: String =
            self.what.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
        let (krate, id) = self.folder.split_once('/').unwrap_or((self.folder, ""));
        format!("crates/{krate}/corpus/{id}/{}-{}.{}", self.row.to_lowercase(), words.join("-"), super::EXTENSION)
    }

    /// It proves something else than its neighbours.
    pub fn proves(mut self, folder: &'static str) -> Self {
        self.folder = folder;
        self
    }

    /// Its bytes differ each time it is made.
    pub fn salted(mut self) -> Self {
        self.salted = true;
        self
    }

    fn and(mut self, expect: Expect) -> Self {
        self.expect.push(expect);
        self
    }

    /// It is of this kind.
    pub fn kind(self, id: &'static str) -> Self {
        self.and(Expect::Kind(id))
    }

    /// A part of this kind is in it.
    pub fn part(self, end: &'static str, kind: &'static str) -> Self {
        self.and(Expect::Part(end, kind))
    }

    /// This is found.
    pub fn finds(self, id: &'static str) -> Self {
        self.and(Expect::Finding(id))
    }

    /// Some finding names this technique.
    pub fn technique(self, id: &'static str) -> Self {
        self.and(Expect::Technique(id))
    }

    /// The payload is the test file of the industry, in a part whose path ends so; it is found, and blocked.
    pub fn payload(self, end: &'static str) -> Self {
        self.and(Expect::FindingAt(end, "signature.yara")).and(Expect::Verdict("malicious")).blocked()
    }

    /// It was opened with this password.
    pub fn password(self, password: &'static str) -> Self {
        self.and(Expect::Password(password))
    }

    /// It stays encrypted, and is held.
    pub fn locked(self) -> Self {
        self.and(Expect::Locked)
    }

    /// Something in it was not inspected, for a reason with these words.
    pub fn incomplete(self, words: &'static str) -> Self {
        self.and(Expect::Incomplete(words))
    }

    /// It is malicious.
    pub fn malicious(self) -> Self {
        self.and(Expect::Verdict("malicious"))
    }

    /// It is suspicious.
    pub fn suspicious(self) -> Self {
        self.and(Expect::Verdict("suspicious"))
    }

    /// It is blocked.
    pub fn blocked(self) -> Self {
        self.and(Expect::Decision("block"))
    }

    /// It is held.
    pub fn held(self) -> Self {
        self.and(Expect::Decision("hold"))
    }

    /// It is an honest file: complete, benign, delivered.
    pub fn delivered(self) -> Self {
        self.and(Expect::Complete).and(Expect::Verdict("benign")).and(Expect::Decision("deliver"))
    }
}
