"""Find people in an image with a trained network, run by MediaPipe."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from common.documents import read_limited
from common.errors import InputError
from training.captures.images import Pixels

_IDENTIFIER = b"TFL3"  # of TFLite models, after the first four bytes
_MAX_BYTES = 500_000_000
_INSTALL = "pip install --no-deps mediapipe absl-py flatbuffers"  # why without theirs: requirements-segmentation.txt


class PersonSegmenter:
    """A network that finds how certainly each pixel of an image shows a person. Close it after use, or use it in `with`.

    Args:
        model: file of a TFLite model: MediaPipe's selfie segmentation, or one with several classes of which the first is the
            background, or one of whose labels is "person".

    Raises:
        InputError: MediaPipe is not installed, or the file is missing or not such a model.
    """

    def __init__(self, model: Path) -> None:
        self._model = model
        content = _read(model)
        try:
            self._mediapipe: Any = importlib.import_module("mediapipe")
            vision: Any = importlib.import_module("mediapipe.tasks.python.vision")
            base: Any = importlib.import_module("mediapipe.tasks.python").BaseOptions
        except ImportError as error:
            raise InputError("--method segmentation", f"needs MediaPipe ({error})", _INSTALL) from error
        self._segmenter = self._called(lambda: _open(vision, base, with_metadata(content)))

    def __enter__(self) -> PersonSegmenter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._segmenter.close()

    def mask(self, image: Pixels) -> Pixels:
        """Return the certainty that a pixel shows a person: (H, W) uint8 for an image (H, W, 3) uint8.

        Networks see a reduced image. So the part around the people is given to the network a second time, larger.
        """
        whole = self._certainty(image)
        rows, columns = around(whole)
        if (rows.stop - rows.start) * (columns.stop - columns.start) > 0.5 * whole.size:
            return whole
        mask = np.zeros_like(whole)
        mask[rows, columns] = self._certainty(image[rows, columns])
        return mask

    def _certainty(self, image: Pixels) -> Pixels:
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        found = self._called(lambda: self._segmenter.segment(picture))
        masks = [mask.numpy_view().reshape(image.shape[:2]) for mask in found.confidence_masks]
        labels = [str(label) for label in self._segmenter.labels]
        return np.round(person_of(masks, labels) * 255).clip(0, 255).astype(np.uint8)

    def _called(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (RuntimeError, ValueError, OSError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(self._model, f"cannot be run by MediaPipe ({reason})") from error


def around(mask: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns around what is above 127 in a mask (H, W), a quarter wider on each side; else all."""
    found = []
    for axis in (1, 0):
        size = mask.shape[1 - axis]
        inside = np.flatnonzero((mask > 127).any(axis))
        first, last = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, size)
        margin = (last - first + 3) // 4
        found.append(slice(max(0, first - margin), min(size, last + margin)))
    return found[0], found[1]


def person_of(masks: list[Any], labels: list[str]) -> Any:
    """Return the certainty of "person", (H, W) from 0 to 1.

    Args:
        masks: (H, W) certainty of each class. A single one is that of a person.
        labels: of the classes, if the model has them.
    """
    if len(masks) == 1:
        return masks[0]
    if "person" in labels:
        return masks[labels.index("person")]
    return 1 - masks[0]  # the first class is the background


def with_metadata(content: bytes) -> bytes:
    """Return a TFLite model that says how MediaPipe has to scale colors: to 0 to 1, unless the model already does.

    Models that are distributed for MediaPipe's older interfaces have no metadata, which the newer one requires.
    """
    builder: Any = importlib.import_module("flatbuffers").Builder
    schema: Any = importlib.import_module("mediapipe.tasks.metadata.schema_py_generated")
    described: Any = importlib.import_module("mediapipe.tasks.metadata.metadata_schema_py_generated")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    if any(entry.name in (b"TFLITE_METADATA", "TFLITE_METADATA") for entry in model.metadata or []):
        return content
    outputs = len(model.subgraphs[0].outputs)
    packer = builder(0)
    packer.Finish(_description(described, outputs).Pack(packer), b"M001")
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = bytes(packer.Output())
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    packer = builder(0)
    packer.Finish(model.Pack(packer), _IDENTIFIER)
    return bytes(packer.Output())


def _description(schema: Any, outputs: int) -> Any:
    scaling, unit, content, image = (
        getattr(schema, f"{name}T")() for name in ("NormalizationOptions", "ProcessUnit", "Content", "ImageProperties")
    )
    scaling.mean, scaling.std = [0.0], [255.0]
    unit.optionsType, unit.options = schema.ProcessUnitOptions.NormalizationOptions, scaling
    image.colorSpace = schema.ColorSpaceType.RGB
    content.contentPropertiesType, content.contentProperties = schema.ContentProperties.ImageProperties, image
    colors, graph, model = schema.TensorMetadataT(), schema.SubGraphMetadataT(), schema.ModelMetadataT()
    colors.processUnits, colors.content = [unit], content
    graph.inputTensorMetadata = [colors]
    graph.outputTensorMetadata = [schema.TensorMetadataT() for _ in range(outputs)]
    model.subgraphMetadata = [graph]
    return model


def _open(vision: Any, base: Any, content: bytes) -> Any:
    options = vision.ImageSegmenterOptions(base_options=base(model_asset_buffer=content), output_confidence_masks=True)
    return vision.ImageSegmenter.create_from_options(options)


def _read(path: Path) -> bytes:
    if not os.path.exists(path):  # False for names that no file can have, where Path.exists raises
        raise InputError(path, "no such file", "docs/captures.md says where to get one")
    content = read_limited(path, _MAX_BYTES)
    if content[4:8] != _IDENTIFIER:
        raise InputError(path, "is not a TFLite model", "docs/captures.md says where to get one")
    return content
