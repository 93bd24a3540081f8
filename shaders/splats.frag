#version 450 core
layout(location = 0) in vec2 at;
layout(location = 1) flat in vec4 seen;
layout(location = 2) flat in vec2 share;
layout(location = 0) out vec4 colour;

#if FADING
// A cloud fades by the samples that show it, all its splats in the same ones: faint splats one behind another would
// be all there at once. Interleaved gradient noise (Jimenez 2014) chooses.
int samples_shown() {
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    int mask = 0;
    for (int i = 0; i < gl_NumSamples; ++i) {
        float place = (float(i) + noise) / float(gl_NumSamples);
        if (place >= share.x && place < share.y) mask |= 1 << i;
    }
    return mask;
}
#endif

void main() {
    float alpha = seen.a * exp(-0.5 * dot(at, at));
    if (alpha < 1.0 / 255.0) discard;
#if FADING
    gl_SampleMask[0] = samples_shown();
    if (gl_SampleMask[0] == 0) discard;
#endif
    colour = vec4(seen.rgb * alpha, alpha);
}
