"""Features of torchvision's r3d_18 at landmarks, float32, beside PyTorch.

Ours is a whole job of `fathom-worker`, from the start of its process to its end, on two processors; the
peer reads the same files, on two threads, its time without Python's imports and two clips to warm up.
"""

import os
import statistics
import subprocess
import sys

from harness import PEERS, TORCH, Worker, python_with, runs

CLIPS, LIMIT = 24, 1.15


def extract(fathom, scratch):
    python = python_with(TORCH, "venv-learning")
    worker = Worker(fathom, scratch)
    names = ["frames.safetensors", "landmarks.csv", "model.safetensors", "theirs.safetensors"]
    frames, landmarks, model, theirs = files = [scratch / name for name in names]

    def peer(*arguments):
        command = [python, PEERS / "torch_extract.py", *map(str, arguments)]
        environment = os.environ | {"OMP_NUM_THREADS": "2"}
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        ).stdout.split()
        return float(answer[0]), answer[1]

    peer("make", *files[:3], CLIPS)
    inputs = {"frames": frames, "landmarks": landmarks, "model": model}
    seconds = {"ours": [], "peer": []}
    for _ in range(runs(5)):
        job, taken = worker.run("extract", inputs, {"precision": "float32"}, cpus=2)
        seconds["ours"].append(taken)
        taken, version = peer("extract", *files)
        seconds["peer"].append(taken)
    difference, _ = peer("check", theirs, job / "out/features/features.safetensors")
    if not difference <= 1e-4:
        sys.exit(f"explain/extract: features differ from PyTorch's by {difference}")
    ours, other = (statistics.median(values) for values in seconds.values())
    ratio = other / ours
    print(
        f"explain/extract ratio {ratio:.2f} ours {ours:.3f} s peer {other:.3f} s (torch {version});"
        f" {CLIPS} clips of 8x112x112, two threads, ours a whole job, features equal within"
        f" {difference:.1g} of the largest; limit ratio {LIMIT}"
        f" {'held' if ratio >= LIMIT else 'MISSED'}",
        flush=True,
    )
