//! Titles of the default policies in every language, by their ids. A policy of an administrator's own keeps its own title.

use crate::Language;

/// The title in a language. `own` is the title that the policy has: where that is not the default policy's, nobody but its
/// author knows what it says.
pub(crate) fn title<'a>(language: Language, id: &str, own: &'a str) -> &'a str {
    let row = TITLES.iter().find(|(known, titles)| *known == id && titles[0] == own);
    row.and_then(|(_, titles)| titles.get(language.index())).copied().unwrap_or(own)
}

/// Ids, with the titles in the order of [`Language::ALL`].
#[rustfmt::skip]
pub(super) const TITLES: &[(&str, [&str; 4])] = &[
    ("default-deny", [
        "Nothing permits it",
        "Nichts erlaubt es",
        "Rien ne l’autorise",
        "Nada lo permite",
    ]),
    ("ordinary-content", [
        "Documents, mail, web pages, images, audio, video, fonts, text, data and archives that were inspected completely and are clean are delivered",
        "Dokumente, Mails, Webseiten, Bilder, Audio, Video, Schriften, Texte, Daten und Archive, die vollständig geprüft wurden und sauber sind, werden zugestellt",
        "Les documents, courriels, pages, images, sons, vidéos, polices, textes, données et archives entièrement examinés et sains sont remis",
        "Los documentos, correos, páginas, imágenes, audio, vídeo, fuentes, textos, datos y archivos comprimidos que se examinaron por completo y están limpios se entregan",
    ]),
    ("uploads", [
        "Uploads are sent unless they are malicious or pretend to be something else",
        "Was gesendet wird, wird hier niemandem zugestellt: Es geht hinaus, sofern es nicht schädlich ist oder vorgibt, etwas anderes zu sein",
        "Ce qui est envoyé n’est remis à personne ici : cela part, sauf si c’est malveillant ou se fait passer pour autre chose",
        "Lo que se envía no se entrega a nadie aquí: sale, salvo que sea malicioso o se haga pasar por otra cosa",
    ]),
    ("connections", [
        "WebSockets, event streams and bypassed sites are passed without inspection",
        "WebSockets, Ereignisströme und ausgenommene Seiten, in die niemand hineinsieht, werden durchgelassen",
        "Les WebSockets, les flux d’événements et les sites exemptés, que personne n’examine, passent",
        "Los WebSockets, los flujos de eventos y los sitios exentos, que nadie examina, pasan",
    ]),
    ("pieces-of-a-file", [
        "Scripts, links and commands inside a file are judged by what they do",
        "Skripte, Verknüpfungen und Befehle in einer Datei werden danach beurteilt, was sie tun",
        "Les scripts, liens et commandes contenus dans un fichier sont jugés sur ce qu’ils font",
        "Los scripts, enlaces y órdenes dentro de un archivo se juzgan por lo que hacen",
    ]),
    ("scripts-of-a-page", [
        "A page may load its own scripts",
        "Eine Webseite darf ihre eigenen Skripte laden",
        "Une page peut charger ses propres scripts",
        "Una página puede cargar sus propios scripts",
    ]),
    ("what-a-script-holds", [
        "Scripts that a script contains as text are judged by what they do; one that a page loads may also contain WebAssembly and a little data",
        "Skripte, die ein Skript als Text enthält, werden danach beurteilt, was sie tun; eines, das eine Webseite lädt, darf auch WebAssembly und wenige Daten enthalten",
        "Les scripts qu’un script contient sous forme de texte sont jugés sur ce qu’ils font ; celui qu’une page charge peut aussi contenir du WebAssembly et quelques données",
        "Los scripts que otro script contiene como texto se juzgan por lo que hacen; el que carga una página puede contener también WebAssembly y unos pocos datos",
    ]),
    ("data-of-programs", [
        "Programs and pages may exchange data with a service in a machine format such as gRPC, or check whether a certificate is still valid",
        "Programme und Webseiten dürfen mit einem Dienst Daten in einer Form austauschen, die für Programme gemacht ist, etwa gRPC, oder erfahren, ob ein Zertifikat noch gilt",
        "Les programmes et les pages peuvent échanger avec un service des données dans une forme faite pour les programmes, comme gRPC, ou apprendre si un certificat est encore valable",
        "Los programas y las páginas pueden intercambiar con un servicio datos en una forma hecha para programas, como gRPC, o saber si un certificado sigue siendo válido",
    ]),
    ("modules-of-a-page", [
        "A page may load its own WebAssembly, which runs in the browser's sandbox",
        "Eine Webseite darf ihr eigenes WebAssembly laden, das in der Sandbox des Browsers läuft",
        "Une page peut charger son propre WebAssembly, qui s’exécute dans le bac à sable du navigateur",
        "Una página puede cargar su propio WebAssembly, que se ejecuta en el entorno aislado del navegador",
    ]),
    ("data-of-a-page", [
        "A page may load its own data in a format unknown here",
        "Eine Webseite darf eigene Daten laden, die hier kein Programm kennt",
        "Une page peut charger des données propres qu’aucun programme ici ne connaît",
        "Una página puede cargar datos propios que ningún programa de aquí conoce",
    ]),
    ("programs-from-the-web", [
        "Programs are not delivered from the web",
        "Programme werden aus dem Web nicht zugestellt",
        "Les programmes venant du web ne sont pas remis",
        "Los programas de la web no se entregan",
    ]),
    ("scripts-from-the-web", [
        "Scripts that run when they are opened are not delivered from the web",
        "Skripte, die beim Öffnen laufen, werden aus dem Web nicht zugestellt",
        "Les scripts qui s’exécutent quand on les ouvre ne sont pas remis depuis le web",
        "Los scripts que se ejecutan al abrirlos no se entregan desde la web",
    ]),
    ("names-that-run", [
        "Files whose name makes the system run them are not delivered from the web, whatever they contain",
        "Dateien, deren Name das System dazu bringt, sie auszuführen, werden aus dem Web nicht zugestellt, was sie auch enthalten",
        "Les fichiers dont le nom les fait exécuter par le système ne sont pas remis depuis le web, quel que soit leur contenu",
        "Los archivos cuyo nombre hace que el sistema los ejecute no se entregan desde la web, contengan lo que contengan",
    ]),
    ("forms-that-cannot-be-read", [
        "Form data is sent only if all its fields could be read",
        "Was als Formular gesendet wird, geht nur hinaus, wenn alle Felder gelesen werden konnten",
        "Ce qui est envoyé comme formulaire ne part que si tous ses champs ont pu être lus",
        "Lo que se envía como formulario solo sale si se pudieron leer todos sus campos",
    ]),
    ("shortcuts-from-the-web", [
        "Shortcuts are not delivered from the web: they start something else",
        "Verknüpfungen werden aus dem Web nicht zugestellt: Sie starten etwas anderes",
        "Les raccourcis ne sont pas remis depuis le web : ils lancent autre chose",
        "Los accesos directos no se entregan desde la web: inician otra cosa",
    ]),
    ("installers-from-the-web", [
        "Installers are not delivered from the web",
        "Installationspakete werden aus dem Web nicht zugestellt",
        "Les programmes d’installation ne sont pas remis depuis le web",
        "Los instaladores no se entregan desde la web",
    ]),
    ("disk-images-from-the-web", [
        "Disk images are not delivered from the web: files in them lose the mark of the web",
        "Datenträgerabbilder werden aus dem Web nicht zugestellt: Was darin liegt, verliert die Kennzeichnung des Webs",
        "Les images disque ne sont pas remises depuis le web : leur contenu perd la marque du web",
        "Las imágenes de disco no se entregan desde la web: lo que contienen pierde la marca de la web",
    ]),
    ("suspicious-sites", [
        "Nothing is delivered from or sent to a site on a list of suspicious sites",
        "Von einer Seite auf einer Liste verdächtiger Seiten wird nichts zugestellt, und dorthin wird nichts gesendet",
        "Rien n’est remis d’un site qui figure sur une liste de sites suspects, et rien n’y est envoyé",
        "No se entrega nada de un sitio que está en una lista de sospechosos, ni se envía nada allí",
    ]),
    ("masquerade", [
        "A file that pretends to be something else is blocked",
        "Eine Datei, die vorgibt, etwas anderes zu sein, wird blockiert",
        "Un fichier qui se fait passer pour autre chose est bloqué",
        "Un archivo que se hace pasar por otra cosa se bloquea",
    ]),
    ("malicious", [
        "Malicious content is blocked",
        "Schädliche Inhalte werden blockiert",
        "Les contenus malveillants sont bloqués",
        "El contenido malicioso se bloquea",
    ]),
    ("macros-that-run-by-themselves", [
        "Documents with macros that run automatically are held",
        "Dokumente mit Makros, die von selbst laufen, werden zurückgehalten",
        "Les documents dont les macros s’exécutent d’elles-mêmes sont retenus",
        "Los documentos con macros que se ejecutan solas se retienen",
    ]),
    ("content-that-runs-by-itself", [
        "Documents and images with scripts that run automatically, and packages and projects that run something when installed or opened, are held",
        "Dokumente und Bilder mit Skripten, die von selbst laufen, sowie Pakete und Projekte, die beim Installieren oder Öffnen etwas ausführen, werden zurückgehalten",
        "Les documents et images dont les scripts s’exécutent d’eux-mêmes, et les paquets et projets qui exécutent quelque chose à l’installation ou à l’ouverture, sont retenus",
        "Los documentos e imágenes con scripts que se ejecutan solos, y los paquetes y proyectos que ejecutan algo al instalarse o abrirse, se retienen",
    ]),
    ("links-that-lead-out", [
        "Archives with links or names that point outside them are held",
        "Archive mit Verknüpfungen oder Namen, die aus ihnen hinausführen, werden zurückgehalten",
        "Les archives dont les liens ou les noms mènent au-dehors sont retenues",
        "Los archivos comprimidos con enlaces o nombres que llevan fuera de ellos se retienen",
    ]),
    ("hold-unknown-kinds", [
        "Files of an unknown type are held",
        "Eine Datei unbekannter Art wird zurückgehalten",
        "Un fichier de type inconnu est retenu",
        "Un archivo de tipo desconocido se retiene",
    ]),
    ("hold-what-is-locked", [
        "Encrypted content that could not be opened is held",
        "Was verschlüsselt ist und nicht geöffnet werden konnte, wird zurückgehalten",
        "Ce qui est chiffré et n’a pas pu être ouvert est retenu",
        "Lo que está cifrado y no se pudo abrir se retiene",
    ]),
    ("hold-what-is-incomplete", [
        "Content that could not be inspected completely is held",
        "Was nicht vollständig geprüft werden konnte, wird zurückgehalten",
        "Ce qui n’a pas pu être examiné entièrement est retenu",
        "Lo que no se pudo examinar por completo se retiene",
    ]),
    ("hold-what-is-suspicious", [
        "Suspicious content is held",
        "Verdächtige Inhalte werden zurückgehalten",
        "Les contenus suspects sont retenus",
        "El contenido sospechoso se retiene",
    ]),
    ("hold-what-holds-such", [
        "A file containing something locked or uninspected is held with it",
        "Was etwas Verschlossenes oder nicht Prüfbares enthält, wird mit ihm zurückgehalten",
        "Ce qui contient un élément verrouillé ou impossible à examiner est retenu avec lui",
        "Lo que contiene algo bloqueado o que no se pudo examinar se retiene con ello",
    ]),
    ("hold-macros", [
        "Macros that run automatically are held until someone vouches for them",
        "Makros, die von selbst laufen, werden zurückgehalten, bis jemand für sie bürgt",
        "Les macros qui s’exécutent d’elles-mêmes sont retenues jusqu’à ce que quelqu’un s’en porte garant",
        "Las macros que se ejecutan solas se retienen hasta que alguien responda de ellas",
    ]),
    ("hold-what-runs-by-itself", [
        "Content that runs automatically is held until someone vouches for it",
        "Inhalte, die von selbst laufen, werden zurückgehalten, bis jemand für sie bürgt",
        "Les contenus qui s’exécutent d’eux-mêmes sont retenus jusqu’à ce que quelqu’un s’en porte garant",
        "El contenido que se ejecuta solo se retiene hasta que alguien responda de él",
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids and titles as they stand in the default policies.
    fn shipped() -> Vec<(&'static str, &'static str)> {
        let text = include_str!("../../../../policies/default.cedar");
        let quoted = |rest: &'static str| rest.split('"').next().unwrap();
        text.split("@id(\"")
            .skip(1)
            .map(|rest| (quoted(rest), quoted(rest.split("@title(\"").nth(1).unwrap())))
            .collect()
    }

    #[test]
    fn every_default_policy_has_its_title_in_every_language() {
        let shipped = shipped();
        assert!(shipped.len() >= 20, "{shipped:?}");
        for (id, own) in &shipped {
            let row = TITLES.iter().find(|(known, _)| known == id);
            let (_, titles) = row.unwrap_or_else(|| panic!("`{id}` has no titles in texts/policies.rs"));
            assert_eq!(titles[0], *own, "the title of `{id}` has changed: change its translations as well");
            for language in Language::ALL {
                let title = title(language, id, own);
                assert!(!title.is_empty() && !title.ends_with('.'), "{language:?}: {id}");
                assert!(language == Language::English || title != *own, "{language:?}: `{id}` is not translated");
            }
        }
        for (id, _) in TITLES {
            assert!(
                *id == "default-deny" || shipped.iter().any(|(known, _)| known == id),
                "`{id}` is no default policy"
            );
        }
    }

    #[test]
    fn a_policy_of_ones_own_keeps_its_title() {
        assert_eq!(title(Language::German, "ours", "Our rule"), "Our rule");
        assert_eq!(title(Language::German, "malicious", "Our own words"), "Our own words");
        assert_eq!(
            title(Language::French, "malicious", "Malicious content is blocked"),
            "Les contenus malveillants sont bloqués"
        );
    }
}
