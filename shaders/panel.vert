#version 450 core
// The panel's widgets: positions in pixels from the top left of its texture.
layout(location = 0) in vec2 position_px;
layout(location = 1) in vec2 uv_in;
layout(location = 2) in vec4 colour_in;

layout(location = 0) uniform vec2 size_px;

out vec2 uv;
out vec4 colour;

void main() {
    uv = uv_in;
    colour = colour_in;
    vec2 ndc = position_px / size_px * 2.0 - 1.0;
    gl_Position = vec4(ndc.x, -ndc.y, 0.0, 1.0);
}
