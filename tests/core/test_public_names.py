"""No room may take the name of something that `import latens` offers."""

from __future__ import annotations

from pathlib import Path

import latens


def test_no_room_or_file_hides_a_public_name() -> None:
    room = Path(latens.__file__).parent
    taken = {place.stem for place in room.iterdir() if place.suffix in ("", ".py")}
    assert not taken & set(latens.__all__)
