"""What --dev changes, and what it leaves alone."""

import pytest

from gateway.settings import Endpoint, Settings, SettingsError, for_development
from gateway.settings.model import Auth, Http, Media


def test_http_and_media_are_on_loopback_port_7880() -> None:
    settings = for_development(Settings())
    first = Endpoint.parse("127.0.0.1:7880")
    assert first in settings.http.listen
    assert first in settings.media.udp
    assert all(one.address.is_loopback for one in settings.http.listen)


def test_media_is_also_on_the_address_of_the_default_route(monkeypatch: pytest.MonkeyPatch) -> None:
    routed = Endpoint.parse("192.0.2.7:7880")
    monkeypatch.setattr("gateway.settings.development._default_route", lambda: (routed,))
    assert routed in for_development(Settings()).media.udp
    assert routed not in for_development(Settings()).http.listen


def test_a_machine_without_ipv6_and_routes_has_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.settings.development._default_route", lambda: ())
    monkeypatch.setattr("gateway.settings.development._can_bind_ipv6_loopback", lambda: False)
    assert for_development(Settings()).media.udp == (Endpoint.parse("127.0.0.1:7880"),)


def test_the_well_known_key_joins_those_of_the_settings() -> None:
    settings = Settings(auth=Auth.model_validate({"keys": {"mine": "x" * 32}}))
    keys = for_development(settings).auth.keys
    assert keys["devkey"].get_secret_value() == "secret"
    assert set(keys) == {"devkey", "mine"}


def test_what_was_set_stays() -> None:
    endpoint = Endpoint.parse("127.0.0.1:1234")
    settings = Settings(http=Http(listen=(endpoint,)), media=Media(udp=(endpoint,)))
    chosen = for_development(settings)
    assert chosen.http.listen == chosen.media.udp == (endpoint,)


def test_http_beyond_loopback_is_refused() -> None:
    settings = Settings(http=Http(listen=(Endpoint.parse("0.0.0.0:7880"),)))
    with pytest.raises(SettingsError, match="loopback"):
        for_development(settings)
