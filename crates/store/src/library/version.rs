//! What an import brings of one object.

/// A new version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewVersion {
    /// The object's STIX ID.
    pub stix_id: String,
    /// The exact bytes.
    pub text: Vec<u8>,
    /// Their SHA-256.
    pub raw: [u8; 32],
    /// SHA-256 of the compact JSON in source key order.
    pub source: [u8; 32],
    /// SHA-256 of the canonical JSON (RFC 8785).
    pub canonical: [u8; 32],
    /// See [`super::Version`].
    pub attack_id: String,
    /// See [`super::Version`].
    pub name: String,
    /// See [`super::Version`].
    pub version: String,
    /// See [`super::Version`].
    pub created: String,
    /// See [`super::Version`].
    pub modified: String,
    /// See [`super::Version`].
    pub flags: i64,
    /// See [`super::Version`].
    pub platforms: String,
    /// See [`super::Version`].
    pub tactics: String,
    /// What a relationship is and leads to.
    pub relation: Option<Relation>,
}

impl NewVersion {
    /// Its approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        let ends =
            self.relation.as_ref().map_or(0, |relation| relation.kind.len() + relation.from.len() + relation.to.len());
        let words = [&self.name, &self.version, &self.created, &self.modified, &self.platforms, &self.tactics];
        let words: usize = words.iter().map(|word| word.len()).sum();
        size_of::<Self>() + self.stix_id.len() + self.attack_id.len() + self.text.len() + words + ends
    }
}

/// A relationship's type and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relation {
    /// Its type, such as `mitigates`.
    pub kind: String,
    /// STIX ID of the object that it starts at.
    pub from: String,
    /// STIX ID of the object that it leads to.
    pub to: String,
}
