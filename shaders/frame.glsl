// What every stage knows about the frame. Mirrors FRAME in vrgen/renderer/frame_data.py.
// Positions are metres from the drawing origin; colours linear. Programs come in variants, because a software
// rasteriser executes both sides of every branch: VIEWS is 1 or 2; FADING 1 while one world becomes the next;
// DETAIL 1 where the fragment shader may be expensive.

layout(std140, binding = 0) uniform Frame {
    mat4 clip_from_world[2];
    mat4 ray_from_ndc[2];       // world direction = (m * vec4(ndc, 1, 0)).xyz
    vec4 eye[2];                // xyz
    mat4 shadow_from_world[3];  // to [0,1] texture space and depth
    vec4 shadow_reach;          // half side of each cascade, metres; w: 1 where shadows are drawn
    vec4 sun_direction;         // xyz towards the sun; w: fog distance, metres
    vec4 sun_irradiance;        // rgb; w: exposure
    vec4 ambient[9];            // rgb irradiance over pi, spherical harmonics
    vec4 sky_mix;               // x: weight of the arriving sky; y: greatest mip level; z: sun disc strength
    vec4 ground;                // x: metres between samples; y: cells a tile; z: samples around; w: tiles around
    vec4 ground_mix;            // x: 1 while ground is arriving; y: sink of absent ground, metres; zw: x and z of the origin, metres
    vec4 ground_origin;         // xz: origin within the tile torus, in samples; w: how much of the ground has given way
    vec4 surface_scale;         // 1/metres: ground shown, ground arriving, cliff shown, cliff arriving
    vec4 surface_mix;           // x: weight of arriving ground; y: of arriving cliff
    vec4 surface_phase[2];      // where the origin lies within each repeat: xy shown, zw arriving; [ground, cliff]
    vec4 objects;               // x: scale of all instances (arrival); y: seconds, for what moves by itself; z: radians a pixel
} frame;
