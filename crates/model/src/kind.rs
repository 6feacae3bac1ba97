//! What bytes truly are: a [`Kind`] and the coarse [`Class`] that policy reasons about.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The class of a file type, as used in policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A program that the system runs directly: PE, ELF, Mach-O, JAR.
    Executable,
    /// Code loaded by a program: DLL, shared object, driver, XLL.
    Library,
    /// Source that an interpreter runs when it is opened: js, vbs, ps1, bat, hta, sh, py.
    Script,
    /// A file that points to something to run or download: lnk, url, desktop.
    Shortcut,
    /// A package that installs software: msi, deb, rpm, msix.
    Installer,
    /// A container of other files.
    Archive,
    /// A disk image or file system: iso, vhd, dmg.
    DiskImage,
    /// A document: Office, PDF, RTF, ODF.
    Document,
    /// An e-mail message or mailbox.
    Mail,
    /// What a browser renders: HTML, CSS, JavaScript of a page, web fonts excepted.
    Web,
    /// An image.
    Image,
    /// Audio.
    Audio,
    /// Video.
    Video,
    /// A font.
    Font,
    /// Prose or source code that does not run by being opened.
    Text,
    /// Structured data: databases, certificates, JSON, models.
    Data,
    /// Not a file: an uninspected connection, such as a WebSocket.
    Connection,
    /// Not recognised.
    Unknown,
}

impl Class {
    /// All classes, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::Executable,
        Self::Library,
        Self::Script,
        Self::Shortcut,
        Self::Installer,
        Self::Archive,
        Self::DiskImage,
        Self::Document,
        Self::Mail,
        Self::Web,
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::Font,
        Self::Text,
        Self::Data,
        Self::Connection,
        Self::Unknown,
    ];

    /// The name used in JSON, policies and tables, such as `disk-image`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::Library => "library",
            Self::Script => "script",
            Self::Shortcut => "shortcut",
            Self::Installer => "installer",
            Self::Archive => "archive",
            Self::DiskImage => "disk-image",
            Self::Document => "document",
            Self::Mail => "mail",
            Self::Web => "web",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Font => "font",
            Self::Text => "text",
            Self::Data => "data",
            Self::Connection => "connection",
            Self::Unknown => "unknown",
        }
    }

    /// Whether opening a file of this class runs code or leads to something that does.
    pub const fn runs(self) -> bool {
        matches!(self, Self::Executable | Self::Library | Self::Script | Self::Shortcut | Self::Installer)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A file type, identified by content and never by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Kind {
    /// Stable short id, such as `pe32` or `docm`; `lazaret kinds` lists them.
    pub id: Cow<'static, str>,
    /// The class policy reasons about.
    pub class: Class,
    /// The IANA media type, or the customary one where none is registered.
    pub media_type: Cow<'static, str>,
}

impl Kind {
    /// The kind of unrecognised data.
    pub const UNKNOWN: Self = Self {
        id: Cow::Borrowed("unknown"),
        class: Class::Unknown,
        media_type: Cow::Borrowed("application/octet-stream"),
    };

    /// A kind from its three constants.
    pub const fn new(id: &'static str, class: Class, media_type: &'static str) -> Self {
        Self { id: Cow::Borrowed(id), class, media_type: Cow::Borrowed(media_type) }
    }

    /// Whether this is [`Kind::UNKNOWN`].
    pub fn is_unknown(&self) -> bool {
        self.class == Class::Unknown
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn a_class_is_named_alike_in_rust_and_in_json() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
    }
}
