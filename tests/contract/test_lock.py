"""The lock of the contract: a field number never changes its meaning, and the check can fail."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/check-contract-lock"
SCHEMA = """
syntax = "proto3";
package gateway.datapath;
message Frame {
  uint64 exchange = 1;
  string name = 2;
  oneof body {
    Row row = 3;
  }
  enum Kind {
    NONE = 0;
    UDP = 1;
  }
}
message Row {
  optional uint32 id = 1;
  repeated string labels = 2;
  map<string, string> fields = 3;
}
enum Feedback {
  OFF = 0;
  ON = 1;
}
"""


class Contract:
    """A small schema with a lock of its own."""

    def __init__(self, folder: Path) -> None:
        self.proto = folder / "datapath.proto"
        self.lock = folder / "datapath.lock"
        self.proto.write_text(SCHEMA)

    def change(self, before: str, after: str) -> None:
        text = self.proto.read_text()
        assert before in text
        self.proto.write_text(text.replace(before, after, 1))

    def check(self, *more: str) -> tuple[int, str]:
        paths = ("--proto", str(self.proto), "--lock", str(self.lock))
        command = [sys.executable, str(SCRIPT), *paths, *more]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        return finished.returncode, finished.stderr


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    made = Contract(tmp_path)
    assert made.check("--update") == (0, "")
    return made


def test_the_contract_of_this_repository_is_what_its_lock_says() -> None:
    finished = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_an_unchanged_contract_passes(contract: Contract) -> None:
    assert contract.check() == (0, "")


def test_a_contract_without_a_lock_fails(contract: Contract) -> None:
    contract.lock.unlink()
    status, _ = contract.check()
    assert status == 1


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("uint64 exchange = 1", "uint32 exchange = 1", "Frame 1"),
        ("string name = 2", "string label = 2", "Frame 2"),
        ("string name = 2", "repeated string name = 2", "Frame 2"),
        ("string name = 2", "optional string name = 2", "Frame 2"),
        ("string name = 2", "bytes name = 2", "Frame 2"),
        ("optional uint32 id = 1", "uint32 id = 1", "Row 1"),
        ("Row row = 3", "Frame row = 3", "Frame 3"),
        ("oneof body", "oneof kind", "Frame 3"),
        ("map<string, string> fields", "map<string, uint32> fields", "Row.FieldsEntry 2"),
        ("UDP = 1", "TCP = 1", "Frame.Kind 1"),
        ("ON = 1", "AUTO = 1", "Feedback 1"),
        ("  string name = 2;\n", "", "Frame 2"),
        ("    UDP = 1;\n", "", "Frame.Kind 1"),
    ],
)
def test_a_number_that_changes_its_meaning_fails_and_update_does_not_hide_it(
    contract: Contract, before: str, after: str, place: str
) -> None:
    contract.change(before, after)
    locked = contract.lock.read_text()
    for arguments in ((), ("--update",)):
        status, said = contract.check(*arguments)
        assert status == 1
        assert f"check-contract-lock: {place} " in said
    assert contract.lock.read_text() == locked


def test_a_new_number_fails_until_it_is_locked(contract: Contract) -> None:
    contract.change("string name = 2;", "string name = 2;\n  bool more = 4;")
    status, said = contract.check()
    assert status == 1
    assert "Frame 4" in said
    assert contract.check("--update") == (0, "")
    assert contract.check() == (0, "")
    assert "Frame 4: more bool optional" in contract.lock.read_text()


def test_a_reserved_number_is_never_used_again(contract: Contract) -> None:
    contract.change("string name = 2;", "reserved 2;")
    status, said = contract.check()
    assert status == 1
    assert "--update" in said
    assert contract.check("--update") == (0, "")
    contract.change("reserved 2;", "string name = 2;")
    status, said = contract.check("--update")
    assert status == 1
    assert "reserved and is used again" in said


def test_a_reservation_is_not_dropped(contract: Contract) -> None:
    contract.change("string name = 2;", "reserved 2;")
    assert contract.check("--update") == (0, "")
    contract.change("  reserved 2;\n", "")
    status, said = contract.check()
    assert status == 1
    assert "no longer reserved" in said


def test_moving_text_changes_nothing(contract: Contract) -> None:
    contract.change("uint64 exchange = 1;", "// A comment.\n  uint64 exchange = 1;  // another")
    assert contract.check() == (0, "")


def test_a_schema_that_does_not_compile_is_said_so(contract: Contract) -> None:
    contract.change("uint64", "uint65")
    status, said = contract.check()
    assert status == 1
    assert "does not compile" in said
