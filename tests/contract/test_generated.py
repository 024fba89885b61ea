"""The generated classes: of this schema, and at peace with the other schemas in the process."""

import subprocess
import sys
from pathlib import Path

from gateway.datapath import datapath_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/generate-contract"
TOGETHER = """
from gateway.datapath import datapath_pb2 as pb
from livekit.protocol import models, rtc
import livekit.api
import livekit.rtc
frame = pb.Frame(hello=pb.Hello(schema=1))
assert pb.Frame.FromString(frame.SerializeToString()) == frame
request = rtc.SignalRequest(ping=1)
assert rtc.SignalRequest.FromString(request.SerializeToString()) == request
"""


def run(*command: str) -> tuple[int, str]:
    finished = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return finished.returncode, finished.stderr


def test_the_classes_are_those_of_the_schema_as_it_stands(tmp_path: Path) -> None:
    assert run(str(SCRIPT), "--out", str(tmp_path)) == (0, "")
    for name in ("datapath_pb2.py", "datapath_pb2.pyi"):
        made, used = tmp_path / name, Path(pb.__file__).with_name(name)
        assert made.read_bytes() == used.read_bytes(), "run scripts/generate-contract"


def test_classes_that_would_not_change_are_not_touched(tmp_path: Path) -> None:
    assert run(str(SCRIPT), "--out", str(tmp_path)) == (0, "")
    before = (tmp_path / "datapath_pb2.py").stat().st_mtime_ns
    assert run(str(SCRIPT), "--out", str(tmp_path)) == (0, "")
    assert (tmp_path / "datapath_pb2.py").stat().st_mtime_ns == before


def test_a_schema_that_does_not_compile_leaves_the_classes_as_they_were(tmp_path: Path) -> None:
    bad = tmp_path / "datapath.proto"
    bad.write_text('syntax = "proto3"; message Frame { nonsense }')
    status, said = run(str(SCRIPT), "--proto", str(bad), "--out", str(tmp_path))
    assert status == 1
    assert "does not compile" in said
    assert not (tmp_path / "datapath_pb2.py").exists()


def test_both_protocols_live_in_one_process_without_a_warning() -> None:
    assert run("-W", "error", "-c", TOGETHER) == (0, "")
