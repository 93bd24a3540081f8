#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Rays, the arc of a teleport, lines to labels: ribbons that face the eye. Mirrors POINT in vrgen/renderer/ribbons.py.
#include "frame.glsl"

struct Point {
    vec4 at;      // xyz; half width, metres
    vec4 colour;  // sRGB, alpha
    vec4 along;   // direction; metres from the start
    vec4 style;   // x: dashes a metre, 0 none; y: share of a dash; z: metres a second; w: 1 where a ribbon ends
};
layout(std430, binding = 1) readonly buffer Points { Point points[]; };

layout(location = 0) out vec4 colour_of;
layout(location = 1) out vec3 across;  // -1 to 1; pixels in half a width; metres along
layout(location = 2) flat out vec3 dashes;

void main() {
    int segment = gl_InstanceID / VIEWS;
    int view = gl_InstanceID % VIEWS;
    int corner = gl_VertexID;
    int end = corner == 1 || corner == 3 || corner == 4 ? 1 : 0;
    float side = corner == 0 || corner == 1 || corner == 3 ? -1.0 : 1.0;
    Point first = points[segment];
    Point point = points[segment + (first.style.w > 0.5 ? 0 : end)];
    vec3 to_eye = frame.eye[view].xyz - point.at.xyz;
    float away = length(to_eye);
    vec3 aside = cross(point.along.xyz, to_eye);
    aside *= 1.0 / max(length(aside), 1e-6);
    float pixel = frame.objects.z * away;
    float half_width = max(point.at.w, 0.75 * pixel);  // what is thinner would flicker
    colour_of = point.colour;
    colour_of.a *= clamp(point.at.w / half_width, 0.45, 1.0);
    across = vec3(side, half_width / pixel, point.along.w);
    dashes = first.style.xyz;
    gl_Position = frame.clip_from_world[view] * vec4(point.at.xyz + aside * half_width * side, 1.0);
    gl_Layer = view;
}
