"""Reading a multi-view capture: cameras, images, masks, boxes, hulls; and making a procedural one."""
