#version 450 core
// A flat picture where it stands in the world: four corners of a strip.
layout(location = 0) uniform mat4 clip_from_quad;
layout(location = 4) uniform vec4 uv_of;  // left, bottom, right, top

out vec2 uv;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    uv = mix(uv_of.xy, uv_of.zw, corner);
    gl_Position = clip_from_quad * vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
