"""A search over hyper-parameters, from Python: what is refused, recorded, and found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from app_tiny import digits, files, poisoned, records, same, weights

import latens
from latens.app import pretrain, sweep_params, worker
from latens.app import sweep as app
from latens.app.runs import show_run
from latens.app.sweep_open import FILE
from latens.app.sweep_spec import Task
from latens.data.image_set import ImageSet
from latens.errors import DataError, Interrupted, RunError, UsageError
from latens.report.table import Table
from latens.runs.folder import RunFolder
from latens.search import storage as stores

TINY: dict[str, Any] = {"network": "mlp", "hidden": (8,), "epochs": 2, "batch_size": 64,
                        "threads": 1}  # fmt: skip
NAMING: dict[str, Any] = {"hidden": (8,), "epochs": 2, "batch_size": 64, "augment": False,
                          "threads": 1}  # fmt: skip
PRETRAIN = {"latent": "2,4", "learning_rate": "1e-3..1e-2:log"}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The page and its figures have tests of their own; one test here draws them."""
    if request.node.name != "test_pictures_and_a_page_are_drawn":
        monkeypatch.setattr("latens.app.sweep_answer._draw", lambda *given: "")


def swept(out: Path, task: Task = "pretrain", **asked: Any) -> latens.Swept:
    fixed = TINY if task == "pretrain" else NAMING
    given = {"params": PRETRAIN, "search": "random", "trials": 2, **fixed, **asked}
    data = given.pop("data", digits())
    return latens.sweep(data, task, out=out, **given)


@pytest.fixture(scope="module")
def found(place: Path) -> latens.Swept:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("latens.app.sweep_answer._draw", lambda *given: "")
        return swept(place / "swept", search="tpe", trials=4)


def test_every_trial_is_a_finished_run_with_its_values(found: latens.Swept) -> None:
    assert (found.complete, found.pruned, found.failed) == (4, 0, 0)
    assert [trial["trial"] for trial in found.trials] == [0, 1, 2, 3]
    for trial in found.trials:
        run = RunFolder.open(Path(found.run) / trial["run"])
        assert run.finished and run.spec()["encoder"]["latent"] == trial["latent"]
        assert run.spec()["phases"][0]["learning_rate"] == trial["learning_rate"]
        assert run.result("training")[0]["val"]["mse"] == trial["val_mse"]
        assert trial["code"] == trial["latent"] and trial["seconds"] > 0
        assert trial["parameters"] == run.environment()["parameters"]


def test_the_answer_is_a_front(found: latens.Swept) -> None:
    for cost, front in found.fronts.items():
        trials = [found.trials[number] for number in front]
        others = [t for t in found.trials if t["trial"] not in front]
        assert trials and found.best in front
        for other in others:
            assert any(t[cost] <= other[cost] and t["val_mse"] <= other["val_mse"] for t in trials)
    assert found.best == min(found.trials, key=lambda t: t["val_mse"])["trial"]
    assert f"trials/{found.best:04d}" in found.next


def test_what_was_found_can_be_read_again(found: latens.Swept) -> None:
    table = app.table(found.run)
    assert isinstance(table, Table) and table.values("latent") == [
        trial["latent"] for trial in found.trials
    ]
    column = table.column("learning_rate")
    assert (column.role, column.log) == ("parameter", True)
    score = table.score()
    assert score is not None and (score.name, score.goal) == ("val_mse", "minimize")
    assert Path(found.csv).read_text().count("\n") == 5
    assert RunFolder.open(found.run).result("sweep")[0] == json.loads(json.dumps(found.to_dict()))


def test_a_finished_sweep_is_not_trained_again(found: latens.Swept) -> None:
    before = files(Path(found.run) / "trials")
    again = app.resume(found.run, digits())
    assert files(Path(found.run) / "trials") == before
    assert again.trials == found.trials


