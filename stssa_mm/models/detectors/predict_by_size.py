"""Test results that do not depend on which clips share a batch."""
from collections import defaultdict
from typing import Iterator, Tuple

from torch import Tensor


def by_size(batch_inputs: Tensor, batch_data_samples: list) -> Iterator[Tuple[Tensor, list]]:
    """The clips of each size, without padding.

    Args:
        batch_inputs (Tensor): (N, 3, T, H, W), padded at the right and the bottom.
        batch_data_samples (list[ActionDataSample]): With the meta key ``img_shape``, height and width before padding,
            or with ``map_shape`` where the inputs are kept maps.

    Yields:
        tuple: (n, 3, T, h, w) and the n samples.
    """
    groups = defaultdict(list)
    for index, sample in enumerate(batch_data_samples):
        groups[tuple(sample.metainfo.get('map_shape', sample.img_shape))].append(index)
    for (height, width), indices in groups.items():
        yield batch_inputs[indices][..., :height, :width], [batch_data_samples[i] for i in indices]


class PredictBySize:
    """For a two-stage detector, before it among the bases: predicts clips of one size together, without padding.

    A batch is padded to its largest clip, and padding changes the features near it.
    """

    def predict(self, batch_inputs: Tensor, batch_data_samples: list, rescale: bool = True) -> list:
        """Detections of each clip.

        Args:
            batch_inputs (Tensor): (N, 3, T, H, W), padded at the right and the bottom.
            batch_data_samples (list[ActionDataSample]): With the meta key ``img_shape`` and, for a detector without
                region proposals of its own, ``proposals``.
            rescale (bool): Not used: boxes are relative. Defaults to True.

        Returns:
            list[ActionDataSample]: The samples with ``pred_instances``.
        """
        for inputs, samples in by_size(batch_inputs, batch_data_samples):
            super().predict(inputs, samples, rescale)
        return batch_data_samples
