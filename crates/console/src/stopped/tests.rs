use super::*;

fn seen(severity: Severity, id: &str, message: &str) -> Seen {
    Seen { severity, id: id.to_owned(), message: message.to_owned() }
}

fn sample() -> Stopped {
    Stopped {
        decision: Decision::Block,
        direction: Direction::Download,
        site: "files.example".to_owned(),
        name: "invoice.<b>pdf</b>.vbs".to_owned(),
        address: "http://files.example/invoice.zip".to_owned(),
        reference: "ABCD-2345".to_owned(),
        ask: Some("http://127.0.0.1:8080/ask/ABCD-2345".to_owned()),
        unlock: None,
        why: Why {
            part: Some(Culprit {
                path: "invoice.zip//invoice.pdf.vbs".to_owned(),
                names: vec!["invoice.pdf.vbs".to_owned(), "invoice.zip".to_owned()],
                kind: "vbs".to_owned(),
                class: Class::Script,
                described: "VBScript".to_owned(),
                locked: false,
                incomplete: Vec::new(),
            }),
            policies: vec![("ours".to_owned(), "A file that pretends is blocked".to_owned())],
            findings: vec![
                seen(Severity::Info, "program.unsigned", "nothing to worry"),
                // Of a rule of an organisation's own nobody knows more than it says itself.
                seen(Severity::High, "ours.name", "the name ends in .pdf.vbs"),
            ],
            lesson: Some("masquerade".to_owned()),
            ..Why::default()
        },
    }
}

fn page(stopped: &Stopped, language: Language) -> String {
    String::from_utf8(stopped.render(Form::Page, language, &House::default())).unwrap()
}

#[test]
fn a_page_says_what_why_and_what_to_do_in_every_language() {
    for language in Language::ALL {
        let page = page(&sample(), language);
        assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())));
        for text in [
            "href=\"http://127.0.0.1:8080/ask/ABCD-2345\"",
            "ABCD-2345",
            "A file that pretends is blocked",
            "the name ends in .pdf.vbs",
            "invoice.pdf.vbs",
        ] {
            assert!(page.contains(text), "{language:?}: {text}");
        }
        assert!(page.contains("&#60;b&#62;pdf") && !page.contains("<b>pdf"), "names are not markup");
        assert!(!page.contains("<script") && !page.contains("nothing to worry"));
        let (title, _) = texts(language).lesson("masquerade").unwrap();
        assert!(page.contains(title));
    }
}

#[test]
fn a_program_gets_a_problem_document() {
    let body = sample().render(Form::Json, Language::German, &House::default());
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&problem["status"], &problem["decision"]), (&403.into(), &"block".into()));
    assert_eq!(problem["policies"], json!(["ours"]));
    assert_eq!(problem["part"]["path"], "invoice.zip//invoice.pdf.vbs");
}

#[test]
fn a_terminal_gets_lines_that_cannot_steer_it() {
    let stopped = Stopped { name: "a\x1b[2Jb".to_owned(), ..sample() };
    let lines = String::from_utf8(stopped.render(Form::Text, Language::English, &House::default())).unwrap();
    assert!(!lines.contains('\x1b') && lines.contains("ABCD-2345"), "{lines}");
}

#[test]
fn what_failed_or_is_too_large_says_so() {
    for (why, text) in [
        (Why { failed: true, ..Why::default() }, texts(Language::English).failed),
        (Why { too_large: Some(1), ..Why::default() }, texts(Language::English).too_large),
    ] {
        assert!(page(&Stopped { why, ..sample() }, Language::English).contains(text));
    }
}

#[test]
fn a_stopped_upload_says_what_was_not_sent_and_where_and_nothing_of_a_download() {
    for (decision, language) in
        [Decision::Hold, Decision::Block].into_iter().flat_map(|one| Language::ALL.map(|language| (one, language)))
    {
        let upload = Stopped { decision, direction: Direction::Upload, ask: None, ..sample() };
        let page = page(&upload, language);
        let texts = texts(language);
        assert!(page.contains(&*texts.not_sent("files.example")), "{language:?}:\n{page}");
        for text in [texts.held, texts.blocked, texts.safe, texts.ask, texts.from].into_iter().chain(
            // What is advised about downloads is not about what somebody sends.
            texts.advice_held.iter().chain(texts.advice_blocked).copied(),
        ) {
            assert!(!page.contains(&format!(">{text}<")), "{language:?}: `{text}` on the page of an upload");
        }
        assert!(!page.to_lowercase().contains("download"), "{language:?}");
        let lines = String::from_utf8(upload.render(Form::Text, language, &House::default())).unwrap();
        assert!(lines.contains(&*texts.not_sent("files.example")), "{lines}");
    }
}

