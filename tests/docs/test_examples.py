"""Files that pages hand out are well formed, and the commands in them are commands of latens."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from docs_pages import ROOT

from latens.cli.main import app

EXAMPLES = ROOT / "docs" / "examples"
SCRIPTS = sorted([*EXAMPLES.glob("*.sh"), *EXAMPLES.glob("*.sbatch")])


def understood(words: list[str]) -> bool:
    """Whether the option parser takes these words after `latens`."""
    command: Any = typer.main.get_command(app)
    context = command.commands[words[0]].make_context("latens", words[1:])
    return bool(context.params)


def test_every_example_is_named_by_a_page() -> None:
    pages = "".join(page.read_text("utf-8") for page in ROOT.glob("docs/*.md"))
    assert {file.name for file in EXAMPLES.iterdir()} == set(
        re.findall(r"\(examples/([^)]+)\)", pages)
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_a_script_is_a_script(script: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    done = subprocess.run([bash, "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = script.read_text("utf-8").replace("\\\n", " ")
    (command,) = re.findall(r"^[^#\n]*?(latens worker .*?)(?: >.*)?$", text, re.MULTILINE)
    plain = re.sub(r'"\$[^"]*"', "1", command)
    assert understood(shlex.split(plain)[1:])


def test_the_job_is_one_of_kubernetes() -> None:
    job = yaml.safe_load((EXAMPLES / "worker.yaml").read_text("utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["latens", "worker"]
    assert understood(["worker", *container["args"]])
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert pod["restartPolicy"] == "OnFailure"


def test_one_worker_a_gpu_is_what_it_says(tmp_path: Path) -> None:
    """With two GPUs (as a stand-in for nvidia-smi tells) there are two workers, one on each."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    stand_ins = {
        "nvidia-smi": 'echo "GPU 0: A"; echo "GPU 1: B"',
        "latens": 'echo "$CUDA_VISIBLE_DEVICES $*"',
    }
    for name, body in stand_ins.items():
        (tmp_path / name).write_text(f"#!{bash}\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = EXAMPLES / "one-worker-a-gpu.sh"
    subprocess.run(
        [bash, script, "postgresql://db/x", "wide"], check=True, cwd=tmp_path, timeout=60,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )  # fmt: skip
    logs = sorted(log.read_text() for log in tmp_path.glob("worker-*.log"))
    assert [log.split()[0] for log in logs] == ["0", "1"]
    assert all("worker --storage postgresql://db/x --study wide --threads" in log for log in logs)
