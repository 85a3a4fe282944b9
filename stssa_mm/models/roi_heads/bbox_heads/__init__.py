from .stssa_bbox_head import STSSABBoxHead
from .stssa_detection_bbox_head import STSSADetectionBBoxHead

__all__ = ['STSSABBoxHead', 'STSSADetectionBBoxHead']
