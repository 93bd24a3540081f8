#version 450 core
layout(binding = 0) uniform sampler2D panel;

in vec2 uv;
out vec4 pixel;

void main() {
    pixel = texture(panel, uv);
}
