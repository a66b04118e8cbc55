#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# Certificates for tests and for trying out TLS: a CA of its own, one for a server, one for a client, and one for
# each hub that links to others.
# They live 30 days unless told otherwise. Not for production: the CA's key lies beside them.
set -euo pipefail

days=30
names=localhost,127.0.0.1,::1
hubs=()
force=no

usage()
{
    cat <<'TEXT'
usage: deploy/make-certs.sh [--days N] [--names NAME,ADDRESS,...] [--hub NAME ...] [--force] DIRECTORY

Writes ca.pem ca.key server.pem server.key client.pem client.key. Files that are there stay, unless --force.
  --names   what the server certificate is valid for (default localhost,127.0.0.1,::1)
  --hub     also writes hub-NAME.pem and hub-NAME.key, which both dial and take links in the name NAME; repeatable
  --days    validity in days (default 30)
TEXT
}

fail()
{
    printf 'make-certs.sh: %s\n' "$*" >&2
    exit 1
}

directory=
while [[ $# -gt 0 ]]; do
    case $1 in
    -h | --help) usage; exit 0 ;;
    --force) force=yes; shift ;;
    --days | --names | --hub)
        [[ $# -ge 2 ]] || fail "$1 wants a value"
        case $1 in
        --days) days=$2 ;;
        --names) names=$2 ;;
        --hub) hubs+=("$2") ;;
        esac
        shift 2
        ;;
    -*) usage >&2; exit 2 ;;
    *) directory=$1; shift ;;
    esac
done
[[ -n $directory ]] || { usage >&2; exit 2; }
[[ $days =~ ^[1-9][0-9]{0,4}$ ]] || fail "--days wants a positive number, not '$days'"

for hub in "${hubs[@]}"; do
    [[ $hub =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] || fail "--hub wants a name of letters, digits, . _ -, not '$hub'"
done

command -v openssl >/dev/null 2>&1 || fail "openssl is missing: apt-get install openssl"
mkdir -p "$directory"
cd "$directory"
has_all=no
[[ -e ca.pem && -e server.pem && -e client.pem ]] && has_all=yes
if [[ $force == no && $has_all == yes && ${#hubs[@]} -eq 0 ]]; then
    printf 'Certificates are there already: %s (--force makes new ones)\n' "$PWD"
    exit 0
fi
umask 077

alternative_names()
{
    local name separator=''
    local IFS=,
    for name in $names; do
        if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then
            printf '%sIP:%s' "$separator" "$name"
        else
            printf '%sDNS:%s' "$separator" "$name"
        fi
        separator=,
    done
}

run_openssl()
{
    openssl "$@" 2>openssl.log || { cat openssl.log >&2; fail "openssl $1 failed"; }
    rm -f openssl.log
}

make_key()
{
    run_openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# issue NAME SUBJECT EXTENSION...: a key and a certificate of NAME signed by the CA.
issue()
{
    local name=$1 subject=$2
    shift 2
    make_key "$name.key"
    run_openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "$@" >"$name.ext"
    run_openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -sha256 \
        -extfile "$name.ext" -out "$name.pem"
    rm -f "$name.csr" "$name.ext"
}

if [[ $force == yes || $has_all == no ]]; then
    make_key ca.key
    run_openssl req -x509 -new -key ca.key -days "$days" -sha256 -subj "/CN=CommHub trial CA" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.pem
    issue server "/CN=CommHub trial server" "extendedKeyUsage=serverAuth" "subjectAltName=$(alternative_names)"
    issue client "/CN=CommHub trial client" "extendedKeyUsage=clientAuth"
fi
for hub in "${hubs[@]}"; do
    [[ $force == no && $has_all == yes && -e hub-$hub.pem ]] && continue
    issue "hub-$hub" "/CN=$hub" "extendedKeyUsage=serverAuth,clientAuth" \
        "subjectAltName=DNS:$hub,$(alternative_names)"
done
rm -f ca.srl
printf 'Certificates: %s\n' "$PWD"
