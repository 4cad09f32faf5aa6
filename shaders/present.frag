#version 330 core
// What happens to rendered pixels on their way to the screen: color map, exposure, gamma, background, comparison.
// Source images have row 0 at the top and premultiplied alpha; scalar images hold (value, opacity).
in vec2 uv;
out vec4 color;

uniform sampler2D image_a;
uniform sampler2D image_b;
uniform sampler2D color_map;        // 256 x 1
uniform bool scalar;                // image_a and image_b are (value, opacity), shown through color_map
uniform vec2 value_range;           // values at both ends of color_map
uniform int comparison;             // 0: image_a alone, 1: divider, 2: difference
uniform float divider;              // 0 to 1: image_a left of it, image_b right of it
uniform float difference_gain;
uniform float exposure;             // stops
uniform float gamma;                // of the display correction; 1 leaves colors as stored
uniform int background;             // 0: solid, 1: checker, 2: vertical gradient
uniform vec3 background_color;
uniform vec3 background_color_2;
uniform vec2 view_size;             // pixels
uniform float checker_size;         // pixels

vec3 background_at(vec2 position) {
    if (background == 1) {
        vec2 cell = floor(position * view_size / checker_size);
        return mod(cell.x + cell.y, 2.0) < 0.5 ? background_color : background_color_2;
    }
    return background == 2 ? mix(background_color, background_color_2, position.y) : background_color;
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
    if (scalar) {
        float opacity = texel.g;
        return mix(behind, mapped(texel.r / max(opacity, 1e-4)), clamp(opacity, 0.0, 1.0));
    }
    if (exposure == 0.0 && gamma == 1.0) {  // the usual case, which OpenGL in software should not pay powers for
        return max(texel.rgb, 0.0) + (1.0 - texel.a) * behind;
    }
    vec3 straight = max(texel.rgb, 0.0) / max(texel.a, 1e-4);
    vec3 adjusted = pow(straight * exp2(exposure), vec3(1.0 / gamma));
    return adjusted * texel.a + (1.0 - texel.a) * behind;
}

void main() {
    vec3 a = shown(texture(image_a, uv));
    if (comparison == 0) {
        color = vec4(a, 1.0);
        return;
    }
    vec3 b = shown(texture(image_b, uv));
    if (comparison == 1) {
        color = vec4(uv.x < divider ? a : b, 1.0);
        return;
    }
    vec3 difference = abs(a - b);
    float largest = max(difference.r, max(difference.g, difference.b));
    color = vec4(color_at(largest * difference_gain), 1.0);
}
