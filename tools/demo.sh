#!/bin/sh
# Builds Lazaret, makes a folder of harmless stand-ins and ordinary files, and scans it.
set -eu
cd "$(dirname "$0")/.."
sh tools/prepare.sh
# What other clones on this machine compiled of third-party crates is used, and kept for them.
cargo xtask cache restore release || true
cargo build --release --package lazaret
cargo xtask cache keep release || true
rm -rf lazaret-demo
mkdir -p lazaret-demo
# The EICAR test file, put together here so that this script is not itself taken for it.
printf '%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD' '-ANTIVIRUS-TEST-FILE!$H+H*' > lazaret-demo/eicar.com
printf 'Dear customer,\nthe meeting is on Monday.\n' > lazaret-demo/letter.txt
printf '%%PDF-1.4\n1 0 obj\n<< /Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> >>\nendobj\ntrailer << /Root 1 0 R >>\n%%%%EOF\n' > lazaret-demo/offer.pdf
printf 'Set shell = CreateObject("WScript.Shell")\r\nshell.Run "calc.exe"\r\nWScript.Quit\r\n' > lazaret-demo/invoice.pdf.vbs
printf '[InternetShortcut]\r\nURL=file://host.invalid/share/setup\r\n' > lazaret-demo/open-me.url
tar -C lazaret-demo -czf lazaret-demo/documents.tar.gz letter.txt invoice.pdf.vbs
status=0
./target/release/lazaret scan lazaret-demo || status=$?
# 1 says that something was held or blocked, which is what the demonstration is for.
[ "$status" = 1 ]
