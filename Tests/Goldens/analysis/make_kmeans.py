"""Writes kmeans.json: scikit-learn's best inertia of 10 restarts on 20 data sets of a closed form, and
that of its mini-batches of 64 rows.

    python3 -m venv env && env/bin/pip install numpy scikit-learn
    env/bin/python make_kmeans.py

`KMeansDataSets.swift` makes the same data sets.
"""

import json
import pathlib

import numpy as np
import sklearn.cluster


def uniform(seed, count):
    """SplitMix64 of seed * 2^32 + 1, + 2 and so on: multiples of 2^-24 in [0, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed << 32) + np.arange(1, count + 1, dtype=np.uint64)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


def data_set(number):
    rows, columns, clusters = 200 + 40 * number, 2 + number % 7, 2 + number % 9
    spread = [1, 4, 16][number % 3]
    centres = 8 * uniform(2 * number, clusters * columns).reshape(clusters, columns)
    noise = uniform(2 * number + 1, 2 * rows * columns).reshape(2, rows, columns).sum(0) - 1
    points = centres[np.arange(rows) % clusters] + spread * noise
    return points.astype(np.float32), clusters


def main():
    inertias = []
    for number in range(20):
        points, clusters = data_set(number)
        model = sklearn.cluster.KMeans(clusters, n_init=10, random_state=number)
        inertias.append(model.fit(points.astype(np.float64)).inertia_)
    batches = []
    for number in range(20):
        points, clusters = data_set(number)
        model = sklearn.cluster.MiniBatchKMeans(
            clusters, n_init=10, batch_size=64, random_state=number)
        batches.append(model.fit(points.astype(np.float64)).inertia_)
    path = pathlib.Path(__file__).with_name("kmeans.json")
    result = {"sklearn": sklearn.__version__, "inertias": inertias, "batches": batches}
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
