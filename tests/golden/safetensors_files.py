#!/usr/bin/env python3
"""Writes tests/golden/safetensors/{torch,numpy}.safetensors by the safetensors package of PyPI (0.8.0, with torch 2.x and
numpy 2.4) and reads tendon.safetensors back, which tests/record/safetensors_test.cpp writes: the same tensors, bit by bit.

    python3 -m venv scratch && scratch/bin/pip install safetensors numpy ml_dtypes torch
    scratch/bin/python tests/golden/safetensors_files.py
"""
import pathlib

import ml_dtypes  # noqa: F401 (gives NumPy bf16)
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).parent / "safetensors"
METADATA = {"format": "golden", "quote": 'a "b" \\ é'}
FLOATS = [[-1.5, 0.0, 0.25], [2.0, -3.0, 1024.0]]
INTEGERS = [[-1, 0, 1], [2, -3, 1024]]

tensors = {
    "mask": torch.tensor([[True, False, True], [True, False, False]]),
    "layer/i32": torch.tensor(INTEGERS, dtype=torch.int32),
    "i64": torch.tensor(INTEGERS, dtype=torch.int64) * 2**40,
    "f16": torch.tensor(FLOATS, dtype=torch.float16),
    "bf16": torch.tensor(FLOATS, dtype=torch.bfloat16),
    "f32": torch.tensor(FLOATS, dtype=torch.float32),
    "f64": torch.tensor(FLOATS, dtype=torch.float64),
    "scalar": torch.tensor(0.1, dtype=torch.float64),
    "empty": torch.zeros((0, 3), dtype=torch.float32),
    "special é": torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0], dtype=torch.float32),
}

safetensors.torch.save_file(tensors, FOLDER / "torch.safetensors", metadata=METADATA)
arrays = {name: tensor.numpy() for name, tensor in tensors.items() if name != "bf16"}  # NumPy has none
safetensors.numpy.save_file(arrays, FOLDER / "numpy.safetensors", metadata=METADATA)

tendon = FOLDER / "tendon.safetensors"
if tendon.exists():
    read = safetensors.torch.load_file(tendon)
    assert read.keys() == tensors.keys(), read.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype and read[name].shape == tensor.shape, name
        assert read[name].numpy(force=True).tobytes() == tensor.numpy().tobytes() if name != "bf16" else torch.equal(
            read[name].view(torch.int16), tensor.view(torch.int16)), name
    arrays = safetensors.numpy.load_file(tendon)
    assert arrays.keys() == tensors.keys()
    assert all(arrays[name].tobytes() == tensor.numpy().tobytes() for name, tensor in tensors.items() if name != "bf16")
    with safetensors.safe_open(tendon, "numpy") as file:
        assert file.metadata() == METADATA, file.metadata()
    print("PyTorch and NumPy read tendon.safetensors")
