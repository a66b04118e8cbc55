#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# symbols.sh LIBRARY: it exports what commipc.h declares, all of it and nothing else.
set -euo pipefail

header="$(dirname "$0")/../../hub/client/commipc.h"
declared=$(grep -A1 '^COMMIPC_API' "$header" | grep -oE '\bcommipc_[a-z0-9_]+\(' | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$1" | awk '$2 == "T" { print $3 }' | grep -v '^__' | sort -u)
[[ -n $declared ]]
diff <(printf '%s\n' "$declared") <(printf '%s\n' "$exported")
