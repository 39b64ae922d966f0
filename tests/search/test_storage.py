"""A database that is away is waited for; one that cannot be meant is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from search_tiny import filled, store
from sqlalchemy.exc import OperationalError

from latens.errors import RunError, UsageError
from latens.search import storage as stores
from latens.search.heartbeat import Heartbeat

SECRET = "postgresql://ann:hush@db/latens"


class Locked(sqlite3.OperationalError):
    """What SQLite says while another process writes."""


def failing(times: int, error: Exception) -> Any:
    left = [times]

    def call() -> str:
        if left[0]:
            left[0] -= 1
            raise OperationalError("select", {}, error)
        return "answer"

    return call


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PAUSES", (0.01, 0.01))


def test_an_outage_is_waited_for(tmp_path: Path) -> None:
    found = store(tmp_path)
    locked = sqlite3.OperationalError("database is locked")
    assert found.outage_over < 0
    assert found.insist(failing(3, locked)) == "answer"
    assert found.outage_over > 0


def test_patience_has_an_end(tmp_path: Path) -> None:
    found = store(tmp_path)
    found.patience = 0.05
    with pytest.raises(RunError, match="answer from the storage sqlite") as caught:
        found.insist(failing(10_000, sqlite3.OperationalError("database is locked")))
    assert caught.value.code == "no-storage" and "locked" in caught.value.message


def test_a_mistake_of_ours_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(OperationalError):
        store(tmp_path).insist(failing(1, sqlite3.OperationalError("no such table")))


def test_every_call_of_optuna_that_asks_the_server_is_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, asked = filled(tmp_path, 1), []
    insist = stores.Storage.insist

    def counted(self: Any, call: Any) -> Any:
        asked.append(call)
        return insist(self, call)

    monkeypatch.setattr(stores.Storage, "insist", counted)
    trial = found.claim()
    assert trial is not None
    before = len(asked)
    trial.report(1.0, 1)
    trial.set_user_attr("a", 1)
    trial.suggest_float("y", 0, 1)
    found.storage.record_heartbeat(trial._trial_id)
    found.complete(trial, 1.0, {})
    assert len(asked) >= before + 5


@pytest.mark.parametrize("url", ["trials.db", "", "nosuch://host/db", "postgresql"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(UsageError, match=r"URL of a database|Python package"):
        stores.connect(url)


def test_a_database_whose_driver_is_missing() -> None:
    with pytest.raises(UsageError, match="Python package for mysql") as caught:
        stores.connect("mysql+oursql://host/db")
    assert caught.value.code in ("no-driver", "bad-storage")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="answer from the storage") as caught:
        stores.connect(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    assert caught.value.code == "no-storage"


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setattr(stores, "FIRST_PATIENCE", 0.1)
    with pytest.raises(RunError, match="got none: ") as caught:
        stores.connect("postgresql://ann:hush@127.0.0.1:1/latens")
    assert caught.value.code == "no-storage" and "hush" not in str(caught.value)


def test_passwords_are_not_shown() -> None:
    assert stores.shown(SECRET) == "postgresql+psycopg://ann:***@db/latens"
    assert stores.has_password(SECRET) and not stores.has_password("sqlite:///x.db")


def test_a_relative_file_is_the_same_file_from_everywhere(tmp_path: Path) -> None:
    assert stores.parsed("sqlite:///x.db").database == str(Path("x.db").absolute())
    assert stores.sqlite_url(tmp_path / "a b.db").endswith("/a b.db")


def test_a_heart_beats_until_the_work_is_done(tmp_path: Path) -> None:
    found = filled(tmp_path, 1, heartbeat=1)
    trial = found.claim()
    assert trial is not None
    beats: list[int] = []
    found.storage.record_heartbeat = beats.append  # type: ignore[method-assign]
    found.storage.heartbeat_interval = 0  # as often as it can
    with Heartbeat(found.storage, trial._trial_id) as heart:
        heart._stop.wait(0.2)
    assert set(beats) == {trial._trial_id}
    assert not heart._thread.is_alive()
