//! Whether a program is what was signed (Microsoft, "Windows Authenticode Portable Executable Signature Format").
//!
//! The digest of the file is compared with the signed one, and the signature with the certificate that comes along.
//! Whether that certificate deserves trust is not judged.

use super::certificate::{Certificate, Check, Element, Elements, Hash, OCTETS, OID, SEQUENCE, SET};
use super::{ID, structure};
use crate::Findings;
use crate::text::cut;
use data_encoding::HEXLOWER;
use lazaret_model::{Family, Finding, Severity};

/// 1.2.840.113549.1.7.2, `signedData`.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
/// 1.3.6.1.4.1.311.2.1.4, `SPC_INDIRECT_DATA`.
const INDIRECT_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
/// 1.2.840.113549.1.9.4, `messageDigest`.
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS: u16 = 2;
/// Entries of the certificate table and attributes of a signer that are looked at.
const MOST: usize = 64;

/// Where a program keeps its signatures.
struct Table {
    /// Offset of the checksum, four bytes.
    checksum: usize,
    /// Offset of the directory's entry, eight bytes.
    entry: usize,
    start: usize,
    end: usize,
}

/// Judges the signature of a program, of which `bytes` are the start, or everything when `whole`.
pub(super) fn inspect(bytes: &[u8], whole: bool, findings: &mut Findings) {
    let Some(table) = Table::find(bytes) else { return };
    if table.start == table.end {
        let message = "the program carries no signature of its own";
        let found = structure("program.unsigned", Severity::Info, message).technique("T1553.002");
        findings.add(found.with("signatures", 0));
        return;
    }
    if !whole {
        // A signature is over everything; of the start of a file nothing can be said that is right.
        return unchecked("the program is signed, and too large for its signature to be checked", findings);
    }
    let Some(stored) = bytes.get(table.start..table.end) else {
        return malformed("its certificate table lies beyond the end of the file", findings);
    };
    if bytes.len() > table.end {
        let rest = bytes.len().saturating_sub(table.end);
        hidden(rest, "after the signature, where nothing is signed", findings);
    }
    let Some(message) = signed_message(stored, findings) else {
        return malformed("its certificate table holds no signature that can be read", findings);
    };
    let Some(signed) = Signed::read(message) else {
        return malformed("its signature cannot be read", findings);
    };
    judge(&signed, &table, bytes, findings);
}

impl Table {
    /// From the optional header; none where there is no such directory. Empty where it says so.
    fn find(bytes: &[u8]) -> Option<Self> {
        let field = |at: usize| {
            let field = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(u32::from_le_bytes(field) as usize)
        };
        let optional = field(0x3c)?.checked_add(24)?;
        let magic = bytes.get(optional..optional.checked_add(2)?)?;
        // The table of directories, of which the certificates' is the fifth.
        let directories = optional.checked_add(if magic == [0x0b, 2] { 112 } else { 96 })?;
        let (checksum, entry) = (optional.checked_add(64)?, directories.checked_add(32)?);
        let count = field(directories.checked_sub(4)?)?;
        let (start, size) = if count > 4 { (field(entry)?, field(entry.checked_add(4)?)?) } else { (0, 0) };
        let end = start.checked_add(size)?;
        let empty = start == 0 || size == 0;
        // INVARIANT: the checksum and the entry lie before the table, so that the pieces of the digest are in order.
        let ordered = empty || entry.checked_add(8)? <= start;
        ordered.then_some(Self { checksum, entry, start: if empty { end } else { start }, end })
    }

    /// The file without what signing changes: checksum, directory entry and the table itself.
    fn digest(&self, bytes: &[u8], hash: Hash) -> Vec<u8> {
        let piece = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        hash.digest(&[
            piece(0, self.checksum),
            piece(self.checksum.saturating_add(4), self.entry),
            piece(self.entry.saturating_add(8), self.start),
            piece(self.end, bytes.len()),
        ])
    }
}

/// The first PKCS #7 message of a table; reports what hides behind it.
fn signed_message<'b>(table: &'b [u8], findings: &mut Findings) -> Option<&'b [u8]> {
    let mut rest = table;
    // LIMIT: a signature further on is none: the program counts as unsigned.
    for _ in 0..MOST {
        let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_le_bytes(rest.get(6..8)?.try_into().ok()?);
        let data = rest.get(8..length)?;
        if kind == PKCS {
            let element = Elements(data).next()?;
            let behind = data.get(element.whole.len()..).unwrap_or_default();
            // Entries are filled up to eight bytes with zeros.
            let own = behind.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
            if own > 0 {
                hidden(own, "inside its signature, where changes go unnoticed", findings);
            }
            return (element.tag == SEQUENCE).then_some(element.value);
        }
        rest = rest.get(length.checked_next_multiple_of(8)?..)?;
    }
    None
}

/// A `SignedData` of Authenticode with one signer.
struct Signed<'b> {
    /// The hash function of the file's digest, none where it is not known.
    file_hash: Option<Hash>,
    file_digest: &'b [u8],
    /// What the `messageDigest` is of: the content without its tag and length.
    content: &'b [u8],
    certificates: &'b [u8],
    signer: Element<'b>,
    hash: Option<Hash>,
    /// The signed attributes with their tag.
    attributes: Option<Element<'b>>,
    algorithm: &'b [u8],
    signature: &'b [u8],
}

