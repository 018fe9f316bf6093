"""The parts of the local stack that can be judged without starting it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from local.__main__ import main
from local.errors import LocalError
from local.folder import PORTS, Ports, owned
from local.jars import Jar, locked

EMPTY = Jar("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "org/example/some/thing-core/1.2.3/thing-core-1.2.3.jar")


class TestJars:
    def test_a_path_in_a_repository_says_whose_it_is(self) -> None:
        assert EMPTY.coordinates == ("org.example.some", "thing-core", "1.2.3")
        assert EMPTY.name == "thing-core-1.2.3.jar"

    def test_only_the_very_same_file_will_do(self, tmp_path: Path) -> None:
        file = tmp_path / EMPTY.name
        assert not EMPTY.is_at(file)
        file.write_bytes(b"")
        assert EMPTY.is_at(file)
        file.write_bytes(b"?")
        assert not EMPTY.is_at(file)

    def test_the_lock_names_each_jar_once_and_by_its_path_in_a_repository(self) -> None:
        jars = locked()
        assert len({jar.name for jar in jars}) == len(jars)
        for jar in jars:
            _, artifact, version = jar.coordinates
            assert re.fullmatch("[0-9a-f]{64}", jar.sha256)
            assert jar.name == f"{artifact}-{version}.jar"

    def test_the_broker_can_say_what_is_wrong(self) -> None:
        """Without slf4j-simple even fatal messages vanish."""
        assert "slf4j-simple-1.7.36.jar" in {jar.name for jar in locked()}


class TestFolder:
    def test_ports_stay_the_same(self, tmp_path: Path) -> None:
        with owned(tmp_path / "new") as folder:
            first = folder.ports()
            assert folder.ports() == first
        assert len(set(first)) == 3 and set(first) <= set(PORTS)

    @pytest.mark.parametrize("name", Ports._fields)
    def test_a_port_that_was_taken_meanwhile_is_named(self, tmp_path: Path, name: str) -> None:
        with owned(tmp_path) as folder:
            port = folder.ports()._asdict()[name]
            with socket.create_server(("127.0.0.1", port)), pytest.raises(LocalError, match=f"port {port}, where this stack had its {name},"):
                folder.ports()

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"broker": 1}'])
    def test_a_damaged_file_of_ports_is_named(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "ports.json").write_text(content)
        with owned(tmp_path) as folder, pytest.raises(LocalError, match=r"ports\.json cannot be read"):
            folder.ports()

    def test_it_has_one_owner_at_a_time(self, tmp_path: Path) -> None:
        with owned(tmp_path), pytest.raises(LocalError, match="another stack runs on this folder"), owned(tmp_path):
            pass
        with owned(tmp_path):
            pass


class TestCommandLine:
    @pytest.mark.parametrize("seconds", ["-1", "3600", "soon", "nan"])
    def test_a_pause_that_is_none_is_refused(self, seconds: str) -> None:
        with pytest.raises(SystemExit) as refused:
            main(["up", "--respawn", seconds])
        assert refused.value.code == 2
