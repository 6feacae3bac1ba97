//! The rows of `docs/vectors.md`.

/// A way in which people are tricked, or in which files are built to get past scanners.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Letter and number, such as `C7`.
    pub id: &'static str,
    /// What it is.
    pub vector: &'static str,
    /// Whether stand-ins must exist.
    pub covered: Covered,
}

/// Whether a row is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// Stand-ins must exist.
    Now,
    /// Not yet, and why.
    Later(&'static str),
}

const fn row(id: &'static str, vector: &'static str) -> Row {
    Row { id, vector, covered: Covered::Now }
}

/// Every row, in order. `H` are honest files, which must pass.
pub const ROWS: &[Row] = &[
    row("A1", "program, by content whatever its name"),
    row("A2", "ELF, AppImage, Mach-O, universal binary"),
    row("A3", "shortcut that runs an interpreter"),
    row("A4", "link file to a remote target"),
    row("A5", "file that leads Windows to a remote location"),
    row("A6", "script"),
    row("A7", "script that downloads, writes and runs"),
    row("A8", "macro that runs by itself"),
    row("A9", "external template, linked object, DDE"),
    row("A10", "add-in of Office"),
    row("A11", "RTF with objects"),
    row("A12", "OneNote with an embedded script"),
    row("A13", "PDF with actions"),
    row("A14", "disk image that carries one of these"),
    row("A15", "installer, help file, package"),
    row("A16", "HTML smuggling"),
    row("A17", "ClickFix"),
    row("A18", "SVG, MHT and mail that lead to one of these"),
    row("A19", "encrypted archive with the password near it"),
    row("A20", "side-loading"),
    row("A21", "hooks of packages"),
    row("A22", "image of a container or machine"),
    row("A23", "known to be bad"),
    row("A24", "packed or padded program"),
    row("A25", "signature of a program"),
    row("A26", "link that starts a program"),
    row("A27", "settings of editors and agents that run commands"),
    row("A28", "instructions to agents, and text that people do not see"),
    row("A29", "extension"),
    row("A30", "model file or notebook"),
    row("A31", "calendar or contact"),
    row("A32", "QR code"),
    row("A33", "lure for a sign-in: consent and device codes"),
    row("A34", "distribution or container with a command at its start"),
    Row {
        id: "A35",
        vector: "payload in the browser's cache",
        covered: Covered::Later("what the cache keeps is not told from other answers yet"),
    },
    row("A36", "settings of a home, a connection or a system that run commands"),
    row("A37", "text, document or picture whose program runs what stands in it"),
    row("B1", "double extension"),
    row("B2", "right-to-left override"),
    row("B3", "content is not what the name says"),
    row("B4", "trailing characters and look-alike extensions"),
    row("B5", "spaces before the extension"),
    Row { id: "B6", vector: "icon of a document in a program", covered: Covered::Later("icons are not compared yet") },
    row("B7", "Content-Disposition that contradicts itself"),
    row("B8", "member names that climb, or lead out"),
    row("C1", "local header and directory of ZIP disagree"),
    row("C2", "several directories of ZIP"),
    row("C3", "ZIP archives behind each other"),
    row("C4", "data before or after, archives in pictures and programs"),
    row("C5", "ZIP64 that lies"),
    row("C6", "encryption flag that lies"),
    row("C7", "data descriptors, overlapping members"),
    row("C8", "rare methods of ZIP"),
    row("C9", "wrong checksum, cut end"),
    row("C10", "one name twice"),
    row("C11", "Unicode name that differs"),
    row("C12", "nested 40 deep"),
    row("C13", "bombs"),
    row("C14", "RAR and 7z in all their forms"),
    row("C15", "gzip with more behind it"),
    row("C16", "dialects of tar"),
    row("C17", "CAB in MSI in CAB"),
    row("C18", "ISO trees that disagree"),
    row("C19", "damaged compound files"),
    row("C20", "OOXML with tricks"),
    row("C21", "MIME with tricks"),
    Row { id: "C22", vector: "HTTP with tricks", covered: Covered::Later("what HTTP carries comes with the gates") },
    row("C23", "polyglots"),
    row("C24", "disguised scripts"),
    row("C25", "padding: past the limit, behind empty members"),
    row("C26", "disguised settings"),
    Row {
        id: "C27",
        vector: "page, script and payload in different answers",
        covered: Covered::Later("judged at the gate over several answers; tests of the engine hold it"),
    },
    row("C28", "records beside the members of a RAR"),
    row("C29", "padding up to a limit of ours"),
    row("H", "honest file"),
];

#[cfg(test)]
mod tests {
    use super::ROWS;

    #[test]
    fn the_document_lists_the_same_rows() {
        let text = std::fs::read_to_string(crate::root().join("docs/vectors.md")).expect("docs/vectors.md is there");
        let listed = |line: &str| -> Option<(String, String)> {
            let mut cells = line.split('|').map(str::trim).skip(1);
            Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
        };
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row")).filter_map(listed);
        let own = ROWS.iter().map(|row| (row.id.to_owned(), row.vector.to_owned()));
        assert_eq!(rows.collect::<Vec<_>>(), own.collect::<Vec<_>>());
    }
}
