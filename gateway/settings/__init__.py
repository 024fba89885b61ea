"""Typed settings: one file and the environment, strict, with the unit in each name.

`load` is the way in; `for_development` turns what it gives into what `gateway serve --dev` uses.
Not here: what a setting is for (config/gateway.toml is the reference).
"""

from gateway.settings.development import for_development
from gateway.settings.endpoint import Endpoint
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError, load

__all__ = ["Endpoint", "Settings", "SettingsError", "for_development", "load"]
