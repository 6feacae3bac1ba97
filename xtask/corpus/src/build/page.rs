//! Pages, PDF documents and RTF.

/// A page with this head and body.
pub fn html(head: &str, body: &str) -> Vec<u8> {
    format!("<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Documents</title>{head}</head>\n<body>{body}</body>\n</html>\n")
        .into_bytes()
}

/// A PDF file (ISO 32000-1, 7.5) with these objects, the first of which is the catalogue.
pub fn pdf(objects: &[&str]) -> Vec<u8> {
    let objects: Vec<Vec<u8>> = objects.iter().map(|object| object.as_bytes().to_vec()).collect();
    pdf_of(&objects)
}

/// A PDF file with these objects as bytes.
pub fn pdf_of(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", index + 1).bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let trailer = format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    out.extend(trailer.bytes());
    out
}

/// A stream object of a PDF, deflated.
pub fn pdf_stream(dictionary: &str, plain: &[u8]) -> Vec<u8> {
    let data = super::archive::zlib(plain);
    let head = format!("<< {dictionary} /Filter /FlateDecode /Length {} >>\nstream\n", data.len());
    [head.as_bytes(), &data, b"\nendstream"].concat()
}

/// An RTF document (RTF 1.9.1) with one object in it, whose data is these bytes.
pub fn rtf_object(controls: &str, data: &[u8]) -> Vec<u8> {
    let data = super::hex(data);
    format!("{{\\rtf1\\ansi See below.\\par{{\\object{controls}{{\\*\\objdata {data}}}}}}}").into_bytes()
}

/// Embedded data of an object of OLE 1.0 (MS-OLEDS 2.2.5).
pub fn ole1(class: &str, native: &[u8]) -> Vec<u8> {
    let mut out = vec![1, 5, 0, 0, 2, 0, 0, 0];
    out.extend((class.len() as u32 + 1).to_le_bytes());
    out.extend(class.as_bytes());
    out.extend([0; 9]);
    out.extend((native.len() as u32).to_le_bytes());
    out.extend(native);
    out
}

/// The content of a `Package` object: a file with its name.
pub fn package(name: &str, data: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0];
    out.extend(name.as_bytes());
    out.extend(b"\0C:\\temp\0\0\0\x03\0\x05\0\0\0temp\0");
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

/// A OneNote section with these embedded files (MS-ONESTORE 2.6.13).
pub fn onenote(files: &[&[u8]]) -> Vec<u8> {
    const FILE: &[u8] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
    let mut out = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3".to_vec();
    out.extend([0; 64]);
    for file in files {
        out.extend(FILE);
        out.extend((file.len() as u64).to_le_bytes());
        out.extend([0; 12]);
        out.extend(*file);
        out.extend([0; 16]);
    }
    out
}
