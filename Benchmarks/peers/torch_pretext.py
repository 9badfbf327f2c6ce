#!/usr/bin/env python3
"""Pretraining by pace prediction in PyTorch: what the stage `pretrain` does with `pretext: pace`.

    torch_pretext.py make FOLDER SCANS FRAMES HEIGHT WIDTH   files of frames, 0.safetensors, …
    torch_pretext.py shapes SETTINGS                         its parameters' names and shapes, as JSON
    torch_pretext.py train FOLDER SETTINGS                   seconds a step, last loss, version, as JSON

SETTINGS is JSON: channels, width, se, dilate (the network), clip, size, batch, precision (float32 or
bfloat16), layout (contiguous or channels_last_3d), workers, steps. `train` measures from the end of
the second step to the end of the last.

A batch is drawn and varied as a whole: frames are gathered from memory maps, one affine grid a clip
does crop, aspect, flip and rotation at once, tones are tensors of a factor a frame. Tried and slower, by
processor time of a batch on one thread: torchvision's resized_crop, rotate and horizontal_flip clip by
clip, on bytes or floats (1.3 times as much, and they do not change the aspect); `torch.std_mean` for
the variance (5 ms more of 16). Memory layout, workers and precision are the caller's, who tries all.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models.video.resnet import BasicBlock, VideoResNet
from torchvision.transforms.v2 import functional as transforms

THREADS = 2
PACES = [1, 2, 3, 4]
# The stage's defaults: a window's side by the largest that fits, largest relative changes of its sides'
# ratio and of tones, largest turn in degrees, largest shift of grey values.
SCALE, ASPECT, ANGLE = (0.7, 1), 0.1, 10
GAMMA, CONTRAST, BRIGHTNESS = 0.25, 0.25, 0.125


# Data


def make(folder, scans, frames, height, width):
    """Two layers of structure that move over each other at speeds of their own, with noise."""
    random = torch.Generator().manual_seed(0)
    for scan in range(scans):
        layers = []
        for cells in (6, 20):
            coarse = torch.rand((1, 1, cells * 3, cells * 3), generator=random)
            layers.append(F.interpolate(coarse, (height * 3, width * 3), mode="bicubic")[0, 0])
        pictures = torch.empty((frames, height, width), dtype=torch.uint8)
        for index in range(frames):
            phase = 2 * np.pi * index / 60
            y = [height * (1 + 0.9 * np.sin(phase * rate + scan)) for rate in (0.3, 1)]
            x = [width * (1 + 0.9 * np.cos(phase * rate + scan)) for rate in (0.4, 1.1)]
            shown = sum(
                layer[int(top) : int(top) + height, int(left) : int(left) + width]
                for layer, top, left in zip(layers, y, x)
            )
            noise = torch.rand((height, width), generator=random)
            pictures[index] = (127 * shown * (0.8 + 0.4 * noise)).clamp(0, 255)
        times = torch.arange(frames, dtype=torch.float64) / 30
        save_file({"frames": pictures, "times": times}, folder / f"{scan}.safetensors")


def mapped(path):
    """`frames` of a safetensors file, u8 [T, H, W], mapped into memory."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))["frames"]
    offset = 8 + length + entry["data_offsets"][0]
    return np.memmap(path, np.uint8, "r", offset, tuple(entry["shape"]))


class PaceBatches(Dataset):
    """One item is the batch of one step."""

    def __init__(self, folder, settings):
        self.scans = [mapped(path) for path in sorted(Path(folder).glob("*.safetensors"))]
        self.settings = settings

    def __len__(self):
        return self.settings["steps"]

    def __getitem__(self, step):
        random = np.random.default_rng([0, step])
        clip, size, batch = (self.settings[key] for key in ("clip", "size", "batch"))
        blocks = [random.permutation(len(PACES)) for _ in range(-(-batch // len(PACES)))]
        labels = np.concatenate(blocks)[:batch]
        clips = np.stack([self.draw(PACES[label], clip, random) for label in labels])
        clips = transforms.to_dtype(torch.from_numpy(clips), torch.float32, scale=True)
        places = grid(batch, *clips.shape[2:], size, random)
        clips = F.grid_sample(clips, places, align_corners=False)
        clips = normalised(toned(clips, random))
        return clips[:, None], torch.from_numpy(labels)

    def draw(self, pace, clip, random):
        """u8 [T, H, W]; past the end the first frames come again."""
        frames = self.scans[random.integers(len(self.scans))]
        start = random.integers(len(frames))
        return frames[(start + pace * np.arange(clip)) % len(frames)]


def factors(change, shape, random):
    """Between 1 / (1 + change) and 1 + change, evenly in their logarithm."""
    return (1 + change) ** random.uniform(-1, 1, shape)


def grid(batch, height, width, size, random):
    """Where each pixel of [batch, size, size] comes from: a window inside, mirrored, turned."""
    stretch = factors(ASPECT, batch, random) ** 0.5
    side = np.minimum(height * stretch, width / stretch) * random.uniform(*SCALE, batch)
    high, wide = side / stretch, side * stretch
    y = high / 2 + random.uniform(0, 1, batch) * (height - high)
    x = wide / 2 + random.uniform(0, 1, batch) * (width - wide)
    angle = np.radians(random.uniform(-ANGLE, ANGLE, batch))
    cosine, sine, mirror = np.cos(angle), np.sin(angle), random.choice([-1, 1], batch)
    rows = [
        mirror * wide * cosine / width, -high * sine / width, 2 * x / width - 1,
        mirror * wide * sine / height, high * cosine / height, 2 * y / height - 1,
    ]  # fmt: skip
    matrix = torch.from_numpy(np.stack(rows, axis=1).reshape(batch, 2, 3).astype(np.float32))
    return F.affine_grid(matrix, (batch, 1, size, size), align_corners=False)


def toned(clips, random):
    """Gamma, contrast about the middle grey and brightness, of each frame by itself."""
    shape = (*clips.shape[:2], 1, 1)
    gamma, contrast = factors(GAMMA, shape, random), factors(CONTRAST, shape, random)
    shift = 0.5 - 0.5 * contrast + random.uniform(-BRIGHTNESS, BRIGHTNESS, shape)
    gamma, contrast, shift = (
        torch.from_numpy(values.astype(np.float32)) for values in (gamma, contrast, shift)
    )
    return clips.pow_(gamma).mul_(contrast).add_(shift).clamp_(0, 1)


def normalised(clips):
    """Zero mean and unit variance of each clip."""
    clips.sub_(clips.mean((1, 2, 3), keepdim=True))
    length = torch.linalg.vector_norm(clips, dim=(1, 2, 3), keepdim=True)
    return clips.mul_(clips[0].numel() ** 0.5 / length.clamp_min(1e-6))


# The network


class SqueezeExcitation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, max(1, channels // 16))
        self.fc2 = nn.Linear(max(1, channels // 16), channels)

    def forward(self, x):
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3, 4))))))
        return x * gate[:, :, None, None, None]


