//! Mail (RFC 5322), mailboxes (RFC 4155) and pages saved as mail (RFC 2557), told by their header fields as mail readers tell
//! them: they skip what they do not understand, and so does this.

use super::probe::Probe;
use std::collections::HashSet;

/// Bytes of a header that goes on beyond the head: some have thousands of recipients.
const LONG_HEADER: usize = 4 << 20;
/// Lines of a header that are no fields, and are skipped.
const MOST_STRAY: usize = 3;

/// Fields that letters have.
const LETTERS: [&str; 6] = ["to", "cc", "bcc", "subject", "date", "sender"];

pub(super) fn look(text: &str, probe: &Probe<'_>) -> Option<&'static str> {
    let header = Header::read(text);
    if header.ended || header.fields == 0 || probe.len() <= text.len() as u64 {
        return header.kind(text);
    }
    // The fields that tell may come behind all the recipients.
    let more = probe.at(0, LONG_HEADER);
    let more = String::from_utf8_lossy(&more);
    header.kind(text).or_else(|| Header::read(&more).kind(&more))
}

/// What the lines up to the first empty one say.
#[derive(Debug, Default)]
struct Header {
    /// Fields, whatever they are called.
    fields: usize,
    /// Fields that letters have, and much else: each counts once, as lists of records have the same again and again.
    seen: HashSet<&'static str>,
    /// Fields that only mail has.
    strong: usize,
    /// Lines that are neither fields nor go on with one.
    stray: usize,
    /// Whether it begins as a message in a mailbox does.
    boxed: bool,
    related: bool,
    saved: bool,
    /// Whether its end was seen.
    ended: bool,
}

impl Header {
    fn read(text: &str) -> Self {
        let mut header = Self::default();
        let mut lines = text.trim_start_matches(['\r', '\n', '\u{feff}']).lines().peekable();
        // Apple's Mail puts the message's length before it.
        let counted = |line: &str| !line.trim().is_empty() && line.trim().bytes().all(|byte| byte.is_ascii_digit());
        lines.next_if(|line| counted(line));
        let divides = |line: &str| {
            let rest = line.strip_prefix('>').unwrap_or(line).strip_prefix("From ");
            rest.is_some_and(|rest| !rest.trim_start().starts_with(':'))
        };
        while let Some(line) = lines.next_if(|line| divides(line)) {
            header.boxed |= line.starts_with("From ");
            if header.boxed && dated(line) && header.strong == 0 {
                header.strong += 1;
                header.seen.insert("from ");
            }
        }
        for line in lines {
            if line.trim().is_empty() {
                header.ended = true;
                break;
            }
            if line.starts_with([' ', '\t']) && header.fields > 0 {
                continue;
            }
            match field(line) {
                Some((name, value)) => header.take(&name, value),
                None => {
                    header.stray += 1;
                    // LIMIT: what is called or declared as mail and is not read so says so in `mail.rs`.
                    if header.stray > MOST_STRAY {
                        header.ended = true;
                        break;
                    }
                }
            }
        }
        header
    }

    fn take(&mut self, name: &str, value: &str) {
        self.fields += 1;
        match name {
            "received"
            | "return-path"
            | "message-id"
            | "mime-version"
            | "dkim-signature"
            | "arc-seal"
            | "authentication-results"
            | "delivered-to"
            | "x-mailer"
            | "x-unsent"
            | "content-transfer-encoding"
            | "reply-to"
            | "in-reply-to"
            | "references" => self.strong += 1,
            "content-type" => {
                self.strong += 1;
                self.related |= value.trim_start().to_ascii_lowercase().starts_with("multipart/related");
            }
            "from" => {
                self.seen.insert("from");
                self.saved |= value.to_ascii_lowercase().contains("saved by");
            }
            "snapshot-content-location" | "content-location" => self.saved = true,
            other => self.seen.extend(LETTERS.iter().find(|name| **name == other)),
        }
    }

    fn kind(&self, text: &str) -> Option<&'static str> {
        // Prose like `From: here` has one of them; mail has several, or one that only mail has beside another. Where lines
        // are neither, more of them must be.
        let known = self.seen.len();
        let is_mail = match self.stray {
            0 => self.strong >= 1 && known >= 1 || known >= 3 || self.strong >= 2,
            stray => {
                self.strong >= 1 && self.strong + known >= 3 && self.fields > stray || known >= 3 && self.fields >= 4
            }
        };
        // Nothing of a mail that is nothing but a header is shown or opened. Tables of words have such names among others.
        let table = !self.ended && self.strong + known < self.fields.div_ceil(2);
        if !is_mail || table {
            return None;
        }
        Some(if self.boxed {
            "mbox"
        } else if self.related && (self.saved || text.contains("\nContent-Location:") && known == 0) {
            "mht"
        } else {
            "eml"
        })
    }
}

