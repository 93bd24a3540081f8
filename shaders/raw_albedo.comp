#version 450 core
// A texture's numbers as sRGB bytes, with COLOURS; then, of these, how high each stands, with RELIEF:
// vrgen/scene/colours.py `encoded`, vrgen/scene/surfaces.py `_relief`.
#include "raw.glsl"

layout(local_size_x = 16, local_size_y = 16) in;

layout(location = 0) uniform uvec2 size;
layout(location = 1) uniform uvec3 shape;
layout(location = 2) uniform vec2 to_steps;
layout(location = 3) uniform bool is_radiance;
layout(std430, binding = 0) readonly buffer Numbers { float numbers[]; };
layout(std430, binding = 1) buffer Sum { uint low, high; };  // of all bytes: low + 4096 high
layout(rgba8ui, binding = 0) uniform uimage2D made;

#ifdef COLOURS
shared uint here;

uint encoded(float number) {
    if (!is_radiance) return stepped(number, to_steps, 255.0);
    float v = clamp(number, 0.0, 1.0);
    v = v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1.0 / 2.4) - 0.055;
    return uint(v * 255.0 + 0.5);
}

void main() {
    if (gl_LocalInvocationIndex == 0u) here = 0u;
    barrier();
    uvec2 at = gl_GlobalInvocationID.xy;
    if (all(lessThan(at, size))) {
        uvec4 pixel = uvec4(0u);
        for (uint channel = 0u; channel < 3u; ++channel)
            pixel[channel] = encoded(numbers[place(at, size, shape, shape.x >= 3u ? channel : 0u)]);
        imageStore(made, ivec2(at), pixel);
        atomicAdd(here, pixel.r + pixel.g + pixel.b);
    }
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        atomicAdd(low, here & 4095u);
        atomicAdd(high, here >> 12);
    }
}
#else
void main() {
    uvec2 at = gl_GlobalInvocationID.xy;
    if (any(greaterThanEqual(at, size))) return;
    uvec4 pixel = imageLoad(made, ivec2(at));
    double mean = (double(high) * 4096.0lf + double(low)) / double(size.x * size.y);
    precise float above = float(double(pixel.r + pixel.g + pixel.b) - mean);
    precise float scaled = above * (2.0 / 3.0);
    precise float moved = scaled + 128.0;
    pixel.a = uint(clamp(moved, 0.0, 255.0));
    imageStore(made, ivec2(at), pixel);
}
#endif
