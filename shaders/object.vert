#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
#extension GL_ARB_shader_draw_parameters : require
// Instances that passed the cull (cull.comp), both eyes at once.
#include "frame.glsl"
#include "instance.glsl"

layout(std430, binding = 3) readonly buffer Visible { Placed visible[]; };

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 tint;
layout(location = 3) in vec2 uv;
#ifdef SHADOW
layout(location = 0) uniform mat4 clip_from_world_light;
#else
layout(location = 0) out vec3 world;
layout(location = 1) out vec3 shape;
layout(location = 2) out vec4 colour_of;
layout(location = 3) out vec4 haze;  // colour and amount
layout(location = 4) out vec3 texture_at;  // uv, picture
layout(location = 5) out vec3 local;
layout(location = 6) flat out int view;
#endif

void main() {
    Placed it = visible[gl_BaseInstanceARB + gl_InstanceID / VIEWS];
    vec3 p = it.position_size.xyz + turned(it.rotation, position * it.position_size.w);
#ifdef SHADOW
    gl_Position = clip_from_world_light * vec4(p, 1.0);
#else
    view = gl_InstanceID % VIEWS;
    world = p;
    shape = turned(it.rotation, normal);
    colour_of = vec4(pow(tint.rgb, vec3(2.2)), tint.a);
    local = turned(it.rotation, position * it.scale) + vec3(it.position_size.x, 0.0, it.position_size.z);
    texture_at = vec3(uv, float(it.picture));
    haze = it.haze;
    gl_Position = frame.clip_from_world[view] * vec4(p, 1.0);
    gl_Layer = view;
#endif
}
