#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// Flat things with a drawing on them: labels, the map of the latent, dots. Mirrors CARD in vrgen/renderer/cards.py.
#include "frame.glsl"

struct Card {
    vec4 centre;  // xyz; kind: 0 label, 1 map, 2 dot
    vec4 right;   // half of its width; w: 0 to 1, how much of it is seen
    vec4 up;      // half of its height; w: 1 where it is lit
    vec4 drawn;   // of a label: left, top, right, bottom in the atlas; of the map: the dot, its range; of a dot: colour
};
layout(std430, binding = 1) readonly buffer Cards { Card cards[]; };

layout(location = 0) out vec2 at;          // metres from the centre
layout(location = 1) out vec2 uv;
layout(location = 2) flat out vec4 size;   // half width, half height; kind; seen
layout(location = 3) flat out vec4 drawn;
layout(location = 4) flat out float lit;

void main() {
    Card card = cards[gl_InstanceID / VIEWS];
    int view = gl_InstanceID % VIEWS;
    int corner = gl_VertexID;
    vec2 sign_of = vec2(corner == 1 || corner == 3 || corner == 4 ? 1.0 : -1.0,
                        corner == 2 || corner == 4 || corner == 5 ? 1.0 : -1.0);
    float half_width = length(card.right.xyz), half_height = length(card.up.xyz);
    at = sign_of * vec2(half_width, half_height);
    uv = mix(card.drawn.xw, card.drawn.zy, sign_of * 0.5 + 0.5);
    size = vec4(half_width, half_height, card.centre.w, card.right.w);
    drawn = card.drawn;
    lit = card.up.w;
    vec3 world = card.centre.xyz + card.right.xyz * sign_of.x + card.up.xyz * sign_of.y;
    gl_Position = frame.clip_from_world[view] * vec4(world, 1.0);
    gl_Layer = view;
}
