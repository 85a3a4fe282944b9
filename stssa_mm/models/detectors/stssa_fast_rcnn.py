"""The detector that ties trunk and RoI head together."""
from collections import defaultdict

from mmdet.models.detectors import FastRCNN
from torch import Tensor

from stssa_mm.registry import MODELS


@MODELS.register_module()
class STSSAFastRCNN(FastRCNN):
    """:class:`FastRCNN` whose test results do not depend on which clips share a batch.

    A batch is padded to its largest clip, and padding changes the features near it. Clips of one size are therefore
    predicted together, without padding.
    """

    def predict(self, batch_inputs: Tensor, batch_data_samples: list, rescale: bool = True) -> list:
        """Detections of each clip.

        Args:
            batch_inputs (Tensor): (N, 3, T, H, W), padded at the right and the bottom.
            batch_data_samples (list[ActionDataSample]): With ``proposals`` and the meta key ``img_shape`` (height,
                width before padding).
            rescale (bool): Not used: boxes are relative. Defaults to True.

        Returns:
            list[ActionDataSample]: The samples with ``pred_instances``.
        """
        groups = defaultdict(list)
        for index, sample in enumerate(batch_data_samples):
            groups[tuple(sample.img_shape)].append(index)
        for (height, width), indices in groups.items():
            samples = [batch_data_samples[i] for i in indices]
            super().predict(batch_inputs[indices][..., :height, :width], samples, rescale)
        return batch_data_samples
