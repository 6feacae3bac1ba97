//! STIX 2.1 bundles: the indicators whose patterns name sites.

use super::entries::{Entries, Reach};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Characters of a pattern.
const MOST_PATTERN: usize = 64 << 10;

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    objects: Vec<serde_json::Value>,
}

/// What matters of an indicator (STIX 2.1, 4.7).
#[derive(Deserialize)]
struct Indicator {
    #[serde(default)]
    id: String,
    pattern: String,
    pattern_type: String,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    valid_until: Option<String>,
}

/// Reads a bundle.
///
/// # Errors
/// When it is no JSON of that shape.
pub(super) fn read(text: &str, entries: &mut Entries) -> Result<(), String> {
    let bundle: Bundle = serde_json::from_str(text).map_err(|error| format!("not a STIX bundle: {error}"))?;
    if bundle.kind != "bundle" {
        return Err(format!("not a STIX bundle: its type is `{}`", bundle.kind.chars().take(40).collect::<String>()));
    }
    let now = OffsetDateTime::now_utc();
    for (number, object) in bundle.objects.into_iter().enumerate() {
        if object.get("type").and_then(serde_json::Value::as_str) != Some("indicator") {
            continue;
        }
        let indicator: Indicator = match serde_json::from_value(object) {
            Ok(indicator) => indicator,
            Err(error) => {
                entries.leave_out(number + 1, "indicator", &error.to_string());
                continue;
            }
        };
        let over = indicator.valid_until.as_deref().and_then(|until| OffsetDateTime::parse(until, &Rfc3339).ok());
        if indicator.revoked || over.is_some_and(|until| until < now) {
            continue;
        }
        let sites = if indicator.pattern_type == "stix" { sites(&indicator.pattern) } else { None };
        match sites {
            // Files, registry keys and the like are others' business.
            Some(sites) => {
                for site in sites {
                    if let Err(why) = entries.add(&site, Reach::Both) {
                        entries.leave_out(number + 1, &site, why);
                    }
                }
            }
            None => entries.leave_out(number + 1, &indicator.id, "its pattern is not a simple list of values"),
        }
    }
    Ok(())
}

/// The sites among the alternatives of a pattern (STIX 2.1, 9); nothing when it is more than alternatives.
fn sites(pattern: &str) -> Option<Vec<String>> {
    if pattern.len() > MOST_PATTERN {
        return None;
    }
    let tokens = tokens(pattern)?;
    let mut tokens = tokens.iter().peekable();
    let mut found = Vec::new();
    loop {
        let Some(Token::Sign('[')) = tokens.next() else { return None };
        loop {
            let (Some(Token::Word(path)), Some(operator)) = (tokens.next(), tokens.next()) else { return None };
            let mut values = Vec::new();
            match operator {
                Token::Sign('=') => match tokens.next() {
                    Some(Token::Text(value)) => values.push(value.clone()),
                    _ => return None,
                },
                Token::Word(word) if word.eq_ignore_ascii_case("in") => {
                    let Some(Token::Sign('(')) = tokens.next() else { return None };
                    loop {
                        match (tokens.next(), tokens.next()) {
                            (Some(Token::Text(value)), Some(Token::Sign(','))) => values.push(value.clone()),
                            (Some(Token::Text(value)), Some(Token::Sign(')'))) => {
                                values.push(value.clone());
                                break;
                            }
                            _ => return None,
                        }
                    }
                }
                _ => return None,
            }
            if matches!(path.as_str(), "domain-name:value" | "url:value" | "ipv4-addr:value" | "ipv6-addr:value") {
                found.append(&mut values);
            }
            match tokens.next() {
                Some(Token::Sign(']')) => break,
                Some(Token::Word(or)) if or.eq_ignore_ascii_case("or") => {}
                _ => return None,
            }
        }
        match tokens.next() {
            None => return Some(found),
            Some(Token::Word(or)) if or.eq_ignore_ascii_case("or") => {}
            _ => return None,
        }
    }
}

enum Token {
    Sign(char),
    Word(String),
    Text(String),
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern.trim_start();
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let mut text = String::new();
            let mut characters = rest.char_indices().skip(1);
            let end = loop {
                match characters.next()? {
                    (at, '\'') => break at,
                    (_, '\\') => text.push(characters.next()?.1),
                    (_, c) => text.push(c),
                }
            };
            tokens.push(Token::Text(text));
            rest = rest.get(end + 1..)?;
        } else if matches!(c, '[' | ']' | '(' | ')' | '=' | ',') {
            tokens.push(Token::Sign(c));
            rest = rest.get(1..)?;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "[]()=,'".contains(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Some(tokens)
}
