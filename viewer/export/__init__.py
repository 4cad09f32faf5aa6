"""Files that the viewer writes: videos, images and meshes."""
