// One object as vrgen/scene_model.py lays it out (INSTANCE), and where its mesh goes.

struct Instance {
    vec4 position_scale;
    vec4 rotation;
    uint mesh;
    int picture;
    float stands;
    float reach_m;
};
layout(std430, binding = 2) readonly buffer Instances { Instance instances[]; };

// What is farther than it is meant to be seen shrinks away instead of vanishing.
float size_of(Instance it) {
    float size = it.position_scale.w * frame.objects.x;
    if (it.reach_m <= 0.0) return size;
    float away = distance(it.position_scale.xz, frame.eye[0].xz);
    return size * clamp((it.reach_m - away) / (0.15 * it.reach_m), 0.0, 1.0);
}

vec3 turned(vec4 q, vec3 v) { return v + 2.0 * cross(q.xyz, cross(q.xyz, v) + q.w * v); }
