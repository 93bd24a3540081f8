#version 450 core
#include "frame.glsl"

layout(location = 0) in vec3 at;
layout(location = 0) out vec4 colour;

const vec3 ACCENT = vec3(0.486, 0.769, 0.91);

float line(float r, float middle, float half_width, float blur) {
    return 1.0 - smoothstep(half_width - blur, half_width + blur, abs(r - middle));
}

void main() {
    float r = length(at.xy);
    float blur = max(fwidth(r) * 0.75, 0.004);
    float a;
    vec3 tint = ACCENT;
    if (at.z >= 0.0) {
        float fall = 1.0 - at.z;
        a = 0.34 * fall * fall * fall;
    } else {
        float wave = fract(r * 1.0 - frame.objects.y * 0.45);
        float rim = line(r, 0.9, 0.035, blur);
        float inner = 0.15 * (1.0 - smoothstep(0.84, 0.9, r)) + 0.10 * smoothstep(0.0, 0.9, r) * step(r, 0.9) * wave;
        float middle = line(r, 0.0, 0.07, blur);
        a = max(max(rim * 0.95, middle * 0.95), inner);
        tint = mix(ACCENT, vec3(1.0), 0.65 * max(rim, middle));
    }
    colour = vec4(tint * a, a);
}
