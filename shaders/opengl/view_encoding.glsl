// Encodings of the unit view direction (paper, section 4; spherical harmonics in the released NHR models).
// Defined by the program: VIEW_CHANNELS (15: two octaves; 9: harmonics of degree 0 to 2).

void encode_direction(vec3 d, out float view[VIEW_CHANNELS]) {
#if VIEW_CHANNELS == 15
    for (int axis = 0; axis < 3; ++axis) {
        view[5 * axis] = d[axis];
        view[5 * axis + 1] = cos(d[axis]);
        view[5 * axis + 2] = cos(2.0 * d[axis]);
        view[5 * axis + 3] = sin(d[axis]);
        view[5 * axis + 4] = sin(2.0 * d[axis]);
    }
#else
    view[0] = 0.28209479177387814;
    view[1] = -0.4886025119029199 * d.y;
    view[2] = 0.4886025119029199 * d.z;
    view[3] = -0.4886025119029199 * d.x;
    view[4] = 1.0925484305920792 * d.x * d.y;
    view[5] = -1.0925484305920792 * d.y * d.z;
    view[6] = 0.31539156525252005 * (3.0 * d.z * d.z - 1.0);
    view[7] = -1.0925484305920792 * d.x * d.z;
    view[8] = 0.5462742152960396 * (d.x * d.x - d.y * d.y);
#endif
}
