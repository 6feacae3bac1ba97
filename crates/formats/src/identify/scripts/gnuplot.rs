//! Scripts of gnuplot that run programs (gnuplot 5.4: "Shell", "System", "Substitution of system commands", "Piped-data", "Set output").

/// Words behind which a text is shown: names of axes and curves are often written between bars or angle brackets.
const SHOWN: &[&str] = &["title", "titl", "tit", "ti", "t", "font", "print", "pause", "name", "format", "eq", "ne"];
/// Beginnings of options that are set to such a text.
const SET: &[&str] = &[
    "ti", "la", "xl", "yl", "zl", "x2l", "y2l", "cbl", "rl", "xti", "yti", "zti", "x2ti", "y2ti", "cbti", "k", "ar",
    "fo", "ob",
];

/// Whether a script has a line that is a command, calls `system`, has something between backquotes, reads from or writes to a pipe,
/// or loads code.
pub(super) fn runs_programs(text: &str) -> bool {
    let mut statements = text.lines().flat_map(|line| line.split(['{', '}', ';'])).map(str::trim_start);
    statements.any(|statement| statement.starts_with('!') && !statement.starts_with("!="))
        || text.lines().map(str::trim_start).any(|line| loads(line) || runs(line))
}

/// Whether a function is taken from a library (gnuplot 5.4, "Import").
fn loads(line: &str) -> bool {
    line.strip_prefix("import ").is_some_and(|rest| rest.contains(" from ") && rest.contains(['"', '\'']))
}

fn runs(line: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        let rest = || line.get(at + 1..).unwrap_or_default();
        match (quote, byte) {
            // Only what stands between double quotes can be escaped.
            _ if escaped => escaped = false,
            (Some(b'"'), b'\\') => escaped = true,
            (None | Some(b'"'), b'`') => return true,
            (Some(open), byte) if open == byte => quote = None,
            (None, b'#') => return false,
            (None, b'"' | b'\'') if is_piped(rest(), byte) && !is_shown(line.get(..at).unwrap_or_default()) => {
                return true;
            }
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b's') if calls(line.get(..at).unwrap_or_default(), rest()) => return true,
            _ => {}
        }
    }
    false
}

/// Whether a text behind this is shown: in a command that only sets what is written beside a plot, or behind such a word, perhaps with
/// its number.
fn is_shown(before: &str) -> bool {
    // A semicolon in a text only makes this look at less.
    let command = before.rsplit([';', '{', '}']).next().unwrap_or_default().trim();
    if let Some(option) = command.strip_prefix("set ").map(str::trim_start) {
        return SET.iter().any(|name| option.starts_with(name));
    }
    let number = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-');
    let word = command.trim_end_matches(number).rsplit([' ', '\t', ',', '(']).next().unwrap_or_default();
    SHOWN.contains(&word)
}

/// Whether a text, up to this quote, is no name of a file but a command; `<cr>` is a key.
fn is_piped(text: &str, quote: u8) -> bool {
    let Some(command) = text.trim_start().strip_prefix(['<', '|']) else { return false };
    if text.trim_start().starts_with('<') && only_reads(command, quote) {
        return false;
    }
    let word = command.split_whitespace().next().unwrap_or_default();
    word.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '.' | '~' | '$'))
        && !word.contains('>')
}

