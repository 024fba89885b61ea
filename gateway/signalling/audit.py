"""Audit: does the datapath hold what the rooms want, no less and no more?

Rows are derived from rooms, so the two can only differ through a fault of ours. An audit finds it
and counts it; it repairs nothing, because what is wrong then is code.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.port import Datapath
from gateway.sfu.rows import difference
from gateway.signalling.runner import Runner


@dataclass(frozen=True, slots=True)
class Audit:
    """What one comparison found."""

    rooms: int = 0  # compared
    rooms_at_work: int = 0  # left out: their rows were changing meanwhile
    missing_rows: int = 0  # wanted, but not in the table, or there in another shape
    surplus_rows: int = 0  # in the table, but nobody wants them


async def audit(datapath: Datapath, runners: Mapping[int, Runner]) -> Audit:
    """Compares the table with what every room wants. Raises DatapathAway.

    `runners` by room number, as they stand at any moment: it may change meanwhile.
    """
    before = {number: runner.settled for number, runner in runners.items()}
    rows: dict[int, list[pb.Row]] = defaultdict(list)
    for row in (await datapath.dump()).rows:
        if row.room:
            rows[row.room].append(row)
    rooms = at_work = missing = surplus = 0
    for number in sorted(before.keys() | rows.keys()):
        runner = runners.get(number)
        now = None if runner is None else runner.settled
        if (number in before or runner is not None) and (now is None or before.get(number) != now):
            at_work += 1
            continue
        desired = {} if runner is None else runner.conference.desired_rows()
        puts, deletes = difference(desired, rows[number])
        rooms += 1
        missing += len(puts)
        surplus += len(deletes)
        await asyncio.sleep(0)  # a large house does not keep its clients waiting
    return Audit(rooms, at_work, missing, surplus)
