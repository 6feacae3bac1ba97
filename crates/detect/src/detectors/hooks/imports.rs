//! What pickles import, judged by a list of what is harmless: `module name`, one a line, as the opener of pickles notes them.

use crate::Findings;
use crate::text::cut;
use lazaret_model::{Family, Finding, Severity};

/// Modules of which every import is of data: what honest pickles are made of, and that does nothing but hold values.
const HARMLESS: &[(&str, &[&str])] = &[
    (
        "builtins __builtin__",
        &[
            "set",
            "frozenset",
            "slice",
            "complex",
            "bytearray",
            "bytes",
            "range",
            "xrange",
            "object",
            "dict",
            "list",
            "tuple",
            "int",
            "long",
            "float",
            "bool",
            "str",
            "unicode",
            "Ellipsis",
            "NotImplemented",
        ],
    ),
    ("collections", &["OrderedDict", "defaultdict", "Counter", "deque", "UserDict", "UserList", "ChainMap"]),
    ("copyreg copy_reg", &["_reconstructor", "__newobj__", "__newobj_ex__"]),
    ("_codecs", &["encode"]),
    ("datetime", &["datetime", "date", "time", "timedelta", "timezone", "tzinfo"]),
    ("zoneinfo", &["ZoneInfo", "ZoneInfo._unpickle"]),
    ("pytz", &["_UTC", "_p", "timezone"]),
    ("decimal _decimal _pydecimal", &["Decimal"]),
    ("fractions", &["Fraction"]),
    ("uuid", &["UUID", "SafeUUID"]),
    ("pathlib pathlib._local", &["Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"]),
    ("functools", &["partial"]),
    ("itertools", &["count", "chain", "repeat"]),
    ("types", &["SimpleNamespace"]),
    ("array", &["array", "_array_reconstructor"]),
    ("random", &["Random"]),
    ("string", &["Template"]),
    ("re", &["_compile"]),
    ("enum", &["Enum", "IntEnum", "Flag", "IntFlag"]),
    (
        "numpy numpy.dtypes",
        &[
            "dtype",
            "ndarray",
            "matrix",
            "bool_",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "float16",
            "float32",
            "float64",
            "complex64",
            "complex128",
            "str_",
            "bytes_",
            "datetime64",
            "timedelta64",
            "void",
            "recarray",
            "record",
        ],
    ),
    ("numpy.core.multiarray numpy._core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy.core.numeric numpy._core.numeric", &["_frombuffer"]),
    ("numpy.ma.core", &["_mareconstruct", "MaskedArray"]),
    ("numpy.random._pickle", &["__randomstate_ctor", "__generator_ctor", "__bit_generator_ctor"]),
    ("numpy.random", &["RandomState", "Generator"]),
    ("numpy.random._mt19937", &["MT19937"]),
    ("numpy.random._pcg64", &["PCG64"]),
    ("numpy.rec", &["recarray", "record"]),
    ("joblib.numpy_pickle", &["NumpyArrayWrapper", "NDArrayWrapper", "ZNDArrayWrapper"]),
    (
        "torch._utils",
        &[
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
            "_rebuild_qtensor",
            "_rebuild_sparse_tensor",
            "_rebuild_meta_tensor_no_storage",
            "_rebuild_nested_tensor",
            "_rebuild_device_tensor_from_numpy",
            "_rebuild_device_tensor_from_cpu_tensor",
            "_rebuild_wrapper_subclass",
        ],
    ),
    ("torch._tensor", &["_rebuild_from_type_v2"]),
    ("torch.nn.parameter", &["Parameter", "Buffer", "UninitializedParameter"]),
    ("torch.serialization", &["_get_layout"]),
    ("torch.storage", &["UntypedStorage", "TypedStorage"]),
    (
        "torch",
        &[
            "Tensor",
            "Size",
            "device",
            "dtype",
            "FloatStorage",
            "DoubleStorage",
            "HalfStorage",
            "BFloat16Storage",
            "LongStorage",
            "IntStorage",
            "ShortStorage",
            "CharStorage",
            "ByteStorage",
            "BoolStorage",
            "ComplexFloatStorage",
            "ComplexDoubleStorage",
            "QInt8Storage",
            "QUInt8Storage",
            "QInt32Storage",
            "float",
            "float16",
            "float32",
            "float64",
            "double",
            "half",
            "bfloat16",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "bool",
            "long",
            "complex64",
            "complex128",
            "float8_e4m3fn",
            "float8_e5m2",
        ],
    ),
    ("pandas.core.indexes.base", &["Index", "_new_Index"]),
    ("pandas._libs.internals", &["_unpickle_block", "BlockPlacement"]),
    ("pandas._libs.arrays", &["__pyx_unpickle_NDArrayBacked"]),
    ("scipy.sparse scipy.sparse._csr scipy.sparse.csr", &["csr_matrix", "csr_array"]),
    ("scipy.sparse._csc scipy.sparse.csc", &["csc_matrix", "csc_array"]),
    ("scipy.sparse._coo scipy.sparse.coo", &["coo_matrix", "coo_array"]),
    ("sklearn.tree._tree", &["Tree"]),
];

/// Packages of which classes, told by their capital letter, only hold what was learned. Their functions are another matter.
const LIBRARIES: &[&str] = &[
    "torch.nn.modules",
    "torch.optim",
    "torchvision.models",
    "sklearn",
    "pandas.core",
    "pandas._libs",
    "scipy.stats",
    "scipy.spatial",
    "xgboost",
    "lightgbm",
    "catboost",
    "statsmodels",
    "transformers",
    "tokenizers",
    "spacy",
    "gensim",
    "networkx.classes",
];

