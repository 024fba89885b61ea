"""The command: what it prints and with which status it ends."""

import tomllib
from pathlib import Path

import pytest
from livekit import api
from typer.testing import CliRunner

from gateway.auth import Grant, verify
from gateway.cli import app
from gateway.clock import SystemClock

SECRET = "a secret of at least thirty-two bytes"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_config_check_shows_what_is_in_force_with_secrets_masked(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[auth.keys]\nclinic = "{SECRET}"\n')
    status, output = run("config", "check", "--config", str(file))
    assert status == 0
    assert SECRET not in output
    shown = tomllib.loads(output)
    assert list(shown["auth"]["keys"]) == ["clinic"]
    assert shown["media"]["udp"] == ["0.0.0.0:7880"]


def test_config_check_names_what_is_wrong_with_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY__HTTP__LISTN", "1")
    status, output = run("config", "check")
    assert status == 2
    assert "did you mean GATEWAY__HTTP__LISTEN?" in output


def test_a_minted_token_lets_its_bearer_join() -> None:
    status, output = run("token", "--dev", "--room", "r", "--identity", "i", "--name", "Dr I")
    grant = verify(output.strip(), {"devkey": "secret"}, SystemClock().wall_s())
    assert status == 0
    assert isinstance(grant, Grant)
    assert (grant.room, grant.identity, grant.name) == ("r", "i", "Dr I")


def test_a_minted_token_is_one_that_platforms_understand() -> None:
    _, output = run("token", "--dev", "--room", "r", "--identity", "i")
    claims = api.TokenVerifier("devkey", "secret").verify(output.strip())
    assert claims.video is not None
    assert (claims.identity, claims.video.room, claims.video.room_join) == ("i", "r", True)


def test_a_token_needs_a_key_of_the_settings() -> None:
    assert run("token", "--room", "r", "--identity", "i")[0] == 2
    status, output = run("token", "--dev", "--key", "nokey", "--room", "r", "--identity", "i")
    assert status == 2
    assert "devkey" in output


def test_the_control_plane_alone_wants_to_know_where_to_meet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "GATEWAY__DATAPATH__RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    status, output = run("control", "--dev")
    assert status == 2
    assert "datapath.runtime_directory" in output
