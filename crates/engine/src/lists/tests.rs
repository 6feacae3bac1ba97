use super::*;
use lazaret_detect::HashList;
use std::fs::FileTimes;
use std::io::Seek as _;

const BAD: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
const WORSE: &str = "375a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

struct Case {
    folder: tempfile::TempDir,
    list: HashListFile,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.txt");
        Self { list: HashListFile { name: "bad".into(), path }, folder }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn write(&self, text: &str) {
        fs::write(&self.list.path, text).unwrap();
    }

    /// The hashes that are on the list as it comes.
    fn known(&self, cache: Option<&Path>) -> Vec<&'static str> {
        let compiled = compiled(&self.list, cache).unwrap();
        let mut bytes = Vec::new();
        let mut file = File::from(compiled.file);
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let list = HashList::over("bad", bytes).unwrap();
        [BAD, WORSE].into_iter().filter(|hash| list.look_up(hash).is_some()).collect()
    }

    /// Makes the entry one of a file that was changed long ago, as most are.
    fn settle(&self) {
        let (_, path) = paths(&self.list, &self.cache());
        let mut meta: Meta = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        meta.settled = true;
        fs::write(path, serde_json::to_vec(&meta).unwrap()).unwrap();
    }
}

#[test]
fn a_second_start_reads_what_the_first_compiled() {
    let case = Case::new();
    case.write(BAD);
    let first = compiled(&case.list, Some(&case.cache())).unwrap();
    let stamp = Stamp::of(&File::open(&case.list.path).unwrap()).unwrap();
    // A file that was written to a moment ago may be written to again without a difference of its times.
    assert!(read(&case.list, &case.cache(), &stamp).is_none());
    case.settle();
    let second = read(&case.list, &case.cache(), &stamp).expect("the entry is there");
    assert_eq!((first.len, &first.sha256), (second.len, &second.sha256));
    assert_eq!(first.sha256, HEXLOWER.encode(&Sha256::digest(BAD)));
    assert_eq!(first.trouble, None);
}

#[test]
fn a_changed_list_is_compiled_anew_whatever_its_times_say() {
    let case = Case::new();
    case.write(BAD);
    assert_eq!(case.known(Some(&case.cache())), [BAD]);
    case.settle();
    let times = fs::metadata(&case.list.path).unwrap();
    case.write(WORSE);
    let file = File::options().write(true).open(&case.list.path).unwrap();
    file.set_times(FileTimes::new().set_modified(times.modified().unwrap())).unwrap();
    assert_eq!(case.known(Some(&case.cache())), [WORSE]);
}

#[test]
fn a_damaged_entry_is_made_anew() {
    let case = Case::new();
    case.write(BAD);
    for damage in [&b""[..], b"short"] {
        assert_eq!(case.known(Some(&case.cache())), [BAD]);
        case.settle();
        let (path, meta) = paths(&case.list, &case.cache());
        fs::write(path, damage).unwrap();
        assert_eq!(case.known(Some(&case.cache())), [BAD]);
        fs::write(meta, damage).unwrap();
    }
}

#[test]
fn a_cache_that_cannot_be_written_costs_time_and_nothing_else() {
    let case = Case::new();
    case.write(BAD);
    assert_eq!(case.known(Some(Path::new("/proc/nowhere"))), [BAD]);
    assert_eq!(case.known(None), [BAD]);
    let trouble = compiled(&case.list, Some(Path::new("/proc/nowhere"))).unwrap().trouble.unwrap();
    assert!(trouble.contains("/proc/nowhere") && trouble.contains("`bad`"), "{trouble}");
}

#[test]
fn a_list_that_is_not_there_or_holds_nothing_is_named() {
    let case = Case::new();
    let error = compiled(&case.list, None).err().unwrap().to_string();
    assert!(error.starts_with("`bad`: No such file"), "{error}");
    case.write("nothing here");
    let error = compiled(&case.list, Some(&case.cache())).err().unwrap().to_string();
    assert_eq!(error, "`bad` holds no SHA-256, SHA-1 or MD5");
    assert!(fs::read_dir(case.cache()).unwrap().next().is_none(), "nothing is left behind");
}
