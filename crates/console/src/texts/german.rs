//! German.

use super::Texts;

pub(super) const TEXTS: Texts = Texts {
    held: "Dieser Download wird zurückgehalten",
    blocked: "Dieser Download wurde angehalten",
    safe: "Auf Ihrem Computer ist nichts angekommen, und Sie haben nichts falsch gemacht.",
    file: "Datei",
    from: "Von",
    what: "Was den Ausschlag gab",
    why: "Warum",
    what_now: "Was Sie tun können",
    advice_held: &[
        "Wenn Sie die Datei nicht brauchen, schließen Sie einfach diese Seite.",
        "Wenn Sie sie brauchen, nennen Sie denen, die Ihre Computer betreuen, das Aktenzeichen unten. Sie können die Datei ansehen und freigeben.",
        "Ist es ein verschlüsseltes Archiv, bitten Sie den Absender um einen anderen Weg: Wofür niemand hineinsehen kann, dafür kann niemand bürgen.",
    ],
    advice_blocked: &[
        "Wenn Sie diese Datei nicht erwartet haben, schließen Sie diese Seite. Mehr ist nicht nötig.",
        "Kam sie per Mail oder Nachricht, versuchen Sie keinen anderen Link daraus. Fragen Sie den Absender auf einem Weg, den Sie schon kennen.",
        "Wenn Sie sie für Ihre Arbeit brauchen, nennen Sie denen, die Ihre Computer betreuen, das Aktenzeichen unten.",
    ],
    coming: "Dieser Download wird geprüft",
    coming_soon: "Er beginnt von selbst, sobald feststeht, dass nichts gegen ihn spricht. Lassen Sie diese Seite einfach offen.",
    there: "Empfangen",
    unlock: "Ich kenne das Passwort: öffnen",
    ask: "Um diese Datei bitten",
    reference: "Aktenzeichen",
    detail: "Einzelheit",
    failed: "Die Datei konnte nicht geprüft werden und wird deshalb nicht ungesehen übergeben.",
    too_large: "Die Datei ist größer als das, was hier geprüft wird.",
    lessons: &[
        (
            "suspicious-sites",
            "Manche Seiten gibt es nur, um zu täuschen",
            "Diese Seite ist dafür bekannt, schädliche Dateien oder falsche Seiten zu verbreiten. Wenn eine Nachricht Sie hierher geführt hat, sagen Sie es denen, die Ihre Computer betreuen: andere haben sie auch bekommen.",
        ),
        (
            "programs",
            "Programme kommen von einem Ort, nicht von einem Link",
            "Ein Programm darf alles, was Sie dürfen. Holen Sie Programme bei Ihrer eigenen IT oder auf der Seite des Herstellers, deren Adresse Sie selbst eingetippt haben, nie von einer Seite oder Nachricht, die Sie drängt, jetzt etwas zu installieren.",
        ),
        (
            "scripts",
            "Ein Skript ist ein Programm in Zivil",
            "Dateien, die auf .js, .vbs, .ps1, .bat oder .hta enden, sehen aus wie Text und laufen wie Programme. Niemand verschickt so eine Rechnung oder ein Formular.",
        ),
        (
            "shortcuts",
            "Eine Verknüpfung kann überallhin führen",
            "Eine Verknüpfung zeigt das Bild, das sie will, und startet, was sie will. In einem Download ist sie da, um etwas zu starten, das Sie nicht gewählt haben.",
        ),
        (
            "disk-images",
            "Ein Datenträgerabbild verbirgt, woher Dateien kommen",
            "Dateien in einem Abbild verlieren die Kennzeichnung, dass sie aus dem Internet stammen, und damit die Warnungen. Deshalb sind sie bei denen beliebt, die an diesen Warnungen vorbei wollen.",
        ),
        (
            "masquerade",
            "Lesen Sie das Ende des Namens",
            "Ihr System öffnet eine Datei nach dem Ende ihres Namens, nicht nach ihrem Bild. „rechnung.pdf.exe“ ist ein Programm. Eine Datei, die sich verkleidet, hat einen Grund dazu.",
        ),
        (
            "malware",
            "Ein Klick genügt ihnen",
            "Diese Datei tut, was schädliche Dateien tun. Wenn jemand Sie gedrängt hat, sie schnell zu öffnen, gehörte die Eile zum Trick.",
        ),
        (
            "macros",
            "Ein Dokument braucht Ihre Erlaubnis nicht",
            "Dokumente, die Sie bitten, „Inhalte zu aktivieren“, oder die beim Öffnen etwas ausführen, wollen Ihren Computer benutzen. Echte Briefe und Tabellen lassen sich ohne das lesen.",
        ),
        (
            "unknown-kinds",
            "Was niemand kennt, kann niemand prüfen",
            "Diese Datei ist von einer Art, die hier nicht verwendet wird. Bitten Sie den Absender um ein gebräuchliches Format, etwa PDF.",
        ),
        (
            "locked-archives",
            "Ein verschlossenes Archiv sperrt auch die Prüfung aus",
            "Ein Passwort auf einem Archiv hält Prüfprogramme fern. Kommt das Passwort in derselben Nachricht, schützt es nur den, der etwas Schlechtes verschickt.",
        ),
    ],
    troubles: &[
        ("protocol", "Die Antwort der Seite ergibt keinen Sinn"),
        ("request", "Mit dieser Anfrage kann ein Proxy nichts anfangen"),
        ("misdirected", "Diese Anfrage war für eine andere Seite bestimmt"),
        ("name", "Es gibt keine Seite dieses Namens"),
        ("unreachable", "Die Seite ist nicht erreichbar"),
        ("certificate", "Die Seite kann nicht beweisen, dass sie die ist, die Sie wollten"),
        ("silent", "Die Seite antwortet nicht"),
        ("private", "Diese Adresse ist von hier aus nicht erreichbar"),
        ("loop", "Diese Anfrage dreht sich im Kreis"),
        ("websocket", "Verbindungen dieser Art sind hier nicht erlaubt"),
        ("credentials", "Bitte sagen Sie, wer Sie sind"),
        (
            "busy",
            "Hier ist so viel unterwegs, dass sich das jetzt niemand ansehen kann; bitte versuchen Sie es gleich noch einmal",
        ),
    ],
};
