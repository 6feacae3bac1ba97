//! Tells scripts that only fill in a form's fields (formats, sums, dates: what form editors write) from all others.
//!
//! An allow list: what is called and what is reached behind a dot must be known to be harmless ("JavaScript for Acrobat API
//! Reference", Doc, Event, Field, util and the `AF…` functions of its appendix). Whatever is not understood is no such script.

/// Functions and methods of the viewer that reach nothing outside the document's own fields.
const OF_THE_VIEWER: &[&str] = &[
    "println",
    "getfield",
    "getnthfieldname",
    "printd",
    "printx",
    "scand",
    "resetform",
    "calculatenow",
    "setfocus",
    "currentvalueindices",
    "getitemat",
    "setitems",
    "clearitems",
    "insertitemat",
    "isboxchecked",
    "checkthisbox",
    "isdefaultchecked",
    "resolvenode",
    "resolvenodes",
    "getarray",
];

/// Properties that only say or set what a field shows.
const PROPERTIES: &[&str] = &[
    "value",
    "valueasstring",
    "rawvalue",
    "formattedvalue",
    "rc",
    "change",
    "changeex",
    "willcommit",
    "target",
    "targetname",
    "source",
    "name",
    "type",
    "selstart",
    "selend",
    "numitems",
    "numfields",
    "display",
    "hidden",
    "readonly",
    "required",
    "presence",
    "access",
    "mandatory",
    "textcolor",
    "fillcolor",
    "strokecolor",
    "bordercolor",
    "defaultvalue",
    "editvalue",
    "newtext",
    "fulltext",
    "length",
    "visible",
    "noview",
    "noprint",
    "black",
    "white",
    "red",
    "green",
    "blue",
    "yellow",
    "transparent",
    "calculate",
    "dirty",
    "delay",
    "page",
    "commitkey",
    "shift",
    "modifier",
    "keydown",
    "itemcount",
    "selectedindex",
];

/// What the language itself offers for numbers, texts and dates.
const OF_THE_LANGUAGE: &[&str] = &[
    "number",
    "string",
    "boolean",
    "date",
    "array",
    "math",
    "regexp",
    "parseint",
    "parsefloat",
    "isnan",
    "isfinite",
    "round",
    "floor",
    "ceil",
    "abs",
    "pow",
    "sqrt",
    "min",
    "max",
    "tofixed",
    "tostring",
    "valueof",
    "indexof",
    "lastindexof",
    "charat",
    "charcodeat",
    "substr",
    "substring",
    "slice",
    "split",
    "join",
    "concat",
    "replace",
    "match",
    "search",
    "test",
    "exec",
    "tolowercase",
    "touppercase",
    "trim",
    "push",
    "pop",
    "shift",
    "unshift",
    "sort",
    "reverse",
    "splice",
    "gettime",
    "getfullyear",
    "getyear",
    "getmonth",
    "getdate",
    "getday",
    "gethours",
    "getminutes",
    "getseconds",
    "getmilliseconds",
    "setfullyear",
    "setmonth",
    "setdate",
    "sethours",
    "setminutes",
    "setseconds",
    "gettimezoneoffset",
    "now",
    "pi",
    "nan",
];

/// Words that are followed by `(` and call nothing.
const KEYWORDS: &[&str] = &[
    "if", "for", "while", "switch", "return", "function", "catch", "typeof", "else", "case", "in", "new", "do", "with",
];

/// Objects that reach further than fields or make code of text, and what the document itself can do, which may be called by its
/// bare name.
#[rustfmt::skip]
const REACHING: &[&str] = &[
    "app", "eval", "function", "unescape", "collab", "soap", "net", "adbc", "media", "global", "spell", "search", "console",
    "identity", "security", "dbg", "ttsobj", "xfa", "host", "doc", "constructor", "prototype", "globalthis", "window", "settimeout",
    "setinterval", "readstream", "stringfromstream", "streamfromstring", "import", "require", "proxy", "reflect", "addscript",
    "closedoc", "createdataobject", "embeddocasdataobject", "encryptforrecipients", "execmenuitem", "exportasfdf", "exportastext",
    "exportasxfdf", "exportdataobject", "exportxfadata", "extractpages", "getdataobject", "getdataobjectcontents", "geturl",
    "gotonameddest", "importanfdf", "importanxfdf", "importdataobject", "importtextdata", "importxfadata", "insertpages", "launchurl",
    "maildoc", "mailform", "newdoc", "opendataobject", "opendoc", "print", "removedataobject", "saveas", "setaction",
    "setdataobjectcontents", "setpageaction", "submitform", "addlink", "addannot", "addfield", "addicon", "addwatermarkfromfile",
    "browsefordoc", "listmenuitems", "newcollection", "newfdf", "popupmenu", "addmenuitem", "addtoolbutton", "trustedfunction",
];

