//! Pages and mails that talk people into handing over a sign-in (OAuth 2.0, RFC 6749 and RFC 8628), by one table of words
//! (`content/sign-in-words.txt`).
//!
//! What is signed in to is real, and so is the page that asks for the password: only what is asked for around it is not.

use super::finding;
use crate::Findings;
use crate::detectors::clipboard::said;
use crate::text::{excerpt, patterns};
use lazaret_model::Severity;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../../../content/sign-in-words.txt");

patterns! {
    // A sign-in that leads back to the person's own computer, where nothing waits for it, or to a page that only shows the code
    // (RFC 8252, 7.3; RFC 6749, 4.1.1).
    LEADS_BACK = r#"(?:authorize|/auth|oauth2?|signin)[^\s"'<>]*[?&](?:amp;)?redirect_uri=(?:https?(?::|%3a)(?:/|%2f){2}(?:localhost|127\.0\.0\.1|\[::1\]|%5b::1%5d)|urn(?::|%3a)ietf(?::|%3a)wg(?::|%3a)oauth|https(?::|%3a)(?:/|%2f){2}(?:login\.microsoftonline\.com(?:/|%2f)common(?:/|%2f)oauth2(?:/|%2f)nativeclient|(?:insiders\.)?vscode\.dev(?:/|%2f)redirect))[^\s"'<>]*"#;
    // Where a device is signed in that has no keyboard (RFC 8628, 3.3).
    DEVICE = r#"\bmicrosoft\.com/devicelogin|\baka\.ms/devicelogin|\blogin\.microsoftonline\.com/[^\s"'<>]{0,60}device|\blogin\.microsoft\.com/device|\bmicrosoft\.com/link\b|\blogin\.live\.com/oauth20_remoteconnect|\bgoogle\.com/device\b|\bgithub\.com/login/device\b"#;
}

/// Judges what people see, with the addresses beside it: `shown` as written, `addresses` in lower case.
pub(super) fn asks(shown: &str, addresses: &[&str], findings: &mut Findings) {
    let found = |pattern: &'static regex::Regex| addresses.iter().find_map(|text| excerpt(pattern, text));
    let (back, device) = (found(&LEADS_BACK), found(&DEVICE));
    if back.is_none() && device.is_none() {
        return;
    }
    let words = Words::of(shown);
    let asked = |group| words.phrase(group);
    let lure = back
        .and_then(|value| Some(("asks for the address to which a sign-in leads", value, asked("address")?)))
        .or_else(|| device.and_then(|value| Some(("asks to enter a code for another device", value, asked("code")?))));
    if let Some((what, value, words)) = lure {
        let message = format!("the page or mail {what}, which hands the sign-in over to somebody else");
        let found = finding("page.sign-in-lure", Severity::Medium, &message, &value).technique("T1528");
        findings.add(found.with("words", words));
    }
}

/// What a page or mail says to people.
pub(super) struct Words(String);

impl Words {
    pub(super) fn of(shown: &str) -> Self {
        Self(format!(" {} ", said(shown)))
    }

    /// The first phrase of a group that is said.
    pub(super) fn phrase(&self, group: &str) -> Option<String> {
        let mut rows = ROWS.iter().filter(|(of, _)| *of == group);
        rows.find(|(_, phrase)| self.0.contains(phrase.as_str())).map(|(_, phrase)| phrase.trim().to_owned())
    }
}

/// The phrases of the table with blanks around them, and the group of each.
static ROWS: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| table().flat_map(read).collect());

fn table() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn read(line: &'static str) -> impl Iterator<Item = (&'static str, String)> {
    let (group, phrases) = line.split_once(" | ").unwrap_or_default();
    phrases.split(';').map(move |phrase| (group, format!(" {} ", phrase.trim())))
}

#[cfg(test)]
mod tests {
    use super::super::Pages;
    use super::{ROWS, read, said, table};
    use crate::detectors::test_part::{check, check_part, part};
    use lazaret_model::{Class, Kind, Role};

    const LURE: &[&str] = &["page.sign-in-lure medium"];

    #[test]
    fn every_row_of_the_table_is_read() {
        let groups = ["address", "code", "console", "pasting", "paste", "bookmark"];
        assert!(table().all(|line| read(line).all(|(group, _)| groups.contains(&group))));
        assert!(ROWS.iter().all(|(_, phrase)| phrase.trim() == said(phrase)), "as it is looked for");
    }

    #[test]
    fn pages_that_ask_for_a_sign_in_are_told() {
        let link = "https://login.invalid/common/oauth2/v2.0/authorize?client_id=x&amp;redirect_uri=http%3A%2F%2Flocalhost&amp;scope=y";
        for text in [
            format!("<a href=\"{link}\">Sign in</a><p>Then copy the <b>full URL</b> and paste it here:</p><input>"),
            format!("<a href=\"{link}\">Anmelden</a><p>Kopieren Sie die Adresse aus der Adressleiste</p>"),
            format!("<script>open('{}')</script><p>Paste the code below</p>", link.replace("http%3A%2F%2Flocalhost", "urn:ietf:wg:oauth:2.0:oob")),
            "<a href=\"https://microsoft.com/devicelogin\">Continue</a><p>Enter the code <b>ABCD1234</b> to see the file</p>".to_owned(),
            "<p>Copy the code</p><script>window.open('https://login.microsoftonline.com/common/oauth2/deviceauth')</script>"
                .to_owned(),
        ] {
            check(&Pages, "html", &text, LURE);
        }
        let mut mail = part("html");
        (mail.role, mail.kind) = (Role::Body, Kind::new("mail-body", Class::Text, "text/plain"));
        let text = b"To hear the message, open https://microsoft.com/devicelogin and enter the code ABCD1234.";
        check_part(&Pages, &mail, text, LURE);
    }

    #[test]
    fn honest_sign_ins_are_left_alone() {
        for text in [
            "<a href='https://login.invalid/oauth2/authorize?redirect_uri=https%3A%2F%2Fapp.invalid%2F'>Sign in</a><p>Copy the link</p>",
            "<a href='https://login.invalid/oauth2/authorize?redirect_uri=http://localhost:3000/'>Sign in</a>",
            "<p>Enter the code that we sent you</p><a href='https://host.invalid/device'>Next</a>",
            "<a href='https://github.com/login/device'>Devices</a>",
        ] {
            check(&Pages, "html", text, &[]);
        }
    }
}
