"""What can be set, by section. Defaults are those of a machine in production.

Every key is explained in config/gateway.toml; a test keeps the two in step. Values are parsed
here once: nothing behind this file looks at text again.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.settings.endpoint import Endpoint, EndpointSetting

# What HS256 needs to be worth its name, RFC 7518 section 3.2.
MIN_SECRET_BYTES = 32


class Section(BaseModel):
    """A section of the file: closed to unknown keys, never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Auth(Section):
    """[auth]: whose tokens are believed."""

    keys: dict[str, SecretStr] = {}
    clock_leeway_s: Annotated[int, Field(ge=0, le=600)] = 60


class Http(Section):
    """[http]: where clients connect."""

    listen: tuple[EndpointSetting, ...] = (Endpoint.parse("127.0.0.1:7880"),)


class Media(Section):
    """[media]: where media comes in, and what clients are told about it."""

    udp: tuple[EndpointSetting, ...] = (Endpoint.parse("0.0.0.0:7880"),)
    advertise: tuple[EndpointSetting, ...] = ()


class Management(Section):
    """[management]: health and metrics, for operators only."""

    listen: EndpointSetting = Endpoint.parse("127.0.0.1:7889")


class Datapath(Section):
    """[datapath]: the process that carries media."""

    binary: str = ""
    runtime_directory: str = ""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    lease_s: Annotated[int, Field(ge=10, le=3600)] = 60
    allow_missing: tuple[Literal["landlock", "seccomp"], ...] = ()


class Rooms(Section):
    """[rooms]: bounds of what one gateway holds."""

    max_rooms: Annotated[int, Field(ge=1)] = 1000
    max_participants: Annotated[int, Field(ge=1)] = 50


class Signalling(Section):
    """[signalling]: the conversation with clients."""

    ping_interval_s: Annotated[int, Field(ge=1, le=60)] = 5
    ping_timeout_s: Annotated[int, Field(ge=2, le=180)] = 15
    join_timeout_s: Annotated[int, Field(ge=1, le=30)] = 5
    rejoin_timeout_s: Annotated[int, Field(ge=1, le=600)] = 60
    server_version: str = "1.13.5"
    region: str = ""

    @model_validator(mode="after")
    def _a_ping_fits_the_timeout(self) -> Self:
        if self.ping_timeout_s <= self.ping_interval_s:
            raise ValueError("ping_timeout_s must be longer than ping_interval_s")
        return self


class Log(Section):
    """[log]: what both processes write to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(BaseSettings):
    """Everything that can be set. Made by `load`; pass a section on, not the whole."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY__",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    auth: Auth = Auth()
    http: Http = Http()
    media: Media = Media()
    management: Management = Management()
    datapath: Datapath = Datapath()
    rooms: Rooms = Rooms()
    signalling: Signalling = Signalling()
    log: Log = Log()
