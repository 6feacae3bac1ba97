//! The executable, with the rooms of Lazaret.

fn main() -> std::process::ExitCode {
    lazaret::main_with(lazaret::rooms)
}
