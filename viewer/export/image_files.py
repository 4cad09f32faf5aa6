"""Save rendered images atomically: PNG over a background or transparent, NPZ and EXR with depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, PngImagePlugin

from common.atomic import atomic_write, check_target
from common.documents import parse_json
from common.errors import InputError
from common.image_reading import read_image
from model.camera import Camera
from renderer.backend import RenderedImage
from viewer.export.projection import Projection
from viewer.picture import image_decoding
from viewer.picture.image_decoding import CAMERA_KEY

XMP_KEY = "XML:com.adobe.xmp"
"""Key of the PNG text that holds XMP."""

Rgba = NDArray[np.float32]

BYTES_PER_PIXEL = 90
"""Bytes per pixel that rendering an image and turning it into 8 bits take at most, all copies included (measured)."""


def over_background(rgba: Rgba, background: ArrayLike = (0.0, 0.0, 0.0)) -> NDArray[np.uint8]:
    """Composite over a color and round to 8 bits.

    Args:
        rgba: (H, W, 4) premultiplied.
        background: three numbers in [0, 1], or an (H, W, 3) image of them.

    Returns:
        (H, W, 3).
    """
    color = rgba[..., :3] + (1.0 - rgba[..., 3:]) * np.asarray(background, dtype=np.float32)
    return _to_8_bit(color)


def straight_alpha(rgba: Rgba) -> NDArray[np.uint8]:
    """Return (H, W, 4) 8-bit pixels with straight alpha, as PNG and WebM store them; empty pixels are transparent black."""
    alpha = rgba[..., 3:]
    color = np.divide(rgba[..., :3], alpha, out=np.zeros_like(rgba[..., :3]), where=alpha > 0)
    return _to_8_bit(np.concatenate([color, alpha], axis=-1))


def save_png(
    path: Path,
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    camera: Camera | None = None,
    texts: dict[str, str] | None = None,
) -> None:
    """Write pixels as PNG: 8-bit (H, W, 3), 8-bit (H, W, 4) with straight alpha, or (H, W) gray of 8 or 16 bits.

    Args:
        path: the file.
        pixels: row 0 at the top.
        camera: stored as text, so that `read_png_camera` can restore the view.
        texts: further texts, such as the frame and the bundle's name.

    Raises:
        InputError: the file cannot be written.
    """
    info = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        info.add_itxt(key, text)
    if camera is not None:
        info.add_itxt(CAMERA_KEY, json.dumps(camera.to_dict()))
    with atomic_write(path) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format="PNG", pnginfo=info, compress_level=4)


def read_png_camera(path: Path) -> Camera:
    """Read the camera stored in a screenshot, which a child process decodes.

    Raises:
        InputError: the file is not a PNG or contains no camera.
    """
    text = read_image(path, image_decoding.decode_camera_text, image_decoding.SCREENSHOT_LIMITS)
    if text is None:
        raise InputError(path, "contains no camera", "choose a screenshot that the viewer saved")
    try:
        values = parse_json(text, "its text")
    except InputError as error:
        raise InputError(path, "contains a damaged camera") from error
    return Camera.from_dict(values, str(path))


def save_npz(path: Path, image: RenderedImage) -> None:
    """Write `rgba` (H, W, 4) float32 premultiplied and `depth` (H, W) float32, meters; raise InputError if that fails."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, rgba=image.rgba.astype(np.float32), depth=image.depth.astype(np.float32))
        file.flush()


def save_exr(path: Path, rgba: Rgba, depth: NDArray[np.float32]) -> None:
    """Write float32 channels R, G, B, A (premultiplied, as rendered: display-referred, not linearized) and Z (meters).

    Raises:
        InputError: OpenEXR is not installed, or the file cannot be written.
    """
    openexr = load_openexr(path)
    header: dict[str, Any] = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    header["comments"] = "display-referred sRGB, premultiplied; Z in meters along the optical axis, 0 where empty"
    names = ("R", "G", "B", "A")
    channels = {name: np.ascontiguousarray(rgba[..., i], dtype=np.float32) for i, name in enumerate(names)}
    channels["Z"] = np.ascontiguousarray(depth, dtype=np.float32)
    with atomic_write(path) as temporary:
        try:
            openexr.File(header, channels).write(str(temporary))
        except RuntimeError as error:
            raise InputError(path, f"cannot be written ({error})") from error


def load_openexr(subject: Path) -> Any:
    """Import OpenEXR, which is optional; raise InputError if it is missing."""
    try:
        import OpenEXR  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise InputError(subject, "EXR needs the package OpenEXR", "pip install OpenEXR, or save PNG") from error
    return OpenEXR


def save_render(
    path: Path,
    image: RenderedImage,
    camera: Camera,
    background: ArrayLike,
    transparent: bool,
    projection: Projection = Projection(),
) -> None:
    """Write one rendered image in the format that the suffix of `path` names: .png, .npz or .exr.

    Args:
        path: the file.
        image: the pixels.
        camera: stored in PNG files.
        background: behind the image of a PNG: three numbers in [0, 1], or an (H, W, 3) image of them.
        transparent: PNG with alpha instead of a background.
        projection: the image's kind. PNG files of panoramas say so; they and stereo images have no camera stored.

    Raises:
        InputError: the suffix is unknown, or the file cannot be written.
    """
    check_image_path(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        save_npz(path, image)
    elif suffix == ".exr":
        save_exr(path, image.rgba, image.depth)
    else:
        pixels = straight_alpha(image.rgba) if transparent else over_background(image.rgba, background)
        texts = {XMP_KEY: panorama_xmp(*image.size)} if projection.name == "equirectangular" else None
        save_png(path, pixels, camera if projection.name == "perspective" else None, texts)


def panorama_xmp(width: int, height: int) -> str:
    """Return the XMP packet that marks a whole equirectangular panorama of this size in pixels (Google's Photo Sphere XMP)."""
    values = {"ProjectionType": "equirectangular", "UsePanoramaViewer": "True"}
    sizes = {"FullPanoWidthPixels": width, "FullPanoHeightPixels": height, "CroppedAreaImageWidthPixels": width}
    sizes |= {"CroppedAreaImageHeightPixels": height, "CroppedAreaLeftPixels": 0, "CroppedAreaTopPixels": 0}
    attributes = " ".join(f'GPano:{name}="{value}"' for name, value in {**values, **sizes}.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" {attributes}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def check_image_path(path: Path) -> None:
    """Raise InputError unless `save_render` can write there, before anything is rendered."""
    if path.suffix.lower() not in (".png", ".npz", ".exr"):
        raise InputError(path, "is not a supported image format", "end its name with .png, .npz or .exr")
    if path.suffix.lower() == ".exr":
        load_openexr(path)
    check_target(path)


def _to_8_bit(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
