// What a cull is asked, for clumps and for instances alike: as vrgen/renderer/objects.py packs it.
layout(std140, binding = 2) uniform Asked {
    vec4 planes[10];     // five a view; inside where dot >= 0
    vec3 detail_eye;
    float least_size;    // radius over distance below which nothing is drawn
    uint plane_views;
    uint instance_count;
    uint command_first;
    uint views;          // drawn in one pass: each instance counts this often
    float detail;        // radius over distance at which the finest level is due; 0: coarsest
    uint list_first;     // of the clumps that are listed
    uint clump_count;
    uint clump_command;  // whose count becomes the number of listed clumps
    vec2 ground_range;   // lowest and highest that the ground is anywhere, and 0
    uvec2 size_px;       // LATE: of the picture
    uint tally;          // LATE: the command that counts what is hidden: instances, and triangles of all views
    uint only_seen;      // not LATE: 1 leaves out what the frame before has found hidden
};
