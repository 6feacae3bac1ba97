//! ATT&CK ids as people write them: `t1204`, `T1204.2`, `T-1204`, `G 0016`, `1204`.

/// The one id that a text means, as releases write it: `T1204.2` is `T1204.002`. None for what is no id, or has no letters.
pub fn spelled(text: &str) -> Option<String> {
    let (letters, digits, sub) = parts(text)?;
    (!letters.is_empty()).then(|| written(&letters, &digits, &sub))
}

/// The ids that a text may mean, the likeliest first: digits alone are a technique's before anything else's.
pub(crate) fn meant(text: &str) -> Vec<String> {
    let Some((letters, digits, sub)) = parts(text) else { return Vec::new() };
    match letters.as_str() {
        "" if digits.len() == 4 && !sub.is_empty() => vec![written("T", &digits, &sub)],
        "" if digits.len() == 4 => {
            ["T", "G", "S", "M", "C", "TA", "DS", "DC", "DET", "AN", "A"].map(|kind| written(kind, &digits, "")).into()
        }
        "" => Vec::new(),
        letters => vec![written(letters, &digits, &sub)],
    }
}

/// Letters in upper case, digits, and those behind a full stop; what separates them does not matter.
fn parts(text: &str) -> Option<(String, String, String)> {
    let text = text.trim();
    let letters: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    let rest = text.get(letters.len()..)?.trim_start_matches([' ', '-', '_']);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let sub = match rest.get(digits.len()..)? {
        "" => "",
        rest => rest.strip_prefix(['.', '/', ' ', '-', '_']).filter(|sub| !sub.is_empty())?,
    };
    let is_sub = sub.len() <= 3 && sub.bytes().all(|byte| byte.is_ascii_digit());
    (letters.len() <= 3 && (3..=6).contains(&digits.len()) && is_sub)
        .then(|| (letters.to_ascii_uppercase(), digits, sub.to_owned()))
}

fn written(letters: &str, digits: &str, sub: &str) -> String {
    if sub.is_empty() { format!("{letters}{digits}") } else { format!("{letters}{digits}.{sub:0>3}") }
}

/// A name without what people leave out or put in: `APT 29` is `apt29`.
pub(crate) fn squeezed(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_however_they_are_written() {
        for (text, id) in [
            ("T1204", "T1204"),
            (" t1204 ", "T1204"),
            ("T-1204", "T1204"),
            ("t 1204.2", "T1204.002"),
            ("T1204.02", "T1204.002"),
            ("T1204/002", "T1204.002"),
            ("g0016", "G0016"),
            ("TA0002", "TA0002"),
            ("det0039", "DET0039"),
        ] {
            assert_eq!(spelled(text).as_deref(), Some(id), "{text}");
        }
        for text in ["", "1204", "T", "T12", "APT 29", "user execution", "T1204.0022", "T1204.", "T1204x", "ＴＴ1204"]
        {
            assert_eq!(spelled(text), None, "{text}");
        }
        assert_eq!((meant("1204")[0].as_str(), meant("1204.2")), ("T1204", vec!["T1204.002".to_owned()]));
        assert!(meant("29").is_empty() && meant("20201").is_empty());
        assert_eq!((squeezed("APT 29"), squeezed("Wizard-Spider")), ("apt29".to_owned(), "wizardspider".to_owned()));
    }
}
