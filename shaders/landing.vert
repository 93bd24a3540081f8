#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Where a teleport would lead: a disc that lies on the ground as it is, and a low fence of light around it.
#define FADING 1
#include "frame.glsl"
#include "ground.glsl"

layout(location = 0) uniform vec4 landing;  // xyz from the drawing origin; radius, metres
layout(location = 0) out vec3 at;           // x and z over the radius; share of the fence's height, or -1

const int AROUND = 64, RINGS = 5;
const float FENCE_M = 0.32;

void main() {
    int view = gl_InstanceID % VIEWS;
    int quad = gl_VertexID / 6, corner = gl_VertexID % 6;
    int end = corner == 1 || corner == 3 || corner == 4 ? 1 : 0;
    int far = corner == 2 || corner == 4 || corner == 5 ? 1 : 0;
    float turn = float(quad % AROUND + end) * (2.0 * 3.14159265 / float(AROUND));
    int ring = quad / AROUND;
    bool fence = ring == RINGS;
    float out_to = fence ? 0.9 : float(ring + far) / float(RINGS);
    vec2 d = vec2(cos(turn), sin(turn)) * out_to;
    vec2 xz = landing.xz + d * landing.w;
    vec2 samples = samples_of(xz);
    float ground = height_between(samples) - sunk(corner_state(samples).y);
    // On a rock it stays level.
    float level = smoothstep(0.15, 0.35, abs(landing.y - height_between(samples_of(landing.xz))));
    float y = mix(clamp(ground, landing.y - 0.6, landing.y + 0.6), landing.y, level) + 0.015;
    if (fence) y += FENCE_M * float(far);
    at = vec3(d, fence ? float(far) : -1.0);
    vec3 world = vec3(xz.x, y, xz.y);
    // Far ground is drawn coarser than it is: a little nearer, the disc stays above it.
    world += (frame.eye[view].xyz - world) * 0.004;
    gl_Position = frame.clip_from_world[view] * vec4(world, 1.0);
    gl_Layer = view;
}