#[test]
fn a_part_is_told_in_words_and_not_as_a_path() {
    for (language, told) in [
        (Language::English, "invoice.pdf.vbs in invoice.zip (VBScript)"),
        (Language::French, "invoice.pdf.vbs dans invoice.zip (VBScript)"),
    ] {
        let page = page(&sample(), language);
        assert!(page.contains(told) && !page.contains("//invoice"), "{page}");
    }
}

#[test]
fn reasons_and_kinds_are_in_the_language_of_the_page() {
    let mut stopped = sample();
    stopped.decision = Decision::Hold;
    stopped.why.policies =
        vec![("hold-what-is-locked".to_owned(), "Encrypted content that could not be opened is held".to_owned())];
    if let Some(part) = &mut stopped.why.part {
        (part.kind, part.class) = ("zip".to_owned(), Class::Archive);
        part.described = "ZIP archive".to_owned();
        part.locked = true;
        part.incomplete =
            vec!["it ends early or is damaged: x".to_owned(), "the archive ends before it does".to_owned()];
    }
    for language in [Language::German, Language::French, Language::Spanish] {
        let page = page(&stopped, language);
        assert!(!page.contains("is held") && !page.contains("ZIP archive"), "{language:?}:\n{page}");
        for why in [Incomplete::Locked, Incomplete::Cut] {
            assert_eq!(page.matches(texts(language).incomplete(why)).count(), 1, "{language:?}: {why:?}");
        }
    }
    assert!(page(&stopped, Language::German).contains("ZIP-Archiv"));
}

#[test]
fn every_page_says_whose_it_is_and_whom_to_ask() {
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    let house = House {
        organisation: "Example & Sons".to_owned(),
        contact: "it@site.example".to_owned(),
        logo: Some(crate::Logo::of(drawing.into()).unwrap()),
        ..House::default()
    };
    let coming = Coming { name: "a".into(), address: "b".into(), taken: 1, whole: None };
    for page in [
        sample().render(Form::Page, Language::English, &house),
        coming.render(Language::English, &house),
        unanswered("name", "", "http://a.example/", Form::Page, Language::English, &house),
    ] {
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("Example &#38; Sons") && page.contains("href=\"mailto:it@site.example\""), "{page}");
        assert!(page.contains("<img class=\"logo\" src=\"data:image/svg+xml;base64,"), "{page}");
    }
    let body = sample().render(Form::Json, Language::English, &house);
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["contact"], "it@site.example");
    let lines = sample().render(Form::Text, Language::English, &house);
    assert!(String::from_utf8(lines).unwrap().contains("Help: Example & Sons, it@site.example"));
    let bare = page(&sample(), Language::English);
    assert!(!bare.contains("<img") && !bare.contains("mailto:") && !bare.contains(">Help<"));
}

#[test]
fn what_was_seen_is_told_in_the_language_of_the_page_and_once() {
    let mut stopped = sample();
    stopped.why.findings = vec![
        seen(Severity::High, "macros.downloads", "the macro downloads from the network"),
        seen(
            Severity::High,
            "masquerade.double-extension",
            "the name ends in .pdf.vbs: a program dressed as a document",
        ),
        seen(
            Severity::High,
            "masquerade.double-extension",
            "the name ends in .doc.vbs: a program dressed as a document",
        ),
        seen(Severity::Low, "ours.rule", "something of our own"),
    ];
    let english = page(&stopped, Language::English);
    assert!(
        english.contains("<li>the macro downloads")
            && english.contains(".doc.vbs")
            && !english.contains("lang=\"en\">some")
    );
    for (language, told) in [
        (Language::German, "<li>Das Makro lädt etwas aus dem Netz</li>"),
        (Language::French, "<li>La macro télécharge quelque chose du réseau</li>"),
        (Language::Spanish, "<li>La macro descarga algo de la red</li>"),
    ] {
        let page = page(&stopped, language);
        let double = sentence(language, "masquerade.double-extension").unwrap();
        assert!(page.contains(told) && page.matches(double).count() == 1, "{page}");
        assert!(!page.contains("dressed as") && page.contains("<li lang=\"en\">something of our own</li>"), "{page}");
        let lines = String::from_utf8(stopped.render(Form::Text, language, &House::default())).unwrap();
        assert!(lines.contains(double) && !lines.contains("dressed as"), "{lines}");
    }
    // Programs read one language.
    let problem = String::from_utf8(stopped.render(Form::Json, Language::German, &House::default())).unwrap();
    assert!(problem.contains("the macro downloads from the network"), "{problem}");
}

