"""Reads settings from a file and the environment, and says in sentences what is wrong with them.

The environment wins over the file. Both are strict: a name that means nothing is an error, because
a misspelt limit is a limit that does not hold. No message repeats a value: it may be a secret.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource
from pydantic_settings import SettingsError as SourceError

from gateway.errors import OperatorError
from gateway.settings.model import MIN_SECRET_BYTES, Section, Settings

PREFIX: Final = "GATEWAY__"
# Where the file is when neither --config nor GATEWAY_CONFIG says so.
DEFAULT_FILE: Final = Path("/etc/gateway/gateway.toml")


class SettingsError(OperatorError):
    """The settings are wrong. `problems` are sentences, each naming a key and what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load(config: Path | None = None, *, dev: bool = False) -> Settings:
    """Settings of the file (`config`, else $GATEWAY_CONFIG, else /etc/gateway) and the environment.

    `dev` accepts short secrets. Raises SettingsError with everything that is wrong.
    """
    from_file = _read(_find(config, os.environ))
    problems = [
        *_unknown_in_file(from_file),
        *_unknown_in_environment(os.environ),
    ]
    if problems:
        raise SettingsError(problems)
    try:
        settings = _merged(from_file)
    except ValidationError as error:
        raise SettingsError(_sentence(fault) for fault in error.errors()) from None
    except SourceError as error:
        raise SettingsError([_unreadable(error)]) from None
    if not dev and (weak := _weak_secrets(settings)):
        raise SettingsError(weak)
    return settings


def _find(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    if config is not None:
        return config
    if named := environ.get("GATEWAY_CONFIG"):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path} is not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path} is not TOML: {error}"]) from None


def _merged(from_file: dict[str, Any]) -> Settings:
    """The environment first and the file behind it, key by key."""

    class Bound(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del init_settings, dotenv_settings, file_secret_settings
            return env_settings, InitSettingsSource(settings_cls, init_kwargs=from_file)

    bound = Bound()
    sections = {name: getattr(bound, name) for name in Settings.model_fields}
    return Settings.model_construct(bound.model_fields_set, **sections)


# ------------------------------------------------------------------------------- unknown names


def known_keys() -> dict[str, type[Section]]:
    """ "section.key" of everything that can be set, with the section's model."""
    keys: dict[str, type[Section]] = {}
    for name, field in Settings.model_fields.items():
        section: type[Section] = type(field.default)
        keys.update({f"{name}.{key}": section for key in section.model_fields})
    return keys


def _unknown_in_file(from_file: Mapping[str, Any]) -> list[str]:
    keys = known_keys()
    problems = []
    for section, body in from_file.items():
        if section not in Settings.model_fields:
            problems.append(
                _unknown(f"[{section}]", _close(section, Settings.model_fields, "[{}]"))
            )
        elif isinstance(body, dict):
            problems += [
                _unknown(f"{section}.{key}", _close(f"{section}.{key}", keys, "{}"))
                for key in body
                if f"{section}.{key}" not in keys
            ]
    return problems


def _unknown_in_environment(environ: Mapping[str, str]) -> list[str]:
    names = [PREFIX + key.replace(".", "__").upper() for key in known_keys()]
    return [
        _unknown(name, _close(name.upper(), names, "{}"))
        for name in sorted(environ)
        if name.upper().startswith(PREFIX) and name.upper() not in names
    ]


def _close(name: str, known: Iterable[str], form: str) -> str:
    best = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {form.format(best[0])}?" if best else ""


def _unknown(name: str, suggestion: str) -> str:
    return f"{name} is not a setting{suggestion}"


# ---------------------------------------------------------------------------------- bad values


def _sentence(fault: Mapping[str, Any]) -> str:
    """One line of pydantic's, without the value: "media.udp.0: an IP address is needed"."""
    place = ".".join(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}"


def _unreadable(error: SourceError) -> str:
    """A value of the environment that had to be JSON and is not; pydantic names the section."""
    return f"{PREFIX}*: {error}; lists and tables are written as JSON"


def _weak_secrets(settings: Settings) -> list[str]:
    return [
        f"auth.keys: the secret of key {key!r} is shorter than {MIN_SECRET_BYTES} bytes;"
        " make one with: openssl rand -base64 32"
        for key, secret in settings.auth.keys.items()
        if len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES
    ]
