//! A19, A21, A23, C12–C16, C25: archives and packages.

use crate::Standin;
use crate::build::archive::{
    self, bzip2, cab, cpio, deb, gzip, lz4, lzip, lzma, rar, rpm, seven_zip, seven_zip_aes, tar, tar_header,
    tar_member, xz, zlib, zstd,
};
use crate::build::page::html;
use crate::build::program::exe;
use crate::build::{base64, eicar, image, mail, noise, zip};
use rars::ArchiveVersion;
use sevenz_rust2::EncoderMethod;

const NAME: &str = "a.com";

pub(super) fn encrypted() -> Vec<Standin> {
    let new = |folder, name, what, bytes| Standin::new("A19", folder, name, what, bytes);
    let zip_of = |password| zip::zip_crypto(NAME, &eicar(), password);
    let locked_7z =
        || seven_zip(&[(NAME, &eicar())], vec![seven_zip_aes("Tr0mbone-77"), EncoderMethod::LZMA2.into()], false);
    let picture = zip::of(&[("password.gif", &image::gif()), ("offer.zip", &zip_of("Zq9-nowhere-told"))]);
    vec![
        new("formats/zip", "invoice.zip", "a ZIP with a usual password", zip_of("infected")).password("infected").payload(NAME),
        new("formats/zip", "invoice-aes.zip", "a ZIP with AES and a usual password", zip::aes(NAME, &eicar(), "infected")).salted().password("infected").payload(NAME),
        new("formats/sevenz", "invoice.7z", "a 7z with a usual password", seven_zip(&[(NAME, &eicar())], vec![seven_zip_aes("infected"), EncoderMethod::LZMA2.into()], true)).salted().password("infected").payload(NAME),
        new("formats/rar", "invoice.rar", "a RAR with a usual password", rar(ArchiveVersion::Rar50, &[(NAME, &eicar())]).password(Some(b"infected".to_vec())).header_encryption(true).to_bytes().expect("memory")).salted().password("infected").payload(NAME),
        new("formats/mail", "locked.eml", "a mail that tells the password of its attachment", mail::with_attachment("Please find the offer attached.\r\nThe password is Tr0mbone-77.\r\n", "offer.7z", &locked_7z())).salted().password("Tr0mbone-77").payload(NAME),
        new("formats/html", "locked.html", "a page that tells the password of its attachment", html("", &format!("<p>Archive password: Tr0mbone-77</p><a download=\"offer.zip\" href=\"data:application/zip;base64,{}\">offer</a>", base64(&zip_of("Tr0mbone-77"))))).password("Tr0mbone-77").payload(NAME),
        new("formats/zip", "offer password Tr0mbone-77.zip", "a ZIP that tells its password in its name", zip_of("Tr0mbone-77")).password("Tr0mbone-77").payload(NAME),
        new("formats/zip", "bundle.zip", "a ZIP beside a text that tells its password", zip::of(&[("offer.zip", &zip_of("Tr0mbone-77")), ("readme.txt", b"The password for the archive is: Tr0mbone-77\r\n")])).password("Tr0mbone-77").payload(NAME),
        new("formats/zip", "picture.zip", "a ZIP whose password is in a picture", picture).locked().blocked(),
        new("formats/zip", "letter.zip", "a ZIP with a document that nobody tells the password of", zip::zip_crypto("letter.pdf", &eicar(), "Zq9-nowhere-told")).locked().held(),
        new("formats/sevenz", "locked.7z", "a 7z that nobody tells the password of", locked_7z()).salted().locked().blocked(),
        new("formats/zip", "dressed.zip", "a locked program dressed as a PDF", zip::zip_crypto("invoice.pdf.exe", &eicar(), "Zq9-nowhere-told")).locked().finds("masquerade.double-extension").blocked(),
    ]
}

