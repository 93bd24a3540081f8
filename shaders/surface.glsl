// Generated materials: albedo, normal and roughness of the surfaces "ground" and "cliff", shown and arriving.

layout(binding = 3) uniform sampler2D ground_albedo[2];  // units 3, 4
layout(binding = 5) uniform sampler2D ground_bumps[2];   // units 5, 6
layout(binding = 11) uniform sampler2D cliff_albedo[2];  // units 11, 12
layout(binding = 13) uniform sampler2D cliff_bumps[2];   // units 13, 14

// Ground is seen at a grazing angle; where the sampler is not anisotropic, half a level finer keeps its grain.
const float SHARPER = -0.5;

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
Material read_ground(int slot, vec2 at_m, float spot, float per_metre, vec2 phase) {
    vec2 uv = at_m * per_metre + phase;
    Material near = material_of(texture(ground_albedo[slot], uv, SHARPER), texture(ground_bumps[slot], uv, SHARPER));
#if DETAIL
    const mat2 turn = mat2(0.7986, 0.6018, -0.6018, 0.7986);
    vec2 other = turn * uv * 0.83 + 0.31;
    Material far = material_of(texture(ground_albedo[slot], other, SHARPER), texture(ground_bumps[slot], other, SHARPER));
    far.bump.xy = far.bump.xy * turn;
    near = blended(near, far, smoothstep(0.3, 0.7, spot + 0.35 * (far.relief - near.relief)));
    // Underfoot a texel is as large as a pebble: the same material, much smaller, gives it grain.
    near.albedo *= 0.72 + 0.56 * texture(ground_albedo[slot], uv * 6.3).a;
#endif
    return near;
}

Material ground_material(vec2 at_m, float spot) {
    Material m = read_ground(0, at_m, spot, frame.surface_scale.x, frame.surface_phase[0].xy);
#if FADING
    Material next = read_ground(1, at_m, spot, frame.surface_scale.y, frame.surface_phase[0].zw);
    m = blended(m, next, frame.surface_mix.x);
#endif
    return m;
}

// `axes` picks the phase of x and z for the plane's two axes; y has none.
Material cliff_plane(vec2 at_m, mat2 axes) {
    vec2 uv = at_m * frame.surface_scale.z + axes * frame.surface_phase[1].xy;
    Material m = material_of(texture(cliff_albedo[0], uv), texture(cliff_bumps[0], uv));
#if FADING
    uv = at_m * frame.surface_scale.w + axes * frame.surface_phase[1].zw;
    m = blended(m, material_of(texture(cliff_albedo[1], uv), texture(cliff_bumps[1], uv)), frame.surface_mix.y);
#endif
    return m;
}

// Cliff material on a surface of any direction, from the planes that face it most ("biplanar", Inigo Quilez);
// `bump` comes back as a world-space offset of the normal. Without DETAIL the single best plane answers.
Material cliff_material(vec3 at_m, vec3 n) {
    vec3 w = abs(n);
    bool along_x = w.x > w.z;
    // Columns: where the phase of x, and of z, goes.
    const mat2 lying = mat2(1.0, 0.0, 0.0, 1.0), facing_x = mat2(0.0, 0.0, 1.0, 0.0), facing_z = mat2(1.0, 0.0, 0.0, 0.0);
#if DETAIL
    Material side = cliff_plane(along_x ? at_m.zy : at_m.xy, along_x ? facing_x : facing_z);
    Material top = cliff_plane(at_m.xz, lying);
    side.bump = along_x ? vec3(0.0, side.bump.y, side.bump.x) : vec3(side.bump.xy, 0.0);
    top.bump = vec3(top.bump.x, 0.0, -top.bump.y);
    return blended(side, top, smoothstep(0.55, 0.8, w.y));
#else
    bool flat_lying = w.y > 0.7;
    Material m = cliff_plane(flat_lying ? at_m.xz : along_x ? at_m.zy : at_m.xy,
                             flat_lying ? lying : along_x ? facing_x : facing_z);
    m.bump = flat_lying ? vec3(m.bump.x, 0.0, -m.bump.y)
           : along_x ? vec3(0.0, m.bump.y, m.bump.x) : vec3(m.bump.xy, 0.0);
    return m;
#endif
}
