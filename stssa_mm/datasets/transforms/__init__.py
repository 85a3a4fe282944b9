from .person_crop import STSSAPersonCrop

__all__ = ['STSSAPersonCrop']
