//! Lazaret with one room more. A crate brings the room (`bell.rs`), and one line adds it; `tests/it/rooms.rs` looks at what becomes of it.

mod bell;

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    lazaret::main_with(|| {
        let mut rooms = lazaret::rooms();
        rooms.push(Arc::new(bell::Bell));
        rooms
    })
}
