from .bbox_heads import STSSABBoxHead
from .necks import STSSANeck
from .roi_extractors import STSSARoIExtractor
from .stssa_roi_head import STSSARoIHead

__all__ = ['STSSABBoxHead', 'STSSANeck', 'STSSARoIExtractor', 'STSSARoIHead']
