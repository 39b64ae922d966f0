"""Write docs/performance.md from the figures in benchmarks/results.

    python benchmarks/write_performance.py [--check]

`speed.json` is what `bench.py` measured last; `speed-*.json` are such files of other machines, kept
by hand with a `note` on what was different there, of which the page has the first table.
`recipes.json`, `sooner.json`, `growth.json` and `gpu.json` are rows that other scripts measured;
each file is

    {"rows": [{"work": "MNIST classifier, 99.0%", "asked": 15, "reached": 13.1, "unit": "s",
               "command": "latens classify mnist", "note": "mean of 5 seeds",
               "measured": "2026-11-21: 2 cores of ..."}]}

with numbers in the row's unit. `reached` is null where it was tried and not reached at all, which
the note explains, and left out where it was not measured. `asked` may be null for a figure that
nothing was asked of. Less is better unless a row has `"better": "higher"`. Whether a row is
reached is worked out here and never written down. `--check` fails where the page is not what the
figures make.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import BlockOfRounds, Spread, of_peak, ratio, speed, spread
from machine import sentence
from networks import NETWORKS, Words
from plan import BLOCKS, CONTESTANTS
from targets import OF_GROWTH, ON_A_GPU, TARGETS, Target, Unit

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
SHOWN = 1.05  # times slower than by hand: less is within the spread of the rounds
JUDGED = (
    "A row is reached where the mean over its seeds, on the tenth of the training images that is "
    "left out to choose by, is as good as was asked, in no more than the seconds that were asked: "
    "those of training with its validations, the median over seeds, without starting and reading. "
    "Recipes were chosen by that; the test images were then looked at once a run, and stand "
    "beside. A single seed says little. cifar10-jpeg is CIFAR-10 kept as JPEG files of quality 75 "
    "or so, a folder for each class: networks lose points of accuracy against the original.\n\n"
)
ROWS = {
    "recipes": "Better mathematics: time to quality",
    "sooner": "The same against Keras, with the report's recipe",
    "growth": "Growth: many images, many processes",
    "gpu": "On a GPU",
}
NOT_YET = {
    "growth": ("`python benchmarks/growth.py FOLDER` measures this.", OF_GROWTH),
    "gpu": (
        "No GPU was there: `python benchmarks/gpu.py` measures this in one call; it has been tried "
        "on a CPU only.",
        ON_A_GPU,
    ),
}
HEAD = """\
# Speed and memory

What the default network code, the training loop and the recipes of latens reach, beside other
libraries on the same work. `make bench` measures speed and peak memory and writes this page: it
installs the others in an environment of its own (`.venv-bench`), trains the same networks on the
same images with each, and needs half an hour to three quarters on two cores. `make bench-quick`
takes a few minutes and fails if the engine has become slower against hand-written PyTorch.
"""
METHOD = """\
## How it is measured

- Each contestant lives in a process of its own, trained as its users train: Keras with float32
  arrays and `fit`, default settings but for the batch size and the progress bar; skorch with
  `partial_fit` and no validation; pythae's trainer without what it saves; PyTorch with uint8
  images in memory and its fused Adam. All have Adam with a rate of 0.001 on the mean squared
  error, and as many parameters, which is checked.
- They run in turn, another one first in each round, and each round trains every contestant on the
  same number of images in the midst of an epoch: the time of an epoch of one step is subtracted
  from that of a longer one, because beginning an epoch takes some longer than others, and real
  epochs are longer than these. The engine's own cost alone is that of whole epochs. It is less
  than two processes of one program may differ for as long as they live, which is why its block
  starts them several times.
- A figure is the median over the rounds of the ratio *within* a round, with the lowest and the
  highest, so that a clock which changes is fair to all. A round before these warms up. Where the
  lowest and the highest lie far apart, as on a machine that is shared, a row that is just reached
  or just missed says little.
- The peak is the better of two float32 speeds on as many threads, measured between rounds: that
  of a product of two matrices of 2048x2048 and that of a 3x3 convolution of 64 channels to 64. The
  peak of a round is the mean of the one before and the one after it. Lines in bfloat16 are held
  against it too, and may pass it; so may any line in a round in which the clock rose.
- Operations of a network: a convolution that gives an image of `s` by `s` pixels with `o` channels
  from `i` channels has `2 * 9 * i * o * s * s`; training takes it three times (forward, gradient
  of the kernel, gradient of the input), the first layer twice. Nothing else is counted, and a
  path that needs fewer multiplications for the same result is credited with the same operations.
- *Start* is from starting the process to being ready, imports included, the building of native
  kernels (once a machine) left out; *first step* the first update, with what is compiled for it.
  Some make their optimiser in one and some in the other.
- Peak memory is the most that the process ever held (`VmHWM`) until it had trained one epoch.
- *latens, native kernels* is what one gets where a C++ compiler is, in float32, and the *best path*
  of the first table; *pure PyTorch* is the same with
  the environment variable `LATENS_KERNELS=off`. *Its bare step* is latens' model, loss and
  optimiser in a loop of a few lines.

