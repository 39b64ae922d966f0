"""The first thing a reader sees: one number or verdict, and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latens.report import study, text, words
from latens.report.figures import Result
from latens.report.page import Headline, Tone

Held = Mapping[str, Result]


def headline(held: Held, spec: Mapping[str, Any]) -> Headline:
    """The headline of a run: a verdict, else a result, else how far the training is."""
    if "study" in held:
        return study.headline(held["study"][0])
    if "comparison" in held:
        return _comparison(held["comparison"][0])
    if "classification" in held:
        return _classification(held["classification"][0])
    for name in ("reconstruction-test", "reconstruction"):  # the test is the number to report
        if name in held:
            return _reconstruction(held[name][0])
    records = held["training"][0].get("records") if "training" in held else None
    return _training(records) if records else Headline("–", "This run holds no numbers yet.")


def _comparison(result: Mapping[str, Any]) -> Headline:
    items = list(result.get("comparisons") or [])
    if not items:
        return Headline("No verdict", "There is nothing to compare with training from scratch yet.")
    found = [item.get("verdict") for item in items]
    tone: Tone = "gain" if "gain" in found else "loss" if "loss" in found else "unsure"
    most = _largest(items, tone)
    value = f"{words.points(most.get('difference'))} points"
    if tone == "unsure":
        value = "No benefit" if set(found) == {"no benefit"} else "Not shown"
    sentence = text.verdict(most).rstrip(".")
    if len(items) == 1:
        return Headline(value, f"{sentence[:1].upper()}{sentence[1:]}.", tone)
    what = {"gain": "gain", "loss": "loss"}.get(tone, "difference")
    return Headline(value, f"{_tally(found)} The largest {what}: {sentence}.", tone)


def _largest(items: list[dict[str, Any]], verdict: str) -> dict[str, Any]:
    """The largest difference among those of one verdict (of all where there is none of it)."""
    chosen = [item for item in items if item.get("verdict") == verdict] or items
    return max(chosen, key=lambda item: abs(words.finite(item.get("difference")) or 0.0))


def _tally(found: list[Any]) -> str:
    """How often pretraining helped, hurt, showed nothing with enough seeds, or with too few."""
    said = {
        "gain": "helped", "loss": "hurt", "no benefit": "showed no benefit",
        "not shown": "was not shown to help or hurt",
    }  # fmt: skip
    parts = [f"{word} in {found.count(key)}" for key, word in said.items() if key in found]
    return f"Pretraining {', '.join(parts)} of {len(found)} comparisons."


def _classification(result: Mapping[str, Any]) -> Headline:
    images, share = words.finite(result.get("images")), words.finite(result.get("accuracy"))
    value = words.accuracy(share, images)
    if images is None or share is None:
        return Headline(value, "Share of test images that were classified correctly.")
    right = round(images * share)
    sentence = f"{right:,} of {images:,.0f} test images were classified correctly"
    ece = words.finite(result.get("ece"))
    if ece is not None:
        sentence += f"; its confidence is off by {words.points(ece, sign=False)} points on average"
    return Headline(value, sentence + ".")


def _reconstruction(result: Mapping[str, Any]) -> Headline:
    """The error of an autoencoder, its unit beside it, and its linear rival."""
    part = words.plain(result.get("part", "validation"))
    if words.finite(result.get("neg_elbo")) is not None:
        return _elbo(result, part)
    if words.finite(result.get("noisy_mse")) is not None:
        return _mended(result, part)
    sentence = f"Mean squared error, pixels from 0 to 1, on {words.count(result.get('images'))} "
    sentence += f"{part} images"
    mse, pca = words.finite(result.get("mse")), words.finite(result.get("pca_mse"))
    code = words.count(result.get("code"))
    value = words.number(mse) + (" MSE" if mse is not None else "")
    if _copies(result):  # PCA would be exact, and longer training is no remedy
        return Headline(value, f"{sentence}; {code} numbers can copy the image, so it says little.")
    if pca is None:
        return Headline(value, f"{sentence}, from codes of {code} numbers.")
    sentence += f"; PCA with the same {code} numbers gets {words.number(pca)}"
    if mse and pca and mse < pca:
        return Headline(value, f"{sentence}, {pca / mse:.1f} times as much.")
    return Headline(value, f"{sentence}, so this code is no better: train longer or differently.")


def _copies(result: Mapping[str, Any]) -> bool:
    """Whether the code has as many numbers as the image."""
    code, pixels = words.finite(result.get("code")), words.finite(result.get("pixels"))
    return code is not None and pixels is not None and code >= pixels


def _elbo(result: Mapping[str, Any], part: str) -> Headline:
    """What a variational autoencoder is judged by."""
    return Headline(
        f"{words.number(result['neg_elbo'])} nats",
        f"Negative evidence lower bound (−ELBO) of {words.count(result.get('images'))} {part} "
        f"images, on average, from codes of {words.count(result.get('code'))} numbers; lower is "
        "better.",
    )


def _mended(result: Mapping[str, Any], part: str) -> Headline:
    """What a denoiser is judged by: what it makes of corrupted images."""
    return Headline(
        f"{words.number(result['noisy_mse'])} MSE",
        f"Mean squared error, pixels from 0 to 1, of {words.count(result.get('images'))} corrupted "
        f"{part} images given back; as they came they were {words.number(result.get('input_mse'))} "
        "away from the clean ones.",
    )


def _training(records: list[dict[str, Any]]) -> Headline:
    last = records[-1]
    part = "val" if last.get("val") else "train"
    values = last.get(part) or {}
    name = "accuracy" if "accuracy" in values else next(iter(values), "")
    named = {"val": "validation", "train": "training"}[part]
    value = words.percent(values[name], 2) if name == "accuracy" else words.number(values.get(name))
    epoch, epochs = last.get("epoch", "?"), last.get("epochs", "?")
    what = {
        "mse": "mean squared error",
        "bce": "binary cross-entropy",
        "neg_elbo": "−ELBO in nats",
        "masked_mse": "error of hidden patches",
    }.get(name, name)
    sentence = f"{named} {words.plain(what)} after epoch {epoch} of {epochs}"
    phase = (
        f" (phase {words.plain(last['phase'])})" if name == "accuracy" and "phase" in last else ""
    )
    return Headline(
        value, f"{sentence[0].upper()}{sentence[1:]}{phase}. No test image was read yet."
    )