/// Packages that reach the system, or that come with Python, where anything that is not known to be harmless may.
#[rustfmt::skip]
const REACHING: &[&str] = &[
    "os", "posix", "nt", "posixpath", "ntpath", "sys", "subprocess", "builtins", "__builtin__", "runpy", "pkgutil", "importlib",
    "_frozen_importlib", "imp", "zipimport", "socket", "_socket", "ssl", "select", "asyncio", "multiprocessing", "concurrent", "threading",
    "_thread", "signal", "atexit", "gc", "inspect", "types", "functools", "operator", "_operator", "itertools", "copyreg", "copy_reg",
    "pickle", "_pickle", "cPickle", "marshal", "shelve", "dbm", "sqlite3", "io", "_io", "codecs", "_codecs", "shutil", "tempfile", "glob",
    "fileinput", "linecache", "logging", "platform", "pty", "tty", "code", "codeop", "commands", "popen2", "webbrowser", "antigravity",
    "ctypes", "_ctypes", "cffi", "mmap", "resource", "pdb", "bdb", "cProfile", "profile", "pstats", "timeit", "trace", "tracemalloc",
    "doctest", "unittest", "test", "distutils", "setuptools", "pip", "ensurepip", "venv", "site", "sitecustomize", "pydoc", "idlelib",
    "lib2to3", "tkinter", "turtle", "http", "urllib", "urllib2", "urllib3", "requests", "ftplib", "smtplib", "poplib", "imaplib",
    "nntplib", "telnetlib", "xmlrpc", "xmlrpclib", "socketserver", "wsgiref", "cgi", "zipfile", "tarfile", "gzip", "bz2", "lzma", "nturl2path",
    "winreg", "_winapi", "msvcrt", "win32api", "win32com", "getpass", "pwd", "ast", "symtable", "dis", "opcode", "traceback", "warnings",
    "contextlib", "dataclasses", "typing", "weakref", "readline", "rlcompleter", "sched", "queue", "json", "xml", "html", "email", "mailbox",
    "mailcap", "uu", "binascii", "base64", "fsspec", "paramiko", "fabric", "invoke", "dill", "cloudpickle", "jsonpickle",
];

/// Reports the imports that are not harmless: those that reach the system, and functions of anybody, as high.
pub(super) fn judge(list: &str, findings: &mut Findings) {
    for line in list.lines() {
        let (module, name) = line.split_once(' ').unwrap_or((line, ""));
        let Some((severity, what)) = weigh(module, name) else { continue };
        let (id, shown) = match severity {
            Severity::High => {
                ("hooks.pickle", format!("the pickle imports `{module}.{name}` when it is loaded: {what}"))
            }
            _ => ("hooks.pickle-class", format!("the pickle imports `{module}.{name}` when it is loaded: {what}")),
        };
        let finding = Finding::new(id, super::ID, severity, Family::Behaviour, cut(&shown));
        findings.add(finding.with("value", cut(line)).technique("T1204.002").technique("T1059.006"));
    }
}

fn weigh(module: &str, name: &str) -> Option<(Severity, &'static str)> {
    if module.starts_with('(') {
        return Some((Severity::High, "which module it is of is put together while loading, or registered elsewhere"));
    }
    let known =
        HARMLESS.iter().any(|(modules, names)| modules.split(' ').any(|own| own == module) && names.contains(&name));
    if known {
        return None;
    }
    let within =
        |package: &&str| module.strip_prefix(*package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    // `Class.method` is a function, whatever it begins with.
    let class = !name.contains('.') && name.trim_start_matches('_').starts_with(|c: char| c.is_ascii_uppercase());
    if REACHING.iter().any(within) {
        return Some((Severity::High, "a module that reaches the system"));
    }
    match class {
        true if LIBRARIES.iter().any(within) => None,
        true => Some((Severity::Medium, "a class that is not known to be harmless")),
        false => Some((Severity::High, "a function that is not known to be harmless")),
    }
}

#[cfg(test)]
mod tests {
    use crate::detectors::hooks::Hooks;
    use crate::testing::{ids, part};
    use lazaret_model::Class;

    #[track_caller]
    fn check(list: &str, expected: &[&str]) {
        assert_eq!(ids(&Hooks, &part("imports", "pickle-imports", Class::Data), list.as_bytes()), expected, "{list}");
    }

    #[test]
    fn what_is_not_known_to_be_harmless_is_reported() {
        for list in [
            "posix system",
            "builtins eval",
            "builtins getattr",
            "pkgutil resolve_name",
            "numpy.testing._private.utils runstring",
            "torch.hub load",
            "some.package run",
            "logging FileHandler",
            "sklearn.base Base.method",
            "(computed)",
            "(extension) 7",
        ] {
            check(list, &["hooks.pickle"]);
        }
        check("some.package Model", &["hooks.pickle-class"]);
        check("collections OrderedDict\nos system\nnumpy dtype", &["hooks.pickle"]);
    }

    #[test]
    fn honest_pickles_are_left_alone() {
        check(
            "torch._utils _rebuild_tensor_v2\ntorch FloatStorage\ncollections OrderedDict\nnumpy.core.multiarray _reconstruct\n\
             numpy ndarray\nnumpy dtype\nnumpy._core.multiarray scalar\nbuiltins set\ndatetime datetime\ndecimal Decimal\n\
             pathlib PosixPath\nfractions Fraction\nsklearn.linear_model._base LinearRegression\ntorch.nn.modules.linear Linear",
            &[],
        );
    }
}