pub(super) fn hooks() -> Vec<Standin> {
    let new = |folder, name, what, bytes| Standin::new("A21", folder, name, what, bytes).blocked();
    let npm = |name, what, bytes| {
        Standin::new("A21", "detect/hooks", name, what, bytes).finds("hooks.installation").technique("T1195.002").held()
    };
    let package = |hook: &str| {
        let json = format!(
            "{{\n  \"name\": \"stand-in\",\n  \"version\": \"1.0.0\",\n  \"scripts\": {{ \"{hook}\": \"echo hello\" }}\n}}\n"
        );
        gzip("stand-in.tar", &tar(&[("package/package.json", json.as_bytes()), ("package/README.md", b"# stand-in\n")]))
    };
    let wheel = zip::of(&[
        ("stand_in.pth", b"import os; os.system('echo hello')\n"),
        ("stand_in-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: stand-in\nVersion: 1\n"),
        ("stand_in-1.dist-info/WHEEL", b"Wheel-Version: 1.0\n"),
    ]);
    vec![
        npm("stand-in-1.0.0.tgz", "an npm package with a postinstall hook", package("postinstall")),
        npm("stand-in-2.0.0.tgz", "an npm package with a preinstall hook", package("preinstall"))
            .proves("formats/package"),
        new(
            "formats/tar",
            "stand-in-1.tar.gz",
            "a Python source package",
            gzip(
                "stand-in-1.tar",
                &tar(&[
                    (
                        "stand-in-1/setup.py",
                        b"from setuptools import setup\nimport os\nos.system('echo hello')\nsetup(name='stand-in')\n",
                    ),
                    ("stand-in-1/PKG-INFO", b"Metadata-Version: 2.1\n"),
                ]),
            ),
        )
        .part("setup.py", "py"),
        new("formats/zip", "stand_in-1-py3-none-any.whl", "a wheel with a path file that imports", wheel)
            .technique("T1546.018"),
        new(
            "formats/ar",
            "stand-in.deb",
            "a Debian package with a maintainer's script",
            deb(&[("./postinst", b"#!/bin/sh\necho hello\n")]),
        )
        .kind("deb")
        .part("postinst", "sh"),
        new("formats/rpm", "stand-in.rpm", "an RPM with a script before installation", rpm("echo hello"))
            .kind("rpm")
            .part("", "sh"),
        new("formats/cpio", "files.cpio", "a cpio archive with a payload", cpio(&[("./a.com", &eicar())]))
            .payload(NAME),
        new("formats/ar", "files.a", "an ar archive with a payload", archive::ar(&[("a.com/", &eicar())]))
            .payload(NAME),
    ]
}

pub(super) fn known() -> Vec<Standin> {
    let new = |name, what, bytes: Vec<u8>| Standin::new("A23", "detect/rules/eicar", name, what, bytes);
    vec![
        new("eicar.com", "the test file of the industry", eicar()).payload("eicar.com"),
        new("eicar.txt", "the test file followed by spaces", [eicar(), b"   \r\n".to_vec()].concat())
            .payload("eicar.txt"),
        new(
            "quote.txt",
            "a text that quotes the test file",
            [b"The test file is: ".to_vec(), eicar(), b"\n".repeat(60)].concat(),
        )
        .finds("signature.yara"),
    ]
}

pub(super) fn rars_and_7z() -> Vec<Standin> {
    let files = [("second.txt", &b"second"[..]), (NAME, &eicar())];
    let old = |name, what, version| {
        Standin::new("C14", "formats/rar", name, what, rar(version, &files).to_bytes().expect("memory")).payload(NAME)
    };
    let packed = |name, what, methods: Vec<EncoderMethod>| {
        let methods = methods.into_iter().map(Into::into).collect();
        Standin::new("C14", "formats/sevenz", name, what, seven_zip(&files, methods, false)).payload(NAME)
    };
    let volumes = rar(ArchiveVersion::Rar50, &[("big.bin", &noise(5000))])
        .store(true)
        .volume_size(Some(1500))
        .build_volumes(None)
        .expect("memory");
    let sealed =
        rar(ArchiveVersion::Rar50, &files).password(Some(b"Zq9-nowhere-told".to_vec())).header_encryption(true);
    vec![
        old("a15.rar", "a RAR of version 1.5", ArchiveVersion::Rar15),
        old("a20.rar", "a RAR of version 2", ArchiveVersion::Rar20),
        old("a29.rar", "a RAR of version 3", ArchiveVersion::Rar29),
        old("a50.rar", "a RAR of version 5", ArchiveVersion::Rar50),
        old("a70.rar", "a RAR of version 7", ArchiveVersion::Rar70),
        Standin::new(
            "C14",
            "formats/rar",
            "solid.rar",
            "a solid RAR",
            rar(ArchiveVersion::Rar50, &files).solid(true).to_bytes().expect("memory"),
        )
        .payload(NAME),
        Standin::new("C14", "formats/rar", "a.part1.rar", "a RAR of several volumes", volumes[0].clone())
            .incomplete("volume")
            .held(),
        Standin::new(
            "C14",
            "formats/rar",
            "sealed.rar",
            "a RAR with encrypted headers",
            sealed.to_bytes().expect("memory"),
        )
        .salted()
        .locked()
        .held(),
        packed("lzma.7z", "a 7z with LZMA", vec![EncoderMethod::LZMA]),
        packed("ppmd.7z", "a 7z with PPMd", vec![EncoderMethod::PPMD]),
        packed("delta.7z", "a 7z with the delta filter", vec![EncoderMethod::DELTA_FILTER, EncoderMethod::LZMA2]),
        packed("arm.7z", "a 7z with the filter for ARM", vec![EncoderMethod::BCJ_ARM_FILTER, EncoderMethod::LZMA2]),
        packed("x86.7z", "a 7z with the filter for x86", vec![EncoderMethod::BCJ_X86_FILTER, EncoderMethod::LZMA2]),
        packed("bzip2.7z", "a 7z with bzip2", vec![EncoderMethod::BZIP2]),
    ]
}

