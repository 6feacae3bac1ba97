use super::header::{CHECKSUM, MOST_LINE, SIGNATURE, checksum};
use super::*;
use std::net::Ipv6Addr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const BALANCER: &str = "192.0.2.1:4000";

/// What a connection that sends these bytes at once, and what is said on it afterwards, comes to.
async fn read(bytes: &[u8]) -> (Result<SocketAddr, HeaderError>, Vec<u8>) {
    read_from(BALANCER, bytes).await
}

async fn read_from(balancer: &str, bytes: &[u8]) -> (Result<SocketAddr, HeaderError>, Vec<u8>) {
    let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
    ours.write_all(bytes).await.unwrap();
    drop(ours);
    let client = client(&mut theirs, balancer.parse().unwrap()).await;
    let mut rest = Vec::new();
    theirs.read_to_end(&mut rest).await.unwrap();
    (client, rest)
}

/// A header of version 2.
fn version2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, block].concat()
}

/// Addresses and ports of a connection from 198.51.100.7, port 51,000.
fn block4() -> Vec<u8> {
    [&[198_u8, 51, 100, 7, 192, 0, 2, 1][..], &51_000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat()
}

fn block6(source: &str) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    [&address(source)[..], &address("2001:db8::1"), &51_000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat()
}

/// With a checksum behind its addresses.
fn checked(mut header: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(header.len() - 16 + 7).unwrap().to_be_bytes();
    header[14..16].copy_from_slice(&length);
    header.extend_from_slice(&[CHECKSUM, 0, 4, 0, 0, 0, 0]);
    let at = header.len() - 4;
    let sum = checksum(&header, at);
    header[at..].copy_from_slice(&sum.to_be_bytes());
    header
}

#[tokio::test]
async fn the_client_that_a_balancer_names_is_served_and_no_byte_of_what_it_says_is_lost() {
    let unknown = [&b"PROXY UNKNOWN "[..], &[b'x'; 91], b"\r\n"].concat();
    assert_eq!(unknown.len(), MOST_LINE);
    let field = |kind: u8, value: &[u8]| [&[kind, 0, u8::try_from(value.len()).unwrap()][..], value].concat();
    for (header, client) in [
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n".to_vec(), "198.51.100.7:51000"),
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 0 65535\r\n".to_vec(), "198.51.100.7:0"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n".to_vec(), "[2001:db8::7]:51000"),
        (b"PROXY TCP6 ::ffff:198.51.100.7 2001:db8::1 51000 443\r\n".to_vec(), "198.51.100.7:51000"),
        // Checks of health, and what a balancer does not know.
        (b"PROXY UNKNOWN\r\n".to_vec(), BALANCER),
        (unknown, BALANCER),
        (version2(0x21, 0x11, &block4()), "198.51.100.7:51000"),
        (version2(0x21, 0x21, &block6("2001:db8::7")), "[2001:db8::7]:51000"),
        (version2(0x21, 0x21, &block6("::ffff:198.51.100.7")), "198.51.100.7:51000"),
        (version2(0x21, 0x11, &[block4(), field(2, b"a.example"), field(4, &[])].concat()), "198.51.100.7:51000"),
        (checked(version2(0x21, 0x11, &[block4(), field(0xee, &[0; 200])].concat())), "198.51.100.7:51000"),
        (
            version2(0x21, 0x11, &[block4(), [&[4_u8, 0x80, 0][..], &[0; 0x8000]].concat()].concat()),
            "198.51.100.7:51000",
        ),
        // LOCAL, whatever else is in it.
        (version2(0x20, 0x00, &[]), BALANCER),
        (version2(0x20, 0x11, &block4()), BALANCER),
        (version2(0x20, 0xff, &[0; 5]), BALANCER),
        (version2(0x21, 0x00, &[]), BALANCER),
        (version2(0x21, 0x00, &[1, 2, 3]), BALANCER),
    ] {
        let said = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
        let (found, rest) = read(&said).await;
        assert_eq!(found, Ok(client.parse().unwrap()), "{}", header.escape_ascii());
        assert_eq!(rest, b"GET / HTTP/1.1\r\n", "{}", header.escape_ascii());
    }
}

