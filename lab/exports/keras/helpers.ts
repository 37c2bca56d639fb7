/** Layers that Keras does not have, for the programs that need them. */
export const kerasHelpers = {
  padLow: `
class PadLow(layers.Layer):
    """Pads ((top, bottom), (left, right)) that a maximum never takes."""

    def __init__(self, pads, **more):
        super().__init__(**more)
        self.pads = pads

    def call(self, x):
        return ops.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=-float("inf"))
`,
  averagePool: `
class AveragePool(layers.Layer):
    """Average pooling with pads, of which those of \`counted\` count as zeros."""

    def __init__(self, kernel, stride, pads, counted, **more):
        super().__init__(**more)
        self.settings = kernel, stride, pads, counted

    def build(self, shape):
        kernel, stride, pads, counted = self.settings
        ones = np.pad(np.ones(shape[1:3], dtype=np.float32), counted, constant_values=1)
        ones = np.pad(ones, [(p[0] - c[0], p[1] - c[1]) for p, c in zip(pads, counted)])
        rows = (ones.shape[0] - kernel[0]) // stride[0] + 1
        columns = (ones.shape[1] - kernel[1]) // stride[1] + 1
        count = [
            [ones[i * stride[0] :, j * stride[1] :][: kernel[0], : kernel[1]].sum() for j in range(columns)] for i in range(rows)
        ]
        self.factor = (kernel[0] * kernel[1] / np.array(count, dtype=np.float32))[None, :, :, None]

    def call(self, x):
        kernel, stride, pads, _ = self.settings
        x = ops.pad(x, ((0, 0), *pads, (0, 0)))
        return ops.average_pool(x, kernel, stride, padding="valid", data_format="channels_last") * self.factor
`,
  resample: `
class Resample(layers.Layer):
    """Another height and width: every row and column is a weighted sum of neighbours, (first, weights)."""

    def __init__(self, rows, columns, **more):
        super().__init__(**more)
        self.taps = rows, columns

    def build(self, shape):
        self.matrices = [self.matrix(taps, size) for taps, size in zip(self.taps, shape[1:3])]

    @staticmethod
    def matrix(taps, size):
        out = np.zeros((len(taps), size), dtype=np.float32)
        for row, (first, weights) in enumerate(taps):
            out[row, first : first + len(weights)] = weights
        return out

    def call(self, x):
        rows, columns = self.matrices
        return ops.einsum("ih,nhwc,jw->nijc", rows, x, columns)
`,
} as const;

export type KerasHelper = keyof typeof kerasHelpers;
