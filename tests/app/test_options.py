"""One table of options: it fits the specs, and what would have no effect is refused."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from app_tiny import digits

import latens
from latens import choices, recipes, spec, transfer
from latens.app import options, settings, texts
from latens.app.classify import planned
from latens.app.sharing import divided
from latens.errors import UsageError

BUNDLES = {
    latens.pretrain: settings.PretrainOptions,
    latens.classify: settings.ClassifyOptions,
    latens.compare: settings.CompareOptions,
}
ROOMS: dict[str, tuple[Any, ...]] = {
    "data": (spec.DataSpec,),
    "train": (spec.TrainSpec,),
    "phases": (spec.PhaseSpec,),
    "head": (spec.HeadSpec,),
    "encoder": get_args(get_args(spec.EncoderSpec)[0]),
    "objective": get_args(get_args(spec.ObjectiveSpec)[0]),
}
ALL = [
    pytest.param(name, setting, id=f"{bundle.__name__}-{name}")
    for bundle in BUNDLES.values()
    for name, (_, setting) in settings.table(bundle).items()
]


@pytest.mark.parametrize(("name", "setting"), ALL)
def test_an_option_sets_a_field_that_there_is(name: str, setting: settings.Setting) -> None:
    place = setting.at or setting.needs
    if not place:
        return
    room, field = place.split(".")
    having = [s.model_fields[field] for s in ROOMS[room] if field in s.model_fields]
    assert having, f"no spec has {place}"
    if setting.shown.replace(".", "").isdigit():
        assert setting.shown in {shown(f.default) for f in having}


def shown(default: Any) -> str:
    """A default as help shows it: 128, 0.5, and the only width of several."""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_every_command_takes_the_training_options() -> None:
    shared = set(settings.table(settings.TrainingOptions))
    for function, bundle in BUNDLES.items():
        assert shared <= set(settings.table(bundle)) <= set(inspect.signature(function).parameters)
        assert "early_stopping: " in (function.__doc__ or "")


@pytest.mark.parametrize("function", BUNDLES, ids=lambda function: function.__name__)
def test_a_misspelt_keyword_is_told_with_the_nearest(function: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'batchsize'") as caught:
        function(digits(), out=tmp_path / "x", batchsize=3)
    assert caught.value.code == "unknown-keyword" and "batch_size" in caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("gaussian=0.3", "corruption", [{"name": "gaussian", "strength": 0.3}]),
        (["salt_pepper=0..0.5"], "corruption", [{"name": "salt-pepper", "strength": [0, 0.5]}]),
        ({"gaussian": (0.1, 0.5)}, "corruption", [{"name": "gaussian", "strength": (0.1, 0.5)}]),
        ([spec.CorruptSpec(name="mask", strength=1.0)], "corruption",
         [{"name": "mask", "strength": 1.0}]),
        ("flip,affine=0.5", "augmentation",
         [{"name": "flip"}, {"name": "affine", "strength": 0.5}]),
        ("none", "augmentation", []),
        (False, "augmentation", []),
        (True, "augmentation", [{"name": "flip", "strength": 1.0}]),
    ],
)  # fmt: skip
def test_forms_of_noise_and_augmentation(value: Any, kind: str, expected: Any) -> None:
    usual = [spec.AugmentSpec(name="flip")]
    assert options.effects(value, kind, usual) == expected


@pytest.mark.parametrize(
    ("value", "kind", "code", "hint"),
    [
        ("flip", "corruption", "not-corruption", "--augment flip"),
        ("gaussian", "augmentation", "not-augmentation", "--noise gaussian"),
        ("gausian", "corruption", "unknown-corruption", "gaussian"),
        ("gaussian=much", "corruption", "bad-strength", "gaussian=0.3"),
        ([3], "corruption", "bad-strength", "gaussian"),
        ("salt-pepper=3", "corruption", "bad-strength", "salt-pepper=0..0.5"),
        ("gaussian=0.5..0.1", "corruption", "bad-strength", "gaussian=0..0.5"),
        ({"gaussian": (0.5, 0.1)}, "corruption", "bad-strength", "gaussian=0..0.5"),
        ({"flip": -1}, "augmentation", "bad-strength", "flip=0.3"),
    ],
)
def test_noise_that_cannot_be_meant(value: Any, kind: str, code: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        options.effects(value, kind)
    assert caught.value.code == code and hint in caught.value.hint


def test_a_size_may_be_one_number() -> None:
    one, two = ({"size": size, "epochs": 1} for size in (28, (28, 28)))
    assert options.given(one, settings.PretrainOptions) == options.given(
        two, settings.PretrainOptions
    )


def test_texts_of_the_command_line() -> None:
    assert texts.size("28x32") == (28, 32) and texts.size("8") == (8, 8)
    assert texts.labels("all") is None and texts.labels("50") == 50
    assert texts.numbers("100, 50") == (100, 50) and texts.numbers("") == ()
    assert texts.keep("a b=3") == {"a b": 3}
    assert texts.overrides(["encoder.up = transposed"]) == {"encoder.up": "transposed"}


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"mask_share": 0.4}, "--objective masked"),
        ({"objective": "vae", "loss": "mse"}, "reconstruct or denoise or masked"),
        ({"objective": "reconstruct", "noise": "gaussian"}, "--objective denoise"),
        ({"objective": "denoise", "beta": 2.0}, "--objective vae"),
        ({"network": "residual", "tied": True}, "--network conv or mlp"),
        ({"network": "residual", "kernel_size": 3}, "--network conv"),
    ],
)
def test_options_of_another_objective_or_network(
    asked: dict[str, Any], hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        latens.pretrain(digits(), out=tmp_path / "ae", **asked)
    assert caught.value.code == "without-effect" and hint in caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"reconstruct_weight": 2.0}, "--objective joint"),
        ({"head_filters": (4,)}, "--head conv1d"),
        ({"network": "mlp", "filters": 4}, "--network conv"),
    ],
)
def test_options_of_another_head_or_objective(
    asked: dict[str, Any], hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        latens.classify(digits(), out=tmp_path / "clf", **asked)
    assert caught.value.code == "without-effect" and hint in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"filters": 8}, "--filters"), ({"recipe": "one-epoch"}, "that of one-epoch")],
)
def test_a_network_beside_an_encoder_is_refused(
    asked: dict[str, Any], told: str, pretrained: latens.PretrainResult, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        latens.classify(digits(), encoder=pretrained.run, out=tmp_path / "clf", **asked)
    assert caught.value.code == "without-effect"
    assert not list(tmp_path.glob("clf*"))


@pytest.mark.parametrize("optimizer", get_args(choices.Optimizer))
def test_every_optimiser_has_its_recipe(optimizer: choices.Optimizer) -> None:
    assert recipes.RATES[optimizer] > 0
    # what a decoupled decay takes off a weight each step stays small
    assert recipes.RATES[optimizer] * recipes.WEIGHT_DECAY[optimizer] <= 1e-4


def test_data_overrides_reach_the_images(tmp_path: Path) -> None:
    found = latens.pretrain(
        digits(), overrides={"data.size": "[12, 10]"}, epochs=1, threads=1, report=False,
        out=tmp_path / "ae",
    )  # fmt: skip
    assert found.pixels == 120


def test_options_of_a_comparison_go_where_they_belong() -> None:
    shared: dict[str, Any] = {
        "objective": "denoise", "filters": 8, "head": "conv1d", "batch_size": 16, "epochs": 3,
        "pretrain_epochs": 2, "augment": "none", "size": (8, 8), "seed": 4,
        "overrides": {"encoder.up": "transposed", "head.pool": "mean", "train.keep": "last"},
    }  # fmt: skip
    before, after = divided(shared, {"latent": 4}, {"batch_size": 32})
    assert before == {
        "objective": "denoise", "filters": 8, "batch_size": 16, "epochs": 2, "size": [8, 8],
        "latent": 4, "overrides": {"encoder.up": "transposed", "train.keep": "last"},
    }  # fmt: skip
    assert after == {
        "head": "conv1d", "batch_size": 32, "epochs": 3, "augment": "none",
        "overrides": {"head.pool": "mean", "train.keep": "last"},
    }  # fmt: skip
    with pytest.raises(UsageError, match="'mode'"):
        divided({}, {}, {"mode": "frozen"})


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, ("muon", 0.03, 0.1)),
        ({"weight_decay": 0.5, "label_smoothing": 0.0}, ("muon", 0.5, 0.0)),
        ({"optimizer": "adamw"}, ("adamw", recipes.WEIGHT_DECAY["adamw"], 0.1)),
        ({"optimizer": "adam", "label_smoothing": 0.2}, ("adam", 0.0, 0.2)),
    ],
)
def test_small_photographs_are_held_back_unless_another_is_asked(
    asked: dict[str, Any], wanted: tuple[str, float, float]
) -> None:
    planned_spec, _ = planned(photographs(), **asked)
    (phase,) = planned_spec.phases
    smoothing = getattr(planned_spec.objective, "label_smoothing", None)
    assert (phase.optimizer, phase.weight_decay, smoothing) == wanted


def photographs() -> tuple[np.ndarray, np.ndarray]:
    """Sixty of 8x8 pixels in colour, of two classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    return pixels, np.arange(60) % 2


def test_phases_and_modes_agree_on_what_fits() -> None:
    training: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.1}
    for mode in get_args(choices.Mode):
        found = transfer.phases(mode, epochs=5, **training)
        assert sum(phase.epochs for phase in found) == 5
    joint = transfer.phases("two-phase", epochs=3, joint=True, **training)
    assert [p.groups for p in joint] == [("decoder", "head"), ("encoder", "decoder", "head")]
    with pytest.raises(UsageError) as caught:
        transfer.phases("two-phase", epochs=1, **training)
    assert caught.value.code == "too-few-epochs"
    with pytest.raises(UsageError) as caught:
        transfer.phases("frozen", epochs=3, joint=True, **training)
    assert caught.value.code == "without-effect"
