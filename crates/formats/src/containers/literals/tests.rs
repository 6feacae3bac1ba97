use super::Payloads;

fn payloads(script: &str) -> Payloads {
    super::payloads(script, &mut crate::testing::budget())
}

#[track_caller]
fn check(script: &str, expected: &[&[u8]]) {
    let payloads = payloads(script);
    assert_eq!(payloads.found.iter().map(Vec::as_slice).collect::<Vec<_>>(), expected, "{script}");
    assert_eq!(payloads.incomplete, None, "{script}");
}

#[test]
fn no_number_of_others_hides_a_payload() {
    // Base64 of texts that differ, as many as one likes.
    let small = |at: u32| format!("atob('{}');", data_encoding::BASE64.encode(format!("just text {at:06}").as_bytes()));
    let padding: String = (0..20_000).map(small).collect();
    let script = format!("{padding}x(atob('TEFaQVJFVC1NQVJLRVI='))");
    assert!(payloads(&script).found.contains(&b"LAZARET-MARKER".to_vec()));
}

#[test]
fn what_is_not_read_any_more_is_said() {
    let large = "QUFB".repeat(250_000);
    let joined = format!("var a = '{large}'; {} x(atob('TEFaQVJFVC1NQVJLRVI='))", "f(a + a + a);".repeat(70));
    let payloads = payloads(&joined);
    let found = payloads.found.contains(&b"LAZARET-MARKER".to_vec());
    assert!(found || payloads.incomplete.is_some(), "{}", &joined[joined.len() - 60..]);
}

#[test]
fn a_library_may_name_its_lists_of_words_as_often_as_it_likes() {
    let words = format!("'{}',", "so ".repeat(33)).repeat(1_000);
    let script = format!("var a = [{words}]; {} x(atob('TEFaQVJFVC1NQVJLRVI='))", "f(a, a.length);".repeat(2_000));
    let payloads = payloads(&script);
    assert_eq!(payloads.incomplete, None);
    assert!(payloads.found.contains(&b"LAZARET-MARKER".to_vec()));
}

#[test]
fn a_value_that_repeats_itself_ends_nothing_and_hides_nothing() {
    let marker: &[u8] = b"LAZARET-MARKER";
    let twice = "a += a;".repeat(40);
    check(&format!("var a = 'so '; {twice} x(atob('TEFaQVJFVC1NQVJLRVI='))"), &[marker]);
    let halves = "b += 'TEFaQVJF'; b += 'VC1NQVJLRVI='; b += '';";
    check(&format!("var a = 'so '; {twice} var b = ''; {halves} x(atob(b))"), &[marker]);
    let much = "var a = 'so '; var b = 'it '; ".to_owned() + &"a = b + a; b = a + b;".repeat(12);
    check(&format!("{much} x(atob('TEFaQVJF' + 'VC1NQVJLRVI='))"), &[marker]);
}

