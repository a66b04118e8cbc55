#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# What lies in deploy/: the unit file, the packages list, the certificates, and the start script with the built hub.
set -euo pipefail
source "$(dirname "$0")/step.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# systemd-analyze exits 0 on an unknown key and only says so: any word of it is a complaint. The program stands
# where the unit file says only on a machine it is installed on.
unit_file_is_right()
{
    sed 's|/usr/bin/commhub|/bin/true|' deploy/commhub.service >"$work/commhub.service"
    local said
    said=$(systemd-analyze verify --man=no "$work/commhub.service" 2>&1) || return 1
    [[ -z $said ]] || { printf '%s\n' "$said"; return 1; }
    systemd-analyze security --offline=true --threshold=20 "$work/commhub.service"
}

packages_are_there_at_once()
{
    local started=${EPOCHREALTIME/./}
    deploy/packages.sh build test
    local took_us=$((${EPOCHREALTIME/./} - started))
    printf 'took %d us\n' "$took_us"
    ((took_us < 2000000))
}

packages_refuse_elsewhere()
{
    mkdir "$work/nothing"
    ! PATH=$work/nothing "$BASH" deploy/packages.sh build 2>"$work/said" &&
        grep -q 'not a Debian machine' "$work/said"
}

certificates_are_valid()
{
    deploy/make-certs.sh --names localhost,127.0.0.1 "$work/certs" &&
        openssl verify -CAfile "$work/certs/ca.pem" -purpose sslserver -verify_hostname localhost "$work/certs/server.pem" &&
        openssl verify -CAfile "$work/certs/ca.pem" -purpose sslserver -verify_ip 127.0.0.1 "$work/certs/server.pem" &&
        openssl verify -CAfile "$work/certs/ca.pem" -purpose sslclient "$work/certs/client.pem" &&
        ! openssl verify -CAfile "$work/certs/ca.pem" -purpose sslclient "$work/certs/server.pem"
}

hubs_get_certificates_of_the_same_authority()
{
    deploy/make-certs.sh --hub alpha "$work/certs" &&
        openssl verify -CAfile "$work/certs/ca.pem" -purpose sslserver -verify_hostname alpha "$work/certs/hub-alpha.pem" &&
        openssl verify -CAfile "$work/certs/ca.pem" -purpose sslclient "$work/certs/hub-alpha.pem" &&
        ! deploy/make-certs.sh --hub ../alpha "$work/certs"
}

# Against the schemas that the package carries; unknown members are errors.
manifests_are_right()
{
    local venv=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}/kubernetes
    [[ -x $venv/bin/kubernetes-validate ]] ||
        { python3 -m venv "$venv" && "$venv/bin/pip" install -q --no-compile --disable-pip-version-check kubernetes-validate==1.31.0; } &&
        "$venv/bin/kubernetes-validate" --strict deploy/kubernetes/commhub.yaml
}

attempt "the systemd unit is right and hardened" unit_file_is_right || true
attempt "packages.sh is quick when nothing is missing" packages_are_there_at_once || true
attempt "packages.sh says so on another system" packages_refuse_elsewhere || true
attempt "make-certs.sh makes certificates that openssl accepts" certificates_are_valid || true
attempt "make-certs.sh adds certificates for hubs" hubs_get_certificates_of_the_same_authority || true
ensure_built release || exit 1
attempt "the hubs of compose.yaml become one mesh" tests/steps/try_compose.py --binary build/commhub || true
attempt "the objects for Kubernetes are right" manifests_are_right || true
attempt "the pods for Kubernetes become one mesh" tests/steps/try_kubernetes.py --binary build/commhub || true
attempt "the Debian packages install, work and leave nothing behind" tests/steps/try_packages.sh build || true
run_counting tests/steps/try_quickstart.py --binary build/commhub
