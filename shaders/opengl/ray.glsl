// The ray through a pixel, and the samples on it: t_near + (k + 0.5) step meters from the camera (docs/conventions.md).

uniform mat3 pixel_to_world;  // R^T K^-1; pixels of the tile, centers at + 0.5
uniform vec3 origin;          // the camera's center from the box's lower corner, meters
uniform vec3 box_extent;      // meters
uniform vec3 clip_lower;      // the part of the box that is rendered, meters from the box's lower corner
uniform vec3 clip_upper;
uniform vec2 depth_range;     // only samples from the first to below the second depth count, meters
uniform float step_length;    // meters

struct Ray {
    vec3 direction;  // unit, world axes
    float z;         // depth along the optical axis per meter of the ray
    float t_near;    // meters; samples are counted from here; 0 when the camera is inside the box
    float t_first;   // only samples in [t_first, t_far) count
    float t_far;
};

Ray ray_through(vec2 pixel) {
    vec3 to_pixel = pixel_to_world * vec3(pixel, 1.0);
    Ray ray;
    ray.z = 1.0 / length(to_pixel);
    ray.direction = to_pixel * ray.z;
    vec3 tiny = vec3(1e-12);
    vec3 safe = mix(ray.direction, tiny, lessThan(abs(ray.direction), tiny));  // a ray parallel to a slab never leaves it
    vec3 first = (clip_lower - origin) / safe, second = (clip_upper - origin) / safe;
    vec3 enter = min(first, second), leave = max(first, second);
    ray.t_near = max(max(enter.x, enter.y), max(enter.z, 0.0));
    ray.t_first = max(ray.t_near, depth_range.x / ray.z);
    ray.t_far = min(min(leave.x, min(leave.y, leave.z)), depth_range.y / ray.z);
    ray.direction = safe;
    return ray;
}

float sample_distance(Ray ray, int k) {
    return ray.t_near + (float(k) + 0.5) * step_length;
}

int first_sample(Ray ray) {  // the first at or behind t_first
    int k = int(max((ray.t_first - ray.t_near) / step_length - 1.5, 0.0));
    while (sample_distance(ray, k) < ray.t_first) ++k;
    return k;
}

vec3 point_at(Ray ray, float t) {  // in [0, 1]^3 of the box
    return (origin + t * ray.direction) / box_extent;
}
