"""Structured logs without personal data: one event and a few plain fields a line, on stderr.

Not a place for prose: an event is a name in the past tense, `participant_joined`. Nobody's
identity, name, address, token or metadata is ever a field; what slips through is taken out here.
Records of libraries (aiohttp, asyncio) are told by where they were made and by the kind of error,
never by their text, because that text repeats what a client sent.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from types import TracebackType
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from gateway.errors import GatewayError

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

# A field whose name contains one of these words is personal or secret wherever it comes from.
PRIVATE_WORDS: Final = (
    "token", "secret", "password", "ufrag", "identity", "name", "address", "remote", "metadata",
    "attributes", "sdp", "candidate", "claims", "headers", "query", "url", "path_qs",
)  # fmt: skip
# Names that contain such a word and are ours: nothing a client chooses.
PUBLIC_FIELDS: Final = frozenset({"filename", "reason_name"})
# "header.payload.signature" of a JWT, and the query of a join, inside any text.
SECRET_TEXT: Final = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*|(?:access_token|join_request)=[^\s&]*")
# Without their text, what libraries say below a warning tells nothing.
LIBRARY_LEVEL: Final = logging.WARNING
REDACTED: Final = "[redacted]"
# Enough for a sentence; what is longer was not written by us.
MAX_TEXT_CHARACTERS: Final = 500
# Frames told of an error, innermost last.
MAX_FRAMES: Final = 12


def configure(level: Level, form: Format, process: str) -> None:
    """Sets logging up for this process; `process` is a field of each of its lines."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _with_process(process),
            tell_error,
            redact,
            _renderer(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        handlers=[LibraryHandler()], level=max(threshold, LIBRARY_LEVEL), force=True
    )
    sys.excepthook = _tell_uncaught


def get() -> FilteringBoundLogger:
    """A logger. Bind fields that hold for all of a component's lines."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def resolved(form: Format) -> Literal["json", "console"]:
    """What "auto" means on this standard error."""
    if form == "auto":
        return "console" if sys.stderr.isatty() else "json"
    return form


def _renderer(form: Format) -> Processor:
    if resolved(form) == "json":
        return structlog.processors.JSONRenderer(sort_keys=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _with_process(process: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    return add


# ------------------------------------------------------------------------------------- processors


def tell_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Turns `exc_info` into the error's kind and where it came from, never its text or values.

    The text of our own errors is kept: they promise to carry nothing personal.
    """
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["raised_at"] = " < ".join(reversed(list(_frames(error.__traceback__))[-MAX_FRAMES:]))
        if isinstance(error, GatewayError):
            event["says"] = str(error)
    return event


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        module = frame.f_globals.get("__name__", "?")
        yield f"{module}.{frame.f_code.co_name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Takes out fields that are private by name, tokens inside texts, and objects with a repr."""
    for key, value in event.items():
        if key not in PUBLIC_FIELDS and any(word in key.lower() for word in PRIVATE_WORDS):
            event[key] = REDACTED
        else:
            event[key] = _plain(value)
    return event


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return without_secrets(value)
    return type(value).__name__


def without_secrets(text: str) -> str:
    """A text of ours, bounded, without anything that looks like a token."""
    return SECRET_TEXT.sub(REDACTED, text)[:MAX_TEXT_CHARACTERS]


# ---------------------------------------------------------------------------- what libraries say


class LibraryHandler(logging.Handler):
    """Passes a library's record on without its text."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tells the logger, the line of source and the error's kind."""
        fields: MutableMapping[str, Any] = {
            "library": record.name,
            "source": f"{record.module}:{record.lineno}",
        }
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        get().log(record.levelno, "library_said", **fields)


def _tell_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    del traceback  # it hangs on the error
    if issubclass(kind, KeyboardInterrupt):
        return
    get().critical("process_failed", exc_info=error)
