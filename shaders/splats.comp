#version 450 core
// What does not depend on where one looks, once a splat: with KEYS what it is sorted by, else its finished colour.
#include "frame.glsl"
#include "light.glsl"
#define COMPUTE
#include "tone.glsl"
#include "splats.glsl"

layout(local_size_x = 64) in;

layout(location = 0) uniform uint first;
layout(location = 1) uniform uint count;
layout(location = 2) uniform vec3 eye;     // in the middle between the eyes
layout(location = 3) uniform uint listed;  // splats listed before these
#ifdef KEYS
layout(std430, binding = 3) writeonly buffer Keys { uint keys[]; };
layout(std430, binding = 4) writeonly buffer Values { uint values[]; };
#else
layout(std430, binding = 3) writeonly buffer Colours { uint colours[]; };
#endif

void main() {
    if (gl_GlobalInvocationID.x >= count) return;
    uint splat = first + gl_GlobalInvocationID.x;
    uvec4 begins = splats[2u * splat];
    Cloud cloud = clouds[splats[2u * splat + 1u].w >> 24];
    vec3 offset = in_world(cloud, begins) - eye;
    float away = max(length(offset), 1e-3);
#ifdef KEYS
    keys[listed + gl_GlobalInvocationID.x] = 0xffffffu - (floatBitsToUint(away) >> 7);
    values[listed + gl_GlobalInvocationID.x] = splat;
#else
    vec3 radiance = vec3(uvec3(begins.w, begins.w >> 9, begins.w >> 18) & 511u) * exp2(float(begins.w >> 27) - 24.0);
    // A splat has no side that it shows: the sky's light from everywhere, the sun's on the half that is turned to it.
    vec3 light = frame.ambient[0].rgb * 0.282095 + 0.5 / PI * frame.sun_irradiance.rgb;
    radiance *= mix(max(light, 0.0), vec3(1.0), cloud.shown.z);
    vec3 seen = mix(radiance, haze_towards(offset / away), haze_amount(away));
    colours[splat] = packUnorm4x8(vec4(encoded(seen), 1.0));
#endif
}
