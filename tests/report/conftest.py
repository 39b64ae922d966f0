"""A real browser for the tests of interactive pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, QUIET, Open, Opened

from latens.report.parallel import page as write
from latens.report.table import Table


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("the browser is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield started
        started.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Write a page and open it; at the end, nothing was said and nothing asked for."""
    shown: list[Opened] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})

    def opened(table: Table, **options: Any) -> Opened:
        file = write(table, tmp_path / "trials.html", **{"title": "Trials", **options})
        shown.append(Opened(context.new_page()))
        shown[-1].open(file)
        return shown[-1]

    yield opened
    for one in shown:
        assert one.said == []
        assert all(re.match(r"(file:.*/trials\.html|blob:)", url) for url in one.asked)
    context.close()
