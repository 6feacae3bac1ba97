//! The picture a shortcut is shown with, against what it runs.

use lazaret_model::{Family, Finding, Severity};

/// Programs that run whatever their arguments say, by name without extension.
const INTERPRETERS: &[&str] = &[
    "%comspec%",
    "cmd",
    "powershell",
    "pwsh",
    "mshta",
    "wscript",
    "cscript",
    "rundll32",
    "regsvr32",
    "msiexec",
    "conhost",
    "forfiles",
    "pcalua",
    "ssh",
    "curl",
    "certutil",
    "bitsadmin",
    "wmic",
    "python",
    "pythonw",
    "hh",
];
/// Programs that documents are opened with, by name without extension.
const READERS: &[&str] = &[
    "acrord32",
    "acrobat",
    "foxitreader",
    "foxitpdfreader",
    "sumatrapdf",
    "winword",
    "wordicon",
    "excel",
    "xlicons",
    "powerpnt",
    "pptico",
    "onenote",
    "outlook",
    "wordpad",
    "notepad",
    "soffice",
    "msedge",
    "chrome",
    "firefox",
    "iexplore",
];
/// Extensions of documents and pictures.
const DOCUMENTS: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "odt", "ods", "txt", "csv", "jpg", "jpeg", "png", "gif",
    "mp4", "htm", "html",
];

/// The finding that a shortcut runs an interpreter and is shown as a document.
pub(super) fn finding(target: &str, icon: &str) -> Option<Finding> {
    let (program, _) = split(target);
    // An icon may be followed by its number: `imageres.dll,-102`; names of folders may hold commas as well.
    let shown = [icon.split_once(','), icon.rsplit_once(',')].map(|pair| pair.map_or(icon, |(place, _)| place));
    let document = shown
        .into_iter()
        .map(split)
        .any(|(name, extension)| DOCUMENTS.contains(&&*extension) || READERS.contains(&&*name));
    (INTERPRETERS.contains(&&*program) && document).then(|| {
        let message = format!("the shortcut runs `{program}` and is shown with the icon of a document");
        Finding::new("shortcut.document-icon", "lnk", Severity::Medium, Family::Masquerade, message)
            .technique("T1036")
            // LIMIT: evidence for people.
            .with("icon", icon.chars().take(200).collect::<String>())
    })
}

/// A path's last name and its extension, both in lower case.
pub(super) fn split(path: &str) -> (String, String) {
    let base = path.trim().trim_matches('"').rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    match base.rsplit_once('.') {
        Some((name, extension)) => (name.to_owned(), extension.to_owned()),
        None => (base, String::new()),
    }
}
