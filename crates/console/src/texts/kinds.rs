//! What kinds and classes are called in every language. English has a description of every kind (`lazaret kinds`); other
//! languages have the most common ones, and the class for the rest.

use crate::Language;
use lazaret_model::Class;

/// What a kind is called. `described` is its English description.
pub(crate) fn kind(language: Language, id: &str, class: Class, described: &str) -> String {
    if language == Language::English {
        return described.to_owned();
    }
    let known = KINDS.iter().find(|(known, _)| *known == id);
    let known = known.and_then(|(_, names)| names.get(language.index().checked_sub(1)?));
    known.map_or_else(|| format!("{}, {id}", self::class(language, class)), |name| (*name).to_owned())
}

/// What a class is called.
pub(crate) fn class(language: Language, class: Class) -> &'static str {
    let names = match class {
        Class::Executable => ["program", "Programm", "programme", "programa"],
        Class::Library => {
            ["program library", "Programmbibliothek", "bibliothèque de programme", "biblioteca de programa"]
        }
        Class::Script => ["script", "Skript", "script", "script"],
        Class::Shortcut => ["shortcut", "Verknüpfung", "raccourci", "acceso directo"],
        Class::Installer => ["installer", "Installationspaket", "programme d’installation", "instalador"],
        Class::Archive => ["archive", "Archiv", "archive", "archivo comprimido"],
        Class::DiskImage => ["disk image", "Datenträgerabbild", "image disque", "imagen de disco"],
        Class::Document => ["document", "Dokument", "document", "documento"],
        Class::Mail => ["mail", "Mail", "courriel", "correo"],
        Class::Web => ["web page", "Webseite", "page web", "página web"],
        Class::Image => ["image", "Bild", "image", "imagen"],
        Class::Audio => ["audio", "Audio", "audio", "audio"],
        Class::Video => ["video", "Video", "vidéo", "vídeo"],
        Class::Font => ["font", "Schriftart", "police", "fuente"],
        Class::Text => ["text", "Text", "texte", "texto"],
        Class::Data => ["data", "Daten", "données", "datos"],
        Class::Connection => ["connection", "Verbindung", "connexion", "conexión"],
        Class::Unknown => {
            ["unknown file type", "unbekannter Dateityp", "type de fichier inconnu", "tipo de archivo desconocido"]
        }
    };
    let [english, ..] = names;
    names.get(language.index()).copied().unwrap_or(english)
}

