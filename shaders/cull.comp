#version 450 core
// Which instances a pass draws, and in which detail: appends to the lists that indirect draws read. The CPU's share
// does not depend on how many instances there are. Commands come in the order (mesh, level).
#include "frame.glsl"
#include "ground.glsl"
#include "instance.glsl"

layout(local_size_x = 64) in;

struct MeshBounds {
    vec4 sphere;     // centre, radius; mesh space
    uint levels;
    uint first;      // first place of this mesh in each level's list
    uint pad0, pad1;
};
struct Command {
    uint count, instances, first_index;
    int base_vertex;
    uint base_instance;
};
layout(std430, binding = 3) writeonly buffer Visible { uint visible[]; };
layout(std430, binding = 4) readonly buffer Meshes { MeshBounds meshes[]; };
layout(std430, binding = 5) coherent buffer Commands { Command commands[]; };

layout(location = 0) uniform uint instance_count;
layout(location = 1) uniform uint command_first;
layout(location = 2) uniform uint views;        // drawn in one pass: each instance counts this often
layout(location = 3) uniform float detail;      // radius over distance at which the finest level is due; 0: coarsest
layout(location = 4) uniform vec3 detail_eye;
layout(location = 5) uniform vec4 planes[10];   // five a view; inside where dot >= 0
layout(location = 15) uniform uint plane_views;
layout(location = 16) uniform float least_size; // radius over distance below which nothing is drawn


void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= instance_count) return;
    Instance it = instances[i];
    MeshBounds mesh = meshes[it.mesh];
    float size = size_of(it);
    if (size <= 0.0) return;
    vec3 centre = it.position_scale.xyz + turned(it.rotation, mesh.sphere.xyz * size);
    float radius = mesh.sphere.w * size;
    if (it.stands > 0.0) centre.y += height_between(samples_of(it.position_scale.xz));

    bool seen = false;
    for (uint v = 0u; v < plane_views; ++v) {
        bool inside = true;
        for (uint p = 0u; p < 5u; ++p) {
            vec4 plane = planes[v * 5u + p];
            inside = inside && dot(plane.xyz, centre) + plane.w >= -radius;
        }
        seen = seen || inside;
    }
    if (!seen) return;
    float apparent = radius / max(distance(centre, detail_eye), 1e-3);
    if (apparent < least_size) return;
    uint level = mesh.levels - 1u;
    if (detail > 0.0) level = uint(clamp(floor(log2(max(detail / apparent, 1.0))), 0.0, float(mesh.levels - 1u)));
    uint command = command_first + it.mesh * LEVELS + level;
    uint place = atomicAdd(commands[command].instances, views) / views;
    visible[commands[command].base_instance + place] = i;
}
