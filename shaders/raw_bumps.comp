#version 450 core
// Numbers of a normal and of a roughness texture as bytes of one picture; what is missing is plain:
// vrgen/scene/surfaces.py `surface_of`.
#include "raw.glsl"

layout(local_size_x = 16, local_size_y = 16) in;

layout(location = 0) uniform uvec2 size;
layout(location = 1) uniform uvec3 normal_shape;     // no planes: it is missing
layout(location = 2) uniform uvec3 roughness_shape;
layout(location = 3) uniform vec2 normal_to_steps;
layout(location = 4) uniform vec2 roughness_to_steps;
layout(location = 5) uniform uvec4 plain;
layout(std430, binding = 0) readonly buffer Normals { float normals[]; };
layout(std430, binding = 1) readonly buffer Roughness { float roughness[]; };
layout(rgba8ui, binding = 0) writeonly uniform uimage2D made;

void main() {
    uvec2 at = gl_GlobalInvocationID.xy;
    if (any(greaterThanEqual(at, size))) return;
    uvec4 pixel = plain;
    for (uint channel = 0u; channel < min(normal_shape.x, 3u); ++channel)
        pixel[channel] = stepped(normals[place(at, size, normal_shape, channel)], normal_to_steps, 255.0);
    if (roughness_shape.x > 0u)
        pixel.a = stepped(roughness[place(at, size, roughness_shape, 0u)], roughness_to_steps, 255.0);
    imageStore(made, ivec2(at), pixel);
}
