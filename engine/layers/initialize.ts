import { RandomStream, streamKind, streamOf } from '../random.ts';
import { sizeOf, type TensorValues } from '../tensor.ts';
import type { Initializer } from './initializer.ts';
import type { BufferSpec, ParameterSpec } from './layer.ts';
import { orthogonalRows } from './orthogonal.ts';

/**
 * Values of a parameter before training. `name` is "<node>.<parameter>": its draws depend on the seed and that name alone, so
 * another layer more or less changes nothing, and neither does the order of the layers.
 */
export function initialParameter(spec: ParameterSpec, seed: number, name: string): Float32Array {
  const values = new Float32Array(sizeOf(spec.shape));
  const draw = drawOf(spec.initializer, spec);
  if (draw.distribution === 'constant') return values.fill(draw.value);
  const stream = new RandomStream(seed, streamKind.init, streamOf(name));
  if (draw.distribution === 'orthogonal') {
    const rows = spec.shape[0]!;
    const normal = new Float64Array(values.length);
    stream.fillNormal(normal);
    const matrix = orthogonalRows(normal, rows, values.length / rows);
    for (let i = 0; i < values.length; i++) values[i] = matrix[i]! * draw.scale;
  } else if (draw.distribution === 'normal') {
    stream.fillNormal(values);
    for (let i = 0; i < values.length; i++) values[i]! *= draw.scale;
  } else {
    for (let i = 0; i < values.length; i++) values[i] = (2 * stream.uniform() - 1) * draw.scale;
  }
  return values;
}

/** Values of a buffer before training: all the same. */
export function initialBuffer({ shape, dtype, initial }: BufferSpec): TensorValues {
  const size = sizeOf(shape);
  const values =
    dtype === 'f32' ? new Float32Array(size) : dtype === 'i32' ? new Int32Array(size) : new Uint8Array(size);
  return values.fill(initial);
}

/** A checked node, as far as its tensors go. */
interface InitialisedNode {
  readonly id: string;
  readonly parameters: readonly ParameterSpec[];
  readonly buffers: readonly BufferSpec[];
}

/** Values of every parameter and buffer before training, by their names in a plan ("dense1.weight", "bn1.runningVar"). */
export function initialValues(nodes: readonly InitialisedNode[], seed: number): Map<string, TensorValues> {
  const values = new Map<string, TensorValues>();
  for (const { id, parameters, buffers } of nodes) {
    for (const spec of parameters) {
      const name = `${id}.${spec.name}`;
      values.set(name, initialParameter(spec, seed, name));
    }
    for (const spec of buffers) values.set(`${id}.${spec.name}`, initialBuffer(spec));
  }
  return values;
}

type Draw =
  | { readonly distribution: 'constant'; readonly value: number }
  /** Times a standard normal, times a uniform of -1 to 1, or times an orthogonal matrix. */
  | { readonly distribution: 'normal' | 'uniform' | 'orthogonal'; readonly scale: number };

function drawOf(initializer: Initializer, { fanIn, fanOut }: ParameterSpec): Draw {
  switch (initializer.kind) {
    case 'zeros':
      return { distribution: 'constant', value: 0 };
    case 'constant':
      return { distribution: 'constant', value: initializer.value };
    case 'normal':
      return { distribution: 'normal', scale: initializer.std };
    case 'uniform':
      return { distribution: 'uniform', scale: initializer.bound };
    case 'glorot':
      return scaled(initializer, 2 / (fanIn + fanOut));
    case 'he':
      return scaled(initializer, 2 / fanIn);
    case 'lecun':
      return scaled(initializer, 1 / fanIn);
    case 'orthogonal':
      return { distribution: 'orthogonal', scale: initializer.gain };
    case 'lsuv':
      return { distribution: 'orthogonal', scale: 1 };
  }
}

function scaled(
  { distribution, gain }: { readonly distribution: 'normal' | 'uniform'; readonly gain: number },
  variance: number,
): Draw {
  // A uniform of -b to b has the variance b² / 3.
  return { distribution, scale: gain * Math.sqrt(distribution === 'uniform' ? 3 * variance : variance) };
}