#[test]
fn how_far_a_download_is_is_said_in_units_and_numbers_of_the_language() {
    let coming = Coming { name: "a".into(), address: "b".into(), taken: 3 << 19, whole: Some(3 << 20) };
    for (language, there, all) in [
        (Language::English, "1.5\u{a0}MiB", "3.0\u{a0}MiB"),
        (Language::German, "1,5\u{a0}MiB", "3,0\u{a0}MiB"),
        (Language::French, "1,5\u{a0}Mio", "3,0\u{a0}Mio"),
        (Language::Spanish, "1,5\u{a0}MiB", "3,0\u{a0}MiB"),
    ] {
        let page = String::from_utf8(coming.render(language, &House::default())).unwrap();
        assert!(
            page.contains(there) && page.contains(all) && page.contains("value=\"1572864\" max=\"3145728\""),
            "{page}"
        );
        assert!(page.contains("<body class=\"calm\">"));
    }
}

#[test]
fn a_page_about_something_that_goes_on_is_not_headed_like_a_block() {
    let mood = |page: &[u8]| {
        let page = String::from_utf8_lossy(page).into_owned();
        page.split("<body class=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    };
    let house = House::default();
    let coming = Coming { name: "a".into(), address: "b".into(), taken: 1, whole: None };
    assert_eq!(mood(&coming.render(Language::English, &house)), "calm");
    assert_eq!(mood(&unanswered("busy", "", "", Form::Page, Language::English, &house)), "calm");
    assert_eq!(mood(&sample().render(Form::Page, Language::English, &house)), "block");
    let held = Stopped { decision: Decision::Hold, ..sample() };
    assert_eq!(mood(&held.render(Form::Page, Language::English, &house)), "hold");
}

#[test]
fn what_an_incident_keeps_back_says_so_and_every_page_leads_to_immediate_response() {
    let house = House { response: "http://127.0.0.1:8080/incident".to_owned(), ..House::default() };
    let why = Why { incident: Some("INC-7KQ2-M4XW".to_owned()), ..Why::default() };
    let contained = Stopped { why, ask: None, ..sample() };
    let coming = Coming { name: "a".into(), address: "b".into(), taken: 1, whole: None };
    for language in Language::ALL {
        let line = texts(language).response.line;
        let page = String::from_utf8(contained.render(Form::Page, language, &house)).unwrap();
        assert!(page.contains(&texts(language).contained("INC-7KQ2-M4XW")), "{language:?}: {page}");
        let link = format!("<a href=\"http://127.0.0.1:8080/incident?reference=ABCD-2345\">{line}</a>");
        assert!(page.contains(&link), "{language:?}: {page}");
        for page in
            [coming.render(language, &house), unanswered("name", "", "http://a.example/", Form::Page, language, &house)]
        {
            let page = String::from_utf8(page).unwrap();
            assert!(page.contains(&format!("<a href=\"http://127.0.0.1:8080/incident\">{line}</a>")), "{page}");
        }
        // Where there is no console, whom to call stands there.
        let called = House { incident_contact: "+49 30 110".to_owned(), ..House::default() };
        let page = String::from_utf8(contained.render(Form::Page, language, &called)).unwrap();
        assert!(page.contains(line) && page.contains("href=\"tel:+4930110\""), "{page}");
    }
    let problem: serde_json::Value =
        serde_json::from_slice(&contained.render(Form::Json, Language::English, &house)).unwrap();
    assert_eq!(problem["incident"], "INC-7KQ2-M4XW");
    assert_eq!(problem["response"], "http://127.0.0.1:8080/incident?reference=ABCD-2345");
}
