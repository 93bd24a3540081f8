// The height of the ground anywhere: two tori of samples (shown, arriving) and the lattice of corner weights.
// vrgen/scene/ground.py walks on the same surface; tests compare the two.

layout(binding = 8) uniform sampler2D heights_shown;
layout(binding = 9) uniform sampler2D heights_arriving;
layout(binding = 10) uniform sampler2D corner_states;  // r: weight of arriving, g: presence

ivec2 around(ivec2 at, int size) { return at & (size - 1); }

// Weight and presence at a place given in samples of the torus; bilinear between tile corners.
vec2 corner_state(vec2 at_samples) {
    vec2 at = at_samples / frame.ground.y;
    ivec2 c = ivec2(floor(at));
    vec2 f = at - vec2(c);
    int n = int(frame.ground.w);
    vec2 nw = texelFetch(corner_states, around(c, n), 0).rg;
    vec2 ne = texelFetch(corner_states, around(c + ivec2(1, 0), n), 0).rg;
    vec2 sw = texelFetch(corner_states, around(c + ivec2(0, 1), n), 0).rg;
    vec2 se = texelFetch(corner_states, around(c + ivec2(1, 1), n), 0).rg;
    return mix(mix(nw, ne, f.x), mix(sw, se, f.x), f.y);
}

float height_at(ivec2 at) {
    int n = int(frame.ground.z);
    float shown = texelFetch(heights_shown, around(at, n), 0).r;
#if FADING
    float arriving = texelFetch(heights_arriving, around(at, n), 0).r;
    return mix(shown, arriving, corner_state(vec2(at)).x);
#else
    return shown;
#endif
}

// Height on the triangles of the finest mesh; quads are split from their north-west to their south-east corner.
float height_between(vec2 at_samples) {
    ivec2 c = ivec2(floor(at_samples));
    vec2 f = at_samples - vec2(c);
    float nw = height_at(c);
    float se = height_at(c + ivec2(1, 1));
    if (f.x >= f.y) {
        float ne = height_at(c + ivec2(1, 0));
        return nw + f.x * (ne - nw) + f.y * (se - ne);
    }
    float sw = height_at(c + ivec2(0, 1));
    return nw + f.y * (sw - nw) + f.x * (se - sw);
}

float sunk(float presence) {
    float absent = 1.0 - presence;
    return absent * absent * frame.ground_mix.y;
}

vec2 samples_of(vec2 xz) { return xz / frame.ground.x + frame.ground_origin.xz; }
