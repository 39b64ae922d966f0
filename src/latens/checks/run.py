"""Go over all rules: each file in `checks/rules` is one, and its name is the finding's code."""

from __future__ import annotations

from latens import catalog
from latens.checks.context import Context
from latens.data.finding import Finding

ROOM = "checks.rules"
_ORDER = {"error": 0, "warning": 1, "info": 2}


def run_checks(context: Context) -> list[Finding]:
    """What every rule that applies found, the most serious first, else in the order of names."""
    found = [catalog.load(ROOM, name).check(context) for name in catalog.names(ROOM)]
    findings = [finding for finding in found if finding is not None]
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
