# SPDX-License-Identifier: LGPL-3.0-or-later
# shellcheck shell=bash
# Loaded by bash-completion at the first `commhub <TAB>`.
# shellcheck source=/dev/null
source <(commhub completion bash)
