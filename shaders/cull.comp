#version 450 core
// Which instances a pass draws, and in which detail: appends to the lists that indirect draws read. The CPU's share
// does not depend on how many instances there are. Commands come in the order (mesh, level); a mesh has as many as levels.
// Where things hide one another (vrgen/renderer/occlusion.py) a first call lists what was seen in the frame before. LATE:
// a second one, before which that and the ground were drawn, tests all against their depth and lists what has come
// into sight.
#include "frame.glsl"
#include "ground.glsl"
#include "light.glsl"
#include "instance.glsl"
#include "cull.glsl"

layout(local_size_x = 64) in;  // a clump of instances that clumps.comp has listed

struct MeshBounds {
    vec4 sphere;     // centre, radius; mesh space
    uint levels;
    uint first_command;
    uint room;       // instances of this mesh
    uint pad;
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
layout(std430, binding = 7) readonly buffer Listed { uint listed[]; };
layout(std430, binding = 6) buffer Seen { uint seen[]; };  // 1: some eye sees it

#if LATE
layout(binding = 18) uniform sampler2DArray cells;  // pyramid.comp
#endif

// What is farther than it is meant to be seen shrinks away instead of vanishing.
float size_of(Instance it) {
    float size = it.position_scale.w * frame.objects.x;
    if (it.reach_m <= 0.0) return size;
    float away = distance(it.position_scale.xz, frame.eye[0].xz);
    return size * clamp((it.reach_m - away) / (0.15 * it.reach_m), 0.0, 1.0);
}

#if LATE
// Whether an eye sees something of a sphere, as far as the depth of the picture tells. A little too large, so that
// rounding hides nothing that is drawn.
bool in_sight(vec3 centre, float radius) {
    const float CELL = 8.0;
    radius *= 1.01;
    bool found = false;
    for (uint v = 0u; v < plane_views; ++v) {
        mat4 rows = transpose(frame.clip_from_world[v]);
        vec4 at = vec4(centre, 1.0) * rows;
        float nearest = at.w - radius, farthest = at.w + radius;
        if (nearest <= at.z) {  // z is how near the picture begins
            found = found || farthest > at.z;
            continue;
        }
        vec2 reach = radius * vec2(length(rows[0].xyz), length(rows[1].xyz));
        vec2 low = at.xy - reach, high = at.xy + reach;
        low /= mix(vec2(farthest), vec2(nearest), lessThan(low, vec2(0.0)));
        high /= mix(vec2(nearest), vec2(farthest), lessThan(high, vec2(0.0)));
        // Corners are drawn where they are snapped to, less than half a pixel away.
        vec2 first = max((0.5 * low + 0.5) * vec2(size_px) - 0.5, 0.0);
        vec2 last = min((0.5 * high + 0.5) * vec2(size_px) + 0.5, vec2(size_px) - 1.0);
        if (first.x > last.x || first.y > last.y) continue;
        vec2 across = last - first;
        int level = int(clamp(ceil(log2(max(across.x, across.y) / (3.0 * CELL))), 0.0, 3.0));
        ivec2 begin = ivec2(first) >> (3 + level), end = ivec2(last) >> (3 + level);
        float depth = at.z / nearest;
        for (int y = begin.y; y <= end.y && !found; ++y)
            for (int x = begin.x; x <= end.x && !found; ++x)
                found = texelFetch(cells, ivec3(x, y, v), level).r <= depth;
    }
    return found;
}
#endif

void main() {
    uint i = listed[list_first + gl_WorkGroupID.x] * 64u + gl_LocalInvocationID.x;
    if (i >= instance_count) return;
#if !LATE
    if (only_seen != 0u && seen[i] == 0u) return;
#endif
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

    bool inside_one = false;
    for (uint v = 0u; v < plane_views; ++v) {
        bool inside = true;
        for (uint p = 0u; p < 5u; ++p) {
            vec4 plane = planes[v * 5u + p];
            inside = inside && dot(plane.xyz, centre) + plane.w >= -radius;
        }
        inside_one = inside_one || inside;
    }
    if (!inside_one) return;
    float away = max(distance(centre, detail_eye), 1e-3);
    float apparent = radius / away;
    if (apparent < least_size) return;
    uint level = mesh.levels - 1u;
    if (detail > 0.0) level = uint(clamp(floor(log2(max(detail / apparent, 1.0))), 0.0, float(mesh.levels - 1u)));
    uint command = mesh.first_command + level;
#if LATE
    bool drawn = seen[i] != 0u, sees = in_sight(centre, radius);
    seen[i] = uint(sees);
    if (!sees) {
        atomicAdd(commands[tally].instances, 1u);
        atomicAdd(commands[tally].count, commands[command].count / 3u * views);
        return;
    }
    if (drawn) return;
    // Of the room of the first list what it has left, from the end.
    uint last = commands[command].base_instance + mesh.room - 1u;
    command += command_first;
    uint at = last - atomicAdd(commands[command].instances, views) / views;
    atomicMin(commands[command].base_instance, at);
#else
    command += command_first;
    uint at = commands[command].base_instance + atomicAdd(commands[command].instances, views) / views;
#endif
    vec4 haze = vec4(haze_towards((centre - detail_eye) / away), haze_amount(away));
    visible[at] = Placed(vec4(position, size), it.rotation, haze, it.position_scale.w, it.picture, 0.0, 0.0);
}
