//! Makes the stand-ins, or scans them and prints the table. `cargo xtask corpus` calls it.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = corpus::root();
    let done = match words.as_slice() {
        [] => corpus::write(&root).map(|(written, removed)| {
            println!("{written} stand-ins written, {removed} removed");
            true
        }),
        ["--report"] => report(beside_this()),
        ["--report", "--lazaret", path] => report(PathBuf::from(path)),
        _ => Err(format!("`{}` is not known; known are `--report` and `--report --lazaret FILE`", words.join(" "))),
    };
    match done {
        Ok(as_expected) => ExitCode::from(u8::from(!as_expected)),
        Err(error) => {
            eprintln!("corpus: {error}");
            ExitCode::from(2)
        }
    }
}

/// The executable that was built with this one.
fn beside_this() -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name("lazaret")
}

fn report(executable: PathBuf) -> Result<bool, String> {
    let (table, as_expected) = corpus::report(&executable, &corpus::root())?;
    print!("{table}");
    Ok(as_expected)
}
