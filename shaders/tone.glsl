// Filmic curve fitted to ACES by Stephen Hill, then the sRGB encoding.
vec3 encoded(vec3 radiance) {
    const mat3 to_aces = mat3(0.59719, 0.07600, 0.02840, 0.35458, 0.90834, 0.13383, 0.04823, 0.01566, 0.83777);
    const mat3 from_aces = mat3(1.60475, -0.10208, -0.00327, -0.53108, 1.10813, -0.07276, -0.07367, -0.00605, 1.07602);
    vec3 v = to_aces * (radiance * frame.sun_irradiance.w);
    v = (v * (v + 0.0245786) - 0.000090537) / (v * (0.983729 * v + 0.4329510) + 0.238081);
    v = clamp(from_aces * v, 0.0, 1.0);
    return mix(12.92 * v, 1.055 * pow(v, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, v));
}

#ifndef COMPUTE
// Interleaved gradient noise, in [0, 1) (Jimenez 2014).
float interleaved_noise() {
    return fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
}

// With half a step of dither, so that skies do not band in eight bits.
vec3 finished(vec3 radiance) {
    return encoded(radiance) + (interleaved_noise() - 0.5) / 255.0;
}
#endif
