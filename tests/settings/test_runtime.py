"""The directory where both processes meet."""

import stat
from pathlib import Path

import pytest

from gateway.settings import SettingsError
from gateway.settings.runtime import runtime_directory


def test_a_configured_directory_is_made_for_this_user_alone(tmp_path: Path) -> None:
    found = runtime_directory(str(tmp_path / "a" / "b"), {"RUNTIME_DIRECTORY": "/elsewhere"})
    assert found == tmp_path / "a" / "b"
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_a_directory_that_lets_others_in_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(SettingsError, match="0700"):
        runtime_directory(str(tmp_path), {})


def test_systemd_comes_before_the_users_own(tmp_path: Path) -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/gateway:/run/other", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert runtime_directory("", environ) == Path("/run/gateway")
    assert runtime_directory("", {"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "gateway"


def test_without_any_a_temporary_one_is_wanted() -> None:
    assert runtime_directory("", {}) is None
    assert runtime_directory("", {"XDG_RUNTIME_DIR": "/does/not/exist"}) is None


def test_a_path_that_cannot_be_made_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"runtime_directory"):
        runtime_directory(str(tmp_path / "file" / "below"), {})
