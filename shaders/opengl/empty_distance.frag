#version 330 core
// The Chebyshev distance from each cell to the nearest occupied cell, in cells; 0 for an occupied cell. One pass per axis. It
// visits the neighbors along the axis and takes the minimum of max(steps to the neighbor, the neighbor's distance after the
// previous passes). One instance per layer x; texels are (z, y).

uniform usampler2DArray distances;  // first pass: 0 for occupied cells, MAX_DISTANCE for the others
uniform ivec3 axis;                 // a unit vector in texture order (z, y, x)

flat in int instance;
out uint distance_to_occupied;

void main() {
    ivec3 cell = ivec3(gl_FragCoord.xy, instance);
    ivec3 size = textureSize(distances, 0);
    int nearest = MAX_DISTANCE;
    for (int step = -MAX_DISTANCE; step <= MAX_DISTANCE; ++step) {
        ivec3 neighbor = cell + step * axis;
        if (any(lessThan(neighbor, ivec3(0))) || any(greaterThanEqual(neighbor, size))) continue;
        nearest = min(nearest, max(abs(step), int(texelFetch(distances, neighbor, 0).r)));
    }
    distance_to_occupied = uint(nearest);
}
