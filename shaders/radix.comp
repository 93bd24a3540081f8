#version 450 core
// One digit of a stable radix sort of keys with values, least digit first, in three steps: COUNT tells how often each
// digit comes in each tile, SCAN makes of that where a tile's items of a digit begin, SCATTER puts them there.
// A thread has consecutive items, so that what is equal stays in order. After Satish, Harris and Garland 2009; no
// operations of subgroups, which OpenGL 4.5 does not have.
#ifdef SCAN
layout(local_size_x = 1024) in;
#else
layout(local_size_x = 256) in;
#endif

layout(std430, binding = 1) readonly buffer KeysIn { uint keys_in[]; };
layout(std430, binding = 2) readonly buffer ValuesIn { uint values_in[]; };
layout(std430, binding = 3) writeonly buffer KeysOut { uint keys_out[]; };
layout(std430, binding = 4) writeonly buffer ValuesOut { uint values_out[]; };
layout(std430, binding = 5) buffer Begins { uint begins[]; };  // [digit][tile]

layout(location = 0) uniform uint count;
layout(location = 1) uniform uint shift;

const uint DIGITS = 16u, THREADS = 256u, EACH = 16u;

#ifdef SCAN
shared uint sums[1024];

void main() {
    uint t = gl_LocalInvocationID.x;
    uint entries = DIGITS * ((count + THREADS * EACH - 1u) / (THREADS * EACH));
    uint each = (entries + 1023u) / 1024u;
    uint first = min(t * each, entries), last = min(first + each, entries);
    uint sum = 0u;
    for (uint i = first; i < last; ++i) sum += begins[i];
    sums[t] = sum;
    for (uint reach = 1u; reach < 1024u; reach <<= 1) {
        barrier();
        uint before = t >= reach ? sums[t - reach] : 0u;
        barrier();
        sums[t] += before;
    }
    uint at = sums[t] - sum;
    for (uint i = first; i < last; ++i) {
        uint n = begins[i];
        begins[i] = at;
        at += n;
    }
}
#else
shared uint table[DIGITS * THREADS];  // [digit][thread]
shared uint parts[THREADS];

void main() {
    uint t = gl_LocalInvocationID.x, tile = gl_WorkGroupID.x;
    uint first = (tile * THREADS + t) * EACH;
    uint last = min(first + EACH, count);
    for (uint d = 0u; d < DIGITS; ++d) table[d * THREADS + t] = 0u;
    for (uint i = first; i < last; ++i) ++table[(keys_in[i] >> shift & 15u) * THREADS + t];
    barrier();

    // Each row of the table becomes its running sums: a thread has a sixteenth of a row.
    uint row = t / 16u * THREADS + t % 16u * 16u;
    uint sum = 0u;
    for (uint i = 0u; i < 16u; ++i) sum += table[row + i];
    parts[t] = sum;
    barrier();
#ifdef COUNT
    if (t < DIGITS) {
        uint total = 0u;
        for (uint i = 0u; i < 16u; ++i) total += parts[t * 16u + i];
        begins[t * gl_NumWorkGroups.x + tile] = total;
    }
#else
    uint at = begins[t / 16u * gl_NumWorkGroups.x + tile];
    for (uint i = t / 16u * 16u; i < t; ++i) at += parts[i];
    for (uint i = 0u; i < 16u; ++i) {
        uint n = table[row + i];
        table[row + i] = at;
        at += n;
    }
    barrier();
    for (uint i = first; i < last; ++i) {
        uint key = keys_in[i];
        uint place = (key >> shift & 15u) * THREADS + t;
        uint to = table[place];
        table[place] = to + 1u;
        keys_out[to] = key;
        values_out[to] = values_in[i];
    }
#endif
}
#endif
