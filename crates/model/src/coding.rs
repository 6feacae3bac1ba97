//! How a body was packed for its journey (RFC 9110, 8.4: content codings).

use serde::{Deserialize, Serialize};

/// A content coding that is undone before the bytes are inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentCoding {
    /// `gzip`, and its old name `x-gzip` (RFC 9110, 8.4.1.3).
    Gzip,
    /// `deflate`: zlib, and in the wild also bare DEFLATE (RFC 9110, 8.4.1.2, note).
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
}

impl ContentCoding {
    /// All supported codings.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// The token used in `Content-Encoding` and `Accept-Encoding`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The codings of a `Content-Encoding` field in the order they were applied; `identity` is left out, and so is what is no
    /// coding at all: names of character sets, of transfer encodings and of nothing, which browsers ignore.
    ///
    /// # Errors
    /// The first unknown coding.
    pub fn parse_list(field: &str) -> Result<Vec<Self>, String> {
        let tokens = field.split(',').map(|token| token.trim().to_ascii_lowercase());
        tokens
            .filter(|token| !token.is_empty() && token != "identity" && !NO_CODINGS.contains(&token.as_str()))
            .map(|token| {
                let known = Self::ALL.into_iter().find(|coding| coding.token() == token);
                known.or((token == "x-gzip").then_some(Self::Gzip)).ok_or(token)
            })
            .collect()
    }
}

/// What servers write where they mean nothing (in small letters); none of it changes a byte of the body.
const NO_CODINGS: &[&str] = &[
    "none",
    "null",
    "utf-8",
    "utf8",
    "utf-16",
    "ascii",
    "us-ascii",
    "iso-8859-1",
    "windows-1252",
    "7bit",
    "8bit",
    "binary",
    "chunked",
    "aws-chunked",
    "raw",
    "plain",
];

#[cfg(test)]
mod tests {
    use super::ContentCoding::{Brotli, Gzip};
    use super::*;

    #[test]
    fn codings_are_listed_in_the_order_they_were_applied() {
        for (field, codings) in [
            ("", Ok(vec![])),
            ("identity", Ok(vec![])),
            ("X-GZip , br", Ok(vec![Gzip, Brotli])),
            ("none", Ok(vec![])),
            ("UTF-8", Ok(vec![])),
            ("aws-chunked, gzip", Ok(vec![Gzip])),
            ("base64", Err("base64".to_owned())),
            ("gzip, sdch", Err("sdch".to_owned())),
        ] {
            assert_eq!(ContentCoding::parse_list(field), codings, "{field}");
        }
    }
}
