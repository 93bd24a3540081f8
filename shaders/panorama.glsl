// The panoramas as the sky: how smooth they are, and what of them is haze. After light.glsl.

// Cubic B-spline: four bilinear readings do the work of sixteen texels (Sigg and Hadwiger 2005), so that a panorama
// of half a degree a texel shows no grid.
vec3 smooth_sky(sampler2D panorama, vec2 uv, int level) {
    vec2 size = vec2(textureSize(panorama, level));
    vec2 at = uv * size - 0.5;
    vec2 base = floor(at);
    vec2 f = at - base;
    vec2 r = 1.0 - f;
    vec2 w0 = r * r * r / 6.0, w3 = f * f * f / 6.0;
    vec2 w1 = (4.0 - 6.0 * f * f + 3.0 * f * f * f) / 6.0, w2 = 1.0 - w0 - w1 - w3;
    vec2 low = w0 + w1, high = w2 + w3;
    vec2 a = (base - 0.5 + w1 / low) / size;
    vec2 b = (base + 1.5 + w3 / high) / size;
    vec3 top = textureLod(panorama, a, float(level)).rgb * low.x + textureLod(panorama, vec2(b.x, a.y), float(level)).rgb * high.x;
    vec3 bottom = textureLod(panorama, vec2(a.x, b.y), float(level)).rgb * low.x + textureLod(panorama, b, float(level)).rgb * high.x;
    return top * low.y + bottom * high.y;
}

// A panorama as a sky, to be seen above a ground.
vec3 open_sky(sampler2D panorama, vec3 d) {
    vec3 above = normalize(vec3(d.x, max(d.y, 0.002), d.z));
    vec3 sky = smooth_sky(panorama, panorama_uv(above), 0);
    vec3 haze = smooth_sky(panorama, panorama_uv(haze_direction(d)), int(haze_level()));
    return mix(sky, limited_haze(haze), low_sky(d));
}

// A panorama's sun is a blurred spot; a disc of its own light makes it a sun again.
vec3 sun_disc(vec3 d) {
    float aligned = dot(d, frame.sun_direction.xyz);
    float disc = smoothstep(0.99988, 0.99995, aligned) + 0.012 * pow(max(aligned, 0.0), 900.0);
    return frame.sun_irradiance.rgb * disc * frame.sky_mix.z;
}
