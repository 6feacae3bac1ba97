//! JSON (RFC 8259), read as leniently as the programs that open it do, for openers that need a few values of a document.

/// Reads JSON (RFC 8259) without a bound on how deep it is nested; what is not asked for is passed over.
pub(super) struct Json<'j> {
    bytes: &'j [u8],
    at: usize,
}

impl<'j> Json<'j> {
    pub(super) fn new(bytes: &'j [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte that is no blank.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// What stands between the quotes of a string.
    pub(super) fn string(&mut self) -> Option<&'j [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.bytes.get(start..self.at - 1)
    }

    /// Gives the name of each member of an object to `each`, which passes over the value.
    pub(super) fn object(&mut self, each: &mut dyn FnMut(&mut Self, String) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            return self.take(b'}');
        }
        loop {
            let name = text(self.string()?);
            self.take(b':')?;
            each(self, name)?;
            if self.peek()? != b',' {
                return self.take(b'}');
            }
            self.take(b',')?;
        }
    }

    /// Gives each value of an array to `each`, which passes over it.
    pub(super) fn array(&mut self, each: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            return self.take(b']');
        }
        loop {
            each(self)?;
            if self.peek()? != b',' {
                return self.take(b']');
            }
            self.take(b',')?;
        }
    }

    /// A string, or strings in an array one behind the other; nothing for any other value, which is passed over.
    pub(super) fn joined(&mut self) -> Option<Option<String>> {
        match self.peek()? {
            b'"' => self.string().map(|raw| Some(text(raw))),
            b'[' => {
                let mut all: Option<String> = None;
                self.array(&mut |json| {
                    if json.peek()? != b'"' {
                        return json.skip();
                    }
                    all.get_or_insert_with(String::new).push_str(&text(json.string()?));
                    Some(())
                })?;
                Some(all)
            }
            _ => self.skip().map(|()| None),
        }
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    self.at += 1;
                    depth += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    depth = depth.checked_sub(1)?;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    let rest = self.bytes.get(self.at..)?.iter();
                    self.at += rest.take_while(|b| b.is_ascii_alphanumeric() || b"-+.".contains(b)).count();
                }
                _ => return None,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A string's text. Bytes that are no text and halves of characters are let pass, as npm does.
pub(super) fn text(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(raw);
    let unescaped = |text: &str| serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
    unescaped(&raw).or_else(|| unescaped(&without_halves(&raw))).unwrap_or_else(|| raw.into_owned())
}

/// Text in which halves of characters (UTF-16 surrogates) that are written as numbers are replaced.
fn without_halves(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        out.push_str(before);
        out.push_str("\\u");
        let half = matches!(after.as_bytes(), [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
        rest = match after.get(4..).filter(|_| half) {
            Some(rest) => {
                out.push_str("fffd");
                rest
            }
            None => after,
        };
    }
    out + rest
}
