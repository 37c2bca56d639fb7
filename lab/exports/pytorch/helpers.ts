import type { TorchHelper } from './layers.ts';

/** Classes and functions that a program brings along for layers that PyTorch does not have. */
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
  pool: `
def pool(x, kind, kernel, stride, pads, ceil_mode=False, count_include_pad=True):
    """Pooling with pads (top, left, bottom, right) that need not be alike."""
    top, left, bottom, right = pads
    beyond = [0, 0]
    if ceil_mode:
        # a last window that reaches beyond the pads, unless it begins in those behind the image
        for axis, (before, after) in enumerate(((top, bottom), (left, right))):
            size = x.shape[2 + axis] + before + after
            rest = -(size - kernel[axis]) % stride[axis]
            if rest > 0 and size - kernel[axis] + rest < size - after:
                beyond[axis] = rest
    around, more = (left, right, top, bottom), (0, beyond[1], 0, beyond[0])
    if kind == "maximum":
        return F.max_pool2d(F.pad(F.pad(x, around, value=-math.inf), more, value=-math.inf), kernel, stride)
    ones = F.pad(F.pad(torch.ones_like(x[:1, :1]), around, value=float(count_include_pad)), more)
    sums = F.avg_pool2d(F.pad(F.pad(x, around), more), kernel, stride, divisor_override=1)
    return sums / F.avg_pool2d(ones, kernel, stride, divisor_override=1)
`,
  nearest: `
def nearest(x, size):
    """Nearest pixel, by whole numbers: F.interpolate slips where a float does."""
    rows, columns = ([i * of // to for i in range(to)] for of, to in zip(x.shape[2:], size))
    return x[:, :, rows][:, :, :, columns]
`,
};
