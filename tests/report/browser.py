"""A page in a real browser: Debian's Chromium through Playwright."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run",
)  # fmt: skip


@dataclass
class Opened:
    """A page that was opened from a file, and what it said and asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, file: Path) -> None:
        """Open the file and wait until it has drawn."""
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.settle()

    def settle(self) -> None:
        """Wait until timers and frames have done what they do after a change."""
        self.page.evaluate(
            "() => new Promise(done => setTimeout(() => requestAnimationFrame("
            "() => requestAnimationFrame(done)), 30))"
        )

    # ---- what it shows ---------------------------------------------------------------------------

    def chosen(self) -> int:
        """How many rows are chosen, by the words below the axes."""
        return int(re.split(r" of ", self.text("#count"))[0].replace(",", ""))

    def text(self, where: str) -> str:
        """The text of an element."""
        return str(self.page.locator(where).inner_text())

    def axes(self) -> list[str]:
        """Names of the axes from the left."""
        return [str(name) for name in self.page.locator(".head .name").all_text_contents()]

    def cells(self, name: str) -> list[str]:
        """The cells of a column in the part of the table that is shown."""
        heads = self.page.locator("#table thead th").all_text_contents()
        rows = self.page.locator("#table tbody tr").all()
        return [str(row.locator("th, td").nth(heads.index(name)).inner_text()) for row in rows]

    def painted(self, canvas: str) -> int:
        """How many pixels of a canvas are not empty."""
        return int(
            self.page.evaluate(
                "selector => { const c = document.querySelector(selector);"
                "const copy = new OffscreenCanvas(c.width, c.height)"
                ".getContext('2d', {willReadFrequently: true}); copy.drawImage(c, 0, 0);"
                "const d = copy.getImageData(0, 0, c.width, c.height).data;"
                "let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n }",
                canvas,
            )
        )

    # ---- what a hand does ------------------------------------------------------------------------

    def brush(self, name: str, start: float, end: float, *, shift: bool = False) -> None:
        """Drag along an axis, from a share of its height to another (0 is the top)."""
        box = self._axis(name)
        keyboard = self.page.keyboard
        if shift:
            keyboard.down("Shift")
        x = box["x"] + box["width"] / 2
        self.drag((x, box["y"] + start * box["height"]), (x, box["y"] + end * box["height"]))
        if shift:
            keyboard.up("Shift")

    def press_axis(self, name: str, share: float) -> None:
        """Click on an axis."""
        box = self._axis(name)
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + share * box["height"])
        self.settle()

    def _axis(self, name: str) -> dict[str, float]:
        axis = self.page.locator(f'g[data-column="{name}"] rect.touch')
        axis.scroll_into_view_if_needed()
        return dict(axis.bounding_box())

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press at one place, move, let go at another."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()
        self.settle()

    def download(self, button: str, to: Path) -> Path:
        """Press a button and keep the file that it gives."""
        with self.page.expect_download() as found:
            self.page.click(button)
        found.value.save_as(to)
        return to


Open: TypeAlias = Callable[..., Opened]  # takes a table and the options of a page
