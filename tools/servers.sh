#!/bin/sh
# Installs what the tests and benchmarks talk to, where it is missing: a client for the web, another proxy, another ICAP
# client and server, a virus scanner for that, a filter for mail, somebody else who opens the ledger, what redirects
# connections, what keeps a browser's certificates, a token that keeps keys, what issues Kerberos tickets, and what makes packages of the
# other kind.
set -eu
missing=
command -v curl >/dev/null 2>&1 || missing="$missing curl ca-certificates"
[ -x /usr/sbin/squid ] || missing="$missing squid-openssl"
command -v c-icap-client >/dev/null 2>&1 || missing="$missing c-icap"
ls /usr/lib/*/c_icap/virus_scan.so >/dev/null 2>&1 || missing="$missing libc-icap-mod-virus-scan"
command -v rspamd >/dev/null 2>&1 || missing="$missing rspamd"
command -v sqlite3 >/dev/null 2>&1 || missing="$missing sqlite3"
[ -x /usr/sbin/clamd ] || missing="$missing clamav-daemon"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromedriver >/dev/null 2>&1 || missing="$missing chromium-driver"
command -v certutil >/dev/null 2>&1 || missing="$missing libnss3-tools"
command -v nft >/dev/null 2>&1 || missing="$missing nftables"
command -v rpmbuild >/dev/null 2>&1 || missing="$missing rpm"
[ -e /usr/lib/softhsm/libsofthsm2.so ] || missing="$missing softhsm2"
[ -x /usr/sbin/krb5kdc ] || missing="$missing krb5-kdc krb5-admin-server"
command -v kinit >/dev/null 2>&1 || missing="$missing krb5-user"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
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
