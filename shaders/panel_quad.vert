#version 450 core
// The panel's texture as one quad of a view: four corners of a strip.
layout(location = 0) uniform vec4 ndc;  // left, bottom, right, top
layout(location = 1) uniform vec4 uv_of;

out vec2 uv;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    uv = mix(uv_of.xy, uv_of.zw, corner);
    gl_Position = vec4(mix(ndc.xy, ndc.zw, corner), 0.0, 1.0);
}
