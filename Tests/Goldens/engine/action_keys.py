"""Action keys of ActionKeyTests, from the description in ActionKey.swift and CanonicalEncoder.swift alone.

python3 action_keys.py prints one digest a line: a command, a kind, an item of an `each:` stage.
"""
import hashlib
import struct


def encode(value):
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"i" + struct.pack("<q", value)
    if isinstance(value, float):
        return b"d" + struct.pack("<d", value)
    if isinstance(value, str):
        text = value.encode()
        return b"s" + struct.pack("<Q", len(text)) + text
    if isinstance(value, bytes):
        return b"#" + value
    if isinstance(value, list):
        return b"l" + struct.pack("<Q", len(value)) + b"".join(map(encode, value))
    raise TypeError(value)


def key(fields):
    out = encode("fathom action") + encode(1) + b"l" + struct.pack("<Q", len(fields))
    for path, value in fields:
        out += encode(path) + encode(value)
    return hashlib.sha256(out).hexdigest()


def sha(text):
    return hashlib.sha256(text.encode()).digest()


print(key([("run", "cat ${in.x} > ${out.o}"), ("out.o", "o.txt")]))
print(key([
    ("kind", "kmeans"), ("version", 2), ("with.clusters", 14), ("with.normalise", "l2"),
    ("with.task.deep.a\\.b", True), ("with.task.deep.none", None), ("with.task.paces", [1, 2, 3, 4]),
    ("with.tolerance", 1e-4), ("each", ["features"]),
]))
item = encode("fathom item") + encode(1) + encode(sha("base")) + encode("p1/scan.mp4")
item += b"l" + struct.pack("<Q", 1) + encode("features") + encode(sha("x"))
print(hashlib.sha256(item).hexdigest())
