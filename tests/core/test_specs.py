"""Specs: they survive JSON, refuse what they do not know, and name the field to change."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from core_tiny import RUN_SPEC, run_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from latens import catalog, recipes, transfer
from latens.errors import LatensError, UsageError, unknown_name
from latens.nn.model import build
from latens.spec import (
    ClassifySpec,
    ConvSpec,
    DataSpec,
    EncoderSpec,
    HeadSpec,
    MLPSpec,
    Mode,
    ObjectiveSpec,
    Optimizer,
    Origin,
    PhaseSpec,
    RunSpec,
    Spec,
    TrainSpec,
    parse,
)

WIDTHS = st.lists(st.integers(1, 512), min_size=1, max_size=4).map(tuple)
CONV = st.builds(
    ConvSpec,
    encoder_filters=WIDTHS,
    decoder_filters=WIDTHS,
    down_after=st.just((1,)),
    kernel_size=st.integers(1, 9),
    latent=st.none() | st.integers(1, 99),
    dropout=st.floats(0, 0.99),
    batch_norm=st.booleans(),
)
MLP = st.builds(MLPSpec, hidden=WIDTHS, latent=st.integers(1, 99))
PHASES = st.builds(
    PhaseSpec,
    name=st.text(min_size=1, max_size=5),
    groups=st.sampled_from([("encoder",), ("encoder", "decoder")]),
    epochs=st.integers(1, 99),
    optimizer=st.sampled_from(get_args(Optimizer)),
    learning_rate=st.floats(1e-9, 1e3),
)
RUNS = st.builds(
    RunSpec,
    task=st.just("pretrain"),
    data=st.builds(
        DataSpec,
        source=st.text(),
        size=st.none() | st.tuples(st.integers(1, 99), st.integers(1, 99)),
        keep=st.dictionaries(st.text(), st.integers(1, 9), max_size=2),
        val_fraction=st.floats(0.01, 0.99),
    ),
    encoder=CONV | MLP,
    phases=st.lists(PHASES, min_size=1, max_size=2, unique_by=lambda p: p.name).map(tuple),
    train=st.builds(TrainSpec, seed=st.integers(0, 2**40), early_stopping=st.none() | st.just(3)),
    origin=st.none() | st.builds(Origin, run=st.text(), weights=st.text(), fingerprint=st.text()),
)


@given(RUNS)
@settings(max_examples=50, deadline=None)
def test_a_run_survives_json(spec: RunSpec) -> None:
    text = json.dumps(spec.model_dump(mode="json"), allow_nan=False)
    assert parse(RunSpec, json.loads(text)) == spec


def test_specs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        run_spec().train.seed = 3  # type: ignore[misc]


def test_registered_names_are_those_of_the_specs() -> None:
    """A file in the folder and a kind in the spec belong together."""
    for room, union in (("nn.networks", EncoderSpec), ("objectives", ObjectiveSpec)):
        kinds = {each.model_fields["kind"].default for each in get_args(get_args(union)[0])}
        assert kinds == set(catalog.names(room))


def wrong(kind: type[Spec], values: dict[str, Any]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(kind, values)
    assert (caught.value.code, caught.value.exit_code) == ("bad-spec", 2)
    assert caught.value.message.startswith("Expected ")
    return caught.value


PHASE = RUN_SPEC["phases"][0]


@pytest.mark.parametrize(
    "changes, field, words",
    [
        ({"encoder": {"kind": "conv", "filters": 3}}, "encoder.filters", "no such setting"),
        ({"sede": 3}, "sede", "no such setting"),
        ({"train": {"sede": 3}}, "train.sede", "no such setting"),
        ({"encoder": {"kind": "cnv"}}, "encoder.kind", "'conv', 'mlp'"),
        ({"encoder": {"kind": "conv", "kernel_size": 0}}, "encoder.kernel_size", "at least 1"),
        ({"encoder": {"kind": "mlp", "latent": "x"}}, "encoder.latent", "whole number"),
        ({"encoder": {"kind": "conv", "encoder_filters": []}},
         "encoder.encoder_filters", "at least"),
        ({"encoder": {"kind": "conv", "dropout": 1}}, "encoder.dropout", "below 1"),
        ({"encoder": {"kind": "conv", "activation": "rleu"}}, "encoder.activation", "'relu'"),
        ({"phases": []}, "phases", "at least 1"),
        ({"phases": [PHASE | {"epochs": 0}]}, "phases.0.epochs", "at least 1"),
        ({"phases": [PHASE, {"name": "b", "epochs": 1}]}, "phases.1.groups", "a value"),
        ({"phases": [PHASE | {"groups": ["tail"]}]}, "phases.0.groups.0", "'head'"),
        ({"phases": [PHASE | {"learning_rate": float("inf")}]}, "phases.0.learning_rate", "finite"),
        ({"phases": [PHASE | {"optimizer": "adan"}]}, "phases.0.optimizer", "'adam'"),
        ({"train": {"augment": [{"name": "f", "strength": 2}]}}, "train.augment.0.strength", "1"),
        ({"train": {"batch_size": 0}}, "train.batch_size", "at least 1"),
        ({"data": {}}, "data.source", "a value"),
        ({"data": {"source": "x", "channels": 5}}, "data.channels", "at most 4"),
        ({"data": {"source": "x", "val_fraction": 0.0}}, "data.val_fraction", "above 0"),
        ({"version": 2}, "version", "Expected 1"),
    ],
)  # fmt: skip
def test_the_field_to_change_is_named(changes: dict[str, Any], field: str, words: str) -> None:
    error = wrong(RunSpec, RUN_SPEC | changes)
    assert re.search(rf"for (\w+ \()?{re.escape(field)}\)?; got", error.message)
    assert words in error.message and "Input should" not in error.message
    assert error.hint.startswith("Change ")


@pytest.mark.parametrize(
    "encoder, words",
    [
        ({"down_after": [1, 6]}, "different blocks from 1 to 5; got (1, 6)"),
        ({"down_after": [2, 2]}, "different blocks from 1 to 5; got (2, 2)"),
        ({"decoder_filters": [8]}, "at least 2 blocks to undo down_after; got 1"),
        ({"kernel_size": [3, 3]}, "each of the 5 encoder blocks; got (3, 3)"),
    ],
)
def test_numbers_that_do_not_fit_each_other_are_told(encoder: dict[str, Any], words: str) -> None:
    error = wrong(RunSpec, RUN_SPEC | {"encoder": {"kind": "conv"} | encoder})
    assert words in error.message
    assert error.hint.startswith("Change one of them")
    assert words in wrong(ConvSpec, encoder).message


HEAD = {"hidden": [4]}
CLASSIFY = {"task": "classify", "objective": {"kind": "classify"}, "head": HEAD}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"phases": [PHASE | {"groups": ["head"]}]}, "'head'"),
        (CLASSIFY | {"phases": [PHASE | {"groups": ["decoder"]}]}, "'decoder'"),
        (CLASSIFY | {"head": None, "phases": [PHASE | {"groups": ["encoder"]}]}, "needs a head"),
        ({"objective": {"kind": "classify"}}, "must suit the task pretrain; got 'classify'"),
        (CLASSIFY | {"objective": {"kind": "reconstruct"}}, "must suit the task classify"),
        ({"phases": [PHASE, PHASE]}, "names of their own"),
    ],
)
def test_phases_move_what_there_is(changes: dict[str, Any], words: str) -> None:
    assert words in wrong(RunSpec, RUN_SPEC | changes).message


def test_a_long_input_is_not_repeated_in_the_message() -> None:
    error = wrong(RunSpec, RUN_SPEC | {"data": {"source": "x", "kepe": list(range(999))}})
    assert len(error.message) < 200


def test_kernels_one_a_block_or_one_for_all() -> None:
    assert ConvSpec(kernel_size=4).kernel(3) == 4
    spec = ConvSpec(encoder_filters=(1, 2, 3), kernel_size=(5, 3, 1))
    assert [spec.kernel(block) for block in range(3)] == [5, 3, 1]


def modes(epochs: int) -> dict[Mode, tuple[PhaseSpec, ...]]:
    return {
        mode: transfer.phases(
            mode, epochs=epochs, optimizer="muon", learning_rate=0.02,
            schedule="linear", weight_decay=0.1,
        )
        for mode in get_args(Mode)
    }  # fmt: skip


@pytest.mark.parametrize("epochs", [2, 3, 6, 20])
def test_every_mode_spends_the_same(epochs: int) -> None:
    assert {sum(p.epochs for p in phases) for phases in modes(epochs).values()} == {epochs}


def test_modes_are_lists_of_phases() -> None:
    groups = {mode: [(p.name, p.groups) for p in phases] for mode, phases in modes(6).items()}
    head, everything = ("head", ("head",)), ("all", ("encoder", "head"))
    assert groups == {
        "frozen": [head],
        "two-phase": [head, everything],
        "fine-tune": [everything],
        "scratch": [everything],
    }
    assert set(transfer.PRETRAINED) == set(groups) - {"scratch"}
    told = {(p.optimizer, p.learning_rate, p.schedule, p.weight_decay)
            for phases in modes(6).values() for p in phases}  # fmt: skip
    assert told == {("muon", 0.02, "linear", 0.1)}


def test_recipes_can_be_run() -> None:
    assert set(recipes.RATES) == set(get_args(Optimizer))
    for recipe in (recipes.DRAWN, recipes.PICTURED, recipes.CLOTHES, recipes.SMALL):
        assert {each.name for each in recipe.augment} <= set(catalog.names("corrupt"))
    assert recipes.encoder(64).latent == 64
    assert recipes.encoder(None).latent is None


@pytest.mark.parametrize(
    ("name", "shape", "mirrored"),
    [("mnist", (1, 28, 28), False), ("fashion-mnist", (1, 28, 28), True),
     ("images", (3, 32, 32), True), ("images", (3, 64, 64), True), ("digits", (1, 8, 8), False)],
)  # fmt: skip
def test_only_what_may_be_mirrored_is(
    name: str, shape: tuple[int, int, int], mirrored: bool
) -> None:
    fresh = recipes.classifier(name, shape)
    assert ("flip" in {each.name for each in fresh.augment}) is mirrored
    reused = recipes.classifier(name, shape, reused=True)
    assert reused.augment == fresh.augment
    assert (reused.optimizer, reused.schedule) == ("adamw", "one-cycle")
    assert (reused.weight_decay, reused.label_smoothing) == (recipes.WEIGHT_DECAY["adamw"], 0)
    assert build(fresh.encoder, shape, decoder=True).decoder is not None


@given(st.integers(0, 10**6), st.integers(1, 512))
def test_small_sets_get_more_epochs_but_never_fewer(images: int, batch: int) -> None:
    epochs = recipes.epochs(images, batch, 5, 800)
    assert epochs >= 5
    assert epochs * max(1, images // batch) >= 800


def test_names_come_from_the_folder() -> None:
    assert catalog.names("corrupt") == sorted(catalog.names("corrupt"))
    assert not any(name.startswith("_") for name in catalog.names("objectives"))
    assert catalog.load("corrupt", "flip").__name__ == "latens.corrupt.flip"


def test_an_unknown_name_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        catalog.load("objectives", "clasify")
    assert "reconstruct, vae); got 'clasify'" in caught.value.message
    assert caught.value.hint == "Did you mean classify?"
    assert caught.value.code == "unknown-objective"
    far = unknown_name("data set", "zzz", ["b", "a"])
    assert (far.hint, far.code) == ("Use one of these.", "unknown-data-set")
    assert str(far).count("a, b") == 1, "the list is told once"


def test_a_name_from_elsewhere_is_understood() -> None:
    known = ["learning_rate", "batch_size"]
    for name, other in (("lr", "learning_rate"), ("BS", "batch_size"), ("batchsize", "batch_size")):
        error = unknown_name("parameter", name, known, meant={"lr": known[0], "bs": known[1]})
        assert error.hint == f"Did you mean {other}?"
    gone = unknown_name("parameter", "lr", ["latent"], meant={"lr": "learning_rate"})
    assert "learning_rate" not in str(gone)


def test_errors_have_exit_codes_of_their_own() -> None:
    kinds = [LatensError, *LatensError.__subclasses__()]
    assert {kind.__name__: kind.exit_code for kind in kinds} == {
        "LatensError": 1, "UsageError": 2, "DataError": 3, "RunError": 4, "TrainingError": 5,
        "Interrupted": 130,
    }  # fmt: skip
    assert len({kind.default_code for kind in kinds}) == len(kinds)
    assert str(LatensError("A.", hint="B.")) == "A. B."
    assert str(LatensError("A.")) == "A."
    assert LatensError("A.", code="x").code == "x"


def test_defaults_are_specs_themselves() -> None:
    assert parse(HeadSpec, {}) == HeadSpec()
    assert parse(ClassifySpec, {}).label_smoothing == 0
