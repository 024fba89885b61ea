"""The fake's refusals: raised where a rule is broken, sent as the contract's Refused."""

from gateway.datapath import datapath_pb2 as pb


class Refuse(Exception):
    """Ends a request; nothing of it holds. Never leaves the fake."""

    def __init__(self, reason: pb.Refused.Reason.ValueType, detail: str, row: int = 0) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.row = row

    def message(self) -> pb.Refused:
        """As the contract says it."""
        return pb.Refused(row=self.row, reason=self.reason, detail=self.detail)


def malformed(detail: str) -> Refuse:
    """A field's value is impossible."""
    return Refuse(pb.Refused.MALFORMED, detail)


def unsupported(detail: str) -> Refuse:
    """Not in the capabilities."""
    return Refuse(pb.Refused.UNSUPPORTED, detail)


def over_limit(detail: str) -> Refuse:
    """Too much of something."""
    return Refuse(pb.Refused.LIMIT, detail)
