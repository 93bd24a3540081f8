#version 450 core
#include "frame.glsl"
#include "light.glsl"
#include "tone.glsl"
#include "panorama.glsl"

layout(binding = 20) uniform sampler2D back_shown;
layout(binding = 22) uniform sampler2D back_arriving;

layout(location = 1) uniform vec2 deep;

layout(location = 0) in vec3 from_middle;
layout(location = 0) out vec4 colour;

vec3 seen(sampler2D panorama, sampler2D back, vec3 d) {
#ifdef BACK
    return textureLod(back, panorama_uv(d), 0.0).rgb;
#else
    return smooth_sky(panorama, panorama_uv(d), 0);
#endif
}

void main() {
    vec3 d = normalize(from_middle);
#if FADING
    vec3 sun = sun_disc(d);
    vec3 shown = deep.x > 0.0 ? seen(sky_shown, back_shown, d) : open_sky(sky_shown, d) + sun;
    vec3 arriving = deep.y > 0.0 ? seen(sky_arriving, back_arriving, d) : open_sky(sky_arriving, d) + sun;
    colour = vec4(finished(mix(shown, arriving, frame.sky_mix.x)), 1.0);
#else
    colour = vec4(finished(seen(sky_shown, back_shown, d)), 1.0);
#endif
}
