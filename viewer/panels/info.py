"""The section Video: facts about the bundle."""

from __future__ import annotations

from imgui_bundle import imgui

from model.config import ModelConfig
from model.scene import Scene
from model.segmented_video import SegmentedVideo
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.widgets.controls import begin_facts, heading, row


class InfoPanel:
    """Shows facts about the front document."""

    title = "Video"

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None:
            imgui.text_disabled("No video is open.")
            return
        self._draw_facts(document)
        metadata = document.video.metadata
        if metadata.provenance:
            heading("Provenance")
            for name, value in metadata.provenance.items():
                imgui.text_wrapped(f"{name}: {value}")
        if metadata.license:
            heading("License")
            imgui.text_wrapped(metadata.license)

    def _draw_facts(self, document: Document) -> None:
        video = document.video
        config, size = video.config, video.bounds[1] - video.bounds[0]
        if not begin_facts("facts"):
            return
        row("File", document.path.name, str(document.path))
        row("Frames", f"{video.num_frames} at {video.metadata.fps:g} /s ({video.duration:.2f} s)")
        row("Size", f"{size[0]:.2f} x {size[1]:.2f} x {size[2]:.2f} m", "Size of the box around all frames.")
        row("Up", "  ".join(f"{value:g}" for value in video.metadata.up))
        row("Cameras", str(len(video.metadata.cameras)), "Number of capture cameras.")
        if isinstance(video, Scene):
            row("Videos", str(len(video.videos)), "Number of videos in the scene.")
        elif isinstance(video, SegmentedVideo):
            tip = "Parts of a long video with hash tables of their own. Only a few are in memory."
            row("Segments", str(len(video.segments)), tip)
            self._draw_config(config)
        elif video.has_maps:
            self._draw_config(config)
        else:
            row("Method", str(config.method.kind if config.method else ""), "How its frames are computed (docs/methods.md).")
        imgui.end_table()

    def _draw_config(self, config: ModelConfig) -> None:
        heads = f"{config.color_map_resolution}² heads, {config.assignment}"
        row("Color MLP map", heads, "Number of heads along each side of a map.")
        row("Density MLP map", f"{config.density_map_resolution}²", "Number of pixels along each side of a map.")
        row("Feature planes", f"{config.feature_plane_resolution}²", "Number of pixels along each side of a plane.")
        row("Planes", " ".join(config.mlp_planes), "Planes that have MLP maps.")
        cells = " x ".join(str(n) for n in config.occupancy.resolution)
        row("Occupancy", f"{cells} cells", "Cells of the occupancy grid, which skips empty space.")
