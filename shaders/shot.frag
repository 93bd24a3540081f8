#version 450 core
#include "frame.glsl"
#include "tone.glsl"

layout(binding = 20) uniform sampler2D back;
layout(binding = 21) uniform sampler2D picture;

layout(location = 2) uniform vec3 shown;

layout(location = 0) in vec2 uv;
layout(location = 0) out vec4 colour;

void main() {
#ifdef BACK
    vec3 radiance = textureLod(back, uv, 0.0).rgb;
#else
    vec3 radiance = texture(picture, uv).rgb;
#endif
    vec2 rim = smoothstep(0.0, 0.04, min(uv, 1.0 - uv));  // it ends softly in what stands around it
    float alpha = shown.x * rim.x * rim.y;
    colour = vec4(finished(radiance) * alpha, alpha);
}
