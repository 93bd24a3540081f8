#version 450 core
// A panorama's numbers as linear radiance in half floats: vrgen/scene/colours.py `linear`.
#include "raw.glsl"

layout(local_size_x = 16, local_size_y = 16) in;

layout(location = 0) uniform uvec2 size;
layout(location = 1) uniform uvec3 shape;
layout(location = 2) uniform vec2 to_steps;
layout(location = 3) uniform bool is_radiance;
layout(std430, binding = 0) readonly buffer Numbers { float numbers[]; };
layout(std430, binding = 1) readonly buffer Halves { uint halves[]; };  // of 1024 steps of sRGB
layout(rgba16ui, binding = 0) writeonly uniform uimage2D made;

const float BRIGHTEST = 6e4;
const uint ONE = 0x3c00u;

// Bits of the nearest half float, ties to even: packHalf2x16 may round as it likes.
uint half_of(float number) {
    uint bits = floatBitsToUint(clamp(number, 0.0, BRIGHTEST)) & 0x7fffffffu;
    if (bits < 0x38800000u) return uint(roundEven(uintBitsToFloat(bits) * 16777216.0));
    return (bits + 0xfffu + ((bits >> 13) & 1u) - 0x38000000u) >> 13;
}

void main() {
    uvec2 at = gl_GlobalInvocationID.xy;
    if (any(greaterThanEqual(at, size))) return;
    uvec4 pixel = uvec4(0u, 0u, 0u, ONE);
    for (uint channel = 0u; channel < 3u; ++channel) {
        float number = numbers[place(at, size, shape, shape.x >= 3u ? channel : 0u)];
        pixel[channel] = is_radiance ? half_of(number) : halves[stepped(number, to_steps, 1023.0)];
    }
    imageStore(made, ivec2(at), pixel);
}
