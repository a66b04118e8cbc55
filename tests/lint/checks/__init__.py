# SPDX-License-Identifier: LGPL-3.0-or-later
"""One check a file. Each module has NAME and check(tree) -> list of complaints, `path:line: text`."""

from __future__ import annotations

from . import (
    banned_calls,
    banned_names,
    documented_options,
    formatting,
    includes,
    licence,
    prefixes,
    run_bits,
    shell,
    wording,
)

ALL = [
    includes,
    prefixes,
    banned_calls,
    banned_names,
    documented_options,
    licence,
    wording,
    run_bits,
    shell,
    formatting,
]
