//! Office Open XML (ECMA-376) and OpenDocument: packages with as little in them as an opener needs.

use super::zip;

const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// What makes one document differ from another.
pub struct Package<'a> {
    /// Content type of the main part.
    pub content_type: &'a str,
    /// Path of the main part.
    pub main: &'a str,
    /// The main part.
    pub xml: String,
    /// Relationships of the main part: type, target, and whether the target is outside.
    pub relations: Vec<(&'a str, &'a str, bool)>,
    /// More parts.
    pub parts: Vec<(&'a str, Vec<u8>)>,
}

impl Default for Package<'_> {
    fn default() -> Self {
        Self {
            content_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
            main: "word/document.xml",
            xml: text("Nothing to see."),
            relations: Vec::new(),
            parts: Vec::new(),
        }
    }
}

/// A document of Word with one paragraph.
pub fn text(paragraph: &str) -> String {
    format!("<w:document xmlns:w=\"{WORD}\"><w:body><w:p><w:r><w:t>{paragraph}</w:t></w:r></w:p></w:body></w:document>")
}

impl Package<'_> {
    /// The members of the package, in the order in which Office writes them.
    pub fn members(&self) -> Vec<zip::Entry> {
        let types = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"bin\" ContentType=\"application/vnd.ms-office.vbaProject\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/{}\" ContentType=\"{}\"/></Types>",
            self.main, self.content_type
        );
        let relations = |list: &[(&str, &str, bool)]| {
            let rows: String = list
                .iter()
                .enumerate()
                .map(|(index, (kind, target, outside))| {
                    let mode = if *outside { " TargetMode=\"External\"" } else { "" };
                    format!(
                        "<Relationship Id=\"rId{}\" Type=\"{RELATION}/{kind}\" Target=\"{target}\"{mode}/>",
                        index + 1
                    )
                })
                .collect();
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{rows}</Relationships>"
            )
        };
        let (folder, file) = self.main.rsplit_once('/').unwrap_or(("", self.main));
        let of_main = format!("{folder}/_rels/{file}.rels");
        let mut members = vec![
            zip::deflated("[Content_Types].xml", types.as_bytes()),
            zip::deflated("_rels/.rels", relations(&[("officeDocument", self.main, false)]).as_bytes()),
            zip::deflated(self.main, self.xml.as_bytes()),
            zip::deflated(of_main.trim_start_matches('/'), relations(&self.relations).as_bytes()),
        ];
        members.extend(self.parts.iter().map(|(name, bytes)| zip::deflated(name, bytes)));
        members
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        zip::archive(&self.members())
    }
}

/// A document of Word with this macro.
pub fn docm(source: &str) -> Vec<u8> {
    Package {
        content_type: "application/vnd.ms-word.document.macroEnabled.main+xml",
        relations: vec![("vbaProject", "vbaProject.bin", false)],
        parts: vec![("word/vbaProject.bin", super::compound::vba_project(source))],
        ..Package::default()
    }
    .build()
}

/// A workbook of Excel with this macro.
pub fn xlsm(source: &str) -> Vec<u8> {
    Package {
        content_type: "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        main: "xl/workbook.xml",
        xml: "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheets/></workbook>"
            .into(),
        relations: vec![("vbaProject", "vbaProject.bin", false)],
        parts: vec![("xl/vbaProject.bin", super::compound::vba_project(source))],
    }
    .build()
}

/// A presentation of PowerPoint with this macro.
pub fn pptm(source: &str) -> Vec<u8> {
    Package {
        content_type: "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
        main: "ppt/presentation.xml",
        xml: "<p:presentation xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\"/>".into(),
        relations: vec![("vbaProject", "vbaProject.bin", false)],
        parts: vec![("ppt/vbaProject.bin", super::compound::vba_project(source))],
    }
    .build()
}

/// A text document of OpenDocument with a script in Basic.
pub fn odt(basic: &str) -> Vec<u8> {
    let module = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><script:module xmlns:script=\"http://openoffice.org/2000/script\" script:name=\"Module1\" script:language=\"StarBasic\">{basic}</script:module>"
    );
    zip::archive(&[
        zip::stored("mimetype", b"application/vnd.oasis.opendocument.text"),
        zip::deflated("content.xml", b"<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" office:version=\"1.3\"/>"),
        zip::deflated("Basic/Standard/Module1.xml", module.as_bytes()),
        zip::deflated("META-INF/manifest.xml", b"<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>"),
    ])
}
