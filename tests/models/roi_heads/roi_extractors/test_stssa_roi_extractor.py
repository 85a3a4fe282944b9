import pytest
import torch
from mmaction.models.roi_heads.roi_extractors import SingleRoIExtractor3D

from stssa_mm.models.roi_heads.roi_extractors import STSSARoIExtractor, roi_ops, stssa_roi_extractor

# Inside, over every border, a point, outside the map; the second clip before the first. Pixels of 96 x 128 frames.
ROIS = torch.tensor([[1, 10.0, 20, 70, 90], [0, -30, -20, 150, 110], [0, 40, 40, 40, 40], [1, 300, 300, 340, 390],
                     [0, 5, 3, 9, 80]])


def features(channels=4, times=3, size=(6, 8), clips=2, seed=0):
    return torch.randn(clips, channels, times, *size, generator=torch.Generator().manual_seed(seed))


def count_calls(extractor, monkeypatch):
    """The shapes that the extractor's RoI layer gets, as a list that grows."""
    shapes = []
    layer = extractor.roi_layer.forward

    def spy(feature, rois):
        shapes.append(tuple(feature.shape))
        return layer(feature, rois)

    monkeypatch.setattr(extractor.roi_layer, 'forward', spy)
    return shapes


@pytest.fixture
def without_kernels(monkeypatch):
    """As with an mmcv that has no kernel for the device."""
    monkeypatch.setattr(stssa_roi_extractor, 'mmcv_has_kernel', lambda *_: False)


class TestAgainstUpstream:
    """Upstream pools one time step after the other; the numbers are the same."""

    def test_no_argument_at_all(self):
        expected, expected_map = SingleRoIExtractor3D()(features(), ROIS)
        pooled, whole = STSSARoIExtractor()(features(), ROIS)
        assert pooled.shape == (len(ROIS), 4, 1, 16, 16)
        assert torch.equal(pooled, expected) and torch.equal(whole, expected_map)

    def test_arguments_by_place(self):
        arguments = 'RoIAlign', 8, (3, 4), 2, 'max', False, False, 'max', True
        torch.testing.assert_close(STSSARoIExtractor(*arguments)(features(), ROIS)[0],
                                   SingleRoIExtractor3D(*arguments)(features(), ROIS)[0])

    @pytest.mark.parametrize('kernel', [True, False], ids=['mmcv', 'plain torch'])
    @pytest.mark.parametrize('sampling_ratio', [0, 1, 2])
    @pytest.mark.parametrize('aligned', [True, False])
    def test_roi_align(self, sampling_ratio, aligned, kernel, monkeypatch):
        arguments = dict(
            output_size=(7, 5), sampling_ratio=sampling_ratio, aligned=aligned, with_temporal_pool=False)
        upstream = SingleRoIExtractor3D(**arguments)
        expected, expected_map = upstream(features(), ROIS)
        if not kernel:
            monkeypatch.setattr(stssa_roi_extractor, 'mmcv_has_kernel', lambda *_: False)
        pooled, whole = STSSARoIExtractor(**arguments)(features(), ROIS)
        torch.testing.assert_close(pooled, expected)
        torch.testing.assert_close(whole, expected_map)

    def test_maximum_in_a_bin_with_the_kernel(self):
        arguments = dict(output_size=7, sampling_ratio=2, pool_mode='max')
        expected, _ = SingleRoIExtractor3D(**arguments)(features(), ROIS)
        torch.testing.assert_close(STSSARoIExtractor(**arguments)(features(), ROIS)[0], expected)

    def test_two_pathways_of_different_length(self):
        pathways = features(channels=4, times=2), features(channels=3, times=4, seed=1)
        expected, expected_map = SingleRoIExtractor3D(output_size=3, with_temporal_pool=False)(pathways, ROIS)
        pooled, whole = STSSARoIExtractor(output_size=3, with_temporal_pool=False)(pathways, ROIS)
        assert pooled.shape == (len(ROIS), 7, 4, 3, 3)
        torch.testing.assert_close(pooled, expected)
        torch.testing.assert_close(whole, expected_map)

    @pytest.mark.parametrize('temporal', [dict(with_temporal_pool=False), dict(with_temporal_pool=True),
                                          dict(with_temporal_pool=True, temporal_pool_mode='max')])
    def test_global_features_beside_the_rois(self, temporal):
        arguments = dict(output_size=3, with_global=True, **temporal)
        expected, expected_map = SingleRoIExtractor3D(**arguments)(features(), ROIS)
        pooled, whole = STSSARoIExtractor(**arguments)(features(), ROIS)
        assert pooled.shape[:3] == (len(ROIS), 8, 1 if temporal['with_temporal_pool'] else 3)
        torch.testing.assert_close(pooled, expected)
        torch.testing.assert_close(whole, expected_map)

    def test_gradient(self):
        weight = torch.rand(len(ROIS), 4, 3, 7, 7)
        grads = []
        for extractor in (SingleRoIExtractor3D, STSSARoIExtractor):
            extractor = extractor(output_size=7, with_temporal_pool=False)
            x = features().requires_grad_()
            (extractor(x, ROIS)[0] * weight).sum().backward()
            grads.append(x.grad)
        torch.testing.assert_close(grads[1], grads[0])


def test_time_is_kept_and_each_step_is_the_step_alone():
    x = features(times=4)
    extractor = STSSARoIExtractor(output_size=5, with_temporal_pool=False)
    pooled, _ = extractor(x, ROIS)
    assert pooled.shape == (len(ROIS), 4, 4, 5, 5)
    for t in range(4):
        alone, _ = extractor(x[:, :, t:t + 1], ROIS)
        torch.testing.assert_close(pooled[:, :, t:t + 1], alone)


