// The three axis-aligned planes.

uniform ivec2 map_axes[3];  // the axes u and v of each MLP plane

const ivec2 PLANE_AXES[3] = ivec2[3](ivec2(0, 1), ivec2(0, 2), ivec2(1, 2));

vec2 plane_uv(vec3 p, ivec2 axes) {
    return vec2(p[axes.x], p[axes.y]);
}
