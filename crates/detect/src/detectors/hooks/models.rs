//! Models that carry code: Lambda layers of Keras, code of Hugging Face models, operators of ONNX that are Python, and what TorchScript
//! may read and write.

use super::ID;
use crate::Findings;
use crate::flat;
use crate::text::{cut, decode, patterns};
use lazaret_model::{Family, Finding, Part, Severity};
use regex::bytes::Regex;
use std::sync::LazyLock;

patterns! {
    // Objects that whoever reads settings makes of them: of Hydra and NeMo, PyYAML, and jsonpickle, by the name of a function.
    TARGET = r#"_target_["']?\s*:\s*["']?(?P<function>[\w.]+)"#;
    PYTHON_TAG = r"!!python/(?:object/apply|object/new|object|name|module):(?P<function>[\w.]+)";
    PY_KEY = r#""py/(?:function|type|object|repr|state)"\s*:\s*"(?P<function>[\w.]+)"#;
    // Of Ruby and Java: classes that are known to run something, and that no settings need.
    OTHER_TAG = r"!ruby/(?:object|class|module):(?:Gem::(?:Installer|SpecFetcher|Package::TarReader)|Net::WriteAdapter|ERB|ActiveSupport::Deprecation|ActionDispatch|Kernel\b)|!!(?:javax\.script\.ScriptEngineManager|java\.net\.URLClassLoader|java\.lang\.(?:ProcessBuilder|Runtime)|com\.sun\.rowset\.JdbcRowSetImpl|com\.mchange\.v2\.c3p0|org\.springframework\.(?:beans|context)\.|org\.apache\.commons\.configuration)|\x22__module__\x22\s*:\s*\x22(?:os|posix|nt|subprocess|runpy|pty|ctypes|importlib)\x22";
    // TorchScript is a language of its own, whose programs reach files by these alone.
    FILES = r"\b(?:ops\.aten|torch|aten)\.?(?:::|\.)?(?:from_file|save)\s*\(";
}

/// A layer of Keras whose function is Python code, as the JSON in HDF5 writes it.
#[expect(clippy::expect_used, reason = "a constant pattern, which the tests of models compile")]
static LAMBDA: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?-u)"class_name"[ \t\r\n]*:[ \t\r\n]*"Lambda""#).expect("a constant pattern"));
/// Operators of ONNX Runtime Extensions that call Python, and tensors that are read from a folder above.
#[expect(clippy::expect_used, reason = "a constant pattern, which the tests of models compile")]
static ONNX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s-u)\x22.PyOp|\x22.PyCustomOp|ai\.onnx\.contrib|location\x12(?:[\x01-\x7f]|[\x80-\xff].)(?:\.\./|/|[A-Za-z]:\\)")
        .expect("a constant pattern")
});

/// What a template of a prompt asks of Jinja who wants to leave it: the insides of Python's objects (CVE-2024-34359).
#[expect(clippy::expect_used, reason = "a constant pattern, which the tests of models compile")]
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?s-u)\{[{%][^}]{0,400}(?:\.|\[\\?["']|attr\(\\?["'])__(?:class|subclasses|globals|builtins|mro|bases?|init|import)__"#,
    )
    .expect("a constant pattern")
});

/// Modules that run programs or code, and of which no layer is made.
const MODULES: &[&str] = &[
    "os",
    "posix",
    "nt",
    "subprocess",
    "pty",
    "runpy",
    "importlib",
    "shutil",
    "ctypes",
    "webbrowser",
    "code",
    "socket",
];

/// Whether a function's name is one that runs code, or of a module that does.
fn runs(function: &str) -> bool {
    const OWN: &[&str] = &["exec", "eval", "compile", "__import__", "getattr", "breakpoint"];
    let module = function.split_once('.').map(|(module, _)| module);
    OWN.contains(&function) || module.is_some_and(|module| MODULES.contains(&module))
}

/// What a part says of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// The description of a Keras or Hugging Face model.
    Settings,
    Hdf5,
    Gguf,
    /// A template of prompts alone.
    Template,
    Onnx,
    /// Code of a TorchScript model.
    Script,
}

/// Whether a part is of a model, by its kind and by the name that programs find it under.
pub(super) fn of(part: &Part) -> Option<Model> {
    if part.is("hdf5") {
        return Some(Model::Hdf5);
    }
    if part.is("gguf") {
        return Some(Model::Gguf);
    }
    if !part.named {
        return None;
    }
    let name = part.name.replace('\\', "/").to_lowercase();
    let base = name.rsplit('/').next().unwrap_or_default();
    match base {
        "config.json" | "tokenizer_config.json" | "model.json" => Some(Model::Settings),
        "chat_template.json" | "chat_template.jinja" => Some(Model::Template),
        _ if base.ends_with(".onnx") => Some(Model::Onnx),
        _ if base.ends_with(".py") && format!("/{name}").contains("/code/__torch__") => Some(Model::Script),
        _ => None,
    }
}

