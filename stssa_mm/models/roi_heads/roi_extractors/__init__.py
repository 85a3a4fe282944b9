from .stssa_roi_extractor import STSSARoIExtractor

__all__ = ['STSSARoIExtractor']
