// Light: sky panorama, ambient from spherical harmonics, sun with shadows, haze.

layout(binding = 0) uniform sampler2D sky_shown;
layout(binding = 1) uniform sampler2D sky_arriving;
layout(binding = 2) uniform sampler2DArrayShadow shadow_map;

const float PI = 3.14159265358979;

// Centre column looks to -Z, +X to its right; row 0 is the zenith.
vec2 panorama_uv(vec3 d) {
    float u = atan(d.x, -d.z) / (2.0 * PI) + 0.5;
    float v = acos(clamp(d.y, -1.0, 1.0)) / PI;
    return vec2(u, v);
}

vec3 sky_radiance(vec3 d, float level) {
    vec2 uv = panorama_uv(d);
    vec3 shown = textureLod(sky_shown, uv, level).rgb;
#if FADING
    return mix(shown, textureLod(sky_arriving, uv, level).rgb, frame.sky_mix.x);
#else
    return shown;
#endif
}

// What haze looks like in a direction: the sky low above the horizon, blurred.
vec3 haze_direction(vec3 d) { return normalize(vec3(d.x, max(d.y, 0.12), d.z)); }

float haze_level() { return max(frame.sky_mix.y - 6.0, 0.0); }

// Without a limit a low sun would print the few texels that are read as a square.
// All channels are scaled alike: what is limited keeps its colour.
vec3 limited_haze(vec3 radiance) {
    vec3 limit = 4.0 * 0.282095 * frame.ambient[0].rgb;
    float most = max(max(limit.r, limit.g), limit.b);
    return radiance * min(1.0, most / max(max(max(radiance.r, radiance.g), radiance.b), 1e-6));
}

// How much of the sky in a direction is haze already.
float low_sky(vec3 d) { return 0.85 * exp(-max(d.y, 0.0) * 14.0); }

// What a thing fades to with distance: the sky that stands behind it, or it would shine out of a thick mist.
vec3 haze_towards(vec3 d) {
    vec3 behind = normalize(vec3(d.x, max(d.y, 0.002), d.z));
    vec3 sky = sky_radiance(behind, max(haze_level() - 1.0, 0.0));
    return limited_haze(mix(sky, sky_radiance(haze_direction(d), haze_level()), low_sky(d)));
}

float haze_amount(float distance_m) {
    return 1.0 - exp(-pow(distance_m / frame.sun_direction.w, 1.25));
}

vec3 ambient_towards(vec3 n) {
    return max(vec3(0.0),
        frame.ambient[0].rgb * 0.282095 +
        frame.ambient[1].rgb * 0.488603 * n.y +
        frame.ambient[2].rgb * 0.488603 * n.z +
        frame.ambient[3].rgb * 0.488603 * n.x +
        frame.ambient[4].rgb * 1.092548 * n.x * n.y +
        frame.ambient[5].rgb * 1.092548 * n.y * n.z +
        frame.ambient[6].rgb * 0.315392 * (3.0 * n.y * n.y - 1.0) +
        frame.ambient[7].rgb * 1.092548 * n.x * n.z +
        frame.ambient[8].rgb * 0.546274 * (n.x * n.x - n.z * n.z));
}

// Share of the sun that reaches a place; the finest cascade that holds it answers. Two by two texels are compared
// and blended by the sampler; with DETAIL four such readings soften the edge.
float sun_reaches(vec3 world, vec3 normal) {
    vec3 p = vec3(0.0);
    int cascade = 3;
    float outer = 1.0;
    for (int c = 2; c >= 0; --c) {
        float texel = 2.0 * frame.shadow_reach[c] / float(textureSize(shadow_map, 0).x);
        vec3 q = (frame.shadow_from_world[c] * vec4(world + normal * texel * 1.5, 1.0)).xyz;
        float rim = max(abs(q.x - 0.5), abs(q.y - 0.5));
        if (rim < 0.49) { p = q; cascade = c; outer = rim; }
    }
    float layer = float(min(cascade, 2));
#if DETAIL
    float e = 0.75 / float(textureSize(shadow_map, 0).x);
    float lit = 0.25 * (texture(shadow_map, vec4(p.xy + vec2(-e, -e), layer, p.z))
                      + texture(shadow_map, vec4(p.xy + vec2(e, -e), layer, p.z))
                      + texture(shadow_map, vec4(p.xy + vec2(-e, e), layer, p.z))
                      + texture(shadow_map, vec4(p.xy + vec2(e, e), layer, p.z)));
#else
    float lit = texture(shadow_map, vec4(p.xy, layer, p.z));
#endif
    if (cascade == 2) lit = mix(lit, 1.0, smoothstep(0.42, 0.49, outer));
    return cascade == 3 || frame.shadow_reach.w == 0.0 ? 1.0 : lit;
}

// Ambient light and the sun. With DETAIL also their shine: GGX with Smith's correlated visibility and Schlick's
// Fresnel for a dielectric (Karis 2013, Heitz 2014); a rough surface without it looks much the same.
vec3 lit(vec3 albedo, vec3 n, float roughness, vec3 to_eye, vec3 world, vec3 shape_normal) {
    vec3 l = frame.sun_direction.xyz;
    float nl = max(dot(n, l), 0.0) * step(-0.1, dot(shape_normal, l));
    vec3 sun = frame.sun_irradiance.rgb * nl * sun_reaches(world, shape_normal);
    vec3 total = albedo * (ambient_towards(n) + sun / PI);
#if DETAIL
    float nv = max(dot(n, to_eye), 1e-3);
    vec3 mirrored = reflect(-to_eye, n);
    float smoothness = 1.0 - roughness;
    float grazing = 0.04 + 0.96 * pow(1.0 - nv, 5.0) * smoothness * smoothness;
    total += grazing * ambient_towards(vec3(mirrored.x, abs(mirrored.y), mirrored.z));
    float a = roughness * roughness;
    vec3 h = normalize(l + to_eye);
    float nh = max(dot(n, h), 0.0);
    float d = nh * nh * (a * a - 1.0) + 1.0;
    float distribution = a * a / (PI * d * d);
    float lights = max(dot(n, l), 1e-3);
    float visibility = 0.5 / (lights * sqrt(nv * nv * (1.0 - a * a) + a * a)
                            + nv * sqrt(lights * lights * (1.0 - a * a) + a * a));
    float fresnel = 0.04 + 0.96 * pow(1.0 - max(dot(l, h), 0.0), 5.0);
    total += sun * distribution * visibility * fresnel;
#endif
    return total;
}
