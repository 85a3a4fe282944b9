"""Clips of kept feature maps in place of frames."""
from typing import List, Optional, Sequence

import numpy as np
from mmaction.registry import TRANSFORMS as STEPS
from mmcv.transforms import BaseTransform

from stssa_mm.files.map_cache import MapCache
from stssa_mm.registry import TRANSFORMS

READ = ('STSSAVideoInit', 'STSSAVideoDecode', 'STSSARawFrameDecode')
SAMPLE = 'STSSASampleFrames'
RESIZE = 'Resize'
BESIDE = ('Flip', 'STSSABoxJitter')  # do not make other pictures, but for mirror images
LAST = 'FormatShape'


def whole_frame_steps(pipeline: Sequence[dict]) -> List[dict]:
    """The steps of a pipeline up to ``FormatShape``, which make a clip of whole frames.

    Raises:
        ValueError: If one of them makes other pictures of a frame for another clip, or one is missing.
    """
    types = [step['type'].rsplit('.')[-1] for step in pipeline]
    known = (*READ, SAMPLE, RESIZE, *BESIDE, LAST)
    steps = types[:types.index(LAST) + 1] if LAST in types else types
    strange = [step for step in steps if step not in known]
    if strange or SAMPLE not in steps or LAST not in steps:
        what = f'{strange[0]} in it' if strange else f'no {SAMPLE if SAMPLE not in steps else LAST} in it'
        raise ValueError(f'pipeline: {what}: maps of frames can be kept where all clips see the same whole frames, by '
                         f'the transforms {", ".join(known)}')
    return list(pipeline[:len(steps)])


def pictures_of(steps: Sequence[dict], preprocessor: dict) -> dict:
    """How a config makes the pictures that its trunk sees of a frame, for the index of a cache."""
    return dict(resize=[dict(step) for step in steps if step['type'].rsplit('.')[-1] == RESIZE],
                preprocessor=dict(preprocessor))


@TRANSFORMS.register_module()
class STSSACachedMaps(BaseTransform):
    """Load a clip's maps out of a cache, in place of the transforms that read, resize and mirror its frames.

    Frames, boxes and random numbers are those of the replaced transforms. ``img_shape`` is that of the pictures.

    Required keys: those of an :class:`STSSAAVADataset`. Added and changed keys: those of the replaced transforms;
    ``imgs`` is (C, T, h, w), and ``map_shape`` (h, w).

    Args:
        cache (str): Folder that ``tools/cache_features.py`` wrote.
        steps (list[dict]): The replaced transforms, which end with ``FormatShape``.
        preprocessor (dict): ``model.data_preprocessor`` of the config whose transforms they are.

    Raises:
        FileNotFoundError: If there is no such cache.
        ValueError: If it does not have the frames, or has those of other pictures.
    """

    def __init__(self, cache: str, steps: Sequence[dict], preprocessor: dict) -> None:
        steps = whole_frame_steps(steps)
        self.cache = MapCache(cache)
        self.cache.check_pictures(pictures_of(steps, preprocessor))
        built = {step['type'].rsplit('.')[-1]: STEPS.build(dict(step)) for step in steps
                 if step['type'].rsplit('.')[-1] not in (*READ, LAST)}
        self.sample = built.pop(SAMPLE)
        self.beside = list(built.values())

    def transform(self, results: dict) -> Optional[dict]:
        """Load the clip."""
        video, path = results['video_id'], results.get('filename') or results['frame_dir']
        kept = self.cache.get(video, path)
        if kept.times is not None:
            results.update(frame_times=np.array(kept.times), total_frames=kept.total_frames)
        results = self.sample(results)
        height, width = results['img_shape'] = results['original_shape'] = tuple(kept.original_shape)
        for key in ('gt_bboxes', 'proposals'):
            if results.get(key) is not None:
                results[key] = (results[key] * np.array([width, height] * 2)).astype(np.float32)
        for step in self.beside:
            results = step(results)
        maps = self.cache.read(video, path, results['frame_inds'], mirrored=bool(results.get('flip')))
        results['imgs'] = maps.swapaxes(0, 1)
        results['map_shape'] = maps.shape[2:]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(cache={str(self.cache.folder)!r}, steps={[self.sample, *self.beside]})'
