"""Keep the maps that a frozen per-frame trunk makes of whole frames, so that heads train on them in minutes."""
import copy
import multiprocessing
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np
import torch
from mmaction.registry import TRANSFORMS as STEPS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from tqdm import tqdm

from stssa_mm.datasets.transforms.cached_maps import RESIZE, SAMPLE, pictures_of, whole_frame_steps
from stssa_mm.files.map_cache import KeptVideo, MapCache, video_digest
from stssa_mm.files.whole_file import whole_file
from stssa_mm.models.backbones import STSSAFrameTrunk
from stssa_mm.registry import DATASETS, MODELS

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
FRAMES = 64  # that are decoded at a time

CHILD = """\
# {name} on the maps that tools/cache_features.py kept of its trunk.
_base_ = {base!r}

cache = {cache!r}
model = dict(backbone=dict(cache=cache), data_preprocessor=dict(mean=None, std=None))
{pipelines}"""
PIPELINE = """
{loader} = dict(dataset=dict(pipeline=[
    dict(
        type='STSSACachedMaps',
        cache=cache,
        steps=[step for step in _base_.{loader}.dataset.pipeline[:{count}]{without_flip}],
        preprocessor=_base_.model.data_preprocessor),
    *_base_.{loader}.dataset.pipeline[{count}:-1],
    dict(_base_.{loader}.dataset.pipeline[-1], meta_keys={meta_keys})
]))
"""


class Job(NamedTuple):
    """The maps of a video that are to be kept.

    Attributes:
        sample (dict): What the dataset knows of the video.
        path (str): Its file, or folder of frames.
        frames (list[int]): Numbers of the frames, rising.
        mirrored (list[int]): Those whose mirror images are wanted as well.
    """
    sample: dict
    path: str
    frames: List[int]
    mirrored: List[int]


class FrameMaps:
    """A config's trunk on frames of a video, as its clips see them.

    Args:
        config (Path): The config.
        checkpoint (str, optional): Weights of its model. Defaults to None: those that training begins with.
        device (str): Defaults to ``'cpu'``.

    Raises:
        ValueError: If its trunk is no frozen :class:`STSSAFrameTrunk`, its clips are not of whole frames, or the
            checkpoint does not fit.
    """

    def __init__(self, config: Path, checkpoint: Optional[str] = None, device: str = 'cpu') -> None:
        self.cfg = Config.fromfile(config)
        init_default_scope(self.cfg.get('default_scope', 'mmaction'))
        backbone = self.cfg.model.backbone
        if backbone.type.rsplit('.')[-1] != 'STSSAFrameTrunk' or backbone.get('cache'):
            raise ValueError(f'{config}: model.backbone: expected an STSSAFrameTrunk that runs its network, found '
                             f'{backbone.type}{" with a cache" if backbone.get("cache") else ""}')
        self.pipelines = {loader: _pipeline(self.cfg, loader, config) for loader in LOADERS}
        preprocessor = self.cfg.model.data_preprocessor
        pictures = [pictures_of(steps, preprocessor) for steps in self.pipelines.values()]
        if any(other != pictures[0] for other in pictures):
            raise ValueError(f'{config}: training and testing resize frames in other ways: expected the same '
                             f'{RESIZE}, so that their maps can be shared')
        self.pictures = pictures[0]
        model = MODELS.build(copy.deepcopy(self.cfg.model))
        self.trunk: STSSAFrameTrunk = model.backbone
        if not self.trunk.frozen:
            raise ValueError(f'{config}: model.backbone.frozen_stages={self.trunk.frozen_stages}: expected '
                             f'{self.trunk.last_stage} or more: a trunk that is trained changes its maps')
        if checkpoint:
            try:
                load_checkpoint(model, str(checkpoint), map_location='cpu', strict=True)
            except (EOFError, RuntimeError, UnpicklingError) as error:
                reason = ' '.join(str(error).split())[:300]
                raise ValueError(f'{checkpoint}: not a checkpoint of {config} ({reason})') from error
        else:  # of the whole model only where a checkpoint is named for it: MMEngine logs each weight
            (model if self.cfg.model.get('init_cfg') else self.trunk).init_weights()
        try:
            self.model = model.to(device).eval()
        except (AssertionError, RuntimeError) as error:
            raise ValueError(f'device={device!r}: {str(error).splitlines()[0]}') from error
        self.device = device
        steps = self.pipelines['val_dataloader']
        self.open = [STEPS.build(dict(step)) for step in steps[:1] if step['type'] == 'STSSAVideoInit']
        self.picture = [STEPS.build(dict(step)) for step in steps if step['type'] not in (SAMPLE, 'STSSAVideoInit')]

    def opened(self, sample: dict) -> dict:
        """A sample with what its video says of itself."""
        sample = dict(sample)
        for step in self.open:
            sample = step(sample)
        return sample

    def clip(self, sample: dict, frames: List[int]) -> Tuple[dict, np.ndarray]:
        """The sample after its pipeline, and pictures (3, T, H, W) of T frames."""
        results = dict(self.opened(sample), frame_inds=np.array(frames), clip_len=len(frames), num_clips=1)
        for step in self.picture:
            results = step(results)
        return results, results['imgs']

    @torch.no_grad()
    def maps(self, pictures: np.ndarray) -> np.ndarray:
        """(3, T, H, W) to (T, C, h, w), float16."""
        data = dict(inputs=[torch.from_numpy(pictures)], data_samples=[ActionDataSample()])
        inputs = self.model.data_preprocessor(data)['inputs']
        return self.trunk.maps(inputs)[0].transpose(0, 1).half().cpu().numpy()


