"""Writes explainability.addresses.txt: the instances of explainability.yaml, from its matrices alone.

python3 addresses.py > explainability.addresses.txt      (needs ruamel.yaml, which reads YAML 1.2)
"""
import itertools
import pathlib

from ruamel.yaml import YAML

pipeline = YAML(typ="safe").load(pathlib.Path(__file__).with_name("explainability.yaml"))


def names(values):
    if isinstance(values, str):
        values = pipeline["params"][values.removeprefix("${params.").removesuffix("}")]
    return [str(value) for value in values]


for stage, fields in pipeline["stages"].items():
    matrix = fields.get("matrix", {})
    axes = [[f"{axis}={name}" for name in names(values)] for axis, values in matrix.items()]
    for point in itertools.product(*axes):
        print(stage + ("@" + ",".join(point) if point else ""))
