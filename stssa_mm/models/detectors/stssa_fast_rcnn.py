"""The detector over given person boxes. The paper's finds them itself: see ``stssa_faster_rcnn.py``."""
from mmdet.models.detectors import FastRCNN

from stssa_mm.registry import MODELS

from .predict_by_size import PredictBySize


@MODELS.register_module()
class STSSAFastRCNN(PredictBySize, FastRCNN):
    """:class:`FastRCNN` whose test results do not depend on which clips share a batch."""
