"""Checks pipeline.schema.json with an independent validator: python3 validate_schema.py

The example must be valid, and each broken copy of it must not be. Needs jsonschema and ruamel.yaml.
"""
import copy
import json
import pathlib

import jsonschema
from ruamel.yaml import YAML

here = pathlib.Path(__file__).parent
schema = json.loads((here / "pipeline.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
example = YAML(typ="safe").load(here / "explainability.yaml")
validator.validate(example)


def broken(change):
    pipeline = copy.deepcopy(example)
    change(pipeline, pipeline["stages"])
    return not validator.is_valid(pipeline)


changes = {
    "unknown kind": lambda p, s: s["scans"].update(uses="simulat"),
    "unknown field": lambda p, s: s["scans"].update(runn="x"),
    "unknown option": lambda p, s: s["kmeans"]["with"].update(cluster=3),
    "option of a wrong type": lambda p, s: s["kmeans"]["with"].update(clusters="three"),
    "option out of range": lambda p, s: s["kmeans"]["with"].update(clusters=1),
    "missing option": lambda p, s: s["scans"].update({"with": {"seed": 1}}),
    "no options where one is required": lambda p, s: s["scans"].pop("with"),
    "unknown choice": lambda p, s: s["saliency"]["with"].update(method="vim"),
    "list of a wrong length": lambda p, s: s["decode"]["with"].update(size=[1, 2, 3]),
    "unknown port": lambda p, s: s["decode"]["in"].update(vidio="scans.videos"),
    "missing port": lambda p, s: s["vam"]["in"].pop("fixations"),
    "both uses and run": lambda p, s: s["scans"].update(run="x"),
    "neither uses nor run": lambda p, s: s["notebook"].pop("run"),
    "out of a kind": lambda p, s: s["scans"].update(out={"o": "o"}),
    "with of a command": lambda p, s: s["notebook"].update({"with": {}}),
    "no name": lambda p, s: p.pop("pipeline"),
    "a stage's name with a dot": lambda p, s: s.update({"a.b": {"run": "x"}}),
    "no processors": lambda p, s: s["pretrain"].update(resources={"cpu": 0}),
    "a size without a unit": lambda p, s: s["pretrain"].update(resources={"memory": "4 gigs"}),
}
wrong = [name for name, change in changes.items() if not broken(change)]
assert not wrong, f"valid though broken: {wrong}"
for name, change in {
    "references": lambda p, s: s["kmeans"]["with"].update(clusters="${params.clip}"),
    "a size": lambda p, s: s["pretrain"].update(resources={"memory": "512MiB", "licence": 2}),
    "a list of references": lambda p, s: s["table2"]["in"].update(scores=["a.b", "c.d"]),
}.items():
    assert not broken(change), name
print(f"the example is valid, {len(changes)} broken copies are not")