Every round stands in `benchmarks/results/speed.json`; `benchmarks/write_performance.py` makes this
page of it.
"""


def page(results: Path = RESULTS) -> str:
    """The whole page, from whatever files of results there are."""
    found = {name: _read(results / f"{name}.json") for name in ("speed", *ROWS)}
    parts = [HEAD]
    if found["speed"]:
        parts += _speed(found["speed"])
    parts += [_elsewhere(_read(file)) for file in sorted(results.glob("speed-*.json"))]
    parts += [_rows(title, found[name]) for name, title in ROWS.items() if found[name]]
    parts += [_not_yet(name) for name in NOT_YET if not found[name]]
    return "\n".join([*parts, METHOD])


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _speed(results: dict[str, Any]) -> list[str]:
    blocks = results.get("blocks", {})
    ran = [blocks[block.name] for block in BLOCKS if block.name in blocks]
    parts = [_where(results), _asked(results), *(_block(block) for block in ran)]
    return [*parts, _memory(results["memory"])] if "memory" in results else parts


def _elsewhere(results: dict[str, Any]) -> str:
    """What the same command found on another machine, in short."""
    rows = [target_row(target, target.read(results)) for target in TARGETS]
    table = _table(("what", "asked", "median (lowest to highest)", ""), rows)
    note = f"{results['note']}\n\n" if "note" in results else ""
    return f"## The same on another machine\n\n{_where(results)}\n{note}{table}"


def _where(results: dict[str, Any]) -> str:
    dates = sorted({block["date"] for block in results.get("blocks", {}).values()})
    native = any(any(b["native"].values()) for b in results.get("blocks", {}).values())
    without = "" if native else (
        "\n\nNative kernels were not at work here, so that the lines with and without them are "
        "the same path."
    )  # fmt: skip
    return (
        f"Measured {' and '.join(dates)} on {results['threads']} threads: "
        f"{sentence(results['hardware'])}. Images: {results['images']}.{without}\n"
    )


def _asked(results: dict[str, Any]) -> str:
    rows = [target_row(target, target.read(results)) for target in TARGETS]
    missed: dict[str, list[str]] = {}
    for target in TARGETS:
        if target.tried and not _met(target, results):
            missed.setdefault(target.tried, []).append(target.work)
    told = [f"- {'; '.join(work)}: {tried}" for tried, work in missed.items()]
    table = _table(("what", "asked", "median (lowest to highest)", ""), rows)
    tried = "\nTried for those that are not reached:\n\n" + "\n".join(told) + "\n" if told else ""
    return f"## What was asked, and what came\n\n{table}{tried}"


def _met(target: Target, results: dict[str, Any]) -> bool:
    figure = target.read(results)
    return figure is not None and target.reached(figure)


def target_row(target: Target, figure: Spread | None) -> tuple[str, ...]:
    sign = "≥" if target.better == "higher" else "≤"
    asked = f"{sign} {_number(target.asked, target.unit)}"
    if figure is None:
        return target.work, asked, "", "not measured"
    reached = "reached" if target.reached(figure) else "**not reached**"
    return target.work, asked, _range(figure, target.unit), reached


def _block(block: BlockOfRounds) -> str:
    network = NETWORKS[block["network"]]
    names = [name for name in CONTESTANTS if speed(block, name)]
    rows = [_contestant(block, name, network.training_flops) for name in names]
    columns = (
        "", "images a second", "against Keras", "of the peak", "start", "first step", "both",
    )  # fmt: skip
    peak = spread(block["peaks"])
    assert peak
    return (
        f"## {network.title}, batch {block['batch']}{_alone(block)}\n\n"
        f"{network.parameters:,} parameters, {network.training_flops / 1e6:.1f} MFLOP an image; "
        f"channels {_words(network.encoder)}, then {_words(network.decoder)}, 1; "
        f"{len(block['rounds'])} rounds of {block['images']:,} images{_starts(block)}. "
        f"The peak was {peak.median:.0f} GFLOP/s ({peak.low:.0f} to {peak.high:.0f}).\n\n"
        f"{_table(columns, rows)}{_loader(block)}{_left_out(block)}"
    )


def _starts(block: BlockOfRounds) -> str:
    starts = block.get("starts", 1)
    return f", the processes started {starts} times" if starts > 1 else ""


def _words(words: Words) -> str:
    return ", ".join(map(str, words))


def _alone(block: BlockOfRounds) -> str:
    """What the title says of a block that has a network's other contestants elsewhere."""
    return ": the engine and its bare step" if {*block["ready"]} == {"latens", "bare"} else ""


def _contestant(block: BlockOfRounds, name: str, flops: int) -> tuple[str, ...]:
    images, share = speed(block, name), of_peak(block, name, flops)
    against = ratio(block, name, "keras")
    assert images and share
    start, first = block["ready"][name], block["first"][name]
    return (
        CONTESTANTS[name].title, f"{images.median:,.0f}", _range(against, "x") if against else "",
        f"{share.median:.0%}", _seconds(start), _seconds(first), _seconds(start + first),
    )  # fmt: skip


