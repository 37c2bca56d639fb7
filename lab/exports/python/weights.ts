/** Weights as files: safetensors without its package. */
export const readSafetensors = `
def read_safetensors(path):
    """Arrays by name (https://huggingface.co/docs/safetensors): a JSON header, then the values."""
    types = {"F32": "<f4", "I32": "<i4", "U8": "u1"}
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + length + begin : 8 + length + end], dtype=types[entry["dtype"]])
        arrays[name] = values.reshape(entry["shape"])
    return arrays
`;

export const writeSafetensors = `
def write_safetensors(path, arrays):
    header, offset = {}, 0
    for name, array in arrays.items():
        dtype = {"float32": "F32", "int32": "I32"}[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())
`;
