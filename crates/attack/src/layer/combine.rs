//! Several layers made one by an expression about their scores: `a + b`, `a and not b`, `max(a, b) > 2`. Layers are called by
//! letters, and a technique that a layer gives no score has 0 in it; what is true is 1.

use super::{FORMAT, GRADIENT, Layer, Mark, NAVIGATOR, layer};
use crate::AttackError;
use crate::bundle::shortened;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of an expression, and how deep it may be nested.
const MOST_CHARACTERS: usize = 1_000;
const DEEPEST: usize = 50;

/// A layer of what an expression says of others, each called by a letter.
///
/// # Errors
/// When the expression makes no sense, or layers of several domains are put together.
pub fn combined(expression: &str, layers: &[(char, &Layer)], name: &str) -> Result<Layer, AttackError> {
    let letters: Vec<char> = layers.iter().map(|(letter, _)| *letter).collect();
    let tree = parsed(expression, &letters)?;
    let mut places = BTreeSet::new();
    tree.gather(&mut places);
    let used: Vec<(char, &Layer)> =
        layers.iter().enumerate().filter(|(place, _)| places.contains(place)).map(|(_, one)| *one).collect();
    let Some((_, first)) = used.first() else {
        return Err(wrong("it names no layer"));
    };
    if used.iter().any(|(_, one)| one.domain != first.domain) {
        return Err(wrong("layers of different domains cannot be combined"));
    }
    let keys: BTreeSet<(&str, &str)> =
        used.iter().flat_map(|(_, one)| &one.marks).map(|mark| (mark.id.as_str(), mark.tactic.as_str())).collect();
    let by_key: Vec<BTreeMap<(&str, &str), &Mark>> = layers.iter().map(|(_, one)| by_key(one)).collect();
    let (mut techniques, mut least, mut most) = (Vec::with_capacity(keys.len()), 0.0_f64, 0.0_f64);
    for (id, tactic) in keys {
        // What is said for all tactics is said for each.
        let marks: Vec<Option<&Mark>> =
            by_key.iter().map(|marks| marks.get(&(id, tactic)).or_else(|| marks.get(&(id, ""))).copied()).collect();
        let scores: Vec<f64> = marks.iter().map(|mark| mark.and_then(|mark| mark.score).unwrap_or(0.0)).collect();
        let mut fields = Map::new();
        fields.insert("techniqueID".to_owned(), id.into());
        if !tactic.is_empty() {
            fields.insert("tactic".to_owned(), tactic.into());
        }
        let score = tree.value(&scores);
        // What is divided by nothing has no score.
        if score.is_finite() {
            (least, most) = (least.min(score), most.max(score));
            fields.insert("score".to_owned(), score.into());
        }
        let spoken: Vec<&Mark> = places.iter().filter_map(|place| marks.get(*place).copied().flatten()).collect();
        let comments: BTreeSet<&str> =
            spoken.iter().map(|mark| mark.comment.as_str()).filter(|comment| !comment.is_empty()).collect();
        if !comments.is_empty() {
            fields.insert("comment".to_owned(), comments.into_iter().collect::<Vec<_>>().join("; ").into());
        }
        fields.insert("enabled".to_owned(), spoken.iter().any(|mark| mark.enabled).into());
        techniques.push(Value::Object(fields));
    }
    let told: Vec<String> = used.iter().map(|(letter, one)| format!("{letter} is {}", one.name)).collect();
    let attack = first.attack.map(|number| number.to_string()).unwrap_or_default();
    let major = attack.split('.').next().unwrap_or_default();
    layer(json!({
        "name": name,
        "versions": { "attack": major, "navigator": NAVIGATOR, "layer": FORMAT },
        "domain": first.domain,
        "description": format!("{}, where {}", expression.trim(), told.join(", ")),
        "techniques": techniques,
        "gradient": { "colors": GRADIENT, "minValue": least, "maxValue": if most > least { most } else { least + 1.0 } },
    }))
}

fn by_key(layer: &Layer) -> BTreeMap<(&str, &str), &Mark> {
    layer.marks.iter().map(|mark| ((mark.id.as_str(), mark.tactic.as_str()), mark)).collect()
}