/// Whether a part may be settings of which whoever reads them makes objects.
pub(super) fn described(part: &Part) -> bool {
    ["yaml", "json"].iter().any(|kind| part.is(kind)) || matches!(&*part.extension(), "yaml" | "yml" | "json")
}

/// Tells what runs when objects are made of settings.
pub(super) fn objects(bytes: &[u8], findings: &mut Findings) {
    const MARKS: [&[u8]; 8] =
        [b"_target_", b"!!python/", b"\"py/", b"!ruby/", b"!!java", b"!!com.", b"!!org.", b"__module__"];
    // Most have none.
    if !MARKS.iter().any(|mark| memchr::memmem::find(bytes, mark).is_some()) || !findings.step(bytes.len() as u64) {
        return;
    }
    let text = decode(bytes);
    let named = [&TARGET, &PYTHON_TAG, &PY_KEY].into_iter().flat_map(|pattern| pattern.captures_iter(&text));
    let told = named.filter_map(|found| found.name("function")).map(|function| function.as_str()).find(|function| {
        let plain = ["builtins.", "__builtin__."].iter().find_map(|own| function.strip_prefix(own));
        runs(plain.unwrap_or(function))
    });
    if let Some(told) = told.or_else(|| OTHER_TAG.find(&text).map(|found| found.as_str())) {
        let message = "whoever makes objects of these settings has a function called that runs programs or code";
        findings.add(finding(message).with("value", cut(told)));
    }
}

/// Tells what code a model carries.
pub(super) fn judge(model: Model, bytes: &[u8], findings: &mut Findings) {
    match model {
        Model::Hdf5 => {
            if LAMBDA.is_match(bytes) {
                lambda(findings);
            }
            // Tables of pandas hold objects that are no numbers so.
            super::unpickled(bytes, findings);
        }
        Model::Gguf | Model::Template => template(bytes, findings),
        Model::Settings => {
            template(bytes, findings);
            let (mut layer, mut automatic) = (false, None);
            flat::json(&decode(bytes), &mut |path, value| {
                let key = path.last();
                // The second loads a pickle (CVE-2025-49655).
                layer |=
                    matches!(value, "Lambda" | "TorchModuleWrapper") && key.is_some_and(|name| name == "class_name");
                // What is loaded by name from any module of Python (CVE-2025-1550).
                layer |= MODULES.contains(&value) && key.is_some_and(|name| name == "module");
                // A function of no module is one of Python itself, by its name.
                layer |= runs(value) && key.is_some_and(|name| name == "config");
                if path.first().is_some_and(|name| name == "auto_map") && automatic.is_none() {
                    automatic = Some(value.to_owned());
                }
            });
            if layer {
                lambda(findings);
            }
            if let Some(code) = automatic {
                let message = "the model brings Python code, which runs where its loader is told to trust it";
                let found = Finding::new("hooks.model-loader", ID, Severity::Low, Family::Behaviour, message);
                findings.add(found.with("value", cut(&code)).technique("T1059.006"));
            }
        }
        Model::Onnx => {
            if let Some(found) = ONNX.find(bytes) {
                let message = "the model calls Python code, or reads files outside of its folder";
                findings.add(finding(message).with("value", cut(&decode(found.as_bytes()))));
            }
        }
        Model::Script => {
            if let Some(found) = FILES.find(&decode(bytes)) {
                let message = "the model reads or writes files when it runs";
                findings.add(finding(message).with("value", cut(found.as_str())));
            }
        }
    }
}

fn template(bytes: &[u8], findings: &mut Findings) {
    if let Some(found) = ESCAPE.find(bytes) {
        let message =
            "a template of the model reaches for the insides of Python, which runs code when the model is asked";
        findings.add(finding(message).with("value", cut(&decode(found.as_bytes()))));
    }
}

fn lambda(findings: &mut Findings) {
    let message = "a layer of the model is Python code, which runs when the model is loaded";
    findings.add(finding(message).with("value", "Lambda"));
}

fn finding(message: &'static str) -> Finding {
    let finding = Finding::new("hooks.model-code", ID, Severity::Medium, Family::Behaviour, message);
    finding.technique("T1204.002").technique("T1059.006")
}

