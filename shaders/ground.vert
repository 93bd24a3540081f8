#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
#extension GL_ARB_shader_draw_parameters : require
// A tile of the ground. Detail is a real number for the tile, each edge and each corner; an edge takes the coarser
// of its two tiles, so both draw the very same line: no cracks. Detail changes with distance alone: no pops.
#include "frame.glsl"
#include "ground.glsl"
#ifndef SHADOW
#include "light.glsl"
#endif

struct Tile {
    ivec2 slot;      // within the torus, tiles
    vec2 corner;     // north-west corner, metres from the origin
    vec4 edges;      // detail at west, east, north, south
    vec4 corners;    // detail at nw, ne, sw, se
    vec4 self;       // x: detail inside
};
layout(std430, binding = 1) readonly buffer Tiles { Tile tiles[]; };

layout(location = 0) in uvec2 at_cell;
#ifdef SHADOW
layout(location = 0) uniform mat4 clip_from_world_light;
#else
layout(location = 0) out vec3 world;
layout(location = 1) out vec2 samples;
layout(location = 2) out vec2 state;  // weight, presence
layout(location = 3) out vec4 haze;   // colour and amount
layout(location = 4) out vec3 patches;  // slow variation: material, steepness, tone
layout(location = 5) flat out int view;

// A wave that repeats nowhere near.
float wave(vec2 at_m) {
    vec2 p = at_m * 0.11;
    return 0.5 + 0.5 * sin(p.x + 1.7 * sin(p.y * 0.63 + 0.4)) * sin(p.y * 0.87 + 1.3 * sin(p.x * 0.71 + 2.1));
}
#endif

void main() {
    int instance = gl_BaseInstanceARB + gl_InstanceID / VIEWS;
    Tile tile = tiles[instance];
    int cells = int(frame.ground.y);
    ivec2 at = ivec2(at_cell);

    bool west = at.x == 0, east = at.x == cells, north = at.y == 0, south = at.y == cells;
    float detail = tile.self.x;
    if (west) detail = tile.edges.x;
    if (east) detail = tile.edges.y;
    if (north) detail = tile.edges.z;
    if (south) detail = tile.edges.w;
    if (west && north) detail = tile.corners.x;
    if (east && north) detail = tile.corners.y;
    if (west && south) detail = tile.corners.z;
    if (east && south) detail = tile.corners.w;

    int level = int(floor(detail));
    int stride = 1 << level;
    // Edge vertices finer than the edge's level fold onto their neighbour along the edge.
    if ((west || east) && !(north || south)) at.y &= ~(stride - 1);
    if ((north || south) && !(west || east)) at.x &= ~(stride - 1);

    ivec2 torus = tile.slot * cells + at;
    float y = height_at(torus);
    float coarser = detail - float(level);
    if (coarser > 0.0) {
        ivec2 odd = at & stride;
        if (odd.x != 0 || odd.y != 0) {
            // Both odd: the middle of the coarser quad lies on its north-west to south-east diagonal.
            y = mix(y, 0.5 * (height_at(torus - odd) + height_at(torus + odd)), coarser);
        }
    }
    vec2 place = corner_state(vec2(torus));
    y -= sunk(place.y);
    vec2 xz = tile.corner + vec2(at) * frame.ground.x;
    vec3 p = vec3(xz.x, y, xz.y);
#ifdef SHADOW
    gl_Position = clip_from_world_light * vec4(p, 1.0);
#else
    view = gl_InstanceID % VIEWS;
    world = p;
    samples = vec2(torus);
    state = place;
    vec3 offset = p - frame.eye[view].xyz;
    float away = length(offset);
    haze = vec4(haze_towards(offset / away), max(haze_amount(away), 1.0 - smoothstep(0.0, 1.0, place.y)));
    // Land is never of one tone: it varies over tens and hundreds of metres.
    vec2 at_m = xz + frame.ground_mix.zw;
    patches = vec3(wave(at_m), wave(at_m.yx * 0.6), 0.86 + 0.28 * wave(at_m * 0.23 + 7.0) * wave(at_m.yx * 0.057));
    gl_Position = frame.clip_from_world[view] * vec4(p, 1.0);
    gl_Layer = view;
#endif
}
