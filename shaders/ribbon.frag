#version 450 core
#include "frame.glsl"

layout(location = 0) in vec4 colour_of;
layout(location = 1) in vec3 across;
layout(location = 2) flat in vec3 dashes;
layout(location = 0) out vec4 colour;

void main() {
    float rim = 1.0 - abs(across.x);
    float cover = smoothstep(0.0, min(1.0, 1.0 / max(across.y, 1.0) + 0.25), rim);
    if (dashes.x > 0.0) {
        float at = across.z * dashes.x;
        float edge = clamp(fwidth(at) * 1.5, 0.04, 0.5);
        float phase = abs(fract(at - frame.objects.y * dashes.z * dashes.x) * 2.0 - 1.0);
        // Between the dashes of what leads somewhere a faint line goes on.
        float between = dashes.z > 0.0 ? 0.22 : 0.0;
        cover *= mix(1.0, between, smoothstep(dashes.y - edge, dashes.y + edge, phase));
    }
    float a = colour_of.a * cover;
    colour = vec4(colour_of.rgb * a, a);
}
