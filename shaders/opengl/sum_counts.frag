#version 330 core
// Adds up the samples of an image in two draws: over the pixels of each cell of the image, then over the cells.
//
//   CELLS      number of cells along each side of the image
//   OVER_CELLS 0: adds the pixels of a cell, 1: adds the cells
uniform usampler2D counts;          // samples of the density pass and of the color pass, per pixel or per cell
out uvec4 sums;                     // OVER_CELLS: sums of the low 16 bits, then of the high ones, since 32 bits may overflow

void main() {
    sums = uvec4(0u);
#if OVER_CELLS
    for (int row = 0; row < CELLS; ++row)
        for (int column = 0; column < CELLS; ++column) {
            uvec2 cell = texelFetch(counts, ivec2(column, row), 0).rg;
            sums += uvec4(cell & 0xFFFFu, cell >> 16u);
        }
#else
    ivec2 size = textureSize(counts, 0), cell = ivec2(gl_FragCoord.xy);
    ivec2 low = cell * size / CELLS, high = (cell + 1) * size / CELLS;
    for (int row = low.y; row < high.y; ++row)
        for (int column = low.x; column < high.x; ++column)
            sums.rg += texelFetch(counts, ivec2(column, row), 0).rg;
#endif
}
