"""What pages tell people to type works: commands and programs run as printed, in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from docs_pages import PAGES, ROOT, blocks, put_in_place, run
from PIL import Image
from sklearn.datasets import load_digits

from latens import catalog
from latens.cli.main import app

DOCS = ROOT / "docs"
LEFT = {
    "tutorial": ["runs/two-phase/report/index.html", "runs/verdict/report/index.html"],
    "denoise": ["runs/denoiser/results/denoising.json", "runs/clf/report/index.html"],
    "draw-digits": ["runs/vae/results/latent.json", "runs/vae/results/samples.json", "sevens.png"],
    "search": [
        "runs/sweep/trials/0007/results/training.json",
        "runs/grid/report/index.html",
        "runs/from-python/trials.csv",
    ],
    "many-machines": ["runs/wide/report/index.html", "studies/mnist-generate-smoke/report"],
    "keras": ["runs/wider/weights/LAST", "runs/clf/report/index.html", "again.keras"],
    "parallel": ["trials.html", "figures/matrix.png", "mine.html"],
    "menus": [
        "ae.h5",
        "ae2/report/index.html",
        "runs/theirs/plots/classifiers/models.csv",
        "runs/theirs/model-1/results/classification.json",
        "runs/second-clf/model-1/results/classification.json",
        "runs/menu/model-2/report/index.html",
    ],
    "many-devices": ["runs/two/report/index.html"],
    "recipes": ["runs/denoiser/report/index.html", "runs/head/report/index.html"],
    "growth": ["digits.pack/hashes.npy", "runs/packed/report/index.html"],
    "few-labels": ["runs/verdict/report/index.html", "runs/balanced/results/classification.json"],
}
ADDING = {
    "studies": [
        "docs/results/mnist-generate.md",
        "studies/digits-smoothing-smoke/report/index.html",
    ],
    "extend": ["runs/lost-rows/report", "runs/absolute/report", "runs/linear/report"],
}
SMALL = {
    "64": "8", "500": "50", "50,500,all": "50", "5": "2",
    "pretrain": "pretrain|--epochs|1", "classify": "classify|--epochs|2",
    "compare": "compare|--pretrain-epochs|1|--epochs|2",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_page_is_run() -> None:
    pages = {page.stem for page in PAGES} - {"README", "log", "performance"}
    assert pages == {*LEFT, *ADDING}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_escapes(page: Path) -> None:
    """Only blocks of output and of `make` may have no language."""
    plain = [b.body for b in blocks(page) if b.language not in ("sh", "python", "diff")]
    assert not [body for body in plain if re.search(r"^(latens|pip|import) ", body, re.MULTILINE)]


@pytest.mark.parametrize("name", LEFT)
def test_the_page_runs(name: str, here: Path) -> None:
    shutil.copy(DOCS / "examples" / "trials.csv", here)
    run(DOCS / f"{name}.md")
    assert not [left for left in LEFT[name] if not (here / left).exists()]


@pytest.mark.parametrize("name", ADDING)
def test_the_page_runs_with_its_files_in_place(name: str, here: Path) -> None:
    """What a page adds to latens is added to a copy, which a process of its own imports."""
    copy = here / "src" / "latens"
    shutil.copytree(ROOT / "src" / "latens", copy, ignore=shutil.ignore_patterns("__pycache__"))
    page = DOCS / f"{name}.md"
    put_in_place(page, here)
    write_csv(here / "digits.csv")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(copy.parent)}
    script = Path(__file__).with_name("docs_pages.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, page],
        cwd=here, env=environment, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [left for left in ADDING[name] if not (here / left).exists()]


def test_the_readme_runs_on_a_few_pictures_and_epochs(here: Path) -> None:
    bunch = load_digits()
    for number, (pixels, label) in enumerate(zip(bunch.images[:200], bunch.target, strict=False)):
        picture = here / "pictures" / str(label) / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(picture)
    shutil.copy(picture, here / "photo.jpg")
    run(ROOT / "README.md", SMALL)
    assert (here / "runs" / "clf" / "results" / "classification.json").is_file()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_flags_and_studies_that_are_named_exist(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    flags = {flag for span in spans for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", span)}
    others = {"--index-url", "--nproc-per-node"}  # of pip and of torchrun
    assert not flags - set(every_flag(typer.main.get_command(app))) - others
    studies = {name for span in spans for name in re.findall(r"study run ([a-z][\w-]*)", span)}
    assert not studies - set(catalog.names("studies"))


def every_flag(command: object) -> Iterator[str]:
    for param in getattr(command, "params", ()):
        yield from (*param.opts, *param.secondary_opts)
    yield "--help"
    for inner in getattr(command, "commands", {}).values():
        yield from every_flag(inner)


def write_csv(path: Path) -> None:
    bunch = load_digits()
    rows = np.column_stack([bunch.target, bunch.data.astype(int) * 15])[:100]
    names = ",".join(["label", *(f"pixel{i}" for i in range(64))])
    np.savetxt(path, rows, fmt="%d", delimiter=",", header=names, comments="")
