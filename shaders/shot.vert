#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// A world model's frame (vrgen/scene/views.py), both eyes at once: an instance is a row of cells for one eye, four
// vertices a cell. With BACK what stands behind the silhouettes, in one piece, by cells twice as large.
#include "frame.glsl"

layout(binding = 19) uniform sampler2D front;  // 1/m at a cell's four corners
layout(binding = 20) uniform sampler2D back;   // radiance, 1/m

layout(location = 0) uniform mat4 origin_from_camera;
layout(location = 1) uniform vec4 tangents;    // left, right, down, up
layout(location = 2) uniform vec3 shown;       // weight; depth is x + y * depth: frames are told apart by it

layout(location = 0) out vec2 uv;

void main() {
    ivec2 size = textureSize(front, 0);
    int view = gl_InstanceID % VIEWS, corner = gl_VertexID % 4;
    ivec2 cell = ivec2(gl_VertexID / 4, gl_InstanceID / VIEWS);
    ivec2 at = cell + ivec2(corner & 1, corner >> 1);
#ifdef BACK
    at = min(2 * at, size);
    uv = vec2(at) / vec2(size);
    float near = 0.97 * textureLod(back, uv, 0.0).a;
#else
    uv = vec2(at) / vec2(size);
    float near = texelFetch(front, cell, 0)[corner];
#endif
    vec3 ray = vec3(mix(tangents.xw, tangents.yz, uv), -1.0);
    vec4 place = frame.clip_from_world[view] * (origin_from_camera * vec4(ray, near));
    gl_Position = vec4(place.xy, shown.y * place.w + shown.z * place.z, place.w);
    gl_Layer = view;
}
