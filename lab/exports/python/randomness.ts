/** Philox, streams and shuffles in NumPy: the same draws as the lab's own (Salmon et al., SC 2011). */
export const randomness = `
# Randomness: counter-based (Philox4x32-10, Salmon et al. 2011), the same draws as in Ablate. Every number is a pure function
# of seed, step, stream and position, so that batches, masks and initial weights agree with the original run.
INIT, ORDER, AUGMENTATION, DROPOUT, NOISE, SPLIT, MIXUP = range(1, 8)
MASK = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(index, step, stream, kind):
    """Words uint32 [..., 4] for the counters [index, step, stream, kind], with the seed as key."""
    words = [np.asarray(word, dtype=np.uint64) & MASK for word in (index, step, stream, kind)]
    c0, c1, c2, c3 = np.broadcast_arrays(*words)
    k0, k1 = SEED & 0xFFFFFFFF, SEED >> 32
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ np.uint64(k0), p1 & MASK, (p0 >> HALF) ^ c3 ^ np.uint64(k1), p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def uniform24(words):
    """From [0, 1) with 24 bits."""
    return (words >> np.uint32(8)).astype(np.float64) / 16777216


def words_of(count, kind, stream=0, step=0):
    return philox(np.arange((count + 3) // 4), step, stream, kind).reshape(-1)[:count]


def shuffled(values, kind, step=0):
    """Fisher-Yates; a word of the last, incomplete range is drawn again."""
    out = values.copy()
    words = iter(words_of(2 * len(out) + 64, kind, 0, step).tolist())
    for n in range(len(out), 1, -1):
        j = next(word for word in words if word < 4294967296 - 4294967296 % n) % n
        out[n - 1], out[j] = out[j], out[n - 1]
    return out
`;

/** The number of a layer's stream, for what is drawn by name. */
export const streamNumbers = `
def stream_of(name):
    """The number of a layer's stream: FNV-1a over its id, so that adding a layer moves no other's draws."""
    value = 0x811C9DC5
    for unit in memoryview(name.encode("utf-16-le")).cast("H"):
        value = ((value ^ (unit & 0xFF)) * 0x01000193) & 0xFFFFFFFF
        value = ((value ^ (unit >> 8)) * 0x01000193) & 0xFFFFFFFF
    return value
`;

type Distribution = 'constant' | 'normal' | 'uniform' | 'orthogonal';

const draws: Readonly<Record<Exclude<Distribution, 'constant'>, string>> = {
  uniform: `    if distribution == "uniform":
        u = uniform24(words_of(size, INIT, stream_of(name)))
        return ((2 * u - 1) * scale).astype(np.float32).reshape(shape)
`,
  normal: `    if distribution == "normal":
        normal = standard_normal(size, stream_of(name)).astype(np.float32)
        return (normal.astype(np.float64) * scale).astype(np.float32).reshape(shape)
`,
  orthogonal: `    if distribution == "orthogonal":
        # the Q of normal draws, turned so that the diagonal of R is positive: even over all such matrices (Mezzadri 2007)
        matrix = standard_normal(size, stream_of(name)).reshape(shape[0], -1)
        q, r = np.linalg.qr(matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T)
        q = q * np.where(np.diag(r) < 0, -1, 1)
        return ((q if q.shape == matrix.shape else q.T) * scale).astype(np.float32).reshape(shape)
`,
};

const normals = `
def standard_normal(size, stream):
    """By pairs (Box and Muller 1958)."""
    u = uniform24(words_of(size + size % 2, INIT, stream)).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1)[:size]

`;

/** \`initial_tensor\`, with the distributions that a model begins with. */
export function initialisation(used: ReadonlySet<string>): string {
  const own = (['uniform', 'normal', 'orthogonal'] as const).filter((name) => used.has(name));
  const needsNormal = used.has('normal') || used.has('orthogonal');
  return `${own.length > 0 ? `${streamNumbers}\n` : ''}${needsNormal ? `${normals}\n` : ''}
def initial_tensor(shape, name, distribution, scale):
    """A tensor before training; its draws depend on the seed and its name alone."""
${own.length > 0 ? '    size = int(np.prod(shape))\n' : ''}${own.map((name) => draws[name]).join('')}    return np.full(shape, scale, dtype=np.float32)
`;
}
