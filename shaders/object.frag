#version 450 core
#include "frame.glsl"
#include "light.glsl"
#include "tone.glsl"
#include "surface.glsl"

layout(binding = 17) uniform sampler2DArray pictures;        // small ones, of all
layout(binding = 23) uniform sampler2DArray large_pictures;  // of those that are near
layout(std140, binding = 1) uniform Large { vec4 large[64]; };  // by layer of `pictures`: x their layer, y how much of it is seen

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
        vec4 near = large[int(texture_at.z + 0.5)];
        albedo = mix(texture(pictures, texture_at).rgb, texture(large_pictures, vec3(texture_at.xy, near.x)).rgb, near.y);
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
