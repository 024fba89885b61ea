"""Where the two processes of one gateway meet: a directory that only their user may enter."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from gateway.settings.sources import SettingsError


def runtime_directory(configured: str, environ: Mapping[str, str]) -> Path | None:
    """The directory by setting, $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR; None: make a temporary one.

    It is made with mode 0700 if it is not there. SettingsError if it cannot be made, belongs to
    somebody else, or lets others in.
    """
    if configured:
        return _private(Path(configured))
    # systemd separates several by colons; the first is ours.
    if first := environ.get("RUNTIME_DIRECTORY", "").split(":")[0]:
        return Path(first)  # made by systemd for this unit, with the mode of the unit
    base = environ.get("XDG_RUNTIME_DIR", "")
    return _private(Path(base) / "gateway") if base and Path(base).is_dir() else None


def _private(directory: Path) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise SettingsError(
            [f"datapath.runtime_directory: {directory}: {error.strerror}"]
        ) from None
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SettingsError(
            [f"datapath.runtime_directory: {directory} must belong to this user with mode 0700"]
        )
    return directory
