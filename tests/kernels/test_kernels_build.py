"""Building and finding the native kernels, with all that can go wrong on the way."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kernel_builds import run_build

from latens import kernels
from latens.errors import RunError
from latens.kernels import build, cache

pytestmark = pytest.mark.skipif(bool(cache.missing()), reason=f"this machine has {cache.missing()}")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, kernels switched on, nothing loaded; returns the folder of this key."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(cache.SWITCH, raising=False)
    monkeypatch.setattr(kernels, "_loaded", False)
    monkeypatch.setattr(kernels, "_unloadable", "")
    monkeypatch.setattr(kernels, "_builds", [])
    return cache.folder()


@pytest.fixture
def whole(own: Path, built_cache: Path) -> Path:
    """The cache holds a finished library; returns it."""
    shutil.copytree(built_cache / own.relative_to(Path(os.environ["XDG_CACHE_HOME"])), own)
    assert cache.state() == cache.READY
    return own / "library.so"


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that hurries, and adds a line to the returned file for each call."""
    calls = tmp_path / "calls"
    calls.touch()
    script = tmp_path / "hurried"
    script.write_text(f'#!/bin/sh\necho call >> {calls}\nexec c++ "$@" -O0\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return calls


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "broken"
    luck = "echo 'x.cpp:1: error: no luck today' >&2; exit 1"
    script.write_text(f'#!/bin/sh\ncase "$*" in *.cpp*) {luck};; esac\nexec c++ "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))


def never(*_: object, **__: object) -> None:
    raise AssertionError("a build was started")


def builds_started() -> int:
    kernels.build_in_background()
    return len(kernels._builds)


def wait_for(state: str) -> None:
    end = time.monotonic() + 300  # its priority is low
    while kernels.state() != state:
        assert time.monotonic() < end, kernels.state()
        time.sleep(0.1)


def test_in_the_background_once(own: Path, counting: Path) -> None:
    assert kernels.state() == cache.NOT_BUILT and not kernels.ready()
    assert builds_started() == 1 and kernels.state() == "building"
    assert builds_started() == 1, "a second build was started"
    wait_for(cache.READY)
    assert builds_started() == 0
    assert counting.read_text().count("call") >= len(cache.sources())
    assert not list(own.glob("build-*")) and not cache.failure().exists()


def test_two_at_once_build_once(own: Path, counting: Path) -> None:
    command = [sys.executable, "-m", "latens.kernels.build"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] == f"The native kernels are ready: {own / 'library.so'}\n"
    # One to ask for the version, one for each source, one to link, one to spare.
    assert counting.read_text().count("call") <= len(cache.sources()) + 3


@pytest.mark.usefixtures("broken")
def test_a_compiler_that_fails(own: Path) -> None:
    (own / "build-killed").mkdir(parents=True)
    done = run_build({})
    assert done.returncode == RunError.exit_code
    assert "native kernels to build" in done.stderr and "no luck today" in done.stderr
    assert "Traceback" not in done.stderr
    assert "no luck today" in cache.failure().read_text()
    assert kernels.state() == f"failed: see {cache.failure()}"
    assert not kernels.ready() and builds_started() == 0
    assert not list(own.glob("build-*")), "what a killed build had left is still there"


def test_after_a_failure_a_build_by_hand_mends_it(whole: Path) -> None:
    cache.record_failure("of yesterday")
    assert kernels.state().startswith("failed") and not kernels.ready()
    cache.publish(whole)
    assert kernels.state() == cache.READY and not cache.failure().exists()


def test_a_library_that_kills_its_process_is_not_tried_again(counting: Path) -> None:
    code = "import os\nfrom latens.kernels import build\nbuild._try = lambda: os._exit(9)\n"
    done = subprocess.run([sys.executable, "-c", code + "build.build()"], timeout=200)
    assert done.returncode == 9
    assert "died" in cache.failure().read_text()
    assert not kernels.ready() and builds_started() == 0


@pytest.mark.usefixtures("native")
def test_a_library_that_computes_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    build._try()
    monkeypatch.setattr(torch.nn.functional, "batch_norm", lambda x, *_, **__: x)
    with pytest.raises(ArithmeticError, match="something else than torch"):
        build._try()


def test_a_torn_library_is_not_loaded(whole: Path) -> None:
    content = whole.read_bytes()
    for torn in (content[:-1], content[: len(content) // 2], b"", content[:-1] + b"?"):
        whole.write_bytes(torn)
        assert not kernels.ready() and kernels.state() == cache.NOT_BUILT
    whole.write_bytes(content)
    assert kernels.state() == cache.READY


def test_a_torn_description_is_not_believed(whole: Path) -> None:
    description = whole.with_suffix(".json")
    for torn in ("", "{", "[]", '{"bytes": 1}', "\x00"):
        description.write_text(torn)
        assert not kernels.ready() and kernels.state() == cache.NOT_BUILT


def test_what_is_no_library_is_given_up(own: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake.so"
    fake.write_bytes(b"no library")
    own.mkdir(parents=True)
    cache.publish(fake)
    assert not kernels.ready()
    assert "cannot be loaded" in kernels.state()
    assert not cache.failure().exists()  # another process may have more luck
    assert builds_started() == 0


def test_the_lock_of_a_dead_process_is_free(own: Path) -> None:
    own.mkdir(parents=True)
    (own / ".lock").write_text("4711")
    assert kernels.state() == cache.NOT_BUILT
    with cache.lock(wait=False) as ours:
        assert ours


def test_the_lock_of_a_living_process_is_respected(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", never)
    own.mkdir(parents=True)
    with (own / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert kernels.state() == "building" and builds_started() == 0
        assert build.build(wait=False) is None
        assert build.main(["--background"]) == 0
    assert kernels.state() == cache.NOT_BUILT


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert kernels.state() == "no C++ compiler" and builds_started() == 0
    assert build.main([]) == RunError.exit_code
    assert "Expected a C++ compiler" in capsys.readouterr().err


def test_no_ninja(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "c++").symlink_to(shutil.which("c++") or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(cache.importlib.util, "find_spec", lambda name: None)
    assert "pip install ninja" in kernels.state() and builds_started() == 0
    with pytest.raises(RunError, match="no ninja") as caught:
        build.build()
    assert caught.value.code == "kernels-tools"


def test_the_ninja_of_the_package_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ninja").mkdir()
    (tmp_path / "ninja" / "__init__.py").write_text("BIN_DIR = 'where/it/is'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ninja", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert cache.ninja() == "where/it/is"
    monkeypatch.delitem(sys.modules, "ninja")


def test_switched_off(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", never)
    monkeypatch.setenv(cache.SWITCH, "off")
    assert not kernels.ready() and kernels.state() == "switched off (LATENS_KERNELS=off)"
    whole.unlink()
    assert builds_started() == 0


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not kernels.ready()
    with pytest.raises(RunError, match="Expected to write") as caught:
        build.build()
    assert caught.value.code == "kernels-cache"


def test_another_machine_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    here = cache.key.__wrapped__()
    assert here == cache.key()
    monkeypatch.setattr(cache, "_processor", lambda: "another")
    assert cache.key.__wrapped__() != here
    monkeypatch.undo()
    monkeypatch.setattr(cache, "flags", lambda: ["-O0"])
    assert cache.key.__wrapped__() != here
