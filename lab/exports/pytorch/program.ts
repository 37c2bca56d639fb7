/** The parts of a program that are the same for every model. */

export const dataSource = `
def read_idx(path):
    """An IDX file of unsigned bytes, packed with gzip or not."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\\x1f\\x8b":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:3] != b"\\0\\0\\x08":
        sys.exit(f"{path}: this is no IDX file of unsigned bytes")
    axes = data[3]
    shape = struct.unpack_from(f">{axes}I", data, 4)
    values = np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * axes)
    if values.size != int(np.prod(shape, dtype=np.int64)):
        sys.exit(f"{path}: the header promises {shape}, the file holds {values.size} values")
    return values.reshape(shape)


def find_idx(folder, *names):
    for name in names:
        for path in (os.path.join(folder, name), os.path.join(folder, name + ".gz")):
            if os.path.exists(path):
                return read_idx(path)
    sys.exit(f"{folder}: there is no {names[0]}, packed or not")


def read_data(options):
    """Images uint8 [n, C, H, W] and labels [n] of the training and the test file."""
    if options.arrays:
        file = np.load(options.arrays)
        parts = [file[name] for name in ("train_images", "train_labels", "test_images", "test_labels")]
    else:
        parts = [
            find_idx(options.data, "train-images-idx3-ubyte", "train-images.idx3-ubyte"),
            find_idx(options.data, "train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
            find_idx(options.data, "t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
            find_idx(options.data, "t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
        ]
    images = [part.reshape((len(part),) + IMAGE_SHAPE) for part in (parts[0], parts[2])]
    return images[0], parts[1], images[1], parts[3]
`;

export const batchSource = `
class Batches:
    """Batch t of the run: epochs are shuffled one by one, an incomplete last batch is dropped."""

    def __init__(self, images):
        self.images, self.per_epoch, self.epoch = images, len(images) // BATCH_SIZE, None

    def __getitem__(self, step):
        epoch, at = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, shuffled(self.images, ORDER, epoch)
        return self.order[at * BATCH_SIZE : (at + 1) * BATCH_SIZE]


def fit_preprocessing(pixels):
    """Offset and scale of x = (pixel - offset) * scale, fitted on the training images."""
    if PREPROCESSING == "raw":
        return np.float32(0), np.float32(1)
    if PREPROCESSING != "standardise":
        return np.float32(0), np.float32(1 / 255)
    offset, scale = [], []
    for channel in range(pixels.shape[1]):
        counts = np.bincount(pixels[:, channel].reshape(-1), minlength=256).astype(np.float64)
        values = np.arange(256)
        mean = (counts * values).sum() / counts.sum()
        deviation = math.sqrt((counts * (values - mean) ** 2).sum() / counts.sum())
        offset.append(mean)
        scale.append(1 / deviation if deviation > 0 else 1)
    shape = (-1, 1, 1)
    return np.array(offset, dtype=np.float32).reshape(shape), np.array(scale, dtype=np.float32).reshape(shape)
`;

export const weightsSource = `
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


def write_safetensors(path, arrays):
    types = {"float32": "F32", "int32": "I32"}
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": types[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())


def tensor_at(model, place):
    for part in place.split("."):
        model = getattr(model, part)
    return model


@torch.no_grad()
def start_weights(model, path):
    """Stored weights where there is a file, else the draws of the seed."""
    stored = read_safetensors(path) if path else None
    for name, place, start in TENSORS:
        target = tensor_at(model, place)
        if stored is not None:
            if name not in stored:
                sys.exit(f"{path}: there is no tensor {name}")
            values = stored[name]
        elif start is None:
            sys.exit(f"{name} starts in a way that this program does not draw; give --weights")
        else:
            values = initial_tensor(tuple(target.shape), name, *start)
        values = np.array(values).reshape(tuple(target.shape))
        target.copy_(torch.from_numpy(values).to(target.dtype))


def stored_weights(model):
    arrays = {}
    for name, place, _ in TENSORS:
        values = tensor_at(model, place).detach().cpu().numpy()
        counts = values.dtype == np.int64
        arrays[name] = values.astype(np.int32).reshape(1) if counts else values
    return arrays
`;

