#!/usr/bin/env python3
"""What PyTorch computes, for Tests/LearningTests: results and gradients of layers and networks.

    pip install torch torchvision safetensors numpy
    make_goldens.py

Writes layers.safetensors, networks.safetensors and losses.json beside itself. All is computed in
float64 from values that float32 holds exactly, and stored as float32: a golden's own error is 6e-8.
Written by torch 2.15.0, torchvision 0.29.2.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

HERE = Path(__file__).resolve().parent
torch.manual_seed(20)
torch.set_num_threads(1)


def random(*shape):
    return torch.randn(*shape, dtype=torch.float32).double()


def randomise(module):
    """Values that are all different, rounded to float32."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            value = torch.randn_like(tensor) * 0.3
            if name.endswith("running_var"):
                value = value.abs() + 0.5
            elif tensor.dim() > 1:
                value = value / (tensor[0].numel() ** 0.5 * 0.3)
            elif name.endswith("weight"):
                value = value + 1
            tensor.copy_(value.float().double())
    return module


def record(out, case, module, x, training=True):
    module = module.double().train(training)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    x = x.clone().requires_grad_(True)
    y = module(x)
    tensors = {"x": x, "y": y}
    for name, value in before.items():
        if value.is_floating_point():
            tensors[name] = value
    if training:
        dy = random(*y.shape)
        y.backward(dy)
        tensors |= {"dy": dy, "dx": x.grad}
        for name, parameter in module.named_parameters():
            tensors[f"{name}.grad"] = parameter.grad
        for name, value in module.state_dict().items():
            if "running" in name:
                tensors[f"{name}.after"] = value
    for name, value in tensors.items():
        out[f"{case}.{name}"] = value.detach().float().numpy().copy()


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        middle = max(1, channels // reduction)
        self.fc1 = nn.Linear(channels, middle)
        self.fc2 = nn.Linear(middle, channels)

    def forward(self, x):
        axes = tuple(range(2, x.dim()))
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean(axes)))))
        return x * gate.reshape(gate.shape + (1,) * (x.dim() - 2))


