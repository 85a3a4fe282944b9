from .stssa_rpn_head import STSSARPNHead

__all__ = ['STSSARPNHead']
