from .stssa_bbox_head import STSSABBoxHead

__all__ = ['STSSABBoxHead']
