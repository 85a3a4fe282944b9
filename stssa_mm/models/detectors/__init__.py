from .stssa_fast_rcnn import STSSAFastRCNN
from .stssa_faster_rcnn import STSSAFasterRCNN

__all__ = ['STSSAFastRCNN', 'STSSAFasterRCNN']
