#version 450 core
#include "frame.glsl"
#include "light.glsl"
#include "tone.glsl"
#include "surface.glsl"

layout(binding = 7) uniform sampler2D slopes_shown;      // rg: dh/dx, dh/dz
layout(binding = 15) uniform sampler2D slopes_arriving;

layout(location = 0) in vec3 world;
layout(location = 1) in vec2 samples;
layout(location = 2) in vec2 state;
layout(location = 3) in vec4 haze;
layout(location = 4) in vec3 patches;
layout(location = 5) flat in int view;
layout(location = 0) out vec4 colour;

void main() {
#if FADING
    if (interleaved_noise() < frame.ground_origin.w) discard;
#endif
    vec2 uv = (samples + 0.5) / frame.ground.z;
    vec2 slope = texture(slopes_shown, uv).rg;
#if FADING
    slope = mix(slope, texture(slopes_arriving, uv).rg, state.x);
#endif
    vec3 shape = normalize(vec3(-slope.x, 1.0, -slope.y));

    vec3 offset = world - frame.eye[view].xyz;
    float distance_m = length(offset);
    float bump_strength = 1.0 / (1.0 + distance_m * 0.02);

    Material soil = ground_material(world.xz, patches.x);
    Material cliff = cliff_material(world, shape);
    float steep = 1.0 - shape.y + 0.10 * (0.5 - soil.relief) + 0.03 * (patches.y - 0.5);
    float rock = smoothstep(0.19, 0.27, steep);
    vec3 n = mix(shape + vec3(soil.bump.x, 0.0, -soil.bump.y) * bump_strength, shape + cliff.bump * bump_strength, rock);
    vec3 albedo = mix(soil.albedo, cliff.albedo, rock) * patches.z;
    float roughness = clamp(mix(soil.roughness, cliff.roughness, rock), 0.2, 1.0);

    vec3 radiance = lit(albedo, normalize(n), roughness, -offset / max(distance_m, 1e-3), world, shape);
    colour = vec4(finished(mix(radiance, haze.rgb, haze.a)), 1.0);
}
