"""A drawing of a config's network with the shapes at each step, as Figures 1 and 2 of the paper together."""
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from mmengine.config import Config
from torch import nn

from stssa_mm.files.whole_file import whole_file
from stssa_mm.models.layers.attention import TemporalAttention
from stssa_mm.registry import MODELS
from stssa_mm.runs.ablation import clip_of

# Lengths in inches. At GitHub's width of about 900 pixels an inch is 100 pixels.
WIDTH, MARGIN, COLUMN, RADIUS = 9.0, 0.1, 1.22, 0.13
DETECTOR, INSIDE = 2.34, 2.75
HALF_PANEL = (WIDTH - 3 * MARGIN) / 2
INK, LINE, PANEL = '#1f2933', '#52606d', '#f5f7fa'
TRUNK, REGION, MODULE, HEAD = '#e4e7eb', '#fce8c5', '#e3dcf0', '#d9ead3'
COLORS = {'spatial': ('#a9cbee', '#dbe9f8'), 'temporal': ('#f2b8a0', '#fbe3d9')}  # slow, fast
NAMES = {'spatial': 'SSFA', 'temporal': 'TSFA'}
RPN_TIMES = {'centre': "key frame's step", 'mean': 'mean over time', 'max': 'maximum over time'}
POOLINGS = {('avg', 'avg'): 'GAP', ('max', 'max'): 'GMP'}


class Branch(NamedTuple):
    """One attention branch. A shape leaves out the first axis, the RoIs.

    Attributes:
        token (str): What one is.
        kernel (tuple[int]): (time, height, width) of its convolutions.
        key (tuple[int]): Of F and G, or of K and L: (Ck, T, H, W).
        value (tuple[int]): Of h or b: (Cv, T, H, W).
        tokens (int): How many there are.
        key_length (int): Of a token of F and G, or of K and L.
        value_length (int): Of a token of h or b.
        out (tuple[int]): (C, T, H, W).
    """
    token: str
    kernel: Tuple[int, ...]
    key: Tuple[int, ...]
    value: Tuple[int, ...]
    tokens: int
    key_length: int
    value_length: int
    out: Tuple[int, ...]


class Network(NamedTuple):
    """What the drawing says. A shape leaves out the first axis, the clips or the RoIs.

    Attributes:
        clip (tuple[int]): (3, T, H, W).
        trunk (str): Type and depth of the backbone.
        features (tuple[tuple[int]]): Of each pathway (C, T, H, W).
        rpn (tuple[int]): (C, H, W) of the map that the region proposals see; None without.
        rpn_time (str): What of the time steps that is; None without.
        roi_layer (str): ``'RoIAlign'`` or ``'RoIPool'``.
        roi (tuple[int]): RoI features (C, T, h, w).
        branches (dict[str, Branch]): By name, of one block.
        layers (int): Blocks; 0 without a module.
        norm (bool): Whether a block ends with a LayerNorm.
        refined (tuple[int]): (dims, T, h, w) after the blocks.
        pooling (str): How the box head pools.
        dropout (float): Of the box head.
        scores (int): Class scores.
        activation (str): ``'sigmoid'`` or ``'softmax'``.
        deltas (int): Of the box regression; 0 without.
    """
    clip: Tuple[int, ...]
    trunk: str
    features: Tuple[Tuple[int, ...], ...]
    rpn: Optional[Tuple[int, ...]]
    rpn_time: Optional[str]
    roi_layer: str
    roi: Tuple[int, ...]
    branches: Dict[str, Branch]
    layers: int
    norm: bool
    refined: Tuple[int, ...]
    pooling: str
    dropout: float
    scores: int
    activation: str
    deltas: int

    @property
    def kinds(self) -> List[str]:
        """``'spatial'``, ``'temporal'`` or both, as far as they have branches."""
        return [kind for kind in NAMES if any(name.startswith(kind) for name in self.branches)]


