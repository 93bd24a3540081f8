#version 450 core
// Which clumps of 64 instances that stand near one another a pass may see: cull.comp is then run for those alone, a
// group each. What is left out here is left out there too.
#include "cull.glsl"

layout(local_size_x = 64) in;

struct Clump {
    vec4 sphere;     // around all, without the height of the ground
    float largest;   // radius of the largest
    float stands;    // 1: some stand on the ground
    float pad0, pad1;
};
struct Command {
    uint count, instances, first_index;
    int base_vertex;
    uint base_instance;
};
layout(std430, binding = 2) readonly buffer Clumps { Clump clumps[]; };
layout(std430, binding = 3) writeonly buffer Listed { uint listed[]; };
layout(std430, binding = 5) coherent buffer Commands { Command commands[]; };

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= clump_count) return;
    Clump it = clumps[i];
    vec2 heights = it.stands > 0.0 ? ground_range : vec2(0.0);
    bool inside_one = false;
    for (uint v = 0u; v < plane_views; ++v) {
        bool inside = true;
        for (uint p = 0u; p < 5u; ++p) {
            vec4 plane = planes[v * 5u + p];
            float rises = max(plane.y * heights.x, plane.y * heights.y);
            inside = inside && dot(plane.xyz, it.sphere.xyz) + plane.w + rises >= -it.sphere.w;
        }
        inside_one = inside_one || inside;
    }
    vec3 offset = it.sphere.xyz - detail_eye;
    if (it.stands > 0.0) offset.y = 0.0;
    float nearest = length(offset) - it.sphere.w;
    if (!inside_one || it.largest < least_size * nearest) return;
    listed[list_first + atomicAdd(commands[clump_command].count, 1u)] = i;
}
