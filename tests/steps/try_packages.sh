#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Makes the Debian packages of a release build and installs, uses and purges them on a copy of this machine: an overlay
# over its root in a mount namespace of its own, which is gone afterwards.
#
#   tests/steps/try_packages.sh BUILD_FOLDER
set -euo pipefail

build=$(realpath "$1")
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
export PACKAGES=$packages DEBIAN_FRONTEND=noninteractive

(cd "$build" && cpack -G DEB -B "$packages" >/dev/null)
rm -rf "$packages/_CPack_Packages"

# fails COMMAND...: `set -e` passes over what merely begins with `!`.
fails()
{
    ! "$@"
}

# Runs as root of the copy. Triggers would only take time.
use_packages()
{
    cd /packages
    dpkg --no-triggers -i ./*.deb
    commhub --version | grep -Fx "commhub $(dpkg-query -f '${Version}' -W commhub | sed 's/-[0-9]*$//')"
    getent passwd commhub
    commhub serve --check-config --data-dir /var/lib/commhub
    commhub serve --print-config --data-dir /var/lib/commhub | grep -F '/etc/commhub/commhub.toml'
    [ -f /usr/share/man/man1/commhub.1 ]
    bash -c 'source /usr/share/bash-completion/completions/commhub && complete -p commhub'
    systemd-analyze verify --man=no /usr/lib/systemd/system/commhub.service

    printf '#include <commipc.h>\n#include <stdio.h>\nint main(void) { return puts(commipc_outcome_text(0)) < 0; }\n' \
        >/tmp/try.c
    # shellcheck disable=SC2046
    cc /tmp/try.c -o /tmp/try $(pkg-config --cflags --libs commipc)
    ldd /tmp/try | grep -F libcommipc.so.0
    /tmp/try

    # What the operator has written is the operator's.
    printf '# mine\n' >>/etc/commhub/commhub.toml
    mkdir -p /var/lib/commhub
    dpkg --no-triggers -i ./commhub_*.deb
    grep -Fx '# mine' /etc/commhub/commhub.toml
    dpkg --no-triggers -r commhub libcommipc-dev libcommipc0
    [ -e /etc/commhub/commhub.toml ] && [ -e /var/lib/commhub ] && [ ! -e /usr/bin/commhub ]
    dpkg --no-triggers --purge commhub
    [ ! -e /etc/commhub ] && [ ! -e /var/lib/commhub ] && [ ! -e /usr/include/commipc.h ]
    fails getent passwd commhub
}

export -f fails use_packages
# shellcheck disable=SC2016
unshare --mount --net --pid --fork bash -euo pipefail -c '
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
    mkdir /mnt/root/packages
    cp "$PACKAGES"/*.deb /mnt/root/packages
    mount -t proc proc /mnt/root/proc
    mount --rbind /dev /mnt/root/dev
    chroot /mnt/root bash -euo pipefail -c "set -x; use_packages"
'