def _branch(module: nn.Module, key: torch.Tensor, value: torch.Tensor, out: torch.Tensor) -> Branch:
    (_, key_channels, time, *size), value_channels = key.shape, value.shape[1]
    locations = size[0] * size[1]
    if not isinstance(module, TemporalAttention):
        tokens = 'a location', locations
        lengths = key_channels * time, value_channels * time
    elif module.attend == 'time':
        tokens = 'a time step', time
        lengths = key_channels * locations, value_channels * locations
    else:
        tokens = 'a channel at a time', key_channels * time
        lengths = locations, locations
    return Branch(tokens[0], module.key.kernel_size, tuple(key.shape[1:]), tuple(value.shape[1:]), tokens[1], *lengths,
                  tuple(out.shape[1:]))


def _run_block(block: nn.Module, x: torch.Tensor) -> Dict[str, Branch]:
    """The shapes inside each branch of a block."""
    branches = {}
    for kind, attention in (('spatial', block.ssfa), ('temporal', block.tsfa)):
        for speed, module in (attention.branches.items() if attention is not None else ()):
            branches[f'{kind}_{speed}'] = _branch(module, module.key(x), module.value(x), module(x))
    return branches


def network_of(config: Config, size: Optional[Tuple[int, int]] = None) -> Network:
    """Run the parts of a config's model once, for one clip and one RoI, and note the shapes.

    Args:
        config (Config): One of this package's.
        size (tuple[int], optional): Height and width of a clip. Defaults to that of the training pipeline, or to 256
            pixels where no transform sets it.

    Returns:
        Network: See there.

    Raises:
        ValueError: If the config's model is no spatio-temporal detector, or has a module that is not drawn.
    """
    if not (config.get('model') or {}).get('roi_head'):
        raise ValueError('model.roi_head is missing: expected the config of a spatio-temporal detector')
    if (config.model.roi_head.get('shared_head') or {'type': 'STSSANeck'})['type'].split('.')[-1] != 'STSSANeck':
        raise ValueError(f'model.roi_head.shared_head.type={config.model.roi_head.shared_head.type!r}: only STSSANeck '
                         'is drawn')
    model, (frames, *trained) = config.model, clip_of(config)
    clip = (3, frames, *(size or trained))
    with torch.no_grad():
        trunk = MODELS.build(model.backbone).to('meta')  # shapes alone: no computing
        trunk.eval()
        features = trunk(torch.empty(1, *clip, device='meta'))
        features = features if isinstance(features, tuple) else (features, )
        maps, time = [None], None
        if model.get('rpn_head'):
            rpn = MODELS.build(model.rpn_head).to('meta')
            rpn.rpn_conv.register_forward_hook(lambda conv, inputs, out: maps.append(tuple(inputs[0].shape[1:])))
            rpn(features)
            time = RPN_TIMES[rpn.time]
        extractor = MODELS.build(model.roi_head.bbox_roi_extractor)
        whole = torch.tensor([[0., 0., 0., *clip[:1:-1]]])
        roi = extractor(tuple(torch.zeros(x.shape) for x in features), whole)[0]
        x, branches, layers, norm = roi, {}, 0, False
        if model.roi_head.get('shared_head'):
            neck = MODELS.build(model.roi_head.shared_head).eval()
            x = neck.reduce(roi)
            branches, layers, norm = _run_block(neck.blocks[0], x), len(neck.blocks), neck.blocks[0].norm is not None
        head = MODELS.build(model.roi_head.bbox_head).eval()
        scores = head(x).shape[1]
        deltas = head.regress(x).shape[1] if hasattr(head, 'regress') else 0
    pools = head.temporal_pool_type, head.spatial_pool_type
    trunk_name = model.backbone.type.split('.')[-1]
    if trunk_name.startswith('ResNet') and 'depth' in model.backbone:
        trunk_name += f'-{model.backbone.depth}'
    return Network(
        clip=clip,
        trunk=trunk_name,
        features=tuple(tuple(x.shape[1:]) for x in features),
        rpn=maps[-1],
        rpn_time=time,
        roi_layer=model.roi_head.bbox_roi_extractor.get('roi_layer_type', 'RoIAlign'),
        roi=tuple(roi.shape[1:]),
        branches=branches,
        layers=layers,
        norm=norm,
        refined=tuple(x.shape[1:]),
        pooling=POOLINGS.get(pools, f'{pools[0]} T, {pools[1]} H W'),
        dropout=head.dropout_ratio,
        scores=scores,
        activation='sigmoid' if head.multilabel else 'softmax',
        deltas=deltas)


