//! What is told of how something is built and what is known of it: names, archives, documents, programs, signatures, the analysis itself.

use super::Row;

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("analysis-failed", [
        "Die Prüfung kam zu keinem Ende",
        "L’examen n’a pas abouti",
        "El examen no llegó a su fin",
    ]),
    ("analysis.clamd-failed", [
        "Ein weiteres Prüfprogramm (clamd) gab keine Antwort",
        "Un autre programme d’analyse (clamd) n’a pas répondu",
        "Otro programa de análisis (clamd) no respondió",
    ]),
    ("analysis.detector-failed", [
        "Ein Teil der Prüfung konnte diese Datei nicht beurteilen",
        "Une partie de l’examen n’a pas pu juger ce fichier",
        "Una parte del examen no pudo juzgar este archivo",
    ]),
    ("archive.link-escapes", [
        "Das Archiv enthält einen Verweis, der aus ihm hinausführt",
        "L’archive contient un lien qui mène hors d’elle",
        "El archivo comprimido contiene un enlace que lleva fuera de él",
    ]),
    ("archive.lone-program", [
        "Das Archiv oder Abbild enthält nichts als ein Programm",
        "L’archive ou l’image ne contient rien d’autre qu’un programme",
        "El archivo comprimido o la imagen no contiene más que un programa",
    ]),
    ("archive.path-escapes", [
        "Ein Name im Archiv führt aus dem Ordner hinaus, in den es entpackt wird",
        "Un nom de l’archive mène hors du dossier où elle est extraite",
        "Un nombre del archivo comprimido lleva fuera de la carpeta en la que se extrae",
    ]),
    ("archive.shortcut-beside-program", [
        "Das Archiv oder Abbild enthält eine Verknüpfung neben dem, was sie startet",
        "L’archive ou l’image contient un raccourci à côté de ce qu’il lance",
        "El archivo comprimido o la imagen contiene un acceso directo junto a lo que inicia",
    ]),
    ("archive.side-loading", [
        "Ein Programm würde statt der Bibliothek des Systems eine laden, die neben ihm liegt",
        "Un programme chargerait, au lieu de la bibliothèque du système, celle qui se trouve à côté de lui",
        "Un programa cargaría, en lugar de la biblioteca del sistema, la que está junto a él",
    ]),
    ("bomb.contains-itself", [
        "Das Archiv enthält sich selbst",
        "L’archive se contient elle-même",
        "El archivo comprimido se contiene a sí mismo",
    ]),
    ("bomb.copies", [
        "Das Archiv enthält viele gleiche Archive, wie es Archivbomben tun",
        "L’archive contient de nombreuses archives identiques, comme le font les bombes de décompression",
        "El archivo comprimido contiene muchos archivos iguales, como hacen las bombas de descompresión",
    ]),
    ("bomb.empty-members", [
        "Fast alles in dem Archiv ist leer, was Prüfprogramme vor dem Rest ermüdet",
        "Presque tout est vide dans l’archive, ce qui épuise les programmes d’analyse avant le reste",
        "Casi todo en el archivo comprimido está vacío, lo que agota a los programas de análisis antes del resto",
    ]),
    ("bomb.expands", [
        "Etwas in dem Archiv wird beim Entpacken um ein Vielfaches größer als das ganze Archiv",
        "Un élément de l’archive devient, une fois extrait, bien plus grand que l’archive entière",
        "Algo del archivo comprimido ocupa, una vez extraído, mucho más que el archivo entero",
    ]),
    ("document.dde-cell", [
        "Eine Zelle der Tabelle lässt ein anderes Programm einen Befehl ausführen (DDE)",
        "Une cellule du tableau demande à un autre programme d’exécuter une commande (DDE)",
        "Una celda de la tabla pide a otro programa que ejecute una orden (DDE)",
    ]),
    ("document.dde-field", [
        "Ein Feld des Dokuments lässt ein anderes Programm einen Befehl ausführen (DDE)",
        "Un champ du document demande à un autre programme d’exécuter une commande (DDE)",
        "Un campo del documento pide a otro programa que ejecute una orden (DDE)",
    ]),
    ("document.embedded-program", [
        "Das Dokument enthält ein Programm",
        "Le document contient un programme",
        "El documento contiene un programa",
    ]),
    ("document.equation-editor", [
        "Das Dokument enthält ein Objekt des alten Formeleditors, der für seine Sicherheitslücken bekannt ist",
        "Le document contient un objet de l’ancien éditeur d’équations, connu pour ses failles",
        "El documento contiene un objeto del antiguo editor de ecuaciones, conocido por sus vulnerabilidades",
    ]),
    ("document.equation-odd", [
        "Was der alte Formeleditor zeichnen soll, ist keine Formel, die er schreibt",
        "Ce que l’ancien éditeur d’équations doit dessiner n’est pas une équation qu’il écrit",
        "Lo que el antiguo editor de ecuaciones debe dibujar no es una ecuación que él escriba",
    ]),
    ("document.equation-overflow", [
        "Eine Formel des Dokuments übernimmt den alten Formeleditor",
        "Une équation du document prend le contrôle de l’ancien éditeur d’équations",
        "Una ecuación del documento toma el control del antiguo editor de ecuaciones",
    ]),
    ("document.ole-link", [
        "Ein Objekt des Dokuments lädt von selbst, wenn das Dokument geöffnet wird",
        "Un objet du document se charge de lui-même à l’ouverture du document",
        "Un objeto del documento se carga por sí mismo al abrir el documento",
    ]),
    ("document.remote-field", [
        "Ein Feld des Dokuments holt, was es zeigt, von einem anderen Rechner",
        "Un champ du document va chercher ce qu’il affiche sur une autre machine",
        "Un campo del documento obtiene lo que muestra de otro equipo",
    ]),
    ("document.remote-template", [
        "Das Dokument holt beim Öffnen eine Vorlage von einem anderen Rechner",
        "Le document va chercher un modèle sur une autre machine à son ouverture",
        "El documento obtiene una plantilla de otro equipo al abrirse",
    ]),
    ("iso.beyond-volume", [
        "Hinter dem Ende des Abbilds liegen weitere Dateien",
        "Des fichiers se trouvent après la fin de l’image",
        "Hay archivos tras el final de la imagen",
    ]),
    ("iso.hidden-files", [
        "Das Abbild enthält verborgene Dateien",
        "L’image contient des fichiers cachés",
        "La imagen contiene archivos ocultos",
    ]),
    ("iso.hidden-tree", [
        "Das Abbild zeigt manchen Systemen andere Dateien als anderen",
        "L’image montre à certains systèmes d’autres fichiers qu’à d’autres",
        "La imagen muestra a unos sistemas otros archivos que a otros",
    ]),
    ("limit.reached", [
        "Es enthält mehr, als hier geprüft wird",
        "Il contient plus que ce qui est examiné ici",
        "Contiene más de lo que aquí se examina",
    ]),
    ("mail.conflicting-headers", [
        "Die Kopfzeilen der Mail sagen zweierlei, sodass andere Programme sie anders lesen",
        "Les en-têtes du courriel disent deux choses différentes, si bien que d’autres programmes le lisent autrement",
        "Las cabeceras del correo dicen dos cosas distintas, de modo que otros programas lo leen de otra manera",
    ]),
    ("masquerade.bidi", [
        "Unsichtbare Zeichen im Namen verbergen, worauf er endet",
        "Des caractères invisibles dans le nom cachent ce par quoi il se termine",
        "Caracteres invisibles en el nombre ocultan en qué termina",
    ]),
    ("masquerade.content", [
        "Der Inhalt ist etwas anderes, als der Name sagt",
        "Le contenu est autre chose que ce que dit le nom",
        "El contenido es otra cosa que lo que dice el nombre",
    ]),
    ("masquerade.declared-type", [
        "Der Inhalt ist etwas anderes, als die Seite angibt",
        "Le contenu est autre chose que ce que le site déclare",
        "El contenido es otra cosa que lo que declara el sitio",
    ]),
    ("masquerade.double-extension", [
        "Der Name hat zwei Endungen: Die vordere täuscht über die, die zählt",
        "Le nom a deux extensions : la première cache celle qui compte",
        "El nombre tiene dos extensiones: la primera oculta la que cuenta",
    ]),
    ("masquerade.homoglyph", [
        "Die Endung des Namens sieht nur so aus: Sie ist mit Buchstaben einer anderen Schrift geschrieben",
        "L’extension n’est qu’une apparence : elle est écrite avec des lettres d’un autre alphabet",
        "La extensión solo lo parece: está escrita con letras de otro alfabeto",
    ]),
    ("masquerade.padding", [
        "Unsichtbare Zeichen schieben die Endung des Namens aus dem Blick",
        "Des caractères invisibles poussent l’extension hors de vue",
        "Caracteres invisibles empujan la extensión fuera de la vista",
    ]),
    ("masquerade.path", [
        "Ein Name im Archiv führt dorthin, wo etwas ausgeführt wird",
        "Un nom de l’archive mène là où quelque chose est exécuté",
        "Un nombre del archivo comprimido lleva a donde algo se ejecuta",
    ]),
    ("masquerade.trailing", [
        "Das Ende des Namens fällt beim Speichern weg, und es bleibt eine andere Endung",
        "La fin du nom disparaît à l’enregistrement et laisse une autre extension",
        "El final del nombre desaparece al guardar y queda otra extensión",
    ]),
    ("odf.dde", [
        "Das Dokument fragt ein anderes Programm nach Daten (DDE)",
        "Le document demande des données à un autre programme (DDE)",
        "El documento pide datos a otro programa (DDE)",
    ]),
    ("odf.external-image", [
        "Das Dokument holt ein Bild von einem anderen Rechner",
        "Le document va chercher une image sur une autre machine",
        "El documento obtiene una imagen de otro equipo",
    ]),
    ("odf.external-object", [
        "Das Dokument holt ein Objekt von einem anderen Rechner",
        "Le document va chercher un objet sur une autre machine",
        "El documento obtiene un objeto de otro equipo",
    ]),
    ("odf.script-elsewhere", [
        "Das Dokument führt ein Skript aus, das anderswo liegt",
        "Le document exécute un script qui se trouve ailleurs",
        "El documento ejecuta un script que está en otro lugar",
    ]),
    ("ooxml.dde", [
        "Das Dokument fragt ein anderes Programm nach Daten (DDE)",
        "Le document demande des données à un autre programme (DDE)",
        "El documento pide datos a otro programa (DDE)",
    ]),
    ("ooxml.external-image", [
        "Das Dokument holt ein Bild von einem anderen Rechner",
        "Le document va chercher une image sur une autre machine",
        "El documento obtiene una imagen de otro equipo",
    ]),
    ("ooxml.external-template", [
        "Das Dokument holt beim Öffnen eine Vorlage von einem anderen Rechner",
        "Le document va chercher un modèle sur une autre machine à son ouverture",
        "El documento obtiene una plantilla de otro equipo al abrirse",
    ]),
    ("pdf.embedded-program", [
        "Das PDF-Dokument enthält ein Programm",
        "Le document PDF contient un programme",
        "El documento PDF contiene un programa",
    ]),
    ("pdf.javascript", [
        "Das PDF-Dokument führt ein Skript aus",
        "Le document PDF exécute un script",
        "El documento PDF ejecuta un script",
    ]),
    ("pdf.launch", [
        "Das PDF-Dokument startet ein Programm oder öffnet eine Datei",
        "Le document PDF lance un programme ou ouvre un fichier",
        "El documento PDF inicia un programa o abre un archivo",
    ]),
    ("pdf.opens-address", [
        "Das PDF-Dokument ruft beim Öffnen von selbst eine Adresse auf",
        "Le document PDF ouvre de lui-même une adresse à son ouverture",
        "El documento PDF abre por sí mismo una dirección al abrirse",
    ]),
    ("pdf.opens-attachment", [
        "Ein Skript des PDF-Dokuments speichert und öffnet eine Datei, die es mitbringt",
        "Un script du document PDF enregistre et ouvre un fichier qu’il contient",
        "Un script del documento PDF guarda y abre un archivo que este contiene",
    ]),
    ("pdf.remote-share", [
        "Das PDF-Dokument öffnet eine Datei auf einem anderen Rechner",
        "Le document PDF ouvre un fichier sur une autre machine",
        "El documento PDF abre un archivo de otro equipo",
    ]),
    ("pdf.runs-by-itself", [
        "Das PDF-Dokument führt von selbst ein Skript aus, wenn es geöffnet oder ausgefüllt wird",
        "Le document PDF exécute de lui-même un script quand il est ouvert ou rempli",
        "El documento PDF ejecuta por sí mismo un script al abrirse o rellenarse",
    ]),
    ("program.add-in", [
        "Die Bibliothek wird von einem anderen Programm ausgeführt, sobald sie geöffnet wird",
        "La bibliothèque est exécutée par un autre programme dès qu’elle est ouverte",
        "Otro programa ejecuta la biblioteca en cuanto se abre",
    ]),
    ("program.changed-after-signing", [
        "Das Programm wurde verändert, nachdem es signiert worden war",
        "Le programme a été modifié après avoir été signé",
        "El programa se modificó después de firmarse",
    ]),
    ("program.data-in-signature", [
        "In der Signatur des Programms liegen fremde Daten",
        "Des données étrangères se trouvent dans la signature du programme",
        "Hay datos ajenos en la firma del programa",
    ]),
    ("program.download-and-run", [
        "Das Programm kann eine Datei aus dem Netz speichern und starten",
        "Le programme peut enregistrer un fichier venu du réseau et le lancer",
        "El programa puede guardar un archivo de la red e iniciarlo",
    ]),
    ("program.injects", [
        "Das Programm kann anderen Programmen fremden Code unterschieben",
        "Le programme peut introduire du code dans d’autres programmes",
        "El programa puede introducir código en otros programas",
    ]),
    ("program.no-sections", [
        "Das Programm ist anders aufgebaut als gewöhnliche Programme",
        "Le programme n’est pas construit comme les programmes ordinaires",
        "El programa no está construido como los programas corrientes",
    ]),
    ("program.odd-entry", [
        "Das Programm beginnt an einer Stelle, an der gewöhnliche Programme nicht beginnen",
        "Le programme commence là où les programmes ordinaires ne commencent pas",
        "El programa empieza donde los programas corrientes no empiezan",
    ]),
    ("program.packed", [
        "Der Code des Programms sieht gepackt aus",
        "Le code du programme semble compressé",
        "El código del programa parece comprimido",
    ]),
    ("program.packer", [
        "Das Programm ist mit einem Packprogramm verkleinert",
        "Le programme est compressé par un packer",
        "El programa está comprimido con un empaquetador",
    ]),
    ("program.padded", [
        "Das Programm ist mit Füllmaterial aufgebläht",
        "Le programme est gonflé de remplissage",
        "El programa está inflado con relleno",
    ]),
    ("program.self-signed", [
        "Das Programm ist mit einem selbst gemachten Zertifikat signiert",
        "Le programme est signé avec un certificat fait maison",
        "El programa está firmado con un certificado propio",
    ]),
    ("program.signature-invalid", [
        "Die Signatur des Programms passt nicht zu ihrem Zertifikat",
        "La signature du programme ne correspond pas à son certificat",
        "La firma del programa no corresponde a su certificado",
    ]),
    ("program.signature-malformed", [
        "Das Programm gibt eine Signatur an, die keine ist",
        "Le programme prétend être signé, mais sa signature n’en est pas une",
        "El programa dice estar firmado, pero su firma no es tal",
    ]),
    ("program.signature-unchecked", [
        "Die Signatur des Programms wurde nicht geprüft",
        "La signature du programme n’a pas été vérifiée",
        "La firma del programa no se comprobó",
    ]),
    ("program.signed", [
        "Das Programm ist unverändert, seit es signiert wurde",
        "Le programme est inchangé depuis sa signature",
        "El programa no ha cambiado desde que se firmó",
    ]),
    ("program.unsigned", [
        "Das Programm trägt keine eigene Signatur",
        "Le programme ne porte pas de signature",
        "El programa no lleva firma propia",
    ]),
    ("program.writable-code", [
        "Das Programm kann seinen eigenen Code überschreiben",
        "Le programme peut réécrire son propre code",
        "El programa puede reescribir su propio código",
    ]),
    ("reputation.known-bad", [
        "Genau diese Datei steht auf einer Liste bekannter schädlicher Dateien",
        "Ce fichier précis figure sur une liste de fichiers malveillants connus",
        "Este mismo archivo figura en una lista de archivos maliciosos conocidos",
    ]),
    ("rtf.automatic-object", [
        "Ein Objekt des Dokuments wird beim Öffnen von selbst aktualisiert",
        "Un objet du document se met à jour de lui-même à l’ouverture",
        "Un objeto del documento se actualiza por sí mismo al abrirlo",
    ]),
    ("signature.clamav", [
        "Ein weiteres Prüfprogramm (ClamAV) kennt es als schädlich",
        "Un autre programme d’analyse (ClamAV) le connaît comme malveillant",
        "Otro programa de análisis (ClamAV) lo conoce como malicioso",
    ]),
    ("signature.yara", [
        "Es passt auf eine Regel für schädliche Inhalte",
        "Il correspond à une règle visant des contenus malveillants",
        "Coincide con una regla para contenidos maliciosos",
    ]),
    ("zip.false-encryption", [
        "Etwas im Archiv gibt sich als verschlüsselt aus und ist es nicht",
        "Un élément de l’archive se dit chiffré et ne l’est pas",
        "Algo del archivo comprimido dice estar cifrado y no lo está",
    ]),
    ("zip.header-mismatch", [
        "Das Archiv beschreibt dieselbe Datei zweimal verschieden, sodass Programme sie verschieden sehen",
        "L’archive décrit deux fois le même fichier de façon différente, si bien que les programmes le voient différemment",
        "El archivo comprimido describe dos veces el mismo archivo de forma distinta, y los programas lo ven de manera distinta",
    ]),
    ("zip.hidden-encryption", [
        "Etwas im Archiv ist verschlüsselt und gibt sich nicht so aus",
        "Un élément de l’archive est chiffré sans le dire",
        "Algo del archivo comprimido está cifrado y no lo dice",
    ]),
    ("zip.overlapping-members", [
        "Dateien im Archiv teilen sich ihre Bytes, wie es Archivbomben tun",
        "Des fichiers de l’archive partagent leurs octets, comme le font les bombes de décompression",
        "Archivos del archivo comprimido comparten sus bytes, como hacen las bombas de descompresión",
    ]),
    ("zip.several-directories", [
        "Das Archiv hat mehrere Verzeichnisse, und Programme lesen nicht alle dasselbe",
        "L’archive a plusieurs répertoires, et les programmes ne lisent pas tous le même",
        "El archivo comprimido tiene varios directorios, y no todos los programas leen el mismo",
    ]),
    ("zip.unicode-name", [
        "Ein Name im Archiv steht dort zweimal, und die beiden sagen Verschiedenes",
        "Un nom de l’archive y figure deux fois, et les deux disent autre chose",
        "Un nombre del archivo comprimido figura dos veces, y los dos dicen cosas distintas",
    ]),
    ("zip.unlisted-member", [
        "Eine Datei im Archiv fehlt in dessen Verzeichnis",
        "Un fichier de l’archive manque à son répertoire",
        "Un archivo falta en el directorio del archivo comprimido",
    ]),
];
