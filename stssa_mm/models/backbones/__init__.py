from .frame_trunk import STSSAFrameTrunk

__all__ = ['STSSAFrameTrunk']