fn wrong(reason: &str) -> AttackError {
    AttackError::Layer(format!("the expression is invalid: {reason}"))
}

/// A part of an expression.
enum Node {
    Number(f64),
    /// A layer, by its place.
    Layer(usize),
    Negative(Box<Self>),
    Not(Box<Self>),
    Pair(Sign, Box<Self>, Box<Self>),
    Least(Vec<Self>),
    Most(Vec<Self>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Or,
    And,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Equal,
    Unequal,
    Plus,
    Minus,
    Times,
    By,
}

impl Node {
    /// Places of the layers that it is about.
    fn gather(&self, used: &mut BTreeSet<usize>) {
        match self {
            Self::Number(_) => {}
            Self::Layer(place) => {
                used.insert(*place);
            }
            Self::Negative(one) | Self::Not(one) => one.gather(used),
            Self::Pair(_, one, other) => [one, other].iter().for_each(|one| one.gather(used)),
            Self::Least(all) | Self::Most(all) => all.iter().for_each(|one| one.gather(used)),
        }
    }

    fn value(&self, scores: &[f64]) -> f64 {
        let truth = |is_so: bool| f64::from(u8::from(is_so));
        match self {
            Self::Number(number) => *number,
            Self::Layer(place) => scores.get(*place).copied().unwrap_or(0.0),
            Self::Negative(one) => -one.value(scores),
            Self::Not(one) => truth(is_false(one.value(scores))),
            Self::Least(all) => all.iter().map(|one| one.value(scores)).fold(f64::INFINITY, f64::min),
            Self::Most(all) => all.iter().map(|one| one.value(scores)).fold(f64::NEG_INFINITY, f64::max),
            Self::Pair(sign, one, other) => {
                let (one, other) = (one.value(scores), other.value(scores));
                match sign {
                    Sign::Or => truth(!is_false(one) || !is_false(other)),
                    Sign::And => truth(!is_false(one) && !is_false(other)),
                    Sign::Less => truth(one < other),
                    Sign::Greater => truth(one > other),
                    Sign::LessOrEqual => truth(one <= other),
                    Sign::GreaterOrEqual => truth(one >= other),
                    Sign::Equal => truth(is_false(one - other)),
                    Sign::Unequal => truth(!is_false(one - other)),
                    Sign::Plus => one + other,
                    Sign::Minus => one - other,
                    Sign::Times => one * other,
                    Sign::By => one / other,
                }
            }
        }
    }
}

/// Whether a number stands for what is not so.
fn is_false(number: f64) -> bool {
    number.abs() < f64::EPSILON
}

/// A piece of an expression.
#[derive(Clone, PartialEq)]
enum Token {
    Number(f64),
    Word(String),
    Sign(Sign),
    Open,
    Close,
    Comma,
}

/// Signs by how strongly they bind, the weakest first.
const LEVELS: [&[Sign]; 5] = [
    &[Sign::Or],
    &[Sign::And],
    &[Sign::Less, Sign::Greater, Sign::LessOrEqual, Sign::GreaterOrEqual, Sign::Equal, Sign::Unequal],
    &[Sign::Plus, Sign::Minus],
    &[Sign::Times, Sign::By],
];

fn parsed(expression: &str, letters: &[char]) -> Result<Node, AttackError> {
    if expression.chars().count() > MOST_CHARACTERS {
        return Err(wrong("it is longer than 1,000 characters"));
    }
    let mut left = tokens(expression)?;
    left.reverse();
    let mut parser = Parser { left, letters, deep: 0 };
    let tree = parser.level(0)?;
    match parser.left.last() {
        None => Ok(tree),
        Some(_) => Err(wrong("there is something after its end")),
    }
}

fn tokens(expression: &str) -> Result<Vec<Token>, AttackError> {
    let mut found = Vec::new();
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut taken = |fits: fn(char) -> bool| {
            let mut word = letter.to_string();
            while let Some(more) = letters.next_if(|next| fits(*next)) {
                word.push(more);
            }
            word
        };
        found.push(match letter {
            ' ' | '\t' | '\n' | '\r' => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '+' => Token::Sign(Sign::Plus),
            '-' => Token::Sign(Sign::Minus),
            '*' => Token::Sign(Sign::Times),
            '/' => Token::Sign(Sign::By),
            '<' | '>' | '=' | '!' => {
                let sign = taken(|next| next == '=');
                Token::Sign(match sign.as_str() {
                    "<" => Sign::Less,
                    ">" => Sign::Greater,
                    "<=" => Sign::LessOrEqual,
                    ">=" => Sign::GreaterOrEqual,
                    "==" => Sign::Equal,
                    "!=" => Sign::Unequal,
                    other => return Err(wrong(&format!("`{}` is not an operator", shortened(other)))),
                })
            }
            '0'..='9' | '.' => {
                let number = taken(|next| next.is_ascii_digit() || next == '.');
                let parsed =
                    number.parse::<f64>().map_err(|_| wrong(&format!("`{}` is not a number", shortened(&number))))?;
                Token::Number(parsed)
            }
            letter if letter.is_ascii_alphabetic() => match taken(|next| next.is_ascii_alphabetic()).as_str() {
                "or" => Token::Sign(Sign::Or),
                "and" => Token::Sign(Sign::And),
                word => Token::Word(word.to_owned()),
            },
            other => return Err(wrong(&format!("unexpected `{other}`"))),
        });
    }
    Ok(found)
}

