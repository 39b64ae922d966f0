"""Each piece of work is done once, whatever becomes of the workers; on a real SQLite file."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState
from search_tiny import GONE, filled, queue, states

from latens.search import people
from latens.search.queue import ATTEMPTS, Queue, waiting_for


def died(found: Queue, worker: str = GONE) -> None:
    """Have a row claimed by a worker that is never heard of again, a long time ago."""
    trial = found.claim()
    assert trial is not None
    trial.set_user_attr("worker", worker)
    with found.storage.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")


def test_slots_are_added_once(tmp_path: Path) -> None:
    found = filled(tmp_path)
    filled(tmp_path, 5)
    assert states(found) == dict.fromkeys("01234", "waiting")
    assert len(found.study.trials) == 5


def test_each_is_claimed_once_in_order_and_then_there_is_none(tmp_path: Path) -> None:
    one, other = filled(tmp_path), queue(tmp_path)
    claimed = [each.claim() for each in (one, other, one)]
    assert [trial and trial.user_attrs["slot"] for trial in claimed] == ["0", "1", "2"]
    assert one.claim() is None is other.claim()
    assert states(other) == dict.fromkeys("012", "running")


def test_the_fixed_values_are_proposed(tmp_path: Path) -> None:
    trial = filled(tmp_path).claim()
    assert trial is not None and trial.suggest_int("x", 0, 9) == 0


def test_threads_that_race_get_different_work(tmp_path: Path) -> None:
    filled(tmp_path, 12)
    taken: list[str] = []

    def work() -> None:
        mine = queue(tmp_path)
        while (trial := mine.claim()) is not None:
            taken.append(trial.user_attrs["slot"])
            mine.complete(trial, 0.0, {})

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(taken) == Counter(str(n) for n in range(12))


def test_what_came_of_it(tmp_path: Path) -> None:
    found = filled(tmp_path, 4)
    first, second, third = (found.claim() for _ in range(3))
    assert first and second and third
    found.complete(first, 0.5, {"seconds": 2.0})
    second.report(0.7, 10)
    found.pruned(second, {})
    found.failed(third, "Expected another network.", {})
    assert states(found) == {"0": "complete", "1": "pruned", "2": "failed", "3": "waiting"}
    slots = found.slots()
    assert slots["0"].done and slots["0"].done.value == 0.5
    assert slots["0"].done.user_attrs["seconds"] == 2.0
    assert slots["1"].done and slots["1"].done.value == 0.7
    assert slots["2"].reason == "Expected another network." and not slots["0"].reason
    found.revive()
    assert len(found.study.trials) == 4


def test_what_was_given_back_comes_before_what_was_not_begun(tmp_path: Path) -> None:
    found = filled(tmp_path)
    trial = found.claim()
    assert trial is not None
    found.release(trial)
    again = found.claim()
    assert again is not None and again.user_attrs["slot"] == "0" and again.number == 3


def test_work_that_is_not_ready_is_left(tmp_path: Path) -> None:
    found = filled(tmp_path)
    trial = found.claim(lambda row: row.user_attrs["slot"] == "2")
    assert trial is not None and trial.user_attrs["slot"] == "2"
    assert found.claim(lambda row: False) is None


def test_what_waits_for_others_is_told(tmp_path: Path) -> None:
    found = filled(tmp_path)
    trial = found.claim()
    assert trial is not None
    row = found.study.trials[2]
    assert waiting_for(row, found.slots(), ["0"]) == "0"
    assert waiting_for(row, found.slots(), ["nowhere"]) == "nowhere"
    found.complete(trial, 0.0, {})
    assert waiting_for(row, found.slots(), ["0"]) is None


def test_silence_for_too_long_gives_the_work_to_another(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    trial = found.claim()
    assert trial is not None and trial.suggest_int("x", 0, 9) == 0
    trial.set_user_attr("worker", GONE)
    found.revive()
    assert states(found) == {"0": "running"}  # it may yet be heard
    with found.storage.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    other = queue(tmp_path)
    other.revive()
    again = other.claim()
    assert again is not None and again.number != trial.number
    assert again.user_attrs["slot"] == "0" and again.suggest_int("x", 0, 9) == 0
    other.complete(again, 1.0, {})
    found.complete(trial, 2.0, {})  # it was alive after all, and comes too late
    slot = found.slots()["0"]
    assert slot.state == "complete" and slot.done and slot.done.value == 1.0


def test_after_an_outage_heartbeats_are_waited_for(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    died(found)
    found.storage.outage_over = time.monotonic()
    found.revive()
    assert states(found) == {"0": "running"}
    found.storage.outage_over -= found.storage.silence + 1
    found.revive()
    assert states(found) == {"0": "waiting"}


def test_a_worker_of_this_machine_is_known_to_be_gone_at_once(tmp_path: Path) -> None:
    script = "from latens.search import people; print(people.me())"
    worker = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert people.gone(worker) and not people.gone(people.me()) and not people.gone(GONE)
    assert people.host(worker) == people.host(people.me())
    found = filled(tmp_path, 1, me=worker)
    assert found.claim() is not None
    other = queue(tmp_path)
    other.revive()
    assert states(other) == {"0": "waiting"} and len(other.study.trials) == 2


def test_a_number_that_another_process_has_now_is_not_that_worker() -> None:
    place, number, _ = people.me().rsplit("/", 2)
    assert people.gone(f"{place}/{number}/1")


def test_what_its_worker_did_so_far_is_kept_for_the_next(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    trial = found.claim()
    assert trial is not None
    trial.set_user_attr("pruned", True)
    trial.suggest_float("drawn", 0, 1)
    drawn = trial.params["drawn"]
    found.release(trial)
    again = found.claim()
    assert again is not None and again.user_attrs["pruned"] is True
    assert again.suggest_float("drawn", 0, 1) == drawn


def test_released_work_may_be_tried_any_number_of_times(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    for _ in range(ATTEMPTS + 2):
        trial = found.claim()
        assert trial is not None
        found.release(trial)
    assert states(found) == {"0": "waiting"}


def test_work_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    for _ in range(ATTEMPTS):
        died(found)
        found.revive()
    assert states(found) == {"0": "failed"} and "died 4 times" in found.slots()["0"].reason
    found.revive()
    assert found.claim() is None and len(found.study.trials) == ATTEMPTS


def test_a_kill_between_failing_and_adding_loses_nothing(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    trial = found.claim()
    assert trial is not None
    found.study.tell(trial, state=TrialState.FAIL)  # and no new row waits
    assert found.slots()["0"].lost
    found.revive()
    assert states(found) == {"0": "waiting"}


def test_a_second_row_of_the_same_slot_is_dropped(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    found.study.enqueue_trial({"x": 0}, user_attrs={"slot": "0"})  # two revived it at once
    found.study.enqueue_trial({"x": 0}, user_attrs={"slot": "0"})
    first = found.claim(lambda row: row.number == 1)
    assert first is None  # row 0 comes before it
    trial = found.claim()
    assert trial is not None and trial.number == 0
    found.complete(trial, 0.0, {})
    assert found.claim() is None
    assert states(found) == {"0": "complete"} and len(found.slots()["0"].rows) == 1


def test_rows_of_others_are_left_alone(tmp_path: Path) -> None:
    found = filled(tmp_path, 1)
    found.study.enqueue_trial({"y": 1})
    assert found.claim() is not None and found.claim() is None
    assert list(states(found)) == ["0"]


@pytest.mark.parametrize("attr", ["", "a/b", "x/y/z"])
def test_nonsense_for_a_worker_is_no_proof_of_death(attr: str) -> None:
    assert not people.gone(attr)
