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
    ]
}