def _pipeline(cfg: Config, loader: str, config: Path) -> List[dict]:
    try:
        return whole_frame_steps(cfg[loader].dataset.pipeline)
    except ValueError as error:
        raise ValueError(f'{config}: {loader}.dataset.{error}') from None


def plan(maps: FrameMaps, mirror: bool) -> Dict[str, Job]:
    """The videos of a config's datasets, and the frames that its clips may use."""
    samples: Dict[str, dict] = {}
    wanted: Dict[str, Tuple[Set[int], Set[int]]] = {}
    for loader in LOADERS:
        dataset = maps.cfg[loader].dataset
        if loader == 'test_dataloader' and dataset == maps.cfg.val_dataloader.dataset:
            continue
        dataset = DATASETS.build(dict(dataset, pipeline=[]))
        step, = (step for step in maps.pipelines[loader] if step['type'] == SAMPLE)
        sampler = STEPS.build(dict(step))
        flips = mirror and any(step['type'] == 'Flip' for step in maps.pipelines[loader])
        for index in range(len(dataset)):
            sample = dataset.get_data_info(index)
            video = sample['video_id']
            samples.setdefault(video, {key: sample[key] for key in sample
                                       if key not in ('gt_bboxes', 'gt_labels', 'entity_ids', 'proposals', 'scores')})
            reach = sampler.reach(maps.opened(sample)).tolist()
            frames, mirrored = wanted.setdefault(video, (set(), set()))
            frames.update(reach)
            mirrored.update(reach if flips else ())
    return {video: Job(samples[video], samples[video].get('filename') or samples[video]['frame_dir'], sorted(frames),
                       sorted(mirrored)) for video, (frames, mirrored) in wanted.items()}


def keep_video(maps: FrameMaps, cache: MapCache, job: Job) -> Iterator[int]:
    """Keep the maps of a video, from the first that is missing; yields the number of maps of each step."""
    video, digest = job.sample['video_id'], video_digest(job.path)
    for frames, mirrored in ((job.frames, False), (job.mirrored, True)):
        if not frames:
            continue
        place = None
        start = 0
        while start < len(frames):
            part = frames[start:start + FRAMES]
            if place is None:
                part = part[:1]  # the first says how large maps are
            results, pictures = maps.clip(job.sample, part)
            if mirrored:
                pictures = np.ascontiguousarray(pictures[..., ::-1])
            found = maps.maps(pictures)
            if place is None:
                place = cache.place(video, mirrored, (len(frames), *found.shape[1:]), f'{digest} {hash(tuple(frames))}')
                if place.done:
                    yield place.done
                    start = place.done
                    continue
            place.write(found)
            yield len(part)
            start += len(part)
        place.close()
    opened = maps.opened(job.sample)
    times = opened.get('frame_times')
    cache.keep(video, KeptVideo(
        job.frames, job.mirrored, None if times is None else int(opened['total_frames']),
        None if times is None else np.asarray(times).tolist(), list(map(int, results['original_shape'])),
        list(map(int, results['img_shape'])), digest))


