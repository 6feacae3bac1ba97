//! English.

use super::Texts;

pub(super) const TEXTS: Texts = Texts {
    held: "This download is being held back",
    blocked: "This download was stopped",
    safe: "Nothing has reached your computer, and you have done nothing wrong.",
    file: "File",
    from: "From",
    what: "What stopped it",
    why: "Why",
    what_now: "What you can do",
    advice_held: &[
        "If you do not need the file, simply close this page.",
        "If you need it, tell whoever looks after your computers the reference below. They can look at the file and release it.",
        "If it is a locked archive, ask the sender to share it another way: what nobody can look into, nobody can vouch for.",
    ],
    advice_blocked: &[
        "If you did not expect this file, close this page. That is all.",
        "If it came by mail or message, do not try another link from it. Ask the sender through a channel you already know.",
        "If you need it for your work, tell whoever looks after your computers the reference below.",
    ],
    coming: "This download is being inspected",
    coming_soon: "It will start by itself as soon as it is known to be clean. You can leave this page open.",
    there: "Received",
    unlock: "I know its password: open it",
    ask: "Ask for this file",
    reference: "Reference",
    detail: "Detail",
    failed: "The file could not be inspected, so it is not handed over unseen.",
    too_large: "The file is larger than what is inspected here.",
    lessons: &[
        (
            "suspicious-sites",
            "Some sites exist to trick you",
            "This site is known for spreading harmful files or for false pages. If a message led you here, tell whoever looks after your computers: others will have got it, too.",
        ),
        (
            "programs",
            "Programs come from a place, not from a link",
            "A program can do everything that you can do. Get programs from your own IT or from the maker's site that you typed in yourself, never from a page or message that tells you to install something now.",
        ),
        (
            "scripts",
            "A script is a program in plain clothes",
            "Files that end in .js, .vbs, .ps1, .bat or .hta look like text and run like programs. Nobody sends an invoice or a form that way.",
        ),
        (
            "shortcuts",
            "A shortcut can lead anywhere",
            "A shortcut shows whatever picture it likes and starts whatever it likes. Inside a download it is there to start something that you did not choose.",
        ),
        (
            "disk-images",
            "A disk image hides where files came from",
            "Files in a disk image lose the mark that says they came from the internet, and with it the warnings. That is why they are popular with people who want to get past those warnings.",
        ),
        (
            "masquerade",
            "Read the end of the name",
            "Your system opens a file by the end of its name, not by its picture. “invoice.pdf.exe” is a program. A file that pretends to be something else has a reason to.",
        ),
        (
            "malware",
            "One click is all they need",
            "This file does what malicious files do. If somebody urged you to open it quickly, that hurry was part of the trick.",
        ),
        (
            "macros",
            "A document does not need your permission",
            "Documents that ask you to “enable content” or that run something when opened are asking to use your computer. Real letters and tables can be read without.",
        ),
        (
            "unknown-kinds",
            "What nobody knows, nobody can check",
            "This file is of a kind that is not used here. Ask the sender for a common format, such as PDF.",
        ),
        (
            "locked-archives",
            "A locked archive also locks out the checks",
            "A password on an archive keeps scanners out. When the password comes in the same message, it protects nobody but the sender of something bad.",
        ),
    ],
    troubles: &[
        ("protocol", "The site's answer makes no sense"),
        ("request", "This request makes no sense to a proxy"),
        ("misdirected", "This request was meant for another site"),
        ("name", "There is no site of that name"),
        ("unreachable", "The site cannot be reached"),
        ("certificate", "The site cannot prove that it is the site you asked for"),
        ("silent", "The site does not answer"),
        ("private", "This address is not reachable from where you are"),
        ("loop", "This request goes round in circles"),
        ("websocket", "Connections of this kind are not allowed here"),
        ("credentials", "Please say who you are"),
        ("busy", "So much is under way here that nobody can look at this now; please try again in a moment"),
    ],
};