/// Kind ids, with names in German, French and Spanish.
#[rustfmt::skip]
const KINDS: &[(&str, [&str; 3])] = &[
    ("zip", ["ZIP-Archiv", "archive ZIP", "archivo ZIP"]),
    ("7z", ["7-Zip-Archiv", "archive 7-Zip", "archivo 7-Zip"]),
    ("rar4", ["RAR-Archiv", "archive RAR", "archivo RAR"]),
    ("rar5", ["RAR-Archiv", "archive RAR", "archivo RAR"]),
    ("tar", ["tar-Archiv", "archive tar", "archivo tar"]),
    ("gzip", ["gzip-Archiv", "archive gzip", "archivo gzip"]),
    ("cab", ["Windows-CAB-Archiv", "archive CAB de Windows", "archivo CAB de Windows"]),
    ("iso9660", ["CD- oder DVD-Abbild (ISO)", "image de CD ou DVD (ISO)", "imagen de CD o DVD (ISO)"]),
    ("udf", ["DVD-Abbild (UDF)", "image de DVD (UDF)", "imagen de DVD (UDF)"]),
    ("vhd", ["virtuelle Festplatte (VHD)", "disque dur virtuel (VHD)", "disco duro virtual (VHD)"]),
    ("vhdx", ["virtuelle Festplatte (VHDX)", "disque dur virtuel (VHDX)", "disco duro virtual (VHDX)"]),
    ("dmg", ["macOS-Datenträgerabbild", "image disque macOS", "imagen de disco de macOS"]),
    ("docx", ["Word-Dokument", "document Word", "documento de Word"]),
    ("docm", ["Word-Dokument mit Makros", "document Word avec macros", "documento de Word con macros"]),
    ("doc", ["Word-97-Dokument", "document Word 97", "documento de Word 97"]),
    ("xlsx", ["Excel-Arbeitsmappe", "classeur Excel", "libro de Excel"]),
    ("xlsm", ["Excel-Arbeitsmappe mit Makros", "classeur Excel avec macros", "libro de Excel con macros"]),
    ("xlsb", ["binäre Excel-Arbeitsmappe", "classeur Excel binaire", "libro binario de Excel"]),
    ("xls", ["Excel-97-Arbeitsmappe", "classeur Excel 97", "libro de Excel 97"]),
    ("pptx", ["PowerPoint-Präsentation", "présentation PowerPoint", "presentación de PowerPoint"]),
    ("pptm", ["PowerPoint-Präsentation mit Makros", "présentation PowerPoint avec macros", "presentación de PowerPoint con macros"]),
    ("ppt", ["PowerPoint-97-Präsentation", "présentation PowerPoint 97", "presentación de PowerPoint 97"]),
    ("ooxml-encrypted", ["verschlüsseltes Office-Dokument", "document Office chiffré", "documento de Office cifrado"]),
    ("odt", ["OpenDocument-Text", "texte OpenDocument", "texto OpenDocument"]),
    ("ods", ["OpenDocument-Tabelle", "classeur OpenDocument", "hoja de cálculo OpenDocument"]),
    ("odp", ["OpenDocument-Präsentation", "présentation OpenDocument", "presentación OpenDocument"]),
    ("rtf", ["RTF-Dokument", "document RTF", "documento RTF"]),
    ("pdf", ["PDF-Dokument", "document PDF", "documento PDF"]),
    ("one", ["OneNote-Abschnitt", "section OneNote", "sección de OneNote"]),
    ("chm", ["kompilierte HTML-Hilfe", "aide HTML compilée", "ayuda HTML compilada"]),
    ("eml", ["Mail", "courriel", "mensaje de correo"]),
    ("msg", ["Outlook-Nachricht", "message Outlook", "mensaje de Outlook"]),
    ("html", ["Webseite", "page web", "página web"]),
    ("svg", ["SVG-Zeichnung", "dessin SVG", "dibujo SVG"]),
    ("form-data", ["Formular, das ein Browser sendet", "formulaire envoyé par un navigateur", "formulario que envía un navegador"]),
    ("pe32", ["Windows-Programm, 32 Bit", "programme Windows, 32 bits", "programa de Windows de 32 bits"]),
    ("pe64", ["Windows-Programm, 64 Bit", "programme Windows, 64 bits", "programa de Windows de 64 bits"]),
    ("pe32-dll", ["Windows-Bibliothek, 32 Bit", "bibliothèque Windows, 32 bits", "biblioteca de Windows de 32 bits"]),
    ("pe64-dll", ["Windows-Bibliothek, 64 Bit", "bibliothèque Windows, 64 bits", "biblioteca de Windows de 64 bits"]),
    ("elf-executable", ["Linux-Programm", "programme Linux", "programa de Linux"]),
    ("macho", ["macOS-Programm", "programme macOS", "programa de macOS"]),
    ("macho-universal", ["macOS-Programm", "programme macOS", "programa de macOS"]),
    ("jar", ["Java-Programm (JAR)", "programme Java (JAR)", "programa de Java (JAR)"]),
    ("wasm", ["WebAssembly-Modul", "module WebAssembly", "módulo WebAssembly"]),
    ("js", ["JavaScript", "JavaScript", "JavaScript"]),
    ("vbs", ["VBScript", "VBScript", "VBScript"]),
    ("hta", ["HTML-Anwendung", "application HTML", "aplicación HTML"]),
    ("ps1", ["PowerShell-Skript", "script PowerShell", "script de PowerShell"]),
    ("bat", ["Windows-Stapeldatei", "fichier de commandes Windows", "archivo por lotes de Windows"]),
    ("sh", ["Shell-Skript", "script shell", "script de shell"]),
    ("py", ["Python-Skript", "script Python", "script de Python"]),
    ("vba", ["VBA-Makro", "macro VBA", "macro de VBA"]),
    ("command-line", ["Befehlszeile", "ligne de commande", "línea de órdenes"]),
    ("lnk", ["Windows-Verknüpfung", "raccourci Windows", "acceso directo de Windows"]),
    ("url", ["Internetverknüpfung", "raccourci internet", "acceso directo a internet"]),
    ("url-target", ["Ort, auf den eine Datei zeigt", "emplacement désigné par un fichier", "lugar al que apunta un archivo"]),
    ("msi", ["Windows-Installationspaket", "paquet d’installation Windows", "paquete de instalación de Windows"]),
    ("msix", ["Windows-App-Paket", "paquet d’application Windows", "paquete de aplicación de Windows"]),
    ("deb", ["Debian-Paket", "paquet Debian", "paquete de Debian"]),
    ("rpm", ["RPM-Paket", "paquet RPM", "paquete RPM"]),
    ("pkg", ["macOS-Installationspaket", "paquet d’installation macOS", "paquete de instalación de macOS"]),
    ("apk", ["Android-App", "application Android", "aplicación de Android"]),
    ("crx", ["Chrome-Erweiterung", "extension Chrome", "extensión de Chrome"]),
    ("xpi", ["Browser-Erweiterung", "extension de navigateur", "extensión de navegador"]),
    ("whl", ["Python-Paket (wheel)", "paquet Python (wheel)", "paquete de Python (wheel)"]),
    ("text", ["Text", "texte", "texto"]),
    ("csv", ["Tabelle als Text", "tableau en texte", "tabla en texto"]),
    ("json", ["JSON-Daten", "données JSON", "datos JSON"]),
    ("xml", ["XML-Daten", "données XML", "datos XML"]),
    ("empty", ["leere Datei", "fichier vide", "archivo vacío"]),
    ("unknown", ["unbekannter Dateityp", "type de fichier inconnu", "tipo de archivo desconocido"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_name_in_every_language() {
        for language in Language::ALL {
            let names: std::collections::BTreeSet<_> = Class::ALL.into_iter().map(|one| class(language, one)).collect();
            assert_eq!(names.len(), Class::ALL.len(), "{language:?}: two classes have one name: {names:?}");
            assert!(names.iter().all(|name| !name.is_empty()));
        }
    }

    #[test]
    fn a_kind_without_a_name_of_its_own_is_called_by_its_class() {
        assert_eq!(
            kind(Language::English, "pe32", Class::Executable, "Windows program, 32 bit"),
            "Windows program, 32 bit"
        );
        assert_eq!(kind(Language::German, "pe32", Class::Executable, ""), "Windows-Programm, 32 Bit");
        assert_eq!(kind(Language::Spanish, "xbe", Class::Executable, "Xbox program"), "programa, xbe");
        for (id, names) in KINDS {
            assert!(names.iter().all(|name| !name.is_empty()), "{id}");
            assert_eq!(KINDS.iter().filter(|(other, _)| other == id).count(), 1, "{id} stands here twice");
        }
    }
}
