"""What is asked of a run: typed, validated once, complete enough to run it again.

A spec names what to build and never holds weights. Specs are frozen and refuse unknown fields; an
invalid value ends in one sentence that names the field (`parse`). Adding a field with a default
keeps `RunSpec.version`; changing what a field means raises it.
"""

from latens.choices import Activation as Activation
from latens.choices import Balance as Balance
from latens.choices import Loss as Loss
from latens.choices import Mode as Mode
from latens.choices import Optimizer as Optimizer
from latens.choices import Schedule as Schedule
from latens.spec._base import Fraction as Fraction
from latens.spec._base import Positive as Positive
from latens.spec._base import Rate as Rate
from latens.spec._base import Spec as Spec
from latens.spec._base import Strength as Strength
from latens.spec._base import Weight as Weight
from latens.spec._base import checked as checked
from latens.spec._base import parse as parse
from latens.spec.layers import LayersHeadSpec as LayersHeadSpec
from latens.spec.layers import LayersSpec as LayersSpec
from latens.spec.networks import ConvSpec as ConvSpec
from latens.spec.networks import EncoderSpec as EncoderSpec
from latens.spec.networks import HeadSpec as HeadSpec
from latens.spec.networks import MLPSpec as MLPSpec
from latens.spec.networks import ResidualSpec as ResidualSpec
from latens.spec.networks import mirrored as mirrored
from latens.spec.objectives import CLASSIFIES as CLASSIFIES
from latens.spec.objectives import ClassifySpec as ClassifySpec
from latens.spec.objectives import CorruptSpec as CorruptSpec
from latens.spec.objectives import DenoiseSpec as DenoiseSpec
from latens.spec.objectives import JointSpec as JointSpec
from latens.spec.objectives import MaskedSpec as MaskedSpec
from latens.spec.objectives import ObjectiveSpec as ObjectiveSpec
from latens.spec.objectives import ReconstructSpec as ReconstructSpec
from latens.spec.objectives import VaeSpec as VaeSpec
from latens.spec.run import DataSpec as DataSpec
from latens.spec.run import Imported as Imported
from latens.spec.run import Origin as Origin
from latens.spec.run import RunSpec as RunSpec
from latens.spec.training import AugmentSpec as AugmentSpec
from latens.spec.training import Group as Group
from latens.spec.training import PhaseSpec as PhaseSpec
from latens.spec.training import TrainSpec as TrainSpec
