#!/usr/bin/env python3
"""Saliency-VAM in PyTorch: what `saliency` with `method: vam` computes, on one thread.

    torch_saliency_vam.py make FRAMES MODEL COUNT        frames [COUNT, 112, 144], random weights
    torch_saliency_vam.py predict FRAMES MODEL MAPS      maps [COUNT, 14, 18] as a file of numpy's
    torch_saliency_vam.py check MAPS OURS                the largest difference of a cell, as a share
                                                         of its map's maximum

`predict` prints its seconds, from opening the files to the maps, after two batches to warm up; and
the version of PyTorch with the faster of its two memory layouts.
"""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

WIDTH, GROUPS, BATCH = 0.25, 16, 16


class SqueezeExcitation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, max(1, channels // 16))
        self.fc2 = nn.Linear(max(1, channels // 16), channels)

    def forward(self, x):
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class Bottleneck(nn.Module):
    def __init__(self, inputs, middle, outputs, stride, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(
            middle, middle, 3, stride, dilation, dilation, groups=GROUPS, bias=False
        )
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcitation(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.se(self.bn3(self.conv3(y))) + around)


class Attention(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels)
        self.conv1 = nn.Conv2d(channels, width, 1)
        self.conv2 = nn.Conv2d(width, width, 1)
        self.conv3 = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        return self.conv3(F.relu(self.conv2(F.relu(self.conv1(F.relu(self.depthwise(x)))))))


class SaliencyVAM(nn.Module):
    def __init__(self):
        super().__init__()

        def size(base):
            return max(1, round(base * WIDTH))

        self.conv1 = nn.Conv2d(1, size(64), 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(size(64))
        inputs, dilation = size(64), 1
        for index, count in enumerate((3, 4, 6, 3)):
            blocks = []
            for block in range(count):
                reduces = index > 0 and block == 0
                stride = 2 if reduces and index < 2 else 1
                outputs = size(128 << index)
                blocks.append(Bottleneck(inputs, size(64 << index), outputs, stride, dilation))
                if reduces and index >= 2:
                    dilation *= 2
                inputs = outputs
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))
        self.attention = Attention(inputs, size(256))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = getattr(self, name)(x)
        x = self.attention(x)
        return x.flatten(1).softmax(1).reshape(x.shape[0], *x.shape[2:])


def make(frames, model, count):
    torch.manual_seed(0)
    network = SaliencyVAM()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif name == "attention.conv3.weight":
                value.mul_(20)
    save_file(network.state_dict(), model)
    pixels = torch.randint(0, 256, (count, 14, 18), dtype=torch.uint8)
    pixels = F.interpolate(pixels[:, None].float(), (112, 144), mode="bilinear")[:, 0]
    save_file(
        {"frames": pixels.to(torch.uint8), "times": torch.arange(count, dtype=torch.float64) / 30},
        frames,
    )


@torch.inference_mode()
def predict(frames, model, maps):
    best = None
    for layout in (torch.contiguous_format, torch.channels_last):
        network = SaliencyVAM().eval().to(memory_format=layout)
        for _ in range(2):
            network(torch.zeros(BATCH, 1, 112, 144).to(memory_format=layout))
        start = time.perf_counter()
        network.load_state_dict(load_file(model))
        network = network.to(memory_format=layout)
        pixels = load_file(frames)["frames"]
        results = []
        for first in range(0, len(pixels), BATCH):
            batch = pixels[first : first + BATCH, None].float() / 255
            deviation, mean = torch.std_mean(batch, (1, 2, 3), correction=0, keepdim=True)
            batch = ((batch - mean) / deviation).to(memory_format=layout)
            results.append(network(batch))
        result = torch.cat(results).numpy()
        seconds = time.perf_counter() - start
        if best is None or seconds < best[0]:
            best = (seconds, str(layout).removeprefix("torch."), result)
    np.save(maps, best[2])
    print(best[0], f"{torch.__version__}:{best[1]}")


def check(maps, ours):
    theirs, ours = np.load(maps), load_file(ours)["maps"].numpy()
    share = np.abs(theirs - ours).max((1, 2)) / theirs.max((1, 2))
    print(share.max(), torch.__version__)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1] == "check":
        check(*sys.argv[2:4])
    else:
        predict(*sys.argv[2:5])
