"""How the texts of a command line become values; light, because help reads it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from latens.errors import UsageError

Effect = dict[str, Any]
"""An augmentation or corruption: `name` and, where it was said, `strength` (a number or a pair)."""


def size(text: str) -> tuple[int, int]:
    """``"28x32"`` to (28, 32), ``"32"`` to (32, 32). Raises `UsageError` if it is neither."""
    parts = text.lower().split("x")
    if len(parts) in (1, 2) and all(part.isdigit() and int(part) for part in parts):
        return int(parts[0]), int(parts[-1])
    raise UsageError(
        f"Expected a size such as 32 or 28x28 (height x width); got {text!r}.",
        hint="Use --size 32x32.",
        code="bad-size",
    )


def labels(text: str) -> int | None:
    """``"all"`` to None, ``"500"`` to 500. Raises `UsageError` for anything else."""
    if text == "all":
        return None
    if text.isdigit() and int(text):
        return int(text)
    raise UsageError(
        f"Expected a number of labels or 'all'; got {text!r}.",
        hint="Use --labels 500 or --labels all.",
        code="bad-labels",
    )


def numbers(text: str) -> tuple[int, ...]:
    """``"100,50"`` to (100, 50); empty text to (). Raises `UsageError` for anything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if all(part.isdigit() and int(part) for part in parts):
        return tuple(int(part) for part in parts)
    raise UsageError(
        f"Expected whole numbers separated by commas; got {text!r}.",
        hint="For example 100 or 100,50.",
        code="bad-numbers",
    )


def fractions(text: str) -> tuple[float, ...]:
    """``"0,0.2"`` to (0.0, 0.2). Raises `UsageError` for anything but numbers from 0 to 1."""
    try:
        found = tuple(float(part) for part in names(text))
    except ValueError:
        found = ()
    if found and all(0 <= number <= 1 for number in found):
        return found
    raise UsageError(
        f"Expected numbers from 0 to 1 separated by commas; got {text!r}.",
        hint="For example 0,0.2,0.4.",
        code="bad-numbers",
    )


def names(text: str) -> tuple[str, ...]:
    """``"pca, umap"`` to ("pca", "umap")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def keep(text: str) -> dict[str, int]:
    """``"bird=2500,deer=2500"`` to a mapping. Raises `UsageError` if it is not of this form."""
    from latens.data.subset import parse_keep  # numpy is not needed to show help

    return parse_keep(text)


def overrides(pairs: Sequence[str]) -> dict[str, str]:
    """``["encoder.up=transposed"]`` to a mapping. Raises `UsageError` without an equals sign."""
    found: dict[str, str] = {}
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(
                f"Expected FIELD=VALUE after --set; got {pair!r}.",
                hint="For example --set encoder.up=transposed.",
                code="bad-override",
            )
        found[field.strip()] = value.strip()
    return found


def effects(text: str | Sequence[str]) -> list[Effect]:
    """``"flip,affine=0.5"`` or ``["gaussian=0.1..0.5"]`` as names with strengths; "none" is none.

    Raises `UsageError` for a strength that is no number.
    """
    texts = [text] if isinstance(text, str) else text
    parts = [part.strip() for each in texts for part in each.split(",") if part.strip()]
    return [] if parts == ["none"] else [_effect(part) for part in parts]


def require_strength(effect: Effect) -> None:
    """Raise `UsageError` for a strength beyond 0 to 1, or a pair that is not from low to high."""
    strength = effect.get("strength")
    ends: list[Any] = list(strength) if isinstance(strength, list | tuple) else [strength]
    if not all(isinstance(end, int | float) for end in ends):
        return  # nothing was said; or no numbers, which the spec refuses by its field
    if not all(0 <= end <= 1 for end in ends) or sorted(ends) != ends:
        name, shown = effect["name"], "..".join(f"{end:g}" for end in ends)
        raise _bad_strength(str(name), f"{name}={shown}")


def _effect(part: str) -> Effect:
    name, equals, strength = part.partition("=")
    if not equals:
        return {"name": name.strip()}
    try:
        found = [float(end) for end in strength.split("..")]
    except ValueError:
        found = []
    if len(found) not in (1, 2):
        raise _bad_strength(name.strip(), part)
    effect = {"name": name.strip(), "strength": found[0] if len(found) == 1 else found}
    require_strength(effect)
    return effect


def _bad_strength(name: str, came: str) -> UsageError:
    example = name or "gaussian"
    return UsageError(
        f"Expected NAME=STRENGTH or NAME=LOW..HIGH, from 0 to 1; got {came!r}.",
        hint=f"For example {example}=0.3 or {example}=0..0.5.",
        code="bad-strength",
    )
