#version 330 core
// Adds up the squared differences of two images' colors over black, in two draws: over the pixels of each cell, then over the cells.
//
//   CELLS      number of cells along each side of the images
//   OVER_CELLS 0: adds the pixels of a cell, 1: adds the cells
uniform sampler2D first;            // the first image, or the cells
uniform sampler2D second;
out float sum;

void main() {
    sum = 0.0;
#if OVER_CELLS
    ivec2 low = ivec2(0), high = ivec2(CELLS);
#else
    ivec2 size = textureSize(first, 0), cell = ivec2(gl_FragCoord.xy);
    ivec2 low = cell * size / CELLS, high = (cell + 1) * size / CELLS;
#endif
    for (int row = low.y; row < high.y; ++row)
        for (int column = low.x; column < high.x; ++column) {
            ivec2 place = ivec2(column, row);
#if OVER_CELLS
            sum += texelFetch(first, place, 0).r;
#else
            vec3 difference = clamp(texelFetch(first, place, 0).rgb, 0.0, 1.0) - clamp(texelFetch(second, place, 0).rgb, 0.0, 1.0);
            sum += dot(difference, difference);
#endif
        }
}