/// Whether all that a script does is to fill in fields. One that runs at opening has nobody to warn: `app.alert` and
/// `app.beep` are what a field's own script may do when it is filled in wrongly.
pub(super) fn only_fills_in(script: &str, at_opening: bool) -> bool {
    let Some(tokens) = tokens(script) else { return false };
    let known = |name: &str| {
        name.starts_with("af") && name.len() > 4
            || OF_THE_VIEWER.contains(&name)
            || OF_THE_LANGUAGE.contains(&name)
            || !at_opening && matches!(name, "alert" | "beep")
    };
    let none = Token::Mark(' ');
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at)).unwrap_or(&none);
        let after = tokens.get(at + 1).unwrap_or(&none);
        let behind_dot = *before == Token::Mark('.');
        let called = *after == Token::Mark('(');
        let second = match tokens.get(at + 2) {
            Some(Token::Word(word)) => word.as_str(),
            _ => "",
        };
        let harmless = match token {
            // An anonymous function may be called where it stands; `with` makes every name a property.
            Token::Word(word) if KEYWORDS.contains(&word.as_str()) && !behind_dot => word != "with",
            Token::Word(word) if word == "app" && !behind_dot => {
                !at_opening && *after == Token::Mark('.') && matches!(second, "alert" | "beep")
            }
            Token::Word(word) if word == "console" && !behind_dot => second == "println",
            // A function of the document's own is judged where it is written.
            Token::Word(word) if called => (!behind_dot || known(word)) && !REACHING.contains(&word.as_str()),
            Token::Word(word) if behind_dot => PROPERTIES.contains(&word.as_str()) || known(word),
            Token::Word(word) => !REACHING.contains(&word.as_str()),
            // `a[b](c)` and `(a)(b)` call what nobody sees; `function () { … }(x)` does what stands in it, and that is read as well.
            Token::Mark(']' | ')') => !called,
            _ => true,
        };
        if !harmless {
            return false;
        }
    }
    true
}

/// A word in lower case, a literal or a mark.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Literal,
    Mark(char),
}

/// The script in pieces; none where it is written in a way that hides what it says.
fn tokens(script: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once(['\n', '\r']).map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else if matches!(first, '"' | '\'') {
            rest = after_literal(rest.get(1..)?, first)?;
            found.push(Token::Literal);
        } else if first == '/' && begins_pattern(found.last()) {
            rest = after_literal(rest.get(1..)?, '/')?;
            found.push(Token::Literal);
        } else if first.is_alphanumeric() || matches!(first, '_' | '$') {
            let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            rest = after;
            let number = first.is_ascii_digit();
            found.push(if number { Token::Literal } else { Token::Word(word.to_lowercase()) });
        } else if matches!(first, '\\' | '`') {
            return None;
        } else {
            found.push(Token::Mark(first));
            rest = rest.get(first.len_utf8()..)?;
        }
    }
    Some(found)
}

/// Whether a slash here begins a regular expression rather than a division.
fn begins_pattern(before: Option<&Token>) -> bool {
    match before {
        None => true,
        Some(Token::Mark(mark)) => !matches!(mark, ')' | ']' | '}'),
        Some(Token::Word(word)) => word == "return",
        Some(Token::Literal) => false,
    }
}

/// What follows a literal that ends with `end`; none where it does not.
fn after_literal(text: &str, end: char) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && c == end {
            return text.get(at + c.len_utf8()..);
        }
        if matches!(c, '\n' | '\r') && !escaped {
            return None;
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::only_fills_in;

    #[test]
    fn what_form_editors_write_only_fills_in() {
        for script in [
            "AFNumber_Format(2, 0, 0, 0, \"EUR \", true);",
            "AFDate_FormatEx(\"dd.mm.yyyy\"); // a date",
            "AFSimple_Calculate(\"SUM\", new Array (\"a\", \"b\"));",
            "event.value = this.getField('net').value * 1.19;",
            "var d = new Date(); event.value = util.printd('dd.mm.yyyy', d);",
            "function netto(x) { return Math.round(x / 1.19 * 100) / 100; } event.value = netto(getField(\"a\").value);",
            "if (event.value != '' && !/^[0-9]+$/.test(event.value)) { app.alert('digits only'); event.rc = false; }",
            "total(); console.println('done');",
            "for (var i = 0; i < 3; i++) { this.getField('a.' + i).display = display.hidden; }",
        ] {
            assert!(only_fills_in(script, false), "{script}");
        }
    }

    #[test]
    fn what_reaches_further_does_not() {
        for script in [
            "app.launchURL('http://host.invalid')",
            "this['sub' + 'mitForm']('http://host.invalid')",
            "var f = this.submitForm; f('http://host.invalid')",
            "eval(x)",
            "\\u0065val(x)",
            "''.constructor.constructor('x')()",
            "var a = app; a.alert(1)",
            "with (app) alert(1)",
            "(0, eval)(x)",
            "this.exportDataObject({ cName: 'a', nLaunch: 2 })",
            "getURL('http://host.invalid')",
            "submitForm('http://host.invalid')",
            "f = exportDataObject; f({ cName: 'a', nLaunch: 2 })",
            "console['show']()",
            "setTimeout('x', 1)",
            "x = `a`",
            "/* never ends",
            "util.printf('%45000f', 1)",
        ] {
            assert!(!only_fills_in(script, false), "{script}");
        }
        assert!(!only_fills_in("app.alert(1)", true));
        assert!(only_fills_in("app.alert(1)", false));
    }
}
