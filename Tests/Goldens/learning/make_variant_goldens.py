#!/usr/bin/env python3
"""What PyTorch and torchvision compute, for Tests/LearningTests: further networks, and weights.

    pip install torch torchvision safetensors numpy
    make_variant_goldens.py                     writes variants.safetensors and torchvision.json
    make_variant_goldens.py check FILE [GREY]   proves files that fathom saved: FILE an r3d_18 with
                                                400 classes, GREY the same for grey clips; the tests
                                                keep both in a folder that FATHOM_WEIGHTS names

Inputs and weights follow from names (`pattern`), so only results are stored. All of
variants.safetensors is computed in float64 but LAYER.float32: how far PyTorch's own float32 is off
in the gradients of a layer, in the worse of its two memory layouts, where that is above 5e-5.
Written by torch 2.15.0, torchvision 0.29.2.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from make_goldens import HERE, SqueezeExcitation
from safetensors.numpy import save_file
from safetensors.torch import load_file, save_file as save_torch
from torch import nn

PERIOD = 4093


def table():
    """4093 multiples of 2^-24 in [-0.5, 0.5): the finaliser of MurmurHash3 on 0, 1, 2, ..."""
    x = np.arange(PERIOD, dtype=np.uint64) * 2654435761 % 2**32
    for shift, factor in ((16, 2246822507), (13, 3266489909), (16, 1)):
        x = (x ^ (x >> shift)) * factor % 2**32
    return ((x >> 8).astype(np.float64) / 2**24 - 0.5).astype(np.float32)


TABLE = table()


def pattern(name, shape):
    """The table, again and again, from a place that FNV-1a gives to the name."""
    offset = 2166136261
    for byte in name.encode():
        offset = (offset ^ byte) * 16777619 % 2**32
    count = int(np.prod(shape))
    return TABLE[(offset % PERIOD + np.arange(count)) % PERIOD].reshape(shape)


def weights(name, shape):
    """Of a size that keeps activations near 1; all operations are exact or round as IEEE 754 says."""
    values = pattern(name, shape)
    if len(shape) > 1:
        step = 0
        while 4**step < np.prod(shape[1:]):
            step += 1
        return values * np.float32(4 / 2**step)
    centre = name.endswith("running_var") or name.endswith("weight")
    return values / np.float32(2) + np.float32(1 if centre else 0)


def patterned(model):
    state = {}
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            state[name] = torch.from_numpy(weights(name, tuple(tensor.shape)))
        else:
            state[name] = torch.tensor(7)
    model.load_state_dict(state)
    return model


class ShortcutA(nn.Module):
    """As in Hara et al.'s code: every second place, then channels of zeros."""

    def __init__(self, outputs, stride):
        super().__init__()
        self.outputs, self.stride = outputs, stride

    def forward(self, x):
        x = F.avg_pool3d(x, 1, self.stride)
        zeros = x.new_zeros(x.shape[0], self.outputs - x.shape[1], *x.shape[2:])
        return torch.cat([x, zeros], 1)


class JingBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, dilation, se):
        super().__init__()
        d0, d1 = dilation
        self.conv1 = nn.Conv3d(inputs, outputs, 3, stride, (1, d0, d0), (1, d0, d0), bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, 1, (1, d1, d1), (1, d1, d1), bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)
        self.se = SqueezeExcitation(outputs) if se else nn.Identity()
        self.around = nn.Identity()
        if inputs != outputs or stride != (1, 1, 1):
            self.around = ShortcutA(outputs, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.se(y) + self.around(x))


