"""Members of a ZIP archive that may be damaged or hostile."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from latens.errors import DataError

BLOWN_UP = 200  # times the packed size, above which a member is a bomb; Keras does not compress
FREE = 1 << 24
CHUNK = 1 << 20
_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)


@contextmanager
def member(file: Path, name: str) -> Iterator[Path]:
    """A member of an archive, unpacked into a file that is gone after the block.

    Raises `DataError`: ``damaged-file`` if it is missing or does not unpack, ``too-large`` if it
    would grow beyond belief.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "member"
        try:
            with zipfile.ZipFile(file) as archive, place.open("wb") as out:
                _unpack(archive, name, out)
        except KeyError as error:
            raise _damaged(file, f"{name} is missing") from error
        except _ERRORS as error:
            if isinstance(error, DataError):
                raise
            raise _damaged(file, f"{name} does not unpack") from error
        yield place


def names(file: Path) -> list[str]:
    """The members of an archive. Raises `DataError` (``damaged-file``) if it is not readable."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except _ERRORS as error:
        raise _damaged(file, "the list of its parts cannot be read") from error


def _unpack(archive: zipfile.ZipFile, name: str, out: IO[bytes]) -> None:
    limit = max(FREE, BLOWN_UP * archive.getinfo(name).compress_size)
    with archive.open(name) as packed:
        while piece := packed.read(CHUNK):
            out.write(piece)
            if out.tell() > limit:
                raise DataError(
                    f"Expected parts that unpack to a usual size; {name} grows more than "
                    f"{BLOWN_UP} times.",
                    hint="No Keras file is like that: get it anew from where it came from.",
                    code="too-large",
                )


def _damaged(file: Path, why: str) -> DataError:
    return DataError(
        f"Expected a whole Keras file; of {file.name}, {why}.",
        hint="Copy or save it again: it may have been cut off.",
        code="damaged-file",
    )