impl<'b> Signed<'b> {
    /// RFC 2315, 9.1, with the content of the Authenticode format.
    fn read(message: &'b [u8]) -> Option<Self> {
        let mut outer = Elements(message);
        if outer.value(OID)? != SIGNED_DATA {
            return None;
        }
        let mut fields = Elements(Elements(outer.value(0xa0)?).value(SEQUENCE)?);
        fields.next()?;
        fields.value(SET)?;
        let mut encapsulated = Elements(fields.value(SEQUENCE)?);
        if encapsulated.value(OID)? != INDIRECT_DATA {
            return None;
        }
        let content = Elements(encapsulated.value(0xa0)?).value(SEQUENCE)?;
        let mut indirect = Elements(content);
        indirect.value(SEQUENCE)?;
        let mut info = Elements(indirect.value(SEQUENCE)?);
        let (file_algorithm, file_digest) = (info.value(SEQUENCE)?, info.value(OCTETS)?);
        let certificates = fields.optional(0xa0)?.value;
        fields.optional(0xa1);
        let mut info = Elements(Elements(fields.value(SET)?).value(SEQUENCE)?);
        info.next()?;
        let signer = info.next()?;
        let hash = Hash::of(info.value(SEQUENCE)?);
        let attributes = info.optional(0xa0);
        Some(Self {
            file_hash: Hash::of(file_algorithm),
            file_digest,
            content,
            certificates,
            signer,
            hash,
            attributes,
            algorithm: info.value(SEQUENCE)?,
            signature: info.value(OCTETS)?,
        })
    }

    /// Whether the signer's key signed this content.
    fn verify(&self, certificate: &Certificate<'_>) -> Check {
        let Some(hash) = self.hash else { return Check::Unknown };
        let content = hash.digest(&[self.content]);
        let Some(attributes) = self.attributes else {
            return certificate.verify(self.algorithm, hash, &content, self.signature);
        };
        // LIMIT: a digest that is not found differs: the signature does not hold.
        let noted = Elements(attributes.value).take(MOST).find_map(|attribute| {
            let mut fields = Elements(attribute.value);
            (fields.value(OID)? == MESSAGE_DIGEST).then(|| Elements(fields.value(SET)?).value(OCTETS))?
        });
        if noted != Some(&*content) {
            return Check::Differs;
        }
        // RFC 2315, 9.3: signed as a SET, although stored under another tag.
        let digest = hash.digest(&[&[SET], attributes.whole.get(1..).unwrap_or_default()]);
        certificate.verify(self.algorithm, hash, &digest, self.signature)
    }
}

fn judge(signed: &Signed<'_>, table: &Table, bytes: &[u8], findings: &mut Findings) {
    let Some(certificate) = Certificate::find(signed.certificates, signed.signer) else {
        return malformed("its signature comes without the certificate of its signer", findings);
    };
    let name = cut(&certificate.name());
    let unknown = || format!("the signature of `{name}` uses algorithms that are not checked");
    let Some(file_hash) = signed.file_hash else { return unchecked(&unknown(), findings) };
    let digest = table.digest(bytes, file_hash);
    if digest != signed.file_digest {
        let message = format!("the program was changed after `{name}` signed it");
        let found = structure("program.changed-after-signing", Severity::High, message);
        findings.add(
            found
                .technique("T1036.001")
                .technique("T1553.002")
                .with("signer", name)
                .with("algorithm", file_hash.name())
                .with("signed", HEXLOWER.encode(signed.file_digest.get(..64).unwrap_or(signed.file_digest)))
                .with("computed", HEXLOWER.encode(&digest)),
        );
        return;
    }
    match signed.verify(&certificate) {
        Check::Unknown => return unchecked(&unknown(), findings),
        Check::Differs => {
            let message = format!("the signature does not fit the certificate of `{name}` that it comes with");
            let found = structure("program.signature-invalid", Severity::High, message);
            findings.add(found.technique("T1036.001").technique("T1553.002").with("signer", name));
            return;
        }
        Check::Fits => {}
    }
    if certificate.is_self_signed() {
        let message = format!("`{name}` signed the program with a certificate of their own making");
        let found = structure("program.self-signed", Severity::Medium, message);
        findings.add(found.technique("T1553.002").with("signer", name));
    } else {
        let message = format!("the program is as `{name}` signed it; whether the name can be trusted is not checked");
        let found = structure("program.signed", Severity::Info, message);
        findings.add(found.technique("T1553.002").with("signer", name).with("algorithm", file_hash.name()));
    }
}

fn unchecked(message: &str, findings: &mut Findings) {
    let found = Finding::new("program.signature-unchecked", ID, Severity::Info, Family::Analysis, message);
    findings.add(found.technique("T1553.002").with("problem", cut(message)));
}

fn malformed(what: &str, findings: &mut Findings) {
    let message = format!("the program says that it is signed, and {what}");
    let found = structure("program.signature-malformed", Severity::Medium, message);
    findings.add(found.technique("T1036.001").technique("T1553.002").with("problem", what));
}

fn hidden(size: usize, place: &str, findings: &mut Findings) {
    let message = format!("{size} bytes lie {place}");
    let found = structure("program.data-in-signature", Severity::Medium, message);
    findings.add(found.technique("T1027.009").technique("T1553.002").with("size", size));
}
