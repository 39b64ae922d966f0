"""What explorations say on a page besides their figures: sentences, a warning, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latens.report import words
from latens.report.page import Note, Section, Table

Result = Mapping[str, Any]
TITLES = {
    "noise": "Accuracy under noise",
    "denoising": "Denoising",
    "maps": "Maps of codes",
    "anomaly": "Anomalies by reconstruction error",
    "samples": "Samples",
    "latent": "What the code means",
}
TYPICAL = 0.4  # a level of noise that can be told in a sentence: the reports' own
MANY_COPIES = 3.0  # times as many samples near a training image as there are real ones


def title(kind: str, result: Result) -> str:
    """The heading, with the part of the data where it is known."""
    part = result.get("part")
    return f"{TITLES[kind]} ({words.plain(part)} images)" if part else TITLES[kind]


def section(kind: str, result: Result) -> Section:
    """The words and tables of an exploration of this kind."""
    makers = {
        "noise": _noise,
        "denoising": _denoising,
        "maps": _maps,
        "anomaly": _anomaly,
        "samples": _samples,
        "latent": _latent,
    }
    return makers[kind](title(kind, result), result)


def _noise(head: str, result: Result) -> Section:
    ways, levels = result.get("ways") or [], result.get("levels") or []
    at = _typical(levels)
    told = [f"{_name(way)} {words.percent(way['accuracies'][at])}" for way in ways if levels]
    columns = [(_name(way), [words.percent(x) for x in way["accuracies"]]) for way in ways]
    return Section(
        head,
        sentences=_at_level(result, at, told, "Accuracy"),
        tables=_by_level("Accuracy", levels, columns),
    )


def _denoising(head: str, result: Result) -> Section:
    methods, levels = result.get("methods") or [], result.get("levels") or []
    at = _typical(levels)
    told = [f"{_name(m)} {_decibels(m['psnr'][at])} dB" for m in methods if levels]
    columns = [(_name(m), [_decibels(x) for x in m["psnr"]]) for m in methods]
    return Section(
        head, sentences=_at_level(result, at, told, "PSNR"),
        tables=_by_level("PSNR in dB", levels, columns),
    )  # fmt: skip


def _maps(head: str, result: Result) -> Section:
    where = f"after the stage {words.plain(result['stage'])}" if result.get("stage") else "code"
    sentence = f"{words.count(result.get('images'))} images of {words.count(result.get('code'))} "
    sentence += f"numbers each{f' ({where})' if where != 'code' else ''}."
    if words.finite(result.get("knn")) is not None:
        sentence += (
            f" Named by their {words.count(result.get('neighbours'))} nearest others, "
            f"{words.percent(result['knn'])} are right by these numbers and "
            f"{words.percent(result.get('knn_pixels'))} by pixels."
        )
    rows = tuple(
        (words.plain(m["method"]), words.percent(m.get("knn")), words.number(m["trustworthiness"]))
        for m in result.get("maps") or []
    )
    header = ("map", "named rightly", "trustworthiness, 0 to 1")
    return Section(head, sentences=(sentence,), tables=(Table(header, rows),) if rows else ())


def _anomaly(head: str, result: Result) -> Section:
    facts = (
        (words.number(result.get("auroc")), "AUROC"),
        (words.number(result.get("average_precision")), "average precision"),
        (words.percent(result.get("hit_rate")), "of anomalies found"),
        (words.percent(result.get("false_alarm_rate")), "of normal images raise an alarm"),
    )
    normal = ", ".join(map(words.plain, result.get("normal") or [])) or "one class"
    sentence = (
        f"Normal: {normal}. {words.count(result.get('anomalies'))} of "
        f"{words.count(result.get('images'))} images are of other classes: AUROC "
        f"{words.number(result.get('auroc'))}; the threshold for "
        f"{words.percent(result.get('false_alarms_wanted'))} false alarms finds "
        f"{words.percent(result.get('hit_rate'))} of them."
    )
    by_class = result.get("auroc_by_class") or {}
    rows = tuple((words.plain(name), words.number(x)) for name, x in by_class.items())
    tables = (Table(("class", "AUROC"), rows, title="Each class against the normal ones"),)
    return Section(
        head, facts=facts, notes=_seen(result), sentences=(sentence,),
        tables=tables if rows else (),
    )  # fmt: skip


def _seen(result: Result) -> tuple[Note, ...]:
    """An autoencoder that was trained on anomalies gives them back as well."""
    seen = words.finite(result.get("seen"))
    if not seen:
        return ()
    message = (
        f"{seen:,.0f} training images are of the classes that count as anomalous here, so the "
        "autoencoder has learned to give those back too. Train one on normal images alone."
    )
    return (Note("warning", message, "anomalies-seen"),)


def _samples(head: str, result: Result) -> Section:
    sentences = []
    if words.finite(result.get("asked_accuracy")) is not None:
        sentences.append(
            f"Asked for a class, {words.percent(result['asked_accuracy'])} of "
            f"{words.count(result.get('samples'))} samples are of it to the classifier, which "
            f"names {words.percent(result.get('classifier_accuracy'))} of real images rightly."
        )
    if words.finite(result.get("trained_accuracy")) is not None:
        found = words.percent(result["trained_accuracy"])
        sentences.append(f"A classifier trained on samples alone names {found} of real images.")
    if words.finite(result.get("nearest")) is not None:
        sentences.append(
            f"From a sample to the nearest training image it is {words.number(result['nearest'])} "
            f"on average, from a real image {words.number(result.get('nearest_of_real'))} (root "
            "of the mean squared error)."
        )
    return Section(
        head, notes=_copies(result), sentences=tuple(sentences), tables=(_fidelity(result),)
    )


def _fidelity(result: Result) -> Table:
    named = {
        "frechet": "Fréchet distance (lower is better)",
        "precision": "precision: look real",
        "density": "density: look real, by weight",
        "recall": "recall: of what is real, covered",
        "coverage": "coverage: of what is real, near a sample",
    }
    rows = tuple(
        (name, words.number(result.get(key)), words.number(result.get(f"{key}_of_real")))
        for key, name in named.items()
    )
    return Table(("", "samples", "training images in their place"), rows)


def _copies(result: Result) -> tuple[Note, ...]:
    close, usual = words.finite(result.get("close")), words.finite(result.get("close_of_real"))
    if close is None or not usual or close < MANY_COPIES * usual:
        return ()
    message = (
        f"{words.percent(close)} of the samples lie as near to a training image as only "
        f"{words.percent(usual)} of real images do: some may be blurred or copied."
    )
    return (Note("warning", message, "near-copies"),)


def _latent(head: str, result: Result) -> Section:
    if words.finite(result.get("active")) is None:
        return Section(head)
    sentence = (
        f"{words.count(result['active'])} of {words.count(result.get('latent'))} variables are in "
        f"use (their means vary by more than 0.01 over {words.count(result.get('images'))} images)."
    )
    return Section(head, sentences=(sentence,))


def _name(row: Mapping[str, Any]) -> str:
    return words.plain(row.get("name", "?"))


def _typical(levels: Sequence[float]) -> int:
    """The place of the level that is told in a sentence."""
    return min(range(len(levels)), key=lambda i: abs(levels[i] - TYPICAL), default=0)


def _at_level(result: Result, at: int, told: list[str], what: str) -> tuple[str, ...]:
    if not told:
        return ()
    noise = words.plain(str(result.get("corruption", "noise")).replace("_", "-"))
    strength = f"{noise} of strength {result['levels'][at]:g}"
    images = f" ({words.count(result['images'])} images)" if result.get("images") else ""
    return (f"{what} under {strength}{images}: {', '.join(told)}.",)


def _by_level(
    what: str, levels: Sequence[float], columns: Sequence[tuple[str, list[str]]]
) -> tuple[Table, ...]:
    """A row a level and a column for each way of doing it."""
    if not levels or not columns:
        return ()
    header = ("strength", *(name for name, _ in columns))
    rows = tuple(
        (f"{level:g}", *(column[at] for _, column in columns)) for at, level in enumerate(levels)
    )
    return (Table(header, rows, title=f"{what} at every level", fold=True),)


def _decibels(value: Any) -> str:
    """Images that came back untouched have no finite PSNR."""
    known = words.finite(value)
    return words.DASH if known is None else "untouched" if known > 60 else f"{known:.1f}"
