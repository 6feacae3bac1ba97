//! Row H: honest data of programs, which holds something all the same, and honest counterparts of settings, instructions, pages,
//! forms and keys.

use crate::Standin;
use crate::build::page::{html, pdf};
use crate::build::{base64, message, zip};

pub(super) fn all() -> Vec<Standin> {
    [held(), counterparts()].concat()
}

#[rustfmt::skip]
fn held() -> Vec<Standin> {
    let new = |folder, name, what, bytes: &[u8]| Standin::new("H", folder, name, what, bytes.to_vec()).delivered();
    vec![
        new("formats/notebook", "a.ipynb", "a notebook with a code cell", b"{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"import math\\n\", \"print(math.pi)\\n\"], \"outputs\": []}], \"metadata\": {\"kernelspec\": {\"name\": \"python3\", \"language\": \"python\"}}, \"nbformat\": 4, \"nbformat_minor\": 5}\n").kind("json"),
        new("formats/pickle", "a.pkl", "a pickle of an ordered dictionary", b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.").kind("pickle"),
        new("formats/matroska", "a.mkv", "a film with a text attached", b"\x1aE\xdf\xa3\x80\x18S\x80g\xb2\x19A\xa4i\xada\xa7\xaaFn\x85a.txtF`\x8atext/plainF\\\x92See you on Monday.").kind("matroska"),
        new("formats/warc", "a.warc", "an archive of the web", b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://host.invalid/a.txt\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: 63\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nSee you on Monday.\r\n\r\n").kind("warc"),
        new("formats/tnef", "winmail.dat", "a letter of Outlook with a text attached", b"\x78\x9f\x3e\x22\x01\x00\x02\x02\x90\x06\x00\x0e\x00\x00\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x10\x80\x01\x00\x06\x00\x00\x00a.txt\0\x0b\x02\x02\x0f\x80\x06\x00\x12\x00\x00\x00See you on Monday.\x60\x06").part("//a.txt", "text").kind("tnef"),
        new("formats/webarchive", "a.webarchive", "a page that Safari saved", b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n<key>WebMainResource</key>\n<dict>\n<key>WebResourceData</key>\n<data>PGh0bWw+PGJvZHk+PHA+U2VlIHlvdSBvbiBNb25kYXkuPC9wPjwvYm9keT48L2h0bWw+</data>\n<key>WebResourceMIMEType</key>\n<string>text/html</string>\n<key>WebResourceURL</key>\n<string>http://host.invalid/</string>\n</dict>\n</dict>\n</plist>\n").kind("webarchive"),
        new("formats/encoded", "a.uue", "a text in the base64 form of uuencode", b"begin-base64 644 a.txt\nU2VlIHlvdSBvbiBNb25kYXku\n====\n").kind("uuencode"),
        new("formats/scene", "a.ma", "a scene of Maya with a script node", b"//Maya ASCII 2026 scene\n//Name: a.ma\nrequires maya \"2026\";\ncurrentUnit -l centimeter -a degree -t film;\ncreateNode script -n \"settings\";\n\x09setAttr \".b\" -type \"string\" \"playbackOptions -min 1 -max 24;\";\n\x09setAttr \".st\" 6;\n").kind("ma"),
        Standin::new("A32", "formats/picture", "code.bmp", "a picture of a QR code", picture()).delivered().part("//qr-code", "url-target").kind("bmp"),
        Standin::new("A32", "formats/drawing", "code.txt", "a text that draws a QR code", drawing().into()).delivered().part("//qr-code", "url-target").kind("text"),
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

#[rustfmt::skip]
fn counterparts() -> Vec<Standin> {
    let new = |folder, name, what, bytes: Vec<u8>| Standin::new("H", folder, name, what, bytes).delivered();
    let project = zip::of(&[
        ("p/.git/config", b"[core]\n\trepositoryformatversion = 0\n\tfsmonitor = true\n[remote \"origin\"]\n\turl = https://host.invalid/a.git\n"),
        ("p/.vscode/settings.json", b"{\"editor.tabSize\": 4}"),
        ("p/pyproject.toml", b"[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n"),
        ("p/package.json", b"{\"name\": \"a\", \"version\": \"1.0.0\", \"scripts\": {\"test\": \"make test\"}}"),
        ("p/AGENTS.md", b"Run the tests with `make test`.\n"),
    ]);
    // A field that formats a number (Acrobat's own function for it).
    let form = pdf(&[
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Annots [4 0 R] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (sum) /Rect [9 9 90 20] /P 3 0 R /AA << /F << /S /JavaScript /JS (AFNumber_Format\\(2, 0, 0, 0, \"\", true\\);) >> >> >>",
    ]);
    // Version, number, and 256 bytes of zeros where names and a key belong; an empty algorithm and an empty signature (RFC 5280, 4.1).
    let certificate = [&b"\x30\x82\x01\x16\x30\x82\x01\x0c\xa0\x03\x02\x01\x02\x02\x01\x01\x04\x82\x01\x00"[..], &[0; 256], b"\x30\x00\x03\x02\x00\x00"].concat();
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64(&certificate));
    let (head, foot) = ("-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----");
    let signature = format!("{head}\n\n{}\n{foot}\n", base64(b"\xc2\x0a\x04\x00\x16\x08\x00\x00\x00\x00\x00\x00"));
    vec![
        new("detect/settings", "tasks.json", "a task that runs when somebody starts it", br#"{"version": "2.0.0", "tasks": [{"label": "a", "type": "shell", "command": "make", "runOptions": {"runOn": "default"}}]}"#.to_vec()),
        new("detect/settings", "project.zip", "a project with ordinary settings", project),
        new("detect/instructions", "AGENTS.md", "instructions that run tests", b"# Work\n\nRun the tests with `make test`. Fetch data with `curl -O https://host.invalid/data.csv`.\n".to_vec()),
        new("detect/instructions", "flag.txt", "a text with the flag of Wales", "The flag of Wales \u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}.\n".into()),
        new("detect/pages", "manual.html", "a manual with a button that copies its command", html("", "<p>Install it:</p><pre>curl -fsS https://host.invalid/install | sh</pre><button onclick=\"navigator.clipboard.writeText(document.querySelector('pre').textContent)\">Copy</button>")),
        new("detect/pages", "photo.svg", "an SVG with a link in it", b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><g><rect width=\"9\" height=\"9\"/></g><a href=\"https://host.invalid/\"><text>more</text></a><circle r=\"1\"/></svg>".to_vec()).kind("svg"),
        new("detect/schemes", "links.html", "a page with links to mail, telephone and a sign-in", html("", "<a href=\"mailto:a@host.invalid\">mail</a> <a href=\"tel:+1\">call</a> <a href=\"https://login.invalid/oauth2/authorize?client_id=a&amp;redirect_uri=https%3A%2F%2Fapp.invalid%2F\">Sign in</a>")),
        new("detect/pdfs", "form.pdf", "a form whose field formats a number", form).kind("pdf"),
        new("formats/calendar", "meeting.ics", "an invitation to a meeting", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//host.invalid//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260105T100000Z\r\nSUMMARY:Meeting\r\nDESCRIPTION:See https://host.invalid/\\, at ten.\r\nLOCATION:Room 1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".to_vec()).kind("ics"),
        new("formats/calendar", "ada.vcf", "an address card", b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nN:;Ada;;;\r\nEMAIL:ada@host.invalid\r\nURL:https://host.invalid/\r\nEND:VCARD\r\n".to_vec()).kind("vcard"),
        new("formats/cms", "letter.txt.p7s", "a signature without what it signs", message::detached()).kind("pkcs7"),
        new("formats/cms", "bundle.pem", "two certificates in one file", certificate.repeat(2).into()).kind("pem"),
        new("formats/openpgp", "letter.txt.asc", "a signature in armor", signature.into()).kind("pgp-signature"),
    ]
}
