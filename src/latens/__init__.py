"""latens pretrains autoencoders on images, reuses their encoders, and says whether that helped.

    import latens

    ae = latens.pretrain("mnist", out="runs/ae")
    clf = latens.classify("mnist", encoder=ae.run, labels=500)
    print(latens.evaluate(clf.run).accuracy)
    print(latens.compare("digits", labels=[50]).comparisons[0]["sentence"])

Names are imported when they are first used, so that `import latens` is quick and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latens.app.classify import ClassifyResult as ClassifyResult
    from latens.app.classify import classify as classify
    from latens.app.compare import Comparison as Comparison
    from latens.app.compare import compare as compare
    from latens.app.evaluate import Evaluation as Evaluation
    from latens.app.evaluate import evaluate as evaluate
    from latens.app.explore import Explored as Explored
    from latens.app.explore import explore as explore
    from latens.app.load import LoadedRun as LoadedRun
    from latens.app.load import load as load
    from latens.app.predict import Prediction as Prediction
    from latens.app.predict import predict as predict
    from latens.app.pretrain import PretrainResult as PretrainResult
    from latens.app.pretrain import pretrain as pretrain
    from latens.data.image_set import ImageSet as ImageSet
    from latens.data.load import load as load_images
    from latens.errors import LatensError as LatensError

_PLACES = {
    "ClassifyResult": "latens.app.classify:ClassifyResult",
    "Comparison": "latens.app.compare:Comparison",
    "Evaluation": "latens.app.evaluate:Evaluation",
    "Explored": "latens.app.explore:Explored",
    "ImageSet": "latens.data.image_set:ImageSet",
    "LatensError": "latens.errors:LatensError",
    "LoadedRun": "latens.app.load:LoadedRun",
    "Prediction": "latens.app.predict:Prediction",
    "PretrainResult": "latens.app.pretrain:PretrainResult",
    "classify": "latens.app.classify:classify",
    "compare": "latens.app.compare:compare",
    "evaluate": "latens.app.evaluate:evaluate",
    "explore": "latens.app.explore:explore",
    "load": "latens.app.load:load",
    "load_images": "latens.data.load:load",
    "predict": "latens.app.predict:predict",
    "pretrain": "latens.app.pretrain:pretrain",
}

__all__ = [
    "ClassifyResult",
    "Comparison",
    "Evaluation",
    "Explored",
    "ImageSet",
    "LatensError",
    "LoadedRun",
    "Prediction",
    "PretrainResult",
    "classify",
    "compare",
    "evaluate",
    "explore",
    "load",
    "load_images",
    "predict",
    "pretrain",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'latens' has no attribute {name!r}")
    module, attribute = _PLACES[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
