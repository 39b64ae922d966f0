"""Unpickle arrays, strings, numbers and containers, and nothing else.

A pickle is a program that may call anything it can name. Here a name leads to one of three
harmless stand-ins of ours, never to NumPy's own functions; the arrays are built afterwards from
the recorded bytes. Every other name is refused before anything is called.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from typing import Any

import numpy as np

from latens.errors import DataError

_NUMBERS = re.compile(r"[|<>=]?[uifb][1248]")


def loads(content: bytes, name: str) -> Any:
    """What `content` describes: dict, list, tuple, str, bytes, numbers, arrays of numbers.

    Raises `DataError` (``unsafe-pickle``) if it asks for anything else, (``truncated``) if it is
    damaged. Text of Python 2 comes as bytes.
    """
    try:
        return _finished(_Unpickler(io.BytesIO(content), encoding="bytes").load())
    except DataError as error:
        raise DataError(
            f"{error.message[:-1]} ({name}).", hint=error.hint, code=error.code
        ) from None
    except Exception as error:  # a damaged pickle fails in many ways
        raise DataError(
            f"Expected a complete pickle; {name} is damaged ({type(error).__name__}: {error}).",
            hint="Copy or download it again.",
            code="truncated",
        ) from error


class _Dtype:
    """Stands for numpy.dtype: remembers which one, and its byte order."""

    def __init__(self, kind: Any = "", *_: Any) -> None:
        self.kind = kind.decode("ascii") if isinstance(kind, bytes) else str(kind)
        self.order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else str(order)

    def dtype(self) -> np.dtype[Any]:
        if not _NUMBERS.fullmatch(self.order + self.kind):
            raise _refused(f"an array of {self.order}{self.kind}")
        return np.dtype(self.order + self.kind)


class _Array:
    """Stands for numpy.ndarray: remembers shape, type and bytes."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> np.ndarray[Any, Any]:
        _, shape, kind, fortran, raw = self.state
        if not isinstance(kind, _Dtype) or not isinstance(raw, bytes):
            raise _refused("an array of objects")
        dtype = kind.dtype()
        if len(raw) != math.prod(shape) * dtype.itemsize:
            raise ValueError("an array's bytes do not fill its shape")
        return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


def _encoded(text: str, encoding: str) -> bytes:
    """Stands for codecs.encode, by which Python 3 writes bytes in old protocols."""
    if encoding != "latin1":
        raise _refused(f"the encoding {encoding}")
    return text.encode("latin-1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("_codecs", "encode"): _encoded,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise _refused(f"{module}.{name}")
        return _STAND_INS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _refused("an object stored elsewhere")


def _finished(value: Any) -> Any:
    """`value` with arrays in place of their stand-ins; other stand-ins are refused."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, dict):
        return {_finished(key): _finished(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_finished(item) for item in value)
    if value is None or isinstance(value, (str, bytes, int, float)):
        return value
    raise _refused(f"a {type(value).__name__}")


def _refused(what: str) -> DataError:
    return DataError(
        f"Expected a pickle of arrays, strings and numbers only; it asks for {what}.",
        hint="Such a file could run code: do not use it. Get the binary version of the data.",
        code="unsafe-pickle",
    )
