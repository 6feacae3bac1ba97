//! A1, A2, A10, A20, A24: programs and libraries.

use crate::Standin;
use crate::build::program::{CONSOLE, LIBRARY, NATIVE, Pe, app_image, dll, elf, exe, mach_o, universal};
use crate::build::signed::{Flaw, Key, sign};
use crate::build::{noise, zip};

const PROGRAMS: &str = "detect/programs";

pub(super) fn all() -> Vec<Standin> {
    let new = |row, name, what, bytes| Standin::new(row, PROGRAMS, name, what, bytes).blocked();
    let narrow = Pe { wide: false, ..Pe::default() }.build();
    let driver = Pe { characteristics: 0x22, subsystem: NATIVE, imports: Vec::new(), ..Pe::default() }.build();
    let console = Pe { subsystem: CONSOLE, ..Pe::default() }.build();
    let packed = Pe { section: "UPX1", imports: Vec::new(), content: noise(60_000), ..Pe::default() }.build();
    let dense = Pe { content: noise(60_000), ..Pe::default() }.build();
    let padded = [exe(), vec![0; 52 << 20]].concat();
    let signed = sign(console.clone(), Key::P256, Flaw::None);
    let mut changed = sign(exe(), Key::P256, Flaw::None);
    changed[0x410] ^= 1;
    let signature =
        |name, what, bytes| Standin::new("A25", PROGRAMS, name, what, bytes).technique("T1553.002").blocked();
    let pair =
        |name, bytes| Standin::new("A20", "detect/bombs", name, "a program beside a library it would load", bytes);
    vec![
        new("A1", "setup.exe", "a program of 64 bits", exe()).kind("pe64"),
        new("A1", "setup32.exe", "a program of 32 bits", narrow.clone()).kind("pe32"),
        new("A1", "tool.exe", "a console program", console).kind("pe64"),
        new("A1", "holiday.scr", "a screen saver", narrow.clone()).kind("pe32"),
        new("A1", "report.pif", "a program called pif", narrow).kind("pe32"),
        Standin::new(
            "A1",
            PROGRAMS,
            "hello.com",
            "a program of DOS, which has no marks",
            b"\xb8\0\x4c\xcd\x21".to_vec(),
        )
        .kind("com")
        .blocked(),
        new("A1", "panel.cpl", "a control panel item", dll(&["CPlApplet"])).technique("T1218.002"),
        new("A1", "helper.dll", "a library", dll(&["DllRegisterServer"])).kind("pe64-dll"),
        new("A1", "driver.sys", "a driver", driver),
        new("A1", "photo", "a program without an extension", exe()).kind("pe64"),
        new("A2", "tool", "an ELF program", elf()).kind("elf-executable"),
        new("A2", "Tool.AppImage", "an AppImage", app_image()).kind("appimage"),
        new("A2", "tool-mac", "a Mach-O program", mach_o()).kind("macho"),
        new("A2", "tool-universal", "a universal binary", universal()).kind("macho-universal"),
        Standin::new("A10", PROGRAMS, "chart.xll", "an add-in of Excel", dll(&["xlAutoOpen"]))
            .technique("T1137.006")
            .blocked(),
        pair(
            "viewer.zip",
            zip::of(&[("viewer/viewer.exe", &exe()), ("viewer/version.dll", &dll(&["GetFileVersionInfoW"]))]),
        )
        .technique("T1574.001")
        .blocked(),
        Standin::new("A24", PROGRAMS, "big.exe", "a program with 52 MB of zeros", padded)
            .technique("T1027.001")
            .blocked(),
        Standin::new("A24", PROGRAMS, "packed.exe", "a program with the sections of a packer", packed)
            .technique("T1027.002")
            .blocked(),
        Standin::new("A24", PROGRAMS, "dense.exe", "a program of high entropy with few imports", dense)
            .technique("T1027.002")
            .blocked(),
        new(
            "A1",
            "library.dll",
            "a library of 32 bits",
            Pe { wide: false, characteristics: LIBRARY, exports: vec!["Run"], ..Pe::default() }.build(),
        ),
        signature("unsigned.exe", "a program without a signature", exe()).finds("program.unsigned"),
        signature("changed.exe", "a program changed after it was signed", changed)
            .finds("program.changed-after-signing")
            .suspicious(),
        signature("broken.exe", "a program whose signature does not verify", sign(exe(), Key::P256, Flaw::Signature))
            .finds("program.signature-invalid")
            .suspicious(),
        signature("self.exe", "a program that vouches for itself", sign(exe(), Key::P384, Flaw::SelfSigned))
            .finds("program.self-signed"),
        signature("signed.exe", "a signed program, which is still a program", signed).finds("program.signed"),
    ]
}
