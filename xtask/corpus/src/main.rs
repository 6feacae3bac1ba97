//! Makes the stand-ins, scans them and prints the table, or measures. `cargo xtask corpus` and `bench` call it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool for maintainers: where it fails, it says so and ends"
)]

mod bench;
mod honest;

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
        ["--unpack", folder] => corpus::unpack(&root, &PathBuf::from(folder)).map(|count| {
            println!("{count} stand-ins unpacked into `{folder}`");
            true
        }),
        ["--honest", ..] => honest::Asked::of(&words[1..]).and_then(|asked| honest::run(asked, beside_this())),
        ["--bench", "--lazaret", path] => bench(PathBuf::from(path)),
        _ => Err(format!(
            "`{}` is not known; known are `--report`, `--report --lazaret FILE`, `--unpack FOLDER`, \
             `--honest FOLDER…` and `--bench --lazaret FILE`",
            words.join(" ")
        )),
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

fn bench(executable: PathBuf) -> Result<bool, String> {
    let executable =
        std::fs::canonicalize(&executable).map_err(|error| format!("`{}`: {error}", executable.display()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| corpus::root().join("target"), PathBuf::from);
    bench::run(&executable, &target.join("benchmarks"))?;
    Ok(true)
}
