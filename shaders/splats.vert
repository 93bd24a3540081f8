#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Splats from the farthest to the nearest, both eyes at once: an instance is a block of 128 for one eye. Each is the
// ellipse that its Gaussian is seen as (EWA: Zwicker et al. 2001; Kerbl et al. 2023), four vertices of a quad.
#include "frame.glsl"
#include "splats.glsl"

layout(std430, binding = 3) readonly buffer Colours { uint colours[]; };
layout(std430, binding = 4) readonly buffer Order { uint order[]; };

layout(location = 0) uniform uint count;
layout(location = 1) uniform vec2 half_px;  // half the picture's size

layout(location = 0) out vec2 at;          // standard deviations from the middle
layout(location = 1) flat out vec4 seen;   // colour, opacity
layout(location = 2) flat out vec2 share;  // of the samples: from, to

const float BLUR_PX2 = 0.3;   // a pixel is no point: variance that is added
const float LEAST = 1.0 / 255.0;
const float OUTSIDE = 1.3;    // from so far outside the picture on, the projection is taken as at its rim
const vec2 NEAR_M = vec2(0.15, 0.35);  // nearer to the eye than that nothing is seen, then more and more

void main() {
    int view = gl_InstanceID % VIEWS;
    gl_Layer = view;
    gl_Position = vec4(0.0, 0.0, 0.0, 1.0);  // all four vertices in one place: nothing is drawn
    at = vec2(0.0);
    seen = vec4(0.0);
    share = vec2(0.0);
    uint place = uint(gl_InstanceID / VIEWS) * 128u + uint(gl_VertexID) / 4u;
    if (place >= count) return;
    uint splat = order[place];
    uvec4 begins = splats[2u * splat], ends = splats[2u * splat + 1u];
    Cloud cloud = clouds[ends.w >> 24];
    mat4 m = frame.clip_from_world[view];
    vec4 clip = m * vec4(in_world(cloud, begins), 1.0);
    float opacity = float(ends.w >> 16 & 255u) / 255.0;
    if (clip.w <= NEAR_M.x || cloud.shown.y <= cloud.shown.x) return;

    // How the picture, in pixels, changes with the place in the world.
    vec2 ndc = clip.xy / clip.w;
    vec2 rim = clamp(ndc, -OUTSIDE, OUTSIDE);
    vec3 along = vec3(m[0].w, m[1].w, m[2].w);
    vec3 across = (vec3(m[0].x, m[1].x, m[2].x) - rim.x * along) * (half_px.x / clip.w);
    vec3 up = (vec3(m[0].y, m[1].y, m[2].y) - rim.y * along) * (half_px.y / clip.w);

    vec4 q = normalize(vec4(unpackSnorm2x16(ends.x), unpackSnorm2x16(ends.y)));
    vec3 size = vec3(unpackHalf2x16(ends.z), unpackHalf2x16(ends.w).x) * cloud.position_scale.w;
    vec2 axes[3];
    for (int k = 0; k < 3; ++k) {
        vec3 axis = vec3(0.0);
        axis[k] = size[k];
        axis = turned(cloud.rotation, turned(q, axis));
        axes[k] = vec2(dot(across, axis), dot(up, axis));
    }
    float xx = dot(vec3(axes[0].x, axes[1].x, axes[2].x), vec3(axes[0].x, axes[1].x, axes[2].x));
    float xy = dot(vec3(axes[0].x, axes[1].x, axes[2].x), vec3(axes[0].y, axes[1].y, axes[2].y));
    float yy = dot(vec3(axes[0].y, axes[1].y, axes[2].y), vec3(axes[0].y, axes[1].y, axes[2].y));
    // The area without the blur, from its minors: a difference of squares would lose what is thin.
    vec3 minors = vec3(determinant(mat2(axes[0], axes[1])), determinant(mat2(axes[0], axes[2])),
                       determinant(mat2(axes[1], axes[2])));
    float area2 = dot(minors, minors);
    xx += BLUR_PX2;
    yy += BLUR_PX2;
    float middle = 0.5 * (xx + yy), apart = length(vec2(0.5 * (xx - yy), xy));
    vec2 variance = vec2(middle + apart, max(middle - apart, BLUR_PX2));
    // What the blur makes larger becomes fainter (Yu et al. 2024).
    opacity = min(opacity * sqrt(min(area2 / (variance.x * variance.y), 1.0)), 0.99);
    opacity *= smoothstep(NEAR_M.x, NEAR_M.y, clip.w);
    if (opacity < LEAST) return;

    float angle = apart > 1e-6 * middle ? 0.5 * atan(2.0 * xy, xx - yy) : 0.0;
    vec2 axis = vec2(cos(angle), sin(angle));
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1 & 1) * 2.0 - 1.0;
    at = corner * sqrt(2.0 * log(opacity / LEAST));
    vec2 stretched = at * sqrt(variance);
    vec2 off_px = axis * stretched.x + vec2(-axis.y, axis.x) * stretched.y;
    seen = vec4(unpackUnorm4x8(colours[splat]).rgb, opacity);
    share = cloud.shown.xy;
    gl_Position = vec4(clip.xy + off_px / half_px * clip.w, clip.zw);
}
