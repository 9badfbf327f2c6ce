"""t-SNE of openTSNE on two threads.

    tsne_peer.py make DATA                  features [10000, 512]
    tsne_peer.py step DATA RESULT
    tsne_peer.py check DATA RESULT...       KL(P || Q) of each embedding, Z summed over all pairs

Answers `version`; and `step` with the seconds of the whole embedding.
"""

import sys
import time

import numpy as np
import openTSNE
from safetensors.numpy import load_file, save_file

ROWS, COLUMNS, GROUPS, LOW = 10_000, 512, 14, 20


def make(path):
    random = np.random.default_rng(0)
    centres = random.normal(0, 0.5, (GROUPS, COLUMNS))
    low = random.normal(0, 1, (ROWS, LOW)) @ random.normal(0, 0.3, (LOW, COLUMNS))
    noise = random.normal(0, 1, (ROWS, COLUMNS))
    rows = centres[random.integers(0, GROUPS, ROWS)] + low + noise
    save_file({"features": rows.astype(np.float32)}, path)


def check(data, results):
    features = load_file(data)["features"]
    affinities = openTSNE.affinity.PerplexityBasedNN(
        features, perplexity=30, method="exact", n_jobs=2
    )
    p = affinities.P.tocoo()
    for path in results:
        y = load_file(path)["embedding"].astype(np.float64)
        z = -float(len(y))  # A row has itself at 1.
        for first in range(0, len(y), 1000):
            squares = ((y[first : first + 1000, None] - y[None]) ** 2).sum(-1)
            z += (1 / (1 + squares)).sum()
        q = 1 / (1 + ((y[p.row] - y[p.col]) ** 2).sum(1)) / z
        kept = p.data > 0
        print(float((p.data[kept] * np.log(p.data[kept] / q[kept])).sum()))


def step(data, result):
    features = load_file(data)["features"]
    for line in sys.stdin:
        if line.strip() == "version":
            print(openTSNE.__version__, flush=True)
            continue
        model = openTSNE.TSNE(
            perplexity=30, initialization="pca", negative_gradient_method="fft", n_jobs=2,
            random_state=0,
        )  # fmt: skip
        start = time.perf_counter()
        embedding = model.fit(features)
        seconds = time.perf_counter() - start
        save_file({"embedding": np.ascontiguousarray(embedding, dtype=np.float32)}, result)
        print(seconds, flush=True)


def main():
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "check":
        check(sys.argv[2], sys.argv[3:])
    else:
        step(sys.argv[2], sys.argv[3])


main()
