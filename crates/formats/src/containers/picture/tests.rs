//! The same code in every form that a picture has, and pictures that have none.

use crate::qr::Luma;
use crate::qr::tests::{bmp, code};
use crate::testing::{build, walk, walk_with};
use lazaret_model::Limits;

const TEXT: &str = "https://host.invalid/LAZARET";

fn gray(picture: &Luma) -> Vec<u8> {
    picture.rows().flatten().copied().collect()
}

fn png(picture: &Luma) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, picture.width() as u32, picture.height() as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&gray(picture)).unwrap();
    drop(writer);
    out
}

fn gif(picture: &Luma) -> Vec<u8> {
    let mut out = Vec::new();
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    let mut encoder = gif::Encoder::new(&mut out, width, height, &[0, 0, 0, 255, 255, 255]).unwrap();
    let indexes: Vec<u8> = gray(picture).iter().map(|value| value / 255).collect();
    let blank = vec![1; indexes.len()];
    for buffer in [blank, indexes] {
        let frame = gif::Frame { width, height, buffer: buffer.into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    out
}

/// A JPEG of that code, as an editor of pictures saves it.
fn jpeg() -> Vec<u8> {
    let lines = include_str!("code.jpg.b64").lines().collect::<String>();
    data_encoding::BASE64.decode(lines.as_bytes()).unwrap()
}

#[test]
fn codes_are_read_in_every_form() {
    let picture = code(TEXT, 8);
    for (name, bytes) in
        [("x.png", png(&picture)), ("x.gif", gif(&picture)), ("x.jpg", jpeg()), ("x.bmp", bmp(&picture))]
    {
        let found = walk(bytes.clone(), name);
        assert_eq!(found.bytes("//qr-code"), TEXT.as_bytes(), "{name}");
        assert_eq!(found.part("//qr-code").kind.id, "url-target");
        assert!(found.complete());
        let found = walk(build::crc_less_zip(&[(name, &bytes)]), "x.zip");
        assert_eq!(found.bytes(&format!("{name}//qr-code")), TEXT.as_bytes());
    }
}

#[test]
fn what_is_no_address_is_a_text() {
    let found = walk(png(&code("BEGIN:VCARD\nFN:LAZARET\nEND:VCARD", 4)), "x.png");
    assert!(found.bytes("//qr-text").starts_with(b"BEGIN:VCARD"));
}

#[test]
fn honest_and_damaged_pictures_have_nothing_in_them() {
    let mut photo = Luma::white(640, 480).unwrap();
    for x in 0..640 {
        photo.paint(x, x % 480, 200, 50, (x % 251) as u8);
    }
    let whole = png(&code(TEXT, 4));
    for bytes in [png(&photo), gif(&photo), jpeg()[..500].to_vec(), png(&photo)[..200].to_vec(), whole[..60].to_vec()] {
        let found = walk_with(bytes, "x", Some("png"), &[], Limits::default());
        assert!(found.parts.len() == 1 && found.complete());
    }
}

#[test]
fn halves_of_a_code_are_joined() {
    let picture = code(TEXT, 4);
    let (width, height) = (picture.width(), picture.height());
    let cut = |left: usize, top: usize, width: usize, height: usize| {
        let mut half = Luma::white(width, height).unwrap();
        for (y, row) in picture.rows().enumerate().skip(top).take(height) {
            for (x, value) in row.iter().enumerate().skip(left).take(width) {
                half.paint(x - left, y - top, 1, 1, *value);
            }
        }
        half
    };
    let upright = [cut(0, 0, width / 2, height), cut(width / 2, 0, width - width / 2, height)];
    let level = [cut(0, 0, width, height / 2), cut(0, height / 2, width, height - height / 2)];
    for [first, second] in [upright, level] {
        for pair in [[&first, &second], [&second, &first]] {
            let [first, second] = pair.map(png);
            let found = walk(build::crc_less_zip(&[("a.png", &first), ("b.png", &second)]), "x.zip");
            assert_eq!(found.bytes("//b.png//qr-code"), TEXT.as_bytes());
        }
    }
}

/// A chunk of PNG, with a checksum of zero.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
}

#[test]
fn commands_beside_the_pixels_are_parts() {
    const COMMAND: &[u8] = b"powershell -w hidden -c echo LAZARET-MARKER";
    let plain = png(&Luma::white(32, 32).unwrap());
    // Behind the header, which is 33 bytes long with the signature.
    let with = |chunk: Vec<u8>| [&plain[..33], &chunk, &plain[33..]].concat();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, COMMAND).unwrap();
    let packed = packed.finish().unwrap();
    let photo = jpeg();
    let segment =
        |marker: u8, body: &[u8]| [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat();
    let in_photo = |segment: Vec<u8>| [&photo[..2], &segment, &photo[2..]].concat();
    let wide: Vec<u8> = COMMAND.iter().flat_map(|byte| [*byte, 0]).collect();
    let moving = gif(&Luma::white(32, 32).unwrap());
    let remark = [&[0x21, 0xfe, COMMAND.len() as u8][..], COMMAND, &[0]].concat();
    // The header is 13 bytes long, the table of two colours six.
    let in_moving = [&moving[..19], &remark, &moving[19..]].concat();
    let frame = [&b"COMM"[..], &(COMMAND.len() as u32 + 1).to_be_bytes(), &[0, 0, 0], COMMAND].concat();
    let tag = [&b"ID3\x03\0\0\0\0\0"[..], &[frame.len() as u8], &frame, b"\xff\xfb\x90\x64", &[0; 400]].concat();
    let profile = with(chunk(b"iCCP", &[&b"icc\0\0"[..], &packed].concat()));
    let exif = [&b"EXIF"[..], &(COMMAND.len() as u32).to_le_bytes(), COMMAND, &[0][..COMMAND.len() & 1]].concat();
    let web = [&b"RIFF"[..], &(exif.len() as u32 + 4).to_le_bytes(), b"WEBP", &exif].concat();
    for (what, bytes, kind) in [
        ("iCCP", profile, "png"),
        ("a chunk of its own", with(chunk(b"laZa", COMMAND)), "png"),
        ("EXIF of WebP", web, "webp"),
        ("tEXt", with(chunk(b"tEXt", &[&b"Comment\0"[..], COMMAND].concat())), "png"),
        ("zTXt", with(chunk(b"zTXt", &[&b"Comment\0\0"[..], &packed].concat())), "png"),
        ("iTXt", with(chunk(b"iTXt", &[&b"Comment\0\0\0\0\0"[..], COMMAND].concat())), "png"),
        ("iTXt, packed", with(chunk(b"iTXt", &[&b"Comment\0\x01\0\0\0"[..], &packed].concat())), "png"),
        ("COM", in_photo(segment(0xfe, COMMAND)), "jpeg"),
        ("EXIF in UTF-16", in_photo(segment(0xe1, &[&b"Exif\0\0"[..], &wide].concat())), "jpeg"),
        ("comment", in_moving, "gif"),
        ("ID3", tag, "mp3-id3"),
    ] {
        let found = walk_with(bytes, "x", Some(kind), &[], Limits::default());
        assert!(found.bytes("//comment").ends_with(COMMAND), "{what}");
        assert_eq!(found.part("//comment").kind.id, "command-line", "{what}");
    }
    for harmless in [
        &b"Comment\0A lesson on PowerShell and the command prompt"[..],
        b"Software\0cmd",
        b"Comment\0Drawn in the harbour | sharpened | bashful colours, by a python and its friends",
    ] {
        let found = walk_with(with(chunk(b"tEXt", harmless)), "x", Some("png"), &[], Limits::default());
        assert!(found.parts.len() == 1 && found.complete());
    }
}
