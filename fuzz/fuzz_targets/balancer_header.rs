//! Whatever a balancer's connection begins with: who is served has an address that a machine can have, not a byte behind the
//! header belongs to it, a header that is cut off serves nobody, and it does not matter in which pieces it comes.

#![no_main]

// The file itself instead of its crate, which would bring the rule engine with it.
#[allow(dead_code, reason = "nobody is slow here")]
#[path = "../../crates/gates/src/balancer/header.rs"]
mod header;

use header::{For, HeaderError, Step, step};
use thiserror as _;

/// Bytes of the longest header: a version 2 says its length in two bytes.
const MOST: usize = 16 + 65_535;

/// Whom bytes lead to that come in pieces of so many at the most, and how many of them belong to the header.
fn read(bytes: &[u8], piece: usize) -> Result<(For, usize), HeaderError> {
    let mut taken = 0;
    loop {
        match step(&bytes[..taken])? {
            Step::All(whom) => return Ok((whom, taken)),
            Step::More(count) => {
                assert!(count > 0, "nothing more is asked for after {taken} bytes");
                let more = count.min(piece).min(bytes.len() - taken);
                if more == 0 {
                    return Err(HeaderError::Cut);
                }
                taken += more;
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let found = read(data, usize::MAX);
    assert_eq!(found, read(data, 1));
    let Ok((whom, length)) = found else { return };
    assert!(length <= MOST, "{length}");
    if let For::Client(client) = whom {
        let ip = client.ip().to_canonical();
        assert!(!ip.is_unspecified() && !ip.is_multicast(), "{ip}");
    }
    let header = &data[..length];
    assert_eq!(read(header, usize::MAX), found, "what stands behind a header says nothing");
    assert_eq!(read(&header[..length - 1], usize::MAX), Err(HeaderError::Cut));
});
