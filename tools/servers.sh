#!/bin/sh
# Installs what the tests talk to, where it is missing: a client for the web, another proxy, another ICAP client.
set -eu
missing=
command -v curl >/dev/null 2>&1 || missing="$missing curl ca-certificates"
[ -x /usr/sbin/squid ] || missing="$missing squid-openssl"
command -v c-icap-client >/dev/null 2>&1 || missing="$missing c-icap"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
$as_root apt-get update -q
# The tests start their own; the packages' services would only be in the way.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
    $as_root chmod 755 /usr/sbin/policy-rc.d
    trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
fi
# shellcheck disable=SC2086 # one word for each package
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qy --no-install-recommends $missing
