/** Reading the images, in NumPy. */
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

/** `Batches`: which images a step takes. */
export function batchSource(staged: boolean): string {
  const [parameters, values, names] = staged
    ? [', first_step, first_epoch', ', first_step, first_epoch', ', self.first_step, self.first_epoch']
    : ['', '', ''];
  const at = staged
    ? `epoch, at = divmod(step - self.first_step, len(self.images) // self.batch_size)
        epoch += self.first_epoch`
    : 'epoch, at = divmod(step, len(self.images) // self.batch_size)';
  return `
class Batches:
    """Epochs are shuffled one by one, an incomplete last batch is dropped.${staged ? ' A stage begins with a new epoch.' : ''}"""

    def __init__(self, images, batch_size${parameters}):
        self.images, self.batch_size${names} = images, batch_size${values}
        self.order, self.epoch = None, None

    def __getitem__(self, step):
        """Images of step \`step\` (from 0) of the run, and its epoch."""
        ${at}
        if epoch != self.epoch:
            self.order, self.epoch = shuffled(self.images, ORDER, epoch), epoch
        return self.order[at * self.batch_size :][: self.batch_size], epoch
`;
}
