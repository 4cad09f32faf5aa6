"""Read multi-view captures: cameras, images, masks, boxes, hulls. Render procedural ones."""
