"""`python -m ingest` as far as it goes without Kafka."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from ingest.__main__ import main
from ingest.command import parser
from ingest.formats import FORMATS
from tests.stack import ROOT

DATA = Path(__file__).parent.parent / "data"


def test_a_dry_run_prints_messages_and_names_what_failed(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("device,at,power_w\na,1,2\na,1\n" + "b\n" * 30)
    assert main(["--dry-run", str(path), str(DATA / "dsmr_p1_1s.txt"), "--no-checksum"], {}) == 1
    out, err = capfdbinary.readouterr()
    printed = [orjson.loads(line) for line in out.splitlines()]
    assert printed[0] == {"device": "a", "at": 1000, "power_w": 2}
    assert len(printed) == 1 + 18
    said = err.decode().splitlines()
    assert said[0] == f"{path}:3: 2 cells under 3 columns"
    assert said[20:] == ["… and 11 more lines failed", "19 readings printed, 31 failed"]


def test_paced_files_are_played_side_by_side(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for device, ats in (("a", (1, 3)), ("b", (2, 4))):
        (tmp_path / f"{device}.csv").write_text("device,at,power_w\n" + "".join(f"{device},{at},0\n" for at in ats))
    assert main(["--dry-run", "--speed", "1", str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], {}) == 0
    assert [orjson.loads(line)["at"] for line in capfdbinary.readouterr().out.splitlines()] == [1000, 2000, 3000, 4000]


@pytest.mark.parametrize(
    ("argv", "environ", "said"),
    [
        (["none.csv"], {}, "ingest: none.csv: No such file or directory"),
        ([str(DATA)], {}, f"ingest: {DATA}: is a folder"),
        ([str(DATA / "README.md")], {"WATTFALL_BROKERS": "kafka"}, "ingest: WATTFALL_BROKERS='kafka'"),
        ([str(DATA / "README.md")], {"WATTFALL_BROKERS": "127.0.0.1:1"}, "ingest: WATTFALL_BROKERS=127.0.0.1:1: "),
    ],
)
def test_a_users_mistake_is_one_line(argv: list[str], environ: dict[str, str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(argv, environ) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(said) and err.count("\n") == 1, err


@pytest.mark.parametrize("argv", [[], ["-", "-"], ["--batch", "0", "a"], ["--batch", "10001", "a"], ["--speed", "0", "a"], ["--speed", "nan", "a"]])
def test_a_command_line_that_will_not_do(argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv, {})
    assert raised.value.code == 2
    assert "error:" in capfd.readouterr().err


@pytest.mark.parametrize("key", FORMATS)
def test_the_help_tells_of_every_format(key: str) -> None:
    lines = [" ".join(line.split()) for line in parser().format_help().splitlines()]
    first, *rest = FORMATS[key].about.splitlines()
    at = lines.index(f"{key} {first}")
    assert lines[at + 1 : at + 1 + len(rest)] == rest


def without(package: str) -> subprocess.CompletedProcess[str]:
    """What is said of telegrams where this package is not installed."""
    script = f"import sys; sys.modules[{package!r}] = None; from ingest.__main__ import main; sys.exit(main(sys.argv[1:], {{}}))"
    argv = [sys.executable, "-c", script, "--dry-run", str(DATA / "dsmr_p1_1s.txt")]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def test_telegrams_without_their_package_are_a_users_mistake() -> None:
    ran = without("dsmr_parser")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert ran.stderr.startswith("ingest: dsmr needs the package dsmr-parser ")


def test_a_package_that_is_broken_is_not_called_missing() -> None:
    """dsmr-parser without what it needs itself: only the traceback tells."""
    ran = without("dlms_cosem")
    assert ran.returncode == 1
    assert "Traceback" in ran.stderr and "dlms_cosem" in ran.stderr and "ingest: dsmr needs" not in ran.stderr