def test_an_unknown_pooling_over_time():
    with pytest.raises(ValueError, match=r"bbox_roi_extractor.temporal_pool_mode='mean': expected 'avg' or 'max'"):
        STSSARoIExtractor(temporal_pool_mode='mean')


def test_one_call_for_all_time_steps(monkeypatch):
    extractor = STSSARoIExtractor(output_size=7, with_temporal_pool=False)
    shapes = count_calls(extractor, monkeypatch)
    extractor(features(channels=4, times=3), ROIS)
    assert shapes == [(2, 12, 6, 8)]


class TestWithoutKernel:

    def test_roi_pool_on_a_cpu(self):
        """mmcv has no RoIPool for a CPU: no patch here."""
        x = features().requires_grad_()
        pooled, _ = STSSARoIExtractor(roi_layer_type='RoIPool', output_size=3, with_temporal_pool=False)(x, ROIS)
        for t in range(3):
            expected = roi_ops.roi_pool(x[:, :, t], ROIS, (3, 3), 1 / 16)
            torch.testing.assert_close(pooled[:, :, t], expected)
        pooled.sum().backward()
        assert x.grad.any()

    def test_which_layers_mmcv_has(self, monkeypatch):
        has = stssa_roi_extractor.mmcv_has_kernel
        assert has('RoIAlign', torch.device('cpu'))
        assert not has('RoIPool', torch.device('cpu'))
        assert not has('RoIAlign', torch.device('meta'))
        for version, expected in (('not available', False), ('12.1', True)):
            monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda version=version: version)
            assert has('RoIAlign', torch.device('cuda')) is has('RoIPool', torch.device('cuda')) is expected

    def test_the_layer_of_mmcv_is_not_called(self, without_kernels, monkeypatch):
        extractor = STSSARoIExtractor()
        shapes = count_calls(extractor, monkeypatch)
        extractor(features(), ROIS)
        assert shapes == []

    def test_maximum_in_a_bin_is_refused(self, without_kernels):
        with pytest.raises(ValueError, match=r"bbox_roi_extractor.pool_mode='max': .*cpu.* \"avg\"") as error:
            STSSARoIExtractor(pool_mode='max')(features(), ROIS)
        assert '\n' not in str(error.value)


@pytest.mark.parametrize('layer, kernel', [('RoIAlign', True), ('RoIAlign', False), ('RoIPool', False)])
class TestBothLayers:

    @pytest.fixture(autouse=True)
    def _kernel(self, kernel, monkeypatch):
        if not kernel:
            monkeypatch.setattr(stssa_roi_extractor, 'mmcv_has_kernel', lambda *_: False)

    @pytest.mark.parametrize('with_global', [False, True])
    def test_no_roi(self, layer, with_global):
        x = features().requires_grad_()
        extractor = STSSARoIExtractor(
            roi_layer_type=layer, output_size=3, with_global=with_global, with_temporal_pool=False)
        pooled, _ = extractor(x, torch.zeros(0, 5))
        assert pooled.shape == (0, 8 if with_global else 4, 3, 3, 3)
        pooled.sum().backward()
        assert torch.equal(x.grad, torch.zeros_like(x))

    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    def test_half_features_and_float_rois_under_autocast(self, layer, dtype):
        extractor = STSSARoIExtractor(
            roi_layer_type=layer, output_size=3, with_global=True, with_temporal_pool=False)
        half = features().to(dtype).requires_grad_()
        with torch.autocast('cpu', dtype):
            pooled, _ = extractor(half, ROIS)
        expected = extractor(half.float(), ROIS)[0].to(dtype)  # pooled in float32, rounded once
        torch.testing.assert_close(pooled, expected, rtol=0, atol=0)
        assert torch.equal(extractor(half, ROIS)[0], pooled)
        pooled.sum().backward()
        assert half.grad.dtype == dtype

    @pytest.mark.parametrize('autocast', [False, True])
    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    def test_half_features_and_no_roi(self, layer, dtype, autocast):
        half = features().to(dtype).requires_grad_()
        with torch.autocast('cpu', dtype, enabled=autocast):
            pooled, _ = STSSARoIExtractor(
                roi_layer_type=layer, output_size=3, with_temporal_pool=False)(half, torch.zeros(0, 5))
        assert pooled.shape == (0, 4, 3, 3, 3) and pooled.dtype == dtype
        pooled.sum().backward()
        assert torch.equal(half.grad, torch.zeros_like(half))

    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    @pytest.mark.parametrize('mode', ['avg', 'max'])
    def test_half_features_of_two_pathways_pooled_over_time(self, layer, dtype, mode):
        extractor = STSSARoIExtractor(roi_layer_type=layer, with_temporal_pool=True, temporal_pool_mode=mode)
        pathways = features(times=2), features(channels=2, times=4, seed=1)
        expected, _ = extractor(pathways, ROIS)
        pooled, _ = extractor(tuple(x.to(dtype) for x in pathways), ROIS)
        assert pooled.shape == (len(ROIS), 6, 1, 16, 16) and pooled.dtype == dtype
        torch.testing.assert_close(pooled.float(), expected, rtol=0, atol=0.004 if dtype == torch.float16 else 0.03)

    def test_features_in_another_memory_layout(self, layer):
        x = features()
        extractor = STSSARoIExtractor(roi_layer_type=layer, output_size=3, with_temporal_pool=False)
        channels_last = x.contiguous(memory_format=torch.channels_last_3d)
        torch.testing.assert_close(extractor(channels_last, ROIS)[0], extractor(x, ROIS)[0])

    def test_inputs_are_left_alone(self, layer):
        x, rois = features(), ROIS.clone()
        STSSARoIExtractor(roi_layer_type=layer, with_global=True)(x, rois)
        assert torch.equal(x, features()) and torch.equal(rois, ROIS)