class Block(nn.Module):
    """torchvision's BasicBlock of video networks, with the options of ours."""

    def __init__(self, inputs, outputs, stride=(1, 1, 1), dilation=(1, 1), se=False):
        super().__init__()
        d0, d1 = dilation
        self.conv1 = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride, (1, d0, d0), (1, d0, d0), bias=False),
            nn.BatchNorm3d(outputs), nn.ReLU(),
        )  # fmt: skip
        self.conv2 = nn.Sequential(
            nn.Conv3d(outputs, outputs, 3, 1, (1, d1, d1), (1, d1, d1), bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.se = SqueezeExcitation(outputs) if se else nn.Identity()
        self.downsample = None
        if inputs != outputs or stride != (1, 1, 1):
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        return F.relu(self.se(self.conv2(self.conv1(x))) + around)


class ResNet3D(nn.Module):
    """r3d_18 of any width; `check_against_torchvision` holds it to torchvision's."""

    def __init__(self, classes, channels=3, width=1.0, se=False, dilate=False):
        super().__init__()
        sizes = [max(1, round(base * width)) for base in (64, 128, 256, 512)]
        self.stem = nn.Sequential(
            nn.Conv3d(channels, sizes[0], (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False),
            nn.BatchNorm3d(sizes[0]), nn.ReLU(),
        )  # fmt: skip
        inputs = sizes[0]
        for index, outputs in enumerate(sizes):
            dilated = dilate and index == 3
            stride = (1, 1, 1) if index == 0 else (2, 1, 1) if dilated else (2, 2, 2)
            setattr(self, f"layer{index + 1}", nn.Sequential(
                Block(inputs, outputs, stride, (1, 2) if dilated else (1, 1), se),
                Block(outputs, outputs, (1, 1, 1), (2, 2) if dilated else (1, 1), se),
            ))  # fmt: skip
            inputs = outputs
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x, tap=None):
        for name in ("stem", "layer1", "layer2", "layer3", "layer4"):
            x = getattr(self, name)(x)
            if name == tap:
                return x
        return self.fc(x.mean((2, 3, 4)))


def check_against_torchvision():
    from torchvision.models.video import r3d_18

    theirs, ours = r3d_18(num_classes=400), ResNet3D(400)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert sum(p.numel() for p in ours.parameters()) == 33_371_472
    x = torch.rand(1, 3, 4, 32, 32)
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(x), ours.eval()(x), rtol=1e-4, atol=1e-5)


def layers():
    out = {}

    def case(name, module, *shape, training=True):
        record(out, name, randomise(module.double()), random(*shape), training)

    case("conv2d", nn.Conv2d(3, 5, (3, 4), (2, 1), (1, 2), bias=True), 2, 3, 7, 8)
    case("conv2d_dilated", nn.Conv2d(16, 16, 3, 1, 2, 2, bias=False), 2, 16, 7, 6)
    case("conv3d", nn.Conv3d(3, 16, (3, 5, 5), (1, 2, 2), (1, 2, 2), bias=False), 2, 3, 4, 9, 8)
    case("conv3d_blocked", nn.Conv3d(16, 16, 3, (2, 2, 2), 1, bias=True), 2, 16, 4, 5, 6)
    case("conv3d_dilated", nn.Conv3d(16, 16, (2, 3, 3), (1, 2, 1), (1, 2, 2), (1, 2, 2), bias=False), 2, 16, 3, 6, 5)
    case("conv_groups", nn.Conv2d(32, 32, 3, 1, 1, groups=2, bias=True), 2, 32, 5, 4)
    case("conv_narrow_groups", nn.Conv2d(12, 24, 3, 1, 1, groups=4, bias=False), 2, 12, 5, 4)
    case("conv_depthwise", nn.Conv2d(16, 16, 7, 1, 3, groups=16, bias=True), 2, 16, 6, 7)
    for training in (True, False):
        name = "" if training else "_inference"
        case(f"norm2d{name}", nn.BatchNorm2d(5), 3, 5, 4, 3, training=training)
        case(f"norm3d{name}", nn.BatchNorm3d(16), 2, 16, 2, 3, 4, training=training)
    normed = nn.Sequential(nn.BatchNorm3d(16), nn.ReLU())
    case("norm_relu", normed, 2, 16, 2, 3, 4)
    case("relu", nn.ReLU(), 2, 5, 4, 3)
    case("sigmoid", nn.Sigmoid(), 2, 5, 4, 3)
    case("max2d", nn.MaxPool2d(3, 2, 1), 2, 5, 7, 6)
    case("max3d", nn.MaxPool3d(3, 2, 1), 2, 16, 4, 5, 6)
    case("average2d", nn.AvgPool2d(3, 2, 1, count_include_pad=False), 2, 5, 7, 6)
    case("average3d", nn.AvgPool3d((2, 3, 3), (1, 2, 2), (1, 1, 1), count_include_pad=False), 2, 16, 4, 5, 6)
    case("global", nn.AdaptiveAvgPool3d(1), 2, 5, 4, 3, 2)
    case("linear", nn.Linear(7, 5), 3, 7)
    case("linear_wide", nn.Linear(64, 32), 4, 64)
    case("excitation", SqueezeExcitation(32), 2, 32, 2, 3, 3)
    case("excitation_narrow", SqueezeExcitation(5), 2, 5, 4, 3)
    save_file(out, HERE / "layers.safetensors")


def network(out, curves, case, steps, tap, shape, **options):
    model = randomise(ResNet3D(3, **options).double())
    record(out, case, model, random(*shape))
    # As it began: running statistics moved when the gradients were recorded.
    model.load_state_dict(
        {
            k: torch.tensor(out[f"{case}.{k}"]).double() if f"{case}.{k}" in out else v
            for k, v in model.state_dict().items()
        }
    )
    x = torch.tensor(out[f"{case}.x"]).double()
    with torch.no_grad():
        out[f"{case}.inference"] = model.eval()(x).float().numpy()
        out[f"{case}.tap"] = model(x, tap).float().numpy()
    optimiser = torch.optim.SGD(
        model.train().parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3, nesterov=True
    )
    labels = torch.arange(shape[0]) % 3
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        losses.append(loss.item())
        optimiser.step()
    curves[case] = losses


def networks():
    out, curves = {}, {}
    network(out, curves, "plain", 10, "layer3", (2, 3, 4, 24, 24), width=1 / 32)
    network(
        out, curves, "saliency", 10, "layer4", (2, 1, 4, 24, 24), channels=1, width=3 / 128,
        se=True, dilate=True,
    )  # fmt: skip
    save_file(out, HERE / "networks.safetensors")
    return curves


def numbers(tensor):
    return tensor.detach().flatten().tolist()


def losses(curves):
    out = {"curves": curves}

    def case(name, x, loss, **more):
        loss.backward()
        out[name] = {"x": numbers(x), "loss": loss.item(), "gradient": numbers(x.grad)} | {
            k: numbers(v) if torch.is_tensor(v) else v for k, v in more.items()
        }

    labels = torch.tensor([1, 3, 0, 2, 1])
    weights = torch.tensor([0.5, 2.0, 1.0, 0.25], dtype=torch.float64)
    for name, w, smoothing in (
        ("plain", None, 0.0), ("weighted", weights, 0.0), ("smoothed", None, 0.1),
        ("both", weights, 0.2),
    ):  # fmt: skip
        x = (random(5, 4) * 3).requires_grad_(True)
        loss = F.cross_entropy(x, labels, weight=w, label_smoothing=smoothing)
        more = {} if w is None else {"weights": w}
        case(f"cross_entropy_{name}", x, loss, labels=labels, smoothing=smoothing, **more)
    x = random(2, 12).requires_grad_(True)
    target = torch.softmax(random(2, 12) * 4, 1)
    target[0, 3] = 0
    target = (target / target.sum(1, keepdim=True)).float().double()
    case(
        "divergence", x, F.kl_div(F.log_softmax(x, 1), target, reduction="batchmean"), target=target
    )
    x, target = random(3, 4).requires_grad_(True), random(3, 4)
    case("squares", x, F.mse_loss(x, target), target=target)
    x = random(6, 5).requires_grad_(True)
    z = F.normalize(x, dim=1)
    scores = (z @ z.T / 0.2).fill_diagonal_(float("-inf"))
    case("contrastive", x, F.cross_entropy(scores, (torch.arange(6) + 3) % 6), temperature=0.2)
    for name in ("layers", "networks"):
        (HERE / f"{name}.safetensors").chmod(0o644)
    (HERE / "losses.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    check_against_torchvision()
    layers()
    losses(networks())
