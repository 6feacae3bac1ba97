//! The table of kinds.

use lazaret_model::{Class, Kind};
use std::collections::HashMap;
use std::sync::LazyLock;

/// One kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindRow {
    /// Stable short id.
    pub id: &'static str,
    /// Policy's class.
    pub class: Class,
    /// IANA media type, or the customary one.
    pub media_type: &'static str,
    /// Usual extensions, lower case, without dots; the first is the most usual.
    pub extensions: &'static [&'static str],
    /// For people: `ZIP archive`.
    pub description: &'static str,
    /// Whether it holds other files or anything that can run, so that not opening it leaves it incomplete.
    pub container: bool,
}

impl KindRow {
    /// The kind as the rest of Lazaret speaks of it.
    pub const fn kind(&self) -> Kind {
        Kind::new(self.id, self.class, self.media_type)
    }
}

/// A row in one line.
const fn row(id: &'static str, class: Class, extension: &'static [&'static str]) -> KindRow {
    KindRow {
        id,
        class,
        media_type: "application/octet-stream",
        extensions: extension,
        description: id,
        container: true,
    }
}

/// Every kind.
pub static KINDS: &[KindRow] = &[
    row("zip", Class::Archive, &["zip"]),
    row("7z", Class::Archive, &["7z"]),
    row("rar4", Class::Archive, &["rar"]),
    row("rar5", Class::Archive, &["rar"]),
    row("tar", Class::Archive, &["tar"]),
    row("gzip", Class::Archive, &["gz"]),
    row("bzip2", Class::Archive, &["bz2"]),
    row("xz", Class::Archive, &["xz"]),
    row("lzma", Class::Archive, &["lzma"]),
    row("zstd", Class::Archive, &["zst"]),
    row("lz4", Class::Archive, &["lz4"]),
    row("brotli", Class::Archive, &["br"]),
    row("lzip", Class::Archive, &["lz"]),
    row("compress", Class::Archive, &["Z"]),
    row("cab", Class::Archive, &["cab"]),
    row("ar", Class::Archive, &["a"]),
    row("deb", Class::Installer, &["deb"]),
    row("rpm", Class::Installer, &["rpm"]),
    row("cpio", Class::Archive, &["cpio"]),
    row("iso9660", Class::DiskImage, &["iso"]),
    row("cfb", Class::Document, &["ole"]),
    row("doc", Class::Document, &["doc"]),
    row("xls", Class::Document, &["xls"]),
    row("ppt", Class::Document, &["ppt"]),
    row("msi", Class::Installer, &["msi"]),
    row("msg", Class::Mail, &["msg"]),
    row("docx", Class::Document, &["docx"]),
    row("docm", Class::Document, &["docm"]),
    row("xlsx", Class::Document, &["xlsx"]),
    row("xlsm", Class::Document, &["xlsm"]),
    row("xlsb", Class::Document, &["xlsb"]),
    row("pptx", Class::Document, &["pptx"]),
    row("pptm", Class::Document, &["pptm"]),
    row("odt", Class::Document, &["odt"]),
    row("ods", Class::Document, &["ods"]),
    row("odp", Class::Document, &["odp"]),
    row("jar", Class::Executable, &["jar"]),
    row("apk", Class::Executable, &["apk"]),
    KindRow { container: false, ..row("vba", Class::Script, &["bas"]) },
    KindRow { container: false, ..row("excel4-macro", Class::Script, &[]) },
    KindRow { container: false, ..row("command-line", Class::Script, &[]) },
    KindRow { container: false, ..row("url-target", Class::Shortcut, &[]) },
];

/// The row of a kind, by id.
pub fn kind(id: &str) -> Option<&'static KindRow> {
    static INDEX: LazyLock<HashMap<&'static str, &'static KindRow>> =
        LazyLock::new(|| KINDS.iter().map(|row| (row.id, row)).collect());
    INDEX.get(id).copied()
}