#[tokio::test]
async fn every_malformed_header_is_refused() {
    let bare = |text: &str| text.as_bytes().to_vec();
    let cut = |mut header: Vec<u8>, length: u16| {
        header[14..16].copy_from_slice(&length.to_be_bytes());
        header
    };
    let mut wrong_sum = checked(version2(0x21, 0x11, &block4()));
    *wrong_sum.last_mut().unwrap() ^= 1;
    let mut twice = checked(version2(0x21, 0x11, &block4()));
    twice = checked(twice);
    for header in [
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 51000\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443 1\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443 \r\n"),
        bare("PROXY  TCP4 198.51.100.7 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4  198.51.100.7 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4\t198.51.100.7 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 65536 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 051000 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 +5100 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 -1 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 51000 x\r\n"),
        bare("PROXY TCP4 198.51.100.007 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 198.51.100 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 a.example 51000 443\r\n"),
        bare("PROXY TCP4 2001:db8::7 2001:db8::1 51000 443\r\n"),
        bare("PROXY TCP6 198.51.100.7 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP6 fe80::1%eth0 2001:db8::1 51000 443\r\n"),
        bare("PROXY TCP4 0.0.0.0 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 224.0.0.1 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 255.255.255.255 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP6 :: 2001:db8::1 51000 443\r\n"),
        bare("PROXY UDP4 198.51.100.7 192.0.2.1 51000 443\r\n"),
        bare("PROXY tcp4 198.51.100.7 192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 198.51.100.7\r\n192.0.2.1 51000 443\r\n"),
        bare("PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\r\n"),
        bare("PROXY UNKNOWN \u{e4}\r\n"),
        bare("PROXY \r\nGET / HTTP/1.1\r\n"),
        [&b"PROXY UNKNOWN "[..], &[b'x'; 92], b"\r\n"].concat(),
        [&b"PROXY "[..], &[b'x'; 10_000]].concat(),
        // Version, command, family.
        version2(0x11, 0x11, &block4()),
        version2(0x31, 0x11, &block4()),
        version2(0x22, 0x11, &block4()),
        version2(0x2f, 0x11, &block4()),
        version2(0x21, 0x12, &block4()),
        version2(0x21, 0x31, &[0; 216]),
        version2(0x21, 0x10, &block4()),
        version2(0x21, 0x41, &block4()),
        version2(0x21, 0x13, &block4()),
        // Lengths.
        version2(0x21, 0x11, &block4()[..11]),
        version2(0x21, 0x11, &[]),
        version2(0x21, 0x21, &block4()),
        cut(version2(0x21, 0x21, &block6("2001:db8::7")), 35),
        // Addresses that no machine has.
        version2(0x21, 0x11, &[0; 12]),
        version2(0x21, 0x21, &block6("ff02::1")),
        version2(0x21, 0x21, &block6("::ffff:0.0.0.0")),
        // Fields.
        version2(0x21, 0x11, &[&block4()[..], &[2]].concat()),
        version2(0x21, 0x11, &[&block4()[..], &[2, 0]].concat()),
        version2(0x21, 0x11, &[&block4()[..], &[2, 0, 5, b'a']].concat()),
        version2(0x21, 0x11, &[&block4()[..], &[2, 0xff, 0xff]].concat()),
        version2(0x21, 0x11, &[&block4()[..], &[CHECKSUM, 0, 2, 0, 0]].concat()),
        wrong_sum,
        twice,
    ] {
        let (found, _) = read(&header).await;
        assert!(matches!(found, Err(HeaderError::Malformed(_))), "{}: {found:?}", header.escape_ascii());
    }
}

#[tokio::test]
async fn what_is_no_header_is_refused_by_its_first_bytes() {
    for other in [
        &b"G"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"\r\nPROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n",
        b"proxy TCP4 198.51.100.7 192.0.2.1 51000 443\r\n",
        b"PROXYTCP4",
        b"\r\n\r\n\0\r\nQUIT\r",
    ] {
        assert_eq!(step(other), Err(HeaderError::Missing), "{}", other.escape_ascii());
    }
    assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n").await.0, Err(HeaderError::Missing));
    // Every beginning of a header is waited for, and none is enough.
    for header in [
        b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n".to_vec(),
        version2(0x21, 0x11, &block4()),
        checked(version2(0x21, 0x21, &block6("2001:db8::7"))),
    ] {
        for end in 0..header.len() {
            let more = step(&header[..end]);
            let Ok(Step::More(count)) = more else { panic!("{end}: {more:?}") };
            assert!(count > 0 && end + count <= header.len(), "{end}: {count} may belong to the client");
            assert_eq!(read(&header[..end]).await.0, Err(HeaderError::Cut), "{end}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_comes_slowly_is_not_waited_for() {
    for header in [&b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n"[..], &version2(0x21, 0x11, &block4())] {
        for (every, borne) in [(Duration::from_millis(50), true), (Duration::from_secs(1), false)] {
            let (mut ours, mut theirs) = tokio::io::duplex(1 << 10);
            let header = header.to_vec();
            tokio::spawn(async move {
                for byte in header {
                    tokio::time::sleep(every).await;
                    let _ = ours.write_all(&[byte]).await;
                }
                std::future::pending::<()>().await;
            });
            let began = tokio::time::Instant::now();
            let found = client(&mut theirs, BALANCER.parse().unwrap()).await;
            assert_eq!(found.is_ok(), borne, "{found:?}");
            assert!(borne || found == Err(HeaderError::Slow));
            assert!(began.elapsed() <= TIME + Duration::from_millis(10));
        }
    }
}

#[tokio::test]
async fn a_balancer_elsewhere_cannot_name_this_machine() {
    let here = b"PROXY TCP4 127.0.0.7 127.0.0.1 51000 443\r\n";
    assert_eq!(read(here).await.0, Ok(BALANCER.parse().unwrap()));
    assert_eq!(read_from("127.0.0.1:4000", here).await.0, Ok("127.0.0.7:51000".parse().unwrap()));
    assert_eq!(read(&version2(0x21, 0x21, &block6("::1"))).await.0, Ok(BALANCER.parse().unwrap()));
    assert_eq!(read(&version2(0x21, 0x21, &block6("::ffff:127.0.0.1"))).await.0, Ok(BALANCER.parse().unwrap()));
}

#[test]
fn the_checksum_is_that_of_rfc_3309() {
    assert_eq!(checksum(b"123456789", 100), 0xe306_9283);
}
