"""Pictures of many kinds as one frame and its description."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy

from .schema import pb

_DTYPES: dict[numpy.dtype[Any], int] = {
    numpy.dtype("uint8"): pb.DTYPE_U8,
    numpy.dtype("float16"): pb.DTYPE_F16,
    numpy.dtype("float32"): pb.DTYPE_F32,
}


@dataclass(frozen=True)
class Picture:
    """A frame's bytes, and the tensor they are (None: an encoded file)."""

    data: bytes
    dtype: int = 0
    layout: int = 0
    shape: tuple[int, ...] = ()


def picture(image: Any, layout: str | None = None) -> Picture:
    """Takes a path, the bytes of a PNG, JPEG or WebP file, a Pillow image, or an RGB array or tensor.

    Arrays are uint8, or float16 / float32 in [0, 1] (float64 becomes float32), `[height, width, 3]` or
    `[3, height, width]`. Where both readings fit, `layout` ("HWC" or "CHW") must say which.
    Nothing is compressed or quantised on the way.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, (bytes, bytearray, memoryview)):
        return Picture(bytes(image))
    if isinstance(image, (str, os.PathLike)):
        with open(image, "rb") as file:
            return Picture(file.read())
    if hasattr(image, "detach"):  # a torch tensor, without importing torch
        image = image.detach().cpu()
        if str(image.dtype) == "torch.bfloat16":
            image = image.float()
        image = image.numpy()
    elif hasattr(image, "convert") and hasattr(image, "mode"):  # a Pillow image
        image, layout = numpy.asarray(image.convert("RGB")), "HWC"
    array = numpy.asarray(image)
    if array.dtype == numpy.float64:
        array = array.astype(numpy.float32)
    if array.dtype not in _DTYPES:
        raise TypeError(f"an image array is uint8, float16 or float32, not {array.dtype}")
    chosen = _layout(array, layout)
    return tensor(array, pb.LAYOUT_CHW if chosen == "CHW" else pb.LAYOUT_HWC)


def tensor(array: numpy.ndarray[Any, Any], layout: int) -> Picture:
    """An array as it stands, little-endian and without gaps."""
    dtype = _DTYPES[array.dtype]
    little = numpy.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return Picture(little.tobytes(), dtype, layout, tuple(int(extent) for extent in array.shape))


def mask(values: Any) -> Picture:
    """Weights in [0, 1] as `[height, width]`; bool and uint8 (0 to 255) too."""
    array = numpy.asarray(values)
    if array.dtype == numpy.bool_:
        array = array.astype(numpy.uint8) * numpy.uint8(255)
    elif array.dtype not in _DTYPES:
        array = array.astype(numpy.float32)
    if array.ndim != 2:
        raise ValueError(f"a mask is [height, width], not {list(array.shape)}")
    return tensor(array, pb.LAYOUT_HW)


def array(data: bytes, dtype: int, shape: tuple[int, ...]) -> numpy.ndarray[Any, Any]:
    """A reply's frame as an array of its own."""
    kinds = {number: kind for kind, number in _DTYPES.items()}
    if dtype not in kinds:
        raise ValueError(f"unknown dtype {dtype}")
    kind = kinds[dtype].newbyteorder("<")
    if len(data) != kind.itemsize * int(numpy.prod(shape, dtype=numpy.int64)):
        raise ValueError(f"{len(data)} bytes do not fill {list(shape)} of {kinds[dtype]}")
    values: numpy.ndarray[Any, Any] = numpy.frombuffer(data, kind).reshape(shape).astype(kinds[dtype])
    return values


def _layout(array: numpy.ndarray[Any, Any], layout: str | None) -> str:
    if array.ndim != 3:
        raise ValueError(f"an image array has three axes, not the shape {list(array.shape)}")
    fits = [name for name, axis in (("HWC", 2), ("CHW", 0)) if array.shape[axis] == 3]
    if layout is None:
        if len(fits) == 1:
            return fits[0]
        raise ValueError(
            f"the shape {list(array.shape)} "
            + ("fits HWC and CHW: say layout=" if fits else "has no axis of 3 colours"))
    if layout not in fits:
        raise ValueError(f"the shape {list(array.shape)} is not an RGB image in {layout}")
    return layout
