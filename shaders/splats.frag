#version 450 core
layout(location = 0) in vec2 at;
layout(location = 1) flat in vec4 seen;
layout(location = 0) out vec4 colour;

void main() {
    float alpha = seen.a * exp(-0.5 * dot(at, at));
    if (alpha < 1.0 / 255.0) discard;
    colour = vec4(seen.rgb * alpha, alpha);
}
