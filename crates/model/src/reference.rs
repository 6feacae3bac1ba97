//! Numbers that people quote.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A reference number that can be read out over the telephone: no letters that look or sound alike.
///
/// Keys of the standard library's hash maps come from the system's random numbers, and so does this.
pub fn reference() -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut left = RandomState::new().build_hasher().finish();
    let mut text = String::with_capacity(9);
    for at in 0..8 {
        if at == 4 {
            text.push('-');
        }
        text.push(char::from(LETTERS[(left & 31) as usize]));
        left >>= 5;
    }
    text
}
