"""The report as JSON: all of its data, and nothing but data."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from reports.report import Report


def render(report: Report) -> Iterator[str]:
    """Yields the lines of one JSON object: seed, ok, summary, notes, implementations, claims.

    A number that is not finite is written as a string.
    """
    summary = {
        "implementations": dict(report.statuses),
        "claims": dict(report.outcomes),
        "figure_lines": [asdict(lines) for lines in report.figure_lines],
    }
    data = {
        "seed": report.seed,
        "ok": report.ok,
        "summary": summary,
        "notes": list(report.notes),
        "implementations": [asdict(row) for row in report.implementations],
        "claims": [asdict(row) for row in report.claims],
        "documents": [asdict(row) for row in report.documents_audited],
    }
    yield from json.dumps(_plain(data), ensure_ascii=False, indent=1, allow_nan=False).splitlines()


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    return str(data) if isinstance(data, float) and not math.isfinite(data) else data
