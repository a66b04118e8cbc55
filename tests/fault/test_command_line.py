# SPDX-License-Identifier: LGPL-3.0-or-later
"""Wrong command lines and settings: a clear sentence, exit 2, nothing touched."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from running_hub import run_to_end

# One wrong value at least for each flag that `commhub serve --help` lists, and a word of the complaint.
WRONG: dict[str, list[tuple[str, str]]] = {
    "--config": [("", "empty"), ("/nonexistent", "/nonexistent"), ("/dev/zero", "64 KiB")],
    "--data-dir": [("", "empty")],
    "--server-id": [
        ("", "empty"),
        ("x" * 256, "255 bytes"),
        ("a\nb", "control characters"),
        ("\udcff", "UTF-8"),
    ],
    "--listen": [
        ("", "unix:"),
        ("/tmp/x", "unix:"),
        ("udp://127.0.0.1:1", "unix:"),
        ("tcp://127.0.0.1", "--listen"),
        ("tcp://127.0.0.1:70000", "--listen"),
        ("tcp://127.0.0.1:-1", "--listen"),
        ("tcp://:7411", "--listen"),
        ("unix:", "--listen"),
        ("unix:" + "/x" * 100, "--listen"),
    ],
    "--unix-mode": [
        ("rw", "--unix-mode"),
        ("0999", "--unix-mode"),
        ("", "empty"),
        ("07777777", "--unix-mode"),
    ],
    "--unix-group": [("", "empty")],
    "--tls-cert": [("", "empty"), ("/nonexistent", "--tls-key")],
    "--tls-key": [("", "empty"), ("/nonexistent", "--tls-cert")],
    "--tls-ca": [("", "empty")],
    "--connection-secret-file": [("", "empty"), ("/nonexistent", "/nonexistent"), ("/dev/zero", "64 KiB")],
    "--link-secret-file": [("", "empty"), ("/nonexistent", "/nonexistent")],
    "--link-listen": [("", "unix:"), ("tcp://127.0.0.1", "--link-listen"), ("tls://127.0.0.1:1", "--link-tls-cert")],
    "--link-tls-cert": [("", "empty"), ("/nonexistent", "--link-listen")],
    "--link-tls-key": [("", "empty"), ("/nonexistent", "--link-listen")],
    "--link-tls-ca": [("", "empty"), ("/nonexistent", "--link-listen")],
    "--link-management": [("all", "none|read|write")],
    "--link-peer": [("", "one name"), ("*.example", "one name"), ("alpha", "--link-listen")],
    "--system-passwords-file": [("", "empty"), ("/nonexistent", "/nonexistent"), ("/dev/null", "not JSON")],
    "--bridge-clients": [("yes", "plain|trusted")],
    "--channel-policy": [
        ("keep", "terminate|promote"),
        ("", "terminate|promote"),
        ("terminate|promote", "not one"),
    ],
    "--lb-policy": [("random", "least-active|round-robin")],
    "--error-policy": [("panic", "ignore|raise|broadcast")],
    "--idle-timeout": [
        ("soon", "seconds"),
        ("-1", "seconds"),
        ("1e3", "seconds"),
        ("", "seconds"),
        ("1.2345", "seconds"),
    ],
    "--data-timeout": [("60s", "seconds"), ("99999999999", "seconds")],
    "--call-deadline": [("never", "seconds"), (".", "seconds")],
    "--max-frame": [("16M", "whole number"), ("0", "1024"), ("1023", "1024"), ("1073741825", "1073741824")],
    "--max-connections": [
        ("0", "whole number"),
        ("-5", "whole number"),
        ("99999999999999999999", "whole number"),
    ],
    "--mgmt": [
        ("", "empty"),
        ("127.0.0.1:99999", "--mgmt"),
        ("nonsense", "--mgmt"),
        ("127.0.0.1:", "--mgmt"),
    ],
    "--mgmt-tls-cert": [("", "empty"), ("/nonexistent", "--mgmt-tls-key")],
    "--mgmt-tls-key": [("", "empty"), ("/nonexistent", "--mgmt-tls-cert")],
    "--admin-token-file": [("", "empty"), ("/nonexistent", "/nonexistent")],
    "--admin-password-file": [("", "empty")],
    "--definitions": [("", "empty")],
    "--keep-records": [("all", "whole number"), ("-1", "whole number"), ("10000001", "10000000")],
    "--keep-days": [("0", "whole number from 1"), ("3651", "3650"), ("1.5", "whole number")],
    "--log-format": [("xml", "text|logfmt|json")],
    "--log-level": [("loud", "error|warning|info|debug")],
    "--verbose": [("maybe", "true")],
    "--check-config": [("maybe", "true")],
    "--print-config": [("maybe", "true")],
}
# These have no value that must follow, those no variable.
BARE = ("--verbose", "--check-config", "--print-config")
COMMAND_ONLY = ("--check-config", "--print-config")
ROWS = [(flag, value, word) for flag, rows in WRONG.items() for value, word in rows]


def untouched(tmp_path: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """Runs in a home of its own, which must stay empty."""
    own = {"HOME": str(tmp_path), "XDG_DATA_HOME": f"{tmp_path}/data", "XDG_RUNTIME_DIR": str(tmp_path)}
    got = run_to_end(*arguments, settings=own | settings, cwd=tmp_path)
    assert list(tmp_path.rglob("*")) == [], f"left behind: {list(tmp_path.rglob('*'))}"
    return got


def assert_wrong(got: tuple[int, str, str], word: str) -> None:
    status, output, errors = got
    assert (status, output) == (2, ""), got
    assert errors.startswith("commhub: ") and errors.count("\n") == 1, errors
    assert word in errors, f"{word!r} is not in: {errors}"


@pytest.mark.parametrize(("flag", "value", "word"), ROWS)
def test_a_wrong_value_is_told(tmp_path: Path, flag: str, value: str, word: str) -> None:
    got = untouched(tmp_path, f"{flag}={value}")
    assert_wrong(got, word)
    assert flag in got[2] or value and value in got[2], f"it does not say which setting is wrong: {got[2]}"


@pytest.mark.parametrize(
    ("flag", "value", "word"), [row for row in ROWS if row[1] and row[0] not in COMMAND_ONLY]
)
def test_a_wrong_value_in_the_environment_is_told(tmp_path: Path, flag: str, value: str, word: str) -> None:
    name = "COMMHUB_" + flag[2:].upper().replace("-", "_")
    assert_wrong(untouched(tmp_path, **{name: value}), word)


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ("idle-timeout = 30\nidel-timeout = 3\n", 2, "did you mean idle-timeout?"),
        ("zzzzzz = 3\n", 1, "see commhub serve --help"),
        ("# config itself has no place in it\nconfig = 'x'\n", 2, "there is no setting config"),
        ("idle-timeout = 30\n\nidle-timeout = 31\n", 3, "line 1 sets it"),
        ("idle-timeout = '30'\n", 1, "a number, without quotes"),
        ("idle-timeout = -1\n", 1, "seconds"),
        ("max-frame = 1.5\n", 1, "whole number"),
        ("verbose = 1\n", 1, "true or false"),
        ("mgmt = off\n", 1, "no text in quotes"),
        ("listen = 7411\n", 1, "list of texts"),
        ("log-format = 'xml'\n", 1, "text|logfmt|json"),
        ("[hub]\n", 1, "no tables"),
        ("log-level = 'info\n", 1, "a ' is missing"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, content: str, line: int, word: str) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(content)
    home = tmp_path / "home"
    home.mkdir()
    got = untouched(home, "--config", str(file), "--check-config")
    assert_wrong(got, f"{file}:{line}: ")
    assert word in got[2]


def test_the_settings_in_force_are_printed_with_their_origin_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(
        "idle-timeout = 30\ndata-timeout = 30\ncall-deadline = 0.25\nlisten = ['tcp://[::1]:1', 'unix:/x']\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    variables = {"COMMHUB_CONFIG": str(file), "COMMHUB_DATA_TIMEOUT": "31", "COMMHUB_IDLE_TIMEOUT": "31"}
    status, output, errors = untouched(home, "--print-config", "--idle-timeout", "32", **variables)
    assert (status, errors) == (0, "")
    for line in (
        "idle-timeout = 32  # flag --idle-timeout",
        "data-timeout = 31  # environment COMMHUB_DATA_TIMEOUT",
        f"call-deadline = 0.25  # {file}:3",
        f'listen = ["tcp://[::1]:1", "unix:/x"]  # {file}:4',
        "max-frame = 16777216  # built-in",
        "# server-id is not set",
    ):
        assert line in output.splitlines(), output
    again = tmp_path / "again.toml"
    again.write_text(output)
    status, printed, errors = untouched(home, "--print-config", "--config", str(again))
    assert (status, errors) == (0, "")
    values = [[line.split("  #")[0] for line in text.splitlines()] for text in (printed, output)]
    assert values[0] == values[1]


def test_a_variable_that_means_nothing_is_told(tmp_path: Path) -> None:
    status, _, errors = untouched(tmp_path, "--check-config", COMMHUB_IDEL_TIMEOUT="3")
    assert status == 0
    assert "COMMHUB_IDEL_TIMEOUT means nothing here: did you mean COMMHUB_IDLE_TIMEOUT?" in errors


def test_every_flag_has_a_wrong_value_here() -> None:
    status, output, errors = run_to_end("--help")
    assert (status, errors) == (0, "")
    listed = set(re.findall(r"^  (--[a-z-]+)", output, re.MULTILINE)) - {"--help", "--version"}
    assert listed == set(WRONG), f"only in the help: {listed - set(WRONG)}; only here: {set(WRONG) - listed}"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("--lsten", "--listen"),
        ("--data_dir", "--data-dir"),
        ("--server", "--server-id"),
        ("--max-frames", "--max-frame"),
        ("--tls-certificate", "--tls-cert"),
        ("--verbos", "--verbose"),
        ("-verbose", "--verbose"),
    ],
)
def test_an_unknown_flag_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, wrong: str, meant: str
) -> None:
    got = untouched(tmp_path, wrong, "x")
    assert_wrong(got, f"did you mean {meant}?")
    assert wrong in got[2]


@pytest.mark.parametrize("wrong", ["xyz", "--", "-x", "--zzzzzz", "\x1b[31m", ""])
def test_what_is_like_no_flag_is_answered_with_the_help(tmp_path: Path, wrong: str) -> None:
    got = untouched(tmp_path, wrong)
    assert_wrong(got, "see commhub serve --help")
    assert "\x1b" not in got[2]


@pytest.mark.parametrize("flag", [flag for flag in WRONG if flag not in BARE])
def test_a_flag_without_its_value_is_told(tmp_path: Path, flag: str) -> None:
    assert_wrong(untouched(tmp_path, flag), f"{flag} needs a value")


def test_more_addresses_than_there_is_room_for_are_told(tmp_path: Path) -> None:
    many = [word for number in range(33) for word in ("--listen", f"unix:{tmp_path}/{number}")]
    assert_wrong(untouched(tmp_path, *many), "at most 32")


def test_check_config_touches_nothing(tmp_path: Path) -> None:
    """Not even where a hub runs already: its port is taken, its socket is there."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = f"127.0.0.1:{holder.getsockname()[1]}"
        got = untouched(
            tmp_path,
            *("--check-config", "--listen", f"tcp://{taken}", "--listen", f"unix:{tmp_path}/hub.sock"),
            *("--data-dir", f"{tmp_path}/data", "--mgmt", taken),
        )
    assert got == (0, "configuration is valid\n", ""), got
    assert untouched(tmp_path, "--check-config") == (0, "configuration is valid\n", "")


