/** The parts of a Keras program that are the same for every model. */

export const kerasHelpers = `
class PadLow(layers.Layer):
    """Pads ((top, bottom), (left, right)) that a maximum never takes."""

    def __init__(self, pads, **more):
        super().__init__(**more)
        self.pads = pads

    def call(self, x):
        return ops.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=-float("inf"))


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
`;

export const kerasMain = `
def read_safetensors(path):
    """Arrays by name (https://huggingface.co/docs/safetensors): a JSON header, then the values."""
    types = {"F32": "<f4", "I32": "<i4", "U8": "u1"}
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + begin : 8 + length + end], dtype=types[entry["dtype"]])
            arrays[name] = values.reshape(entry["shape"])
    return arrays


def start_weights(model, path=None):
    """Stored weights where there is a file, else the draws of the seed."""
    stored = read_safetensors(path) if path else None
    for name, layer, attribute, shape, axes, start in TENSORS:
        if stored is not None:
            if name not in stored:
                sys.exit(f"{path}: there is no tensor {name}")
            values = stored[name]
        elif start is None:
            sys.exit(f"{name} starts in a way that this program does not draw; give --weights")
        else:
            values = initial_tensor(shape, name, *start)
        values = np.array(values, dtype=np.float32).reshape(shape)
        getattr(model.get_layer(layer), attribute).assign(values if axes is None else values.transpose(axes))


def to_input(pixels, transform):
    offset, scale = transform
    return ((pixels.astype(np.float32) - offset) * scale).transpose(0, 2, 3, 1)


def sample_weight(labels):
    """Weights of the images of a batch whose mean is 1, as a weighted mean divides by their sum."""
    if CLASS_WEIGHT is None:
        return None
    weight = np.array(CLASS_WEIGHT, dtype=np.float32)[labels]
    return weight / weight.mean()


def evaluate(model, pixels, labels, transform):
    """Mean loss and accuracy."""
    loss, correct = 0.0, 0
    for at in range(0, len(labels), 250):
        target = labels[at : at + 250]
        logits = model.predict_on_batch(to_input(pixels[at : at + 250], transform))
        wanted = np.eye(len(CLASSES), dtype=np.float32)[target]
        loss += float(np.mean(ops.convert_to_numpy(loss_of(wanted, logits)))) * len(target)
        correct += int((np.argmax(logits, axis=1) == target).sum())
    return loss / len(labels), correct / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="folder with the four IDX files")
    source.add_argument("--arrays", help="NPZ file with the four arrays")
    parser.add_argument("--weights", help="safetensors file to start from")
    parser.add_argument("--save", help=".keras file for the model at the end")
    parser.add_argument("--steps", type=int, default=TOTAL_STEPS, help="end after so many steps")
    parser.add_argument("--log", help="JSON file for the loss of every step and all evaluations")
    options = parser.parse_args()

    train_images, train_labels, test_images, test_labels = read_data(options)
    train, validation = split(train_labels)
    transform = fit_preprocessing(train_images[train])
    batches = Batches(train)
    model = build()
    model.compile(optimizer=make_optimizer(), loss=loss_of)
    start_weights(model, options.weights)
    losses, evaluations = [], []
    begin = time.time()
    for step in range(min(options.steps, TOTAL_STEPS)):
        model.optimizer.learning_rate = LEARNING_RATE * rate_factor(step)
        batch = batches[step]
        labels = train_labels[batch]
        target = np.eye(len(CLASSES), dtype=np.float32)[labels]
        # a batch at a time: a mean over earlier batches would hide this one's loss
        model.reset_metrics()
        loss = model.train_on_batch(to_input(train_images[batch], transform), target, sample_weight=sample_weight(labels))
        losses.append(float(loss))
        done = step + 1
        if len(validation) > 0 and (done % EVALUATE_EVERY == 0 or done == TOTAL_STEPS):
            result = evaluate(model, train_images[validation], train_labels[validation], transform)
            evaluations.append({"step": done, "loss": result[0], "accuracy": result[1]})
            print(f"step {done}/{TOTAL_STEPS}  loss {losses[-1]:.4f}  validation {result[0]:.4f}  {result[1]:.2%}")
    test = evaluate(model, test_images, test_labels, transform)
    print(f"test loss {test[0]:.4f}  accuracy {test[1]:.2%}  {time.time() - begin:.1f} s")
    if options.save:
        model.save(options.save)
    if options.log:
        with open(options.log, "w", encoding="utf-8") as file:
            json.dump({"losses": losses, "evaluations": evaluations, "test": test}, file)


if __name__ == "__main__":
    main()
`;
