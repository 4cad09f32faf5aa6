"""What the check found: plain data for the terminal, JSON, the page and meta.yaml."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How bad a finding is. Except for notes, the value is the exit status."""

    NOTE = 0
    """Worth knowing. The capture passes."""
    SUSPICIOUS = 3
    """The result will probably suffer. Training still runs."""
    UNUSABLE = 2
    """Training cannot give a useful result."""


@dataclass(frozen=True)
class Measurement:
    """One measured number, before and after the remedy."""

    name: str
    """What was measured."""
    before: float
    """As the capture is."""
    after: float | None = None
    """With the remedy; None without a remedy."""
    unit: str = ""
    """"%" or a unit of length, for instance."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or remarkable."""

    code: str
    """Name for programs, for instance "frame_offset"."""
    severity: Severity
    """How bad it is."""
    title: str
    """One sentence that says what is wrong."""
    advice: str = ""
    """What to do, in one or two sentences."""
    confidence: str = ""
    """"certain", "likely" or "possible"; empty for simple facts."""
    measurements: tuple[Measurement, ...] = ()
    """Measurements that support it."""
    remedy: dict[str, Any] = field(default_factory=dict)
    """Entries for meta.yaml that correct it; empty if none do."""
    cameras: tuple[str, ...] = ()
    """Names of the cameras that it is about; empty if it is about all."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self) | {"severity": self.severity.name.lower()}


def exit_status(findings: list[Finding]) -> int:
    """Return 0 if all is fine, 3 if something is suspicious, 2 if the capture is unusable."""
    found = {finding.severity for finding in findings}
    return next((int(s) for s in (Severity.UNUSABLE, Severity.SUSPICIOUS) if s in found), 0)