/// Whether a command, which ends at this quote, only reads files and has nothing in it by which it would run another one.
fn only_reads(command: &str, quote: u8) -> bool {
    const READERS: &[&str] = &["cat", "zcat", "head", "tail", "cut", "grep", "paste", "sort", "tac", "seq"];
    let Some((command, rest)) = command.split_once(char::from(quote)) else { return false };
    // A quote written twice, and another piece of the command.
    if rest.starts_with(char::from(quote)) || rest.trim_start().starts_with('.') {
        return false;
    }
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let columns = matches!(program, "awk" | "gawk" | "mawk");
    // None that names a program, a file with one, or a file to write.
    let option = |word: &str| match word.strip_prefix('-') {
        Some(letters) if columns => letters.starts_with('F'),
        Some(letters) if program == "cut" => letters.starts_with(['d', 'f', 'c', 'b']),
        Some(letters) => letters.chars().all(|c| c.is_ascii_digit() || "nktruviEcgbqw.".contains(c)),
        None => true,
    };
    let leaves = [";", "|", "&", "`", "$(", ">", "\\", "%", "system", "getline"];
    let stays = !leaves.iter().any(|mark| command.contains(mark));
    (columns || READERS.contains(&program)) && stays && words.all(option)
}

/// Whether what `system` is called with only makes a folder.
fn makes_a_folder(argument: &str) -> bool {
    let argument = argument.trim_start_matches(['(', ' ']);
    let Some(quote) = argument.chars().next().filter(|first| matches!(first, '"' | '\'')) else { return false };
    let Some((command, rest)) = argument.get(1..).and_then(|rest| rest.split_once(quote)) else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '/' | '.');
    let alone = matches!(rest.trim_start().chars().next(), None | Some(')' | ';' | '#'));
    alone && command.strip_prefix("mkdir ").is_some_and(|folders| folders.chars().all(plain))
}

/// Whether `system` is called, whose first letter stands between these two.
fn calls(before: &str, after: &str) -> bool {
    let within = before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_');
    let argument = after.strip_prefix("ystem").map(str::trim_start);
    let called = |argument: &&str| argument.starts_with(['(', '"', '\'']) && !makes_a_folder(argument);
    !within && argument.as_ref().is_some_and(called)
}

#[cfg(test)]
mod tests {
    use super::runs_programs;

    #[test]
    fn what_gnuplot_hands_to_a_shell_is_seen() {
        for line in [
            "!calc",
            "  ! calc",
            "system \"calc\"",
            "now = system('date')",
            "set title \"of `date`\"",
            "a = `date`",
            "plot '< grep x data | sh'",
            "plot \"< awk 'BEGIN{system(1)}' data\"",
            "plot '< awk -f a.awk data'",
            "plot '< sort --compress-program=./x data'",
            "plot '< cat `./x`'",
            "plot '< cat a",
            "plot '< cat ''a''; ./x'",
            "plot '< cat a' . b",
            "plot '< sort -o a b'",
            "plot '< uniq a b'",
            "system(\"mkdir a; ./x\")",
            "system(\"mkdir a\".b)",
            "plot \"<./x\" using 1:2",
            "set output '| lpr'",
            "plot 'a' ; system(\"calc\")",
            "do for [i=1:1] { !calc }",
            "set print \"|sh\"",
            "plot 1, \"<calc\"",
            "import f(x) from \"a.so\"",
            "set title \"a\"; plot '<calc'",
        ] {
            assert!(runs_programs(line), "{line}");
        }
        for line in [
            "pause -1 \"<cr> to continue\"",
            "plot '< grep x data'",
            "plot \"< awk '{print $1, $2}' data.txt\" using 1:2",
            "plot '< tail -n 20 data' with lines",
            "system('mkdir -p out/plots')",
            "system \"mkdir out\"",
            "set title 'of `date`'",
            "print \"the \\`date\\` of it\"",
            "set label \"in a coordinate system\"",
            "set label \"< 5 km\"",
            "# !calc and system(\"calc\")",
            "plot sin(x) # `date`",
            "if (!exists(\"a\")) a = 1",
            "set ylabel \"|E|\" font \",12\"",
            "set title '|psi|^2'",
            "plot sin(x) title \"|a|\", cos(x) t '<b|c>'",
            "set label 1 \"<x of y\" at 1,2",
            "set title \"a\".\"|b|\"",
            "print \"|done|\"",
            "if (a {} != b) c = 1",
        ] {
            assert!(!runs_programs(line), "{line}");
        }
    }
}