class Block(BasicBlock):
    """torchvision's, with dilations, and squeeze-and-excitation before the sum."""

    def __init__(self, inputs, outputs, stride, dilations, excites):
        nn.Module.__init__(self)

        def convolution(inputs, stride, dilation):
            spread = (1, dilation, dilation)
            return nn.Conv3d(inputs, outputs, 3, stride, spread, spread, bias=False)

        self.conv1 = nn.Sequential(
            convolution(inputs, stride, dilations[0]), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(convolution(outputs, 1, dilations[1]), nn.BatchNorm3d(outputs))
        self.se = SqueezeExcitation(outputs) if excites else None
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        y = self.conv2(self.conv1(x))
        if self.se is not None:
            y = self.se(y)
        y += around
        return self.relu(y)


class Network(VideoResNet):
    """torchvision's `r3d_18`, with the variants of the stage; the forward pass is inherited."""

    def __init__(self, settings):
        nn.Module.__init__(self)

        def size(base):
            return max(1, round(base * settings["width"]))

        self.stem = nn.Sequential(
            nn.Conv3d(settings["channels"], size(64), (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False),
            nn.BatchNorm3d(size(64)),
            nn.ReLU(inplace=True),
        )
        inputs = size(64)
        for index, base in enumerate((64, 128, 256, 512)):
            dilated = settings["dilate"] and index == 3
            stride = 1 if index == 0 else (2, 1, 1) if dilated else 2
            spread = 2 if dilated else 1
            blocks = [
                Block(inputs, size(base), stride, (1, spread), settings["se"]),
                Block(size(base), size(base), 1, (spread, spread), settings["se"]),
            ]
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))
            inputs = size(base)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(inputs, len(PACES))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


# Training


def train(folder, settings):
    """Seconds a step, without the first two, and the last loss."""
    workers, channels = settings["workers"], settings["channels"]
    loader = DataLoader(
        PaceBatches(folder, settings), batch_size=None, num_workers=workers,
        persistent_workers=workers > 0, prefetch_factor=2 if workers else None,
    )  # fmt: skip
    batches = iter(loader)
    torch.manual_seed(0)
    layout = settings["layout"]
    order = getattr(torch, {"contiguous": "contiguous_format"}.get(layout, layout))
    model = Network(settings).to(memory_format=order).train()
    optimiser = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True
    )
    halves = settings["precision"] == "bfloat16"
    for step, (clips, labels) in enumerate(batches):
        clips = clips.expand(-1, channels, -1, -1, -1).contiguous(memory_format=order)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=halves):
            loss = F.cross_entropy(model(clips), labels)
        loss.backward()
        optimiser.step()
        last = loss.item()
        if step == 1:
            start = time.perf_counter()
    return (time.perf_counter() - start) / (settings["steps"] - 2), last


def main():
    torch.set_num_threads(THREADS)
    mode = sys.argv[1]
    if mode == "make":
        make(Path(sys.argv[2]), *map(int, sys.argv[3:7]))
    elif mode == "shapes":
        state = Network(json.loads(sys.argv[2])).state_dict()
        print(json.dumps({name: list(value.shape) for name, value in state.items()}))
    else:
        seconds, loss = train(sys.argv[2], json.loads(sys.argv[3]))
        print(json.dumps({"seconds": seconds, "loss": loss, "version": torch.__version__}))


if __name__ == "__main__":
    main()
