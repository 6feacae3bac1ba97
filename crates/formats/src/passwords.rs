//! Passwords to try: those given, those configured, and words that stand near the archive.

use std::collections::HashSet;
use std::sync::Arc;

/// Words kept from texts, at most.
const MOST_WORDS: usize = 4_000;
/// Bytes of one text that are looked at, at most.
const MOST_TEXT: usize = 256 << 10;
/// Words that announce a password, in the languages our pages speak and a few more.
const MARKERS: &[&str] = &[
    "password",
    "passwort",
    "kennwort",
    "passphrase",
    "passcode",
    "pass",
    "pwd",
    "pw",
    "pin",
    "code",
    "key",
    "mot de passe",
    "contraseña",
    "contrasena",
    "clave",
    "senha",
    "wachtwoord",
    "hasło",
    "haslo",
    "пароль",
    "密码",
    "パスワード",
];

/// Candidates in the order they are tried: given ones first, then words announced as a password, then other words.
#[derive(Debug, Clone, Default)]
pub struct Passwords {
    given: Vec<Arc<str>>,
    announced: Vec<Arc<str>>,
    near: Vec<Arc<str>>,
    seen: HashSet<Arc<str>>,
    announced_seen: HashSet<Arc<str>>,
}

impl Passwords {
    /// Starts with the passwords that were given and configured.
    pub fn new(given: impl IntoIterator<Item = String>) -> Self {
        let mut passwords = Self::default();
        for password in given {
            let password: Arc<str> = password.into();
            if passwords.seen.insert(password.clone()) {
                passwords.given.push(password);
            }
        }
        passwords
    }

    /// The candidates, most likely first.
    pub fn candidates(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.given.iter().chain(&self.announced).chain(&self.near).cloned()
    }

    /// How many candidates there are.
    pub fn len(&self) -> usize {
        self.given.len() + self.announced.len() + self.near.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the stem of a file name and the words in it.
    pub fn learn_name(&mut self, name: &str) {
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let stem = base.split_once('.').map_or(base, |(stem, _)| stem);
        self.add_near(stem);
        self.learn_text(stem);
        for word in stem.split(|c: char| !c.is_alphanumeric()) {
            self.add_near(word);
        }
    }

    /// Takes the words of a text; those that follow a marker such as `password:` come before the others.
    pub fn learn_text(&mut self, text: &str) {
        // LIMIT: what no password opens stays locked, and says so.
        let text = text.get(..text.floor_char_boundary(MOST_TEXT)).unwrap_or_default();
        let lower = text.to_lowercase();
        if lower.len() == text.len() {
            for marker in MARKERS {
                for (at, _) in lower.match_indices(marker) {
                    self.learn_announced(text.get(at + marker.len()..).unwrap_or_default());
                }
            }
        }
        for word in text.split_whitespace() {
            self.add_near(trim(word));
            // LIMIT: as above.
            if self.near.len() >= MOST_WORDS {
                break;
            }
        }
    }

    /// The first words after a marker: `: infected`, ` is "infected"`, `=infected`.
    fn learn_announced(&mut self, after: &str) {
        // `passwords` and `pinned` are other words.
        if after.starts_with(|c: char| c.is_alphanumeric()) {
            return;
        }
        let after = after.get(..after.floor_char_boundary(200)).unwrap_or_default();
        // A quoted phrase may hold spaces.
        let line = after.lines().next().unwrap_or_default();
        if let Some((_, rest)) = line.split_once(['"', '“', '\'', '`'])
            && let Some((phrase, _)) = rest.split_once(['"', '”', '\'', '`'])
        {
            self.add_announced(phrase);
        }
        // LIMIT: as above.
        for word in after.split_whitespace().take(4) {
            let bare = word.trim_start_matches([':', '=', '-', '>']);
            for candidate in [bare, trim(bare)] {
                self.add_announced(candidate);
            }
        }
    }

    fn add_announced(&mut self, candidate: &str) {
        // LIMIT: as above.
        let fits = (1..=64).contains(&candidate.len()) && self.announced.len() < MOST_WORDS;
        if fits && !self.announced_seen.contains(candidate) {
            let candidate: Arc<str> = candidate.into();
            self.seen.insert(candidate.clone());
            self.announced_seen.insert(candidate.clone());
            self.announced.push(candidate);
        }
    }

    fn add_near(&mut self, word: &str) {
        // LIMIT: as above.
        if (3..=64).contains(&word.len()) && self.near.len() < MOST_WORDS && !self.seen.contains(word) {
            let word: Arc<str> = word.into();
            self.seen.insert(word.clone());
            self.near.push(word);
        }
    }
}

/// Without the quotes and punctuation that surround a word in prose.
fn trim(word: &str) -> &str {
    word.trim_matches(|c: char| "\"'`“”‘’«»<>()[]{},;:.!?".contains(c))
}

#[cfg(test)]
mod tests {
    use super::Passwords;

    #[track_caller]
    fn check(text: &str, password: &str, within: usize) {
        let mut passwords = Passwords::default();
        passwords.learn_text(text);
        let at = passwords.candidates().position(|c| *c == *password);
        assert!(at.is_some_and(|at| at < within), "{password} is at {at:?} for {text}");
    }

    #[test]
    fn an_announced_password_comes_first() {
        check("Please find the invoice attached. Password: infected", "infected", 4);
        check("The password is \"two words\".", "two words", 4);
        check("Das Passwort lautet \"Rechnung2024!\".", "Rechnung2024!", 6);
        check("The archive's password is 'S3cret.' and nothing else", "S3cret.", 8);
        check("pw=1234", "1234", 4);
        check("Le mot de passe : été2024", "été2024", 3);
        check("Open it with abracadabra today", "abracadabra", 5);
    }

    #[test]
    fn a_file_name_gives_its_stem_and_its_words() {
        let mut passwords = Passwords::default();
        passwords.learn_name("mails/scan_pass-7788.zip");
        let all: Vec<_> = passwords.candidates().map(|c| c.to_string()).collect();
        for expected in ["scan_pass-7788", "7788", "scan"] {
            assert!(all.iter().any(|c| c == expected), "{expected} in {all:?}");
        }
    }

    #[test]
    fn a_flood_of_words_stays_bounded() {
        let mut passwords = Passwords::default();
        for round in 0..50 {
            let text: String = (0..2_000).map(|i| format!("password: w{round}x{i} ")).collect();
            passwords.learn_text(&text);
        }
        assert!(passwords.len() < 20_000);
    }
}
