"""Settings: what is read, what is refused, and in which words."""

from pathlib import Path

import pytest

from gateway.settings import Endpoint, Settings, SettingsError, load

SECRET = "s" * 32


def problems_of(config: Path | None = None, *, dev: bool = False) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(config, dev=dev)
    return list(caught.value.problems)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.toml"


def test_without_file_and_environment_the_defaults_hold() -> None:
    assert load() == Settings()


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[http]\nlisten = ["127.0.0.1:1"]\n[log]\nlevel = "debug"\n')
    monkeypatch.setenv("GATEWAY__HTTP__LISTEN", '["[::1]:2"]')
    settings = load(file)
    assert settings.http.listen == (Endpoint.parse("[::1]:2"),)
    assert settings.log.level == "debug"


def test_a_plain_value_of_the_environment_needs_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY__MANAGEMENT__LISTEN", "127.0.0.1:9")
    monkeypatch.setenv("GATEWAY__DATAPATH__LEASE_S", "30")
    settings = load()
    assert settings.management.listen == Endpoint.parse("127.0.0.1:9")
    assert settings.datapath.lease_s == 30


def test_the_file_is_named_by_gateway_config(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[log]\nlevel = "error"\n')
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    assert load().log.level == "error"


def test_keys_of_file_and_environment_are_both_valid(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(f'[auth.keys]\nold = "{SECRET}"\n')
    monkeypatch.setenv("GATEWAY__AUTH__KEYS", f'{{"new": "{SECRET}"}}')
    assert set(load(file).auth.keys) == {"old", "new"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[htpp]\n", "[htpp] is not a setting; did you mean [http]?"),
        ('[http]\nlistn = ["x"]\n', "http.listn is not a setting; did you mean http.listen?"),
        ("[rooms]\nzzzzzzzzzz = 1\n", "rooms.zzzzzzzzzz is not a setting"),
        ("a = [", "is not TOML"),
        ('[http]\nlisten = ["localhost:7880"]\n', "http.listen.0: an IP address is needed"),
        ("[datapath]\nlease_s = 1\n", "datapath.lease_s: input should be greater than"),
        ("[signalling]\nping_timeout_s = 5\n", "ping_timeout_s must be longer"),
        ("auth = 3\n", "auth: "),
    ],
)
def test_what_is_wrong_in_the_file_is_named(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    assert problem in "\n".join(problems_of(file))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("GATEWAY__HTTP__LISTN", "did you mean GATEWAY__HTTP__LISTEN?"),
        ("GATEWAY__HTPP__LISTEN", "did you mean GATEWAY__HTTP__LISTEN?"),
        ("GATEWAY__HTTP", "GATEWAY__HTTP is not a setting"),
        ("GATEWAY__AUTH__KEYS__devkey", "did you mean GATEWAY__AUTH__KEYS?"),
        ("gateway__log__levle", "did you mean GATEWAY__LOG__LEVEL?"),
        ("GATEWAY__", "GATEWAY__ is not a setting"),
    ],
)
def test_a_name_of_the_environment_that_means_nothing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    monkeypatch.setenv(name, "1")
    (said,) = problems_of()
    assert said.startswith(name)
    assert problem in said


def test_a_list_in_the_environment_that_is_not_json_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY__AUTH__KEYS", f"key: {SECRET}")
    (said,) = problems_of()
    assert "auth" in said
    assert "JSON" in said
    assert SECRET not in said


def test_all_problems_are_told_at_once_and_no_value_is_repeated(file: Path) -> None:
    file.write_text(f'[auth]\nkeys = {{ k = ["{SECRET}"] }}\n[log]\nlevel = "{SECRET}"\n')
    said = problems_of(file)
    assert len(said) == 2
    assert SECRET not in "\n".join(said)


def test_a_missing_file_is_an_error_when_it_was_named(file: Path) -> None:
    assert "cannot be read" in problems_of(file)[0]


def test_a_secret_under_32_bytes_is_refused_outside_development(file: Path) -> None:
    file.write_text('[auth.keys]\nk = "short"\n')
    (said,) = problems_of(file)
    assert "'k'" in said
    assert "short" not in said.replace("shorter", "")
    assert load(file, dev=True).auth.keys["k"].get_secret_value() == "short"


def test_no_secret_is_in_a_repr(file: Path) -> None:
    file.write_text(f'[auth.keys]\nk = "{SECRET}"\n')
    assert SECRET not in repr(load(file))
