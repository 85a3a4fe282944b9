from .ava_dataset import STSSAAVADataset
from .transforms import *  # noqa: F403

__all__ = ['STSSAAVADataset']
