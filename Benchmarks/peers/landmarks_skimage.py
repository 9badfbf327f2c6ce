"""The local maxima of saliency maps with scikit-image, for Benchmarks/saliency.

    landmarks_skimage.py make MAPS COUNT     writes a file of maps [COUNT, 28, 36]
    landmarks_skimage.py find MAPS CELLS     writes frame,row,column of each maximum

Prints the seconds of its work and scikit-image's version.
"""

import json
import sys
import time

import numpy as np
import skimage
from skimage.feature import peak_local_max

HEIGHT, WIDTH = 28, 36


def make(path, count):
    """Blobs as wide as a predicted map's, on a faint uneven ground; each map sums to 1."""
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    maps = np.empty((count, HEIGHT, WIDTH), np.float32)
    for index in range(count):
        total = 0.01 * random.random((HEIGHT, WIDTH))
        for _ in range(random.integers(2, 7)):
            y, x, sigma = random.random() * HEIGHT, random.random() * WIDTH, random.uniform(1.2, 3)
            square = (rows - y) ** 2 + (columns - x) ** 2
            total += random.uniform(0.2, 1) * np.exp(-square / (2 * sigma**2))
        maps[index] = total / total.sum()
    tensors = {
        "frame_index": np.arange(count), "times": np.arange(count) / 30, "maps": maps,
    }  # fmt: skip
    header, offset = {}, 0
    for name, tensor in tensors.items():
        kind = {"i": "I64", "f": "F64" if tensor.itemsize == 8 else "F32"}[tensor.dtype.kind]
        end = offset + tensor.nbytes
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.tobytes())


def find(path, cells):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))["maps"]
    maps = np.memmap(
        path, np.float32, "r", 8 + size + entry["data_offsets"][0], tuple(entry["shape"]))
    with open(cells, "w") as file:
        for index, image in enumerate(maps):
            found = peak_local_max(image, min_distance=2, threshold_rel=0.1, exclude_border=False)
            for row, column in sorted(found.tolist()):
                file.write(f"{index},{row},{column}\n")


start = time.perf_counter()
if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    find(sys.argv[2], sys.argv[3])
print(time.perf_counter() - start, skimage.__version__)
