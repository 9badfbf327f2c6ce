"""Writes one layered graph of tiny commands for fathom and for its peers.

    dag.py FOLDER STAGES WIDTH

FOLDER gets one folder for each of fathom, ninja, snakemake and dvc. Stage (layer, column) copies
the file of the stage above it and adds a line; the first layer copies `in.txt`. The commands are
the same text but for the names of files, which fathom substitutes.
"""

import hashlib
import sys
from pathlib import Path

INPUT = "x\n"


def graph(stages, width):
    """Yields (name, command's file read, file written, line added, stage above or None)."""
    for layer in range(stages // width):
        for column in range(width):
            above = f"s_{layer - 1}_{column}" if layer else None
            name = f"s_{layer}_{column}"
            yield name, f"{above}.txt" if above else "in.txt", f"{name}.txt", f"{layer} {column}", above


def command(source, target, line):
    return f"cat {source} > {target}; echo {line} >> {target}"


def fathom(stages, width):
    lines = ["pipeline: dag", "stages:"]
    for name, source, _, line, above in graph(stages, width):
        reads = f"in: {{ x: {above}.o }}" if above else f"files: [{source}]"
        run = command("${in.x}" if above else source, "${out.o}", line)
        lines += [f"  {name}:", f"    {reads}", f'    run: "{run}"', "    out: { o: o.txt }"]
    return {"pipeline.yaml": lines}


def ninja(stages, width):
    lines = []
    for name, source, target, line, _ in graph(stages, width):
        lines += [f"rule {name}", f"  command = {command(source, target, line)}"]
        lines += [f"build {target}: {name} {source}"]
    return {"build.ninja": lines}


def snakemake(stages, width):
    lines = []
    for name, source, target, line, _ in graph(stages, width):
        lines += [f"rule {name}:", f"  input: '{source}'", f"  output: '{target}'"]
        lines += [f"  shell: '{command(source, target, line)}'"]
    last = [f"'{target}'" for *_, target, _, _ in list(graph(stages, width))[-width:]]
    return {"Snakefile": ["rule all:", f"  input: {', '.join(last)}"] + lines}


def dvc(stages, width):
    lines = ["stages:"]
    for name, source, target, line, _ in graph(stages, width):
        lines += [f"  {name}:", f"    cmd: {command(source, target, line)}"]
        lines += [f"    deps: [{source}]", f"    outs: [{target}]"]
    return {"dvc.yaml": lines}


def write(folder, stages, width):
    for tool in (fathom, ninja, snakemake, dvc):
        place = Path(folder) / tool.__name__
        place.mkdir(parents=True)
        (place / "in.txt").write_text(INPUT)
        for name, lines in tool(stages, width).items():
            (place / name).write_text("\n".join(lines) + "\n")
    (Path(folder) / "fathom/.fathom").mkdir()  # A project of its own, wherever the folder lies.


def finish_dvc(folder, stages, width):
    """Leaves what a finished `dvc repro` leaves: files, cache and lock.

    DVC itself takes a quarter of an hour for 1,000 stages.
    """
    place = Path(folder) / "dvc"
    contents = {"in.txt": INPUT}
    lines = ["schema: '2.0'", "stages:"]

    def entry(path):
        content = contents[path].encode()
        digest = hashlib.md5(content).hexdigest()
        cached = place / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(content)
        return [
            f"    - path: {path}",
            "      hash: md5",
            f"      md5: {digest}",
            f"      size: {len(content)}",
        ]

    for name, source, target, line, _ in graph(stages, width):
        contents[target] = f"{contents[source]}{line}\n"
        (place / target).write_text(contents[target])
        lines += [f"  {name}:", f"    cmd: {command(source, target, line)}"]
        lines += ["    deps:", *entry(source), "    outs:", *entry(target)]
    (place / "dvc.lock").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
