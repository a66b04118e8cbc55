# SPDX-License-Identifier: LGPL-3.0-or-later
"""Each check against a tree it must be content with and against trees it must complain about."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from checks import (
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
from tree import Tree

SPDX = "SPDX-License-Identifier: LGPL-3.0-or-later"
C_TOP = f"/* {SPDX} */\n"
SH_TOP = f"#!/bin/sh\n# {SPDX}\n"


@dataclass
class Case:
    what: str
    check: ModuleType
    files: dict[str, str]
    # Text that must stand in a complaint; None: there must be none.
    complaint: str | None = None
    executable: list[str] = field(default_factory=list)


OPTIONS_SOURCE = """static const struct setting settings_table[] = {
    {"--data-dir", "COMMHUB_DATA_DIR", KIND_TEXT, FIELD(data_dir),
    {"--check-config", NULL, KIND_FLAG, FIELD(is_check_only),
"""
OPTIONS_GUIDE = """| `--data-dir DIR` | `COMMHUB_DATA_DIR` | where |
| `--check-config` | | check |
| `--version` | | version |
"""

RUNNABLE = {path: SH_TOP for path in run_bits.MUST_RUN}

CASES = [
    Case(
        "a layer may include a lower one",
        includes,
        {"hub/io/loop.c": '#include "hub/base/check.h"\n#include <sys/epoll.h>\n', "hub/base/check.h": ""},
    ),
    Case(
        "a layer must not include a higher one",
        includes,
        {"hub/wire/frame.c": '#include "hub/io/loop.h"\n', "hub/io/loop.h": ""},
        'hub/wire must not know "hub/io/loop.h"',
    ),
    Case(
        "a layer must not include its neighbour",
        includes,
        {"federation/link.c": '\n#  include "hub/core/calls.h"\n', "hub/core/calls.h": ""},
        "federation/link.c:2:",
    ),
    Case(
        "federation may include the core's face for it",
        includes,
        {"federation/link.c": '#include "hub/core/peering.h"\n', "hub/core/peering.h": ""},
    ),
    Case(
        "mgmt must not see the core's live tables",
        includes,
        {"mgmt/rest/clients.c": '#include "hub/core/clients.h"\n', "hub/core/clients.h": ""},
        'mgmt must not know "hub/core/clients.h"',
    ),
    Case(
        "an include is written from the root",
        includes,
        {"hub/io/loop.c": '#include "stream.h"\n', "hub/io/stream.h": ""},
        "not written from the root",
    ),
    Case("an included file exists", includes, {"hub/io/a.c": '#include "hub/io/b.h"\n'}, "is not in the tree"),
    Case("the core knows no clock", includes, {"hub/core/calls.c": "#include <time.h>\n"}, "must not know <time.h>"),
    Case(
        "a new top folder needs a layer", includes, {"extra/a.c": "#include <stdio.h>\n"}, "has no layer"
    ),
    Case(
        "a file may export its own noun and anything static",
        prefixes,
        {
            "hub/core/calls.c": "int calls_add(int a)\n{\n    return a;\n}\n\n"
            "static int other(int a)\n{\n    return a;\n}\n"
        },
    ),
    Case(
        "a file must not export another noun",
        prefixes,
        {"hub/core/calls.c": "struct call *\ncall_new(int a,\n         int b)\n{\n    return 0;\n}\n"},
        "exports call_new(), not calls_",
    ),
    Case(
        "a macro before a function hides nothing",
        prefixes,
        {"hub/core/calls.c": "MAKE_IT(struct a *, b)\n\nint call_new(void)\n{\n    return 0;\n}\n"},
        "calls.c:3: exports call_new()",
    ),
    Case(
        "a macro before a static function is no function",
        prefixes,
        {"hub/core/calls.c": "MAKE_IT(struct a *, b)\n\nstatic int c(void)\n{\n    return 0;\n}\n"},
    ),
    Case(
        "the noun is a whole word",
        prefixes,
        {"hub/core/call.c": "int calls_add(void)\n{\n    return 0;\n}\n"},
        "exports calls_add(), not call_",
    ),
    Case("the program's entry is exempt", prefixes, {"hub/main.c": "int main(void)\n{\n    return 0;\n}\n"}),
    Case(
        "bounded calls, members, comments and strings are fine",
        banned_calls,
        {"hub/io/a.c": 'int x = snprintf(b, 2, "strcpy(");  /* strcpy(a, b) */ y->gets(); my_atoi(1);\n'},
    ),
    *(
        Case(f"{call} is banned", banned_calls, {"hub/io/a.c": f"\n    {call} (a);\n"}, f"a.c:2: {call}()")
        for call in banned_calls.CALLS.split()
    ),
    Case("a file is named by what it is", banned_names, {"hub/io/tmpfile_name.c": "int information(void);\n"}),
    Case("a file has no empty name", banned_names, {"hub/io/utils.c": ""}, "'utils.c' says nothing"),
    Case("a folder has no empty name", banned_names, {"hub/helper/a.c": ""}, "'helper' says nothing"),
    Case("a type has no empty name", banned_names, {"hub/io/a.h": "struct info {\n    int a;\n};\n"}, "'info'"),
    Case("a function has no empty name", banned_names, {"hub/io/a.h": "int process(int a);\n"}, "'process'"),
    Case(
        "a guide that tells every option",
        documented_options,
        {documented_options.SOURCE: OPTIONS_SOURCE, documented_options.GUIDE: OPTIONS_GUIDE},
    ),
    Case(
        "a guide that leaves one out",
        documented_options,
        {documented_options.SOURCE: OPTIONS_SOURCE, documented_options.GUIDE: OPTIONS_GUIDE.split("\n", 1)[1]},
        "does not tell --data-dir with COMMHUB_DATA_DIR",
    ),
    Case(
        "a guide with another variable",
        documented_options,
        {
            documented_options.SOURCE: OPTIONS_SOURCE,
            documented_options.GUIDE: OPTIONS_GUIDE.replace("COMMHUB_DATA_DIR", "COMMHUB_DIR"),
        },
        "operating.md:1: the program does not know --data-dir with COMMHUB_DIR",
    ),
    Case(
        "a source with its licence line",
        licence,
        {"LICENSE": "text", "hub/io/a.c": C_TOP, "deploy/a.sh": SH_TOP},
    ),
    Case("a source without its licence line", licence, {"LICENSE": "text", "hub/io/a.c": "int a;\n"}, "a.c:1"),
    Case(
        "a licence line that is not the first of a C file",
        licence,
        {"LICENSE": "text", "hub/io/a.c": "\n" + C_TOP},
        "the first line is not",
    ),
    Case("a tree without a licence text", licence, {"hub/io/a.c": C_TOP}, "LICENSE:1"),
    Case("plain prose", wording, {"docs/a.md": "The frame/work/er todo list of a hub, /var/lib, /home/user/x\n"}),
    Case("a mark of unfinished work", wording, {"docs/a.md": "a\nb " + "TO" + "DO: c\n"}, "a.md:2"),
    Case("a path of one machine", wording, {"docs/a.md": "see /wo" + "rk/main\n"}, "a path of one machine"),
    Case("a home folder", wording, {"docs/a.md": "see /ho" + "me/somebody/main\n"}, "a path of one machine"),
    Case("a package mirror", wording, {"a.lock": "https://reg" + "istry.npmjs.org/x\n"}, "a package mirror"),
    Case("scripts that can be run", run_bits, dict(RUNNABLE), None, list(RUNNABLE)),
    Case("a script that cannot be run", run_bits, dict(RUNNABLE), ".ci/run:1", list(RUNNABLE)[1:]),
    Case(
        "a document that can be run",
        run_bits,
        {**RUNNABLE, "docs/a.md": "text\n"},
        "docs/a.md:1",
        [*RUNNABLE, "docs/a.md"],
    ),
    Case("a missing script", run_bits, {}, "tests/run.sh:1: is missing"),
    Case("a clean shell script", shell, {"a.sh": SH_TOP + 'echo "$1"\n'}),
    Case("a careless shell script", shell, {"a.sh": SH_TOP + "rm $1\n"}, "SC2086"),
    Case("a careless script without an ending", shell, {".ci/run": SH_TOP + "rm $1\n"}, "SC2086"),
    Case("formatted C", formatting, {"a.c": "int a(void)\n{\n    return 1;\n}\n"}),
    Case("unformatted C", formatting, {"a.c": "int  a(void) {\n  return 1;\n}\n"}, "a.c:1: clang-format"),
]


def run() -> tuple[int, int]:
    passed = failed = 0
    style = (Path(__file__).resolve().parents[3] / ".clang-format").read_text()
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            complaints = _complaints(case, Path(folder), style)
        if case.complaint is None:
            is_right = not complaints
        else:
            is_right = any(case.complaint in complaint for complaint in complaints)
        passed += is_right
        failed += not is_right
        if not is_right:
            print(f"FAIL self-test of '{case.check.NAME}': {case.what}")
            print(f"     wanted {case.complaint!r}, got {complaints}")
    print(f"ok   {passed} self-tests of the checks" if not failed else f"FAIL {failed} self-tests of the checks")
    return passed, failed


def _complaints(case: Case, root: Path, style: str) -> list[str]:
    for path, text in case.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        if path in case.executable:
            (root / path).chmod(0o755)
    (root / ".clang-format").write_text(style)
    return case.check.check(Tree(root, list(case.files)))
