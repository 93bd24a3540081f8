// A generator's numbers as they lie, (planes, rows, columns) float32, and what vrgen/scene/colours.py makes of them.
// To the bit the same: no product may be contracted into a sum.
uint stepped(float number, vec2 to_steps, float last) {
    precise float scaled = number * to_steps.x;
    precise float moved = scaled + to_steps.y;
    return uint(clamp(moved, 0.0, last));
}

// Where the number lies that stands at `at` of a picture of `size`; `shape`: planes, rows, columns; nearest.
uint place(uvec2 at, uvec2 size, uvec3 shape, uint plane) {
    uvec2 source = at * shape.zy / size;
    return (plane * shape.y + source.y) * shape.z + source.x;
}
