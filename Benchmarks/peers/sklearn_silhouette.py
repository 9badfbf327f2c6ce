#!/usr/bin/env python3
"""scikit-learn's mean silhouette, one for each line `step`.

    sklearn_silhouette.py write FILE ROWS
    sklearn_silhouette.py METRIC FILE

`value` answers with the last mean. Points are float32, as ours are; scikit-learn sums in float64.
"""

import sys
import time

import numpy as np
from safetensors.numpy import load_file, save_file


def write(path, rows, dimension=512, clusters=14):
    random = np.random.default_rng(0)
    centres = 0.3 * random.standard_normal((clusters, dimension), dtype=np.float32)
    labels = random.integers(0, clusters, rows)
    points = random.standard_normal((rows, dimension), dtype=np.float32)
    for cluster in range(clusters):
        points[labels == cluster] += centres[cluster]
    save_file({"points": points, "labels": labels.astype(np.int64)}, path)


def main():
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]))
        return
    import sklearn
    from sklearn.metrics import silhouette_score

    data = load_file(sys.argv[2])
    points, labels = data["points"], data["labels"]
    value = None
    for line in sys.stdin:
        match line.strip():
            case "step":
                start = time.perf_counter()
                value = silhouette_score(points, labels, metric=sys.argv[1])
                print(time.perf_counter() - start, flush=True)
            case "value":
                print(value, flush=True)
            case "version":
                print(sklearn.__version__, flush=True)


if __name__ == "__main__":
    main()