def _shape(*sizes) -> str:
    return f'({", ".join(map(str, sizes))})'


class _Canvas:
    """Boxes, arrows and text in inches from the bottom left corner."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH, height), facecolor='white')
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(0, height))
        self.axes.axis('off')

    def text(self, x: float, y: float, text: str, size: float = 8.5, **kwargs) -> None:
        style = dict(ha='center', va='center_baseline', color=INK, fontsize=size)
        self.axes.text(x, y, text, **{**style, **kwargs})

    def _rounded(self, x: float, y: float, width: float, height: float, radius: float, **kwargs) -> None:
        self.axes.add_patch(FancyBboxPatch((x, y), width, height, f'round,pad=0,rounding_size={radius}', **kwargs))

    def panel(self, x: float, top: float, width: float, height: float, title: str, note: str) -> None:
        self._rounded(x, top - height, width, height, 0.1, fc=PANEL, ec='none', zorder=0)
        self.text(x + 0.15, top - 0.22, title, 9.5, ha='left', weight='bold')
        self.text(x + width - 0.15, top - 0.22, note, 7.8, ha='right', color=LINE)

    def box(self, x: float, y: float, width: float, height: float, title: str, note: str = '', color: str = 'white',
            dashed: bool = False) -> None:
        """A box around (x, y): a bold title over a note."""
        self._rounded(x - width / 2, y - height / 2, width, height, 0.06, fc=color, ec=LINE, linewidth=0.8,
                      linestyle='--' if dashed else '-')
        self.text(x, y + (0.19 * height if note else 0), title, 8.5 if len(title) < 17 else 7.5, weight='bold')
        self.text(x, y - 0.21 * height, note, 7.8)

    def circle(self, x: float, y: float, text: str) -> None:
        self.axes.add_patch(Circle((x, y), RADIUS, fc='white', ec=LINE, linewidth=0.8))
        self.text(x, y, text, 9)

    def line(self, *points: Tuple[float, float], arrow: bool = True) -> None:
        xs, ys = zip(*points)
        end = -1 if arrow else None  # the arrow itself is the last piece
        self.axes.plot(xs[:end], ys[:end], color=LINE, linewidth=0.9, zorder=0.9)
        if arrow:
            self.axes.annotate('', points[-1], points[-2], arrowprops=dict(
                arrowstyle='-|>', color=LINE, linewidth=0.9, shrinkA=0, shrinkB=0, mutation_scale=8))


def _draw_detector(canvas: _Canvas, net: Network, top: float, title: str) -> None:
    canvas.panel(MARGIN, top, WIDTH - 2 * MARGIN, DETECTOR, title, 'N clips, R people; channels, time, height, width')
    half, tall = COLUMN / 2, 0.5
    step = (WIDTH - 2 * MARGIN - 0.3 - COLUMN) / 5
    xs = [MARGIN + 0.15 + half + i * step for i in range(6)]
    upper, lower = top - 0.72, top - 1.62
    names = ' + '.join(NAMES[kind] for kind in net.kinds) or 'no attention'
    count = f'{net.layers} block{"s" * (net.layers > 1)}'
    if net.kinds:
        blocks = f'{count} as below' if net.refined[0] == net.roi[0] else f'{count} of {net.refined[0]}'
    else:
        blocks = 'LayerNorm only' if net.norm else ''
    steps = [('clip', 'RGB frames', 'white', [_shape('N', *net.clip)]),
             (net.trunk, 'I3D trunk' if net.trunk.startswith('ResNet3d-') else 'trunk', TRUNK,
              [_shape('N', *x) for x in net.features]),
             (net.roi_layer, 'at each time step', REGION, [_shape('R', *net.roi)]),
             (names, blocks, MODULE if net.kinds else 'white', [_shape('R', *net.refined)]),
             (net.pooling, f'dropout {net.dropout:g}' if net.dropout else '', HEAD, [_shape('R', net.refined[0])])]
    for x, (name, note, color, shapes) in zip(xs, steps):
        canvas.box(x, lower, COLUMN, tall, name, note, color)
        for i, shape in enumerate(shapes):
            canvas.text(x, lower - 0.4 - 0.16 * i, shape, 7.8)
    for left, right in zip(xs, xs[1:5]):
        canvas.line((left + half, lower), (right - half, lower))

    if net.rpn:
        canvas.box(xs[1], upper, COLUMN, tall, 'RPN', net.rpn_time, REGION)
        canvas.text(xs[1] + 0.1, (upper + lower) / 2, _shape('N', *net.rpn), 7.8, ha='left')
        canvas.line((xs[1], lower + tall / 2), (xs[1], upper - tall / 2))
        canvas.line((xs[1] + half, upper), (xs[2] - half, upper))
        canvas.box(xs[3], upper, COLUMN, tall, 'or given boxes', 'a proposal file', dashed=True)
        canvas.line((xs[3] - half, upper), (xs[2] + half, upper))
    canvas.box(xs[2], upper, COLUMN, tall, 'person boxes' if net.rpn else 'given boxes', _shape('R', 4), REGION)
    canvas.line((xs[2], upper - tall / 2), (xs[2], lower + tall / 2))

    outputs = [('class scores', f'{_shape("R", net.scores)}, {net.activation}')]
    if net.deltas:
        outputs.append(('box regression', _shape('R', net.deltas)))
    middle = xs[5] - step / 2
    for i, (name, note) in enumerate(outputs):
        y = lower + 0.32 * (len(outputs) - 1) - 0.64 * i
        canvas.box(xs[5], y, COLUMN, tall, name, note, HEAD)
        bend = [(middle, lower), (middle, y)] if y != lower else []
        canvas.line((xs[4] + half, lower), *bend, (xs[5] - half, y))


def _draw_block(canvas: _Canvas, net: Network, top: float) -> None:
    count = len(net.branches)
    canvas.panel(MARGIN, top, WIDTH - 2 * MARGIN, _block_height(net),
                 f'One block: {count} branch{"es" * (count > 1)} on one residual',
                 '\u03b3: a learned scalar of each branch, 0 at first')
    residual = top - 0.55
    rows = [residual - 0.4 - 0.45 * i for i in range(count)]
    middle = (rows[0] + rows[-1]) / 2
    shape = _shape('R', *net.refined)
    fork, branch_left, branch_right, scalar, join, plus = 1.7, 1.95, 4.75, 5.15, 5.6, 5.95
    canvas.box(0.87, middle, COLUMN, 0.46, 'x', shape)
    canvas.line((0.87 + COLUMN / 2, middle), (fork, middle), arrow=False)
    canvas.line((fork, residual), (fork, rows[-1]), arrow=False)
    canvas.line((fork, residual), (plus, residual), (plus, middle + RADIUS))
    for (name, branch), y in zip(net.branches.items(), rows):
        kind, speed = name.split('_')
        canvas.line((fork, y), (branch_left, y))
        canvas.box((branch_left + branch_right) / 2, y, branch_right - branch_left, 0.33, '',
                   color=COLORS[kind][speed != 'slow'])
        canvas.text(branch_left + 0.12, y, f'{NAMES[kind]}, {speed}', ha='left', weight='bold')
        canvas.text(branch_right - 0.12, y, f'convolutions of {_times(*branch.kernel)}', 7.8, ha='right')
        canvas.line((branch_right, y), (scalar - RADIUS, y))
        canvas.circle(scalar, y, '\u03b3')
        canvas.line((scalar + RADIUS, y), (join, y), arrow=False)
    canvas.line((join, rows[0]), (join, rows[-1]), arrow=False)
    canvas.line((join, middle), (plus - RADIUS, middle))
    canvas.circle(plus, middle, '+')
    out = WIDTH - 0.87
    if net.norm:
        canvas.line((plus + RADIUS, middle), (6.38, middle))
        canvas.box(6.8, middle, 0.84, 0.33, 'LayerNorm')
        canvas.line((7.22, middle), (out - COLUMN / 2, middle))
    else:
        canvas.line((plus + RADIUS, middle), (out - COLUMN / 2, middle))
    canvas.box(out, middle, COLUMN, 0.46, 'y', shape)


def _draw_branch(canvas: _Canvas, net: Network, kind: str, left: float, top: float) -> None:
    branch = next(branch for name, branch in net.branches.items() if name.startswith(kind))
    letters, out, equations = {'spatial': ('FGh', 'o', 'Eqs. 1-3'), 'temporal': ('KLb', 'm', 'Eqs. 4-6')}[kind]
    channels, color = net.refined[0], COLORS[kind][1]
    canvas.panel(left, top, HALF_PANEL, INSIDE, f'Inside a branch of {NAMES[kind]}',
                 f'{equations}; a token: {branch.token}')
    fork, convs, tokens, ends = left + 0.4, left + 1.08, left + 2.38, left + 3.64
    keys, queries, values, last = (top - y for y in (0.67, 1.17, 1.77, 2.4))
    canvas.text(left + 0.2, queries, 'x', weight='bold')
    canvas.line((left + 0.29, queries), (fork, queries), arrow=False)
    canvas.line((fork, keys), (fork, values), arrow=False)
    for letter, what, y, to, length in zip(letters, ('keys', 'queries', 'values'), (keys, queries, values),
                                           (branch.key[0], branch.key[0], branch.value[0]),
                                           (branch.key_length, branch.key_length, branch.value_length)):
        canvas.line((fork, y), (convs - 0.48, y))
        canvas.box(convs, y, 0.96, 0.4, f'{letter}: {what}', f'{channels} \u2192 {to}', color)
        canvas.line((convs + 0.48, y), (tokens - 0.55, y))
        canvas.box(tokens, y, 1.1, 0.4, f'{branch.tokens} tokens', f'of length {length}')
    middle, corner = (keys + queries) / 2, (tokens + ends) / 2
    for y in (keys, queries):
        canvas.line((tokens + 0.55, y), (corner, y), (corner, middle), arrow=False)
    canvas.line((corner, middle), (ends - 0.53, middle))
    canvas.box(ends, middle, 1.06, 0.4, 'softmax', _times(branch.tokens, branch.tokens), color)
    canvas.line((ends, middle - 0.2), (ends, values + 0.2))
    canvas.line((tokens + 0.55, values), (ends - 0.53, values))
    canvas.box(ends, values, 1.06, 0.4, 'weighted sum', f'{branch.tokens} tokens', color)
    if branch.value[0] == channels:
        canvas.line((ends, values - 0.2), (ends, last), (tokens + 0.55, last))
    else:
        canvas.line((ends, values - 0.2), (ends, last + 0.2))
        canvas.box(ends, last, 1.06, 0.4, _times(1, 1, 1), f'{branch.value[0]} \u2192 {channels}', color)
        canvas.line((ends - 0.53, last), (tokens + 0.55, last))
    canvas.box(tokens, last, 1.1, 0.4, out, _shape('R', *branch.out))


def _times(*sizes: int) -> str:
    return ' \u00d7 '.join(map(str, sizes))


def _block_height(net: Network) -> float:
    return 1.25 + 0.45 * (len(net.branches) - 1) if net.branches else 0.0


def figure_of(net: Network, title: str) -> Figure:
    """The drawing.

    Args:
        net (Network): What to draw.
        title (str): Its heading.

    Returns:
        Figure: 9 inches wide.
    """
    heights = [DETECTOR, *([_block_height(net), INSIDE] if net.branches else [])]
    top = sum(heights) + MARGIN * (len(heights) + 1)
    canvas = _Canvas(top)
    top -= MARGIN
    _draw_detector(canvas, net, top, title)
    if net.branches:
        top -= DETECTOR + MARGIN
        _draw_block(canvas, net, top)
        top -= _block_height(net) + MARGIN
        for i, kind in enumerate(net.kinds):
            _draw_branch(canvas, net, kind, MARGIN + i * (HALF_PANEL + MARGIN), top)
    return canvas.figure


def draw_network(config: Path, out: Path, size: Optional[Tuple[int, int]] = None) -> Network:
    """Draw a config's network.

    Args:
        config (Path): One of this package's configs, or a child of one.
        out (Path): The picture to write: PNG, SVG or PDF, by its suffix.
        size (tuple[int], optional): See :func:`network_of`.

    Returns:
        Network: What was drawn.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: As of :func:`network_of`.
    """
    try:
        net = network_of(Config.fromfile(config), size)
    except ValueError as error:
        raise ValueError(f'{config}: {error}') from error
    with whole_file(out) as part:
        figure_of(net, f'The network of {Path(config).name}').savefig(part, dpi=200)
    return net
