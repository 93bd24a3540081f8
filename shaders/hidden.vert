#version 450 core
#extension GL_ARB_shader_viewport_layer_array : require
// What the lenses hide, nearer than anything: nothing is shaded there.
layout(location = 0) in vec3 at;        // x and y on the plane z = -1 of an eye; which view
layout(location = 0) uniform vec4 lens[2];  // of clip_from_eye: m00, m02, m11, m12

void main() {
    int view = int(at.z);
    gl_Position = vec4(lens[view].xz * at.xy - lens[view].yw, 1.0, 1.0);
    gl_Layer = view;
}