def _loader(block: BlockOfRounds) -> str:
    """Why two libraries that train the very module of the line by hand take longer than it."""
    if not any(speed(block, name) for name in ("skorch", "pythae")):
        return ""
    told = []
    for name in ("skorch", "pythae"):
        slower = ratio(block, "torch", name)
        if slower and slower.median > SHOWN:
            told.append(f"{name} spends {1 - 1 / slower.median:.0%} of its time")
    if not told:
        return (
            "\nskorch and pythae, which put each batch together from single images in Python, need "
            "no more here than the same module by hand in the same layout: the difference to "
            "latens is the layout, the allocator and the layers.\n"
        )
    return (
        f"\nBeyond what the same module needs by hand in the same memory layout, {_and(told)}: "
        "each batch is put together from single images in Python, and each step waits for its "
        "loss to be read. The rest of the difference to latens is the layout, the allocator and "
        "the layers.\n"
    )


def _memory(memory: dict[str, Any]) -> str:
    network, keras = NETWORKS[memory["network"]], memory["peak_mb"].get("keras")
    rows = [
        (CONTESTANTS[name].title, f"{mb:,.0f} MB", f"{mb / keras:.2f}" if keras else "")
        for name, mb in memory["peak_mb"].items()
    ]
    return (
        f"## Peak memory\n\nOne epoch of {network.name.upper()} over {memory['images']:,} images, "
        f"batch {memory['batch']}.\n\n{_table(('', 'peak', 'of Keras with arrays'), rows)}"
        f"{_left_out(memory)}"
    )


def _left_out(found: dict[str, Any]) -> str:
    return "".join(
        f"\n{CONTESTANTS[name].title} was left out: {why}.\n"
        for name, why in found["errors"].items()
    )


def _rows(title: str, found: dict[str, Any]) -> str:
    """What another script measured; each row says where if they were not measured together."""
    rows = found["rows"]
    places = sorted({row["measured"] for row in rows if row.get("measured")})
    where = "Measured " + ".\n\nMeasured ".join(places) + "."
    judged = JUDGED if title == ROWS["recipes"] else ""
    dated = len(places) > 1
    today = _row_table([row for row in rows if not row.get("earlier")], dated=dated)
    return f"## {title}\n\n{where}\n\n{judged}{today}{_earlier(rows, dated=dated)}"


def _earlier(rows: Sequence[dict[str, Any]], *, dated: bool) -> str:
    """What was measured with commands that better ones have replaced."""
    old = [row for row in rows if row.get("earlier")]
    return f"\nEarlier, with other recipes:\n\n{_row_table(old, dated=dated)}" if old else ""


def _row_table(given: Sequence[dict[str, Any]], *, dated: bool = False) -> str:
    rows = [
        (row["work"], _asked_of(row), _of_row(row.get("reached"), row), _verdict(row),
         f"`{_typed(row['command'])}`" if row.get("command") else "", _note(row, dated=dated))
        for row in given
    ]  # fmt: skip
    return _table(("what", "asked", "came", "", "command", "note"), rows)


def _typed(command: str) -> str:
    """As a shell must be given it: without quotes it would take JSON's braces apart."""
    return " ".join(f"'{word}'" if "{" in word else word for word in command.split())


def _note(row: dict[str, Any], *, dated: bool) -> str:
    told, (date, _, machine) = row.get("note", ""), row.get("measured", "").partition(": ")
    place = f"({date}, {machine.partition(',')[0]})"
    return f"{told} {place}".strip() if dated and date else str(told)


def _not_yet(name: str) -> str:
    why, rows = NOT_YET[name]
    return f"## {ROWS[name]}\n\n{why}\n\n{_row_table(rows)}"


def _higher(row: dict[str, Any]) -> bool:
    return bool(row.get("better", "lower") == "higher")


def _asked_of(row: dict[str, Any]) -> str:
    words = _of_row(row.get("asked"), row)
    return f"{'≥' if _higher(row) else '≤'} {words}" if words else ""


def _of_row(value: float | None, row: dict[str, Any]) -> str:
    return "" if value is None else f"{value:.4g} {row['unit']}".strip()


def _verdict(row: dict[str, Any]) -> str:
    asked, came = row.get("asked"), row.get("reached")
    if "reached" not in row:
        return "not measured"
    if asked is None:
        return ""
    if came is None:
        return "**not reached**"
    return "reached" if (came >= asked if _higher(row) else came <= asked) else "**not reached**"


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _range(figure: Spread, unit: Unit) -> str:
    if figure.low == figure.high:
        return f"**{_number(figure.median, unit)}**"
    low, high = _number(figure.low, unit), _number(figure.high, unit)
    return f"**{_number(figure.median, unit)}** ({low} to {high})"


def _number(value: float, unit: Unit) -> str:
    return f"{value:.2f} x" if unit == "x" else f"{value:.1%}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _and(words: list[str]) -> str:
    return " and ".join(words)


def write(results: Path = RESULTS, to: Path = PAGE) -> None:
    """Write the page."""
    to.write_text(page(results), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        return write()
    if not PAGE.exists() or PAGE.read_text("utf-8") != page():
        sys.exit("docs/performance.md is not what the figures make: run this without --check")
    return None


if __name__ == "__main__":
    main()
