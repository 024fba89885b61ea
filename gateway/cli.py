"""The command `gateway`. Each command imports what it needs itself, so that each starts quickly.

Status: 0 done, 1 it did not work, 2 the settings or the command line must change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.errors import GatewayError, OperatorError

if TYPE_CHECKING:
    from gateway.settings import Settings

FAILED_STATUS: Final = 1
OPERATOR_STATUS: Final = 2
DEV_URL: Final = "ws://127.0.0.1:7880"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        help="Settings file; else $GATEWAY_CONFIG, else /etc/gateway/gateway.toml if it exists."
    ),
]
DevOption = Annotated[
    bool,
    typer.Option("--dev", help="For trying: loopback, key 'devkey', secret 'secret', trial page."),
]

app = typer.Typer(
    help="Self-hosted video gateway and media relay for teleconsultation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Settings.", no_args_is_help=True)
app.add_typer(config_app, name="config")


def main() -> None:
    """The entry point of the command."""
    app()


@contextmanager
def _told_errors() -> Iterator[None]:
    """Our own errors are told in sentences, not as a traceback."""
    try:
        yield
    except GatewayError as error:
        typer.echo(f"gateway: {error}", err=True)
        status = OPERATOR_STATUS if isinstance(error, OperatorError) else FAILED_STATUS
        raise typer.Exit(status) from None


def _settings(config: Path | None, *, dev: bool) -> "Settings":
    from gateway.settings import for_development, load

    settings = load(config, dev=dev)
    return for_development(settings) if dev else settings


@app.command()
def serve(config: ConfigOption = None, dev: DevOption = False) -> None:
    """Run a gateway: the control plane and the datapath, kept running."""
    from gateway import logs, supervisor

    with _told_errors():
        settings = _settings(config, dev=dev)
        logs.configure(settings.log.level, settings.log.format, "supervisor")
        status = supervisor.serve(settings, config, dev=dev)
    raise typer.Exit(status)


@app.command()
def control(config: ConfigOption = None, dev: DevOption = False) -> None:
    """Run the control plane alone, beside a datapath that runs already."""
    from gateway import app as control_plane
    from gateway import logs

    with _told_errors():
        settings = _settings(config, dev=dev)
        logs.configure(settings.log.level, settings.log.format, "control")
        control_plane.run(settings, dev=dev)


@app.command()
def token(
    room: Annotated[str, typer.Option(help="The room to join.")],
    identity: Annotated[str, typer.Option(help="Who joins; unique in the room.")],
    name: Annotated[str, typer.Option(help="The name that others see.")] = "",
    valid_s: Annotated[int, typer.Option(help="Seconds until it expires.", min=1)] = 6 * 3600,
    key: Annotated[str, typer.Option(help="API key to sign with; else the first one set.")] = "",
    publish: Annotated[bool, typer.Option(help="May publish audio and video.")] = True,
    config: ConfigOption = None,
    dev: DevOption = False,
) -> None:
    """Mint a token to join a room with, for trying. Anybody who holds it may join."""
    from gateway.auth import mint
    from gateway.clock import SystemClock

    with _told_errors():
        chosen, secret = _key(_settings(config, dev=dev), key)
        typer.echo(
            mint(
                key=chosen,
                secret=secret,
                room=room,
                identity=identity,
                name=name,
                can_publish=publish,
                now_s=SystemClock().wall_s(),
                valid_s=valid_s,
            )
        )


@app.command("try")
def try_out(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the call.")] = False,
) -> None:
    """Run `serve --dev`, make one real call through it, and print two links for browsers."""
    from gateway import logs, trial

    with _told_errors():
        settings = _settings(config, dev=True)
        logs.configure(settings.log.level, settings.log.format, "trial")
        status = trial.run(settings, config, once=once)
    raise typer.Exit(status)


@app.command()
def probe(
    url: Annotated[str, typer.Option(help="The gateway's WebSocket address.")] = DEV_URL,
    key: Annotated[str, typer.Option(help="API key to sign with; else the first one set.")] = "",
    config: ConfigOption = None,
    dev: DevOption = False,
) -> None:
    """Make one real call of two through a running gateway and check what arrives."""
    import asyncio

    from rich.console import Console

    from gateway.clock import SystemClock
    from gateway.probe.call import call
    from gateway.trial import show

    with _told_errors():
        chosen, secret = _key(_settings(config, dev=dev), key)
        report = asyncio.run(call(url, chosen, secret, SystemClock()))
    show(report, Console(highlight=False))
    raise typer.Exit(0 if report.good else FAILED_STATUS)


def _key(settings: "Settings", wanted: str) -> tuple[str, str]:
    keys = settings.auth.keys
    if not keys:
        raise OperatorError("no API key is set: add one to auth.keys, or use --dev")
    chosen = wanted or next(iter(keys))
    if chosen not in keys:
        raise OperatorError(f"auth.keys has no key {chosen!r}; it has: {', '.join(keys)}")
    return chosen, keys[chosen].get_secret_value()


@config_app.command("check")
def check(config: ConfigOption = None, dev: DevOption = False) -> None:
    """Say what is wrong with the settings, or show them as they are in force."""
    with _told_errors():
        settings = _settings(config, dev=dev)
    for section, body in settings.model_dump(mode="json").items():
        typer.echo(f"[{section}]")
        for name, value in body.items():
            typer.echo(f"{name} = {_toml(value)}")
        typer.echo()


def _toml(value: object) -> str:
    """A value as the file would write it; secrets arrive here masked already."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
