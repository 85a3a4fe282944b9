"""The plain-torch RoI layers against mmcv's CPU kernel (RoIAlign) and a loop that follows its CUDA kernel (RoIPool)."""
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmcv.ops import RoIAlign

from stssa_mm.models.roi_heads.roi_extractors.roi_ops import roi_align, roi_pool

CLIPS, CHANNELS = 2, 3

coordinates = st.floats(-60, 320, width=32) | st.integers(-4, 20).map(lambda cell: cell * 16.0)
lengths = st.sampled_from([0.0, 0.25, 1.0, 16.0, 48.0, 400.0]) | st.floats(0, 300, width=32)


def boxes_of(length):
    """(clip, x1, y1, x2, y2) in pixels: anywhere around maps of at most 12 cells of 16 pixels."""
    box = st.tuples(st.integers(0, CLIPS - 1), coordinates, coordinates, length, length)
    return st.lists(box.map(lambda b: (b[0], b[1], b[2], b[1] + b[3], b[2] + b[4])), min_size=1, max_size=4)


map_sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
bin_counts = st.tuples(st.integers(1, 7), st.integers(1, 7))
scales = st.sampled_from([1 / 16, 1 / 8, 1 / 12, 1.0])


def distinct_features(size, seed=0):
    """No two cells of a map are equal, so that each maximum has one place."""
    generator = torch.Generator().manual_seed(seed)
    count = math.prod(size)
    values = torch.randperm(CLIPS * CHANNELS * count, generator=generator).float() / count - CHANNELS
    return values.view(CLIPS, CHANNELS, *size)


def output_and_grad(layer, features, cotangent):
    """A layer's output, and what it gives back to the features for the cotangent's seed."""
    features = features.clone().requires_grad_()
    output = layer(features)
    weight = torch.rand(output.shape, generator=torch.Generator().manual_seed(cotangent))
    return output.detach(), torch.autograd.grad((output * weight).sum(), features)[0]


def reference_roi_pool(features, rois, bins, spatial_scale, weight):
    """mmcv's roi_pool_cuda_kernel.cuh, a loop over single numbers in float32; output and gradient for ``weight``."""
    number = np.float32
    scale = number(spatial_scale)
    height, width = features.shape[2:]
    output = np.zeros((len(rois), features.shape[1], *bins), number)
    grad = np.zeros(features.shape, number)
    for n, roi in enumerate(rois.astype(number)):
        x1, y1 = roi[1] * scale, roi[2] * scale
        x2, y2 = (roi[3] + number(1)) * scale, (roi[4] + number(1)) * scale
        roi_w, roi_h = x2 - x1, y2 - y1
        if roi_w <= 0 or roi_h <= 0:
            continue
        bin_w, bin_h = roi_w / number(bins[1]), roi_h / number(bins[0])
        for ph in range(bins[0]):
            top = min(max(math.floor(number(ph) * bin_h + y1), 0), height)
            bottom = min(max(math.ceil(number(ph + 1) * bin_h + y1), 0), height)
            for pw in range(bins[1]):
                left = min(max(math.floor(number(pw) * bin_w + x1), 0), width)
                right = min(max(math.ceil(number(pw + 1) * bin_w + x1), 0), width)
                if bottom <= top or right <= left:
                    continue
                for c in range(features.shape[1]):
                    best, place = -np.finfo(number).max, None
                    for y in range(top, bottom):
                        for x in range(left, right):
                            if features[int(roi[0]), c, y, x] > best:
                                best, place = features[int(roi[0]), c, y, x], (y, x)
                    output[n, c, ph, pw] = best
                    grad[(int(roi[0]), c, *place)] += weight[n, c, ph, pw]
    return output, grad


