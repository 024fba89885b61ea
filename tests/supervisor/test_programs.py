"""What is started, with which arguments."""

from pathlib import Path

import pytest

from gateway.errors import OperatorError
from gateway.settings import Endpoint, Settings
from gateway.settings.model import Datapath, Log, Media
from gateway.supervisor.programs import control_program, datapath_program, find_binary


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "gateway-datapath"
    path.touch(mode=0o755)
    return path


def test_the_datapath_gets_its_listeners_on_its_command_line(binary: Path, tmp_path: Path) -> None:
    udp = (Endpoint.parse("127.0.0.1:1"), Endpoint.parse("[::1]:2"))
    settings = Settings(
        media=Media(udp=udp), datapath=Datapath(binary=str(binary), workers=3, lease_s=20)
    )
    program = datapath_program(settings, tmp_path)
    assert program.argv == (
        str(binary),
        *("--listen", "udp/127.0.0.1:1", "--listen", "udp/[::1]:2"),
        *("--runtime-directory", str(tmp_path), "--lease-s", "20"),
        *("--workers", "3", "--log-level", "info"),
    )


def test_the_datapath_is_told_what_the_kernel_may_lack(binary: Path, tmp_path: Path) -> None:
    datapath = Datapath(binary=str(binary), allow_missing=("landlock", "seccomp"))
    program = datapath_program(Settings(datapath=datapath), tmp_path)
    assert program.argv[-2:] == ("--allow-missing", "landlock,seccomp")


def test_the_datapath_gets_no_secret_of_the_environment(
    binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY__AUTH__KEYS", '{"key": "secret"}')
    settings = Settings.model_construct(datapath=Datapath(binary=str(binary)))
    assert "GATEWAY__AUTH__KEYS" not in datapath_program(settings, tmp_path).environment


def test_the_control_plane_is_told_where_to_meet_and_how_to_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY__DATAPATH__RUNTIME_DIRECTORY", "/elsewhere")
    settings = Settings(log=Log(format="json"))
    program = control_program(settings, tmp_path, tmp_path / "g.toml", dev=True)
    assert program.argv[1:] == (
        "-m",
        "gateway",
        "control",
        "--config",
        f"{tmp_path}/g.toml",
        "--dev",
    )
    assert program.environment["GATEWAY__DATAPATH__RUNTIME_DIRECTORY"] == str(tmp_path)
    assert program.environment["GATEWAY__LOG__FORMAT"] == "json"
    assert program.environment["GATEWAY__MEDIA__UDP"] == '["0.0.0.0:7880"]'


def test_no_secret_of_the_environment_is_in_a_repr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANY_SECRET", "do not show")
    assert "do not show" not in repr(control_program(Settings(), tmp_path, None, dev=False))


def test_a_configured_program_that_cannot_be_run_is_the_operators_to_mend(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"datapath\.binary"):
        find_binary(str(tmp_path / "nothing"))
