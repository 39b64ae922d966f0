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
    from latens.app.export import Exported as Exported
    from latens.app.export import export as export
    from latens.app.keras_files import Imported as Imported
    from latens.app.keras_files import import_keras as import_keras
    from latens.app.load import LoadedRun as LoadedRun
    from latens.app.load import load as load
    from latens.app.predict import Prediction as Prediction
    from latens.app.predict import predict as predict
    from latens.app.pretrain import PretrainResult as PretrainResult
    from latens.app.pretrain import pretrain as pretrain
    from latens.app.study import StudyResult as StudyResult
    from latens.app.study import report as report_study
    from latens.app.study import run as run_study
    from latens.app.sweep import sweep as sweep
    from latens.app.sweep_answer import Swept as Swept
    from latens.data.image_set import ImageSet as ImageSet
    from latens.data.load import load as load_images
    from latens.errors import LatensError as LatensError
    from latens.studies import listed as list_studies

_PLACES = {
    "ClassifyResult": "latens.app.classify:ClassifyResult",
    "Comparison": "latens.app.compare:Comparison",
    "Evaluation": "latens.app.evaluate:Evaluation",
    "Explored": "latens.app.explore:Explored",
    "Exported": "latens.app.export:Exported",
    "ImageSet": "latens.data.image_set:ImageSet",
    "Imported": "latens.app.keras_files:Imported",
    "LatensError": "latens.errors:LatensError",
    "StudyResult": "latens.app.study:StudyResult",
    "Swept": "latens.app.sweep_answer:Swept",
    "LoadedRun": "latens.app.load:LoadedRun",
    "Prediction": "latens.app.predict:Prediction",
    "PretrainResult": "latens.app.pretrain:PretrainResult",
    "classify": "latens.app.classify:classify",
    "compare": "latens.app.compare:compare",
    "evaluate": "latens.app.evaluate:evaluate",
    "explore": "latens.app.explore:explore",
    "list_studies": "latens.studies:listed",
    "export": "latens.app.export:export",
    "import_keras": "latens.app.keras_files:import_keras",
    "load": "latens.app.load:load",
    "load_images": "latens.data.load:load",
    "predict": "latens.app.predict:predict",
    "pretrain": "latens.app.pretrain:pretrain",
    "report_study": "latens.app.study:report",
    "run_study": "latens.app.study:run",
    "sweep": "latens.app.sweep:sweep",
}

__all__ = [
    "ClassifyResult",
    "Comparison",
    "Evaluation",
    "Explored",
    "Exported",
    "ImageSet",
    "Imported",
    "LatensError",
    "LoadedRun",
    "Prediction",
    "PretrainResult",
    "StudyResult",
    "Swept",
    "classify",
    "compare",
    "evaluate",
    "explore",
    "export",
    "import_keras",
    "list_studies",
    "load",
    "load_images",
    "predict",
    "pretrain",
    "report_study",
    "run_study",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'latens' has no attribute {name!r}")
    module, attribute = _PLACES[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
