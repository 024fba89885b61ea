"""A datapath in memory that keeps the promises of the contract and carries no packet. For tests.

`FakeDatapath` implements the port on a clock that the test holds, `FakeServer` opens a real
`control.sock`. Both run the same `FakeMachine`; `tests/contract` runs the same claims against it
and against the real binary, so that a test which passes on the fake means something.
"""

from gateway.datapath.fake.clock import HeldClock
from gateway.datapath.fake.datapath import Change, FakeDatapath
from gateway.datapath.fake.machine import FakeMachine
from gateway.datapath.fake.server import FakeServer

__all__ = ["Change", "FakeDatapath", "FakeMachine", "FakeServer", "HeldClock"]