class Jing(nn.Module):
    def __init__(self, channels=3, width=1.0, se=False, dilate=False):
        super().__init__()
        sizes = [max(1, round(base * width)) for base in (64, 128, 256, 512)]
        self.conv1 = nn.Conv3d(channels, sizes[0], 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(sizes[0])
        inputs = sizes[0]
        for index, outputs in enumerate(sizes):
            dilated = dilate and index == 3
            stride = (1, 1, 1) if index == 0 else (2, 1, 1) if dilated else (2, 2, 2)
            setattr(self, f"layer{index + 1}", nn.Sequential(
                JingBlock(inputs, outputs, stride, (1, 2) if dilated else (1, 1), se),
                JingBlock(outputs, outputs, (1, 1, 1), (2, 2) if dilated else (1, 1), se),
            ))  # fmt: skip
            inputs = outputs

    def forward(self, x, tap=None):
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = getattr(self, name)(x)
            if name == tap:
                return x
        return x.mean((2, 3, 4), keepdim=True)


class Bottleneck(nn.Module):
    """torchvision's Bottleneck of images, with excitation."""

    def __init__(self, inputs, middle, outputs, stride, dilation, groups, se):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(
            middle, middle, 3, stride, dilation, dilation, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcitation(outputs) if se else nn.Identity()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.se(self.bn3(self.conv3(y))) + around)


class SEResNeXt(nn.Module):
    def __init__(self, channels=1, width=1.0, groups=16, se=True, dilate=False):
        super().__init__()
        size = lambda base: max(1, round(base * width))  # noqa: E731
        self.conv1 = nn.Conv2d(channels, size(64), 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(size(64))
        inputs, dilation = size(64), 1
        for index, count in enumerate((3, 4, 6, 3)):
            middle, outputs = size(64 << index), size(128 << index)
            blocks = []
            for block in range(count):
                reduces = index > 0 and block == 0
                dilated = dilate and index >= 2
                stride = 2 if reduces and not dilated else 1
                blocks.append(Bottleneck(inputs, middle, outputs, stride, dilation, groups, se))
                if reduces and dilated:
                    dilation *= 2
                inputs = outputs
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))

    def forward(self, x, tap=None):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = getattr(self, name)(x)
            if name == tap:
                return x
        return x


class Attention(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels)
        self.conv1 = nn.Conv2d(channels, width, 1)
        self.conv2 = nn.Conv2d(width, width, 1)
        self.conv3 = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        return self.conv3(F.relu(self.conv2(F.relu(self.conv1(F.relu(self.depthwise(x)))))))


class Classes(nn.Module):
    def __init__(self, channels, width, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1)
        self.conv2 = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        return self.conv2(F.relu(self.conv1(x))).mean((2, 3), keepdim=True)


class WithHead(nn.Module):
    """The head's name comes before those of its parameters, the backbone has none."""

    def __init__(self, backbone, **head):
        super().__init__()
        self.backbone = backbone
        self.head = next(iter(head))
        self.add_module(*next(iter(head.items())))

    def forward(self, x, tap=None):
        x = self.backbone(x, tap)
        return x if tap else getattr(self, self.head)(x)


def own(name):
    return name.removeprefix("backbone.")


LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def filled(model, dtype, layout=torch.contiguous_format):
    model = model.to(dtype, memory_format=layout)
    state = {
        n: torch.from_numpy(weights(own(n), tuple(t.shape))).to(dtype)
        if t.is_floating_point() else t
        for n, t in model.state_dict().items()
    }  # fmt: skip
    model.load_state_dict(state)
    return model


def trained(model, x):
    """The result, and the gradients of the input and of all parameters."""
    x = x.requires_grad_(True)
    y = model.train()(x)
    y.backward(torch.from_numpy(pattern("dy", tuple(y.shape))).to(x.dtype))
    return {"y": y, "dx": x.grad} | {
        f"{own(n)}.grad": p.grad for n, p in model.named_parameters()
    }


def by_layer(tensors):
    """The gradients of all parameters of a layer as one vector."""
    layers = {}
    for name, value in tensors.items():
        if name.endswith(".grad"):
            layers.setdefault(name.rsplit(".", 2)[0], []).append(value.flatten())
    return {layer: torch.cat(values) for layer, values in layers.items()}


def case(out, case, make, tap, shape):
    model = filled(make(), torch.double)
    x = torch.from_numpy(pattern("x", shape)).double()
    tensors = {}
    with torch.no_grad():
        tensors["inference"] = model.eval()(x)
        tensors["tap"] = model(x, tap)
    exact = trained(model, x)
    for name, value in model.state_dict().items():
        if "running" in name:
            tensors[f"{own(name)}.after"] = value
    for layout in (torch.contiguous_format, LAST[len(shape)]):
        x = torch.from_numpy(pattern("x", shape)).contiguous(memory_format=layout)
        found = by_layer(trained(filled(make(), torch.float, layout), x))
        for layer, value in by_layer(exact).items():
            off = (found[layer] - value).norm() / value.norm()
            if off > 5e-5:
                tensors[f"{layer}.float32"] = max(off, tensors.get(f"{layer}.float32", off))
    for name, value in (tensors | exact).items():
        out[f"{case}.{name}"] = value.detach().float().numpy().copy()


