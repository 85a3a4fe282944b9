from .stssa_neck import STSSANeck

__all__ = ['STSSANeck']
