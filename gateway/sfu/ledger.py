"""Ledger: the rows that have been asked for, so that a change sends only what is different.

It knows what was put, not what the datapath holds: after a refusal or a lost connection the two are
compared by `rows.difference`, and the ledger is told the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.datapath import datapath_pb2 as pb


class Ledger:
    """Rows asked for so far, by participant."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, pb.Row]] = {}

    def change(self, sid: str, rows: Iterable[pb.Row]) -> tuple[list[pb.Row], list[int]]:
        """From now on the participant has exactly these rows; what to put and delete for that."""
        before = self._rows.pop(sid, {})
        after = {row.id: row for row in rows}
        if after:
            self._rows[sid] = after
        puts = [row for row in after.values() if before.get(row.id) != row]
        return puts, [row_id for row_id in before if row_id not in after]

    def all_ids(self) -> set[int]:
        """Ids of every row asked for."""
        return {row_id for rows in self._rows.values() for row_id in rows}

    def owner_of(self, row_id: int) -> str | None:
        """Sid of the participant that has the row."""
        return next((sid for sid, rows in self._rows.items() if row_id in rows), None)
