#version 450 core
// What hands hold, and hands: matt plastic in the light of the scene.
#include "frame.glsl"
#include "light.glsl"
#include "tone.glsl"

layout(location = 0) in vec3 world;
layout(location = 1) in vec3 shape;
layout(location = 2) in vec4 colour_of;
layout(location = 3) flat in int view;
layout(location = 0) out vec4 colour;

void main() {
    vec3 to_eye = normalize(frame.eye[view].xyz - world);
    vec3 n = normalize(shape);
    vec3 radiance = lit(colour_of.rgb, n, ROUGHNESS, to_eye, world, n);
    vec3 seen = finished(radiance);
    vec3 accent = vec3(0.486, 0.769, 0.91) * (0.75 + 0.25 * n.y);
    colour = vec4(mix(seen, accent, 0.75 * colour_of.a), 1.0);
}
