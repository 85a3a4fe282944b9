"""A trained detector as one ONNX graph: trunk, RoI layer, neck and heads.

Shapes: R people, K = classes + 1 scores, T frames, H x W pixels of a clip.
"""
import copy
import json
import time
from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np
import onnx
import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from onnxscript import opset18
from torch import Tensor

from stssa_mm.files.whole_file import whole_file
from stssa_mm.registry import TRANSFORMS

from .network import class_names, dataset_config, load_network
from .onnx_model import METADATA, ONNXModel

OPSET = 18
EXAMPLE = 64  # height and width of the clip that a graph of any size is traced with
# Steps of a test pipeline that change nothing that a graph's user has to know.
PASSED = ('STSSAVideoInit', 'STSSAVideoDecode', 'STSSARawFrameDecode', 'FormatShape', 'PackActionInputs')
PEOPLE = (0, 1, 3, 50)  # numbers of people that a graph is verified with


@torch.library.custom_op('stssa_mm::roi_align', mutates_args=())
def roi_align(features: Tensor, boxes: Tensor, height: int, width: int, scale: float, sampling_ratio: int,
              aligned: bool) -> Tensor:
    """mmcv's RoIAlign on the first of N maps (N, C, H, W): boxes (R, 4) in pixels to (R, C, height, width)."""
    from mmcv.ops import roi_align
    rois = torch.cat([boxes.new_zeros(len(boxes), 1), boxes], 1)
    return roi_align(features, rois, (height, width), scale, sampling_ratio, 'avg', aligned)


@roi_align.register_fake
def _(features, boxes, height, width, scale, sampling_ratio, aligned):
    return features.new_empty(boxes.shape[0], features.shape[1], height, width)


@torch.library.custom_op('stssa_mm::nms', mutates_args=())
def nms(boxes: Tensor, scores: Tensor, iou: float, most: int) -> Tensor:
    """The numbers (n,) of the boxes (N, 4) that stay, best first and ``most`` at most; scores of 0 do not stay."""
    from mmcv.ops import nms
    kept = nms(boxes, scores, iou)[1]
    return kept[scores[kept] > 0][:most]


@nms.register_fake
def _(boxes, scores, iou, most):
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.long)


def _onnx_roi_align(features, boxes, height: int, width: int, scale: float, sampling_ratio: int, aligned: bool):
    clip = opset18.Cast(opset18.Squeeze(opset18.Slice(opset18.Mul(boxes, 0.0), [0], [1], [1]), [1]), to=7)
    return opset18.RoiAlign(
        features, boxes, clip, coordinate_transformation_mode='half_pixel' if aligned else 'output_half_pixel',
        mode='avg', output_height=height, output_width=width, sampling_ratio=sampling_ratio, spatial_scale=scale)


def _onnx_nms(boxes, scores, iou: float, most: int):
    kept = opset18.NonMaxSuppression(
        opset18.Unsqueeze(boxes, [0]), opset18.Unsqueeze(scores, [0, 1]), opset18.Constant(value_ints=[most]),
        opset18.Constant(value_floats=[iou]), opset18.Constant(value_floats=[0.0]))
    return opset18.Squeeze(opset18.Slice(kept, [2], [3], [1]), [1])


