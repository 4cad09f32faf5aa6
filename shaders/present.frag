#version 330 core
// Prepare rendered pixels for the screen: color map, exposure, gamma, background, comparison.
// Source images have row 0 at the top and premultiplied alpha; scalar images hold (value, opacity).
//
// Constants are put in front of this file, one program per combination, because software OpenGL computes both sides of a branch.
//   SCALAR      1: image_a and image_b are (value, opacity), shown through color_map
//   COMPARISON  0: image_a alone, 1: divider, 2: difference
//   NEUTRAL     1: exposure 0 and gamma 1
//   BACKGROUND  0: solid, 1: checker, 2: vertical gradient, 3: picture, 4: panorama
//   SHADOW      1: a shadow on the ground darkens the background
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
uniform sampler2D background_image; // row 0 at the top
uniform vec2 picture_scale;         // shares of a picture's sides that fill the view
uniform mat3 panorama_rays;         // from (u, v, 1) to forward, left and up of the panorama's middle
uniform sampler2D shadow;           // darkness, from the lower corner of its rectangle
uniform mat3 ground_rays;           // from (u, v, 1) to directions along the ground's axes; the third one is up
uniform vec3 ground_eye;            // of the camera over the lower corner of the shadow, meters along these axes
uniform vec2 shadow_size;           // meters
uniform float shadow_strength;

const float PI = 3.14159265358979;

vec3 background_at(vec2 position) {
#if BACKGROUND == 1
    vec2 cell = floor(position * view_size / checker_size);
    return mod(cell.x + cell.y, 2.0) < 0.5 ? background_color : background_color_2;
#elif BACKGROUND == 2
    return mix(background_color, background_color_2, position.y);
#elif BACKGROUND == 3
    return texture(background_image, 0.5 + picture_scale * (position - 0.5)).rgb;
#elif BACKGROUND == 4
    vec3 ray = panorama_rays * vec3(position, 1.0);
    return texture(background_image, 0.5 - vec2(atan(ray.y, ray.x) / (2.0 * PI), atan(ray.z, length(ray.xy)) / PI)).rgb;
#else
    return background_color;
#endif
}

// How dark the shadow is there, 0 to 1. Only a camera above the ground sees it.
float shadow_at(vec2 position) {
#if SHADOW
    vec3 ray = ground_rays * vec3(position, 1.0);
    if (ground_eye.z <= 0.0 || ray.z >= 0.0) return 0.0;
    vec2 at = (ground_eye.xy - ground_eye.z / ray.z * ray.xy) / shadow_size;
    bool inside = all(greaterThan(at, vec2(0.0))) && all(lessThan(at, vec2(1.0)));
    return inside ? shadow_strength * texture(shadow, at).r : 0.0;
#else
    return 0.0;
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
    vec3 behind = background_at(uv) * (1.0 - shadow_at(uv));
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
