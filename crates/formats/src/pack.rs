//! Locks a sample up for analysts: a ZIP archive encrypted with AES-256 (WinZip AE-2) under the field's usual password.

use std::io::{self, Read, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, ZipWriter};

/// The password by which malware is passed on.
pub const PASSWORD: &str = "infected";

/// Writes an archive with one member. `name` loses what would lead out of a folder.
///
/// # Errors
/// When reading or writing fails.
pub fn pack(name: &str, content: &mut dyn Read, archive: impl Write + Seek) -> io::Result<()> {
    let mut writer = ZipWriter::new(archive);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(true)
        .with_aes_encryption(AesMode::Aes256, PASSWORD);
    writer.start_file(member_name(name), options)?;
    io::copy(content, &mut writer)?;
    writer.finish()?;
    Ok(())
}

/// Writes an archive of several files as they are, under names that may name folders.
///
/// # Errors
/// When reading or writing fails, or two have one name.
pub fn bundle<R: Read>(members: impl IntoIterator<Item = (String, R)>, archive: impl Write + Seek) -> io::Result<()> {
    let mut writer = ZipWriter::new(archive);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
    for (name, mut content) in members {
        // INVARIANT: names are the caller's, never a sample's.
        writer.start_file(name, options)?;
        io::copy(&mut content, &mut writer)?;
    }
    writer.finish()?;
    Ok(())
}

/// The last piece of a name, without what no file system takes.
fn member_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // LIMIT: the name that a person gives a copy.
    let clean: String = last.chars().filter(|c| !c.is_control() && !r#"<>:"|?*"#.contains(*c)).take(200).collect();
    if clean.trim_matches('.').is_empty() { "sample".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_opens_with_the_password_and_not_without() {
        let mut archive = io::Cursor::new(Vec::new());
        pack("../../etc/invoice.exe", &mut &b"MZ stand-in"[..], &mut archive).unwrap();
        let mut reader = zip::ZipArchive::new(archive).unwrap();
        assert!(reader.by_index(0).is_err(), "it opens without a password");
        let mut member = reader.by_index_decrypt(0, PASSWORD.as_bytes()).unwrap();
        assert_eq!(member.name().unwrap(), "invoice.exe");
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"MZ stand-in");
    }

    #[test]
    fn what_was_bundled_is_there_as_it_was() {
        let mut archive = io::Cursor::new(Vec::new());
        let members = [("a.json", &b"{}"[..]), ("samples/b.zip", b"PK")].map(|(name, bytes)| (name.to_owned(), bytes));
        bundle(members, &mut archive).unwrap();
        let mut reader = zip::ZipArchive::new(archive).unwrap();
        let mut content = Vec::new();
        reader.by_name("samples/b.zip").unwrap().read_to_end(&mut content).unwrap();
        assert_eq!((reader.len(), content), (2, b"PK".to_vec()));
    }

    #[test]
    fn names_lead_nowhere() {
        for (name, expected) in [("a/b\\c.txt", "c.txt"), ("..", "sample"), ("", "sample"), ("a\u{0}b:c", "abc")] {
            assert_eq!(member_name(name), expected);
        }
    }
}