pub(super) fn streams() -> Vec<Standin> {
    let new = |name, what, bytes| Standin::new("C15", "formats/gzip", name, what, bytes);
    let member = gzip(NAME, &eicar());
    let (head, tail) = (eicar()[..30].to_vec(), eicar()[30..].to_vec());
    let mut size = member.clone();
    let at = size.len() - 4;
    crate::build::put(&mut size, at, &7u32.to_le_bytes());
    let flags = {
        // FHCRC and FEXTRA beside FNAME (RFC 1952, 2.3.1).
        let plain = archive::deflate(&eicar());
        let mut out = b"\x1f\x8b\x08\x0e\0\0\0\0\x02\xff\x04\0abcd".to_vec();
        out.extend(b"a.com\0");
        let crc = zip::crc32(&out) as u16;
        out.extend(crc.to_le_bytes());
        out.extend(plain);
        out.extend(zip::crc32(&eicar()).to_le_bytes());
        out.extend(68u32.to_le_bytes());
        out
    };
    let stream = |folder, name, what, bytes| Standin::new("C15", folder, name, what, bytes);
    vec![
        new("members.gz", "a payload in two members", [gzip(NAME, &head), gzip("", &tail)].concat()).payload(""),
        new(
            "garbage.gz",
            "a payload with garbage behind it",
            [member.clone(), b"garbage, and more of it".to_vec()].concat(),
        )
        .payload(""),
        new(
            "second.gz",
            "a payload behind an innocent stream",
            [gzip("", b"innocent"), b"garbage".to_vec(), member].concat(),
        )
        .held(),
        new("size.gz", "a wrong length", size).payload(""),
        new("flags.gz", "all fields of the header", flags).payload(""),
        stream("formats/bzip2", "a.com.bz2", "a payload in bzip2", bzip2(&eicar())).payload(""),
        stream("formats/xz", "a.com.xz", "a payload in xz", xz(&eicar())).payload(""),
        stream("formats/lzma", "a.com.lzma", "a payload in lzma", lzma(&eicar())).payload(""),
        stream("formats/lzip", "a.com.lz", "a payload in lzip", lzip(&eicar())).payload(""),
        stream("formats/zstd", "a.com.zst", "a payload in zstd", zstd(&eicar())).payload(""),
        stream(
            "formats/zstd",
            "skip.zst",
            "a payload behind a frame to skip",
            [b"\x50\x2a\x4d\x18\x04\0\0\0skip".to_vec(), zstd(&eicar())].concat(),
        )
        .payload(""),
        stream("formats/lz4", "a.com.lz4", "a payload in lz4", lz4(&eicar())).payload(""),
        stream("formats/zlib", "a.zlib", "a payload in zlib", zlib(&eicar())).payload(""),
        // A stream that stores its bytes in one metablock without compressing (RFC 7932, 9.2): 68 bytes.
        stream(
            "formats/brotli",
            "a.com.br",
            "a payload in brotli",
            [&[0x8b, 0x21, 0x80][..], &eicar(), &[0x03]].concat(),
        )
        .finds("signature.yara")
        .held(),
        // Codes of nine bits of which every byte is its own (compress of 4.3BSD).
        stream("formats/compress", "a.com.Z", "a payload in compress", compress(&eicar())).payload(""),
    ]
}

