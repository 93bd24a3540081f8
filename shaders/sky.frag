#version 450 core
#include "frame.glsl"
#include "light.glsl"
#include "tone.glsl"
#include "panorama.glsl"

layout(location = 0) in vec3 ray;
layout(location = 0) out vec4 colour;

void main() {
    vec3 d = normalize(ray);
    vec3 above = normalize(vec3(d.x, max(d.y, 0.002), d.z));
    vec2 uv = panorama_uv(above);
    vec2 low_uv = panorama_uv(haze_direction(d));
    int level = int(haze_level());
    vec3 sky = smooth_sky(sky_shown, uv, 0);
    vec3 haze = smooth_sky(sky_shown, low_uv, level);
#if FADING
    sky = mix(sky, smooth_sky(sky_arriving, uv, 0), frame.sky_mix.x);
    haze = mix(haze, smooth_sky(sky_arriving, low_uv, level), frame.sky_mix.x);
#endif

    sky += sun_disc(d);
    colour = vec4(finished(mix(sky, limited_haze(haze), low_sky(d))), 1.0);
}
