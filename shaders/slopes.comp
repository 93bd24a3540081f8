#version 450 core
// Slopes of a tile's samples, and of the row around it, from the torus of heights: central differences that need no
// knowledge of tiles, so that shading has no seams.
layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) uniform sampler2D heights;
layout(binding = 0, rg16f) writeonly uniform image2D slopes;
layout(location = 0) uniform ivec2 first;     // samples of the torus, may lie outside: wrapped
layout(location = 1) uniform int side;
layout(location = 2) uniform float spacing_m;

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (at.x >= side || at.y >= side) return;
    int n = textureSize(heights, 0).x - 1;
    ivec2 p = first + at;
    float west = texelFetch(heights, (p + ivec2(-1, 0)) & n, 0).r;
    float east = texelFetch(heights, (p + ivec2(1, 0)) & n, 0).r;
    float north = texelFetch(heights, (p + ivec2(0, -1)) & n, 0).r;
    float south = texelFetch(heights, (p + ivec2(0, 1)) & n, 0).r;
    imageStore(slopes, p & n, vec4((east - west) / (2.0 * spacing_m), (south - north) / (2.0 * spacing_m), 0.0, 0.0));
}