/// The format of `compress` with codes of nine bits, every byte its own code.
fn compress(plain: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x9d\x90".to_vec();
    let (mut bits, mut count) = (0u32, 0);
    for byte in plain {
        bits |= u32::from(*byte) << count;
        count += 9;
        while count >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    out.push(bits as u8);
    out
}

pub(super) fn tars() -> Vec<Standin> {
    let new = |name, what, bytes| Standin::new("C16", "formats/tar", name, what, bytes);
    let end = || vec![0; 1024];
    let long = format!("{}/a.com", "folder".repeat(30));
    let record = format!("{} path={long}\n", long.len() + 10);
    let pax =
        [tar_member("PaxHeaders/a", record.as_bytes(), b'x'), tar_member("short", &eicar(), b'0'), end()].concat();
    let gnu =
        [tar_member("././@LongLink", format!("{long}\0").as_bytes(), b'L'), tar_member("short", &eicar(), b'0'), end()]
            .concat();
    let mut wrong = tar(&[(NAME, &eicar())]);
    crate::build::put(&mut wrong, 148, b"000001\0 ");
    let sparse = {
        // GNU.sparse.* in version 1.0: the map stands before the data (GNU tar manual, "Storing Sparse Files").
        let pairs = [
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "a.com"),
            ("GNU.sparse.realsize", "68"),
        ];
        let records: String = pairs
            .iter()
            .map(|(key, value)| {
                let rest = format!(" {key}={value}\n");
                let length =
                    (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).expect("a length");
                format!("{length}{rest}")
            })
            .collect();
        let mut data = b"1\n0\n68\n".to_vec();
        data.resize(512, 0);
        data.extend(eicar());
        [tar_member("PaxHeaders/a", records.as_bytes(), b'x'), tar_member("GNUSparseFile.0/a.com", &data, b'0'), end()]
            .concat()
    };
    let old = {
        let mut header = tar_header(NAME, eicar().len(), 0, "");
        crate::build::put(&mut header, 257, &[0; 8]);
        crate::build::put(&mut header, 148, b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        crate::build::put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
        let mut out = [header, eicar()].concat();
        out.resize(out.len().next_multiple_of(512), 0);
        [out, end()].concat()
    };
    vec![
        new("pax.tar", "a long name in pax", pax).payload(NAME),
        new("gnu.tar", "a long name in GNU", gnu).payload(NAME),
        new("sparse.tar", "a sparse file", sparse).payload(""),
        new("sum.tar", "a wrong checksum", wrong).payload(NAME),
        new("old.tar", "a header of version 7", old).payload(NAME),
        new("twice.tar", "one name twice", tar(&[(NAME, b"innocent"), (NAME, &eicar())])).payload(""),
        new(
            "late.tar",
            "a payload behind the end",
            [tar(&[("a.txt", b"innocent")]), tar(&[(NAME, &eicar())])].concat(),
        )
        .payload(NAME),
    ]
}

pub(super) fn nested() -> Vec<Standin> {
    let deep = |levels| (0..levels).fold(eicar(), |inner, _| zip::archive(&[zip::deflated("next.zip", &inner)]));
    let zeros = archive::deflate(&vec![0; 64 << 20]);
    let bomb = zip::archive(&[zip::with_method("zeros.bin", &vec![0; 64 << 20], 8, zeros)]);
    let layers = (0..6).fold(vec![0; 1 << 20], |inner, _| {
        zip::archive(&(0..10).map(|index| zip::deflated(&format!("{index}.zip"), &inner)).collect::<Vec<_>>())
    });
    let many: Vec<zip::Entry> = (0..30_000).map(|index| zip::stored(&format!("{index}"), b"x")).collect();
    let lone = zip::of(&[("setup.exe", &exe())]);
    vec![
        Standin::new("C12", "formats/zip", "deep.zip", "nested 40 deep", deep(40)).incomplete("deep").held(),
        Standin::new("C12", "formats/zip", "deep12.zip", "nested 12 deep", deep(12)).payload(""),
        Standin::new("C13", "formats/zip", "zeros.zip", "64 MB of zeros, inspected whole", bomb)
            .finds("bomb.expands")
            .held(),
        Standin::new("C13", "detect/bombs", "layers.zip", "a million archives in each other", layers)
            .finds("limit.ratio")
            .held(),
        Standin::new("C13", "formats/zip", "many.zip", "30,000 members, inspected whole", zip::archive(&many))
            .delivered(),
        Standin::new(
            "C13",
            "formats/gzip",
            "zeros.gz",
            "zeros in gzip in gzip",
            gzip("", &gzip("", &vec![0; 64 << 20])),
        )
        .held(),
        Standin::new("A20", "detect/bombs", "tool.zip", "an archive with one program", lone)
            .finds("archive.lone-program")
            .blocked(),
    ]
}

pub(super) fn padded() -> Vec<Standin> {
    let mut members: Vec<zip::Entry> = (0..8000).map(|index| zip::stored(&format!("{index}"), b"")).collect();
    members.push(zip::deflated(NAME, &eicar()));
    let behind = [vec![0; 300 << 20], zip::of(&[(NAME, &eicar())])].concat();
    vec![
        Standin::new("C25", "formats/zip", "empty.zip", "a payload behind 8,000 empty members", zip::archive(&members))
            .payload(NAME),
        Standin::new(
            "C25",
            "formats/tar",
            "large.tar",
            "a payload behind 200 MB of zeros",
            tar(&[("zeros.bin", &vec![0; 200 << 20]), (NAME, &eicar())]),
        )
        .payload(NAME),
        Standin::new("C25", "formats/zip", "shifted.zip", "a ZIP behind 300 MB of zeros", behind).payload(NAME),
        Standin::new(
            "C25",
            "formats/cab",
            "files.cab",
            "a cabinet with a payload",
            cab(&[&[("first.txt", b"first"), (NAME, &eicar())]]),
        )
        .payload(NAME),
    ]
}