def variants():
    out = {}
    attention = lambda: WithHead(  # noqa: E731
        SEResNeXt(width=1 / 32, groups=2, dilate=True), attention=Attention(32, 8))  # fmt: skip
    classes = lambda: WithHead(  # noqa: E731
        SEResNeXt(width=1 / 32, groups=2), classes=Classes(32, 8, 3))  # fmt: skip
    clips, saliency = lambda: Jing(1, 1 / 32), lambda: Jing(1, 3 / 128, True, True)
    case(out, "jing", clips, "layer3", (2, 1, 8, 48, 32))
    case(out, "jing_saliency", saliency, "layer4", (2, 1, 8, 48, 32))
    case(out, "attention", attention, "layer4", (2, 1, 64, 48))
    case(out, "classes", classes, "layer3", (2, 1, 128, 96))
    save_file(out, HERE / "variants.safetensors")
    (HERE / "variants.safetensors").chmod(0o644)


def count(model):
    return sum(p.numel() for p in model.parameters())


def check_against_torchvision():
    """The bottleneck's stage, rates of dilation included, is torchvision's."""
    from torchvision.models.resnet import ResNet
    from torchvision.models.resnet import Bottleneck as Theirs

    for dilate in (False, True):
        theirs = ResNet(Theirs, [3, 4, 6, 3], groups=32, width_per_group=4,
                        replace_stride_with_dilation=[False, dilate, dilate])  # fmt: skip
        # resnext50_32x4d is twice as wide as the paper's, but for the stem.
        ours = SEResNeXt(3, 2, 32, se=False, dilate=dilate)
        for name in ("layer2", "layer3", "layer4"):
            patterned(getattr(theirs, name)).eval()
            getattr(ours, name).load_state_dict(getattr(theirs, name).state_dict())
        x = torch.rand(1, 256, 16, 12)
        with torch.no_grad():
            a, b = x, x
            for name in ("layer2", "layer3", "layer4"):
                a, b = getattr(theirs, name)(a), getattr(ours.eval(), name)(b)
        assert a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def clip(channels=3):
    return torch.from_numpy(pattern("clip", (1, channels, 8, 32, 40)))


def logits(model, x):
    with torch.no_grad():
        return model.double().eval()(x.double())[0, :16].tolist()


def torchvision_file():
    """An r3d_18 of full size: the digest of its file, what it says, what its grey form says."""
    from torchvision.models.video import r3d_18

    model = patterned(r3d_18(num_classes=400))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r3d_18.safetensors"
        save_torch(model.state_dict(), path)
        data = path.read_bytes()
    counts = {
        "r3d_18": count(model), "jing": count(Jing()), "se_resnext": count(SEResNeXt()),
        "attention": count(Attention(1024, 256)), "classes_14": count(Classes(1024, 256, 14)),
    }  # fmt: skip
    out = {
        "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "parameters": counts,
        "logits": logits(model, clip()),
        # A grey clip in each of three colours: what summed weights must give.
        "greyLogits": logits(model, clip(1).expand(-1, 3, -1, -1, -1)),
    }  # fmt: skip
    (HERE / "torchvision.json").write_text(json.dumps(out, indent=1) + "\n")


def check(paths):
    from torchvision.models.video import r3d_18

    golden = json.loads((HERE / "torchvision.json").read_text())
    for path, key, channels in zip(paths, ("logits", "greyLogits"), (3, 1)):
        model = r3d_18(num_classes=400)
        if channels == 1:
            model.stem[0] = nn.Conv3d(1, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
        model.load_state_dict(load_file(path), strict=True)
        found = torch.tensor(logits(model, clip(channels)))
        error = (found - torch.tensor(golden[key])).norm() / torch.tensor(golden[key]).norm()
        assert error < 1e-6, f"{path}: relative error {error}"
        print(f"{path}: loaded strictly by torchvision, relative error {error:.1e}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(sys.argv[2:])
    else:
        check_against_torchvision()
        variants()
        torchvision_file()