_worker: Dict[str, object] = {}


def _start_worker(out: str, *args) -> None:
    torch.set_num_threads(1)
    _worker.update(maps=FrameMaps(*args), cache=MapCache(out))


def _keep_video(job: Job) -> int:
    return sum(keep_video(_worker['maps'], _worker['cache'], job))


def cache_features(config: Path,
                   out: Path,
                   checkpoint: Optional[str] = None,
                   mirror: bool = False,
                   jobs: int = 1,
                   device: str = 'cpu',
                   say=print) -> Path:
    """Keep the maps of all frames that a config's clips may use, each once, and write a config that uses them.

    Called again, it goes on where it was stopped. Videos whose maps are there are left alone.

    Args:
        config (Path): Whose trunk is a frozen :class:`STSSAFrameTrunk`, on whole frames.
        out (Path): The folder of the maps, and of the config ``<name of config>_cached.py``.
        checkpoint (str, optional): Weights of its model. Defaults to None: those that training begins with.
        mirror (bool): Also keep the maps of mirror images, for training clips, where ``Flip`` is in their pipeline.
            Without them the written config does not flip. Defaults to False.
        jobs (int): Processes, of a thread each; 1 leaves the number of threads to torch. Defaults to 1.
        device (str): Defaults to ``'cpu'``.
        say (callable): Gets what there is to do before it is done. Defaults to ``print``.

    Returns:
        Path: The config.

    Raises:
        ValueError: If the config does not allow it, or the folder has maps of another trunk or of other pictures.
    """
    maps = FrameMaps(config, checkpoint, device)
    cache = MapCache(out, dict(trunk=maps.trunk.fingerprint(), pictures=maps.pictures))
    jobs_of = plan(maps, mirror)
    todo = [job for video, job in jobs_of.items()
            if not cache.has(video, job.path, job.frames, job.mirrored)]
    count = sum(len(job.frames) + len(job.mirrored) for job in todo)
    if todo:
        one = maps.maps(maps.clip(todo[0].sample, todo[0].frames[:1])[1])
        size = ' x '.join(map(str, one.shape[1:]))
        say(f'{len(todo)} of {len(jobs_of)} videos are missing: {count:,} maps of {size} (the first video\'s), about '
            f'{one.nbytes * count / 1e9:.2g} GB in {out}')
    else:
        say(f'The maps of all {len(jobs_of)} videos are in {out}')
    with tqdm(total=count, desc='maps', unit='map', mininterval=1, disable=not todo) as bar:
        if jobs > 1 and len(todo) > 1:
            context = multiprocessing.get_context('spawn')
            with context.Pool(jobs, _start_worker, (str(out), config, checkpoint, device)) as pool:
                for number in pool.imap_unordered(_keep_video, todo):
                    bar.update(number)
        else:
            for job in todo:
                for number in keep_video(maps, cache, job):
                    bar.update(number)
    return write_cached_config(config, maps, out, mirror)


def write_cached_config(config: Path, maps: FrameMaps, out: Path, mirror: bool) -> Path:
    """Write a child of a config that reads maps instead of frames."""
    pipelines = ''
    for loader, steps in maps.pipelines.items():
        pack = maps.cfg[loader].dataset.pipeline[-1]
        meta_keys = tuple(pack.get('meta_keys', ('img_shape', 'img_key', 'video_id', 'timestamp')))
        pipelines += PIPELINE.format(
            loader=loader, count=len(steps), meta_keys=(*meta_keys, 'map_shape'),
            without_flip='' if mirror else " if step['type'] != 'Flip'")
    file = Path(out) / f'{Path(config).stem}_cached.py'
    base = os.path.relpath(Path(config).resolve(), file.parent.resolve())
    with whole_file(file) as part:
        part.write_text(CHILD.format(name=Path(config).name, base=base, cache=str(Path(out).resolve()),
                                     pipelines=pipelines))
    return file
