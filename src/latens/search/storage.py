"""Where the trials of a search are kept: a SQLite file, or a database that many machines reach.

A server that is restarted in the middle is waited for: each call is tried again until it answers,
for `PATIENCE` seconds. All calls but one may be repeated without harm; `create_new_trial` may add
a trial twice, and `latens.search.queue` runs only the first of two.
"""

from __future__ import annotations

import threading
import time
import warnings
import weakref
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FunctionType
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.event import listens_for
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    PendingRollbackError,
    SQLAlchemyError,
)

from latens.errors import RunError, UsageError

PATIENCE = 600.0  # seconds
FIRST_PATIENCE = 20.0  # a wrong address should not be believed for long
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds between tries, the last one again and again
HEARTBEAT = 30  # seconds
GRACE = 4  # heartbeats that are missed before a worker is taken for dead
LOCK_SECONDS = 60  # how long SQLite waits for another process that writes
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
optuna.logging.set_verbosity(optuna.logging.ERROR)  # what happens is told by latens


class Storage(RDBStorage):
    """Optuna's storage in a database, which outlives restarts of its server.

    `outage_over` is when the last outage ended, by `time.monotonic`.
    """

    def __init__(self, url: URL) -> None:
        self.patience, self.outage_over = FIRST_PATIENCE, -float("inf")
        self._here = threading.local()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(
                url.render_as_string(hide_password=False),
                engine_kwargs={"pool_pre_ping": True, "connect_args": _arguments(url)},
                heartbeat_interval=HEARTBEAT,
                grace_period=HEARTBEAT * GRACE,
            )
        if url.get_backend_name() == "sqlite":
            _one_at_a_time(self.engine)
        self.patience = PATIENCE
        weakref.finalize(self, self.engine.dispose)  # connections are closed, not dropped

    def beat_every(self, seconds: int) -> None:
        """How often a worker says that it is alive."""
        self.heartbeat_interval, self.grace_period = seconds, seconds * GRACE

    @property
    def silence(self) -> int:
        """Seconds without a heartbeat after which a worker is taken for dead."""
        return self.grace_period or HEARTBEAT * GRACE

    def insist(self, call: Callable[[], Any]) -> Any:
        """Call until the server answers. Raises `RunError` if it does not for too long."""
        if getattr(self._here, "insisting", False):  # one patience, not one inside the other
            return call()
        self._here.insisting = True
        try:
            return self._insist(call)
        finally:
            self._here.insisting = False

    def _insist(self, call: Callable[[], Any]) -> Any:
        began, tries = time.monotonic(), 0
        while True:
            try:
                found = call()
            except (SQLAlchemyError, StorageInternalError) as error:
                if not _passes(error):
                    raise
                if time.monotonic() - began > self.patience:
                    raise _gone(self.engine.url, error) from error
                time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
                continue
            if tries:
                self.outage_over = time.monotonic()
            return found


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Storage, *args: Any, **kwargs: Any) -> Any:
        return self.insist(lambda: method(self, *args, **kwargs))

    return call


_ASKING = ("get_", "set_", "create_", "record_", "_get_", "_set_", "_create_")
for _name, _method in list(vars(RDBStorage).items()):
    if isinstance(_method, FunctionType) and _name.startswith(_ASKING):
        setattr(Storage, _name, _patient(_method))


def connect(url: str) -> Storage:
    """Open the storage at `url`; tables are made where there are none.

    Raises `UsageError` for a URL that cannot be meant, `RunError` if nobody answers there.
    """
    address = parsed(url)
    began = time.monotonic()
    while True:
        try:
            return Storage(address)
        except (ImportError, NoSuchModuleError) as error:
            raise _no_driver(address) from error
        except RuntimeError as error:  # tables of another version of Optuna
            raise _other_version(address, error) from error
        except (SQLAlchemyError, StorageInternalError) as error:
            # Two who make the tables at once are in each other's way; the second try finds them.
            over = time.monotonic() - began > FIRST_PATIENCE
            if over or (address.get_backend_name() == "sqlite" and not _passes(error)):
                raise _gone(address, error) from error
            time.sleep(PAUSES[1])


def parsed(url: str) -> URL:
    """The URL, with the driver that latens brings, and an absolute path to a SQLite file."""
    try:
        address = make_url(url)
        address.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            f"Expected the URL of a database for --storage; got {url!r}.",
            hint="For example postgresql://USER@HOST/DATABASE or sqlite:///trials.db.",
            code="bad-storage",
        ) from error
    address = address.set(drivername=DRIVERS.get(address.drivername, address.drivername))
    if address.get_backend_name() == "sqlite" and address.database:
        address = address.set(database=str(Path(address.database).absolute()))
    return address


def shown(url: str) -> str:
    """The URL without its password, for people and files."""
    return parsed(url).render_as_string(hide_password=True)


def has_password(url: str) -> bool:
    """Whether the URL names a password, which latens writes down nowhere."""
    return parsed(url).password is not None


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def _one_at_a_time(engine: Engine) -> None:
    """Let a transaction of SQLite begin only when no other is open.

    Optuna claims a trial by reading its state and then writing it. SQLite has no lock on a row, and
    Python's driver begins a transaction at the write alone: two workers would both read "waiting".
    """

    @listens_for(engine, "connect")
    def _leave_begin_to_us(connection: Any, _: object) -> None:
        connection.isolation_level = None

    @listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections that are open already are not of this kind


def _arguments(url: URL) -> dict[str, Any]:
    """For the driver. One time zone for all, because PostgreSQL writes heartbeats in local time."""
    if url.get_backend_name() == "sqlite":
        return {"timeout": LOCK_SECONDS}
    if url.drivername == "postgresql+psycopg":
        return {"options": "-c timezone=UTC", "connect_timeout": 10}
    return {}


def _passes(error: BaseException) -> bool:
    """Whether it may help to wait: the server is away, or another process writes to the file."""
    cause = error if isinstance(error, SQLAlchemyError) else error.__cause__
    if isinstance(cause, PendingRollbackError):  # Optuna went on after the server had gone
        return True
    if not isinstance(cause, DBAPIError):
        return False
    if "sqlite" in type(cause.orig).__module__:
        return "locked" in str(cause.orig) or "busy" in str(cause.orig)
    return cause.connection_invalidated or isinstance(
        cause, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError
    )


def _gone(url: URL, error: BaseException) -> RunError:
    reason = str(getattr(error, "orig", None) or error.__cause__ or error).strip()
    return RunError(
        f"Expected an answer from the storage {url.render_as_string(hide_password=True)}; "
        f"got none: {reason.splitlines()[0] if reason else type(error).__name__}",
        hint="Check the address, the server and the network; nothing that was stored is lost.",
        code="no-storage",
    )


def _no_driver(url: URL) -> UsageError:
    extra = url.get_backend_name() if url.drivername == DRIVERS["postgres"] else ""
    return UsageError(
        f"Expected the Python package for {url.drivername}; it is not installed.",
        hint="Install it with: pip install 'latens[postgres]'"
        if extra
        else "Install the package that SQLAlchemy names for it, or use postgresql:// or sqlite://.",
        code="no-driver",
    )


def _other_version(url: URL, error: RuntimeError) -> RunError:
    return RunError(
        f"Expected a storage that Optuna {optuna.__version__} can read at "
        f"{url.render_as_string(hide_password=True)}; its tables are of another version.",
        hint="Use the Optuna that made it, or upgrade it with 'optuna storage upgrade'.",
        code="other-storage",
    )
