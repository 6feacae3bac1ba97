use super::*;

fn sites(name: &str, text: &str) -> (tempfile::TempDir, Result<Sites, GateError>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    std::fs::write(&file, text).unwrap();
    let list = SiteList {
        name: name.to_owned(),
        source: file.display().to_string(),
        format: ListFormat::Auto,
        refresh_minutes: 60,
        suspicious: true,
    };
    let settings = SiteSettings { lists: vec![list] };
    let sites = Sites::open(&settings, &ProxySettings::default(), &folder.path().join("lists"));
    (folder, sites)
}

#[track_caller]
fn check(text: &str, listed: &[&str], others: &[&str]) {
    let (_folder, sites) = sites("test", text);
    let sites = sites.unwrap_or_else(|error| panic!("{error}"));
    for (addresses, expected) in [(listed, true), (others, false)] {
        for address in addresses {
            let standing = sites.standing(&address.parse().unwrap());
            assert_eq!(standing.suspicious, expected, "{address}");
            assert_eq!(standing.lists, if expected { vec!["test"] } else { vec![] }, "{address}");
        }
    }
}

#[test]
fn a_hosts_file_lists_names_and_everything_below_them() {
    check(
        "\u{feff}# comment\n127.0.0.1 localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 evil.example bad.example # both\n:: six.example\n",
        &["http://evil.example/x", "https://www.EVIL.example./", "http://bad.example:8080/", "http://a.b.six.example/"],
        &["http://notevil.example/", "http://example/", "http://localhost/", "http://0.0.0.0/", "http://127.0.0.1/"],
    );
}

#[test]
fn a_plain_list_has_names_networks_and_addresses_of_files() {
    check(
        "evil.example\n.whole.example\n*.below.example\nbücher.example\n192.0.2.1\n198.51.100.0/24\n2001:db8::/32\nhttp://Host.example/a/b.exe?x=1\n",
        &[
            "http://evil.example/",
            "http://a.whole.example/",
            "http://whole.example/",
            "http://a.below.example/",
            "http://xn--bcher-kva.example/",
            "http://192.0.2.1/",
            "http://198.51.100.77/",
            "http://[2001:db8::5]/",
            "http://[::ffff:192.0.2.1]/",
            "http://host.example/a/b.exe?x=1",
            "https://host.example/a/b.exe?x=1",
        ],
        &[
            "http://below.example/",
            "http://192.0.2.2/",
            "http://198.51.101.1/",
            "http://[2001:db9::5]/",
            "http://host.example/a/b.exe",
            "http://host.example:81/a/b.exe?x=1",
            "http://host.example/",
        ],
    );
}

#[test]
fn an_export_of_urlhaus_lists_files_not_the_hosts_that_many_share() {
    check(
        "################\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\"1\",\"2026-01-01 00:00:00\",\"https://code.example/raw/a.exe\",\"online\",\"\",\"malware_download\",\"exe,\"\"x\"\"\",\"https://urlhaus.abuse.ch/url/1/\",\"someone\"\n\"2\",\"2026-01-01 00:00:00\",\"http://192.0.2.9:8081/i\",\"online\",\"\",\"\",\"None\",\"\",\"\"\n",
        &["https://code.example/raw/a.exe", "http://192.0.2.9:8081/i"],
        &["https://code.example/raw/b.exe", "https://urlhaus.abuse.ch/url/1/", "http://192.0.2.9/i"],
    );
}

#[test]
fn of_a_stix_bundle_only_what_is_valid_and_names_sites_is_used() {
    let indicator = |pattern: &str, more: &str| {
        format!(
            "{{\"type\":\"indicator\",\"id\":\"indicator--1\",\"pattern_type\":\"stix\",\"pattern\":{}{more}}}",
            serde_json::to_string(pattern).unwrap()
        )
    };
    let objects = [
        indicator("[domain-name:value = 'one.example']", ""),
        indicator("[ url:value='http://two.example/a\\'b' OR ipv4-addr:value IN ('192.0.2.3', '192.0.2.4') ]", ""),
        indicator("[domain-name:value = 'three.example'] OR [domain-name:value = 'four.example']", ""),
        indicator("[domain-name:value = 'old.example']", ",\"valid_until\":\"2020-01-01T00:00:00Z\""),
        indicator("[domain-name:value = 'young.example']", ",\"valid_until\":\"2999-01-01T00:00:00.5Z\""),
        indicator("[domain-name:value = 'revoked.example']", ",\"revoked\":true"),
        indicator("[file:hashes.'SHA-256' = 'abc']", ""),
        indicator("[domain-name:value = 'and.example' AND network-traffic:dst_port = '1']", ""),
        "{\"type\":\"malware\",\"name\":\"x\"}".to_owned(),
    ];
    check(
        &format!("{{\"type\":\"bundle\",\"objects\":[{}]}}", objects.join(",")),
        &[
            "http://one.example/",
            "http://two.example/a'b",
            "http://192.0.2.4/",
            "http://three.example/",
            "http://four.example/",
            "http://young.example/",
        ],
        &["http://two.example/", "http://old.example/", "http://revoked.example/", "http://and.example/"],
    );
}

