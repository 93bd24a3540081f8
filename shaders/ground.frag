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
layout(location = 3) in vec3 haze;
layout(location = 4) flat in int view;
layout(location = 0) out vec4 colour;

void main() {
    vec2 uv = (samples + 0.5) / frame.ground.z;
    vec2 slope = texture(slopes_shown, uv).rg;
    if (frame.ground_mix.x != 0.0) slope = mix(slope, texture(slopes_arriving, uv).rg, state.x);
    vec3 shape = normalize(vec3(-slope.x, 1.0, -slope.y));

    vec3 offset = world - frame.eye[view].xyz;
    float distance_m = length(offset);
    float bump_strength = 1.0 / (1.0 + distance_m * 0.02);

    Material soil = ground_material(world.xz);
    vec3 n = normalize(vec3(shape.x + soil.bump.x * bump_strength, shape.y, shape.z - soil.bump.y * bump_strength));
    vec3 albedo = soil.albedo;
    float roughness = soil.roughness;
    float steep = 1.0 - shape.y + 0.10 * (0.5 - soil.relief) + 0.03 * (patches(world.zx * 0.6) - 0.5);
    float rock = smoothstep(0.19, 0.27, steep);
    if (rock > 0.0) {
        Material cliff = cliff_material(world, shape);
        vec3 cliff_normal = normalize(shape + cliff.bump * bump_strength);
        albedo = mix(albedo, cliff.albedo, rock);
        roughness = mix(roughness, cliff.roughness, rock);
        n = normalize(mix(n, cliff_normal, rock));
    }
    // Land is never of one tone: slow variation over tens of metres, from the same slow noise.
    albedo *= 0.86 + 0.28 * patches(world.xz * 0.23 + 7.0) * patches(world.zx * 0.057);

    vec3 to_eye = -offset / max(distance_m, 1e-3);
    vec3 radiance = lit(albedo, n, clamp(roughness, 0.2, 1.0), to_eye, world, shape);
    float hazy = max(haze_amount(distance_m), 1.0 - smoothstep(0.0, 1.0, state.y));
    colour = vec4(finished(mix(radiance, haze, hazy)), 1.0);
}