struct Parser<'a> {
    /// Tokens that are left, the next one last.
    left: Vec<Token>,
    /// What layers are called, by their places.
    letters: &'a [char],
    deep: usize,
}

impl Parser<'_> {
    /// Reads what binds at least as strongly as a level.
    fn level(&mut self, level: usize) -> Result<Node, AttackError> {
        let Some(signs) = LEVELS.get(level) else { return self.one() };
        let mut node = self.level(level + 1)?;
        while let Some(Token::Sign(sign)) = self.left.last().cloned()
            && signs.contains(&sign)
        {
            self.left.pop();
            node = Node::Pair(sign, Box::new(node), Box::new(self.level(level + 1)?));
        }
        Ok(node)
    }

    /// Reads a number, a layer, or what stands in parentheses.
    fn one(&mut self) -> Result<Node, AttackError> {
        self.deep += 1;
        if self.deep > DEEPEST {
            return Err(wrong("it is nested too deeply"));
        }
        let node = match self.left.pop() {
            Some(Token::Number(number)) => Node::Number(number),
            Some(Token::Sign(Sign::Minus)) => Node::Negative(Box::new(self.one()?)),
            Some(Token::Open) => {
                let node = self.level(0)?;
                self.close()?;
                node
            }
            Some(Token::Word(word)) => match word.as_str() {
                "not" => Node::Not(Box::new(self.one()?)),
                "min" => Node::Least(self.list()?),
                "max" => Node::Most(self.list()?),
                word => {
                    let place = self.letters.iter().position(|letter| letter.to_string() == word);
                    Node::Layer(place.ok_or_else(|| wrong(&format!("no layer is named `{}`", shortened(word))))?)
                }
            },
            Some(_) => return Err(wrong("a layer or a number is missing")),
            None => return Err(wrong("it ends where a layer or a number is expected")),
        };
        self.deep -= 1;
        Ok(node)
    }

    /// Reads what stands in the parentheses of `min` and `max`.
    fn list(&mut self) -> Result<Vec<Node>, AttackError> {
        if self.left.pop() != Some(Token::Open) {
            return Err(wrong("`min` and `max` must be followed by parentheses"));
        }
        let mut nodes = vec![self.level(0)?];
        while self.left.last() == Some(&Token::Comma) {
            self.left.pop();
            nodes.push(self.level(0)?);
        }
        self.close()?;
        Ok(nodes)
    }

    fn close(&mut self) -> Result<(), AttackError> {
        if self.left.pop() == Some(Token::Close) { Ok(()) } else { Err(wrong("a closing parenthesis is missing")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_layers;

    fn layers() -> Vec<Layer> {
        let text = r#"[
            {"versions":{"layer":"4.5","attack":"18"},"name":"seen","domain":"enterprise-attack","techniques":[
                {"techniqueID":"T1204","score":3,"comment":"ours"},{"techniqueID":"T1059","score":1}]},
            {"versions":{"layer":"4.5"},"name":"covered","domain":"enterprise-attack","techniques":[
                {"techniqueID":"T1204","score":1,"comment":"theirs","enabled":false},{"techniqueID":"T1027","tactic":"stealth","score":5}]},
            {"versions":{"layer":"4.5"},"name":"plants","domain":"ics-attack","techniques":[]}]"#;
        read_layers(text.as_bytes()).unwrap()
    }

    /// Ids with their scores.
    fn scores(expression: &str) -> String {
        let layers = layers();
        let named = [('a', &layers[0]), ('b', &layers[1]), ('c', &layers[2])];
        match combined(expression, &named, "new") {
            Ok(layer) => {
                let told = layer.marks.iter().map(|mark| match mark.score {
                    Some(score) => format!("{}={score}", mark.id),
                    None => format!("{}=none", mark.id),
                });
                told.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn layers_are_put_together_as_the_expression_says() {
        for (expression, told) in [
            ("a + b", "T1027=5 T1059=1 T1204=4"),
            ("a and b", "T1027=0 T1059=0 T1204=1"),
            ("a or b", "T1027=1 T1059=1 T1204=1"),
            ("a and not b", "T1027=0 T1059=1 T1204=0"),
            ("a", "T1059=1 T1204=3"),
            ("max(a, b)", "T1027=5 T1059=1 T1204=3"),
            ("min(a, b, 2)", "T1027=0 T1059=0 T1204=1"),
            ("a - b * 2", "T1027=-10 T1059=1 T1204=1"),
            ("(a - b) * 2", "T1027=-10 T1059=2 T1204=4"),
            ("a > 1 or b >= 5", "T1027=1 T1059=0 T1204=1"),
            ("a == 1", "T1059=1 T1204=0"),
            ("-a + 10 / 4", "T1059=1.5 T1204=-0.5"),
            ("a / b", "T1027=0 T1059=none T1204=3"),
        ] {
            assert_eq!(scores(expression), told, "{expression}");
        }
    }

    #[test]
    fn comments_and_what_is_switched_off_go_along() {
        let layers = layers();
        let layer = combined("a + b", &[('a', &layers[0]), ('b', &layers[1])], "new").unwrap();
        let mark = layer.marks.iter().find(|mark| mark.id == "T1204").unwrap();
        assert_eq!((mark.comment.as_str(), mark.enabled), ("ours; theirs", true));
        assert_eq!(layer.description, "a + b, where a is seen, b is covered");
        assert_eq!(layer.marks.iter().find(|mark| mark.id == "T1027").unwrap().tactic, "stealth");
        let only = combined("b", &[('a', &layers[0]), ('b', &layers[1])], "new").unwrap();
        assert!(!only.marks.iter().find(|mark| mark.id == "T1204").unwrap().enabled);
    }

    #[test]
    fn an_expression_that_makes_no_sense_is_refused_with_the_reason() {
        for (expression, reason) in [
            ("", "it ends"),
            ("a +", "it ends"),
            ("a b", "after its end"),
            ("(a", "a closing parenthesis is missing"),
            ("a + x", "no layer is named `x`"),
            ("a = b", "not an operator"),
            ("a ; b", "unexpected"),
            ("1.2.3 + a", "not a number"),
            ("max a", "parentheses"),
            ("1 + 2", "names no layer"),
            ("a + c", "different domains"),
            ("* a", "is missing"),
        ] {
            assert!(scores(expression).contains(reason), "{expression}: {}", scores(expression));
        }
        assert!(scores(&format!("{}a", "-".repeat(200))).contains("nested too deeply"));
        assert!(scores(&"(".repeat(900)).contains("nested too deeply"));
        assert!(scores(&"a+".repeat(600)).contains("longer than"));
    }
}
