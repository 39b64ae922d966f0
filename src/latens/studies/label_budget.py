"""When does pretraining pay? Labels, objectives and ways of reusing the encoder.

No report asked it, and all of them need it. For MNIST and Fashion-MNIST: 50 labels to all, an
encoder pretrained to reconstruct, to denoise or to fill in masked patches, reused frozen or in two
phases, each against the same network from scratch on the same labels with the same updates and the
same augmentation.

    latens study run label-budget --scale quick --workers 2 --precision bfloat16

Quick: about 19 minutes on 2 cores with matrix units for bfloat16, 3 seeds; 50 and 1,000 labels for
300 updates, and all of them for two epochs, which is 422. Expected: on digits a frozen encoder is
worse, most surely with all labels; on clothes gains of some points at 50 labels, all of them within
the noise of 3 seeds, and losses with all labels.
"""

from __future__ import annotations

from typing import Any

from latens.studies._study import Arm, Chosen, Contrast, Plan, Scale, Study, by_scale

DATA = ("mnist", "fashion-mnist")
MODES = ("frozen", "two-phase")
ONCE = {"train.validate_every": 10_000}
"""Validate after the last epoch alone, whose weights are kept: with few labels an epoch is a step
or two, and the 6,000 validation images would take much of the time."""
OBJECTIVES: dict[str, dict[str, Any]] = {
    "reconstruct": {},
    "denoise": {"objective": "denoise", "noise": "salt-pepper=0.4"},
    "masked": {"objective": "masked"},
}


def _plan(scale: Scale, _: Chosen) -> Plan:
    data = by_scale(scale, DATA[:1], DATA, DATA)
    budgets: tuple[int | None, ...] = by_scale(
        scale, (50,), (50, 1000, None), (50, 100, 500, 1000, 5000, None)
    )
    arms, contrasts = [], []
    for name in data:
        encoders = {objective: _encoder(scale, name, objective) for objective in OBJECTIVES}
        arms += list(encoders.values())
        for budget in budgets:
            control = _classifier(scale, name, "scratch", budget, None)
            arms.append(control)
            for objective, encoder in encoders.items():
                for mode in MODES:
                    arm = _classifier(scale, name, mode, budget, (objective, encoder))
                    arms.append(arm)
                    contrasts.append(Contrast(arm.name, control.name))
    return Plan(arms, contrasts)


def _encoder(scale: Scale, data: str, objective: str) -> Arm:
    options = {**OBJECTIVES[objective], "epochs": by_scale(scale, 1, 2, 20), "overrides": ONCE}
    return Arm(f"{data}: {objective}", "pretrain", options, group="pretraining", data=data)


def _classifier(
    scale: Scale, data: str, mode: str, budget: int | None, pretrained: tuple[str, Arm] | None
) -> Arm:
    what = f"{pretrained[0]}, {mode}" if pretrained else "scratch"
    labels = f"{budget:,} labels" if budget else "all labels"
    options: dict[str, Any] = {
        "mode": mode, "labels": budget, "augment": "affine", "overrides": ONCE,
    }  # fmt: skip
    if scale == "smoke" or (scale == "quick" and budget is None):
        options |= {"epochs": 2, "batch_size": 256}
    encoder = pretrained[1].name if pretrained else f"{data}: reconstruct"
    return Arm(
        f"{data}, {labels}: {what}", "classify", options,
        encoder=encoder, group=f"{data}, {labels}", data=data,
    )  # fmt: skip


STUDY = Study(
    question="When does pretraining pay: at how many labels, with which objective and mode?",
    source="all reports",
    data="mnist",
    metric="accuracy",
    plan=_plan,
    seeds={"smoke": 2, "quick": 3, "full": 5},
    remarks=(
        "Every cell has the same network, label draw, number of updates and augmentation in both "
        "arms, and p-values are corrected over all cells (Holm).",
        "At the quick scale all labels are learned for two epochs in batches of 256, about as many "
        "updates as few labels get, which is kind to what learns fastest.",
    ),
    minutes=19,
)