@pytest.mark.parametrize('aligned', [True, False])
@settings(max_examples=80, deadline=None, derandomize=True)
@example(rois=[(0, 16.0, 16.0, 16.0, 16.0)], size=(6, 8), bins=(3, 2), scale=1 / 16, ratio=0)  # a point
@example(rois=[(0, 16.0, 16.0, 16.0, 80.0)], size=(6, 8), bins=(3, 2), scale=1 / 16, ratio=0)  # no width
@example(rois=[(0, 16.0, 16.0, 80.0, 16.0)], size=(6, 8), bins=(3, 2), scale=1 / 16, ratio=2)  # no height
@example(rois=[(1, 900.0, 900.0, 950.0, 950.0)], size=(6, 8), bins=(3, 2), scale=1 / 16, ratio=0)  # outside
@example(rois=[(0, -16.0, -16.0, 128.0, 96.0)], size=(6, 8), bins=(7, 7), scale=1 / 16, ratio=0)  # over every border
@example(rois=[(0, 3.0, 3.0, 3.5, 3.5), (1, 0.0, 0.0, 400.0, 1.0)], size=(1, 12), bins=(2, 5), scale=1 / 16, ratio=0)
@given(rois=boxes_of(lengths), size=map_sizes, bins=bin_counts, scale=scales, ratio=st.integers(0, 3))
def test_roi_align_is_mmcvs_kernel(aligned, rois, size, bins, scale, ratio):
    features, rois = distinct_features(size), torch.tensor(rois)
    expected = output_and_grad(lambda x: RoIAlign(bins, scale, ratio, 'avg', aligned)(x, rois), features, 1)
    actual = output_and_grad(lambda x: roi_align(x, rois, bins, scale, ratio, aligned), features, 1)
    torch.testing.assert_close(actual[0], expected[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(actual[1], expected[1], rtol=1e-5, atol=1e-5)


def test_legacy_roi_align_takes_a_box_that_is_inside_out_as_one_cell():
    features, rois = distinct_features((6, 8)), torch.tensor([[0, 64.0, 64, 16, 16]])
    expected = RoIAlign((2, 2), 1 / 16, 0, 'avg', False)(features, rois)
    torch.testing.assert_close(roi_align(features, rois, (2, 2), 1 / 16, 0, False), expected)


def test_roi_align_of_a_ramp_is_the_place_of_the_bins_centre():
    ramp = torch.arange(10.0).expand(1, 1, 8, 10)
    rois = torch.tensor([[0, 32.0, 32, 96, 96]])  # cells 2 to 6: two bins, centred on 3 and 5, less the half cell
    pooled = roi_align(ramp, rois, (1, 2), 1 / 16, 0, True)
    torch.testing.assert_close(pooled, torch.tensor([[[[2.5, 4.5]]]]))


@settings(max_examples=80, deadline=None, derandomize=True)
@example(rois=[(0, 16.0, 16.0, 16.0, 16.0)], size=(6, 8), bins=(7, 7), scale=1 / 16)  # a point is 1 pixel wide
@example(rois=[(0, 31.0, 31.0, 30.0, 90.0)], size=(6, 8), bins=(2, 2), scale=1 / 16)  # x2 + 1 = x1: nothing
@example(rois=[(0, 90.0, 90.0, 20.0, 20.0)], size=(6, 8), bins=(2, 2), scale=1 / 16)  # inside out
@example(rois=[(1, 900.0, 900.0, 950.0, 950.0)], size=(6, 8), bins=(3, 2), scale=1 / 16)  # outside
@example(rois=[(0, -500.0, 0.0, -400.0, 64.0)], size=(6, 8), bins=(3, 2), scale=1 / 16)  # outside, left
@example(rois=[(0, -40.0, -40.0, 60.0, 60.0)], size=(6, 8), bins=(4, 4), scale=1 / 16)  # the first bins are outside
@example(rois=[(0, 15.0, 15.0, 79.0, 79.0)], size=(6, 8), bins=(1, 1), scale=1 / 16)  # a pixel over a cell's edge
@given(rois=boxes_of(lengths | st.floats(-40, 0, width=32)), size=map_sizes, bins=bin_counts, scale=scales)
def test_roi_pool_is_mmcvs_kernel(rois, size, bins, scale):
    features, rois = distinct_features(size), torch.tensor(rois)
    # The cotangent is drawn here as output_and_grad draws it.
    weight = torch.rand(len(rois), CHANNELS, *bins, generator=torch.Generator().manual_seed(1)).numpy()
    expected, expected_grad = reference_roi_pool(features.numpy(), rois.numpy(), bins, scale, weight)
    output = roi_pool(features, rois, bins, scale)
    torch.testing.assert_close(output, torch.from_numpy(expected), rtol=0, atol=0)
    if expected_grad.any():  # else no bin holds a cell, and there is no gradient to compare
        grad = output_and_grad(lambda x: roi_pool(x, rois, bins, scale), features, 1)[1]
        torch.testing.assert_close(grad, torch.from_numpy(expected_grad))


def test_roi_pool_by_hand():
    features = torch.arange(24.0).view(1, 1, 4, 6)  # value = 6y + x
    # x: 16 to 79 + 1 is cells 1 to 5, two bins of 2; y: 0 to 33 + 1 is 0 to 2.125 cells, so the second bin ends at 3.
    pooled = roi_pool(features, torch.tensor([[0, 16.0, 0, 79, 33]]), (2, 2), 1 / 16)
    assert pooled.tolist() == [[[[6 + 2, 6 + 4], [12 + 2, 12 + 4]]]]


def test_roi_pool_of_negative_features_keeps_them_and_an_empty_bin_is_zero():
    features = torch.full((1, 1, 4, 4), -5.0)
    pooled = roi_pool(features, torch.tensor([[0, -64.0, 0, 63, 63]]), (1, 2), 1 / 16)
    assert pooled.tolist() == [[[[0.0, -5.0]]]]


@pytest.mark.parametrize('layer', [
    lambda x, rois: roi_align(x, rois, (3, 2), 1 / 16, 0, True),
    lambda x, rois: roi_pool(x, rois, (3, 2), 1 / 16),
], ids=['roi_align', 'roi_pool'])
class TestBothLayers:

    def test_no_roi_gives_no_rows_and_a_gradient_of_zero(self, layer):
        features = torch.rand(2, 3, 4, 5, requires_grad=True)
        pooled = layer(features, torch.zeros(0, 5))
        assert pooled.shape == (0, 3, 3, 2)
        pooled.sum().backward()
        assert torch.equal(features.grad, torch.zeros_like(features))

    def test_rois_outside_every_map_give_a_gradient_of_zero(self, layer):
        features = torch.rand(1, 3, 4, 5, requires_grad=True)
        pooled = layer(features, torch.tensor([[0, 900.0, 900, 950, 950]]))
        assert not pooled.any()
        pooled.sum().backward()
        assert torch.equal(features.grad, torch.zeros_like(features))

    def test_each_roi_reads_its_own_clip(self, layer):
        features = torch.stack([torch.full((1, 4, 4), float(clip)) for clip in (1, 2, 3)])
        rois = torch.tensor([[2, 8.0, 8, 40, 40], [0, 8, 8, 40, 40], [2, 8, 8, 40, 40]])
        torch.testing.assert_close(layer(features, rois).mean((1, 2, 3)), torch.tensor([3.0, 1, 3]))
