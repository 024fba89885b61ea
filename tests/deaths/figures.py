"""What the tests measured, beside what is promised; printed at the end of the run."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured duration. `limit_s` is None where nothing is promised."""

    what: str
    measured_s: float
    limit_s: float | None

    def __str__(self) -> str:
        limit = "measured only" if self.limit_s is None else f"{self.limit_s:g} s"
        return f"| {self.what} | {self.measured_s:.3f} s | {limit} |"


@dataclass
class Figures:
    """All figures of a run."""

    taken: list[Figure] = field(default_factory=list)

    def note(self, what: str, measured_s: float) -> None:
        """Notes a figure that nothing is promised about."""
        self.taken.append(Figure(what, measured_s, None))

    def hold(self, what: str, measured_s: float, limit_s: float) -> None:
        """Notes a figure, and fails the test when it is beyond what is promised."""
        self.taken.append(Figure(what, measured_s, limit_s))
        assert measured_s <= limit_s, f"{what}: {measured_s:.3f} s, promised are {limit_s:g} s"
