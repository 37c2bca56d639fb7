import type { TorchHelper } from './layers.ts';

/** Philox, streams, shuffles, split and batch order: the same draws as the lab's own (Salmon et al., SC 2011). */
export const randomness = `
# Randomness: counter-based (Philox4x32-10, Salmon et al. 2011), the same draws as in Ablate. Every number is a pure function
# of seed, step, stream and position, so batches, masks and initial weights agree with the original run.
INIT, ORDER, DROPOUT, NOISE, SPLIT = 1, 2, 4, 5, 6
MASK = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(index, step, stream, kind, seed=None):
    """Words uint32 [len(index), 4] for counter [index, step, stream, kind] and the seed as key."""
    seed = SEED if seed is None else seed
    c0 = np.asarray(index, dtype=np.uint64) & MASK
    c1 = np.full_like(c0, step & 0xFFFFFFFF)
    c2 = np.full_like(c0, stream & 0xFFFFFFFF)
    c3 = np.full_like(c0, kind)
    k0, k1 = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ np.uint64(k0), p1 & MASK, (p0 >> HALF) ^ c3 ^ np.uint64(k1), p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def stream_of(name):
    """The number of a layer's stream: FNV-1a over its id, so that adding a layer moves no other's draws."""
    value = 0x811C9DC5
    for unit in memoryview(name.encode("utf-16-le")).cast("H"):
        value = ((value ^ (unit & 0xFF)) * 0x01000193) & 0xFFFFFFFF
        value = ((value ^ (unit >> 8)) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform24(words):
    """From [0, 1) with 24 bits."""
    return (words >> np.uint32(8)).astype(np.float64) / 16777216


def words_of(count, kind, stream=0, step=0):
    return philox(np.arange((count + 3) // 4), step, stream, kind).reshape(-1)


def shuffled(values, kind, step=0):
    """Fisher-Yates; a word of the last, incomplete range is drawn again."""
    out = values.copy()
    words, at = words_of(2 * len(out) + 64, kind, 0, step).tolist(), 0
    for i in range(len(out) - 1, 0, -1):
        n = i + 1
        limit = 4294967296 - 4294967296 % n
        while words[at] >= limit:
            at += 1
        j, at = words[at] % n, at + 1
        out[i], out[j] = out[j], out[i]
    return out


def initial_tensor(shape, name, distribution, scale):
    """Before training: "constant", "normal" (times a standard normal) or "uniform" (times -1 to 1)."""
    size = int(np.prod(shape))
    if distribution == "constant":
        return np.full(shape, scale, dtype=np.float32)
    stream = stream_of(name)
    if distribution == "uniform":
        u = uniform24(words_of(size, INIT, stream)[:size])
        return ((2 * u - 1) * scale).astype(np.float32).reshape(shape)
    u = uniform24(words_of(size + size % 2, INIT, stream)[: size + size % 2]).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1)[:size]
    return (normal.astype(np.float32).astype(np.float64) * scale).astype(np.float32).reshape(shape)
`;

export const torchHelpers: Readonly<Record<TorchHelper, string>> = {
  dropout: `
class Dropout(nn.Module):
    """Inverted dropout with the masks of the original run; "channel" drops whole channels."""

    def __init__(self, p, name, channel=False):
        super().__init__()
        self.p, self.stream, self.channel = p, stream_of(name), channel

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        n, c = x.shape[:2]
        rest = () if self.channel else tuple(x.shape[2:])
        plane, blocks = int(np.prod(rest, dtype=np.int64)), (c + 3) // 4
        words = philox(np.arange(n * plane * blocks), STEP[0], self.stream, DROPOUT)
        kept = (words >> np.uint32(8)) >= np.uint32(round(self.p * 2**24))
        mask = kept.reshape(n, plane, blocks * 4)[:, :, :c].transpose(0, 2, 1).reshape(n, c, *rest)
        mask = torch.from_numpy(np.ascontiguousarray(mask)).to(x.device)
        if self.channel and x.dim() == 4:
            mask = mask[:, :, None, None]
        return torch.where(mask, x * np.float32(1 / (1 - self.p)).item(), torch.zeros((), device=x.device))
`,
  noisyBatchNorm: `
class NoisyBatchNorm(nn.Module):
    """Batch norm whose output gets a random mean and scale per channel, other ones in every step (Santurkar et al. 2018)."""

    def __init__(self, norm, name, mean_range, largest_scale, mean_spread, scale_spread):
        super().__init__()
        self.norm, self.stream = norm, stream_of(name)
        self.settings = mean_range, largest_scale, mean_spread, scale_spread

    def forward(self, x):
        y = self.norm(x)
        if not self.training:
            return y
        mean_range, largest_scale, mean_spread, scale_spread = self.settings
        n, c = x.shape[:2]
        row = 4 * ((c + 3) // 4)
        u = uniform24(philox(np.arange(c), STEP[0], self.stream, NOISE))
        mean, spread = mean_range * (2 * u[:, 0] - 1), 1 + (largest_scale - 1) * u[:, 1]
        index = (np.arange(n)[:, None] + 1) * row + np.arange(c)[None, :]
        u = uniform24(philox(index.reshape(-1), STEP[0], self.stream, NOISE)).reshape(n, c, 4)
        normal = np.sqrt(-2 * np.log(1 - u[:, :, 1])) * np.cos(2 * np.pi * u[:, :, 2])
        shift = (mean + mean_spread * (2 * u[:, :, 0] - 1)).astype(np.float32)
        scale = (spread + scale_spread * normal).astype(np.float32)
        shape = (n, c) + (1,) * (x.dim() - 2)
        factor = torch.from_numpy(scale).reshape(shape).to(x.device)
        return y * factor + torch.from_numpy(shift).reshape(shape).to(x.device)
`,
  avgPool: `
def average_pool(x, kernel, stride, pads, beyond, count_include_pad):
    """Average pooling with pads (top, left, bottom, right) and a last window that may reach beyond them."""
    top, left, bottom, right = pads
    around, more = (left, right, top, bottom), (0, beyond[1], 0, beyond[0])
    ones = torch.ones_like(x[:1, :1])
    ones = F.pad(F.pad(ones, around, value=1.0 if count_include_pad else 0.0), more)
    sums = F.avg_pool2d(F.pad(F.pad(x, around), more), kernel, stride, divisor_override=1)
    return sums / F.avg_pool2d(ones, kernel, stride, divisor_override=1)
`,
  pick: `
def pick(x, rows, columns):
    """Nearest pixel: these rows and columns of the image."""
    return x[:, :, list(rows)][:, :, :, list(columns)]
`,
};
