"""t-SNE of 10,000 x 512 rows about 14 centres, 750 iterations, perplexity 30, beside openTSNE."""

import statistics
import subprocess
import sys

from harness import PEERS, Stepper, python_with, runs

REQUIREMENTS = ["numpy==2.4.*", "scikit-learn==1.9.*", "openTSNE==1.0.*", "safetensors"]
LIMIT = 1.0
# How far our divergence may lie above the peer's.
SLACK = 1.02


def tsne_10k(fathom, scratch):
    python = python_with(REQUIREMENTS, "venv-tsne")
    script, data = PEERS / "tsne_peer.py", scratch / "tsne.safetensors"
    subprocess.run([python, script, "make", data], check=True)
    results = {name: scratch / f"tsne-{name}.safetensors" for name in ["ours", "peer"]}
    steppers = {
        "ours": Stepper(fathom.parent / "explain-step", "tsne", data, "2", results["ours"]),
        "peer": Stepper(python, script, "step", data, results["peer"]),
    }
    version = steppers["peer"].ask("version")
    seconds = {name: [] for name in steppers}
    for _ in range(runs(3)):
        for name, stepper in steppers.items():
            seconds[name].append(stepper.step())
    for stepper in steppers.values():
        stepper.end()
    check = [python, script, "check", data, *results.values()]
    ours_kl, peer_kl = map(float, subprocess.check_output(check, text=True).split())
    if not ours_kl <= SLACK * peer_kl:
        sys.exit(f"explain/tsne_10k: KL {ours_kl:.4f}, the peer's {peer_kl:.4f}")
    ours, peer = statistics.median(seconds["ours"]), statistics.median(seconds["peer"])
    ratio = peer / ours
    print(
        f"explain/tsne_10k ratio {ratio:.2f} ours {ours:.2f} s peer {peer:.2f} s"
        f" (openTSNE {version}, fft); 10000 x 512, 750 iterations, two threads,"
        f" KL {ours_kl:.4f} and {peer_kl:.4f};"
        f" limit ratio {LIMIT} {'held' if ratio >= LIMIT else 'MISSED'}",
        flush=True,
    )
