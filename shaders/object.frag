#version 450 core
#include "frame.glsl"
#include "light.glsl"
#include "tone.glsl"
#include "surface.glsl"

layout(binding = 17) uniform sampler2DArray pictures;

layout(location = 0) in vec3 world;
layout(location = 1) in vec3 shape;
layout(location = 2) in vec4 colour_of;  // linear; alpha 0: the cliff's material
layout(location = 3) in vec4 haze;
layout(location = 4) in vec3 texture_at;
layout(location = 5) in vec3 local;
layout(location = 6) flat in int view;
layout(location = 0) out vec4 colour;

void main() {
    vec3 n = normalize(shape);
    vec3 geometry = n;
    vec3 offset = world - frame.eye[view].xyz;
    float distance_m = length(offset);
    vec3 albedo = colour_of.rgb;
    float roughness = 0.85;
    if (texture_at.z >= 0.0 && texture_at.x >= 0.0) {
        albedo = texture(pictures, texture_at).rgb;
        roughness = 0.6;
    } else if (colour_of.a < 0.5 || texture_at.z < -1.5) {
        Material rock = cliff_material(local, n);
        albedo = rock.albedo;
        roughness = rock.roughness;
        n = normalize(n + rock.bump / (1.0 + distance_m * 0.02));
    }
    vec3 radiance = lit(albedo, n, clamp(roughness, 0.2, 1.0), -offset / max(distance_m, 1e-3), world, geometry);
    colour = vec4(finished(mix(radiance, haze.rgb, haze.a)), 1.0);
}
