// The samples that the density pass kept, up to MAX_KEPT per ray and round (see density_pass.frag).

uniform sampler2D kept01, kept23, kept45, kept67;  // (k + 1, w) of two samples each
uniform sampler2D round;                           // T, next sample, samples taken, samples kept

vec2 kept_entry(ivec2 pixel, int n) {
    int pair = n >> 1;
    vec4 entries = pair == 0 ? texelFetch(kept01, pixel, 0)
                 : pair == 1 ? texelFetch(kept23, pixel, 0)
                 : pair == 2 ? texelFetch(kept45, pixel, 0)
                             : texelFetch(kept67, pixel, 0);
    return (n & 1) == 0 ? entries.xy : entries.zw;
}

float kept_distance(Ray ray, vec2 entry) {  // meters from the camera
    return sample_distance(ray, int(entry.x) - 1);
}
