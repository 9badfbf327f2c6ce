#!/usr/bin/env python3
"""Features of torchvision's r3d_18 at landmarks in PyTorch: what `extract` computes, on two threads.

    torch_extract.py make FRAMES LANDMARKS MODEL COUNT        a landmark in each of COUNT clips
    torch_extract.py extract FRAMES LANDMARKS MODEL FEATURES
    torch_extract.py check FEATURES OURS                      the largest difference, as a share of
                                                              the largest feature

Each prints a number and the version of PyTorch: `extract` its seconds, from opening the files to the
features, after two clips to warm up, in the faster of two memory layouts, which follows the version.
Colour weights of the stem are summed, as for grey clips.
"""

import csv
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torchvision.models.video import r3d_18

CLIP, SIDE, BATCH, GRID = 8, 112, 4, 14


def network():
    model = r3d_18(num_classes=1)
    model.stem[0] = torch.nn.Conv3d(1, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
    model.fc = torch.nn.Identity()
    return model.eval()


def make(frames, landmarks, path, count):
    torch.manual_seed(0)
    state = r3d_18(num_classes=1).state_dict()
    for name, value in state.items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    state["stem.0.weight"] = state["stem.0.weight"].sum(1, keepdim=True)
    save_file(state, path, {"network": "r3d_18", "clip": str(CLIP)})
    length = count * CLIP
    pixels = torch.randint(0, 256, (length, 1, GRID, GRID)).float()
    pixels = F.interpolate(pixels, (SIDE, SIDE), mode="bilinear")[:, 0].to(torch.uint8)
    times = torch.arange(length, dtype=torch.float64) / 30
    save_file({"frames": pixels, "times": times}, frames)
    columns = (
        "frame,time,row,column,grid_height,grid_width,y,x,saliency,source_frame,source_x,source_y,"
        "source_height,source_width"
    )
    lines = [columns]
    for index in range(count):
        frame, row, column = index * CLIP + CLIP // 2, index * 5 % GRID, index * 3 % GRID
        lines.append(
            f"{frame},{times[frame].item()},{row},{column},{GRID},{GRID},{row},{column},1,{frame},"
            f"{(column + 0.5) / GRID},{(row + 0.5) / GRID},{SIDE},{SIDE}"
        )
    with open(landmarks, "w") as file:
        file.write("\n".join(lines) + "\n")
    print(0, torch.__version__)


def features(model, pixels, rows, layout):
    found = []
    for first in range(0, len(rows), BATCH):
        chosen = rows[first : first + BATCH]
        clips = []
        for row in chosen:
            start = int(row["frame"]) - CLIP // 2
            around = torch.arange(start, start + CLIP).clamp(0, len(pixels) - 1)
            clips.append(pixels[around][None])
        batch = torch.stack(clips).float() / 255
        deviation, mean = torch.std_mean(batch, (1, 2, 3, 4), correction=0, keepdim=True)
        x = ((batch - mean) / deviation).to(memory_format=layout)
        for part in (model.stem, model.layer1, model.layer2, model.layer3, model.layer4):
            x = part(x)
        places = torch.tensor([
            [(int(row["column"]) + 0.5) / GRID * 2 - 1, (int(row["row"]) + 0.5) / GRID * 2 - 1]
            for row in chosen
        ])  # fmt: skip
        mean = x.mean(2)
        sampled = F.grid_sample(
            mean, places[:, None, None], padding_mode="border", align_corners=False
        )
        found.append(sampled[:, :, 0, 0])
    return torch.cat(found)


@torch.inference_mode()
def extract(frames, landmarks, path, out):
    best = None
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        model = network().to(memory_format=layout)
        for _ in range(2):
            model(torch.zeros(1, 1, CLIP, SIDE, SIDE).to(memory_format=layout))
        start = time.perf_counter()
        model.load_state_dict(load_file(path))
        model = model.to(memory_format=layout)
        pixels = load_file(frames)["frames"]
        with open(landmarks) as file:
            rows = list(csv.DictReader(file))
        result = features(model, pixels, rows, layout)
        seconds = time.perf_counter() - start
        if best is None or seconds < best[0]:
            best = (seconds, str(layout).removeprefix("torch."), result)
    save_file({"features": best[2].contiguous()}, out)
    print(best[0], f"{torch.__version__}:{best[1]}")


def check(theirs, ours):
    theirs, ours = load_file(theirs)["features"], load_file(ours)["features"]
    difference = (theirs - ours).abs().max() / theirs.abs().max()
    print(difference.item() if theirs.shape == ours.shape else 1, torch.__version__)


if __name__ == "__main__":
    torch.set_num_threads(2)
    if sys.argv[1] == "make":
        make(*sys.argv[2:5], int(sys.argv[5]))
    elif sys.argv[1] == "check":
        check(*sys.argv[2:4])
    else:
        extract(*sys.argv[2:6])
