"""The hyper-parameters: what the reports ask, in which order, and what a finished run has.

Report 1's autoencoder asks for the numbers of `AUTOENCODER[1]` in that order, and its classifier
for those of `CLASSIFIER[1]`. Report 2 lists them in its own order, and its classifier asks for
those of its autoencoder and `fc` besides. The text calls `fc` the number of fully connected
layers, the results have FC = 64, 128 and 256, which are neurons: up to `LAYERS` it is taken for
layers, above for neurons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from latens.menu.talk import Lines, Whole
from latens.runs.folder import RunFolder
from latens.spec import ConvSpec, HeadSpec, RunSpec, parse
from latens.spec.layers import ConvLayer, ConvTransposeLayer, DenseLayer, LayersHeadSpec, LayersSpec

Numbers = dict[str, int]
LAYERS, NEURONS = 8, 100
QUESTIONS = {
    "conv_layers": ("Give the number of convolution layers", Whole(2, 100)),
    "kernel_size": ("Give the size of each convolution filter", Whole(1, 99, square=True)),
    "filters": ("Give the number of convolution filters per layer", Whole(1, 2048)),
    "epochs": ("Give the number of epochs", Whole(1, 100_000)),
    "batch_size": ("Give the batch size", Whole(1, 65_536)),
    "neurons": ("Give the number of neurons in the fully connected layer", Whole(1, 65_536)),
    "fc": (f"Give the number of fully connected layers (above {LAYERS}: of neurons in one)",
           Whole(1, 65_536)),
}  # fmt: skip
SHORT = {
    "conv_layers": "convolution layers", "kernel_size": "filter size", "filters": "filters",
    "epochs": "epochs", "batch_size": "batch size", "neurons": "neurons",
    "fc_layers": "fully connected layers",
}  # fmt: skip
NETWORK = ("conv_layers", "kernel_size", "filters")
AUTOENCODER = {
    1: ("conv_layers", "kernel_size", "filters", "epochs", "batch_size"),
    2: ("epochs", "batch_size", "conv_layers", "filters", "kernel_size"),
}
CLASSIFIER = {1: ("epochs", "batch_size", "neurons"), 2: (*AUTOENCODER[2], "fc")}


def ask(talk: Lines, names: Sequence[str], defaults: Mapping[str, int] | None = None) -> Numbers:
    """Every number of `names`, asked for in this order."""
    known = defaults or {}
    return _told_apart({name: talk.whole(*QUESTIONS[name], known.get(name)) for name in names})


def compare(talk: Lines, names: Sequence[str], known: Mapping[str, int]) -> Numbers:
    """Take the numbers that the reports ask for after the name of a file that has them already.

    An empty first answer goes on without them. What the file does not know, such as the epochs
    of a Keras file, is taken from the answers; where the two disagree, the file is right.
    """
    talk.say(f"The file says: {words(known) or 'nothing of its hyper-parameters'}.")
    first, *others = names
    question, allowed = QUESTIONS[first]
    answer = talk.until(
        f"Press Enter to go on, or answer as before. {question}",
        lambda text: allowed(text) if text else None,
    )
    if answer is None:
        return dict(known)
    return settled(talk, _told_apart({first: answer, **ask(talk, others)}), known)


def settled(talk: Lines, answers: Numbers, known: Mapping[str, int]) -> Numbers:
    """`answers` with what is `known` in their place; every disagreement is told."""
    for name, answer in answers.items():
        if known.get(name, answer) != answer:
            talk.say(f"You say {words({name: answer})}, the file {known[name]}: the file is right.")
    return {**answers, **known}


def words(numbers: Mapping[str, int]) -> str:
    """The numbers on one line.

    >>> words({"conv_layers": 4, "epochs": 10})
    'convolution layers 4, epochs 10'
    """
    return ", ".join(f"{SHORT[name]} {value}" for name, value in numbers.items())


def of(run: RunFolder) -> Numbers:
    """The hyper-parameters of a run, those that it has. Raises `UsageError` for a broken spec."""
    spec = parse(RunSpec, run.spec())
    found = _network(spec) if spec.task == "pretrain" else _head(spec)
    if spec.imported is None:
        first = spec.phases[0]
        found.update(epochs=first.epochs, batch_size=spec.train.batch_size)
    return found


def _told_apart(answers: Numbers) -> Numbers:
    """`fc` as layers or as neurons."""
    fc = answers.pop("fc", None)
    if fc is not None:
        few = fc <= LAYERS
        answers.update(fc_layers=fc if few else 1, neurons=NEURONS if few else fc)
    return answers


def network(run: RunFolder) -> Numbers:
    """The hyper-parameters of a run's encoder and decoder."""
    return _network(parse(RunSpec, run.spec()))


def _network(spec: RunSpec) -> Numbers:
    if isinstance(spec.encoder, ConvSpec):
        e = spec.encoder
        blocks = len(e.encoder_filters) + len(e.decoder_filters)
        sizes = {e.kernel(block) for block in range(len(e.encoder_filters))}
        return _uniform(blocks * e.convs_per_block, sizes, e.encoder_filters[0])
    if isinstance(spec.encoder, LayersSpec):
        every = [*_convolutions(spec.encoder.encoder), *_convolutions(spec.encoder.decoder)]
        inner = every[:-1] if spec.encoder.decoder else every  # the last one gives the pixels
        sizes = {side for layer in inner for side in layer.kernel_size}
        return _uniform(len(inner), sizes, inner[0].filters) if inner else {}
    return {}


def _uniform(layers: int, sizes: set[int], filters: int) -> Numbers:
    """Without the kernel size where there are several."""
    size = {"kernel_size": min(sizes)} if len(sizes) == 1 else {}
    return {"conv_layers": layers, **size, "filters": filters}


def _convolutions(layers: Iterable[object]) -> Iterator[ConvLayer | ConvTransposeLayer]:
    return (layer for layer in layers if isinstance(layer, ConvLayer | ConvTransposeLayer))


def _head(spec: RunSpec) -> Numbers:
    """Its fully connected layers, but the one that gives the classes."""
    if isinstance(spec.head, LayersHeadSpec):
        # An imported classifier is one row of layers, and its encoder may end anywhere in it.
        before = spec.encoder.encoder if isinstance(spec.encoder, LayersSpec) else ()
        every = (*before, *spec.head.layers)
        widths = [layer.units for layer in every if isinstance(layer, DenseLayer)][:-1]
    else:
        widths = list(spec.head.hidden) if isinstance(spec.head, HeadSpec) else []
    return {"neurons": widths[0], "fc_layers": len(widths)} if widths else {}
