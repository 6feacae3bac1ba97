//! Rows of the table: a figure, the one it is held against, and whether the aim holds.

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
    /// A third is written as such.
    AtMostAThird,
    None,
}

/// Prints the first lines.
pub(crate) fn head() {
    println!("| what | aim | Lazaret | reference | ratio | aim holds |\n|---|---|---|---|---|---|");
}

/// Prints a row whose aim is for the ratio.
pub(crate) fn row(what: &str, aim: Aim, measured: &str, reference: &str, ratio: f64) {
    let (aim, holds) = match aim {
        Aim::AtLeast(least) => (format!("≥ {least} ×"), Some(ratio >= least)),
        Aim::AtMost(most) => (format!("≤ {most} ×"), Some(ratio <= most)),
        Aim::AtMostAThird => ("≤ 1/3".to_owned(), Some(ratio <= 1.0 / 3.0)),
        Aim::None => ("–".to_owned(), None),
    };
    let ratio = if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") };
    println!("| {what} | {aim} | {measured} | {reference} | {ratio} | {} |", said(holds));
}

/// Prints a row whose aim is for the figure itself.
pub(crate) fn bound(what: &str, aim: &str, measured: &str, reference: &str, ratio: f64, holds: bool) {
    println!("| {what} | {aim} | {measured} | {reference} | {ratio:.2} | {} |", said(Some(holds)));
}

fn said(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "yes",
        Some(false) => "**missed**",
        None => "–",
    }
}

/// Milliseconds, with as many digits as mean something.
pub(crate) fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    if value < 100.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") }
}

/// A rate, with as many digits as mean something.
pub(crate) fn rate(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
