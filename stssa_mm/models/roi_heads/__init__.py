from .bbox_heads import STSSABBoxHead, STSSADetectionBBoxHead
from .necks import STSSANeck
from .roi_extractors import STSSARoIExtractor
from .stssa_detection_roi_head import STSSADetectionRoIHead
from .stssa_roi_head import STSSARoIHead

__all__ = [
    'STSSABBoxHead', 'STSSADetectionBBoxHead', 'STSSADetectionRoIHead', 'STSSANeck', 'STSSARoIExtractor',
    'STSSARoIHead'
]
