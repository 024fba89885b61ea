"""config/gateway.toml is the reference: it must say what the code says."""

import re
import tomllib
from pathlib import Path

from gateway.settings import Settings, load
from gateway.settings.sources import known_keys

REFERENCE = Path(__file__).parents[2] / "config" / "gateway.toml"


def uncommented() -> str:
    """The reference with every key switched on."""
    return re.sub(r"^# ([a-z_]+ = )", r"\1", REFERENCE.read_text(), flags=re.MULTILINE)


def test_the_reference_as_it_stands_changes_nothing() -> None:
    assert not any(tomllib.loads(REFERENCE.read_text()).values())


def test_the_reference_names_every_key_and_no_other() -> None:
    keys = {
        f"{section}.{key}" for section, body in tomllib.loads(uncommented()).items() for key in body
    }
    assert keys == set(known_keys())


def test_the_values_of_the_reference_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(uncommented())
    assert load(file) == Settings()
