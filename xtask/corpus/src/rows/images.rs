//! A14, A15, A22, C17, C18: disk images, installers, images of machines.

use crate::Standin;
use crate::build::archive::{cab, gzip, seven_zip, tar};
use crate::build::compound::msi;
use crate::build::program::{dll, exe};
use crate::build::shortcut::Lnk;
use crate::build::{eicar, image, noise, zip};
use sevenz_rust2::EncoderMethod;

pub(super) fn all() -> Vec<Standin> {
    let link = Lnk {
        target: "..\\rundll32.exe",
        arguments: "data.dll,Start",
        icon: "%SystemRoot%\\explorer.exe",
        minimised: true,
    }
    .build();
    let library = dll(&["Start"]);
    let content = zip::of(&[("open.lnk", &link), ("data.dll", &library)]);
    let disk = |name, what, kind, bytes| Standin::new("A14", "formats/iso9660", name, what, bytes).kind(kind).blocked();
    let mut all = vec![
        disk(
            "scan.iso",
            "an ISO with a shortcut and a library",
            "iso9660",
            image::iso_of(&[("OPEN.LNK", &link), ("DATA.DLL", &library)]),
        )
        .part("OPEN.LNK", "lnk")
        .part("DATA.DLL", "pe64-dll"),
        disk("scan.img", "an ISO called img with a payload", "iso9660", image::iso_of(&[("A.COM", &eicar())]))
            .payload("A.COM"),
        disk("scan-udf.iso", "a UDF image", "udf", image::udf(&content)).incomplete(""),
        disk("disk.img", "a FAT image with a shortcut", "fat", image::fat(b"OPEN    LNK", &link)).incomplete(""),
        disk("disk.vhd", "a VHD with a shortcut and a library", "vhd", image::vhd(&image::fat(b"OPEN    LNK", &link)))
            .incomplete(""),
        disk("disk.vhdx", "a VHDX", "vhdx", image::vhdx()).incomplete(""),
        disk("disk.dmg", "a DMG", "dmg", image::dmg(&noise(4096))).incomplete(""),
        disk("disk.wim", "a WIM", "wim", image::wim()).incomplete(""),
    ];
    let chm = [&b"ITSF\x03\0\0\0\x60\0\0\0\x01\0\0\0\0\0\0\0\x09\x04\0\0\x10\xfd\x01\x7c\xaa\x7b\xd0\x11\x9e\x0c\0\xa0\xc9\x22\xe6\xec"[..], &[0; 200]].concat();
    let nsis = [exe(), b"\0\0\0\0\xef\xbe\xad\xdeNullsoftInst\0\x10\0\0\0\x40\0\0".to_vec(), vec![7; 64]].concat();
    let inno = [exe(), b"Inno Setup Setup Data (6.2.0) (u)".to_vec(), vec![0; 64]].concat();
    let sfx = [exe(), seven_zip(&[("a.com", &eicar())], vec![EncoderMethod::LZMA2.into()], false)].concat();
    let msix = zip::of(&[
        ("AppxManifest.xml", b"<?xml version=\"1.0\"?><Package xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\"><Applications><Application Id=\"A\" Executable=\"a.exe\"/></Applications></Package>"),
        ("[Content_Types].xml", b"<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>"),
        ("a.exe", &exe()),
    ]);
    let installer = |folder, name, what, bytes| Standin::new("A15", folder, name, what, bytes).blocked();
    all.extend([
        installer("formats/cfb", "help.chm", "a help file", chm).kind("chm").incomplete(""),
        installer(
            "formats/cfb",
            "setup.msi",
            "an MSI with a custom action",
            msi(("cmd.exe", "/c echo hello"), b"nothing"),
        )
        .kind("msi")
        .part("run", "command-line"),
        installer("formats/cfb", "payload.msi", "an MSI with a payload", msi(("a.exe", "/q"), &eicar()))
            .payload("Binary.payload"),
        installer("formats/zip", "app.msix", "an MSIX package", msix).kind("msix").part("a.exe", "pe64"),
        installer("formats/cab", "files.cab", "a cabinet with a program", cab(&[&[("a.exe", &exe())]]))
            .kind("cab")
            .part("a.exe", "pe64"),
        installer("formats/sevenz", "nsis.exe", "an installer of NSIS", nsis).kind("nsis"),
        installer("formats/sevenz", "inno.exe", "an installer of Inno Setup", inno).kind("inno-setup"),
        installer("formats/sevenz", "sfx.exe", "a self-extracting 7z with a payload", sfx).payload("a.com"),
    ]);
    let layer = tar(&[("etc/motd", b"hello\n"), ("usr/bin/run", b"#!/bin/sh\necho hello\n")]);
    let saved = tar(&[
        ("manifest.json", b"[{\"Config\":\"config.json\",\"RepoTags\":[\"stand-in:1\"],\"Layers\":[\"layer.tar\"]}]"),
        ("config.json", b"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/bin/sh\",\"-c\",\"echo hello\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"),
        ("layer.tar", &layer),
    ]);
    let oci = tar(&[
        ("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}"),
        ("index.json", b"{\"schemaVersion\":2,\"manifests\":[]}"),
        ("blobs/sha256/0", &gzip("", &layer)),
    ]);
    let ova = tar(&[
        ("machine.ovf", b"<?xml version=\"1.0\"?><Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\"/>"),
        ("disk.vmdk", b"KDMV\x01\0\0\0\x03\0\0\0"),
    ]);
    all.extend([
        Standin::new("A22", "formats/tar", "image.tar", "a saved container with an entry point", saved)
            .part("usr/bin/run", "sh")
            .blocked(),
        Standin::new("A22", "formats/tar", "oci.tar", "an OCI layout", oci).part("usr/bin/run", "sh").blocked(),
        Standin::new("A22", "formats/tar", "machine.ova", "a virtual appliance", ova).blocked(),
        Standin::new("A22", "formats/iso9660", "disk.qcow2", "a disk of QEMU", image::qcow2())
            .kind("qcow2")
            .incomplete("")
            .blocked(),
    ]);
    let inner = cab(&[&[("a.com", &eicar())], &[("second.txt", b"second")]]);
    all.extend([
        Standin::new(
            "C17",
            "formats/cab",
            "nested.cab",
            "a cabinet in an installer in a cabinet",
            cab(&[&[("setup.msi", &msi(("a.exe", ""), &inner))]]),
        )
        .payload("a.com"),
        Standin::new("C17", "formats/cab", "folders.cab", "a cabinet of several folders", inner).payload("a.com"),
    ]);
    let tree = |name, what, files: &[(Option<&str>, Option<&str>, &[u8])]| {
        Standin::new("C18", "formats/iso9660", name, what, image::iso(files)).blocked()
    };
    let mut beyond = image::iso_of(&[("README.TXT", b"nothing"), ("A.COM", &eicar())]);
    // The volume claims to end before the second file.
    crate::build::put(&mut beyond, 16 * 2048 + 80, &23u32.to_le_bytes());
    let bridge = {
        let mut bytes = image::iso_of(&[("README.TXT", b"nothing")]);
        let udf = image::udf(&eicar());
        bytes.resize(udf.len(), 0);
        for sector in 0..3 {
            let from = (16 + sector) * 2048;
            bytes[(19 + sector) * 2048..(20 + sector) * 2048].copy_from_slice(&udf[from..from + 2048]);
        }
        bytes
    };
    all.extend([
        tree(
            "joliet.iso",
            "a file that only the Joliet tree shows",
            &[(Some("README.TXT"), Some("readme.txt"), b"nothing"), (None, Some("a.com"), &eicar())],
        )
        .payload("a.com"),
        tree(
            "primary.iso",
            "a file that only the primary tree shows",
            &[(Some("README.TXT"), Some("readme.txt"), b"nothing"), (Some("A.COM"), None, &eicar())],
        )
        .payload("A.COM"),
        Standin::new(
            "C18",
            "formats/zisofs",
            "packed.iso",
            "a payload that the image keeps compressed",
            image::iso_of(&[("A.COM", &image::zisofs(&eicar()))]),
        )
        .payload(""),
        Standin::new("C18", "formats/iso9660", "beyond.iso", "a file behind the end of the volume", beyond)
            .payload("A.COM"),
        Standin::new("C18", "formats/iso9660", "bridge.iso", "an ISO that is UDF too", bridge).incomplete("").blocked(),
    ]);
    all
}
