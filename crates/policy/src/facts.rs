//! What policies are told about one part, as in `policies/lazaret.cedarschema`.

use lazaret_model::{Family, Finding, Origin, Part, Severity, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Everything a decision can rest on. Two parts with equal facts get one decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The person's name; empty for nobody authenticated.
    pub person: String,
    /// The person's groups.
    pub groups: BTreeSet<String>,
    /// Name as stored.
    pub name: String,
    /// Lower-case extension without the dot.
    pub extension: String,
    /// Kind id.
    pub kind: String,
    /// Class name.
    pub class: String,
    /// Kind ids, of a polyglot several.
    pub kinds: BTreeSet<String>,
    /// Class names, of a polyglot several.
    pub classes: BTreeSet<String>,
    /// What it is to its parent.
    pub role: String,
    /// Bytes.
    pub size: u64,
    /// Nesting.
    pub depth: u32,
    /// Kind ids of what it lies in.
    pub parents: BTreeSet<String>,
    /// Pretends to be something else.
    pub masquerade: bool,
    /// Encrypted and not opened.
    pub locked: bool,
    /// Opened with a password.
    pub opened_with_password: bool,
    /// Inspected completely.
    pub complete: bool,
    /// Holds macros.
    pub macros: bool,
    /// Verdict name.
    pub verdict: String,
    /// Finding ids and their groups.
    pub findings: BTreeSet<String>,
    /// Technique ids.
    pub techniques: BTreeSet<String>,
    /// Times the whole file was seen here, 1,000 at the most.
    pub prevalence: u64,
    /// Gate name.
    pub gate: String,
    /// `download` or `upload`.
    pub direction: String,
    /// A person navigated to it.
    pub navigation: bool,
    /// A browser navigates to it, or it asks to be saved.
    pub saves: bool,
    /// The media type the site declared.
    pub declared_type: String,
    /// The site, where one is known.
    pub site: Option<SiteFacts>,
}

/// What policies are told about a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteFacts {
    /// Host name.
    pub host: String,
    /// Registered domain.
    pub domain: String,
    /// Lists it is on.
    pub lists: BTreeSet<String>,
    /// One of them lists suspicious sites.
    pub suspicious: bool,
    /// Days since it was first seen here.
    pub first_seen_days: Option<u64>,
}

impl Default for Facts {
    /// A clean, completely inspected sample of an unknown kind, scanned by hand.
    fn default() -> Self {
        Self {
            person: String::new(),
            groups: BTreeSet::new(),
            name: String::new(),
            extension: String::new(),
            kind: "unknown".to_owned(),
            class: "unknown".to_owned(),
            kinds: BTreeSet::new(),
            classes: BTreeSet::new(),
            role: "sample".to_owned(),
            size: 0,
            depth: 0,
            parents: BTreeSet::new(),
            masquerade: false,
            locked: false,
            opened_with_password: false,
            complete: true,
            macros: false,
            verdict: Verdict::Benign.name().to_owned(),
            findings: BTreeSet::new(),
            techniques: BTreeSet::new(),
            prevalence: 0,
            gate: "scan".to_owned(),
            direction: "download".to_owned(),
            navigation: false,
            saves: false,
            declared_type: String::new(),
            site: None,
        }
    }
}

impl Facts {
    /// The facts about one part. `findings` are those about this part; `parents` the kind ids of what it lies in.
    pub fn of(part: &Part, verdict: Verdict, findings: &[&Finding], parents: &[&str], origin: &Origin) -> Self {
        let mut ids = BTreeSet::new();
        for finding in findings {
            ids.insert(finding.id.to_string());
            if let Some((group, _)) = finding.id.split_once('.') {
                ids.insert(group.to_owned());
            }
        }
        Self {
            name: part.name.clone(),
            extension: part.extension(),
            kind: part.kind.id.to_string(),
            class: part.kind.class.name().to_owned(),
            kinds: part.kinds().map(|kind| kind.id.to_string()).collect(),
            classes: part.kinds().map(|kind| kind.class.name().to_owned()).collect(),
            role: part.role.name().to_owned(),
            size: part.size,
            depth: part.depth,
            parents: parents.iter().map(ToString::to_string).collect(),
            masquerade: findings.iter().any(|f| f.family == Family::Masquerade && f.severity >= Severity::Medium),
            locked: part.locked,
            opened_with_password: part.password.is_some(),
            complete: part.complete,
            macros: part.macros,
            verdict: verdict.name().to_owned(),
            findings: ids,
            techniques: findings.iter().flat_map(|f| &f.techniques).map(ToString::to_string).collect(),
            ..Self::about(origin)
        }
    }

    /// What an origin alone tells; everything else as in [`Facts::default`].
    pub fn about(origin: &Origin) -> Self {
        let site = origin.host.as_ref().map(|host| SiteFacts {
            host: host.clone(),
            domain: origin.domain.as_ref().unwrap_or(host).clone(),
            lists: origin.lists.iter().cloned().collect(),
            suspicious: origin.suspicious,
            first_seen_days: origin.first_seen_days,
        });
        Self {
            person: origin.person.clone().unwrap_or_default(),
            groups: origin.groups.iter().cloned().collect(),
            gate: origin.gate.name().to_owned(),
            direction: origin.direction.name().to_owned(),
            navigation: origin.navigation,
            saves: origin.saves,
            declared_type: origin.declared_type.clone().unwrap_or_default(),
            site,
            ..Self::default()
        }
    }

    /// With `kinds`, `classes` and `extension` filled from `kind`, `class` and `name` where they are empty, as test cases
    /// leave them.
    #[must_use]
    pub fn completed(mut self) -> Self {
        if self.kinds.is_empty() {
            self.kinds.insert(self.kind.clone());
        }
        if self.classes.is_empty() {
            self.classes.insert(self.class.clone());
        }
        if self.extension.is_empty() {
            self.extension = lazaret_model::extension(&self.name);
        }
        self
    }
}