#[test]
fn a_response_policy_zone_reaches_as_far_as_it_says_and_no_further() {
    check(
        "$TTL 300\n@ SOA ns.rpz.invalid. h.rpz.invalid. (\n  1 ; serial\n  2 3 4 5 )\n  NS localhost.\nexact.example CNAME .\n\
         *.below.example 60 IN CNAME .\nboth.example CNAME *.\n*.both.example CNAME *.\n*.spared.both.example CNAME rpz-passthru.\n\
         garden.example A 192.0.2.80\n24.0.2.0.192.rpz-ip CNAME .\n48.zz.1.db8.2001.rpz-ip CNAME .\n",
        &[
            "http://exact.example/",
            "http://a.below.example/",
            "http://both.example/",
            "http://x.both.example/",
            "http://spared.both.example/",
            "http://garden.example/",
            "http://192.0.2.200/",
            "http://[2001:db8:1::9]/",
        ],
        &[
            "http://www.exact.example/",
            "http://below.example/",
            "http://a.spared.both.example/",
            "http://192.0.3.1/",
            "http://[2001:db8:2::9]/",
        ],
    );
    check(
        "$ORIGIN rpz.invalid.\nexact.example.rpz.invalid. CNAME .\nother.example CNAME .\n",
        &["http://exact.example/", "http://other.example/"],
        &["http://rpz.invalid/"],
    );
}

#[test]
fn what_would_list_half_the_world_is_left_out() {
    let (_folder, sites) = sites("test", "a.example\nb.example\nc.example\nco.uk\n0.0.0.0/4\n");
    let sites = sites.unwrap();
    let (_, state) = sites.states().remove(0);
    assert_eq!((state.entries, state.left_out), (3, 2));
    assert!(state.left_out_first.unwrap().contains("line 4, `co.uk`: this is a public suffix"));
    assert!(!sites.standing(&"http://shop.co.uk/".parse().unwrap()).suspicious);
}

#[test]
fn what_is_no_list_is_refused_by_name() {
    for (text, expected) in [
        ("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "not a list of sites: 2 of its entries"),
        ("{\"type\":\"bundle\",", "not a STIX bundle"),
    ] {
        let error = sites("mine", text).1.err().unwrap().to_string();
        assert!(error.contains("`mine`") && error.contains(expected), "{error}");
    }
    assert!(sites("my list", "a.example\n").1.err().unwrap().to_string().contains("a name must consist of letters"));
}

#[tokio::test]
async fn a_file_that_changed_is_read_again_and_one_that_broke_is_not_used() {
    let (folder, sites) = sites("test", "one.example\n");
    let sites = sites.unwrap();
    let listed = |host: &str| sites.standing(&format!("http://{host}/").parse().unwrap()).suspicious;
    let path = folder.path().join("list");
    let change = |text: &str, seconds| {
        std::fs::write(&path, text).unwrap();
        let later = SystemTime::now() + Duration::from_secs(seconds);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    };
    assert!(listed("one.example") && !listed("two.example"));
    change("two.example\n", 10);
    assert!(sites.refresh(&sites.lists[0]).await);
    assert!(!listed("one.example") && listed("two.example"));
    change("<p>broken</p>\n", 20);
    assert!(!sites.refresh(&sites.lists[0]).await);
    assert!(listed("two.example"));
    assert!(sites.states()[0].1.problem.as_ref().unwrap().contains("not a list of sites"));
}

#[test]
fn a_list_that_turns_empty_or_into_something_else_leaves_what_was_read_before() {
    let (_folder, sites) = sites("test", "evil.example\n");
    let sites = sites.unwrap_or_else(|error| panic!("{error}"));
    let list = &sites.lists[0];
    for text in ["", "# nothing\n", r#"{"error":"rate limited"}"#, r#"{"type":"bundle","objects":[]}"#] {
        assert!(list.take(text, SystemTime::now()).is_err(), "{text}");
        assert!(sites.standing(&"http://evil.example/".parse().unwrap()).suspicious, "{text}");
    }
    list.take("other.example\n", SystemTime::now()).unwrap();
    assert!(!sites.standing(&"http://evil.example/".parse().unwrap()).suspicious);
}
