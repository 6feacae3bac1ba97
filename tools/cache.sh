# Sourced, not run: sets `cache` to the folder that clones share on this machine, for checkers and compiled third-party crates.
# LAZARET_CACHE names another one; where it is empty, each clone has its own.
cache=${LAZARET_CACHE-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/lazaret}
[ -n "$cache" ] || cache="$PWD/target/cache"
# Installs Python packages, pinned in a list beside this file, into a folder named after that list's content, and links it
# from `target/tools/NAME`: `packages NAME LIST`.
packages() {
    folder="$cache/tools/$1-$(cksum < "tools/$2" | cut -d ' ' -f 1)"
    if [ ! -e "$folder/complete" ]; then
        if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
            if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
            $as_root apt-get update -q
            $as_root apt-get install -qy --no-install-recommends python3 python3-venv
        fi
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "tools/$2"
        touch "$folder/complete"
    fi
    mkdir -p target/tools
    [ -L "target/tools/$1" ] || rm -rf "target/tools/$1"
    ln -sfn "$folder" "target/tools/$1"
}
