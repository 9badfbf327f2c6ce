#!/usr/bin/env python3
"""One training step or one inference of torchvision's r3d_18, timed, as Benchmarks/learning-step.

    torch_r3d18.py train|infer float32|bfloat16 BATCH FRAMES SIZE LAYOUT

LAYOUT is contiguous or channels_last_3d. Answers each line of standard input with one of output:
`step` with the seconds of one step, `peak` with the peak memory in bytes.
"""

import re
import sys
import time
from pathlib import Path

import torch
from torchvision.models.video import r3d_18

CLASSES = 4


def main():
    mode, precision, layout = sys.argv[1], sys.argv[2], sys.argv[6]
    batch, frames, size = map(int, sys.argv[3:6])
    torch.set_num_threads(2)
    torch.manual_seed(0)
    order = getattr(torch, {"contiguous": "contiguous_format"}.get(layout, layout))
    model = r3d_18(num_classes=CLASSES).to(memory_format=order)
    clips = torch.rand(batch, 3, frames, size, size).to(memory_format=order)
    labels = torch.arange(batch) % CLASSES
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    model.train(mode == "train")

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")

    def train():
        optimiser.zero_grad(set_to_none=True)
        with autocast():
            loss = torch.nn.functional.cross_entropy(model(clips), labels)
        loss.backward()
        optimiser.step()

    def infer():
        with torch.inference_mode(), autocast():
            model(clips)

    step = train if mode == "train" else infer
    for line in sys.stdin:
        if line.strip() == "step":
            start = time.perf_counter()
            step()
            print(time.perf_counter() - start, flush=True)
        else:
            status = Path("/proc/self/status").read_text()
            print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10, flush=True)


if __name__ == "__main__":
    main()
