"""25 iterations of Lloyd's algorithm on rows without cluster structure, beside scikit-learn and faiss."""

import statistics
import subprocess
import sys

from harness import PEERS, Stepper, python_with, runs

REQUIREMENTS = [
    "numpy==2.4.*", "scikit-learn==1.9.*", "faiss-cpu==1.15.*", "threadpoolctl", "safetensors",
]  # fmt: skip
LIMIT = 1.0


def kmeans(fathom, scratch):
    python = python_with(REQUIREMENTS, "venv-kmeans")
    script, data = PEERS / "kmeans_peer.py", scratch / "kmeans.safetensors"
    subprocess.run([python, script, "make", data], check=True)
    peers = ["scikit-learn", "faiss"]
    results = {name: scratch / f"kmeans-{name}.safetensors" for name in ["ours", *peers]}
    steppers = {"ours": Stepper(fathom.parent / "explain-step", "kmeans", data, results["ours"])}
    for name in peers:
        steppers[name] = Stepper(python, script, name, data, results[name])
    versions = {name: steppers[name].ask("version") for name in peers}
    seconds = {name: [] for name in steppers}
    for _ in range(runs(5)):
        for name, stepper in steppers.items():
            seconds[name].append(stepper.step())
    for stepper in steppers.values():
        stepper.end()
    check = [python, script, "check", data, *results.values()]
    inertias = [float(line) for line in subprocess.check_output(check, text=True).split()]
    spread = max(abs(inertia / inertias[0] - 1) for inertia in inertias)
    if spread > 1e-4:
        sys.exit(f"explain/kmeans: inertias differ: {dict(zip(results, inertias))}")
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    ours, best = middle["ours"], min(peers, key=middle.get)
    ratio = middle[best] / ours
    others = ", ".join(f"{name} {versions[name]} {middle[name]:.3f} s" for name in peers)
    print(
        f"explain/kmeans ratio {ratio:.2f} ours {ours:.3f} s peer {middle[best]:.3f} s ({others});"
        f" 100000 x 512, K = 14, 25 iterations, two threads, inertias equal within {spread:.1g};"
        f" limit ratio {LIMIT} {'held' if ratio >= LIMIT else 'MISSED'}",
        flush=True,
    )
