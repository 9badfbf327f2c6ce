#!/usr/bin/env python3
"""What PyTorch computes, for Tests/StagesTests: features of a network at landmarks.

    pip install torch torchvision safetensors numpy
    make_goldens.py

Writes model.safetensors, frames.safetensors and expected.safetensors beside itself. Features are
computed in float64 and stored as float32: whole frames, brought to a size by torch's bilinear
interpolation (of means over k x k pixels where they shrink k times), mean 0 and variance 1 of each
clip, the network, the mean over time, torch's `grid_sample` at the cells' centres.
Written by torch 2.15.0.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "learning"))
from make_goldens import ResNet3D, randomise  # noqa: E402

WIDTH, CLIP, FRAMES, SIZE = 3 / 128, 4, 9, (48, 64)
# Frame, row and column of a grid [6, 8].
LANDMARKS = [(0, 0, 0), (4, 2, 3), (4, 5, 7), (5, 3, 1), (8, 1, 6)]
CASES = {  # layer, size of the rendered frames, clip or static, frames of a clip
    "layer4": ("layer4", (48, 64), "clip", 4),
    "coarse": ("layer4", (24, 32), "clip", 4),
    "layer2": ("layer2", (48, 64), "static", 3),
    "stem": ("stem", (24, 32), "clip", 1),
}


def features(model, frames, layer, size, temporal, count):
    rows = []
    for frame, row, column in LANDMARKS:
        around = [frame] * count
        if temporal == "clip":
            around = [min(max(frame - count // 2 + i, 0), FRAMES - 1) for i in range(count)]
        clip = torch.tensor(frames[around]).double()[None] / 255
        shrink = SIZE[0] // size[0]
        if shrink > 1:
            clip = F.avg_pool2d(clip, shrink)
        clip = F.interpolate(clip, size, mode="bilinear")
        clip = (clip - clip.mean()) / clip.std(correction=0)
        with torch.no_grad():
            result = model(clip[:, None], layer).mean(2)
        place = torch.tensor([[[[(column + 0.5) / 8 * 2 - 1, (row + 0.5) / 6 * 2 - 1]]]]).double()
        feature = F.grid_sample(
            result, place, mode="bilinear", padding_mode="border", align_corners=False
        )
        rows.append(feature[0, :, 0, 0])
    return torch.stack(rows).float().numpy()


def main():
    torch.manual_seed(6)
    torch.set_num_threads(1)
    model = randomise(ResNet3D(1, 1, WIDTH, se=True, dilate=True).double()).eval()
    weights = {k: v.float().numpy() for k, v in model.state_dict().items() if "fc." not in k[:3]}
    weights = {k: v for k, v in weights.items() if "num_batches" not in k}
    counters = {
        k: v.numpy() for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")
    }
    save_file(
        weights | counters, HERE / "model.safetensors",
        {"network": "r3d_18", "width": str(WIDTH), "dilate": "true", "clip": str(CLIP), "size": "24,24"},
    )  # fmt: skip
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    noise = np.random.default_rng(6)
    frames = np.stack([
        60 + 90 * (np.hypot(y - 20 - t, x - 14 - 3 * t) < 9) + noise.integers(0, 60, SIZE)
        for t in range(FRAMES)
    ]).astype(np.uint8)  # fmt: skip
    save_file(
        {"frames": frames, "times": np.arange(FRAMES) / 30.0}, HERE / "frames.safetensors"
    )
    expected = {name: features(model, frames, *case) for name, case in CASES.items()}
    save_file(expected, HERE / "expected.safetensors")
    for name in ("model", "frames", "expected"):
        (HERE / f"{name}.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