def test_check_config_finds_what_a_start_would(tmp_path: Path) -> None:
    assert_wrong(
        untouched(tmp_path, "--check-config", "--connection-secret-file", "/nonexistent"), "/nonexistent"
    )
    assert_wrong(untouched(tmp_path, "--check-config", "--listen", "tls://127.0.0.1:1"), "--tls-cert")


@pytest.mark.parametrize("command", ["serve", "server", "bench", ""])
def test_help_is_there_and_touches_nothing(tmp_path: Path, command: str) -> None:
    status, output, errors = run_to_end(
        "--help", command=command, cwd=tmp_path, settings={"HOME": str(tmp_path)}
    )
    assert status == 0 and errors == "" and "sage: commhub" in output, (status, output, errors)
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_the_same_everywhere() -> None:
    said = [run_to_end("--version", command=""), run_to_end("version", command=""), run_to_end("--version")]
    assert said[0][0] == 0 and re.fullmatch(r"commhub \d+\.\d+\.\d+\n", said[0][1]) and said[0][2] == ""
    assert said[1:] == [said[0]] * 2


@pytest.mark.parametrize("arguments", [[], ["sevre"], ["serv\x1be"], ["-v"]])
def test_a_wrong_command_is_told(arguments: list[str]) -> None:
    status, output, errors = run_to_end(*arguments, command="")
    assert (status, output) == (2, "") and "commhub" in errors and "\x1b" not in errors, (
        status,
        output,
        errors,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "7411"],
        ["--host", "127.0.0.1", "--port", "x"],
        ["--host", "127.0.0.1", "--port", "65536"],
        ["--socket-path"],
        ["--socket-path", "/x" * 100],
        ["--unknown"],
    ],
)
def test_a_wrong_command_line_of_the_originals_kind_is_told(tmp_path: Path, arguments: list[str]) -> None:
    got = run_to_end(*arguments, command="server", cwd=tmp_path)
    assert_wrong(got, "commhub: ")