class _Reduce(nn.Module):
    """An adaptive pooling to size 1, which the exporter does not know, as a mean or a maximum."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.maximum = isinstance(pool, nn.AdaptiveMaxPool3d)
        self.dims = [axis + 2 for axis, size in enumerate(pool.output_size) if size is not None]

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(self.dims, keepdim=True) if self.maximum else x.mean(self.dims, keepdim=True)


class ScoreGraph(nn.Module):
    """A detector over given boxes: a clip (1, 3, T, H, W), normalised, and boxes (R, 4) in its pixels to scores
    (R, K).

    Args:
        model (nn.Module): An STSSAFastRCNN. It is not changed.

    Raises:
        ValueError: If a part of it has no counterpart in ONNX.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        head, extractor = self.model.roi_head.bbox_head, self.model.roi_head.bbox_roi_extractor
        layer = extractor.roi_layer
        if extractor.roi_layer_type != 'RoIAlign' or layer.pool_mode != 'avg':
            raise ValueError(f'model.roi_head.bbox_roi_extractor: {extractor.roi_layer_type} of pool_mode='
                             f"{getattr(layer, 'pool_mode', 'max')!r} has no counterpart in ONNX: expected RoIAlign "
                             "with 'avg'")
        head.temporal_pool, head.spatial_pool = _Reduce(head.temporal_pool), _Reduce(head.spatial_pool)
        extractor._pool = lambda features, rois: torch.ops.stssa_mm.roi_align(
            features, rois[:, 1:], *extractor.output_size, layer.spatial_scale, layer.sampling_ratio, layer.aligned)

    def forward(self, clip: Tensor, boxes: Tensor) -> Tensor:
        return self.scores(self.roi_features(self.model.extract_feat(clip), boxes))

    def roi_features(self, x, boxes: Tensor) -> Tensor:
        """Refined features (R, C, T, h, w) of boxes."""
        head = self.model.roi_head
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], 1)
        features, joined = head.bbox_roi_extractor(x, rois)
        if not head.with_shared_head:
            return features
        return head.shared_head(features, feat=joined, rois=rois, img_metas=None)

    def scores(self, features: Tensor) -> Tensor:
        """(R, K) as in testing: without a background, unless that is trained."""
        head = self.model.roi_head.bbox_head
        logits = head(features)
        if head.multilabel:
            return logits.sigmoid()
        trains_background = hasattr(head, 'fc_reg')
        if head.background_class and not trains_background:
            return torch.cat([torch.zeros_like(logits[:, :1]), logits[:, 1:].softmax(1)], 1)
        return logits.softmax(1)


class DetectGraph(ScoreGraph):
    """A detector with region proposals: a clip (1, 3, T, H, W) of a fixed size, normalised, to boxes (R, 4) in its
    pixels and scores (R, K), before the suppression of duplicates a class.

    Args:
        model (nn.Module): An STSSAFasterRCNN.
        size (tuple[int]): H and W.
    """

    def __init__(self, model: nn.Module, size: Tuple[int, int]) -> None:
        super().__init__(model)
        self.size = size

    def forward(self, clip: Tensor) -> Tuple[Tensor, Tensor]:
        x = self.model.extract_feat(clip)
        boxes = self.propose(x)
        torch._check(boxes.shape[0] >= 1)
        features = self.roi_features(x, boxes)
        head = self.model.roi_head.bbox_head
        return head.bbox_coder.decode(boxes, head.regress(features), max_shape=self.size), self.scores(features)

    def propose(self, x) -> Tensor:
        """As :class:`RPNHead` does."""
        rpn = self.model.rpn_head
        (logits, ), (deltas, ) = rpn(x)
        anchors, = rpn.prior_generator.grid_priors([logits.shape[-2:]], device='cpu')
        scores = logits[0].permute(1, 2, 0).flatten().sigmoid()
        scores, order = scores.sort(descending=True)
        order = order[:rpn.test_cfg.nms_pre] if rpn.test_cfg.nms_pre > 0 else order
        boxes = rpn.bbox_coder.decode(
            anchors[order], deltas[0].permute(1, 2, 0).reshape(-1, 4)[order], max_shape=self.size)
        scores = scores[:len(order)]
        large = (boxes[:, 2:] - boxes[:, :2] > rpn.test_cfg.get('min_bbox_size', -1)).all(1)
        scores = torch.where(large, scores, torch.zeros_like(scores))
        return boxes[torch.ops.stssa_mm.nms(boxes, scores, rpn.test_cfg.nms.iou_threshold, rpn.test_cfg.max_per_img)]


