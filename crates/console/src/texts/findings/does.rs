//! What is told of what something does: macros, scripts, pages, shortcuts, links, settings that run, words to agents.

use super::Row;

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("calendar.runs-program", [
        "Ein Termin führt ein Programm aus, wenn er erinnert",
        "Un rendez-vous exécute un programme quand il le rappelle",
        "Una cita ejecuta un programa cuando avisa",
    ]),
    ("document.active-cell", [
        "Eine Zelle der Tabelle führt etwas aus, holt etwas oder führt zu fremden Dateien",
        "Une cellule du tableau exécute ou récupère quelque chose, ou mène à des fichiers étrangers",
        "Una celda de la tabla ejecuta o toma algo, o lleva a archivos ajenos",
    ]),
    ("document.live-object", [
        "Das Dokument startet ein Steuerelement, das es nur beim Namen nennt",
        "Le document lance un contrôle qu’il ne fait que nommer",
        "El documento inicia un control que solo nombra",
    ]),
    ("document.shell-escape", [
        "Wird aus dem Dokument etwas gesetzt oder gezeichnet, läuft ein Befehl, der darin steht",
        "Composer ou tracer le document exécute une commande qu’il contient",
        "Componer o trazar el documento ejecuta una orden que contiene",
    ]),
    ("document.pipe", [
        "Das Dokument führt beim Drucken oder Anzeigen einen Befehl aus",
        "Le document exécute une commande quand il est imprimé ou affiché",
        "El documento ejecuta una orden al imprimirse o mostrarse",
    ]),
    ("link.share-program", [
        "Ein Verweis führt zu einem Programm auf einem fremden Rechner",
        "Un lien mène à un programme sur une autre machine",
        "Un enlace lleva a un programa en otra máquina",
    ]),
    ("ooxml.program-action", [
        "Eine Folie startet ein Programm",
        "Une diapositive lance un programme",
        "Una diapositiva inicia un programa",
    ]),
    ("odf.database-script", [
        "Die Datenbank des Dokuments schreibt beim Öffnen eine Datei",
        "La base de données du document écrit un fichier à l’ouverture",
        "La base de datos del documento escribe un archivo al abrirse",
    ]),
    ("rtf.remote-place", [
        "Das Dokument holt eine Datei von einem fremden Rechner",
        "Le document va chercher un fichier sur une autre machine",
        "El documento toma un archivo de otra máquina",
    ]),
    ("hooks.agent", [
        "Eine Einstellung lässt einen KI-Agenten von selbst einen Befehl ausführen",
        "Un réglage fait exécuter de lui-même une commande à un agent d’IA",
        "Un ajuste hace que un agente de IA ejecute por sí mismo una orden",
    ]),
    ("hooks.browser-extension", [
        "Es ist eine Erweiterung für Browser",
        "C’est une extension de navigateur",
        "Es una extensión de navegador",
    ]),
    ("hooks.build", [
        "Beim Bauen des Projekts wird ein Befehl ausgeführt",
        "Une commande est exécutée quand le projet est construit",
        "Se ejecuta una orden al compilar el proyecto",
    ]),
    ("hooks.connection", [
        "Beim Aufbau der Verbindung wird ein Befehl ausgeführt",
        "Une commande est exécutée quand la connexion est établie",
        "Se ejecuta una orden al establecer la conexión",
    ]),
    ("hooks.editor", [
        "Eine Zeile des Texts lässt den Editor beim Öffnen einen Befehl ausführen",
        "Une ligne du texte fait exécuter une commande à l’éditeur qui l’ouvre",
        "Una línea del texto hace que el editor ejecute una orden al abrirlo",
    ]),
    ("hooks.plain-index", [
        "Pakete kommen ohne TLS von einem Rechner außerhalb des Hauses",
        "Des paquets viennent sans TLS d’une machine extérieure",
        "Hay paquetes que vienen sin TLS de una máquina externa",
    ]),
    ("hooks.system", [
        "Das System führt von selbst einen Befehl aus: beim Anmelden, zu einer Zeit oder bei einem Ereignis",
        "Le système exécute de lui-même une commande : à la connexion, à une heure ou lors d’un événement",
        "El sistema ejecuta por sí mismo una orden: al iniciar sesión, a una hora o ante un suceso",
    ]),
    ("image.runs-command", [
        "Wird das Bild umgewandelt oder gelesen, läuft ein Befehl, der darin steht",
        "Convertir ou lire l’image exécute une commande qu’elle contient",
        "Convertir o leer la imagen ejecuta una orden que contiene",
    ]),
    ("mail.external-body", [
        "Die Mail lässt einen Teil von anderswo holen: ein Programm oder eine fremde Datei",
        "Le courriel fait chercher une partie ailleurs : un programme ou un fichier étranger",
        "El correo hace tomar una parte de otro lugar: un programa o un archivo ajeno",
    ]),
    ("mail.form", [
        "Die Nachricht bringt ein eigenes Formular mit",
        "Le message apporte son propre formulaire",
        "El mensaje trae su propio formulario",
    ]),
    ("mail.form-script", [
        "Die Nachricht bringt ein Formular mit, dessen Skript beim Öffnen läuft",
        "Le message apporte un formulaire dont le script s’exécute à l’ouverture",
        "El mensaje trae un formulario cuyo script se ejecuta al abrirlo",
    ]),
    ("mail.home-page", [
        "Ein Ordner zeigt statt seiner Nachrichten eine Seite",
        "Un dossier affiche une page à la place de ses messages",
        "Una carpeta muestra una página en lugar de sus mensajes",
    ]),
    ("mail.mailbox-rule", [
        "Es ist keine Nachricht, sondern eine Regel oder ein Formular eines Postfachs",
        "Ce n’est pas un message mais une règle ou un formulaire d’une boîte aux lettres",
        "No es un mensaje sino una regla o un formulario de un buzón",
    ]),
    ("mail.remote-property", [
        "Die Nachricht nennt eine Datei auf einem fremden Rechner, etwa als Klang einer Erinnerung",
        "Le message nomme un fichier sur une autre machine, par exemple comme son d’un rappel",
        "El mensaje nombra un archivo en otra máquina, por ejemplo como sonido de un aviso",
    ]),
    ("ooxml.library-formula", [
        "Eine Formel ruft eine Programmbibliothek auf oder fragt einen fremden Rechner",
        "Une formule appelle une bibliothèque ou interroge une autre machine",
        "Una fórmula llama a una biblioteca o consulta a otra máquina",
    ]),
    ("ooxml.web-formula", [
        "Eine Formel holt etwas aus dem Netz",
        "Une formule va chercher quelque chose sur le web",
        "Una fórmula toma algo de la web",
    ]),
    ("hooks.container", [
        "Es beschreibt einen Container, der Befehle ausführt",
        "Il décrit un conteneur qui exécute des commandes",
        "Describe un contenedor que ejecuta órdenes",
    ]),
    ("hooks.container-start", [
        "Beim Start des Containers wird ein Befehl ausgeführt",
        "Une commande est exécutée au démarrage du conteneur",
        "Se ejecuta una orden al iniciar el contenedor",
    ]),
    ("hooks.extension", [
        "Es ist eine Erweiterung für Editoren",
        "C’est une extension d’éditeur",
        "Es una extensión de editor",
    ]),
    ("hooks.folder-open", [
        "Beim Öffnen des Ordners wird ein Befehl ausgeführt",
        "Une commande est exécutée quand le dossier est ouvert",
        "Se ejecuta una orden al abrir la carpeta",
    ]),
    ("hooks.git", [
        "Eine Einstellung von Git führt einen Befehl aus",
        "Un réglage de Git exécute une commande",
        "Un ajuste de Git ejecuta una orden",
    ]),
    ("hooks.installation", [
        "Das Paket führt bei der Installation von selbst einen Befehl aus",
        "Le paquet exécute de lui-même une commande à son installation",
        "El paquete ejecuta por sí mismo una orden al instalarse",
    ]),
    ("hooks.model-code", [
        "Ein Teil des Modells ist Python-Code, der beim Laden ausgeführt wird",
        "Une partie du modèle est du code Python, exécuté au chargement",
        "Una parte del modelo es código Python que se ejecuta al cargarlo",
    ]),
    ("hooks.model-loader", [
        "Das Modell bringt Python-Code mit, der ausgeführt wird, wenn man ihm vertraut",
        "Le modèle apporte du code Python, exécuté si on lui fait confiance",
        "El modelo trae código Python que se ejecuta si se confía en él",
    ]),
    ("hooks.pickle", [
        "Beim Laden der Datei (Pickle) werden Funktionen aufgerufen, die Befehle ausführen können",
        "Le chargement du fichier (pickle) appelle des fonctions qui peuvent exécuter des commandes",
        "Al cargar el archivo (pickle) se llama a funciones que pueden ejecutar órdenes",
    ]),
    ("hooks.pickle-class", [
        "Beim Laden der Datei (Pickle) wird etwas eingebunden, das hier nicht bekannt ist",
        "Le chargement du fichier (pickle) importe quelque chose d’inconnu ici",
        "Al cargar el archivo (pickle) se importa algo que aquí no se conoce",
    ]),
    ("hooks.python-start", [
        "Die Datei führt bei jedem Start von Python Code aus",
        "Le fichier exécute du code à chaque démarrage de Python",
        "El archivo ejecuta código en cada inicio de Python",
    ]),
    ("hooks.shell-entry", [
        "Eine Einstellung führt bei jedem Start der Befehlszeile einen Befehl aus",
        "Un réglage exécute une commande à chaque démarrage de l’interpréteur de commandes",
        "Un ajuste ejecuta una orden en cada inicio de la línea de órdenes",
    ]),
    ("link.opens-program", [
        "Ein Link öffnet ein anderes Programm",
        "Un lien ouvre un autre programme",
        "Un enlace abre otro programa",
    ]),
    ("link.starts-program", [
        "Ein Link startet ein Programm, statt zu einer Seite zu führen",
        "Un lien lance un programme au lieu de mener à une page",
        "Un enlace inicia un programa en lugar de llevar a una página",
    ]),
    ("link.web-share", [
        "Ein Link führt zu einer Dateifreigabe im Web, deren Dateien sich wie eigene öffnen",
        "Un lien mène à un partage de fichiers sur le web, dont les fichiers s’ouvrent comme s’ils étaient locaux",
        "Un enlace lleva a una carpeta compartida en la web, cuyos archivos se abren como si fueran propios",
    ]),
    ("macro.stomped", [
        "Der lesbare Text des Makros ist ein anderer als das, was ausgeführt wird",
        "Le texte lisible de la macro n’est pas ce qui est exécuté",
        "El texto legible de la macro no es lo que se ejecuta",
    ]),
    ("macros.auto-run", [
        "Das Makro startet von selbst, wenn das Dokument geöffnet, benutzt oder geschlossen wird",
        "La macro démarre d’elle-même quand le document est ouvert, utilisé ou fermé",
        "La macro se inicia por sí misma al abrir, usar o cerrar el documento",
    ]),
    ("macros.downloads", [
        "Das Makro lädt etwas aus dem Netz",
        "La macro télécharge quelque chose du réseau",
        "La macro descarga algo de la red",
    ]),
    ("macros.runs-program", [
        "Das Makro startet Programme",
        "La macro lance des programmes",
        "La macro inicia programas",
    ]),
    ("macros.writes-file", [
        "Das Makro schreibt Dateien",
        "La macro écrit des fichiers",
        "La macro escribe archivos",
    ]),
    ("page.active-image", [
        "Das Bild ist in Wahrheit eine Seite, die etwas tut",
        "L’image est en réalité une page qui agit",
        "La imagen es en realidad una página que hace algo",
    ]),
    ("page.click-fix", [
        "Die Seite will Sie dazu bringen, einen Befehl einzufügen und auszuführen",
        "La page veut vous faire coller une commande et l’exécuter",
        "La página quiere que pegue una orden y la ejecute",
    ]),
    ("page.command-text", [
        "Es enthält einen Befehl, wie ihn solche Seiten in die Zwischenablage legen",
        "Il contient une commande comme celles que de telles pages placent dans le presse-papiers",
        "Contiene una orden como las que tales páginas ponen en el portapapeles",
    ]),
    ("page.html-smuggling", [
        "Die Seite stellt selbst eine Datei her und übergibt sie als Download",
        "La page fabrique elle-même un fichier et le remet comme téléchargement",
        "La página fabrica ella misma un archivo y lo entrega como descarga",
    ]),
    ("page.image-link", [
        "Das ganze Bild ist ein Link",
        "Toute l’image est un lien",
        "Toda la imagen es un enlace",
    ]),
    ("page.lure-words", [
        "Die Seite erklärt, wie man etwas einfügt und ausführt",
        "La page explique comment coller et exécuter quelque chose",
        "La página explica cómo pegar y ejecutar algo",
    ]),
    ("page.script-in-image", [
        "Das Bild enthält ein Skript",
        "L’image contient un script",
        "La imagen contiene un script",
    ]),
    ("page.search-ms", [
        "Die Seite führt zu einer Dateifreigabe oder Suche auf einem anderen Rechner",
        "La page mène à un partage de fichiers ou à une recherche sur une autre machine",
        "La página lleva a una carpeta compartida o a una búsqueda en otro equipo",
    ]),
    ("page.sign-in-lure", [
        "Die Seite oder Mail will Ihre Anmeldung jemand anderem übergeben",
        "La page ou le courriel veut remettre votre connexion à quelqu’un d’autre",
        "La página o el correo quiere entregar su inicio de sesión a otra persona",
    ]),
    ("page.writes-clipboard", [
        "Die Seite legt etwas in die Zwischenablage",
        "La page place quelque chose dans le presse-papiers",
        "La página pone algo en el portapapeles",
    ]),
    ("script.download-and-run", [
        "Das Skript lädt etwas aus dem Netz und führt es aus",
        "Le script télécharge quelque chose du réseau et l’exécute",
        "El script descarga algo de la red y lo ejecuta",
    ]),
    ("script.encoded-command", [
        "PowerShell erhält einen verschlüsselt geschriebenen Befehl",
        "PowerShell reçoit une commande codée",
        "PowerShell recibe una orden codificada",
    ]),
    ("script.evades-analysis", [
        "Das Skript schaltet den Virenschutz ab oder umgeht ihn",
        "Le script désactive ou contourne la protection antivirus",
        "El script desactiva o elude la protección antivirus",
    ]),
    ("script.hidden-window", [
        "Ein Programm wird ohne sichtbares Fenster gestartet",
        "Un programme est lancé sans fenêtre visible",
        "Se inicia un programa sin ventana visible",
    ]),
    ("script.obfuscated", [
        "Das Skript ist so geschrieben, dass man es nicht lesen kann",
        "Le script est écrit de façon à être illisible",
        "El script está escrito para que no se pueda leer",
    ]),
    ("script.runs-program", [
        "Das Skript startet Programme",
        "Le script lance des programmes",
        "El script inicia programas",
    ]),
    ("shortcut.appended-data", [
        "Hinter dem Ende der Verknüpfung stehen weitere Daten",
        "Des données suivent la fin du raccourci",
        "Hay datos tras el final del acceso directo",
    ]),
    ("shortcut.document-icon", [
        "Die Verknüpfung zeigt das Bild eines Dokuments",
        "Le raccourci montre l’icône d’un document",
        "El acceso directo muestra el icono de un documento",
    ]),
    ("shortcut.formula", [
        "Eine Zelle führt ein Programm oder einen Befehl aus",
        "Une cellule exécute un programme ou une commande",
        "Una celda ejecuta un programa o una orden",
    ]),
    ("shortcut.long-command", [
        "Der Befehl ist länger als das, was Windows davon zeigt",
        "La commande est plus longue que ce que Windows en montre",
        "La orden es más larga que lo que Windows muestra de ella",
    ]),
    ("shortcut.odd-scheme", [
        "Die Verknüpfung führt zu etwas, wozu gewöhnliche nicht führen",
        "Le raccourci mène là où les raccourcis ordinaires ne mènent pas",
        "El acceso directo lleva a donde los corrientes no llevan",
    ]),
    ("shortcut.padded-arguments", [
        "Leerzeichen schieben einen Teil des Befehls aus dem Blick",
        "Des espaces poussent une partie de la commande hors de vue",
        "Unos espacios empujan una parte de la orden fuera de la vista",
    ]),
    ("shortcut.program-target", [
        "Die Verknüpfung führt zu einem Programm im Web",
        "Le raccourci mène à un programme sur le web",
        "El acceso directo lleva a un programa en la web",
    ]),
    ("shortcut.reads-itself", [
        "Der Befehl liest eine Verknüpfung als Daten, wie es die tun, die ihre nächste Stufe in sich tragen",
        "La commande lit un raccourci comme des données, comme ceux qui portent en eux l’étape suivante",
        "La orden lee un acceso directo como datos, como hacen los que llevan dentro la etapa siguiente",
    ]),
    ("shortcut.remote-desktop", [
        "Beim Öffnen wird eine Verbindung zu einem anderen Rechner hergestellt",
        "L’ouverture établit une connexion avec une autre machine",
        "Al abrirlo se establece una conexión con otro equipo",
    ]),
    ("shortcut.remote-icon", [
        "Das Bild der Verknüpfung wird von einem anderen Rechner geholt",
        "L’icône du raccourci est cherchée sur une autre machine",
        "El icono del acceso directo se obtiene de otro equipo",
    ]),
    ("shortcut.remote-target", [
        "Es führt zu Dateien auf einem anderen Rechner",
        "Il mène à des fichiers d’une autre machine",
        "Lleva a archivos de otro equipo",
    ]),
    ("shortcut.runs-interpreter", [
        "Die Verknüpfung startet ein Programm, das tut, was ihm gesagt wird",
        "Le raccourci lance un programme qui fait ce qu’on lui dit",
        "El acceso directo inicia un programa que hace lo que se le dice",
    ]),
    ("shortcut.web-query", [
        "Beim Öffnen holt Excel Zellen, auch Formeln, von einem anderen Rechner",
        "À l’ouverture, Excel va chercher des cellules, formules comprises, sur une autre machine",
        "Al abrirlo, Excel obtiene celdas, también fórmulas, de otro equipo",
    ]),
    ("text.talks-to-agents", [
        "Der Text spricht zu KI-Agenten statt zu Menschen",
        "Le texte s’adresse à des agents d’IA plutôt qu’à des personnes",
        "El texto se dirige a agentes de IA y no a personas",
    ]),
    ("text.tells-agents-to-run", [
        "Der Text weist einen KI-Agenten an, etwas zu holen und auszuführen",
        "Le texte dit à un agent d’IA d’aller chercher quelque chose et de l’exécuter",
        "El texto le dice a un agente de IA que obtenga algo y lo ejecute",
    ]),
    ("text.unseen", [
        "Es enthält Text, den Menschen nicht sehen",
        "Il contient du texte que les personnes ne voient pas",
        "Contiene texto que las personas no ven",
    ]),
];
