//! The table of facts: everything that policies are told. A row and a line that fills it are all that a fact needs: the schema, what a
//! request is built of, which policies can be asked early, explanations and `docs/facts.md` are made from the row.

mod fact;
mod page;

use cedar_policy::RestrictedExpression;
use fact::{ABSENT, Told, facts};
pub use fact::{Fact, FactType, Place};
use lazaret_model::{Family, Finding, Gate, Known, Origin, Part, Severity, Verdict};
pub(crate) use page::schema_text;
use std::collections::{BTreeMap, BTreeSet};

facts! {
    /// Everything a decision can rest on. Two parts with equal facts get one decision.
    pub struct Facts {
        /// The name that the person authenticated with; empty if unauthenticated, which is `anonymous` in policies.
        Principal person: String = String::new(), Request;
        /// The groups that the person is in.
        Principal groups: BTreeSet<String> = BTreeSet::new(), Request;
        /// The name as stored, or the one a browser would save it under.
        Resource name: String = String::new(), Head, by file;
        /// The extension of the name, in lower case, without the dot.
        Resource extension: String = String::new(), Head;
        /// The true file type, as an ID listed by `lazaret kinds`; uninspected connections are `websocket`,
        /// `event-stream` and `bypass` (a host that bypasses inspection).
        Resource kind: String = "unknown".to_owned(), FirstBytes;
        /// The class of that file type, also listed by `lazaret kinds`.
        Resource class: String = "unknown".to_owned(), FirstBytes;
        /// The IDs of all file types that the bytes are valid as: a polyglot has several.
        Resource kinds: BTreeSet<String> = BTreeSet::new(), FirstBytes;
        /// The classes of those file types.
        Resource classes: BTreeSet<String> = BTreeSet::new(), FirstBytes;
        /// Its role in its parent: sample, member, stream, attachment, body, embedded, macro, script, command, link,
        /// payload or appended.
        Resource role: String = "sample".to_owned(), Request;
        /// Its size in bytes.
        Resource size: u64 = 0, Inspection, unit "bytes", by file;
        /// Its nesting depth: 0 for the file itself.
        Resource depth: u32 = 0, Request, unit "levels";
        /// The file type IDs of everything that contains it.
        Resource parents: BTreeSet<String> = BTreeSet::new(), Request;
        /// Whether it pretends to be something else.
        Resource masquerade: bool = false, Inspection, or "if it did not pretend to be something else" => false;
        /// Whether it is encrypted and could not be opened.
        Resource locked: bool = false, Inspection;
        /// Whether it was opened with a password that was found or given.
        Resource opened_with_password: bool = false, Inspection, or "if it needed no password" => false;
        /// Whether it was inspected completely.
        Resource complete: bool = true, Inspection;
        /// Whether it contains macros.
        Resource macros: bool = false, Inspection, or "if it contained no macros" => false;
        /// The verdict of the inspection: benign, unknown, suspicious or malicious.
        Resource verdict: String = Verdict::Benign.name().to_owned(), Inspection;
        /// The IDs of findings about it, such as `masquerade.double-extension`, and their groups, such as `masquerade`.
        Resource findings: BTreeSet<String> = BTreeSet::new(), Inspection;
        /// The ATT&CK techniques that those findings indicate.
        Resource techniques: BTreeSet<String> = BTreeSet::new(), Inspection;
        /// How often the whole file was seen here before, counted up to 1,000.
        Resource prevalence: u64 = 0, Ledger, unit "times", by file, or "if the file had been seen here 1,000 times" => 1_000;
        /// The gate: scan, proxy, icap, api or guard.
        Context gate: String = "scan".to_owned(), Request;
        /// The direction: `download` (to a person) or `upload` (from a person to a site).
        Context direction: String = "download".to_owned(), Request;
        /// Whether a person navigated to it, as opposed to a page loading it.
        Context navigation: bool = false, Head;
        /// Whether it is shown as a page or saved as a file: a browser navigates to it, or it is offered as a download.
        Context saves: bool = false, Head;
        /// Whether it is saved as a file instead of being shown: an attachment, a download link, or because of its
        /// type.
        Context attached: bool = false, Head;
        /// The media type that the site declares; empty if none.
        Context declared_type: String = String::new(), Head;
        /// The site, if known.
        Context site: Option<SiteFacts> = None, Request;
    }
    /// Whether the gate is between people and the web, as opposed to one that files are submitted to; determined by
    /// the gate.
    told Context from_web: bool, Request;
}

