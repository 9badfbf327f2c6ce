"""Frames as PyTorch and torchvision sample, shrink and blur them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch torchvision numpy
    /tmp/venv/bin/python Tests/Goldens/clips/make_goldens.py > Tests/Goldens/clips/goldens.json
"""

import json
import math

import numpy
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import functional as V

HEIGHT, WIDTH = 24, 30
SIZE = (9, 11)


def noise(*numbers):
    value = 0xCBF29CE484222325
    for number in numbers:
        value = (value ^ number) * 0x9E3779B97F4A7C15 % 2**64
        value = (value ^ value >> 32) * 0xD6E8FEB86659FD93 % 2**64
        value ^= value >> 29
    return value >> 40 & 255


def picture(height, width):
    return torch.tensor([[noise(0, y, x) for x in range(width)] for y in range(height)]).double()


def places(affine, size):
    """Of each rendered pixel, the place in the frame: y and x, both [h, w]."""
    yy, yx, y0, xy, xx, x0 = affine
    y, x = torch.meshgrid(
        torch.arange(size[0]).double(), torch.arange(size[1]).double(), indexing="ij")
    return yy * y + yx * x + y0, xy * y + xx * x + x0


def sampled(frame, affine, size):
    """Bilinear; pixels of the border reach half a pixel further, then it is black."""
    height, width = frame.shape
    y, x = places(affine, size)
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)
    values = F.grid_sample(
        frame[None, None], grid[None], mode="bilinear", padding_mode="border", align_corners=True)
    seen = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
    return torch.where(seen, values[0, 0], 0)


def shrunk(frame, affine, k, size):
    """The same of means over k x k pixels."""
    yy, yx, y0, xy, xx, x0 = affine
    offset = (k - 1) / 2
    reduced = [yy / k, yx / k, (y0 - offset) / k, xy / k, xx / k, (x0 - offset) / k]
    return sampled(F.avg_pool2d(frame[None, None], k)[0, 0], reduced, size)


def turned(degrees, zoom, y, x, size):
    """About the rendered frame's centre, which shows the place (y, x)."""
    c, s = math.cos(math.radians(degrees)) * zoom, math.sin(math.radians(degrees)) * zoom
    v, u = (size[0] - 1) / 2, (size[1] - 1) / 2
    return [c, s, y - c * v - s * u, -s, c, x + s * v - c * u]


def rounded(values):
    return [float(f"{v:.6g}") for v in numpy.asarray(values).ravel()]


frame = picture(HEIGHT, WIDTH)
maps = [
    [1, 0, 3, 0, 1, 4],
    turned(10, 1.2, 11.2, 14.7, SIZE),
    turned(-37, 0.4, 5, 22, SIZE),
    turned(200, 1.4, 3, 27, SIZE),
]
big = picture(96, 120)
shrinks = [(turned(8, 2.2, 47, 60, (24, 30)), 2), (turned(-95, 3.1, 50, 55, (24, 30)), 3)]
# A whole frame to a quarter of its size: what an anti-aliased resize gives.
fine = V.resize(big[None] / 255, [24, 30], antialias=True)[0]
coarse = V.resize(big[None] / 255, [24, 30], antialias=False)[0]
print(json.dumps({
    "sampled": [{"map": m, "values": rounded(sampled(frame / 255, m, SIZE))} for m in maps],
    "shrunk": [
        {"map": m, "k": k, "values": rounded(shrunk(big / 255, m, k, (24, 30)))} for m, k in shrinks],
    "antialiased": rounded(fine),
    "aliased": rounded(coarse),
    "blurred": [
        {"deviation": d,
         "values": rounded(V.gaussian_blur(frame[None] / 255, 2 * math.ceil(3 * d) + 1, d)[0])}
        for d in (0.4, 1.3, 2)],
}))
