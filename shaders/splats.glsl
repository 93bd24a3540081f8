// Gaussian splats as vrgen/scene_model.py lays them out (SPLAT), and where they stand (CLOUD in
// vrgen/renderer/splats.py).

struct Cloud {
    vec4 position_scale;  // metres from the drawing origin
    vec4 rotation;
    vec4 shown;           // xy: the share of the samples that show it, from, to; z: 1 where its colours are radiance
};
layout(std430, binding = 1) readonly buffer Splats { uvec4 splats[]; };  // two a splat
layout(std430, binding = 2) readonly buffer Clouds { Cloud clouds[]; };

vec3 turned(vec4 q, vec3 v) { return v + 2.0 * cross(q.xyz, cross(q.xyz, v) + q.w * v); }

vec3 in_world(Cloud cloud, uvec4 first) {
    return cloud.position_scale.xyz + turned(cloud.rotation, uintBitsToFloat(first.xyz) * cloud.position_scale.w);
}
