"""A thread that says every few seconds that the worker of a trial is alive.

Optuna's own ends with an error when the server is restarted, and its trial is then given away.
"""

from __future__ import annotations

import threading
from types import TracebackType

from latens.errors import LatensError
from latens.search.storage import Storage

ENOUGH = 5.0  # seconds to wait for the thread, which may be waiting for the server itself


class Heartbeat:
    """While open, the trial's heartbeat is recorded."""

    def __init__(self, storage: Storage, trial_id: int) -> None:
        self._storage, self._trial_id = storage, trial_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(ENOUGH)

    def _beat(self) -> None:
        interval = self._storage.get_heartbeat_interval()
        try:
            while not self._stop.wait(interval):
                self._storage.record_heartbeat(self._trial_id)
        except LatensError:
            pass  # the training itself will say that the storage is gone
        finally:
            self._storage.remove_session()