def test_more_trials_go_on_where_the_others_ended(place: Path, found: latens.Swept) -> None:
    first = swept(place / "more", search="tpe", trials=2)
    more = app.resume(first.run, digits(), trials=4)
    for trial, other in zip(more.trials, found.trials, strict=True):
        assert trial["latent"] == other["latent"] and trial["val_mse"] == other["val_mse"]
        path, twin = (Path(s.run) / trial["run"] for s in (more, found))
        assert records(path) == records(twin) and same(weights(path), weights(twin))
    with pytest.raises(UsageError, match="at least the 4 trials") as caught:
        app.resume(first.run, digits(), trials=3)
    assert caught.value.code == "too-few-trials"


def test_the_test_part_is_out_of_reach(place: Path, found: latens.Swept) -> None:
    """With other test images and other test labels every trial is the same, bit for bit."""
    other = swept(place / "poisoned", search="tpe", trials=4, data=poisoned())
    for trial, twin in zip(found.trials, other.trials, strict=True):
        assert trial["val_mse"] == twin["val_mse"] and trial["latent"] == twin["latent"]
        path, poisoned_path = (Path(s.run) / trial["run"] for s in (found, other))
        assert same(weights(path), weights(poisoned_path))
        assert not {"classification", "reconstruction-test"} & {*RunFolder.open(path).results()}


def test_a_grid_of_classifiers_from_an_encoder(
    place: Path, pretrained: latens.PretrainResult
) -> None:
    got = swept(
        place / "grid", "classify", search="grid", trials=None, encoder=pretrained.run, labels=60,
        params={"mode": "frozen,scratch", "hidden": [(8,), (8, 4)], "objective.label_smoothing":
                "0,0.1"}, hidden=None,
    )  # fmt: skip
    seen = {(t["mode"], t["hidden"], t["objective.label_smoothing"]) for t in got.trials}
    assert got.complete == 8 == len(seen) and got.goal == "maximize"
    spec = RunFolder.open(Path(got.run) / got.trials[7]["run"]).spec()
    assert (spec["mode"], spec["head"]["hidden"]) == ("scratch", [8, 4])
    assert spec["objective"]["label_smoothing"] == 0.1 and spec["data"]["labels"] == 60
    assert got.next.startswith("latens evaluate ")


