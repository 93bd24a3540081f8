#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Bare hands: between any two joints that belong together a capsule, round at both ends.
#include "frame.glsl"

struct Bone { vec4 from, to; };  // xyz and radius, metres
layout(std430, binding = 1) readonly buffer Bones { Bone bones[]; };
layout(location = 0) uniform vec4 palm[2];  // its normal, of each hand

layout(location = 0) in vec4 at;  // direction from the end's centre, z along the bone; which end
layout(location = 0) out vec3 world;
layout(location = 1) out vec3 shape;
layout(location = 2) out vec4 colour_of;
layout(location = 3) flat out int view;

void main() {
    int which = gl_InstanceID / VIEWS;
    Bone bone = bones[which];
    view = gl_InstanceID % VIEWS;
    vec3 along = bone.to.xyz - bone.from.xyz;
    along = length(along) > 1e-5 ? normalize(along) : vec3(0.0, 0.0, 1.0);
    vec3 across = normalize(cross(along, abs(along.y) < 0.9 ? vec3(0.0, 1.0, 0.0) : vec3(1.0, 0.0, 0.0)));
    vec4 end = mix(bone.from, bone.to, at.w);
    shape = mat3(across, cross(along, across), along) * at.xyz;
    world = end.xyz + shape * end.w;
    if (which % BONES >= FIRST_OF_PALM) {  // side by side they are one surface, and lit as such
        vec3 flat_normal = palm[which / BONES].xyz;
        float facing = dot(shape, flat_normal);
        shape = mix(shape, flat_normal * sign(facing), 0.9 * smoothstep(0.0, 0.6, abs(facing)));
    }
    colour_of = vec4(0.34, 0.32, 0.305, 0.0);
    gl_Position = frame.clip_from_world[view] * vec4(world, 1.0);
    gl_Layer = view;
}
