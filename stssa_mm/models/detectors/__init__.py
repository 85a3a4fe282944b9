from .stssa_fast_rcnn import STSSAFastRCNN

__all__ = ['STSSAFastRCNN']
