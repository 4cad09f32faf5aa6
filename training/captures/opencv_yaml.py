"""Read the YAML files that OpenCV writes (`%YAML:1.0`, `!!opencv-matrix`) without OpenCV's own parser."""

from __future__ import annotations

from typing import Any

import yaml

from common.errors import InputError
from training.captures.files import CaptureFolder

MAX_BYTES = 4 << 20
"""Largest file that is read."""


class _Loader(yaml.SafeLoader):
    """Plain data, and OpenCV's matrices as mappings of rows, cols, dt and data."""


def _construct_matrix(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", _construct_matrix)


def read_opencv_yaml(folder: CaptureFolder, name: str) -> dict[str, Any]:
    """Read a file; matrices become mappings.

    Raises:
        InputError: the file is missing, outside the capture, too large or not such a file.
    """
    text = folder.text(name, MAX_BYTES)
    if text.startswith("%YAML"):
        text = text[text.find("\n") + 1 :]
    try:
        content = yaml.load(text.replace("\t", " "), _Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InputError(folder.root / name, "is not a YAML file of OpenCV") from error
    if not isinstance(content, dict):
        raise InputError(folder.root / name, "must have the cameras' matrices by name")
    return {str(key): value for key, value in content.items()}
