"""Renderers: each yields the lines of a report in one format, and computes nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from reports.render import json, markdown, terminal
from reports.report import Report

Renderer: TypeAlias = Callable[[Report], Iterator[str]]

RENDERERS: Mapping[str, Renderer] = {
    "terminal": terminal.render,
    "markdown": markdown.render,
    "json": json.render,
}
"""Every format by its name."""
