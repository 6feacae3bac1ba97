use super::*;

fn logged(id: i64, event: Event) -> LoggedEvent {
    LoggedEvent { id, event: Event { decision: "deliver".into(), ..event } }
}

fn decoded(keys: &[u8], texts: &[u8]) -> Result<Vec<LoggedEvent>, Damage> {
    let keys = Keys::decode(keys)?;
    let texts = Texts::decode(texts, &keys)?;
    let one = |row| {
        let mut logged = texts.event(&keys, row)?;
        logged.event.judged = texts.judged(row, &logged.event)?;
        Ok(logged)
    };
    keys.rows().map(|(row, ..)| one(row)).collect()
}

fn check(events: &[LoggedEvent]) -> Encoded {
    let encoded = encode(events).unwrap();
    assert_eq!(decoded(&encoded.keys, &encoded.texts).unwrap(), events);
    encoded
}

/// Events as strange as any that were recorded.
fn odd() -> Vec<LoggedEvent> {
    let any = Event::default;
    let sha256 = "0a".repeat(32);
    let judged = |name: &str, size: i64| {
        format!("{{\"origin\":{{\"host\":\"www.a.example\"}},\"parts\":[{{\"part\":\"{name}\",\"size\":{size}}}]}}")
    };
    let events = vec![
        any(),
        Event { at: i64::MIN, size: i64::MAX, ..any() },
        Event { at: i64::MAX, size: -1, sha256: sha256.clone(), ..any() },
        Event { sha256: sha256.clone(), judged: judged("x", 7), name: "x".into(), size: 7, ..any() },
        Event { sha256: sha256.to_uppercase(), ..any() },
        Event { sha256: "0b".repeat(32), reference: "ABCD-2345".into(), ..any() },
        Event { sha256, address: "https://www.a.example/ü/ß.png".into(), host: "www.a.example".into(), ..any() },
        Event {
            name: "ß.png".into(),
            address: "http://www.a.example/ü/ß.png".into(),
            host: "www.a.example".into(),
            ..any()
        },
        Event { name: "äöü\n\u{1}\u{1f}".into(), judged: "\u{1f}\u{1}\u{8}no JSON".into(), ..any() },
        Event { host: "\u{2}".into(), domain: "a".into(), judged: "{\"x\":\"a\",\"y\":\"\"}".into(), ..any() },
        Event { name: "a\",\"b".into(), judged: "[\"a\",\"b\"]".into(), ..any() },
        Event { size: 1, judged: "{\"size\":12,\"size\":1}".into(), ..any() },
        Event { address: "https://".into(), name: "https://".into(), ..any() },
        Event { address: format!("https://b.example/{}", "long/".repeat(100_000)), host: "b.example".into(), ..any() },
        Event { at: 5, person: "Ünal".into(), policy: "own".into(), codings: "gzip, br".into(), ..any() },
    ];
    let ids = (0..).map(|number: i64| -5 + number * number * 1_000);
    ids.zip(events).map(|(id, event)| logged(id, event)).collect()
}

/// The next of numbers that look random and are always the same.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Events about pieces of pages as sixty people load them.
fn pieces(number: usize) -> Vec<LoggedEvent> {
    const TYPES: [(&str, &str, &str, &str); 4] = [
        ("js", "javascript", "script", "application/javascript"),
        ("webp", "webp", "image", "image/webp"),
        ("css", "css", "text", "text/css"),
        ("woff2", "woff2", "font", "font/woff2"),
    ];
    let (mut state, mut at, mut hashes) = (7, 1_700_000_000_000, Vec::<String>::new());
    let mut events = Vec::new();
    for id in 1..=number {
        let mut below = |end: usize| next(&mut state) as usize % end;
        at += below(700) as i64;
        let (site, page, person, size) = (below(40), below(40), below(60), below(200_000));
        let (extension, kind, class, declared) = TYPES[below(TYPES.len())];
        let domain = format!("site{site}.example");
        let host = format!("{}.{domain}", ["www", "cdn", "static", "api"][below(4)]);
        let name = format!("{}-{:08x}.{extension}", ["chunk", "vendor", "hero", "icon"][below(4)], below(1 << 31));
        let folder = ["assets", "static/js", "media/2024", "v2/content"][below(4)];
        let bytes: String = (0..8).map(|_| format!("{:08x}", below(1 << 31))).collect();
        let sha256 = if below(10) < 3 && !hashes.is_empty() { hashes[below(hashes.len())].clone() } else { bytes };
        hashes.push(sha256.clone());
        let letters = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
        let mut reference: String = (0..8).map(|_| char::from(letters[below(32)])).collect();
        reference.insert(4, '-');
        let client = format!("10.1.0.{person}");
        let judged = format!(
            "{{\"origin\":{{\"gate\":\"proxy\",\"person\":\"person{person}\",\"groups\":[\"staff\"],\"client\":\"{client}\",\
             \"page\":\"site{page}.example\",\"host\":\"{host}\",\"domain\":\"{domain}\",\"first_seen_days\":{site},\
             \"declared_type\":\"{declared}\"}},\"parts\":[{{\"part\":\"{name}\",\"name\":\"{name}\",\
             \"extension\":\"{extension}\",\"kind\":\"{kind}\",\"class\":\"{class}\",\"kinds\":[\"{kind}\"],\
             \"classes\":[\"{class}\"],\"size\":{size}}}]}}"
        );
        let event = Event {
            at,
            reference,
            gate: "proxy".into(),
            direction: "download".into(),
            person: format!("person{person}"),
            client,
            address: format!("https://{host}/{folder}/{name}"),
            host,
            domain,
            name,
            sha256,
            size: size as i64,
            kind: kind.into(),
            class: class.into(),
            verdict: "benign".into(),
            codings: ["", "gzip", "br"][below(3)].into(),
            judged,
            ..Event::default()
        };
        events.push(logged(id as i64, event));
    }
    events
}

