#version 330 core
// Summarizes an image for legends: each cell of the image becomes a pixel with the depth of the surface in its middle, or 0, and
// with the most samples of a ray in both passes.
//
//   CELLS            number of cells along each side of the image
//   SURFACE_PERCENT  percentage from which on an opacity counts as surface
uniform sampler2D rgba;
uniform sampler2D depth;            // meters
uniform usampler2D counts;          // samples of the density pass and of the color pass
out vec4 summary;                   // depth, density samples, color samples, 0

void main() {
    ivec2 size = textureSize(counts, 0), cell = ivec2(gl_FragCoord.xy);
    ivec2 low = cell * size / CELLS, high = (cell + 1) * size / CELLS;
    uvec2 most = uvec2(0u);
    for (int row = low.y; row < high.y; ++row)
        for (int column = low.x; column < high.x; ++column)
            most = max(most, texelFetch(counts, ivec2(column, row), 0).rg);
    ivec2 middle = (low + high) / 2;  // cells are empty where the image has fewer pixels than there are cells
    bool surface = all(lessThan(low, high)) && texelFetch(rgba, middle, 0).a >= float(SURFACE_PERCENT) / 100.0;
    summary = vec4(surface ? texelFetch(depth, middle, 0).r : 0.0, vec2(most), 0.0);
}