#[test]
fn what_fills_a_value_hides_nothing_that_is_added_to_it() {
    // An archive in pieces of any size, behind so much that it repeats, of which line ends do not count, and before as much again.
    let archive = [
        b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a".to_vec(),
        (0..30_002_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
    ]
    .concat();
    let encoded = data_encoding::BASE64.encode(&archive);
    for (fill, pieces, behind) in
        [("QUFB", 5_001, 0), ("QU\\r\\nFB", 9_999, 0), ("QUFB", 7, 0), ("QUFB", 20_003, 18), ("QUFB", 40_000, 3)]
    {
        for times in [0, 13, 15, 16, 17] {
            let mut script = format!("var a = '{fill}'; var f = '{fill}';{}", "f += f;".repeat(times));
            script += "a += f;";
            for piece in encoded.as_bytes().chunks(pieces) {
                script += &format!("a += '{}';", std::str::from_utf8(piece).unwrap());
            }
            script += &"a += f;".repeat(behind);
            script += "x(atob(a));";
            let payloads = payloads(&script);
            let found = payloads.found.iter().any(|found| memchr::memmem::find(found, &archive).is_some());
            assert!(found || payloads.incomplete.is_some(), "{fill} {pieces} {behind} {times}");
            assert_eq!(payloads.incomplete, None, "{fill} {pieces} {behind} {times}");
        }
    }
}

#[test]
fn names_of_functions_are_not_joined_with_those_around_them() {
    let marker: &[u8] = b"LAZARET-MARKER";
    // What is outside goes on behind the function, and what is inside is decoded when it ends.
    for function in [
        "function f(e, t) {",
        "var f = function (e) {",
        "f = (t, e) => {",
        "f = e => {",
        "function* f({e}, t = 1) { let e;",
        "function f(t, e)\n{",
        "class A { b() {} f(e) {} } var a = { f(e, t) {} }; function g() {} function f(e) {",
    ] {
        let inside = "e += 'PGh0bWw+PHNjcmlwdD5M'; e += 'QVpBUkVUKCk8L3NjcmlwdD48L2h0bWw+'; if (t) { g(t) } }";
        check(
            &format!("var e = 'TEFaQVJF'; {function} {inside} e += 'VC1NQVJLRVI='; x(atob(e))"),
            &[b"<html><script>LAZARET()</script></html>", marker],
        );
    }
    // A block has names of its own, to its end and no longer.
    for block in ["{ let e = 'x'; e += 'y'; }", "if (t) { const e = 'x' } else { let e }"] {
        check(&format!("function f(t) {{ var e = 'TEFaQVJF'; {block} e += 'VC1NQVJLRVI='; x(atob(e)) }}"), &[marker]);
    }
    // Methods, and what a `catch` catches.
    for inside in [
        "class A { f(e, t) { e += 'x' } }",
        "a = { f(t, e) { e += 'x' }, g(e) { e += 'y' } }",
        "try {} catch (e) { e += 'x' }",
    ] {
        check(&format!("var e = 'TEFaQVJF'; {inside}; e += 'VC1NQVJLRVI='; x(atob(e))"), &[marker]);
    }
    // Neither a call before a block nor what a condition asks is a function.
    for block in [
        "f(e)\n{ e += 'VC1NQVJLRVI=' }",
        "f(e) /*\n*/ { e += 'VC1NQVJLRVI=' }",
        "if (e) { e += 'VC1NQVJLRVI=' }",
        "for (e of f) { e += 'VC1NQVJLRVI=' }",
    ] {
        check(&format!("var e = 'TEFaQVJF'; {block} x(atob(e))"), &[marker]);
    }
    // What a function adds to a name that is not its own is outside.
    check("var e = 'TEFaQVJF'; function f(t) { e += 'VC1NQVJLRVI=' } x(atob(e))", &[marker]);
    // One that never ends hides nothing.
    let open = payloads("var e = 'PGh0bWw+PHNjcmlwdD5MQVpBUkVUKCk8L3NjcmlwdD48L2h0bWw+'; function f(e) { '");
    assert_eq!(open.found, [b"<html><script>LAZARET()</script></html>"]);
}

#[test]
fn quotes_that_are_never_closed_hide_nothing_and_are_read_once() {
    for quotes in ["\\'", "\\\"", "\\`", "'\\'\\\"", "\"\\\"'\\'`\\`"] {
        let script = |count: usize| format!("{}\n x(atob(\"TEFaQVJFVC1NQVJLRVI=\"))", quotes.repeat(count));
        let steps = |count: usize| {
            let mut budget = crate::testing::budget();
            super::payloads(&script(count), &mut budget);
            budget.steps()
        };
        assert!(steps(100_000) <= 64 * script(100_000).len() as u64, "{quotes}");
        if !quotes.contains('`') {
            check(&script(10_000), &[b"LAZARET-MARKER"]);
        }
    }
}

#[test]
fn quotes_in_regular_expressions_begin_no_literal() {
    let code = "try{n.set(1)}catch{}return copy(e),goto(t),start(n),call(o),echo(r),del(s),if_(a),for_(b)";
    check(
        &format!("a=e.replace(/[/'\"]/g,''),b=/\"/.test(c);{code};d=f(/'/,1);x(atob('TEFaQVJFVC1NQVJLRVI='))"),
        &[b"LAZARET-MARKER"],
    );
    // What is divided is none, and what an expression says may be taken from it.
    check("a = b / 'TEFaQVJF'; c = 1 / 2; x(atob('TEFaQVJFVC1NQVJLRVI=')) / 2", &[b"LAZARET-MARKER"]);
    check("a = (b) / atob('TEFaQVJFVC1NQVJLRVI=') / 2", &[b"LAZARET-MARKER"]);
    let page = "PGh0bWw+PHNjcmlwdD5MQVpBUkVUKCk8L3NjcmlwdD48L2h0bWw+PCEtLSBhIC0tPg==";
    check(&format!("x(/{page}/.source)"), &[b"<html><script>LAZARET()</script></html><!-- a -->"]);
}

#[test]
fn a_large_value_may_be_named_as_often_as_one_likes() {
    let large = "just words, ".repeat(50_000);
    let script = format!("var a = '{large}'; {} x(atob('TEFaQVJFVC1NQVJLRVI='))", "b = a; ".repeat(2_000));
    check(&script, &[b"LAZARET-MARKER"]);
}

#[test]
fn literals_are_joined_and_decoded() {
    // TEFaQVJFVC1NQVJLRVI= is LAZARET-MARKER.
    let marker: &[u8] = b"LAZARET-MARKER";
    check("x(atob('TEFaQVJFVC1NQVJLRVI='))", &[marker]);
    check("atob(\"TEFaQVJF\" + \"VC1NQVJLRVI=\")", &[marker]);
    check("var a = 'TEFaQVJF'; var b = 'VC1NQVJLRVI='; go(atob(a + b));", &[marker]);
    check("var a = 'TEFaQVJF'; a += 'VC1NQVJLRVI='; go(atob(a));", &[marker]);
    check("$x = [Convert]::FromBase64String('TEFaQVJFVC1NQVJLRVI=')", &[marker]);
    check("var b = new Uint8Array([76,65,90,65,82,69,84,45,77]);", &[b"LAZARET-M"]);
    check("[Byte[]] $b = 0x4c,0x41,0x5a,0x41,0x52,0x45,0x54,0x2d,0x4d", &[b"LAZARET-M"]);
    check("f('data:text/plain;base64,TEFaQVJFVC1NQVJLRVI=')", &[marker]);
    check("var s = '\\x50\\x4b\\x05\\x06\\x00\\x00\\x00\\x00\\x00\\x00';", &[b"PK\x05\x06\0\0\0\0\0\0"]);
    check("var words = 'nothing here to decode at all, only a sentence of some length'; f([1,2,3]);", &[]);
    check("/* TEFaQVJFVC1NQVJLRVI= */ f(1)", &[]);
    let page = "PGh0bWw+PHNjcmlwdD5MQVpBUkVUKCk8L3NjcmlwdD48L2h0bWw+PCEtLSBhIC0tPg==";
    check(&format!("function f() {{/* {page} */}}"), &[b"<html><script>LAZARET()</script></html><!-- a -->"]);
    check(
        "document.write('%3Chtml%3E%3Cscript%3ELAZARET()%3C/script%3E%3C/html%3E')",
        &[b"<html><script>LAZARET()</script></html>"],
    );
    check("it's \\ broken 'a\n", &[]);
}
