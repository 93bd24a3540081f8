#version 450 core
layout(binding = 18) uniform sampler2D letters;

layout(location = 0) in vec2 at;
layout(location = 1) in vec2 uv;
layout(location = 2) flat in vec4 size;
layout(location = 3) flat in vec4 drawn;
layout(location = 4) flat in float lit;
layout(location = 0) out vec4 colour;

// Of the panel (vrgen/feedback/layout.py), sRGB.
const vec3 INK = vec3(0.933, 0.949, 0.961), CARD = vec3(0.063, 0.086, 0.11), ACCENT = vec3(0.486, 0.769, 0.91);

// Metres outside a rectangle with round corners; negative inside.
float rounded(vec2 p, vec2 half_size, float radius) {
    vec2 q = abs(p) - half_size + radius;
    return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - radius;
}

float inside(float d) {
    float blur = max(fwidth(d), 1e-6);
    return clamp(0.5 - d / blur, 0.0, 1.0);
}

float stroke(float d, float half_width) {
    float blur = max(fwidth(d), 1e-6);
    // What is thinner than a pixel is fainter instead.
    float width = max(half_width, 0.5 * blur);
    return clamp(0.5 - (abs(d) - width) / blur, 0.0, 1.0) * min(1.0, half_width / (0.5 * blur));
}

vec4 over(vec4 under, vec3 tint, float a) { return vec4(tint * a, a) + under * (1.0 - a); }

vec4 label() {
    float d = rounded(at, size.xy, size.y);
    vec4 c = vec4(mix(CARD, ACCENT, lit), 1.0) * 0.84 * inside(d);
    c = over(c, ACCENT, 0.5 * stroke(d + 0.0005, 0.0004) * (1.0 - lit));
    return over(c, mix(INK, CARD, lit), texture(letters, uv).r * inside(d));
}

// Standard deviations: a line each, the axes and the rim of each circle a little stronger; the dot and its way.
vec4 map() {
    float reach = drawn.z;
    float board = rounded(at, size.xy, 0.012);
    float shown = inside(board);
    vec4 c = vec4(CARD, 1.0) * 0.82 * shown;
    float half_m = size.x - 0.007;
    vec2 p = at / half_m * reach;
    float m = half_m / reach;  // metres a standard deviation
    vec2 cell = abs(p - round(p)) * m;
    float within = shown * step(max(abs(p.x), abs(p.y)), reach + 0.05);
    float grid = max(stroke(cell.x, 0.00022), stroke(cell.y, 0.00022)) * 0.30;
    float axes = max(stroke(at.x, 0.0004), stroke(at.y, 0.0004)) * 0.55;
    float r = length(p);
    float circles = stroke((r - round(clamp(r, 1.0, reach))) * m, 0.00030) * 0.40;
    c = over(c, INK, max(max(grid, axes), circles) * within);
    c = over(c, INK, stroke(length(at) - 0.0042, 0.0006) * 0.9);
    vec2 wanted = drawn.xy;
    vec2 dot_at = clamp(wanted, vec2(-reach), vec2(reach));
    bool beyond = any(notEqual(wanted, dot_at));
    vec2 dot_m = dot_at * m;
    float way = clamp(dot(at, dot_m) / max(dot(dot_m, dot_m), 1e-9), 0.0, 1.0);
    c = over(c, ACCENT, stroke(length(at - dot_m * way), 0.0007) * 0.75);
    float away = length(at - dot_m);
    c = over(c, ACCENT, 0.35 * exp(-away * away / 0.00006) * shown);
    if (beyond) c = over(c, ACCENT, stroke(away - 0.0040, 0.0011));
    else {
        c = over(c, ACCENT, inside(away - 0.0052));
        c = over(c, vec3(1.0), inside(away - 0.0026));
    }
    return over(c, ACCENT, stroke(board + 0.0007, 0.0006) * 0.8);
}

// Where a ray ends.
vec4 spot() {
    float r = length(at) / size.x;
    float core = 1.0 - smoothstep(0.42, 0.55, r), glow = 0.45 * (1.0 - smoothstep(0.3, 1.0, r));
    vec3 tint = mix(drawn.rgb, vec3(1.0), core * 0.7);
    float a = max(core, glow);
    return vec4(tint * a, a);
}

void main() {
    vec4 c = size.z < 0.5 ? label() : size.z < 1.5 ? map() : spot();
    c *= size.w;
    if (c.a < 0.02) discard;  // depth is of what is seen
    colour = c;
}
