//! The sample itself or something inside it.

use crate::Kind;
use crate::plain::is_invisible;
use serde::{Deserialize, Serialize};

/// A part's number within its sample; the sample itself is 0 and children are numbered after their parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartId(pub u32);

/// What a part is to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The file that was handed in.
    Sample,
    /// A named file in an archive, disk image or package.
    Member,
    /// What a compressed stream holds.
    Stream,
    /// A file attached to a mail or document.
    Attachment,
    /// The body text of a mail.
    Body,
    /// An object embedded in a document.
    Embedded,
    /// A macro module's source.
    Macro,
    /// A script inside a page or document.
    Script,
    /// A command line that opening the parent would run.
    Command,
    /// A place the parent would fetch from or connect to.
    Link,
    /// Bytes that the parent's own code assembles, decoded ahead of it.
    Payload,
    /// Bytes before or after the parent's own format.
    Appended,
}

impl Role {
    /// The name used in JSON and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Member => "member",
            Self::Stream => "stream",
            Self::Attachment => "attachment",
            Self::Body => "body",
            Self::Embedded => "embedded",
            Self::Macro => "macro",
            Self::Script => "script",
            Self::Command => "command",
            Self::Link => "link",
            Self::Payload => "payload",
            Self::Appended => "appended",
        }
    }
}

/// The sample itself or a member of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number in the sample.
    pub id: PartId,
    /// The part it was found in; none for the sample.
    pub parent: Option<PartId>,
    /// Names from the sample down, joined by `//`.
    pub path: String,
    /// Its own name as stored, or a made-up one where none is stored; see [`Part::named`].
    pub name: String,
    /// Whether `name` was stored in the parent (true) or made up by the opener (false).
    pub named: bool,
    /// What it is to its parent.
    pub role: Role,
    /// Nesting: the sample is 0.
    pub depth: u32,
    /// What the bytes are.
    pub kind: Kind,
    /// What the bytes also are: a polyglot opens as any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Kind>,
    /// Bytes inspected; less than the true size when `complete` is false.
    pub size: u64,
    /// SHA-256 of those bytes, lower-case hexadecimal.
    pub sha256: String,
    /// SHA-1 of those bytes, for lists that know no better; only where such a list is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    /// MD5 of those bytes, for lists that know no better; only where such a list is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// Ids of what the part it was found in is; empty for the sample. Known where parts are inspected, and not sent on.
    #[serde(skip)]
    pub within: Vec<std::borrow::Cow<'static, str>>,
    /// What the parent says the media type is, such as a mail's Content-Type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// Encrypted and not opened.
    pub locked: bool,
    /// Everything in it was read and everything it holds was opened.
    pub complete: bool,
    /// Why it is not complete, one short sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
    /// The password that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Holds macros.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub macros: bool,
}

impl Part {
    /// A sample about whose bytes nothing is known yet but how many there are; members differ from it in what else they have.
    pub fn sample(path: &str, size: u64) -> Self {
        Self {
            id: PartId(0),
            parent: None,
            path: path.to_owned(),
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            named: true,
            role: Role::Sample,
            depth: 0,
            kind: Kind::UNKNOWN,
            also: Vec::new(),
            size,
            sha256: String::new(),
            sha1: None,
            md5: None,
            within: Vec::new(),
            declared_type: None,
            locked: false,
            complete: true,
            incomplete: Vec::new(),
            password: None,
            macros: false,
        }
    }

    /// The kind and everything else the bytes also are.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        std::iter::once(&self.kind).chain(&self.also)
    }

    /// Whether the bytes are of the kind with this id, first or also.
    pub fn is(&self, kind_id: &str) -> bool {
        self.kinds().any(|k| k.id == kind_id)
    }

    /// The lower-case last extension of the name without its dot, empty where there is none.
    pub fn extension(&self) -> String {
        extension(&self.name)
    }
}

/// What follows the last dot of a name's last segment, lower case, as Windows keeps it: without dots and spaces at the end, and as
/// browsers save it: without what nobody sees. Empty where there is no dot.
pub fn extension(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let base: String = base.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    match base.trim_end_matches(['.', ' ']).rsplit_once('.') {
        Some((_, extension)) => extension.trim().to_lowercase(),
        None => String::new(),
    }
}

/// What a container's detector sees of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its number.
    pub id: PartId,
    /// Its name as stored.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Encrypted and not opened, or holds something that is.
    pub locked: bool,
}

impl Child {
    /// The summary of a part.
    pub fn of(part: &Part) -> Self {
        Self { id: part.id, name: part.name.clone(), kind: part.kind.clone(), size: part.size, locked: part.locked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_what_a_saved_file_has() {
        for (name, expected) in [
            ("a.HTA", "hta"),
            ("a.hta. .", "hta"),
            ("a.h\u{200b}ta", "hta"),
            ("a.hta\u{2060}\n", "hta"),
            ("a.\u{202e}hta", "hta"),
            ("a.b/c", ""),
            ("a", ""),
        ] {
            assert_eq!(extension(name), expected, "{name:?}");
        }
    }
}
