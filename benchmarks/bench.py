"""latens against Keras, PyTorch by hand, skorch and pythae on the same work, in one command.

    python benchmarks/bench.py [--threads N] [--rounds N] [--only BLOCK ...] [--quick]

`make bench` installs the peers first. Figures go to benchmarks/results/speed.json after each block
and docs/performance.md is written from them; blocks that are not run keep the figures they have.
Blocks: cae-10-128, cae-10-128-engine, cae-10-256, dae-8-128, cae-4-128, memory. `--quick` shrinks
rounds, to see that everything works; its figures go elsewhere and mean little.
`write_performance.py` and `plan.py` say how it is measured.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import images
import machine
import write_performance
from plan import BLOCKS, MEMORY, Block
from race import build_kernels, memory, race
from targets import TARGETS

QUICK_IMAGES = 512  # a round, and of the epoch whose memory is measured
NAMES = (*(block.name for block in BLOCKS), "memory")


def main(arguments: Sequence[str] | None = None) -> None:
    given = _given(arguments)
    results, threads = Path(given.results), given.threads or machine.cores()
    results.mkdir(parents=True, exist_ok=True)
    file = results / "speed.json"
    build_kernels()
    with tempfile.TemporaryDirectory() as folder:
        shown, words = images.written(Path(folder))
        found = _kept(file) | {
            "hardware": machine.hardware(), "threads": threads, "images": words,
        }  # fmt: skip
        print(f"{machine.sentence(found['hardware'])}\n{threads} threads; {words}", flush=True)
        for block in BLOCKS:
            if block.name in given.only:
                _say(f"{block.name}, images a second:")
                ran = race(_sized(block, given), shown, given.rounds or block.rounds, threads, _say)
                found.setdefault("blocks", {})[block.name] = ran | {"date": _today()}
                _write(file, found)
        if "memory" in given.only:
            _say("peak memory after one epoch:")
            found["memory"] = memory(_sized(MEMORY, given), shown, threads, _say)
            _write(file, found)
    write_performance.write(results, Path(given.page))
    _conclude(found, given)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=0, help="default: the cores there are")
    parser.add_argument("--rounds", type=int, default=0, help="default: what each block says")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--contestants", nargs="+", help="of those of each block, these alone")
    parser.add_argument("--quick", action="store_true", help="small rounds, to see that it works")
    parser.add_argument("--results", help="folder for speed.json")
    parser.add_argument("--page", help="the page that is written")
    given = parser.parse_args(arguments)
    apart = Path(tempfile.gettempdir(), "latens-bench-quick")
    given.results = given.results or (apart if given.quick else write_performance.RESULTS)
    quick_page = Path(given.results, "performance.md")
    given.page = given.page or (quick_page if given.quick else write_performance.PAGE)
    given.rounds = min(given.rounds or 2, 2) if given.quick else given.rounds
    return given


def _sized(block: Block, given: argparse.Namespace) -> Block:
    names = tuple(n for n in block.contestants if n in (given.contestants or block.contestants))
    count = min(block.images, QUICK_IMAGES) if given.quick else block.images
    return replace(block, images=count, contestants=names)


def _kept(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


def _write(file: Path, found: dict[str, Any]) -> None:
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _conclude(found: dict[str, Any], given: argparse.Namespace) -> None:
    """The rows that something was asked of, as text."""
    print()
    for target in TARGETS:
        what, asked, came, verdict = write_performance.target_row(target, target.read(found))
        print(f"{what:<56} {asked:>9}  {came.replace('*', ''):<28} {verdict.strip('*')}")
    print(f"\nEvery round: {Path(given.results, 'speed.json')}\nThe page:    {given.page}")


def _say(line: str) -> None:
    print(line, flush=True)


def _today() -> str:
    return datetime.date.today().isoformat()


if __name__ == "__main__":
    main()
