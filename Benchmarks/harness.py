"""What the suites share: peers from PyPI, processes that take steps, jobs of `fathom-worker`."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
BENCH = HERE.parent / ".bench"
TORCH = ["torch==2.15.*", "torchvision==0.29.*", "numpy", "safetensors"]
ONLY = [name for name in os.environ.get("FATHOM_BENCH_ONLY", "").split(",") if name]


def runs(usual):
    """How often each is measured: FATHOM_BENCH_RUNS."""
    return int(os.environ.get("FATHOM_BENCH_RUNS", usual))


def is_wanted(name):
    """FATHOM_BENCH_ONLY names what to measure, separated by commas; all without it."""
    return not ONLY or name in ONLY


def python_with(requirements, name):
    """The Python of `.bench/NAME`, with these packages of PyPI; installs them where they are not."""
    BENCH.mkdir(exist_ok=True)
    environment = BENCH / name
    stamp = environment / "requirements"
    if not stamp.exists() or stamp.read_text() != "\n".join(requirements):
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run(
            [environment / "bin/pip", "install", "-q", *requirements], check=True, stdout=2
        )
        stamp.write_text("\n".join(requirements))
    return environment / "bin/python"


class Stepper:
    """A process that takes a step when it is asked to."""

    def __init__(self, *command):
        environment = os.environ | {"OMP_NUM_THREADS": "2"}
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment,
        )  # fmt: skip

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            sys.exit(f"{' '.join(self.process.args)} ended with {self.process.wait()}")
        return answer

    def step(self):
        return float(self.ask("step"))

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Worker:
    """Runs kinds as the engine does, one process a job."""

    def __init__(self, fathom, scratch):
        self.path = Path(fathom).resolve().parent / "fathom-worker"
        self.scratch = scratch
        answer = subprocess.run([self.path, "catalogue"], capture_output=True, check=True)
        kinds = json.loads(answer.stdout)["kinds"]
        self.versions = {kind["kind"]: kind["version"] for kind in kinds}

    def run(self, kind, inputs, options, cpus=1):
        """The folder of the job, and the seconds of its process.

        An input is a path, or a dictionary of paths by item where the port takes many.
        """
        folder = self.scratch / "job"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        job = folder / "job.json"
        job.write_text(json.dumps({
            "schemaVersion": 1, "kind": kind, "version": self.versions[kind], "options": options,
            "inputs": {port: self.artifact(port, value) for port, value in inputs.items()},
            "folder": str(folder), "checkpointFolder": str(folder / "checkpoint"), "cpus": cpus,
        }))  # fmt: skip
        environment = os.environ | {
            "OMP_NUM_THREADS": str(cpus), "OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "10000"
        }  # fmt: skip
        start = time.perf_counter()
        subprocess.run([self.path, "run", job], check=True, env=environment)
        return folder, time.perf_counter() - start

    def artifact(self, port, value):
        if not isinstance(value, dict):
            return {"one": {"path": str(value)}}
        index = self.scratch / f"{port}.tsv"
        rows = [("item", "path"), *sorted(value.items())]
        index.write_text("".join(f"{item}\t{path}\n" for item, path in rows))
        return {"many": {"index": str(index)}}
