#version 450 core
// A soft dark ring around where the head looks, and black over all of it. Both eyes see the ring in one direction, so
// that it lies far away.
layout(location = 0) uniform vec4 ahead;  // xyz: where the head looks; w: 0 clear to 1 black
layout(location = 1) uniform vec2 ring;   // cosines' angles: where it begins and where it is full, radians
layout(location = 2) uniform float strength;

layout(location = 0) in vec3 ray;
layout(location = 0) out vec4 colour;

void main() {
    float angle = acos(clamp(dot(normalize(ray), ahead.xyz), -1.0, 1.0));
    float dark = strength * smoothstep(ring.x, ring.y, angle);
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    float a = clamp(1.0 - (1.0 - dark) * (1.0 - ahead.w), 0.0, 1.0);
    a = clamp(a + (a > 0.0 && a < 1.0 ? (noise - 0.5) / 255.0 : 0.0), 0.0, 1.0);
    colour = vec4(0.0, 0.0, 0.0, a);
}
