#version 450 core
// Which instances a pass draws, and in which detail: appends to the lists that indirect draws read. The CPU's share
// does not depend on how many instances there are. Commands come in the order (mesh, level); a mesh has as many as levels.
#include "frame.glsl"
#include "ground.glsl"
#include "light.glsl"
#include "instance.glsl"

layout(local_size_x = 64) in;

struct MeshBounds {
    vec4 sphere;     // centre, radius; mesh space
    uint levels;
    uint first_command;
    uint pad0, pad1;
};
struct Command {
    uint count, instances, first_index;
    int base_vertex;
    uint base_instance;
};
layout(std430, binding = 2) readonly buffer Instances { Instance instances[]; };
layout(std430, binding = 3) writeonly buffer Visible { Placed visible[]; };
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

// What is farther than it is meant to be seen shrinks away instead of vanishing.
float size_of(Instance it) {
    float size = it.position_scale.w * frame.objects.x;
    if (it.reach_m <= 0.0) return size;
    float away = distance(it.position_scale.xz, frame.eye[0].xz);
    return size * clamp((it.reach_m - away) / (0.15 * it.reach_m), 0.0, 1.0);
}

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= instance_count) return;
    Instance it = instances[i];
    MeshBounds mesh = meshes[it.mesh];
    float size = size_of(it);
    if (size <= 0.0) return;
    vec3 position = it.position_scale.xyz;
    if (it.stands > 0.0) {
        vec2 at = samples_of(position.xz);
        position.y += height_between(at) - sunk(corner_state(at).y);
    }
    vec3 centre = position + turned(it.rotation, mesh.sphere.xyz * size);
    float radius = mesh.sphere.w * size;

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
    float away = max(distance(centre, detail_eye), 1e-3);
    float apparent = radius / away;
    if (apparent < least_size) return;
    uint level = mesh.levels - 1u;
    if (detail > 0.0) level = uint(clamp(floor(log2(max(detail / apparent, 1.0))), 0.0, float(mesh.levels - 1u)));
    uint command = command_first + mesh.first_command + level;
    uint place = atomicAdd(commands[command].instances, views) / views;
    vec4 haze = vec4(haze_towards((centre - detail_eye) / away), haze_amount(away));
    visible[commands[command].base_instance + place] =
        Placed(vec4(position, size), it.rotation, haze, it.position_scale.w, it.picture, 0.0, 0.0);
}
