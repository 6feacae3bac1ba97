//! Names of keys in tokens: PKCS #11 URIs (RFC 7512).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What every such name begins with.
const SCHEME: &str = "pkcs11:";

/// Which key is meant: what its token and it itself must have. What is not said may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct KeyName {
    pub(super) token: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) slot: Option<u64>,
    /// The label.
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
}

/// A name with how its token is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) key: KeyName,
    /// The library that speaks with the token.
    pub(super) module: Option<PathBuf>,
    /// The file that has the PIN.
    pub(super) pin: Option<PathBuf>,
}

/// Whether a text is such a name, right or wrong. A scheme is one in capitals as well (RFC 3986, 3.1).
pub(super) fn is_name(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

impl Address {
    /// Reads one; else says what is wrong with it, without repeating values, among which a PIN may be.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.get(SCHEME.len()..).filter(|_| is_name(text));
        let rest = rest.ok_or_else(|| format!("it does not begin with `{SCHEME}`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut address = Self::default();
        let key = &mut address.key;
        for (name, value) in attributes(path, ';')? {
            match name {
                "id" => key.id = Some(value),
                "token" => key.token = Some(text_of(name, value)?),
                "manufacturer" => key.manufacturer = Some(text_of(name, value)?),
                "model" => key.model = Some(text_of(name, value)?),
                "serial" => key.serial = Some(text_of(name, value)?),
                "object" => key.object = Some(text_of(name, value)?),
                "slot-id" => {
                    let slot = text_of(name, value)?.parse();
                    key.slot = Some(slot.map_err(|_| "`slot-id` is not a number".to_owned())?);
                }
                "type" if value == b"private" => {}
                "type" => return Err("`type` must be `private`: a private key is needed to sign".to_owned()),
                // What narrows the choice must not be overlooked, or another key than the one that is meant would sign.
                other => return Err(format!("the attribute `{}` is not supported", lazaret_model::plain(other))),
            }
        }
        if key.object.is_none() && key.id.is_none() {
            return Err("it names no key: `object` (its label) or `id` is missing".to_owned());
        }
        for (name, value) in attributes(query, '&')? {
            match name {
                "module-path" => address.module = Some(file_of(name, &text_of(name, value)?)?),
                "pin-source" => address.pin = Some(file_of(name, &text_of(name, value)?)?),
                "pin-value" => {
                    let why = "`pin-value` is not accepted, because secrets do not belong in the settings: write the \
                        PIN to a file and name it with `pin-source`";
                    return Err(why.to_owned());
                }
                "module-name" => {
                    return Err("`module-name` is not supported: name the file with `module-path`".to_owned());
                }
                other => return Err(format!("the attribute `{}` is not supported", lazaret_model::plain(other))),
            }
        }
        Ok(address)
    }
}

/// The attributes of a path or a query, each once (RFC 7512, 2.3), with their values decoded.
fn attributes(text: &str, separator: char) -> Result<Vec<(&str, Vec<u8>)>, String> {
    let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
    for piece in text.split(separator).filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').ok_or("an attribute has no `=`")?;
        if found.iter().any(|(known, _)| *known == name) {
            return Err(format!("the attribute `{}` is given twice", lazaret_model::plain(name)));
        }
        found.push((name, decoded(value)?));
    }
    Ok(found)
}

/// Undoes percent-encoding (RFC 3986, 2.1).
fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("a `%` is not followed by two hexadecimal digits".to_owned());
        };
        // Two digits are a byte.
        decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    Ok(decoded)
}

fn text_of(name: &str, value: Vec<u8>) -> Result<String, String> {
    String::from_utf8(value).map_err(|_| format!("`{name}` is not UTF-8"))
}