#[test]
fn events_come_back_as_they_were_however_odd_they_are() {
    check(&odd());
    for logged in odd() {
        check(&[logged]);
    }
    check(&pieces(1));
    check(&pieces(300));
    assert!(encode(&[]).is_err());
    assert!(encode(&pieces(MOST_EVENTS + 1)).is_err());
    check(&pieces(MOST_EVENTS));
}

#[test]
fn an_event_about_a_piece_of_a_page_takes_at_most_120_bytes() {
    for number in [128, 512, 1_000] {
        let encoded = check(&pieces(number));
        let Encoded { entries, hashes, quoted, keys, texts } = &encoded;
        // The numbers beside them, and pages of a database that are not full.
        let beside = 80 + 2_048;
        let bytes = entries.len() + hashes.len() + quoted.len() + keys.len() + texts.len() + beside;
        eprintln!("{number} events: {:.1} bytes each", bytes as f64 / number as f64);
        assert!(bytes <= 120 * number, "{bytes} bytes for {number} events");
    }
}

#[test]
fn nobody_makes_a_sample_that_counts_as_another() {
    // Two of so many share 32 bits by chance alone; 64 take as long to make as anything that others would notice.
    let mut seen = HashMap::new();
    let (one, other) = (0_u32..)
        .find_map(|number| {
            let sha256 = format!("{number:064x}");
            let hash: [u8; 4] = beginning("sha256", &sha256);
            seen.insert(hash, sha256.clone()).map(|first| (first, sha256))
        })
        .unwrap();
    let event = Event { sha256: one.clone(), ..Event::default() };
    let encoded = encode(&[LoggedEvent { id: 1, event }]).unwrap();
    assert_eq!((times(&encoded.hashes, &sample(&one)), times(&encoded.hashes, &sample(&other))), (1, 0));
}

#[test]
fn values_are_found_where_they_are() {
    let events = pieces(300);
    let encoded = check(&events);
    for logged in &events {
        let event = &logged.event;
        for column in Column::LISTED {
            assert_eq!(times(&encoded.entries, &entry(column, column.of(event))), 1);
        }
        assert_eq!(times(&encoded.quoted, &hash("reference", &event.reference)), 1);
        let same = events.iter().filter(|other| other.event.sha256 == event.sha256).count();
        assert_eq!(times(&encoded.hashes, &sample(&event.sha256)), same);
    }
    assert_eq!(times(&encoded.entries, &entry(Column::Person, "nobody")), 0);
    let none = [0; 4];
    assert_eq!((times(&[], &none), times(&[VERSION], &none), times(&[VERSION, 1, 2], &none)), (0, 0, 0));
    assert_eq!(times(&list(vec![[255; 4], none, [255; 4]]), &[255; 4]), 2);
    let keys = Keys::decode(&encoded.keys).unwrap();
    let wanted = [(Column::Person, "person7"), (Column::Kind, "css")];
    let expected: Vec<bool> =
        events.iter().map(|logged| logged.event.person == "person7" && logged.event.kind == "css").collect();
    assert_eq!(keys.having(&wanted), expected);
    assert_eq!(keys.having(&[(Column::Host, "none")]), [false; 300]);
    assert_eq!(keys.having(&[]), [true; 300]);
}

#[test]
fn whatever_is_cut_off_or_changed_ends_in_an_error_or_a_value() {
    let encoded = check(&pieces(12));
    let Encoded { keys, texts, .. } = &encoded;
    for length in 0..keys.len() {
        assert!(decoded(&keys[..length], texts).is_err(), "{length}");
    }
    for length in 0..texts.len() {
        assert!(decoded(keys, &texts[..length]).is_err(), "{length}");
    }
    for mask in [0x01, 0x40, 0x80, 0xff] {
        for bytes in [keys, texts] {
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= mask;
                let _ = if bytes == keys { decoded(&changed, texts) } else { decoded(keys, &changed) };
            }
        }
    }
    // Texts of other events.
    let other = check(&pieces(5));
    assert!(decoded(keys, &other.texts).is_err());
}

#[test]
fn what_the_checksum_does_not_notice_is_no_danger_either() {
    let encoded = check(&[pieces(5), odd()[..13].to_vec()].concat());
    let mut reader = Reader::new(&encoded.keys);
    reader.version(VERSION).unwrap();
    let plain = opened(&mut reader).unwrap();
    for place in 0..plain.len() {
        let mut changed = plain.clone();
        changed[place] ^= [0x01, 0x80, 0xff][place % 3];
        let mut keys = vec![VERSION];
        sealed(&mut keys, &changed).unwrap();
        let _ = decoded(&keys, &encoded.texts);
    }
    let mut reader = Reader::new(&encoded.texts);
    reader.version(VERSION).unwrap();
    let sections: Vec<Vec<u8>> = (0..3).map(|_| opened(&mut reader).unwrap()).collect();
    for (section, own) in sections.iter().enumerate() {
        for place in (0..own.len()).step_by(2) {
            let mut texts = vec![VERSION];
            for (number, plain) in sections.iter().enumerate() {
                let mut changed = plain.clone();
                if number == section {
                    changed[place] ^= [0x01, 0x80, 0xff][place / 2 % 3];
                }
                sealed(&mut texts, &changed).unwrap();
            }
            let _ = decoded(&encoded.keys, &texts);
        }
    }
}
