"""Writes the golden of SafetensorsTests with the Python package: pip install safetensors==0.8.0 numpy"""
import numpy, safetensors.numpy

safetensors.numpy.save_file(
    {
        "times": numpy.array([0, 0.04, 0.08], numpy.float64),
        "index": numpy.array([[-1, 2]], numpy.int64),
        "features": numpy.array([[1.5, -2.25], [3e-5, 4]], numpy.float32),
        "frames": numpy.arange(3 * 2 * 5, dtype=numpy.uint8).reshape(3, 2, 5),
    },
    "golden.safetensors",
    metadata={"note": 'a "quoted" line\nand süß'},
)
