#version 450 core
// The farthest depth of each square of the picture, 8 pixels a side, then 16, 32 and 64: what is farther than that
// all over a square is not seen there. Depth is reversed, so the farthest is the least; every sample counts.

layout(local_size_x = 8, local_size_y = 8) in;

const uint CELL = 8u;
const uint LEVELS = 4u;

#if SAMPLES > 1
layout(binding = 18) uniform sampler2DMSArray depths;
#else
layout(binding = 18) uniform sampler2DArray depths;
#endif
layout(binding = 0, r32f) writeonly uniform image2DArray cells[LEVELS];

layout(location = 0) uniform uvec2 size_px;  // of the part of the picture that is drawn

shared float farthest[8][8];

float depth_at(ivec3 at) {
#if SAMPLES > 1
    float least = 1.0;
    for (int s = 0; s < SAMPLES; ++s) least = min(least, texelFetch(depths, at, s).r);
    return least;
#else
    return texelFetch(depths, at, 0).r;
#endif
}

void main() {
    uvec2 cell = gl_GlobalInvocationID.xy, at = gl_LocalInvocationID.xy;
    int layer = int(gl_GlobalInvocationID.z);
    uvec2 first = cell * CELL, end = min(first + CELL, size_px);
    float least = 1.0;  // nothing is seen beyond the picture
    for (uint y = first.y; y < end.y; ++y)
        for (uint x = first.x; x < end.x; ++x) least = min(least, depth_at(ivec3(x, y, layer)));
    imageStore(cells[0], ivec3(cell, layer), vec4(least));
    farthest[at.y][at.x] = least;
    for (uint level = 1u; level < LEVELS; ++level) {
        barrier();
        uint step = 1u << level, half_step = step / 2u;
        if (((at.x | at.y) & (step - 1u)) == 0u) {
            least = min(
                min(farthest[at.y][at.x], farthest[at.y][at.x + half_step]),
                min(farthest[at.y + half_step][at.x], farthest[at.y + half_step][at.x + half_step])
            );
            farthest[at.y][at.x] = least;
            imageStore(cells[level], ivec3(cell >> level, layer), vec4(least));
        }
    }
}
