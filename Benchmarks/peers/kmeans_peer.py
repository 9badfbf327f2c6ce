"""K-means of scikit-learn and faiss on two threads, from centroids that are given.

    kmeans_peer.py make DATA                    points [100000, 512] and centroids [14, 512]
    kmeans_peer.py scikit-learn|faiss DATA RESULT
    kmeans_peer.py check DATA RESULT...         the inertia of each

Answers `version`; and `step` with the seconds of 25 iterations.
"""

import sys
import time

import numpy as np
from safetensors.numpy import load_file, save_file

ITERATIONS = 25


def make(path):
    random = np.random.default_rng(0)
    points = random.standard_normal((100_000, 512), dtype=np.float32)
    rows = random.choice(len(points), 14, replace=False)
    save_file({"points": points, "centroids": points[rows].copy()}, path)


def check(data, results):
    points = load_file(data)["points"]
    for path in results:
        centroids = load_file(path)["centroids"].astype(np.float64)
        inertia = 0.0
        for first in range(0, len(points), 10_000):
            rows = points[first : first + 10_000].astype(np.float64)
            squares = (rows**2).sum(1)[:, None] + (centroids**2).sum(1) - 2 * rows @ centroids.T
            inertia += squares.min(1).sum()
        print(inertia)


def scikit_learn(points, centroids):
    from sklearn.cluster import KMeans

    model = KMeans(
        len(centroids), init=centroids, n_init=1, max_iter=ITERATIONS, tol=0, algorithm="lloyd"
    )
    start = time.perf_counter()
    model.fit(points)
    seconds = time.perf_counter() - start
    if model.n_iter_ != ITERATIONS:
        sys.exit(f"scikit-learn stopped after {model.n_iter_} iterations")
    return seconds, model.cluster_centers_


def faiss_kmeans(points, centroids):
    import faiss

    model = faiss.Kmeans(
        points.shape[1], len(centroids), niter=ITERATIONS, max_points_per_centroid=len(points)
    )
    start = time.perf_counter()
    model.train(points, init_centroids=centroids)
    return time.perf_counter() - start, model.centroids


def main():
    if sys.argv[1] == "make":
        return make(sys.argv[2])
    if sys.argv[1] == "check":
        return check(sys.argv[2], sys.argv[3:])
    if sys.argv[1] == "faiss":
        import faiss

        faiss.omp_set_num_threads(2)
        cluster, version = faiss_kmeans, faiss.__version__
    else:
        import sklearn
        from threadpoolctl import threadpool_limits

        threadpool_limits(2)
        cluster, version = scikit_learn, sklearn.__version__
    data = load_file(sys.argv[2])
    for line in sys.stdin:
        if line.strip() == "version":
            print(version, flush=True)
        else:
            seconds, centroids = cluster(data["points"], data["centroids"])
            save_file({"centroids": np.ascontiguousarray(centroids)}, sys.argv[3])
            print(seconds, flush=True)


main()
