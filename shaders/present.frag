#version 330 core
// Prepare rendered pixels for the screen: color map, exposure, gamma, background, comparison.
// Source images have row 0 at the top and premultiplied alpha; scalar images hold (value, opacity).
//
// Constants are put in front of this file, one program per combination, because software OpenGL computes both sides of a branch.
//   SCALAR      1: image_a and image_b are (value, opacity), shown through color_map
//   COMPARISON  0: image_a alone, 1: divider, 2: difference
//   NEUTRAL     1: exposure 0 and gamma 1
//   BACKGROUND  0: solid, 1: checker, 2: vertical gradient
in vec2 uv;
out vec4 color;

uniform sampler2D image_a;
uniform sampler2D image_b;
uniform sampler2D color_map;        // 256 x 1
uniform vec2 value_range;           // values at both ends of color_map
uniform float divider;              // 0 to 1: image_a left of it, image_b right of it
uniform float difference_gain;
uniform float exposure;             // stops
uniform float gamma;                // of the display correction; 1 leaves colors as stored
uniform vec3 background_color;
uniform vec3 background_color_2;
uniform vec2 view_size;             // pixels
uniform float checker_size;         // pixels

vec3 background_at(vec2 position) {
#if BACKGROUND == 1
    vec2 cell = floor(position * view_size / checker_size);
    return mod(cell.x + cell.y, 2.0) < 0.5 ? background_color : background_color_2;
#elif BACKGROUND == 2
    return mix(background_color, background_color_2, position.y);
#else
    return background_color;
#endif
}

// `position` 0 is the center of the map's first color, 1 that of its last.
vec3 color_at(float position) {
    position = clamp(position, 0.0, 1.0);
    return texture(color_map, vec2((position * 255.0 + 0.5) / 256.0, 0.5)).rgb;
}

vec3 mapped(float value) {
    return color_at((value - value_range.x) / max(value_range.y - value_range.x, 1e-12));
}

vec3 shown(vec4 texel) {
    vec3 behind = background_at(uv);
#if SCALAR
    float opacity = texel.g;
    return mix(behind, mapped(texel.r / max(opacity, 1e-4)), clamp(opacity, 0.0, 1.0));
#elif NEUTRAL
    return max(texel.rgb, 0.0) + (1.0 - texel.a) * behind;
#else
    vec3 straight = max(texel.rgb, 0.0) / max(texel.a, 1e-4);
    vec3 adjusted = pow(straight * exp2(exposure), vec3(1.0 / gamma));
    return adjusted * texel.a + (1.0 - texel.a) * behind;
#endif
}

void main() {
    vec3 a = shown(texture(image_a, uv));
#if COMPARISON == 0
    color = vec4(a, 1.0);
#else
    vec3 b = shown(texture(image_b, uv));
#if COMPARISON == 1
    color = vec4(uv.x < divider ? a : b, 1.0);
#else
    vec3 difference = abs(a - b);
    float largest = max(difference.r, max(difference.g, difference.b));
    color = vec4(color_at(largest * difference_gain), 1.0);
#endif
#endif
}
