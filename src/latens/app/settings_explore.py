"""Every option of `explore`, once: see `latens.app.settings`.

Which of them an exploration takes stands in `latens.app.explorations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypedDict

from latens import choices
from latens.app import texts
from latens.app.setting import EXPLORE, MACHINE, Setting


class ExploreOptions(TypedDict, total=False):
    """What `latens.explore` takes; each exploration refuses those that it has no use for."""

    part: Annotated[
        choices.Part | None,
        Setting("Images to look at; test once, at the end.", shown="validation", panel=EXPLORE),
    ]
    noise: Annotated[
        str | None,
        Setting("noise, denoising: its name, as gaussian.", panel=EXPLORE, metavar="NAME",
                shown="what was learned to mend, or salt-pepper"),
    ]  # fmt: skip
    levels: Annotated[
        Sequence[float] | None,
        Setting("noise, denoising: strengths from 0 to 1.", shown="0,0.1,…,1", panel=EXPLORE,
                read=texts.fractions, metavar="S,…"),
    ]  # fmt: skip
    denoiser: Annotated[
        Path | str | None,
        Setting("noise: classify behind this autoencoder, too.", panel=EXPLORE, metavar="RUN",
                read=Path),
    ]  # fmt: skip
    method: Annotated[
        Sequence[str] | None,
        Setting("maps: of pca, t-sne and umap.", shown="pca,t-sne", panel=EXPLORE,
                read=texts.names, metavar="NAME,…"),
    ]  # fmt: skip
    stage: Annotated[
        str | None,
        Setting("maps: features after this stage, as block2.", shown="the code", panel=EXPLORE),
    ]
    normal: Annotated[
        Sequence[str] | None,
        Setting("anomaly: the classes that are normal.", panel=EXPLORE, read=texts.names,
                metavar="CLASS,…"),
    ]  # fmt: skip
    false_alarms: Annotated[
        float | None,
        Setting("anomaly: share of normal images that may raise an alarm.", shown="0.05",
                panel=EXPLORE),
    ]  # fmt: skip
    classifier: Annotated[
        Path | str | None,
        Setting("samples: the classifier that judges them.", panel=EXPLORE, metavar="RUN",
                read=Path),
    ]  # fmt: skip
    count: Annotated[
        int | None,
        Setting("All but noise and anomaly: how many images or samples.", shown="2000", least=1,
                panel=EXPLORE),
    ]  # fmt: skip
    seed: Annotated[
        int | None,
        Setting("All that is random follows from it.", shown="0", least=0, panel=EXPLORE),
    ]
    device: Annotated[str | None, Setting("auto, cpu, cuda.", shown="auto", panel=MACHINE)]
