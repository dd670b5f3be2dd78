"""Outcomes of measurements: spread of the samples, verdict, table."""

import dataclasses
import statistics

REACHED, MISSED, INFORMATION, SKIPPED = "reached", "MISSED", "–", "skipped"


@dataclasses.dataclass
class Outcome:
    """One row of the table. `figures` is what was measured, raw, for results.json."""
    what: str
    must_reach: str
    measured: str
    verdict: str
    figures: dict = dataclasses.field(default_factory=dict)

    def line(self) -> str:
        return (f"{self.what}: {self.measured}"
                + (f"; must reach {self.must_reach}" if self.must_reach != "–" else "")
                + (f" → {self.verdict}" if self.verdict != INFORMATION else ""))


def verdict(reached: bool) -> str:
    return REACHED if reached else MISSED


def spread(values: list[float], digits: int = 2, unit: str = "") -> str:
    """"median (min … max of n)"."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}{unit}"
    return (f"median {statistics.median(values):,.{digits}f}{unit} "
            f"({min(values):,.{digits}f} … {max(values):,.{digits}f}, n = {len(values)})")


def markdown(outcomes: list[Outcome]) -> str:
    rows = ["| what | must reach | measured | verdict |", "| --- | --- | --- | --- |"]
    rows += [f"| {o.what} | {o.must_reach} | {o.measured} | {o.verdict} |" for o in outcomes]
    return "\n".join(rows) + "\n"
