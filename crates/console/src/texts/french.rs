//! French.

use super::Texts;

pub(super) const TEXTS: Texts = Texts {
    held: "Ce téléchargement est retenu",
    blocked: "Ce téléchargement a été arrêté",
    safe: "Rien n’est arrivé sur votre ordinateur, et vous n’avez rien fait de mal.",
    file: "Fichier",
    from: "Provenance",
    what: "Ce qui l’a arrêté",
    why: "Pourquoi",
    what_now: "Ce que vous pouvez faire",
    advice_held: &[
        "Si vous n’avez pas besoin de ce fichier, fermez simplement cette page.",
        "Si vous en avez besoin, donnez la référence ci-dessous aux personnes qui s’occupent de vos ordinateurs. Elles peuvent examiner le fichier et le libérer.",
        "S’il s’agit d’une archive protégée, demandez à l’expéditeur un autre moyen : personne ne peut se porter garant de ce que personne ne peut regarder.",
    ],
    advice_blocked: &[
        "Si vous n’attendiez pas ce fichier, fermez cette page. C’est tout.",
        "S’il est venu par courriel ou par message, n’essayez pas un autre lien du même message. Interrogez l’expéditeur par un moyen que vous connaissez déjà.",
        "Si vous en avez besoin pour votre travail, donnez la référence ci-dessous aux personnes qui s’occupent de vos ordinateurs.",
    ],
    coming: "Ce téléchargement est en cours d’examen",
    coming_soon: "Il commencera tout seul dès que rien ne s’y oppose. Vous pouvez laisser cette page ouverte.",
    there: "Reçu",
    unlock: "Je connais son mot de passe : l’ouvrir",
    ask: "Demander ce fichier",
    reference: "Référence",
    detail: "Détail",
    failed: "Le fichier n’a pas pu être examiné ; il n’est donc pas remis sans contrôle.",
    too_large: "Le fichier est plus grand que ce qui est examiné ici.",
    lessons: &[
        (
            "suspicious-sites",
            "Certains sites n’existent que pour tromper",
            "Ce site est connu pour diffuser des fichiers nuisibles ou de fausses pages. Si un message vous y a conduit, prévenez les personnes qui s’occupent de vos ordinateurs : d’autres l’ont reçu aussi.",
        ),
        (
            "programs",
            "Un programme vient d’un lieu, pas d’un lien",
            "Un programme peut faire tout ce que vous pouvez faire. Prenez vos programmes auprès de votre service informatique ou sur le site de l’éditeur dont vous avez tapé l’adresse vous-même, jamais d’une page ou d’un message qui vous presse d’installer quelque chose.",
        ),
        (
            "scripts",
            "Un script est un programme en civil",
            "Les fichiers en .js, .vbs, .ps1, .bat ou .hta ressemblent à du texte et s’exécutent comme des programmes. Personne n’envoie une facture ou un formulaire ainsi.",
        ),
        (
            "shortcuts",
            "Un raccourci peut mener n’importe où",
            "Un raccourci montre l’image qu’il veut et lance ce qu’il veut. Dans un téléchargement, il est là pour lancer quelque chose que vous n’avez pas choisi.",
        ),
        (
            "disk-images",
            "Une image disque cache l’origine des fichiers",
            "Les fichiers d’une image disque perdent la marque qui dit qu’ils viennent d’internet, et avec elle les avertissements. C’est pourquoi ceux qui veulent contourner ces avertissements les aiment tant.",
        ),
        (
            "masquerade",
            "Lisez la fin du nom",
            "Votre système ouvre un fichier d’après la fin de son nom, pas d’après son image. « facture.pdf.exe » est un programme. Un fichier qui se déguise a une raison de le faire.",
        ),
        (
            "malware",
            "Un seul clic leur suffit",
            "Ce fichier fait ce que font les fichiers malveillants. Si quelqu’un vous a pressé de l’ouvrir, cette hâte faisait partie du piège.",
        ),
        (
            "macros",
            "Un document n’a pas besoin de votre permission",
            "Les documents qui vous demandent d’« activer le contenu » ou qui exécutent quelque chose à l’ouverture demandent à utiliser votre ordinateur. Les vraies lettres et les vrais tableaux se lisent sans cela.",
        ),
        (
            "unknown-kinds",
            "Ce que personne ne connaît, personne ne peut le vérifier",
            "Ce fichier est d’un type qui n’est pas utilisé ici. Demandez à l’expéditeur un format courant, tel que PDF.",
        ),
        (
            "locked-archives",
            "Une archive verrouillée enferme aussi les contrôles dehors",
            "Un mot de passe sur une archive tient les contrôles à l’écart. Quand le mot de passe arrive dans le même message, il ne protège que l’expéditeur de quelque chose de mauvais.",
        ),
    ],
    troubles: &[
        ("protocol", "La réponse du site n’a pas de sens"),
        ("request", "Cette requête n’a pas de sens pour un proxy"),
        ("misdirected", "Cette requête était destinée à un autre site"),
        ("name", "Aucun site ne porte ce nom"),
        ("unreachable", "Le site est injoignable"),
        ("certificate", "Le site ne peut pas prouver qu’il est celui que vous demandez"),
        ("silent", "Le site ne répond pas"),
        ("private", "Cette adresse n’est pas joignable d’où vous êtes"),
        ("loop", "Cette requête tourne en rond"),
        ("websocket", "Les connexions de ce type ne sont pas permises ici"),
        ("credentials", "Veuillez dire qui vous êtes"),
        (
            "busy",
            "Il y a tant à faire ici que cela ne peut pas être examiné maintenant ; veuillez réessayer dans un instant",
        ),
    ],
};