def test_what_cannot_be_built_is_a_failed_trial_and_the_sweep_goes_on(place: Path) -> None:
    """Images of 8x8 pixels can be halved three times, not five."""
    asked = {name: value for name, value in TINY.items() if name not in ("network", "hidden")}
    told: list[str] = []
    got = latens.sweep(
        digits(), "pretrain", search="grid", out=place / "pooled", tell=told.append,
        params={"encoder.down_after": "[[1]],[[1,2,3,4,5]],[[2]]"},
        **asked, filters=2, conv_layers=10,
    )  # fmt: skip
    assert [trial["state"] for trial in got.trials] == ["complete", "failed", "complete"]
    assert "Expected" in got.trials[1]["reason"]
    assert any(line.startswith("Trial 1 failed: ") for line in told)
    assert app.resume(got.run, digits()).failed == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "enough memory"),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), "enough memory"),
        (ZeroDivisionError("float division\nby zero"), "ZeroDivisionError: float division"),
    ],
)
def test_a_trial_that_breaks_is_recorded(
    place: Path, error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = latens.app.sweep_trial.pretrain.pretrain  # type: ignore[attr-defined]
    broken = iter([error])

    def sometimes(*args: Any, **asked: Any) -> Any:
        for each in broken:
            raise each
        return train(*args, **asked)

    monkeypatch.setattr("latens.app.pretrain.pretrain", sometimes)
    got = swept(place / f"broken-{type(error).__name__}-{len(str(error))}")
    assert [trial["state"] for trial in got.trials] == ["failed", "complete"]
    assert reason in got.trials[0]["reason"] and "\n" not in got.trials[0]["reason"]


def test_a_full_disk_stops_the_sweep_and_loses_no_trial(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **asked: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr("latens.app.pretrain.pretrain", full)
        swept(place / "full")
    assert app.resume(place / "full", digits()).complete == 2


def test_stopped_in_the_middle_of_a_trial_it_goes_on_there(place: Path) -> None:
    whole = swept(place / "whole", prune="none")
    seen: list[Any] = []

    def interrupt(record: Any) -> None:
        seen.append(record)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="saved") as caught:
        swept(place / "stopped", prune="none", observers=[interrupt])
    assert caught.value.hint.endswith(f"--resume {place / 'stopped'}")
    got = app.resume(place / "stopped", digits())
    assert [t["val_mse"] for t in got.trials] == [t["val_mse"] for t in whole.trials]


def test_stopped_while_its_page_is_drawn_it_says_how_to_draw_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(Interrupted, match="page") as caught:
        patched.setattr("latens.app.sweep_answer._draw", interrupted)
        swept(place / "undrawn")
    assert caught.value.hint.endswith(f"--resume {place / 'undrawn'}")
    told: list[str] = []
    assert app.resume(place / "undrawn", digits(), tell=told.append).complete == 2
    assert "2 of 2 trials are done already (2 complete); none is left." in told


def test_it_goes_on_on_another_device(place: Path, found: latens.Swept) -> None:
    """Also with a trial that had begun elsewhere; nothing of a finished one is trained."""
    assert app.resume(found.run, digits(), device="cpu", threads=1).trials == found.trials
    trial = Path(found.run) / str(found.trials[0]["run"])
    for go_on in (
        lambda: app.resume(found.run, digits(), device="nowhere"),
        lambda: pretrain.resume(trial, digits(), machine={"device": "nowhere"}),
    ):
        with pytest.raises(UsageError, match="a device that this machine has; got 'nowhere'"):
            go_on()


KILLED = """
import os, signal, sys
import numpy as np
from app_tiny import digits
from test_sweep import TINY, PRETRAIN
import latens
from latens.train import loop

loop.SAVE_SECONDS = -1.0
updates = 0

def kill(record):
    global updates
    updates += 1
    if updates == 6:
        os.kill(os.getpid(), signal.SIGKILL)

loop.SHOW_SECONDS = -1.0
latens.sweep(digits(), "pretrain", params=PRETRAIN, search="tpe", trials=4, out=sys.argv[1],
             observers=[kill], **TINY)
"""


def test_killed_with_nine_it_goes_on_to_the_same_bits(place: Path, found: latens.Swept) -> None:
    out = place / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(out)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    begun = [*(out / "trials").glob("*/weights/LAST")]
    assert begun and not (out / "results").exists()
    got = app.resume(out, digits())
    assert got.complete == 4
    queue = app.reopen(out).queue.study.get_trials(deepcopy=False)
    order = sorted((t for t in queue if t.datetime_complete), key=lambda t: t.datetime_complete)
    assert [t.user_attrs["slot"] for t in order if t.values] == ["0", "1", "2", "3"]
    for trial, twin in zip(got.trials, found.trials, strict=True):
        assert trial["learning_rate"] == twin["learning_rate"]
        one, other = (Path(s.run) / trial["run"] for s in (got, found))
        assert same(weights(one), weights(other)) and records(one) == records(other)


def test_pruned_trials_are_told_apart(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Second(optuna.pruners.BasePruner):
        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            return trial.number == 1

    monkeypatch.setattr("latens.search.judging.pruner", lambda kind: Second())
    got = swept(place / "pruned", trials=3)
    assert [t["state"] for t in got.trials] == ["complete", "pruned", "complete"]
    assert [t["epochs"] for t in got.trials] == [2, 1, 2]
    assert got.trials[1]["val_mse"] and 1 not in {*got.fronts["seconds"], *got.fronts["code"]}


@pytest.mark.parametrize(
    ("task", "params", "more", "code", "words"),
    [
        ("pretrain", {}, {}, "empty-grid", "something to search over"),
        ("pretrain", {"latent": ""}, {}, "empty-grid", "values to try for latent"),
        ("pretrain", {"latnet": "2,4"}, {}, "unknown-parameter", "latnet"),
        ("pretrain", {"balance": "none"}, {}, "unknown-parameter", "name of a parameter"),
        ("pretrain", {"overrides": "a"}, {}, "unknown-parameter", "overrides"),
        ("pretrain", {"latent": "2,many"}, {}, "bad-spec", "whole number for latent; got 'many'"),
        ("pretrain", {"latent": "2..4.5"}, {}, "bad-range", "whole numbers for latent"),
        ("pretrain", {"epochs": "0,2"}, {}, "bad-spec", "at least 1 for epochs; got 0"),
        ("pretrain", {"dropout": "0.5,1.5"}, {}, "bad-spec", "below 1 for dropout"),
        ("pretrain", {"dropout": "0..3"}, {}, "bad-spec", "below 1 for dropout"),
        ("pretrain", {"activation": "relu,rely"}, {}, "unknown-activation", "rely"),
        ("pretrain", {"encoder.nothing": "1,2"}, {}, "unknown-field", "encoder.nothing"),
        ("pretrain", {"beta": "1,2"}, {}, "without-effect", "--beta"),
        ("pretrain", {"train.batch_size": "0,8"}, {"batch_size": None}, "bad-spec", "at least 1"),
        ("pretrain", {"latent": "2,4"}, {"latent": 8}, "given-twice", "latent once"),
        ("pretrain", {"phases.learning_rate": "1,2"}, {"learning_rate": 1e-3}, "given-twice",
         "phases.learning_rate once"),
        ("pretrain", {"latent": "2,4"}, {"search": "grid", "trials": 3}, "without-effect", "all 2"),
        ("pretrain", {"latent": "2..4"}, {"trials": 0}, "too-few-trials", "at least one trial"),
        ("pretrain", {"dropout": "0..0.5"}, {"search": "grid", "trials": None}, "no-grid",
         "in a grid"),
        ("pretrain", {"latent": "2,4"}, {"search": "guess"}, "unknown-search", "guess"),
        ("pretrain", {"latent": "2,4"}, {"nothing": 1}, "unknown-keyword", "nothing"),
        ("pretrain", {"latent": "2,4"}, {"labels": 50}, "without-effect", "--labels"),
        ("pretrain", {"latent": "2,4"}, {"storage": "nonsense"}, "bad-storage", "nonsense"),
        ("classify", {"mode": "frozen"}, {}, "no-encoder", "--encoder"),
        ("classify", {"labels": "1..5:log", "mode": "frosen"}, {}, "unknown-mode", "frosen"),
        ("sort", {"latent": "2,4"}, {}, "no-task", "pretrain or classify"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_is_made(
    place: Path, task: Any, params: dict[str, str], more: dict[str, Any], code: str, words: str
) -> None:
    before = sorted(place.iterdir())
    with pytest.raises(UsageError, match=words) as caught:
        swept(place / "refused", task, params=params, **more)
    assert caught.value.code == code and caught.value.hint
    assert sorted(place.iterdir()) == before


def test_a_metric_that_no_trial_measures_stops_the_sweep(place: Path) -> None:
    with pytest.raises(UsageError, match=r"judge trials by \(mse\); got f1") as caught:
        swept(place / "unmeasured", score="f1")
    assert caught.value.code == "unknown-score"


@pytest.mark.parametrize(
    ("params", "more", "score"),
    [
        ({"objective": "vae,masked", "latent": "2"}, {}, "val_mse"),
        ({"beta": "1,2"}, {"objective": "vae"}, "val_neg_elbo"),
    ],
)
def test_the_score_is_what_the_objectives_have_in_common(
    place: Path, params: dict[str, str], more: dict[str, Any], score: str
) -> None:
    got = swept(place / f"by-{score}", params=params, search="grid", trials=None, **more)
    assert (got.complete, got.score) == (2, score)


def test_a_group_of_processes_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one process for each trial; got a group of 2") as caught:
        swept(place / "group")
    assert caught.value.code == "not-distributed"


def test_how_a_sweep_stands(place: Path, found: latens.Swept) -> None:
    assert RunFolder.open(found.run).state == "finished"
    queued = swept(place / "stands", work=False)
    run = RunFolder.open(queued.run)
    assert run.state == "unfinished" and queued.complete == 0 and not queued.page
    told = show_run(run.path)
    assert told["facts"]["state"] == "unfinished, 0 of 2 trainings done"
    assert told["resume"] == f"latens sweep IMAGES.npz --resume {run.path}"


def test_a_folder_that_is_there_is_left_alone(found: latens.Swept) -> None:
    with pytest.raises(RunError, match="exists already") as caught:
        swept(Path(found.run))
    assert caught.value.code == "run-exists"


def test_only_a_sweep_can_be_gone_on_with(pretrained: latens.PretrainResult) -> None:
    with pytest.raises(UsageError, match="Expected a sweep") as caught:
        app.resume(pretrained.run)
    assert caught.value.code == "other-kind"


def test_other_images_are_refused(found: latens.Swept) -> None:
    with pytest.raises(RunError, match="images that the sweep began with") as caught:
        app.resume(found.run, poisoned())
    assert caught.value.code == "other-data"
    with pytest.raises(UsageError, match="Expected the images again"):
        app.resume(found.run)


def test_images_that_are_gone_stop_the_sweep(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any, **asked: Any) -> Any:
        raise DataError("Expected images; they are gone.", code="no-images")

    with monkeypatch.context() as patched, pytest.raises(DataError, match="gone"):
        patched.setattr("latens.app.pretrain.pretrain", gone)
        swept(place / "gone")
    assert app.table(place / "gone").states() == ["running", "running"]


def test_a_password_is_written_down_nowhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = stores.sqlite_url(place / "secret.db")
    monkeypatch.setattr(stores, "has_password", lambda text: True)
    got = swept(place / "secret", storage=url, trials=1)
    with pytest.raises(UsageError, match="Expected --storage again") as caught:
        app.resume(got.run, digits())
    assert caught.value.code == "no-password"
    assert app.resume(got.run, digits(), storage=url).complete == 1


def test_a_name_that_is_taken_in_the_storage(place: Path) -> None:
    url = stores.sqlite_url(place / "taken.db")
    swept(place / "taken", storage=url, study="s", trials=1)
    with pytest.raises(UsageError, match="one called s in sqlite") as caught:
        swept(place / "taken2", storage=url, study="s", trials=1)
    assert caught.value.code == "study-exists" and not (place / "taken2").exists()


def data_file(place: Path) -> Path:
    """The images as a file, which a worker can read by itself."""
    import numpy as np

    images: ImageSet = digits()
    assert images.labels is not None
    np.savez(place / "data.npz", x=images.images[:, 0], y=images.labels)
    return place / "data.npz"


def test_a_worker_needs_the_url_and_the_name_alone(place: Path, tmp_path: Path) -> None:
    url, data = stores.sqlite_url(tmp_path / "q.db"), data_file(tmp_path)
    got = swept(place / "queued", data=data, storage=url, study="q", work=False, trials=3)
    assert [trial["state"] for trial in got.trials] == ["waiting"] * 3
    told: list[str] = []
    done = worker.worker(url, "q", tell=told.append)
    assert (done.trials, done.of) == (3, 3) and Path(done.folder) == place / "queued"
    assert done.next == f"latens sweep --resume {(place / 'queued').resolve()}"
    alone = swept(place / "alone", data=data, trials=3)
    finished = app.resume(got.run)
    assert [t["val_mse"] for t in finished.trials] == [t["val_mse"] for t in alone.trials]
    assert worker.worker(url, "q").trials == 0


def test_a_worker_without_the_folder_keeps_runs_of_its_own(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, data = stores.sqlite_url(tmp_path / "q.db"), data_file(tmp_path)
    got = swept(place / "far", data=data, storage=url, study="far", work=False)
    Path(got.run).rename(place / "moved")
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    done = worker.worker(url, "far", tell=told.append, machine={"threads": 1, "device": None})
    assert told[0].startswith("Asking sqlite:") and told[0].endswith(" for far")
    assert "is not on this machine" in told[1] and done.folder == "runs/far"
    assert (tmp_path / "runs/far/trials/0001/results/training.json").exists()


def test_a_worker_with_other_images_is_refused(place: Path, tmp_path: Path) -> None:
    url = stores.sqlite_url(tmp_path / "q.db")
    swept(place / "own", data=data_file(tmp_path), storage=url, study="own", work=False)
    with pytest.raises(RunError) as caught:
        worker.worker(url, "own", data=poisoned())
    assert caught.value.code == "other-data"


def test_a_worker_that_finds_no_queue(tmp_path: Path, found: latens.Swept) -> None:
    with pytest.raises(RunError, match="file of a sweep") as caught:
        worker.worker(f"sqlite:///{tmp_path}/none.db", "s")
    assert caught.value.code == "no-storage" and not (tmp_path / "none.db").exists()
    url = stores.sqlite_url(Path(found.run) / FILE)
    with pytest.raises(UsageError, match="name of a study") as unknown:
        worker.worker(url, "sweept")
    assert unknown.value.hint == "Did you mean swept?"
    other = optuna.create_study(storage=stores.sqlite_url(tmp_path / "o.db"), study_name="mine")
    with pytest.raises(UsageError, match="mine is something else") as foreign:
        worker.worker(stores.sqlite_url(tmp_path / "o.db"), other.study_name)
    assert foreign.value.code == "other-study"
    stores.connect(stores.sqlite_url(tmp_path / "empty.db"))
    with pytest.raises(UsageError, match="none at all"):
        worker.worker(stores.sqlite_url(tmp_path / "empty.db"), "s")


def test_every_option_of_both_commands_can_be_searched_over() -> None:
    from latens.app import settings

    for task, bundle in (("pretrain", settings.PretrainOptions),
                         ("classify", settings.ClassifyOptions)):  # fmt: skip
        for name in settings.table(bundle):
            if name != "overrides":
                assert sweep_params.known(name, task)[1].help  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden", "[100,50],64", [(100, 50), (64,)]),
        ("augment", "[flip,affine=0.5],none", None),
        ("noise", "gaussian=0.3,salt-pepper=0..0.5", None),
        ("size", "8,16x12", [(8, 8), (16, 12)]),
        ("conditional", "true,false", [True, False]),
        ("encoder.down_after", "[[1,2]],[[1]]", [[1, 2], [1]]),
        ("learning-rate", "1e-3,0.01", [0.001, 0.01]),
        ("double_filters", "yes,no", [True, False]),
    ],
)
def test_values_have_the_types_of_their_options(name: str, text: str, value: Any) -> None:
    (found,) = sweep_params.parameters({name: text}, "pretrain")
    assert found.name == name.replace("-", "_")
    values = [found.value(label) for label in found.ends()]
    assert len(values) == 2 and (value is None or values == value)


def test_pictures_and_a_page_are_drawn(place: Path) -> None:
    got = swept(place / "drawn", trials=3)
    assert Path(got.page) == Path(got.run) / "report" / "index.html"
    assert "latent" in Path(got.page).read_text() and [*Path(got.run).glob("report/*.png")]
    assert app.report(got.run).trials == got.trials
