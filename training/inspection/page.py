"""Write the page and the contact sheet of a check."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from common.atomic import atomic_write
from common.yaml_documents import dump_yaml
from model.camera_plan import make_plan
from training.captures.images import Pixels
from training.inspection.examine import Report
from training.inspection.report import CameraRow, camera_rows, summary, verdict
from training.inspection.views import Hull, carve, contact_sheet, picture

_PLAN = (540, 420)  # size of a plan, pixels
_STRIP = 96  # longer side of a picture in a strip
_HULL_POINTS = 600
_COLOR, _SUSPECT_COLOR = "#6cb2ff", "#e8a33d"


def write_page(report: Report, name: str, path: Path) -> Path:
    """Write the page, and next to it the contact sheet as PNG, whose path is returned; raise InputError if that fails."""
    rows = camera_rows(report)
    frame = report.comparison.frames[len(report.comparison.frames) // 2]
    hull = _hull(report, frame)
    pictures = [_picture(report, frame, index, hull) for index in range(len(rows))]
    shown = [
        _shown(row, image, [_strip(report, f, index) for f in report.comparison.frames])
        for index, (row, image) in enumerate(zip(rows, pictures, strict=True))
    ]
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    text = environment.get_template("page.html").render(
        name=name,
        verdict=verdict(report),
        summary=summary(report),
        findings=report.findings,
        yaml=dump_yaml,
        plans=[_plan(report, rows, hull, side) for side in (False, True)] if hull else [],
        cameras=shown,
        frame=frame,
        frames=report.comparison.frames,
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    sheet = path.with_suffix(".png")
    found = [(image, row.name) for image, row in zip(pictures, rows, strict=True) if image is not None]
    if found:
        with atomic_write(sheet) as temporary:
            Image.fromarray(contact_sheet([p for p, _ in found], [n for _, n in found])).save(temporary, format="PNG")
    return sheet


def _hull(report: Report, frame: int) -> Hull | None:
    scene = report.comparison.scene(frame, report.readings, range(len(report.readings)))
    if scene is None or report.size is None:
        return None
    return carve(scene, report.size.low, report.size.high, ignored=len(scene.models) // 8)


def _picture(report: Report, frame: int, camera: int, hull: Hull | None) -> Pixels | None:
    image = report.footage.image(frame, camera)
    mask = report.footage.mask(frame, camera, report.readings[camera].mask)
    model = report.comparison.model(camera, report.readings[camera])
    return None if image is None else picture(image, mask, model, hull)


def _strip(report: Report, frame: int, camera: int) -> str:
    image = report.footage.image(frame, camera)
    model = report.comparison.model(camera, report.readings[camera])
    return "" if image is None else _encoded(picture(image, None, model, None, _STRIP))


def _shown(row: CameraRow, image: Pixels | None, strip: list[str]) -> dict[str, Any]:
    encoded = "" if image is None else _encoded(image)
    return {
        "name": row.name,
        "picture": encoded,
        "caption": row.caption,
        "suspect": row.suspect,
        "strip": strip,
        "coverage": row.coverage,
    }


def _encoded(image: Pixels) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=82)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _plan(report: Report, rows: list[CameraRow], hull: Hull, side: bool) -> dict[str, Any]:
    models = report.comparison.models(report.readings)
    centers = np.stack([model.center for model in models])
    everything = np.concatenate([centers, hull.points])
    project = make_plan(everything, report.footage.up, side, _PLAN)
    ahead = project(centers + np.stack([model.R[2] for model in models]) * 40 / project.scale)
    dots = project(hull.points[:: max(1, len(hull.points) // _HULL_POINTS)])
    box = project(hull.points) if len(hull.points) else np.zeros((1, 2))
    corner, size = box.min(axis=0), box.max(axis=0) - box.min(axis=0)
    return {
        "title": "from the side" if side else "from above",
        "meters": f"{project.width_in_meters:.1f}",
        "hull": dots.round(1).tolist(),
        "box": [*corner.round(1).tolist(), *size.round(1).tolist()] if len(hull.points) else None,
        "cameras": [
            {
                "name": row.name,
                "x": round(float(place[0]), 1),
                "y": round(float(place[1]), 1),
                "ahead_x": round(float(tip[0]), 1),
                "ahead_y": round(float(tip[1]), 1),
                "color": _SUSPECT_COLOR if row.suspect else _COLOR,
            }
            for row, place, tip in zip(rows, project(centers), ahead, strict=True)
        ],
    }