/// A file as `module-path` and `pin-source` name it: by its path, or as a URI (RFC 8089).
fn file_of(name: &str, text: &str) -> Result<PathBuf, String> {
    let path = match text.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None => text,
    };
    // RFC 7512, 2.4: `|` stands for a program, which is not run.
    if !path.starts_with('/') {
        return Err(format!("`{name}` is not the absolute path of a file"));
    }
    Ok(PathBuf::from(path))
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = SCHEME;
        let mut write = |name: &str, value: &[u8], keep: bool| -> fmt::Result {
            write!(f, "{before}{name}=")?;
            before = ";";
            for byte in value {
                // RFC 3986, 2.3: what needs no encoding.
                if keep && (byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
                    write!(f, "{}", char::from(*byte))?;
                } else {
                    write!(f, "%{byte:02X}")?;
                }
            }
            Ok(())
        };
        let texts = [
            ("token", &self.token),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("serial", &self.serial),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                write(name, value.as_bytes(), true)?;
            }
        }
        if let Some(slot) = self.slot {
            write("slot-id", slot.to_string().as_bytes(), true)?;
        }
        if let Some(object) = &self.object {
            write("object", object.as_bytes(), true)?;
        }
        if let Some(id) = &self.id {
            write("id", id, false)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        Address::parse(text).unwrap_err()
    }

    #[test]
    fn a_key_is_found_by_its_uri_in_whatever_order_and_encoding_it_is_written() {
        let one = "pkcs11:token=My%20HSM;object=ca%3b1;id=%00%Ff?pin-source=file:/etc/pin&module-path=/usr/lib/a.so";
        let other = "PKCS11:id=%00%ff;object=ca%3B1;type=private;token=My HSM?module-path=/usr/lib/a.so&pin-source=file:///etc/pin";
        let address = Address::parse(one).unwrap();
        assert_eq!(address, Address::parse(other).unwrap());
        assert_eq!(address.key.token.as_deref(), Some("My HSM"));
        assert_eq!(address.key.object.as_deref(), Some("ca;1"));
        assert_eq!(address.key.id.as_deref(), Some(&b"\x00\xff"[..]));
        assert_eq!(address.pin, Some(PathBuf::from("/etc/pin")));
        assert_eq!(address.module, Some(PathBuf::from("/usr/lib/a.so")));
        assert_eq!(address.key.to_string(), "pkcs11:token=My%20HSM;object=ca%3B1;id=%00%FF");
    }

    #[test]
    fn a_name_that_is_written_down_is_read_again_as_the_same_key_without_how_it_is_reached() {
        for text in [
            "pkcs11:object=ca?module-path=/a.so&pin-source=/pin",
            "pkcs11:serial=0011;slot-id=17;id=%01",
            "pkcs11:manufacturer=SoftHSM%20project;model=SoftHSM%20v2;token=%C3%A4;object=%25",
        ] {
            let address = Address::parse(text).unwrap();
            let again = Address::parse(&address.key.to_string()).unwrap();
            assert_eq!((again.key, again.module, again.pin), (address.key, None, None), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_uri_is_said_and_no_pin_is_repeated() {
        for (text, why) in [
            ("/etc/ca.key", "does not begin with `pkcs11:`"),
            ("pkcs11:", "names no key"),
            ("pkcs11:token=a", "names no key"),
            ("pkcs11:object=a;object=b", "`object` is given twice"),
            ("pkcs11:object=a;library-version=2", "`library-version` is not supported"),
            ("pkcs11:object=a;x-mine=2", "`x-mine` is not supported"),
            ("pkcs11:object=a;slot-id=first", "`slot-id` is not a number"),
            ("pkcs11:object=a;type=cert", "`type` must be `private`"),
            ("pkcs11:object=%F", "two hexadecimal digits"),
            ("pkcs11:object=%+1", "two hexadecimal digits"),
            ("pkcs11:object=%FF", "`object` is not UTF-8"),
            ("pkcs11:object=a;4711", "no `=`"),
            ("pkcs11:object=a?pin-value=4711", "`pin-source`"),
            ("pkcs11:object=a?pin-source=|cat%20/4711", "absolute path"),
            ("pkcs11:object=a?pin-source=4711", "absolute path"),
            ("pkcs11:object=a?module-path=a.so", "absolute path"),
            ("pkcs11:object=a?module-name=softhsm", "`module-path`"),
        ] {
            let said = complaint(text);
            assert!(said.contains(why) && !said.contains("4711"), "{text}: {said}");
        }
    }
}