#[cfg(test)]
mod tests {
    use super::super::Hooks;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[test]
    fn objects_of_settings_that_run_something_are_found() {
        let check = |name: &str, text: &str, found: bool| {
            let kind = if name.ends_with("json") { "json" } else { "yaml" };
            let expected: &[&str] = if found { &["hooks.model-code"] } else { &[] };
            assert_eq!(ids(&Hooks, &part(name, kind, Class::Data), text.as_bytes()), expected, "{name}: {text}");
        };
        for (name, text) in [
            ("model_config.yaml", "model:\n  _target_: os.system\n  command: echo\n"),
            ("a.yaml", "a:\n  _target_: builtins.eval\n"),
            ("a.json", r#"{"_target_": "subprocess.run", "args": ["echo"]}"#),
            ("a.yml", "a: !!python/object/apply:os.system ['echo']\n"),
            ("a.yml", "a: !!python/name:builtins.exec\n"),
            ("a.json", r#"{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["echo"]}]}"#),
            ("schema.json", r#"{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}"#),
            ("a.yaml", "- !ruby/object:Gem::Installer\n  i: x\n"),
            ("a.yaml", "a: !!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[]]]\n"),
        ] {
            check(name, text, true);
        }
        for (name, text) in [
            ("a.yaml", "model:\n  _target_: torch.nn.Linear\n"),
            ("mkdocs.yml", "emoji_index: !!python/name:material.extensions.emoji.twemoji\n"),
            ("a.yaml", "a: !!python/object/apply:collections.OrderedDict [[]]\n"),
            ("metadata.yaml", "requirement: !ruby/object:Gem::Requirement\n  version: '0'\n"),
            ("a.json", r#"{"py/object": "company.model.Order", "id": 1}"#),
            ("schema.json", r#"{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}"#),
            ("a.yaml", "os.system: a name\n"),
        ] {
            check(name, text, false);
        }
    }

    #[test]
    fn code_in_models_is_found() {
        let check = |name: &str, kind: &'static str, bytes: &[u8], expected: &[&str]| {
            let part = part(name, if matches!(kind, "hdf5" | "gguf") { kind } else { "json" }, Class::Data);
            assert_eq!(ids(&Hooks, &part, bytes), expected, "{name}: {}", String::from_utf8_lossy(bytes));
        };
        let code: &[&str] = &["hooks.model-code"];
        check("config.json", "json", br#"{"config": {"layers": [{"class_name": "Lambda", "config": {}}]}}"#, code);
        check("config.json", "json", br#"{"config": {"layers": [{"class_n\u0061me":"L\u0061mbda"}]}}"#, code);
        check("config.json", "json", br#"{"config": {"layers": [{"class_name": "Dense"}], "name": "Lambda"}}"#, &[]);
        check(
            "config.json",
            "json",
            br#"{"layers": [{"module": "os", "class_name": "function", "config": "system"}]}"#,
            code,
        );
        check(
            "config.json",
            "json",
            br#"{"module": "builtins", "class_name": "function", "config": "my_loss.scaled"}"#,
            &[],
        );
        for function in ["os.system", "exec"] {
            let json = format!(r#"{{"module": "builtins", "class_name": "function", "config": "{function}"}}"#);
            check("config.json", "json", json.as_bytes(), code);
        }
        check(
            "config.json",
            "json",
            br#"{"module": "keras.layers", "class_name": "Dense", "config": {"name": "os"}}"#,
            &[],
        );
        check("m/config.json", "json", br#"{"auto_map": {"AutoModel": "modeling.Model"}}"#, &["hooks.model-loader"]);
        check("model.h5", "hdf5", b"\x89HDF\r\n\x1a\n\0\0{\"class_name\": \"Lambda\", \"config\"", code);
        check("model.h5", "hdf5", b"\x89HDF\r\n\x1a\n\0\0{\"class_name\": \"Dense\", \"config\"", &[]);
        check("model.onnx", "json", b"\x08\x07\x3a\x20\x0a\x01x\x22\x04PyOp", code);
        check("model.onnx", "json", b"\x0a\x08location\x12\x10../../etc/secret", code);
        check("model.onnx", "json", b"\x0a\x08location\x12\x0cweights.data\x22\x04Conv", &[]);
        check("m/code/__torch__/a.py", "json", b"y = ops.aten.from_file(\"x\")\n", code);
        check("m/code/__torch__/a.py", "json", b"y = torch.add(x, 1)\n", &[]);
        let escape = b"GGUF\x03\0\0\0{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}";
        check("model.gguf", "gguf", escape, code);
        let honest = b"GGUF\x03\0\0\0{% for m in messages %}{{ m['role'] }}: {{ m.content }}{% endfor %}__class__ __init__ __globals__";
        check("model.gguf", "gguf", honest, &[]);
        let settings = br#"{"chat_template": "{{ cycler[\"__init__\"][\"__globals__\"].os.popen('id') }}"}"#;
        check("tokenizer_config.json", "json", settings, code);
        check(
            "tokenizer_config.json",
            "json",
            br#"{"chat_template": "{% if tools %}{{ tools | tojson }}{% endif %}"}"#,
            &[],
        );
        let pickled = b"\x89HDF\r\n\x1a\n\0\0\x80\x02cos\nsystem\nX\x04\0\0\0echo\x85R.";
        check("table.h5", "hdf5", pickled, &["hooks.pickle"]);
    }
}