export function mainSource({ plateau }: { readonly plateau: boolean }): string {
  return `
def to_input(pixels, transform, device):
    offset, scale = transform
    return torch.from_numpy((pixels.astype(np.float32) - offset) * scale).to(device)


@torch.no_grad()
def evaluate(model, pixels, labels, transform, device):
    """Mean loss and accuracy."""
    model.eval()
    loss, correct = 0.0, 0
    for at in range(0, len(labels), 250):
        target = torch.from_numpy(labels[at : at + 250].astype(np.int64)).to(device)
        logits = model(to_input(pixels[at : at + 250], transform, device))
        loss += plain_loss(logits, target).sum().item()
        correct += (logits.argmax(dim=1) == target).sum().item()
    model.train()
    return loss / len(labels), correct / len(labels)


class Stopping:
    """Watches the validation metric: the best value so far, and evaluations without improvement."""

    def __init__(self):
        self.best, self.best_step, self.reference, self.waited, self.weights = None, None, None, 0, None

    @property
    def exhausted(self):
        return EARLY_STOPPING is not None and self.waited >= EARLY_STOPPING["patience"]

    def observe(self, loss, accuracy, step, model):
        settings = EARLY_STOPPING or {"metric": "validation.loss", "minDelta": 0, "restoreBest": False}
        value = accuracy if settings["metric"] == "validation.accuracy" else -loss
        if self.best is None or value > self.best:
            self.best, self.best_step = value, step
            if settings["restoreBest"]:
                self.weights = {name: each.clone() for name, each in model.state_dict().items()}
        if self.reference is None or value - self.reference > settings["minDelta"]:
            self.reference, self.waited = value, 0
        else:
            self.waited += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="folder with the four IDX files")
    source.add_argument("--arrays", help="NPZ file with the four arrays")
    parser.add_argument("--weights", help="safetensors file to start from")
    parser.add_argument("--save", help="safetensors file for the weights at the end")
    parser.add_argument("--steps", type=int, default=TOTAL_STEPS, help="end after so many steps")
    parser.add_argument("--log", help="JSON file for the loss of every step and all evaluations")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="0: as PyTorch likes")
    options = parser.parse_args()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)

    train_images, train_labels, test_images, test_labels = read_data(options)
    train, validation = split(train_labels)
    transform = fit_preprocessing(train_images[train])
    batches = Batches(train)
    model = Network()
    start_weights(model, options.weights)
    model.to(device).train()
    optimizer = make_optimizer(model)
    stopping = Stopping()${plateau ? '\n    plateau = Plateau()' : ''}
    losses, evaluations = [], []
    begin, total = time.time(), min(options.steps, TOTAL_STEPS)

    for step in range(total):
        STEP[0] = step
        rate = LEARNING_RATE * rate_factor(step)${plateau ? ' * plateau.factor' : ''}
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = batches[step]
        labels = torch.from_numpy(train_labels[batch].astype(np.int64)).to(device)
        loss = loss_of(model(to_input(train_images[batch], transform, device)), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if CLIP_NORM is not None:
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        if CLIP_VALUE is not None:
            nn.utils.clip_grad_value_(model.parameters(), CLIP_VALUE)
        if L1 > 0:
            for p in model.parameters():
                p.grad.add_(p.detach().sign(), alpha=L1)
        optimizer.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            sys.exit(f"The loss of step {step + 1} is {losses[-1]}.")
        done = step + 1
        if len(validation) > 0 and (done % EVALUATE_EVERY == 0 or done == TOTAL_STEPS):
            result = evaluate(model, train_images[validation], train_labels[validation], transform, device)
            evaluations.append({"step": done, "loss": result[0], "accuracy": result[1]})
            print(f"step {done}/{TOTAL_STEPS}  loss {losses[-1]:.4f}  validation {result[0]:.4f}  {result[1]:.2%}")
            stopping.observe(*result, done, model)${plateau ? '\n            plateau.observe(*result)' : ''}
            if stopping.exhausted:
                print(f"Stopped early after step {done}.")
                break

    if stopping.weights is not None:
        model.load_state_dict(stopping.weights)
    test = evaluate(model, test_images, test_labels, transform, device)
    print(f"test loss {test[0]:.4f}  accuracy {test[1]:.2%}  {time.time() - begin:.1f} s")
    if options.save:
        write_safetensors(options.save, stored_weights(model))
    if options.log:
        with open(options.log, "w", encoding="utf-8") as file:
            json.dump({"losses": losses, "evaluations": evaluations, "test": test}, file)


if __name__ == "__main__":
    main()
`;
}