def metadata_of(cfg: Config, classes: Dict[int, str], size: Optional[Tuple[int, int]] = None) -> dict:
    """What a graph's user has to know besides its weights: see :class:`~stssa_mm.apis.onnx_model.ONNXModel`.

    Args:
        cfg (Config): Of the detector.
        classes (dict[int, str]): Index of a score to the name of its class.
        size (tuple[int], optional): Height and width of all clips. Defaults to None: as the pipeline makes them.

    Raises:
        ValueError: If the test pipeline has a step that is known here as nothing that an exported model does.
    """
    found = dict(classes=classes)
    for step in dataset_config(cfg)['pipeline']:
        kind = step.type.split('.')[-1]
        if kind in ('STSSASampleFrames', 'SampleAVAFrames'):
            found.update(clip_len=step.clip_len, frame_interval=step.get('frame_interval', 2))
        elif kind == 'Resize':
            found['resize'] = dict(scale=list(step.scale), keep_ratio=step.get('keep_ratio', True))
        elif kind == 'STSSAPersonCrop':
            found['crop'] = dict(size=step.size, context=step.get('context', 1.25))
        elif kind not in PASSED:
            raise ValueError(f'test_dataloader.dataset.pipeline: {kind}: expected a pipeline of {PASSED}, frames, '
                             'Resize and STSSAPersonCrop, which an exported model can follow')
    if size is not None:
        if 'crop' in found:
            raise ValueError(f'size={size}: its clips are crops of {found["crop"]["size"]} pixels: leave the size out')
        found['resize'] = dict(scale=[size[1], size[0]], keep_ratio=False)
    processor = cfg.model.data_preprocessor
    found.update(mean=list(processor.mean), std=list(processor.std))
    if 'rpn_head' in cfg.model:
        rcnn = cfg.model.test_cfg.rcnn
        found['suppression'] = dict(score_thr=rcnn.score_thr, iou=rcnn.nms.iou_threshold, most=rcnn.max_per_img)
    return found


def export_onnx(cfg: Config, checkpoint: Path, out: Path, size: Optional[Tuple[int, int]] = None) -> None:
    """Write a trained detector as an ONNX file, with its classes and what is done to frames in its metadata.

    A detector over given boxes takes ``clip`` (1, 3, T, H, W) and ``boxes`` (R, 4) and gives ``scores`` (R, K), for
    any R. One with region proposals takes ``clip`` and gives ``boxes`` and ``scores``.

    Args:
        cfg (Config): Of the detector.
        checkpoint (Path): Its weights. Loaded as data.
        out (Path): The file to write.
        size (tuple[int], optional): Height and width of all clips, whatever the video's aspect. Defaults to None: any
            size, or that of the person crops. A detector with region proposals needs one.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If the checkpoint does not fit, or a part of the config has no counterpart in ONNX.
    """
    model, meta = load_network(cfg, checkpoint, 'cpu', 'the config')
    classes = class_names(cfg, meta.get('dataset_meta') or {}, model.roi_head.bbox_head.num_classes)
    facts = metadata_of(cfg, {index: name for index, (_, name) in classes.items()}, size)
    finds_people = 'suppression' in facts
    if finds_people and size is None:
        raise ValueError('a detector with region proposals is exported for one size of clips: give the size')
    height, width = size or [facts.get('crop', {}).get('size', EXAMPLE)] * 2
    clip = torch.zeros(1, 3, facts['clip_len'], height, width)
    fixed = size is not None or 'crop' in facts
    any_size = {} if fixed else {3: torch.export.Dim.DYNAMIC, 4: torch.export.Dim.DYNAMIC}
    if finds_people:
        graph, inputs, shapes = DetectGraph(model, size), (clip, ), (any_size, )
        names = dict(input_names=['clip'], output_names=['boxes', 'scores'])
    else:
        boxes = torch.tensor([[0.1, 0.1, 0.6, 0.9], [0.3, 0.2, 0.8, 0.7], [0.0, 0.0, 1.0, 1.0]]) * min(height, width)
        graph, inputs, shapes = ScoreGraph(model), (clip, boxes), (any_size, {0: torch.export.Dim.DYNAMIC})
        names = dict(input_names=['clip', 'boxes'], output_names=['scores'])
    with torch.no_grad():
        program = torch.onnx.export(
            graph.eval(), inputs, dynamo=True, verbose=False, dynamic_shapes=shapes, opset_version=OPSET,
            custom_translation_table={torch.ops.stssa_mm.roi_align.default: _onnx_roi_align,
                                      torch.ops.stssa_mm.nms.default: _onnx_nms}, **names)
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {METADATA: json.dumps(facts)})
    with whole_file(out) as part:
        onnx.save(proto, str(part))


