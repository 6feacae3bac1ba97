//! What a scan says about the stand-ins of every row of `docs/vectors.md`: one test a row.

use std::path::Path;

/// Checks every stand-in of one row.
fn check(row: &str) {
    let executable = Path::new(env!("CARGO_BIN_EXE_lazaret"));
    let standins = corpus::of_row(row);
    assert!(!standins.is_empty(), "row {row} has no stand-in");
    let mut wrong = Vec::new();
    for line in corpus::check(executable, &corpus::root(), standins).unwrap_or_else(|error| panic!("{error}")) {
        if !line.as_expected() {
            let missing: Vec<String> = line.missing.iter().map(ToString::to_string).collect();
            wrong.push(format!("{}: not found: {}; found: {}", line.standin.what, missing.join(", "), line.found));
        }
    }
    assert!(wrong.is_empty(), "row {row}:\n{}", wrong.join("\n"));
}

/// One test for each of these rows, and one that every covered row is among them.
macro_rules! rows {
    ($($test:ident $row:literal)*) => {
        $(#[test]
        fn $test() {
            check($row);
        })*

        #[test]
        fn every_covered_row_has_a_test() {
            let tested = [$($row),*];
            for row in corpus::ROWS.iter().filter(|row| row.covered == corpus::Covered::Now) {
                assert!(tested.contains(&row.id), "row {} has no test", row.id);
            }
        }
    };
}

rows! {
    a1 "A1" a2 "A2" a3 "A3" a4 "A4" a5 "A5" a6 "A6" a7 "A7" a8 "A8" a9 "A9" a10 "A10" a11 "A11" a12 "A12" a13 "A13"
    a14 "A14" a15 "A15" a16 "A16" a17 "A17" a18 "A18" a19 "A19" a20 "A20" a21 "A21" a22 "A22" a23 "A23" a24 "A24"
    a25 "A25" a26 "A26" a27 "A27" a28 "A28" a29 "A29" a30 "A30" a31 "A31" a32 "A32" a33 "A33" a34 "A34" a36 "A36" a37 "A37"
    b1 "B1" b2 "B2" b3 "B3"
    b4 "B4" b5 "B5" b7 "B7" b8 "B8" c1 "C1" c2 "C2" c3 "C3" c4 "C4" c5 "C5" c6 "C6" c7 "C7" c8 "C8" c9 "C9" c10 "C10"
    c11 "C11" c12 "C12" c13 "C13" c14 "C14" c15 "C15" c16 "C16" c17 "C17" c18 "C18" c19 "C19" c20 "C20" c21 "C21"
    c23 "C23" c24 "C24" c25 "C25" c26 "C26" c28 "C28" c29 "C29" honest "H"
}

#[test]
fn what_is_stored_is_what_the_generator_makes() {
    let (root, standins) = (corpus::root(), corpus::all());
    let mut wanted: Vec<_> = standins.iter().map(|standin| root.join(standin.path())).collect();
    wanted.sort();
    assert_eq!(corpus::stored_paths(&root), wanted, "`cargo xtask corpus` mends this");
    for standin in standins.iter().filter(|standin| !standin.salted) {
        let stored = std::fs::read(root.join(standin.path())).expect("it is stored");
        let (name, bytes) = corpus::decode(&stored).expect("it is a stand-in");
        assert!(name == standin.name && bytes == standin.bytes, "`{}` is stale: `cargo xtask corpus`", standin.path());
    }
}

#[test]
fn every_detector_finds_something_in_a_stand_in_of_its_own() {
    let standins = corpus::all();
    for detector in lazaret_detect::DETECTORS {
        let folder = format!("detect/{}", detector.id());
        let own = standins.iter().filter(|standin| standin.folder == folder && !standin.expect.is_empty());
        assert!(own.count() > 0, "`{folder}` has no stand-in");
    }
}
