// One object as vrgen/scene_model.py lays it out (INSTANCE), and as the cull hands it on to the vertices.

struct Instance {
    vec4 position_scale;
    vec4 rotation;
    uint mesh;
    int picture;
    float stands;
    float reach_m;
};

// Worked out once an object rather than once a vertex: where it stands, how large it is now, the haze before it.
struct Placed {
    vec4 position_size;
    vec4 rotation;
    vec4 haze;    // colour and amount
    float scale;  // its full size, which its material keeps
    int picture;
    float pad0, pad1;
};

vec3 turned(vec4 q, vec3 v) { return v + 2.0 * cross(q.xyz, cross(q.xyz, v) + q.w * v); }
