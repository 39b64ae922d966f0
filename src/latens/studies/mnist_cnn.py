"""Which parts of a small convolutional network matter on MNIST?

Report 3 went in three rounds: filters (32, 64, 128), then the width of a dense layer (32, 64, 128),
then dropout (0.5, 0.65, 0.8), and ended at 98.89 %. Here the rounds are the same, each built on the
best of the one before by validation, with seeds and intervals; then the report's final network, and
latens' own, learn from all images.

    latens study run mnist-cnn --scale quick --workers 2 --precision bfloat16

Quick: about 17 minutes on 2 cores with matrix units for bfloat16, 3 seeds; the rounds use 1,000
images a class. Expected: differences of about a point within a round, where the report found none;
latens' own network above 99.4 %.
"""

from __future__ import annotations

from typing import Any

from latens.studies._study import (
    Arm,
    Chosen,
    Contrast,
    Plan,
    Reported,
    Scale,
    Study,
    best,
    by_scale,
    contrasts_with,
)

FILTERS, WIDTHS, DROPOUTS = (32, 64, 128), (32, 64, 128), (0.5, 0.65, 0.8)
FIRST = DROPOUTS[0]  # of the first two rounds, so that it need not be trained again in the third
FEW = {str(digit): 1000 for digit in range(10)}


def _plan(scale: Scale, so_far: Chosen) -> Plan:
    counts = by_scale(scale, (4, 8), FILTERS, FILTERS)
    first = [_arm(scale, f"{f} filters", "round 1: filters", filters=f) for f in counts]
    names = [arm.name for arm in first]
    filters = dict(zip(names, counts, strict=True)).get(_best(first, so_far), counts[0])
    second = [
        _arm(scale, f"dense layer of {w}", "round 2: dense layer", filters=filters, hidden=(w,))
        for w in WIDTHS
    ]
    width = dict(zip([a.name for a in second], WIDTHS, strict=True)).get(_best(second, so_far), 32)
    third = [
        _arm(scale, f"dropout {d}", "round 3: dropout", filters=filters, hidden=(width,), drop=d)
        for d in DROPOUTS[1:]
    ]
    if not _best(first, so_far):
        return Plan(first)
    if not _best(second, so_far):
        return Plan([*first, *second])
    usual = next(arm for arm in second if arm.name == _best(second, so_far))
    dropped = dict(zip([arm.name for arm in (usual, *third)], DROPOUTS, strict=True))
    if not _best(third, so_far):
        return Plan([*first, *second, *third])
    drop = dropped[_best([usual, *third], so_far)]
    last = [
        _arm(scale, "the rounds' best", "all images", filters=filters, hidden=(width,), drop=drop,
             epochs=by_scale(scale, 1, 2, 12), few=False),
        Arm("latens' own", "classify", {"epochs": by_scale(scale, 2, 6, 12)}, group="all images"),
    ]  # fmt: skip
    contrasts = [
        *contrasts_with(first[0].name, [a.name for a in first]),
        Contrast(second[0].name, _best(first, so_far)),
        *contrasts_with(second[0].name, [a.name for a in second]),
        *contrasts_with(usual.name, [a.name for a in third]),
        Contrast("latens' own", "the rounds' best"),
    ]
    return Plan([*first, *second, *third, *last], contrasts)


def _best(arms: list[Arm], so_far: Chosen) -> str:
    return best([arm.name for arm in arms], so_far) or ""


def _arm(
    scale: Scale, name: str, group: str, *, filters: int, hidden: tuple[int, ...] = (),
    drop: float = FIRST, epochs: int | None = None, few: bool = True,
) -> Arm:  # fmt: skip
    options: dict[str, Any] = {
        "mode": "scratch", "augment": False, "hidden": hidden, "dropout": drop,
        "epochs": epochs or by_scale(scale, 2, 3, 12),
        "overrides": {
            "encoder": {
                "kind": "conv", "encoder_filters": [filters, filters],
                "decoder_filters": [filters], "down_after": [1], "dropout": drop / 2,
                "batch_norm": False,
            },
            "head.pool": "flatten",
        },
    }  # fmt: skip
    if few and scale == "quick":
        options["keep"] = FEW
    return Arm(name, "classify", options, group=group)


STUDY = Study(
    question="Which of filters, dense layer and dropout matters for a small convolutional network?",
    source="report 3, part 3",
    data="mnist",
    metric="accuracy",
    plan=_plan,
    seeds={"smoke": 2, "quick": 3, "full": 5},
    reported=(Reported("report 3: final network", "98.89%", "the rounds' best"),),
    remarks=(
        "The first two rounds have a dropout of 0.5, so that the third begins with the best of the "
        "second.",
        "The report found no noticeable difference between 32, 64 and 128 filters, nor between "
        "dropouts, from one training each; the intervals here say how large a difference could "
        "have hidden.",
    ),
    minutes=17,
)
