from .person_crop import STSSAPersonCrop
from .sample_frames import STSSASampleFrames
from .video import STSSAVideoDecode, STSSAVideoInit

__all__ = ['STSSAPersonCrop', 'STSSASampleFrames', 'STSSAVideoDecode', 'STSSAVideoInit']
