use super::*;
use std::collections::BTreeMap;

const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
const SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";
const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";

fn compiled(name: &str, text: &str) -> Result<(usize, HashList), HashListError> {
    let mut bytes = Vec::new();
    let number = compile_hash_list(name, &mut text.as_bytes(), &mut bytes)?;
    Ok((number, HashList::over(name, bytes)?))
}

#[track_caller]
fn check(text: &str, hashes: usize, label: &str) {
    let (number, list) = compiled("test", text).unwrap();
    assert_eq!(number, hashes);
    let found = [SHA256, SHA1, MD5].into_iter().find_map(|hash| list.look_up(hash));
    assert_eq!(found, Some(label), "{list:?}");
    assert_eq!(list.look_up(&"1".repeat(64)), None);
}

#[test]
fn plain_lists() {
    check(&format!("# known bad\n{SHA256}\n\n; other\n{}\n", "0".repeat(64)), 2, "");
    check(&format!("{}  eicar.com\r\n", SHA256.to_uppercase()), 1, "eicar.com");
    check(&format!("{MD5} *eicar.com"), 1, "eicar.com");
    check(&format!("\u{feff}{MD5}\teicar, the test; as \"published\""), 1, "eicar, the test; as \"published\"");
    check(SHA1, 1, "");
}

#[test]
fn csv_exports() {
    check(
        &format!(
            "# MalwareBazaar\n# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"sha1_hash\",\"reporter\",\"signature\"\n\
             \"2024-01-01\", \"{SHA256}\", \"{MD5}\", \"{SHA1}\", \"somebody\", \"Eicar, the test\"\n"
        ),
        3,
        "Eicar, the test",
    );
    check(
        &format!("uuid,event_id,category,type,value,comment\nu,1,Payload,filename|sha256,a.exe|{SHA256},dropper\n"),
        1,
        "dropper",
    );
    check(&format!("{MD5};Eicar\nnot a hash;x\n"), 1, "");
    // A quote that is never closed ends with its line.
    check(&format!("\"open,{},\n{SHA256},\"b\n", "0".repeat(64)), 1, "");
    // Long lines and many columns.
    let columns = "x,".repeat(500);
    check(&format!("{columns}{}comment\n{columns}{SHA256},{}end\n", "", "y,".repeat(0)), 1, "");
    check(&format!("{columns}sha256,comment\n{columns}{SHA256},{}\n", "long ".repeat(1_000)), 1, &"long ".repeat(16));
}

#[test]
fn json_exports() {
    check(
        &format!(
            r#"{{"Event":{{"info":"campaign","Attribute":[{{"type":"sha256","value":"{SHA256}","comment":""}},
            {{"type":"filename|md5","value":"x.exe|{MD5}","comment":"loader"}}]}}}}"#
        ),
        2,
        "campaign",
    );
    check(
        &format!("{{\"sha256_hash\":\"{SHA256}\",\"signature\":\"Eicar\"}}\n{{\"md5_hash\":\"{MD5}\"}}\n"),
        2,
        "Eicar",
    );
}

#[test]
fn a_list_that_cannot_be_used_is_named() {
    let error = compiled("empty.txt", "nothing here").unwrap_err();
    assert_eq!(error, HashListError::Empty { list: "empty.txt".into() });
    let error = compiled("broken.json", "{\n  \"a\": ]").unwrap_err().to_string();
    assert!(error.starts_with("`broken.json` line 2, column 8: "), "{error}");
}

#[test]
fn every_hash_of_a_large_list_is_found_with_its_label_and_no_other() {
    // Enough for an index of several bits, for all three kinds, with hashes that differ in one bit and some that are there twice.
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    let mut known = BTreeMap::new();
    let mut text = String::new();
    for number in 0..6_000 {
        let length = [8, 5, 4][number % 3];
        let mut hash: String = (0..length).map(|_| random()).collect();
        if number % 5 == 0 {
            hash.replace_range(..4, "ffff");
        }
        let label = format!("family {}", number / 7);
        text += &format!("{hash}  {label}\n");
        known.insert(hash, label);
    }
    let again = known.keys().next().unwrap().clone();
    text += &format!("{again} once more\n");
    let (number, list) = compiled("large", &text).unwrap();
    assert_eq!((number, list.len()), (6_001, 6_000));
    for (hash, label) in &known {
        assert_eq!(list.look_up(hash), Some(label.as_str()), "{hash}");
        let last = hash.chars().last().unwrap().to_digit(16).unwrap() ^ 1;
        let other = format!("{}{last:x}", &hash[..hash.len() - 1]);
        assert_eq!(list.look_up(&other), known.get(&other).map(String::as_str), "{other}");
    }
    assert!(list.has_legacy());
}

#[test]
fn what_is_not_a_whole_compiled_list_is_refused() {
    let mut bytes = Vec::new();
    compile_hash_list("x", &mut format!("{SHA256} a\n{MD5} b\n").as_bytes(), &mut bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(HashList::over("x", bytes[..length].to_vec()).is_err(), "{length}");
    }
    assert!(HashList::over("x", [&bytes[..], b"x"].concat()).is_err());
    // Whatever its numbers say, nothing outside is read.
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            if let Ok(list) = HashList::over("x", bytes) {
                let _ = (list.look_up(SHA256), list.look_up(SHA1), list.look_up(MD5), list.len());
            }
        }
    }
}
