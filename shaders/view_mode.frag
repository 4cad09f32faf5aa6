#version 330 core
// Computes a view mode from the textures of a rendered image, as viewer/picture/views.py does from arrays. Row 0 is at the top.
//
//   VIEW  0: depth, 1: opacity, 2: density samples, 3: color samples, 4: normals, 5: color heads
out vec4 color;                     // (value * opacity, opacity), or premultiplied color and opacity

uniform sampler2D rgba;
uniform sampler2D depth;            // meters along the optical axis, 0 where empty
uniform usampler2D counts;
uniform mat3 pixel_to_world;        // from (x, y, 1), pixels, to a direction that is 1 along the optical axis
uniform vec3 center;                // of the camera, relative to the lower corner of the box
uniform vec3 box_extent;
uniform sampler2D head_colors;      // N x N
uniform ivec2 head_axes;            // of the plane's u and v
uniform bool bilinear;              // whether heads lie on nodes, instead of one per cell

const float FAR = 1e30;             // depth of empty pixels where depths are compared

vec3 from_camera(ivec2 pixel, float meters) {
    return pixel_to_world * vec3(vec2(pixel) + 0.5, 1.0) * meters;
}

float depth_at(ivec2 pixel) {
    return texelFetch(depth, pixel, 0).r;
}

float change(ivec2 pixel, ivec2 other) {  // infinite at the border of the image
    if (any(lessThan(other, ivec2(0))) || any(greaterThanEqual(other, textureSize(depth, 0)))) return 3e38;
    float a = depth_at(pixel), b = depth_at(other);
    return abs((a > 0.0 ? a : FAR) - (b > 0.0 ? b : FAR));
}

// The difference to the neighbor with the smaller change in depth, so that outlines stay sharp; 0 where both are empty.
vec3 nearer_difference(ivec2 pixel, ivec2 step) {
    float after = change(pixel, pixel + step), before = change(pixel, pixel - step);
    if (min(after, before) >= 0.5 * FAR) return vec3(0.0);
    vec3 here = from_camera(pixel, depth_at(pixel));
    if (after <= before) return from_camera(pixel + step, depth_at(pixel + step)) - here;
    return here - from_camera(pixel - step, depth_at(pixel - step));
}

vec3 normal_at(ivec2 pixel) {  // towards the camera; 0 where it is unknown
    vec3 normal = cross(nearer_difference(pixel, ivec2(0, 1)), nearer_difference(pixel, ivec2(1, 0)));
    float size = length(normal), meters = depth_at(pixel);
    if (size <= 1e-12 || meters <= 0.0) return vec3(0.0);
    return normal / (dot(normal, from_camera(pixel, meters)) > 0.0 ? -size : size);
}

vec3 head_color_at(ivec2 pixel) {
    vec3 position = (center + from_camera(pixel, depth_at(pixel))) / max(box_extent, vec3(1e-9));
    ivec2 heads = textureSize(head_colors, 0);
    vec2 uv = vec2(position[head_axes.x], position[head_axes.y]);
    vec2 cell = bilinear ? roundEven(uv * vec2(heads - 1)) : floor(uv * vec2(heads));
    return texelFetch(head_colors, clamp(ivec2(cell), ivec2(0), heads - 1).yx, 0).rgb;  // a row per u
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    float opacity = texelFetch(rgba, pixel, 0).a;
#if VIEW == 0
    color = vec4(depth_at(pixel) * opacity, opacity, 0.0, 0.0);
#elif VIEW == 1
    color = vec4(opacity, 1.0, 0.0, 0.0);
#elif VIEW == 2 || VIEW == 3
    color = vec4(float(texelFetch(counts, pixel, 0)[VIEW - 2]), 1.0, 0.0, 0.0);
#else
    float seen = depth_at(pixel) > 0.0 ? opacity : 0.0;
#if VIEW == 4
    color = vec4((0.5 + 0.5 * normal_at(pixel)) * seen, seen);
#else
    color = vec4(head_color_at(pixel) * seen, seen);
#endif
#endif
}
