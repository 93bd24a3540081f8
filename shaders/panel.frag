#version 450 core
// Colours stay sRGB-encoded: the panel is blended the way screens blend text. Alpha leaves premultiplied.
layout(location = 1) uniform vec4 clip_px;  // left, bottom, right, top of the texture
layout(binding = 0) uniform sampler2D glyphs;

in vec2 uv;
in vec4 colour;
out vec4 pixel;

void main() {
    if (any(lessThan(gl_FragCoord.xy, clip_px.xy)) || any(greaterThan(gl_FragCoord.xy, clip_px.zw))) discard;
    vec4 c = colour * texture(glyphs, uv);
    pixel = vec4(c.rgb * c.a, c.a);
}
