"""No pickle runs code, whatever it asks for."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from latens.data.load import load
from latens.data.safe_pickle import loads
from latens.errors import DataError


class Evil:
    """Unpickled by an ordinary unpickler, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_batch_is_refused_before_it_acts(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({"data": Evil(trace), "labels": [1]}))
    with pytest.raises(DataError, match="mkdir") as caught:
        load(tmp_path / "data_batch_1")
    assert caught.value.code == "unsafe-pickle" and not trace.exists()
    pickle.loads((tmp_path / "data_batch_1").read_bytes())
    assert trace.exists()  # so the pickle was indeed a dangerous one


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}], object),
        np.array(["2020"], "M8[s]"),
        np.array([(1,)], [("a", "i4")]),
        collections.OrderedDict(a=1),
        np.dtype("u1"),
        print,
    ],
)
def test_everything_else_is_refused(value: object) -> None:
    with pytest.raises(DataError) as caught:
        loads(pickle.dumps(value, protocol=2), "x")
    assert caught.value.code == "unsafe-pickle"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["u1", "<i8", ">f4", "b1"])
@pytest.mark.parametrize("protocol", [1, 2, 3, 4])
def test_arrays_come_back(order: str, kind: str, protocol: int) -> None:
    values = np.asarray(np.arange(6).reshape(2, 3).astype(kind), order=order)  # type: ignore[call-overload]
    data = pickle.dumps({"a": [values, "text", 1.5, None, True, (b"x",)]}, protocol=protocol)
    got = loads(data, "x")
    first = next(iter(got.values()))
    assert np.array_equal(first[0], values) and first[0].dtype == values.dtype


def test_a_damaged_pickle_is_told() -> None:
    whole = pickle.dumps({"data": np.zeros(9, np.uint8)}, protocol=2)
    for cut in range(1, len(whole)):
        with pytest.raises(DataError):
            loads(whole[:cut], "x")
