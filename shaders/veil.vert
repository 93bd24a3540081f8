#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Before everything, over the whole view.
#include "frame.glsl"

layout(location = 0) out vec3 ray;

void main() {
    int view = gl_InstanceID % VIEWS;
    vec2 ndc = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
    ray = (frame.ray_from_ndc[view] * vec4(ndc, 1.0, 0.0)).xyz;
    gl_Position = vec4(ndc, 1.0, 1.0);
    gl_Layer = view;
}
