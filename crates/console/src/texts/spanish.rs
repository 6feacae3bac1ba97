//! Spanish.

use super::Texts;

pub(super) const TEXTS: Texts = Texts {
    held: "Esta descarga está retenida",
    blocked: "Esta descarga se ha detenido",
    safe: "No ha llegado nada a su ordenador, y usted no ha hecho nada malo.",
    file: "Archivo",
    from: "Procedencia",
    what: "Qué la detuvo",
    why: "Por qué",
    what_now: "Qué puede hacer",
    advice_held: &[
        "Si no necesita el archivo, simplemente cierre esta página.",
        "Si lo necesita, dé la referencia de abajo a quienes cuidan de sus ordenadores. Pueden examinar el archivo y liberarlo.",
        "Si es un archivo comprimido con contraseña, pida al remitente otra vía: nadie puede responder de lo que nadie puede ver.",
    ],
    advice_blocked: &[
        "Si no esperaba este archivo, cierre esta página. Eso es todo.",
        "Si llegó por correo o mensaje, no pruebe otro enlace del mismo. Pregunte al remitente por una vía que ya conozca.",
        "Si lo necesita para su trabajo, dé la referencia de abajo a quienes cuidan de sus ordenadores.",
    ],
    coming: "Esta descarga se está examinando",
    coming_soon: "Empezará por sí sola en cuanto se sepa que no hay nada en su contra. Puede dejar esta página abierta.",
    there: "Recibido",
    unlock: "Conozco su contraseña: abrirlo",
    ask: "Pedir este archivo",
    reference: "Referencia",
    detail: "Detalle",
    failed: "No se pudo examinar el archivo, así que no se entrega sin revisión.",
    too_large: "El archivo es mayor de lo que aquí se examina.",
    lessons: &[
        (
            "suspicious-sites",
            "Algunos sitios existen solo para engañar",
            "Este sitio es conocido por difundir archivos dañinos o páginas falsas. Si un mensaje le trajo hasta aquí, avise a quienes cuidan de sus equipos: otras personas también lo habrán recibido.",
        ),
        (
            "programs",
            "Los programas vienen de un lugar, no de un enlace",
            "Un programa puede hacer todo lo que puede hacer usted. Obtenga los programas de su propio servicio informático o del sitio del fabricante cuya dirección haya escrito usted, nunca de una página o un mensaje que le apremie a instalar algo.",
        ),
        (
            "scripts",
            "Un script es un programa de paisano",
            "Los archivos que terminan en .js, .vbs, .ps1, .bat o .hta parecen texto y se ejecutan como programas. Nadie envía así una factura o un formulario.",
        ),
        (
            "shortcuts",
            "Un acceso directo puede llevar a cualquier parte",
            "Un acceso directo muestra la imagen que quiere e inicia lo que quiere. Dentro de una descarga está para iniciar algo que usted no ha elegido.",
        ),
        (
            "disk-images",
            "Una imagen de disco oculta de dónde vienen los archivos",
            "Los archivos de una imagen de disco pierden la marca que dice que vienen de internet y, con ella, los avisos. Por eso gustan a quienes quieren esquivar esos avisos.",
        ),
        (
            "masquerade",
            "Lea el final del nombre",
            "Su sistema abre un archivo por el final de su nombre, no por su imagen. «factura.pdf.exe» es un programa. Un archivo que se disfraza tiene un motivo.",
        ),
        (
            "malware",
            "Les basta un clic",
            "Este archivo hace lo que hacen los archivos maliciosos. Si alguien le apremió a abrirlo, esa prisa era parte del engaño.",
        ),
        (
            "macros",
            "Un documento no necesita su permiso",
            "Los documentos que le piden «habilitar el contenido» o que ejecutan algo al abrirse piden usar su ordenador. Las cartas y tablas de verdad se leen sin eso.",
        ),
        (
            "unknown-kinds",
            "Lo que nadie conoce, nadie puede comprobarlo",
            "Este archivo es de un tipo que aquí no se usa. Pida al remitente un formato corriente, como PDF.",
        ),
        (
            "locked-archives",
            "Un archivo cerrado también deja fuera los controles",
            "Una contraseña en un archivo comprimido impide examinarlo. Si la contraseña llega en el mismo mensaje, solo protege a quien envía algo malo.",
        ),
    ],
    troubles: &[
        ("protocol", "La respuesta del sitio no tiene sentido"),
        ("request", "Esta petición no tiene sentido para un proxy"),
        ("misdirected", "Esta petición era para otro sitio"),
        ("name", "No existe ningún sitio con ese nombre"),
        ("unreachable", "No se puede llegar al sitio"),
        ("certificate", "El sitio no puede demostrar que es el que usted pidió"),
        ("silent", "El sitio no responde"),
        ("private", "No se puede llegar a esta dirección desde donde está"),
        ("loop", "Esta petición da vueltas en círculo"),
        ("websocket", "Aquí no se permiten conexiones de este tipo"),
        ("credentials", "Diga quién es, por favor"),
        ("busy", "Hay tanto en curso aquí que ahora no se puede examinar esto; vuelva a intentarlo en un momento"),
    ],
};