def verify_onnx(cfg: Config, checkpoint: Path, file: Path, frame_size: Tuple[int, int] = (240, 320),
                seed: int = 0) -> Dict[str, float]:
    """Hold an exported model to the one that it was made of, on random clips, with their own pre- and postprocessing.

    Args:
        cfg, checkpoint, file: See :func:`export_onnx`.
        frame_size (tuple[int]): Height and width of the frames. Defaults to (240, 320).
        seed (int): Of the clips and boxes. Defaults to 0.

    Returns:
        dict[str, float]: ``max_difference`` of boxes (relative) and scores over all numbers of people, and the median
        times of a clip, ``onnx_ms`` and ``torch_ms``, without reading it.
    """
    exported, (model, _) = ONNXModel(file), load_network(cfg, checkpoint, 'cpu', 'the config')
    rng = np.random.default_rng(seed)
    worst, seconds = 0.0, {'onnx_ms': [], 'torch_ms': []}
    for people in (None, ) * 4 if exported.finds_people else PEOPLE:
        frames = rng.integers(0, 256, (exported.clip_len, *frame_size, 3), np.uint8)
        boxes = None
        if people is not None:
            low = rng.uniform(0, 0.6, (people, 2))
            boxes = np.concatenate([low, low + rng.uniform(0.1, 0.4, (people, 2))], 1).astype(np.float32)
        start = time.perf_counter()
        ours = exported(frames, boxes)
        seconds['onnx_ms'].append(1e3 * (time.perf_counter() - start))
        start = time.perf_counter()
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
            theirs = _predict(cfg, model, frames, boxes, exported.resize)
        seconds['torch_ms'].append(1e3 * (time.perf_counter() - start))
        for one, other in zip(ours, theirs):
            if one.shape != other.shape:
                raise ValueError(f'{file}: found an array {one.shape} where PyTorch gives {other.shape}')
            worst = max(worst, float(np.abs(one - other).max(initial=0)))
    return dict(max_difference=worst, **{name: float(np.median(values)) for name, values in seconds.items()})


def _predict(cfg: Config, model: nn.Module, frames: np.ndarray, boxes: Optional[np.ndarray],
             resize: Optional[dict]) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4), relative, and scores (n, K) of frames (T, H, W, 3), by the config's own transforms."""
    height, width = frames.shape[1:3]
    results = dict(
        imgs=list(frames), img_shape=(height, width), original_shape=(height, width), clip_len=len(frames), num_clips=1,
        crop_quadruple=np.array([0, 0, 1, 1], np.float32), modality='RGB',
        gt_bboxes=np.zeros((0, 4), np.float32), gt_labels=np.zeros((0, model.roi_head.bbox_head.num_classes)),
        img_key='', video_id='', timestamp=0)
    if boxes is not None:
        results.update(proposals=boxes * np.array([width, height] * 2, np.float32),
                       scores=np.ones(len(boxes), np.float32))
    steps = dataset_config(cfg)['pipeline']
    kinds = [step.type.split('.')[-1] for step in steps]
    decoded = max(index for index, kind in enumerate(kinds) if kind.endswith('Decode'))
    for step, kind in zip(steps[decoded + 1:], kinds[decoded + 1:]):
        changes = dict(resize, scale=tuple(resize['scale'])) if kind == 'Resize' else {}
        results = TRANSFORMS.build({**step, **changes})(results)
    with torch.no_grad():
        data = model.data_preprocessor(pseudo_collate([results]), False)
        found = model.predict(data['inputs'], data['data_samples'])[0].pred_instances
    return found.bboxes.numpy(), found.scores.numpy()
