"""Build hook: wheels and editable installs contain the contract's generated classes.

The classes are not in git. This hook runs `scripts/generate-contract` with the build's own Python
and names the two files as artifacts, because hatchling leaves out what git ignores.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ARTIFACTS = ("gateway/datapath/datapath_pb2.py", "gateway/datapath/datapath_pb2.pyi")


class ContractBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Generates before anything is collected; fails the build if the schema does not compile."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version  # standard and editable builds need the same files
        script = Path(self.root) / "scripts" / "generate-contract"
        subprocess.run([sys.executable, str(script)], check=True)  # noqa: S603 - our own script
        build_data["artifacts"].extend(ARTIFACTS)
