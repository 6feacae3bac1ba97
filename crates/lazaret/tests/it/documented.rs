//! Settings for other programs as docs/clients.md has them, so that what is tested is what people copy.

use std::path::Path;

/// The indented lines below the one that names a file, `# FILE`, up to the next prose.
pub fn settings(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mark = format!("    # {file}\n");
    let (_, rest) = text.split_once(&mark).unwrap_or_else(|| panic!("docs/clients.md has nothing for `{file}`"));
    let lines = rest.lines().take_while(|line| line.starts_with("    ") || line.is_empty());
    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
}
