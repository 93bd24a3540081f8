#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
#extension GL_ARB_shader_draw_parameters : require
// Controllers in the hands, both eyes at once. Mirrors HELD in vrgen/renderer/held.py.
#include "frame.glsl"

struct Held {
    mat4 world_from_grip;
    uvec4 pressed;  // x: a bit a part; y: the model's first matrix in `pressed_from_rest`
};
layout(std430, binding = 1) readonly buffer Helds { Held helds[]; };
layout(std430, binding = 3) readonly buffer Presses { mat4 pressed_from_rest[]; };

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 tint;
layout(location = 3) in float part;
layout(location = 0) out vec3 world;
layout(location = 1) out vec3 shape;
layout(location = 2) out vec4 colour_of;  // linear; alpha 1 where it is pressed
layout(location = 3) flat out int view;

void main() {
    Held it = helds[gl_BaseInstanceARB + gl_InstanceID / VIEWS];
    view = gl_InstanceID % VIEWS;
    uint which = uint(part + 0.5);
    bool pressed = (it.pressed.x >> which & 1u) != 0u;
    mat4 world_from_model = it.world_from_grip;
    if (pressed) world_from_model *= pressed_from_rest[it.pressed.y + which];
    world = (world_from_model * vec4(position, 1.0)).xyz;
    shape = mat3(world_from_model) * normal;
    colour_of = vec4(pow(tint, vec3(2.2)), float(pressed));
    gl_Position = frame.clip_from_world[view] * vec4(world, 1.0);
    gl_Layer = view;
}
