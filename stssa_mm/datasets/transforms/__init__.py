from .box_jitter import STSSABoxJitter
from .cached_maps import STSSACachedMaps
from .drop_empty_boxes import STSSADropEmptyBoxes
from .frames import STSSARawFrameDecode
from .person_crop import STSSAPersonCrop
from .sample_frames import STSSASampleFrames
from .video import STSSAVideoDecode, STSSAVideoInit

__all__ = ['STSSABoxJitter', 'STSSACachedMaps', 'STSSADropEmptyBoxes', 'STSSAPersonCrop', 'STSSARawFrameDecode',
           'STSSASampleFrames', 'STSSAVideoDecode', 'STSSAVideoInit']
