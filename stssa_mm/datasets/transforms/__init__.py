from .drop_empty_boxes import STSSADropEmptyBoxes
from .person_crop import STSSAPersonCrop

__all__ = ['STSSADropEmptyBoxes', 'STSSAPersonCrop']
