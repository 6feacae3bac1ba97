//! Rooms: one that is added by a line has its place everywhere, and a part of them can run alone.

use crate::gate::people::administrator;
use crate::gate::{Program, Served, Site, executable, until};
use crate::incident::{act, newest_act, opened, undo};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `examples/with_a_bell`: Lazaret with one room more. Whoever builds all tests has built it.
fn with_a_bell() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_lazaret")).with_file_name("examples").join("with_a_bell");
    assert!(path.exists(), "`{}` is missing; `cargo build -p lazaret --examples` builds it", path.display());
    path
}

/// A command of an executable in a folder with this configuration.
fn run(executable: &Path, configuration: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lazaret.toml"), configuration).unwrap();
    let mut command = Command::new(executable);
    command.args(arguments).current_dir(folder.path()).env_remove("LAZARET_CONFIG");
    command.env("LAZARET_DATA", folder.path().join("data")).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn metrics(served: &Served) -> String {
    let address = format!("http://{}/metrics", served.console);
    let output = Command::new("curl").args(["--silent", "--noproxy", "*", &address]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn events(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_room_that_one_line_adds_has_its_settings_described_and_checked() {
    let bell = with_a_bell();
    let defaults = |executable: &Path| String::from_utf8(run(executable, "", &["config", "defaults"]).stdout).unwrap();
    let (usual, more) = (defaults(&executable()), defaults(&bell));
    let own = "\n# A bell that is rung for people.\n[bell]\n# How often it is rung for each of them.\nrings = 2\n# What it sounds like.\n\
               sound = \"ding\"\n";
    assert_eq!(more, format!("{usual}{own}"), "everything else is as ever");
    let check = |executable: &Path, text: &str| {
        let output = run(executable, text, &["config", "check"]);
        (output.status.code(), said(&output))
    };
    assert_eq!(check(&bell, &more), (Some(0), String::new()));
    for (text, culprit) in [
        ("[bell]\nring = 3\n", "did you mean `bell.rings`?"),
        ("[bell]\nrings = 11\n", "`bell.rings`: 11 is not from 1 to 10"),
        ("[bell]\nrings = \"often\"\n", "`bell.rings`: invalid type"),
        ("bell = 3\n", "`bell` is a table"),
        ("[bel]\n", "did you mean `bell`?"),
    ] {
        let (status, said) = check(&bell, text);
        assert!(status == Some(2) && said.contains(culprit), "{text}: {said}");
    }
    let (status, said) = check(&executable(), "[bell]\n");
    assert!(status == Some(2) && said.contains("unknown field `bell`"), "another executable has no bell: {said}");
}

#[test]
fn a_room_that_one_line_adds_is_measured_shown_exported_and_has_its_act_in_an_incident() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let program = Program { executable: with_a_bell(), arguments: Vec::new() };
    let served =
        Served::of(program, &format!("[bell]\nsound = \"dong\"\n\n[export]\nfile = \"{}\"\n\n", file.display()));
    let admin = administrator(&served);
    let viewer = admin.colleague("vera", "viewer");
    // The way to it, its page, and who sees them.
    assert!(viewer.get("/").contains("<a href=\"/rooms/bell\">Bell</a>"), "{}", viewer.get("/"));
    let page = viewer.get("/rooms/bell");
    assert!(page.contains("<dd>dong</dd>") && page.contains("it sounds like dong"), "{page}");
    assert!(page.contains("aria-current=\"page\">Bell</a>"), "{page}");
    assert_eq!((admin.another().status("/rooms/bell"), viewer.status("/rooms/gong")), (303, 404));
    let settings = admin.get("/settings");
    let row = "<code>sound</code></td><td data-label=\"Value\">dong</td><td data-label=\"Default\">ding</td>\
               <td data-label=\"Meaning\">What it sounds like.";
    for text in [row, "it sounds like dong"] {
        assert!(settings.contains(text), "{text}: {settings}");
    }
    let measured = metrics(&served);
    for line in
        ["lazaret_room_well{room=\"bell\"} 1", "lazaret_room_well{room=\"proxy\"} 1", "lazaret_bell_rings_total 0"]
    {
        assert!(measured.lines().any(|own| own == line), "{line}: {measured}");
    }
    // Its act is offered, in force until it is undone, and an event.
    let incident = opened(&admin, &[("title", "False invoices"), ("people", "ada")]);
    let offered = admin.get(&format!("/incidents/{incident}"));
    assert!(offered.contains("ring the bell for a person") && offered.contains("value=\"bell.ring\""), "{offered}");
    assert!(act(&admin, &incident, "bell.ring", "ada").ends_with("303"));
    assert!(act(&admin, &incident, "bell.toll", "ada").ends_with("400"), "nobody offers that");
    until("it was rung", || metrics(&served).contains("lazaret_bell_rings_total 2\n"));
    assert!(viewer.get("/rooms/bell").contains("<td>ada</td>"));
    let is_ring = |event: &&Value| event["activity_name"] == "bell rung";
    until("it is exported", || events(&file).iter().any(|event| is_ring(&event)));
    let event = events(&file).iter().find(is_ring).cloned().unwrap();
    assert_eq!((&event["class_uid"], &event["entity"]["type"]), (&3004.into(), &"Bell".into()), "{event}");
    assert_eq!((&event["actor"]["user"]["name"], &event["unmapped"]["fields"]["rings"]), (&"ada".into(), &2.into()));
    assert!(undo(&admin, &incident, &newest_act(&admin, &incident)).ends_with("303"));
    until("it is undone", || !viewer.get("/rooms/bell").contains("<td>ada</td>"));
    assert!(metrics(&served).contains("lazaret_bell_rings_total 2\n"), "it was not rung again");
    // The same without a browser, by an executable that has the room.
    let by_command = |executable: &Path| {
        let mut command = Command::new(executable);
        command.args(["incident", "act", &incident, "bell.ring", "ada"]);
        command.env("LAZARET_CONFIG", served.folder.path().join("lazaret.toml"));
        command.env("LAZARET_DATA", served.folder.path().join("data")).output().unwrap()
    };
    let done = by_command(&with_a_bell());
    assert!(done.status.success(), "{}", said(&done));
    until("it is rung again", || metrics(&served).contains("lazaret_bell_rings_total 4\n"));
    let refused = by_command(&executable());
    assert!(refused.status.code() == Some(2) && said(&refused).contains("bell.ring"), "{}", said(&refused));
}

#[test]
fn rooms_that_are_named_run_alone_and_a_name_of_none_is_told() {
    let wrong = run(&executable(), "", &["serve", "--only", "gate"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(said(&wrong).contains("there is no room `gate`; did you mean `gates`?"), "{}", said(&wrong));
    let program = Program { executable: executable(), arguments: vec!["--only".into(), "gates,console".into()] };
    let mut served = Served::of(program, "");
    served.says("running only these rooms");
    let site = Site::plain();
    site.page("/letter.txt", "", crate::gate::LETTER);
    assert_eq!(served.curl(&[&site.url("/letter.txt")]).status, 200);
    let measured = metrics(&served);
    for (room, runs) in [("proxy", true), ("icap", true), ("console", true), ("retention", false), ("export", false)] {
        assert_eq!(measured.contains(&format!("{{room=\"{room}\"}}")), runs, "{room}: {measured}");
    }
    served.signal("TERM");
    assert_eq!(served.ended(), 0, "{}", served.log());
    // Whoever names no gate is not told that all are switched off.
    let off = "[proxy]\nlisten = \"\"\n[icap]\nlisten = \"\"\n[console]\nlisten = \"\"\n";
    let refused = run(&executable(), off, &["serve", "--only", "gates"]);
    assert!(refused.status.code() == Some(2) && said(&refused).contains("every gate is disabled"), "{refused:?}");
    // Nobody waits for nothing.
    for only in ["console", "export", "console,export"] {
        let refused = run(&executable(), off, &["serve", "--only", only]);
        assert!(refused.status.code() == Some(2) && said(&refused).contains("nothing to run"), "{only}: {refused:?}");
    }
}
