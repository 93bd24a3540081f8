// Generated materials: albedo, normal and roughness of the surfaces "ground" and "cliff", shown and arriving.

layout(binding = 3) uniform sampler2D ground_albedo[2];  // units 3, 4
layout(binding = 5) uniform sampler2D ground_bumps[2];   // units 5, 6
layout(binding = 11) uniform sampler2D cliff_albedo[2];  // units 11, 12
layout(binding = 13) uniform sampler2D cliff_bumps[2];   // units 13, 14

struct Material {
    vec3 albedo;
    float relief;
    vec3 bump;  // tangent space
    float roughness;
};

Material blended(Material a, Material b, float t) {
    return Material(mix(a.albedo, b.albedo, t), mix(a.relief, b.relief, t), mix(a.bump, b.bump, t),
                    mix(a.roughness, b.roughness, t));
}

Material material_of(vec4 albedo, vec4 bumps) {
    return Material(albedo.rgb, albedo.a, bumps.xyz * 2.0 - 1.0, bumps.a);
}

// Repetition is hidden by a second reading, turned and at another scale, where a slow noise asks for it.
float patches(vec2 at_m) {
    vec2 p = at_m * 0.11;
    return 0.5 + 0.5 * sin(p.x + 1.7 * sin(p.y * 0.63 + 0.4)) * sin(p.y * 0.87 + 1.3 * sin(p.x * 0.71 + 2.1));
}

Material read_ground(int slot, vec2 at_m, float per_metre, vec2 phase) {
    vec2 uv = at_m * per_metre + phase;
    Material near = material_of(texture(ground_albedo[slot], uv), texture(ground_bumps[slot], uv));
    if (frame.surface_mix.z == 0.0) return near;
    const mat2 turn = mat2(0.7986, 0.6018, -0.6018, 0.7986);
    vec2 other = turn * uv * 0.37 + 0.31;
    Material far = material_of(texture(ground_albedo[slot], other), texture(ground_bumps[slot], other));
    far.bump.xy = far.bump.xy * turn;
    float t = smoothstep(0.3, 0.7, patches(at_m) + 0.35 * (far.relief - near.relief));
    return blended(near, far, t);
}

Material ground_material(vec2 at_m) {
    Material m = read_ground(0, at_m, frame.surface_scale.x, frame.surface_phase[0].xy);
    if (frame.surface_mix.x > 0.0)
        m = blended(m, read_ground(1, at_m, frame.surface_scale.y, frame.surface_phase[0].zw), frame.surface_mix.x);
    return m;
}

Material read_cliff(int slot, vec2 uv) {
    return material_of(texture(cliff_albedo[slot], uv), texture(cliff_bumps[slot], uv));
}

Material cliff_plane(vec2 at_m) {
    Material m = read_cliff(0, at_m * frame.surface_scale.z);
    if (frame.surface_mix.y > 0.0)
        m = blended(m, read_cliff(1, at_m * frame.surface_scale.w), frame.surface_mix.y);
    return m;
}

// Cliff material on a surface of any direction, from the two planes that face it most ("biplanar",
// Inigo Quilez); `bump` comes back as a world-space offset of the normal.
Material cliff_material(vec3 at_m, vec3 n) {
    vec3 w = abs(n);
    Material side = cliff_plane(w.x > w.z ? at_m.zy : at_m.xy);
    vec3 side_bump = w.x > w.z ? vec3(0.0, side.bump.y, side.bump.x) : vec3(side.bump.x, side.bump.y, 0.0);
    float level = smoothstep(0.55, 0.8, w.y);
    if (level == 0.0) { side.bump = side_bump; return side; }
    Material top = cliff_plane(at_m.xz);
    vec3 top_bump = vec3(top.bump.x, 0.0, -top.bump.y);
    side.bump = side_bump;
    top.bump = top_bump;
    return blended(side, top, level);
}