/// A field's name in lower case, and its value. Readers allow blanks before the colon (RFC 5322, 4.5.3).
fn field(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end_matches([' ', '\t']);
    let fits = (1..=76).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~/".contains(&byte));
    fits.then(|| (name.to_ascii_lowercase(), value))
}

/// Whether a line ends as the first of a message in a mailbox does: `Mon Jan  5 10:00:00 2026` (RFC 4155, appendix A).
fn dated(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let time = words.iter().position(|word| word.len() == 8 && word.matches(':').count() == 2);
    time.is_some_and(|at| {
        let year = words.get(at + 1..).unwrap_or_default().iter().any(|w| w.len() == 4 && w.parse::<u16>().is_ok());
        at >= 4 && year && words.get(at - 1).is_some_and(|day| day.parse::<u8>().is_ok())
    })
}

#[cfg(test)]
mod tests {
    use crate::{Content, identify};

    const FIELDS: &str = "From: a@example.org\nTo: b@example.org\nSubject: Offer\nMIME-Version: 1.0\n                          Content-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x--\n";

    #[track_caller]
    fn check(text: &str, kind: &str) {
        let found = identify(&Content::from(text.as_bytes().to_vec())).unwrap();
        assert_eq!(found.kind.id, kind, "{}", &text[..text.len().min(80)]);
    }

    #[test]
    fn mail_is_told_as_readers_tell_it() {
        check(FIELDS, "eml");
        check(&FIELDS.replace("From:", "From :"), "eml");
        check(&format!(">From someone\n{FIELDS}"), "eml");
        check(&format!("From a@example.org Mon Jan  5 10:00:00 2026\n{FIELDS}"), "mbox");
        check(&format!("1234      \n{FIELDS}"), "eml");
        check(&format!("\n\n{FIELDS}"), "eml");
        check(&FIELDS.replacen("To:", "this line is no field\nTo:", 1), "eml");
        check(&format!("this line is no field\n{FIELDS}"), "eml");
        let unusual: String = (0..300).map(|at| format!("X-Unusual-{at}: yes\n")).collect();
        check(&format!("{unusual}{FIELDS}"), "eml");
        let recipients = "somebody@example.org,\n ".repeat(4_500);
        check(&FIELDS.replacen("b@example.org", &format!("{recipients}b@example.org"), 1), "eml");
    }

    #[test]
    fn prose_and_settings_are_no_mail() {
        check("From: here to there.\nThis is a text, and another line of it.\n", "text");
        check("Dear customer,\nthe meeting is on Monday.\nDate: 5 January\nplease come\n", "text");
        check("name: x\nversion: 1\nauthor: y\n", "yaml");
    }

    #[test]
    fn records_with_names_that_mail_has_are_no_mail() {
        let words = "Abstract: Abstract\nAppendix: Appendix\nCc: cc\nChapter: Chapter\nContents: Contents\nEncl: encl\nFigure: Figure\n\
                     References: References\nSee: see\nTable: Table\nTo: To\n";
        check(words, "yaml");
        // A header alone is a mail where most of it is one, and what has a body is one in any case.
        check("From: a@example.org\nTo: b@example.org\nSubject: Offer\nX-Note: x\n", "eml");
        check(&format!("{words}\n<script>x</script>\n"), "eml");
        let games = "---\nauthors: \n  - Somebody\ndate: 1920\ncode: 1\n".repeat(20);
        let kind = identify(&Content::from(games.into_bytes())).unwrap().kind.id;
        assert_ne!(kind, "eml");
    }
}
