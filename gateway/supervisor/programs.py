"""What the supervisor starts: the command lines and environments of the two programs."""

import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway import logs
from gateway.errors import OperatorError
from gateway.settings import Settings
from gateway.settings.runtime import runtime_directory

BINARY: Final = "gateway-datapath"


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running."""

    title: str
    argv: tuple[str, ...]
    # What asks it to end for good.
    stop_signal: signal.Signals
    # What the kernel sends it when the supervisor dies without a word.
    orphan_signal: signal.Signals
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


def meeting_place(settings: Settings) -> Path | None:
    """The configured runtime directory, None when a temporary one is to be made."""
    return runtime_directory(settings.datapath.runtime_directory, os.environ)


def datapath_program(settings: Settings, directory: Path) -> Program:
    """The media process: its listeners come from the settings by its command line."""
    missing = settings.datapath.allow_missing
    listeners = [part for one in settings.media.udp for part in ("--listen", f"udp/{one}")]
    return Program(
        title="datapath",
        argv=(
            str(find_binary(settings.datapath.binary)),
            *listeners,
            *("--runtime-directory", str(directory)),
            *("--lease-s", str(settings.datapath.lease_s)),
            *("--workers", str(settings.datapath.workers)),
            *("--log-level", settings.log.level),
            *(("--allow-missing", ",".join(missing)) if missing else ()),
        ),
        stop_signal=signal.SIGTERM,
        # It says close_notify to every participant and ends.
        orphan_signal=signal.SIGTERM,
        # Its settings are its command line: what it need not know it does not get.
        environment={"PATH": os.environ.get("PATH", "")},
    )


def control_program(
    settings: Settings, directory: Path, config: Path | None, *, dev: bool
) -> Program:
    """The control plane: this same command, told where to meet and how to write logs."""
    told = {
        "GATEWAY__DATAPATH__RUNTIME_DIRECTORY": str(directory),
        # As the datapath was told: the default route may change before the next restart.
        "GATEWAY__MEDIA__UDP": json.dumps([str(one) for one in settings.media.udp]),
        # Its stderr is our pipe, so only we know whether a person is reading.
        "GATEWAY__LOG__FORMAT": logs.resolved(settings.log.format),
    }
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in told}
    return Program(
        title="control",
        argv=(
            *(sys.executable, "-m", "gateway", "control"),
            *(("--config", str(config)) if config else ()),
            *(("--dev",) if dev else ()),
        ),
        stop_signal=signal.SIGINT,
        # A control plane that dies loses nothing, and one that hangs must not outlive us.
        orphan_signal=signal.SIGKILL,
        environment={**inherited, **told},
    )


def find_binary(configured: str) -> Path:
    """The datapath's program; OperatorError says how to get it."""
    if configured:
        return _executable(Path(configured))
    beside = Path(sys.executable).parent / BINARY
    on_path = shutil.which(BINARY)
    for place in [beside, *([Path(on_path)] if on_path else []), *_builds()]:
        if os.access(place, os.X_OK):
            return place
    raise OperatorError(
        f"{BINARY} is not there: build it with `make build`, or set datapath.binary"
    )


def _builds() -> list[Path]:
    """What was built of this source tree, the newest first."""
    target = Path(__file__).parents[2] / "datapath" / "target"
    built = [target / profile / BINARY for profile in ("release", "debug")]
    return sorted(filter(Path.is_file, built), key=lambda path: -path.stat().st_mtime)


def _executable(path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise OperatorError(f"datapath.binary: {path} cannot be run")
    return path
