"""An image network on every frame of a clip.

Shapes: N clips, C channels, T frames, H x W pixels, h x w cells.
"""
import hashlib
from pathlib import Path
from typing import Iterable, Optional, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from stssa_mm.files.map_cache import MapCache
from stssa_mm.registry import MODELS

from .networks import build_network, cut, pretrained_weights

# Frames that a network without gradients gets at a time. On a CPU one stays in its cache: twice as fast as eight.
FRAMES = {'cpu': 1}


@MODELS.register_module()
class STSSAFrameTrunk(BaseModule):
    """Run an image network on every frame: (N, 3, T, H, W) to (N, C, T, h, w).

    It sees no motion: what compares frames is the parts after it, see ``difference`` of
    :class:`~stssa_mm.models.roi_heads.STSSARoIHead`. Input in RGB, scaled as the
    network was trained: (x - 127) / 128 for EfficientNet-Lite, which is ``mean`` and ``std`` of ``data_preprocessor``.

    Args:
        network (str): ``'efficientnet-lite0'`` to ``'efficientnet-lite4'``, ``'timm/NAME'`` or ``'torchvision/NAME'``.
            Defaults to ``'efficientnet-lite0'``.
        out (int | str): Which map: its stride (the last map of this one is taken), or the name of the layer that makes
            it, as in ``named_modules()``. Defaults to ``'_blocks.15'``, the last block of EfficientNet-Lite0: 320
            channels at stride 32.
        frozen_stages (int): Layers up to this stage are not trained, and their BatchNorm keeps its statistics. A map of
            stage s has the stride 2^s. -1: all are trained. Defaults to 5: none is, up to stride 32.
        pretrained (bool | str): Load ImageNet weights: those of the network's package, or a file with the network's
            state dict. Defaults to True.
        cache (str, optional): Folder that ``tools/cache_features.py`` wrote: the input is then its maps,
            (N, C, T, h, w), and the network is not run. Defaults to None.
        init_cfg (dict, optional): As in MMEngine. Defaults to None.

    Raises:
        ImportError: If the package of the network is not installed.
        ValueError: If there is no such network or map, or the cache is that of another trunk.
    """

    def __init__(self,
                 network: str = 'efficientnet-lite0',
                 out: Union[int, str] = '_blocks.15',
                 frozen_stages: int = 5,
                 pretrained: Union[bool, str] = True,
                 cache: Optional[str] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.name, self.pretrained, self.cache = network, pretrained, cache
        self.network = cut(build_network(network), out)
        self.frozen_stages = frozen_stages
        self._cache_fits = False
        if cache and not self.frozen:
            raise ValueError(f'model.backbone.cache={cache!r}: expected frozen_stages of {self.last_stage} or more: '
                             'maps that are kept are those of a trunk that does not change')
        self.register_load_state_dict_post_hook(lambda *_: setattr(self, '_cache_fits', False))
        for layer in self._frozen_layers():
            for parameter in layer.parameters():
                parameter.requires_grad = False
        self.train(self.training)

    @property
    def last_stage(self) -> int:
        """The stage of the map."""
        return max(self.network.stages.values())

    @property
    def frozen(self) -> bool:
        """Whether no part of the network is trained."""
        return self.frozen_stages >= self.last_stage

    def _frozen_layers(self) -> Iterable[nn.Module]:
        if self.frozen:  # parameters outside of layers too
            return [self.network]
        stages = self.network.stages
        return [self.network.get_submodule(name) for name in stages if stages[name] <= self.frozen_stages]

    def train(self, mode: bool = True) -> 'STSSAFrameTrunk':
        """As in torch; frozen layers stay in evaluation."""
        super().train(mode)
        for layer in self._frozen_layers():
            layer.eval()
        return self

    def init_weights(self) -> None:
        """Load the ImageNet weights.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the weights are those of another network.
        """
        if self.init_cfg:
            super().init_weights()
        if not self.pretrained:
            return
        if self.pretrained is True:
            weights = pretrained_weights(self.name)
        else:
            if not Path(self.pretrained).is_file():
                raise FileNotFoundError(f'model.backbone.pretrained={self.pretrained!r}: no such file')
            weights = torch.load(self.pretrained, map_location='cpu', weights_only=True)
            weights = weights.get('state_dict', weights)
        own = self.network.state_dict()
        wrong = [key for key, value in own.items() if key not in weights or weights[key].shape != value.shape]
        if wrong:
            raise ValueError(f'model.backbone.pretrained={self.pretrained!r}: {len(wrong)} of {len(own)} weights of '
                             f'{self.name} are not in it or have another shape, such as {wrong[0]}')
        self.network.load_state_dict({key: weights[key] for key in own})

    def forward(self, x: Tensor) -> Tensor:
        """Maps of all frames.

        Args:
            x (Tensor): (N, 3, T, H, W), or with ``cache`` maps (N, C, T, h, w).

        Returns:
            Tensor: (N, C, T, h, w).
        """
        if self.cache:
            self._check_cache()
            return x
        return self.maps(x)

    def maps(self, x: Tensor) -> Tensor:
        """The network's maps: (N, 3, T, H, W) to (N, C, T, h, w)."""
        clips = len(x)
        frames = x.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        if self.frozen:
            with torch.no_grad():
                maps = torch.cat([self.network(part) for part in frames.split(FRAMES.get(x.device.type, 64))])
        else:
            maps = self.network(frames)
        return maps.unflatten(0, (clips, -1)).transpose(1, 2).contiguous()

    def fingerprint(self) -> str:
        """Changes with whatever changes the maps of a frame: network, layer and weights."""
        digest = hashlib.sha256(f'{self.name} {self.network.code}'.encode())
        for key, value in self.network.state_dict().items():
            digest.update(f'{key} {tuple(value.shape)}'.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _check_cache(self) -> None:
        """Once, and again after other weights were loaded."""
        if not self._cache_fits:
            MapCache(self.cache).check_trunk(self.fingerprint())
            self._cache_fits = True
