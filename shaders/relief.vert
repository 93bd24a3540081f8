#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Panoramas with a depth (vrgen/scene/relief.py), both eyes at once: an instance is a row of cells for one eye, four
// vertices a cell. With BACK what stands behind the silhouettes, in one piece, by cells twice as large.
#include "frame.glsl"

layout(binding = 19) uniform sampler2D front_shown;     // 1/m at a cell's four corners
layout(binding = 20) uniform sampler2D back_shown;      // radiance, 1/m
layout(binding = 21) uniform sampler2D front_arriving;
layout(binding = 22) uniform sampler2D back_arriving;

layout(location = 0) uniform vec3 middle;
layout(location = 1) uniform vec2 deep;   // 1 where the shown, the arriving sky has a relief

layout(location = 0) out vec3 from_middle;  // any length

const float PI = 3.14159265358979;

float nearness(sampler2D front, sampler2D back, ivec2 cell, int corner, vec2 uv) {
#ifdef BACK
    return 0.97 * textureLod(back, uv, 0.0).a + 5e-7;
#else
    return texelFetch(front, cell, 0)[corner] + 1e-6;
#endif
}

void main() {
    ivec2 size = textureSize(front_shown, 0);
#ifdef BACK
    size /= 2;
#endif
    int view = gl_InstanceID % VIEWS, corner = gl_VertexID % 4;
    ivec2 cell = ivec2(gl_VertexID / 4, gl_InstanceID / VIEWS);
    ivec2 at = cell + ivec2(corner & 1, corner >> 1);
    at.x %= size.x;  // the last column ends where the first begins, to the bit
    vec2 uv = vec2(at) / vec2(size);
    float u = (2.0 * uv.x - 1.0) * PI, v = uv.y * PI;
    from_middle = vec3(sin(v) * sin(u), cos(v), -sin(v) * cos(u));
    float near = nearness(front_shown, back_shown, cell, corner, uv);
#if FADING
    float next = nearness(front_arriving, back_arriving, cell, corner, uv);
    near = mix(near * deep.x, next * deep.y, frame.sky_mix.x) + 1e-7;
#endif
    // In homogeneous coordinates what is infinitely far is a direction; so is what the fragments interpolate.
    gl_Position = frame.clip_from_world[view] * vec4(from_middle + near * middle, near);
    gl_Layer = view;
}