facts! {
    /// What policies are told about a site.
    pub struct SiteFacts {
        /// The name of the host.
        Site host: String = String::new(), Request, by site;
        /// The registered domain of the host, or the host itself if it has none.
        Site domain: String = String::new(), Request, by site;
        /// The names of the lists that the site is on.
        Site lists: BTreeSet<String> = BTreeSet::new(), Request;
        /// Whether one of those lists is a list of suspicious sites.
        Site suspicious: bool = false, Request;
        /// How long ago the site was first seen here.
        Site first_seen_days: Option<u64> = None, Head, unit "days", or "if the site had been known here for a year" => Some(365);
    }
}

impl Told for Option<SiteFacts> {
    const KIND: FactType = FactType::Site;
    const OPTIONAL: bool = true;

    fn told(&self) -> Option<RestrictedExpression> {
        let mut fields = BTreeMap::new();
        self.as_ref()?.tell(Place::Site, &mut |name, value| {
            fields.insert(name.to_owned(), value);
        });
        // The names are distinct, so the record cannot be refused.
        RestrictedExpression::new_record(fields).ok()
    }

    fn written(&self) -> String {
        self.as_ref().map_or(ABSENT, |_| "present").to_owned()
    }
}

/// The table of facts.
pub fn all_facts() -> impl Iterator<Item = &'static Fact> {
    Facts::FACTS.iter().chain(SiteFacts::FACTS)
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
            attached: origin.attached,
            declared_type: origin.declared_type.clone().unwrap_or_default(),
            site,
            ..Self::default()
        }
    }

    /// Whether the gate stands between people and the web. It follows from the gate, so that facts which were kept have it too.
    pub fn from_web(&self) -> bool {
        Gate::ALL.iter().any(|gate| gate.is_of_the_web() && gate.name() == self.gate)
    }

    /// One of them as Cedar writes it: nothing can be told of a site that is not known.
    pub fn value(&self, fact: &Fact) -> String {
        let written = match (fact.place, &self.site) {
            (Place::Site, Some(site)) => site.written(fact.name),
            (Place::Site, None) => None,
            (Place::Principal | Place::Resource | Place::Context, _) => self.written(fact.name),
        };
        written.unwrap_or_else(|| ABSENT.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_model::{Class, Direction, Kind, PartId, Role};

    #[test]
    fn every_fact_of_a_part_and_its_origin_reaches_policies() {
        let part = Part {
            id: PartId(1),
            parent: Some(PartId(0)),
            name: "b.pdf.exe".into(),
            role: Role::Member,
            depth: 1,
            kind: Kind::new("pe32", Class::Executable, ""),
            also: vec![Kind::new("zip", Class::Archive, "")],
            locked: true,
            complete: false,
            password: Some("infected".into()),
            macros: true,
            ..Part::sample("a.zip//b.pdf.exe", 7)
        };
        let finding = Finding::new("masquerade.double-extension", "masquerade", Severity::High, Family::Masquerade, "");
        let finding = finding.technique("T1036.007");
        let origin = Origin {
            gate: Gate::Proxy,
            direction: Direction::Upload,
            person: Some("ada".into()),
            groups: vec!["staff".into()],
            client: None,
            page: None,
            host: Some("www.site.example".into()),
            domain: Some("site.example".into()),
            lists: vec!["ours".into()],
            suspicious: true,
            first_seen_days: Some(3),
            declared_type: Some("text/plain".into()),
            navigation: true,
            saves: true,
            attached: true,
        };
        let facts = Facts::of(&part, Verdict::Malicious, &[&finding], &["zip"], &origin);
        for fact in all_facts() {
            // How often it was seen is told by whoever asked the ledger.
            let filled = facts.value(fact) != fact.usual();
            assert_eq!(filled, fact.known != Known::Ledger, "{}: {}", fact.name, facts.value(fact));
        }
        let mut told = BTreeSet::new();
        for place in Place::ALL {
            facts.tell(place, &mut |name, _| assert!(told.insert(name), "{name} is told twice"));
            SiteFacts::default().tell(place, &mut |name, _| assert!(told.insert(name), "{name} is told twice"));
        }
        // Of a site that was never seen no age is told.
        let missing: Vec<_> = all_facts().map(|fact| fact.name).filter(|name| !told.contains(name)).collect();
        assert_eq!(missing, ["first_seen_days"]);
    }

    #[test]
    fn what_comes_from_the_web_is_told_by_its_gate_alone() {
        let web: Vec<_> = Gate::ALL
            .iter()
            .map(|gate| Facts { gate: gate.name().to_owned(), ..Facts::default() })
            .filter(Facts::from_web)
            .map(|facts| facts.gate)
            .collect();
        assert_eq!(web, ["proxy", "icap"]);
        assert!(!Facts { gate: "unheard-of".to_owned(), ..Facts::default() }.from_web());
    }
}
