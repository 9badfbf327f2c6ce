"""Mean silhouettes of 20,000 x 512 points in 14 clusters beside scikit-learn's, and the squared form
of 1,000,000 x 512 alone. Points and labels in, sums of the clusters included."""

import statistics
import subprocess

from harness import PEERS, Stepper, python_with, runs

ROWS, LARGE = 20_000, 1_000_000
REQUIREMENTS = ["scikit-learn==1.9.*", "numpy", "safetensors"]


def squared(fathom, folder):
    # The peer compares all pairs without a matrix product: about 100 s a run.
    compare("silhouette_squared", "sqeuclidean", fathom, folder, runs(1), limit=1000)
    python = python_with(REQUIREMENTS, "sklearn")
    ours = stepper("silhouette_squared", fathom, data(python, folder, LARGE))
    ours.step()
    seconds = statistics.median(ours.step() for _ in range(max(3, runs(5))))
    ours.end()
    print(f"explain/silhouette_squared_1000000 ours {seconds:.3f} s; limit 1.5 s", flush=True)


def euclidean(fathom, folder):
    compare("silhouette_euclidean", "euclidean", fathom, folder, runs(5), limit=3)


def stepper(case, fathom, path):
    return Stepper(fathom.parent / "explain-step", case, path)


def data(python, folder, rows):
    path = folder / f"points-{rows}.safetensors"
    if not path.exists():
        command = [python, PEERS / "sklearn_silhouette.py", "write", path, rows]
        subprocess.run(list(map(str, command)), check=True)
    return path


def compare(case, metric, fathom, folder, pairs, limit):
    python = python_with(REQUIREMENTS, "sklearn")
    path = data(python, folder, ROWS)
    ours = stepper(case, fathom, path)
    peer = Stepper(python, PEERS / "sklearn_silhouette.py", metric, path)
    ours.step()
    times = [(ours.step(), peer.step()) for _ in range(pairs)]
    value, theirs = float(ours.ask("value")), float(peer.ask("value"))
    version = peer.ask("version")
    ours.end()
    peer.end()
    if abs(value - theirs) > 1e-6:
        raise SystemExit(f"explain/{case}: {value} is not scikit-learn's {theirs}")
    mine, other = (statistics.median(column) for column in zip(*times))
    ratio = statistics.median(b / a for a, b in times)
    print(
        f"explain/{case} ratio {ratio:.2f} ours {mine:.4f} s peer {other:.3f} s "
        f"(scikit-learn {version}); limit {limit}",
        flush=True,
    )
