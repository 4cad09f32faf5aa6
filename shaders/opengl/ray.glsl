// The ray through a pixel, and the samples on it: t_near + (k + 0.5) step meters from the camera (docs/conventions.md).

uniform mat3 pixel_to_world;  // R^T K^-1; pixels of the tile, centers at + 0.5
uniform vec3 origin;          // the camera's center from the box's lower corner, meters
uniform vec3 box_extent;      // meters
uniform float step_length;    // meters

struct Ray {
    vec3 direction;  // unit, world axes
    float z;         // depth along the optical axis per meter of the ray
    float t_near;    // meters; 0 when the camera is inside the box
    float t_far;
};

Ray ray_through(vec2 pixel) {
    vec3 to_pixel = pixel_to_world * vec3(pixel, 1.0);
    Ray ray;
    ray.z = 1.0 / length(to_pixel);
    ray.direction = to_pixel * ray.z;
    vec3 tiny = vec3(1e-12);
    vec3 safe = mix(ray.direction, tiny, lessThan(abs(ray.direction), tiny));  // a ray parallel to a slab never leaves it
    vec3 first = -origin / safe, second = (box_extent - origin) / safe;
    vec3 enter = min(first, second), leave = max(first, second);
    ray.t_near = max(max(enter.x, enter.y), max(enter.z, 0.0));
    ray.t_far = min(leave.x, min(leave.y, leave.z));
    ray.direction = safe;
    return ray;
}

float sample_distance(Ray ray, int k) {
    return ray.t_near + (float(k) + 0.5) * step_length;
}

vec3 point_at(Ray ray, float t) {  // in [0, 1]^3 of the box
    return (origin + t * ray.direction) / box_extent;
}
