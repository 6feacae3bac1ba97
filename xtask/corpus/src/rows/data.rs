//! Row H: honest data of programs, which holds something all the same.

use crate::Standin;

#[rustfmt::skip]
pub(super) fn all() -> Vec<Standin> {
    let new = |folder, name, what, bytes: &[u8]| Standin::new("H", folder, name, what, bytes.to_vec()).delivered();
    vec![
        new("formats/notebook", "a.ipynb", "a notebook with a code cell", b"{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"import math\\n\", \"print(math.pi)\\n\"], \"outputs\": []}], \"metadata\": {\"kernelspec\": {\"name\": \"python3\", \"language\": \"python\"}}, \"nbformat\": 4, \"nbformat_minor\": 5}\n").kind("json"),
        new("formats/pickle", "a.pkl", "a pickle of an ordered dictionary", b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.").kind("pickle"),
        new("formats/matroska", "a.mkv", "a film with a text attached", b"\x1aE\xdf\xa3\x80\x18S\x80g\xb2\x19A\xa4i\xada\xa7\xaaFn\x85a.txtF`\x8atext/plainF\\\x92See you on Monday.").kind("matroska"),
        new("formats/warc", "a.warc", "an archive of the web", b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://host.invalid/a.txt\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: 63\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nSee you on Monday.\r\n\r\n").kind("warc"),
        new("formats/webarchive", "a.webarchive", "a page that Safari saved", b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n<key>WebMainResource</key>\n<dict>\n<key>WebResourceData</key>\n<data>PGh0bWw+PGJvZHk+PHA+U2VlIHlvdSBvbiBNb25kYXkuPC9wPjwvYm9keT48L2h0bWw+</data>\n<key>WebResourceMIMEType</key>\n<string>text/html</string>\n<key>WebResourceURL</key>\n<string>http://host.invalid/</string>\n</dict>\n</dict>\n</plist>\n").kind("webarchive"),
        new("formats/encoded", "a.uue", "a text in the base64 form of uuencode", b"begin-base64 644 a.txt\nU2VlIHlvdSBvbiBNb25kYXku\n====\n").kind("uuencode"),
        new("formats/scene", "a.ma", "a scene of Maya with a script node", b"//Maya ASCII 2026 scene\n//Name: a.ma\nrequires maya \"2026\";\ncurrentUnit -l centimeter -a degree -t film;\ncreateNode script -n \"settings\";\n\x09setAttr \".b\" -type \"string\" \"playbackOptions -min 1 -max 24;\";\n\x09setAttr \".st\" 6;\n").kind("ma"),
        new("formats/picture", "code.bmp", "a picture of a QR code", &picture()).kind("bmp"),
        new("formats/drawing", "code.txt", "a text that draws a QR code", drawing().as_bytes()).kind("text"),
    ]
}

/// The modules of a QR code that says `https://host.invalid/scan` (ISO/IEC 18004, version 2).
#[rustfmt::skip]
const CODE: [&[u8]; 25] = [
    b"#######..#..#.#...#######",
    b"#.....#.#...#.#.#.#.....#",
    b"#.###.#.##.#...#..#.###.#",
    b"#.###.#.#...##..#.#.###.#",
    b"#.###.#..#####..#.#.###.#",
    b"#.....#..####.....#.....#",
    b"#######.#.#.#.#.#.#######",
    b"........####..###........",
    b"#.....#.#....######..###.",
    b"..###...#.###.##...#####.",
    b"..#..##...#...##.#...#.##",
    b"##.....#.......###..##..#",
    b"...#.###...##.#.#.##....#",
    b"#.###..#.##.##.###.#...#.",
    b"#...######..#####.####.##",
    b"#.###....##.#...##.#.##.#",
    b"#..#..#.###.###.#####.#..",
    b"........##..#.#.#...#....",
    b"#######..#.##.#.#.#.#...#",
    b"#.....#..#.#..###...#..##",
    b"#.###.#....##########.#..",
    b"#.###.#..###..#..##....##",
    b"#.###.#..#...#..##...##.#",
    b"#.....#...#.#.#.#####...#",
    b"#######.#.###..####..#..#",
];

/// The code in a Windows bitmap of eight bits a pixel, four pixels a module.
fn picture() -> Vec<u8> {
    const BORDER: usize = 4;
    const PIXELS: usize = 4;
    let side = (CODE.len() + 2 * BORDER) * PIXELS;
    let mut out = b"BM".to_vec();
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let (header, palette) = (54, 4 * 256);
    for value in [header + palette + side * side, 0, header + palette, 40, side, side] {
        out.extend(number(value));
    }
    out.extend([1, 0, 8, 0]);
    out.extend([0; 24]);
    out.extend((0..=255_u8).flat_map(|shade| [shade, shade, shade, 0]));
    // Rows count upwards.
    for y in (0..side).rev() {
        let row = (y / PIXELS).checked_sub(BORDER).and_then(|y| CODE.get(y));
        out.extend((0..side).map(|x| {
            let module = (x / PIXELS).checked_sub(BORDER).and_then(|x| row?.get(x));
            if module == Some(&b'#') { 0 } else { 255 }
        }));
    }
    out
}

/// The code drawn with full blocks, two for a module.
fn drawing() -> String {
    let line = |row: &&[u8]| {
        let modules = row.iter().map(|module| if *module == b'#' { "\u{2588}\u{2588}" } else { "  " });
        format!("        {}\n", modules.collect::<String>())
    };
    format!("The way to the meeting room, to be scanned:\n\n{}\n", CODE.iter().map(line).collect::<String>())
}
